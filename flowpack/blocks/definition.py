"""What a server registers of a block class, and what makes a class unfit to be one."""

from __future__ import annotations

import enum
import inspect
import re
import textwrap
from typing import Any, Iterator, Mapping, Optional, Tuple, Type

import attrs

from flowpack._type_hints import Shape, TypeHint
from flowpack.blocks.fields import BlockField, Schema, class_in, fields_of, is_block, json_schema
from flowpack.blocks.fields import kept_on_class, kind_of, scalar_schema, to_json
from flowpack.blocks.secret import ANY_KEY, Secret, map_texts, mask_secrets
from flowpack.exceptions import BlockError, quoted
from flowpack.models import BlockDefinition, name_problem
from flowpack.urls import mask_text

#: Of a block. With an annotation other than ClassVar they would become fields.
_CLASS_VARIABLES = (
    "block_type_name capabilities secret_fields logo_url documentation_url code_example"
).split()

#: A fenced text, or a section of a docstring: a heading, and what is indented below it.
_SECTION = re.compile(
    r"""
    ^[ \t]*```.*(?:\n(?![ \t]*```).*)*(?:\n[ \t]*```.*)?$
    | ^(?P<heading>\w[ \t\w-]*):(?:[ \t]+\S.*)?\n
      (?:[ \t]*\n)*
      (?P<content>(?P<margin>[ \t]+)\S.*(?:\n(?:[ \t]*$|(?P=margin).*))*)
    """,
    re.MULTILINE | re.VERBOSE,
)


def check_decorated(cls: type) -> None:
    """Raise a BlockError unless attrs made *cls* itself, not only a base."""
    if "__attrs_attrs__" not in vars(cls):
        problem = f"the block class {cls.__qualname__} has no fields yet"
        raise BlockError(f"{problem}: write @attrs.frozen above class {cls.__name__}")


@kept_on_class
def define(cls: Any) -> BlockDefinition:
    """Return what a server registers of the block class *cls*; a BlockError if it is unfit."""
    check_decorated(cls)
    problem = _class_problem(cls)
    if problem:
        raise BlockError(f"the block class {cls.__qualname__}: {problem}")
    schema = _class_schema(cls)
    description, example = _split_docstring(schema.get("description", ""))
    referenced = {field.name: _referenced_blocks(field) for field in fields_of(cls)}
    return BlockDefinition(
        type_name=cls.block_type_name,
        fields=schema,
        capabilities=tuple(cls.capabilities),
        secret_fields=_secret_paths(cls),
        references={name: tuple(map(define, each)) for name, each in referenced.items() if each},
        logo_url=cls.logo_url,
        documentation_url=cls.documentation_url,
        description=_class_text(cls, "_description") or description,
        code_example=_class_text(cls, "code_example", "_code_example") or example,
    )


def _class_problem(cls: Any) -> Optional[str]:
    names = [field.name for field in fields_of(cls)]
    taken = [quoted(name) for name in names if name in _CLASS_VARIABLES]
    if taken:
        return f"{taken[0]} is a class variable; leave its annotation out or write ClassVar[...]"
    unknown = [name for name in named_fields(cls) if name not in names]
    if unknown:
        return f"secret_fields names {quoted(unknown[0])}, which is no field of it"
    return name_problem(cls.block_type_name)


def _class_text(cls: Type[Any], *names: str) -> Optional[str]:
    """Return the first class variable of *names* that holds text; Prefect's names have a ``_``."""
    texts = (getattr(cls, name, None) for name in names)
    return next((inspect.cleandoc(text) for text in texts if text), None)


def _split_docstring(docstring: str) -> Tuple[Optional[str], Optional[str]]:
    """Return the description and the code example in a docstring in Google style.

    The description ends at the first heading, which needs no empty line above, as in 2.0b7.
    """
    texts, examples, end = [], [], 0
    for found in filter(lambda each: each["heading"], _SECTION.finditer(docstring)):
        texts.append(docstring[end : found.start()].strip())
        end = found.end()
        if found["heading"].lower() in ("example", "examples"):
            examples.append(textwrap.dedent(found["content"]).rstrip())
    texts.append(docstring[end:].strip())
    return next(filter(None, texts), None), next(iter(examples), None)


def named_fields(cls: Any) -> Tuple[str, ...]:
    """Return what *cls* and its bases name in ``secret_fields``; text is one name."""
    named = [vars(each).get("secret_fields", ()) for each in cls.__mro__]
    lists = [[names] if isinstance(names, str) else names for names in named]
    return tuple(dict.fromkeys(name for names in lists for name in names))


def _secret_paths(cls: Any) -> Tuple[str, ...]:
    """Return the paths of what is secret in the blocks of *cls*, in order."""
    found = []
    for field in fields_of(cls):
        if field.name in named_fields(cls):
            found.append(field.name)
        else:
            below = (*_paths_of(field.type), *_paths_of(field.annotation))
            found += [".".join((field.name, *path)) for path in below]
    return tuple(dict.fromkeys(found))


def _paths_of(annotation: Any) -> Iterator[Tuple[str, ...]]:
    for path, cls in _classes_in(annotation):
        if issubclass(cls, Secret):
            yield path
        elif is_block(cls):
            yield from ((*path, below) for below in _secret_paths(cls))


def _classes_in(hint: Any, path: Tuple[str, ...] = ()) -> Iterator[Tuple[Tuple[str, ...], type]]:
    """Yield the classes that may stand in a field, and the path of each."""
    kind = kind_of(hint)
    if kind.shape is Shape.CLASS:
        yield path, kind.parts[0]
    elif kind.shape is not Shape.LITERAL:
        for part in kind.parts:
            yield from _classes_in(part, path if kind.shape is Shape.UNION else (*path, ANY_KEY))


def _class_schema(cls: Any) -> Schema:
    """Return the schema of a class, with those of all that it refers to."""
    found = list(dict.fromkeys(_classes_below(cls, (cls,))))
    short = [each.__name__ for each in found]
    names = {}
    for each in found:
        is_unique = short.count(each.__name__) == 1
        full = f"{each.__module__}__{each.__qualname__}".replace(".", "__")
        names[each] = each.__name__ if is_unique else full  # As pydantic distinguishes them.
    schema = _object_schema(cls, names)
    definitions = {names[each]: _object_schema(each, names) for each in found}
    return {**schema, "definitions": definitions} if definitions else schema


def _classes_below(cls: type, above: Tuple[type, ...]) -> Iterator[type]:
    """Yield the enums and blocks that *cls* refers to, at any depth."""
    for field in fields_of(cls):
        for _, each in _classes_in(field.annotation):
            if each in above:
                problem = f"refers back to {each.__qualname__} in its field {quoted(field.name)}"
                advice = "the schema of a block cannot contain itself"
                raise BlockError(f"the block class {cls.__qualname__} {problem}; {advice}")
            if is_block(each) or issubclass(each, enum.Enum):
                yield each
            if is_block(each):
                yield from _classes_below(each, (*above, each))


def _description(cls: type) -> str:
    """Return the docstring, of flowpack's own classes without the example.

    It is part of the schema, and another schema would be another one on today's servers.
    """
    text = inspect.cleandoc(vars(cls).get("__doc__") or "")
    is_own = cls.__module__.startswith("flowpack.")
    return text.partition("\n\nExample:\n")[0] if is_own else text


def _object_schema(cls: Any, names: Mapping[type, str]) -> Schema:
    """Return the schema of a block class or an enum."""
    if issubclass(cls, enum.Enum):
        # Every enum without a docstring of its own had this one before Python 3.11.
        text = inspect.cleandoc(cls.__doc__ or "An enumeration.")
        head = {"title": cls.__name__, "description": text, "enum": [each.value for each in cls]}
        return {**head, **scalar_schema(cls)}
    fields = fields_of(cls)
    last = max(index for index, each in enumerate(cls.__mro__) if is_block(each))  # Block itself
    described = [{"description": text} for text in map(_description, cls.__mro__[:last]) if text]
    required = [field.name for field in fields if field.required]
    return {
        "title": cls.__name__,
        **(described[0] if described else {}),
        "type": "object",
        "properties": {field.name: _field_schema(cls, field, names) for field in fields},
        **({"required": required} if required else {}),
    }


def _field_schema(cls: Any, field: BlockField, names: Mapping[type, str]) -> Schema:
    metadata = field.attribute.metadata
    title, description = metadata.get("title"), metadata.get("description")
    default = _shown_default(cls, field)
    schema, kind = json_schema(field.annotation, names), _innermost(field.annotation)
    # A reference stands alone, as JSON schema wanted it once.
    if "$ref" in schema and not title and not description and default is None:
        return schema
    is_nullable = kind.optional and kind != kind_of(field.annotation)
    if is_nullable or not issubclass(class_in(kind), enum.Enum):
        title = title or field.name.title().replace("_", " ")
    head: Schema = {"title": title or None, "description": description or None, "default": default}
    head = {key: value for key, value in head.items() if value is not None}
    return {**head, "allOf": [schema]} if "$ref" in schema else {**head, **schema}


def _innermost(annotation: Any) -> TypeHint:
    """Return what *annotation* means, or what it holds if it is a list, set or mapping."""
    kind = kind_of(annotation)
    is_container = kind.shape in (Shape.LIST, Shape.SET, Shape.MAPPING)
    return kind_of(kind.parts[0]) if is_container else kind


def _referenced_blocks(field: BlockField) -> Tuple[Any, ...]:
    """Return the block classes that a server must know before the class of *field*."""
    kind = _innermost(field.annotation)
    kinds = map(kind_of, kind.parts) if kind.shape is Shape.UNION else [kind]
    return tuple(filter(is_block, map(class_in, kinds)))


def _shown_default(cls: Any, field: BlockField) -> Any:
    """Return the default without secrets, as all may see it; None where there is none."""
    default = field.attribute.default
    if field.required or isinstance(default, type(attrs.Factory(list))):
        return None

    def without_password(text: str) -> str:
        # A query alone is left: the schema is to be that of the reference.
        shown = mask_text(text)
        return shown if shown.count("@") < text.count("@") else text

    shown = mask_secrets({field.name: to_json(default, masked=True)}, _secret_paths(cls))
    return map_texts(shown[field.name], without_password)
