"""A block class told without the class, and what makes a class unfit for it."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Type
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
    return BlockDefinition(
        type_name=cls.block_type_name,
        fields=class_schema(cls, base),
        capabilities=tuple(cls.capabilities),
        secret_fields=declared_paths(cls, base),
        references=_references(fields, base),
        logo_url=cls.logo_url,
        documentation_url=cls.documentation_url,
        code_example=cls.code_example,
    )


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
