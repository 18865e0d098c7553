"""What a server registers of a block class, and what makes a class unfit to be one."""

from __future__ import annotations

import enum
import inspect
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Type
from weakref import WeakKeyDictionary

import attrs

from flowpack._type_hints import Shape, TypeHint
from flowpack.blocks.fields import (
    BlockField,
    Schema,
    class_in,
    fields_of,
    kind_of,
    kind_schema,
    plain_schema,
    to_json,
)
from flowpack.blocks.secrecy import as_names, declared_paths, held_paths, paths_below, replaced
from flowpack.blocks.secret import MASK
from flowpack.exceptions import BlockError, quoted
from flowpack.models import BlockDefinition, name_problem
from flowpack.urls import mask_text

#: Class variables of a block. With an annotation other than ClassVar they would become fields.
CLASS_VARIABLES = (
    "block_type_name",
    "capabilities",
    "secret_fields",
    "logo_url",
    "documentation_url",
    "code_example",
)

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
_DOCTEST_MARKS = re.compile(r"\s*# *doctest:.+$|^\s*<BLANKLINE>\s*$")

# A set of deployments asks for the same few again and again.
_DEFINED: "WeakKeyDictionary[type, BlockDefinition]" = WeakKeyDictionary()


def is_decorated(cls: type) -> bool:
    """Return True if *cls* itself, not only a base, was made by attrs."""
    return "__attrs_attrs__" in cls.__dict__


def check_decorated(cls: type) -> None:
    """Raise a BlockError that says what to write, unless attrs made *cls*."""
    if not is_decorated(cls):
        raise BlockError(
            f"the block class {cls.__qualname__} has no fields yet: write @attrs.frozen above"
            f" class {cls.__name__}"
        )


def define(cls: Type[Any], base: type) -> BlockDefinition:
    """Return what a server registers of the block class *cls*, which is below *base*.

    Raises:
        BlockError: The class cannot be a block; the text says why.
    """
    if cls not in _DEFINED:
        _DEFINED[cls] = _define(cls, base)
    return _DEFINED[cls]


def _define(cls: Type[Any], base: type) -> BlockDefinition:
    check_decorated(cls)
    fields = fields_of(cls)
    problem = _class_problem(cls, base, fields)
    if problem:
        raise BlockError(f"the block class {cls.__qualname__}: {problem}")
    schema = _Renderer(cls, base).render()
    description, example = _split_docstring(schema.get("description", ""))
    named = [_class_text(cls, name) for name in ("code_example", "_code_example")]
    references = {field.name: _referenced_classes(field, base) for field in fields}
    return BlockDefinition(
        type_name=cls.block_type_name,
        fields=schema,
        capabilities=tuple(cls.capabilities),
        secret_fields=declared_paths(cls, base),
        references={
            name: tuple(define(each, base) for each in classes)
            for name, classes in references.items()
            if classes
        },
        logo_url=cls.logo_url,
        documentation_url=cls.documentation_url,
        description=_class_text(cls, "_description") or description,
        code_example=named[0] or named[1] or example,
    )


def _class_problem(cls: Type[Any], base: type, fields: Tuple[BlockField, ...]) -> Optional[str]:
    if cls is base:
        return "it is the base of blocks and no block itself; make a class from it"
    names = [field.name for field in fields]
    taken = [name for name in names if name in CLASS_VARIABLES]
    if taken:
        return (
            f"{quoted(taken[0])} is a class variable; leave its annotation out or write"
            " ClassVar[...]"
        )
    unknown = [name for name in as_names(cls.secret_fields) if name not in names]
    if unknown:
        return f"secret_fields names {quoted(unknown[0])}, which is no field of it"
    return name_problem(cls.block_type_name)


def _class_text(cls: Type[Any], name: str) -> Optional[str]:
    """Return a class variable of Prefect's block classes, if *cls* has that."""
    value = getattr(cls, name, None)
    return inspect.cleandoc(value) if isinstance(value, str) else None


# Docstrings


def _split_docstring(docstring: str) -> Tuple[Optional[str], Optional[str]]:
    """Return the description and the code example in a docstring in Google style.

    The description is the text up to the first section. The reading is that of the griffe in
    Prefect 2.0b7, which wants no empty line above a heading.
    """
    texts, example, end = [], None, 0
    for found in filter(lambda each: each["heading"], _SECTION.finditer(docstring)):
        texts.append(docstring[end : found.start()].strip())
        end = found.end()
        heading = found["heading"].lower()
        if example is None and heading in ("example", "examples"):
            margin = found["margin"]
            example = re.sub(f"^(?:{margin}|[ \t]*$)", "", found["content"], flags=re.M).rstrip()
            if heading == "examples":
                example = _without_doctest_marks(example)
    texts.append(docstring[end:].strip())
    return next(filter(None, texts), None), example


def _without_doctest_marks(text: str) -> str:
    """Return *text* without empty lines around doctests, and without their flags."""
    lines: List[str] = []
    is_doctest = is_fenced = False
    for line in text.split("\n"):
        begins = line.startswith(">>>") and not is_fenced
        while begins and not is_doctest and lines and not lines[-1]:
            lines.pop()
        if is_doctest and not line.strip():
            is_doctest = False
            continue
        is_doctest = is_doctest or begins
        is_fenced ^= line.startswith("```") and not is_doctest
        lines.append(_DOCTEST_MARKS.sub("", line) if is_doctest else line)
    return "\n".join(lines)


# Schema


def _referenced_classes(field: BlockField, base: type) -> Tuple[type, ...]:
    """Return the classes below *base* that may stand in *field*."""
    kind = _innermost(kind_of(field.annotation))
    parts = kind.parts if kind.shape is Shape.UNION else ()
    kinds = (kind, *map(kind_of, parts))
    return tuple(each.parts[0] for each in kinds if class_in(each, base))


def _innermost(kind: TypeHint) -> TypeHint:
    """Return what a list, set or mapping holds, one level down; else *kind*."""
    if kind.shape in (Shape.LIST, Shape.SET, Shape.MAPPING):
        return kind_of(kind.parts[0])
    return kind


class _Renderer:
    """Renders one class with all that it refers to."""

    def __init__(self, cls: type, base: type) -> None:
        self._cls = cls
        self._base = base
        self._names = _definition_names(cls, base)
        self._definitions: Dict[str, Schema] = {}

    def render(self) -> Schema:
        schema = self._object(self._cls)
        return {**schema, "definitions": self._definitions} if self._definitions else schema

    def _object(self, cls: type) -> Schema:
        schema: Schema = {"title": cls.__name__}
        description = _description(cls, self._base)
        if description:
            schema["description"] = description
        fields = fields_of(cls)
        schema["type"] = "object"
        schema["properties"] = {field.name: self._field(cls, field) for field in fields}
        required = [field.name for field in fields if field.required]
        return {**schema, "required": required} if required else schema

    def _field(self, cls: type, field: BlockField) -> Schema:
        kind = kind_of(field.annotation)
        head, overrides = _head(field, kind, self._default(cls, field))
        schema = self._type(kind)
        if "$ref" not in schema:
            return {**head, **schema}
        # A reference stands alone, as JSON schema wanted it once.
        return {**head, "allOf": [schema]} if overrides else schema

    def _default(self, cls: type, field: BlockField) -> Any:
        """Return the default as all may see it; None where there is none."""
        default = field.attribute.default
        if field.required or isinstance(default, type(attrs.Factory(list))):
            return None
        plain = to_json(default)
        paths = (*paths_below(cls, field, self._base), *held_paths(default, plain, self._base))
        return _without_passwords(
            replaced(plain, paths, lambda value, at: MASK if value else value)
        )

    def _type(self, kind: TypeHint) -> Schema:
        cls: Any = kind.parts[0] if kind.shape is Shape.CLASS else None
        if cls not in self._names:
            return kind_schema(kind, lambda annotation: self._type(kind_of(annotation)))
        name = self._names[cls]
        if name not in self._definitions:
            self._definitions[name] = {}  # It stands before what it refers to.
            is_enum = issubclass(cls, enum.Enum)
            self._definitions[name] = _enum(cls) if is_enum else self._object(cls)
        return {"$ref": f"#/definitions/{name}"}


def _head(field: BlockField, kind: TypeHint, default: Any) -> Tuple[Schema, bool]:
    """Return what a field says before its type, and whether that changes a reference."""
    head: Schema = {}
    metadata = field.attribute.metadata
    title, description = metadata.get("title"), metadata.get("description")
    inner = _innermost(kind)
    is_enum = class_in(inner, enum.Enum) and (inner is kind or not inner.optional)
    if title or not is_enum:
        head["title"] = title or field.name.title().replace("_", " ")
    if description:
        head["description"] = description
    if default is not None:
        head["default"] = default
    return head, bool(title or description) or default is not None


def _without_passwords(value: Any) -> Any:
    """Return *value* with URLs that hold user and password shown without them."""
    if isinstance(value, dict):
        return {key: _without_passwords(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_passwords(item) for item in value]
    if not isinstance(value, str):
        return value
    # A query alone is left: the schema is to be that of the reference.
    shown = mask_text(value)
    return shown if shown.count("@") < value.count("@") else value


def _enum(cls: Any) -> Schema:
    # Every enum without a docstring of its own had this one before Python 3.11.
    description = inspect.cleandoc(cls.__doc__ or "An enumeration.")
    values = [member.value for member in cls]
    head = {"title": cls.__name__, "description": description, "enum": values}
    return {**head, **plain_schema(cls)}


def _description(cls: type, base: type) -> Optional[str]:
    """Return the docstring, inherited if there is none; that of *base* never is."""
    for each in cls.__mro__:
        if each is base:
            return None
        if each.__dict__.get("__doc__"):
            return inspect.cleandoc(each.__dict__["__doc__"])
    return None


def _definition_names(cls: type, base: type) -> Mapping[Any, str]:
    """Return a name for each enum and block class that *cls* refers to.

    Two of one name are distinguished by module and qualified name.
    """
    found = dict.fromkeys(_classes_below(cls, base, (cls,)))
    short = [each.__name__ for each in found]
    return {
        each: each.__name__ if short.count(each.__name__) == 1 else _long_name(each)
        for each in found
    }


def _long_name(cls: type) -> str:
    return f"{cls.__module__}__{cls.__qualname__}".replace(".", "__")


def _classes_below(cls: type, base: type, above: Tuple[type, ...]) -> Iterator[type]:
    for field in fields_of(cls):
        for each in _classes_in(field.annotation, base):
            if each in above:
                raise BlockError(
                    f"the block class {cls.__qualname__} refers back to {each.__qualname__} in"
                    f" its field {quoted(field.name)}; the schema of a block cannot contain"
                    " itself"
                )
            yield each
            if issubclass(each, base):
                yield from _classes_below(each, base, (*above, each))


def _classes_in(annotation: Any, base: type) -> Iterator[type]:
    kind = kind_of(annotation)
    if class_in(kind, base) or class_in(kind, enum.Enum):
        yield kind.parts[0]
    elif kind.shape not in (Shape.LITERAL, Shape.CLASS):
        for part in kind.parts:
            yield from _classes_in(part, base)
