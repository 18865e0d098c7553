"""Enumerations of a script: their members and the values of these."""

from __future__ import annotations

from typing import List, Tuple

from flowpack.signatures.values import (
    ENUMERATIONS,
    UNKNOWN,
    Class,
    Function,
    Member,
    Scope,
)

_MIXED_IN = (str, int, float)


def members_of(cls: Class) -> Tuple[Member, ...]:
    """Return the members of *cls*, in order, aliases included."""
    return tuple(
        Member(cls, name)
        for name, value in cls.scope.names.items()
        if not _is_reserved(name) and not isinstance(value, (Function, Class))
    )


def _is_reserved(name: str) -> bool:
    """Return True if *name* in the body is no member: ``_x_``, ``__x__``, ``__x``."""
    return name.startswith("__") or (name.startswith("_") and name.endswith("_"))


def values_of(cls: Class) -> List[object]:
    """Return the values of the members of *cls*; UNKNOWN for those that are not known."""
    return [member_value(member) for member in members_of(cls)]


def member_value(member: Member) -> object:
    """Return the value of *member*, in the type that the enumeration mixes in."""
    value = member.cls.scope.names[member.name]
    for mixin in _MIXED_IN:
        mixes = member.cls.is_a(f"builtins.{mixin.__name__}")
        if mixes and isinstance(value, _MIXED_IN):
            try:
                return mixin(value)
            except (ValueError, OverflowError):
                return UNKNOWN
    return value


def next_value(bases: Tuple[object, ...], name: str, scope: Scope) -> object:
    """Return what ``auto()`` gives to the member *name*, the next one in *scope*."""
    cls = Class("", bases=bases, scope=scope)
    if cls.attribute("_generate_next_value_") is not UNKNOWN:
        return UNKNOWN
    if cls.is_a("enum.StrEnum"):
        return name.lower()
    values = reversed(list(scope.names.values()))
    last = next((value for value in values if isinstance(value, int)), 0)
    if cls.is_a("enum.Flag", "enum.IntFlag"):
        return 2 ** last.bit_length()
    return last + 1


def is_enumeration(value: object) -> bool:
    """Return True if *value* is an enumeration of the script."""
    return isinstance(value, Class) and value.is_a(*ENUMERATIONS)
