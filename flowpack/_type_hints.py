"""What a type hint means, for fields of blocks and arguments of flows."""

from __future__ import annotations

import enum
import typing
from collections import abc
from typing import Annotated, Any, Dict, Mapping, Tuple, Union

import attrs

NONE = type(None)


class Shape(enum.Enum):
    """The kinds of type hints."""

    ANY = "anything"
    UNION = "one of several types"
    LITERAL = "one of some values"
    LIST = "a sequence whose items are all of one type"
    SET = "a set"
    TUPLE = "a tuple, each item with a type of its own"
    MAPPING = "a mapping"
    CLASS = "an instance of a class"
    OTHER = "something else: a generic class, a callable, no type at all"


_LISTS = (list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection)
_CONTAINERS: Mapping[Any, Shape] = {
    **dict.fromkeys(_LISTS, Shape.LIST),
    **dict.fromkeys((set, frozenset, abc.Set, abc.MutableSet), Shape.SET),
    **dict.fromkeys((dict, abc.Mapping, abc.MutableMapping), Shape.MAPPING),
}


@attrs.frozen
class TypeHint:
    """What a type hint means."""

    shape: Shape
    # The hints of a union's members and the values of a literal, both without None; the hints of
    # a tuple's items; the hint of other items, or of a mapping's values; a class itself.
    parts: Tuple[Any, ...] = ()
    optional: bool = False  # None fits, too.
    origin: Any = None  # The class of containers and instances, also where it is generic.
    key: Any = Any  # The hint of a mapping's keys.


def parse_hint(hint: Any) -> TypeHint:
    """Return what *hint* means; a union of one type and None is that type, optional."""
    hint = _unqualified(hint)
    if hint is Any or hint is object or isinstance(hint, typing.TypeVar):
        return TypeHint(Shape.ANY, optional=True)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union or getattr(origin, "__name__", "") == "UnionType":
        parts = tuple(member for member in arguments if member is not NONE)
        optional = len(parts) < len(arguments)
        if len(parts) > 1:
            return TypeHint(Shape.UNION, parts, optional)
        only = parse_hint(parts[0])
        return attrs.evolve(only, optional=optional or only.optional)
    if getattr(origin, "_name", "") == "Literal":  # Also that of typing_extensions.
        values = tuple(value for value in arguments if value is not None)
        return TypeHint(Shape.LITERAL, values, optional=len(values) < len(arguments))
    cls = origin or hint
    if not isinstance(cls, type):
        return TypeHint(Shape.OTHER)
    if cls is tuple:
        return _tuple(hint, arguments)
    if cls in _CONTAINERS:
        key, item = (arguments[0], arguments[-1]) if arguments else (Any, Any)
        return TypeHint(_CONTAINERS[cls], (item,), origin=cls, key=key)
    if origin is not None:
        return TypeHint(Shape.OTHER, origin=origin)
    return TypeHint(Shape.CLASS, (hint,), optional=hint is NONE, origin=hint)


def _unqualified(hint: Any) -> Any:
    """Return the type within ``Annotated``, ``NewType``, ``Final`` and the like."""
    while True:
        origin = typing.get_origin(hint)
        if origin is Annotated:
            hint = hint.__origin__
        elif getattr(origin, "_name", "") in ("Final", "NotRequired", "ReadOnly", "Required"):
            hint = typing.get_args(hint)[0]
        elif callable(hint) and hasattr(hint, "__supertype__"):  # NewType
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            try:
                hint = hint.__value__
            except Exception:
                return Any  # It is evaluated only now, and may fail in any way.
        else:
            return NONE if hint is None else hint


def _tuple(hint: Any, arguments: Tuple[Any, ...]) -> TypeHint:
    if hint in (tuple, typing.Tuple) or arguments[1:] == (Ellipsis,):
        return TypeHint(Shape.LIST, arguments[:1] or (Any,), origin=tuple)
    # Before Python 3.11 Tuple[()] has one empty argument.
    return TypeHint(Shape.TUPLE, () if arguments == ((),) else arguments, origin=tuple)


def resolve_hints(annotated: Any, scope: Any = None) -> Dict[str, Any]:
    """Return the annotations of *annotated*, resolved; that runs them and may raise anything."""
    return typing.get_type_hints(annotated, scope, include_extras=True)
