"""What a type hint means, with all that stands around the type taken off.

Fields of blocks and arguments of flows are read by it alike.
"""

from __future__ import annotations

import collections.abc
import enum
import typing
from typing import Annotated, Any, Dict, Optional, Tuple, Union

import attrs

NONE = type(None)

_LISTS = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_SETS = (set, frozenset, collections.abc.Set, collections.abc.MutableSet)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)

#: Around a type they do not change which values fit it.
_QUALIFIERS = ("Final", "NotRequired", "ReadOnly", "Required")


class Shape(enum.Enum):
    """The kinds of type hints."""

    ANY = "anything"
    UNION = "one of several types"
    LITERAL = "one of some values"
    LIST = "a sequence whose items are all of one type"
    SET = "a set"
    TUPLE = "a tuple, each place with a type of its own"
    MAPPING = "a mapping"
    CLASS = "an instance of a class"
    OTHER = "something else: a generic class, a callable, no type at all"


@attrs.frozen
class TypeHint:
    """What a type hint means.

    Attributes:
        shape: Its kind.
        parts: Of a union the hints but None, of a literal the values but None, of a list
            and a set the hint of the items, of a tuple that of each place, of a mapping that
            of the values, of a class the class.
        optional: Whether None fits, too.
        origin: The class of containers and instances, also where it is generic.
        key: Of a mapping, the hint of the keys.
    """

    shape: Shape
    parts: Tuple[Any, ...] = ()
    optional: bool = False
    origin: Any = None
    key: Any = Any


def parse_hint(hint: Any) -> TypeHint:
    """Return what *hint* means; a union of one type and None is that type, optional."""
    hint = _unqualified(hint)
    if hint is Any or hint is object or isinstance(hint, typing.TypeVar):
        return TypeHint(Shape.ANY, optional=True)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Union or getattr(origin, "__name__", "") == "UnionType":
        return _union(arguments)
    if getattr(origin, "_name", "") == "Literal":  # Also that of typing_extensions.
        values = tuple(value for value in arguments if value is not None)
        return TypeHint(Shape.LITERAL, values, optional=len(values) < len(arguments))
    if not isinstance(origin or hint, type):
        return TypeHint(Shape.OTHER)
    return _container(hint, origin or hint, arguments) or _class(hint, origin)


def _unqualified(hint: Any) -> Any:
    """Return the type within ``Annotated``, ``NewType``, ``Final`` and the like."""
    while True:
        origin = typing.get_origin(hint)
        if origin is Annotated:
            hint = hint.__origin__
        elif getattr(origin, "_name", "") in _QUALIFIERS:
            hint = typing.get_args(hint)[0]
        elif callable(hint) and hasattr(hint, "__supertype__"):  # NewType
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = _aliased(hint)
        else:
            return NONE if hint is None else hint


def _aliased(alias: Any) -> Any:
    try:
        return alias.__value__
    except Exception:
        return Any  # It is evaluated only now, and may fail in any way.


def _union(members: Tuple[Any, ...]) -> TypeHint:
    parts = tuple(member for member in members if member is not NONE)
    optional = len(parts) < len(members)
    if len(parts) > 1:
        return TypeHint(Shape.UNION, parts, optional)
    only = parse_hint(parts[0])
    return attrs.evolve(only, optional=optional or only.optional)


def _container(hint: Any, origin: type, arguments: Tuple[Any, ...]) -> Optional[TypeHint]:
    """Return what a list, set, tuple or mapping means; None for other classes."""
    first = arguments[:1] or (Any,)
    if origin in _LISTS:
        return TypeHint(Shape.LIST, first, origin=origin)
    if origin in _SETS:
        return TypeHint(Shape.SET, first, origin=origin)
    if origin in _MAPPINGS:
        return TypeHint(Shape.MAPPING, arguments[1:2] or (Any,), origin=origin, key=first[0])
    if origin is not tuple:
        return None
    if hint in (tuple, typing.Tuple) or arguments[1:] == (Ellipsis,):
        return TypeHint(Shape.LIST, first, origin=tuple)
    # Before Python 3.11 Tuple[()] has one empty argument.
    return TypeHint(Shape.TUPLE, () if arguments == ((),) else arguments, origin=tuple)


def _class(hint: Any, origin: Any) -> TypeHint:
    if origin is not None:
        return TypeHint(Shape.OTHER, origin=origin)
    return TypeHint(Shape.CLASS, (hint,), optional=hint is NONE, origin=hint)


def resolve_hints(annotated: Any, scope: Any = None) -> Dict[str, Any]:
    """Return the annotations of *annotated*, forward references in them resolved.

    Raises:
        Exception: Any at all: to resolve text is to run an expression.
    """
    return typing.get_type_hints(annotated, scope, include_extras=True)
