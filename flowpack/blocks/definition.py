"""A block class told without the class, and what makes a class unfit for it."""

from __future__ import annotations

import inspect
import re
from typing import Any, Dict, List, Optional, Tuple, Type
from weakref import WeakKeyDictionary

from flowpack.blocks.annotations import Field, fields_of
from flowpack.blocks.schema import class_schema, referenced_classes
from flowpack.blocks.secrecy import as_names, declared_paths
from flowpack.exceptions import BlockError, quoted
from flowpack.models import BlockDefinition, name_problem

#: Class variables of a block. With an annotation other than ClassVar they would
#: become fields.
CLASS_VARIABLES = (
    "block_type_name",
    "capabilities",
    "secret_fields",
    "logo_url",
    "documentation_url",
    "code_example",
)

_HEADING = re.compile(r"(?P<kind>\w[\s\w-]*):(\s+\S.*)?")
_DOCTEST_MARKS = re.compile(r"\s*# *doctest:.+$|^\s*<BLANKLINE>\s*$")

# A set of deployments asks for the same few again and again.
_KNOWN: "WeakKeyDictionary[type, BlockDefinition]" = WeakKeyDictionary()


def is_decorated(cls: type) -> bool:
    """Return whether *cls* itself, not only a base, was made by attrs."""
    return "__attrs_attrs__" in cls.__dict__


def check_decorated(cls: type) -> None:
    """Raise unless attrs made *cls*.

    Raises:
        BlockError: It did not; the text says what to write.
    """
    if not is_decorated(cls):
        raise BlockError(
            f"the block class {cls.__qualname__} has no fields yet: write"
            f" @attrs.frozen above class {cls.__name__}"
        )


def define(cls: Type[Any], base: type) -> BlockDefinition:
    """Return what a server is told of the block class *cls*, which is below *base*.

    Raises:
        BlockError: The class cannot be a block; the text says why.
    """
    definition = _KNOWN.get(cls)
    if definition is None:
        definition = _KNOWN[cls] = _define(cls, base)
    return definition


def _define(cls: Type[Any], base: type) -> BlockDefinition:
    check_decorated(cls)
    fields = fields_of(cls)
    problem = _problem(cls, base, fields)
    if problem:
        raise BlockError(f"the block class {cls.__qualname__}: {problem}")
    schema = class_schema(cls, base)
    description, example = _split_docstring(schema.get("description", ""))
    return BlockDefinition(
        type_name=cls.block_type_name,
        fields=schema,
        capabilities=tuple(cls.capabilities),
        secret_fields=declared_paths(cls, base),
        references=_references(fields, base),
        logo_url=cls.logo_url,
        documentation_url=cls.documentation_url,
        description=_text(cls, "_description") or description,
        code_example=(
            _text(cls, "code_example") or _text(cls, "_code_example") or example
        ),
    )


def _text(cls: Type[Any], name: str) -> Optional[str]:
    """Return a class variable of Prefect's block classes, if *cls* has that."""
    value = getattr(cls, name, None)
    return inspect.cleandoc(value) if isinstance(value, str) else None


def _split_docstring(docstring: str) -> Tuple[Optional[str], Optional[str]]:
    """Return the description and the code example in a docstring in Google style.

    The description is the text up to the first section. The reading is that of the
    griffe in Prefect 2.0b7, which wants no empty line above a heading.
    """
    lines = docstring.split("\n")
    texts: List[List[str]] = [[]]
    example, at, is_fenced = None, 0, False
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.lstrip().startswith("```"):
            is_fenced = not is_fenced
        heading = None if is_fenced else _HEADING.fullmatch(line)
        section, end = _read_section(lines, at) if heading else ("", at)
        if heading is None or not section:
            texts[-1].append(line)
            continue
        texts.append([])
        at = end
        kind = heading["kind"].lower()
        if example is None and kind in ("example", "examples"):
            example = section if kind == "example" else _without_doctest_marks(section)
    described = ("\n".join(text).strip() for text in texts)
    return next(filter(None, described), None), example


def _read_section(lines: List[str], start: int) -> Tuple[str, int]:
    """Return the indented text that begins at or below *start*, and its end."""
    while start < len(lines) and not lines[start].strip():
        start += 1
    first = lines[start] if start < len(lines) else ""
    margin = first[: len(first) - len(first.lstrip())]
    end = start
    while margin and end < len(lines):
        if lines[end].strip() and not lines[end].startswith(margin):
            break
        end += 1
    return "\n".join(line[len(margin) :] for line in lines[start:end]).rstrip(), end


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


def _problem(cls: Type[Any], base: type, fields: Tuple[Field, ...]) -> Optional[str]:
    if cls is base:
        return "it is the base of blocks and no block itself; make a class from it"
    taken = [field.name for field in fields if field.name in CLASS_VARIABLES]
    if taken:
        return (
            f"{quoted(taken[0])} is a class variable; leave its annotation out or"
            " write ClassVar[...]"
        )
    names = [field.name for field in fields]
    unknown = [name for name in as_names(cls.secret_fields) if name not in names]
    if unknown:
        return f"secret_fields names {quoted(unknown[0])}, which is no field of it"
    return name_problem(cls.block_type_name)


def _references(
    fields: Tuple[Field, ...], base: type
) -> Dict[str, Tuple[BlockDefinition, ...]]:
    found = {field.name: referenced_classes(field, base) for field in fields}
    return {
        name: tuple(define(each, base) for each in classes)
        for name, classes in found.items()
        if classes
    }
