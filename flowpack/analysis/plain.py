"""Plain values, and Python's own operators on them, under limits.

The limits are far above what a signature holds. They are there so that no source
makes the reading of it slow or large.
"""

from __future__ import annotations

import ast
import operator
from typing import Any, Callable, Iterable, List, Mapping, Optional, Tuple, Type

from flowpack.analysis.values import (
    UNKNOWN,
    Alias,
    Call,
    Class,
    Function,
    Member,
    OneOf,
    Subscripted,
    Symbol,
    TypeVariable,
    UnionOf,
    Unknown,
    alternatives,
)

#: Most items of a container, and characters of a text.
LONGEST = 10_000
#: Most bits of an integer.
MOST_BITS = 4_096
#: A value that could be more things than these is unknown.
_MOST_ALTERNATIVES = 16

_NOT_PLAIN = (
    Alias,
    Call,
    Class,
    Function,
    Member,
    Subscripted,
    Symbol,
    TypeVariable,
    UnionOf,
    Unknown,
)
_CONTAINERS = (list, tuple, set, frozenset, dict)
SIZED = (list, tuple, set, frozenset, dict, str, bytes, range)

_BINARY: Mapping[Type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_UNARY: Mapping[Type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
_COMPARED: Mapping[Type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}


def size(value: object) -> int:
    """Return how many items *value* has; 1 for what has none."""
    return len(value) if isinstance(value, SIZED) else 1


def limited(value: object) -> object:
    """Return *value*, or UNKNOWN if it is too long."""
    return value if size(value) <= LONGEST else UNKNOWN


def is_plain(value: object) -> bool:
    """Return True if *value* stands for itself, through and through."""
    waiting: List[object] = [value]
    for _ in range(LONGEST):
        if not waiting:
            return True
        item = waiting.pop()
        if isinstance(item, _NOT_PLAIN):
            return False
        if isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, _CONTAINERS):
            waiting.extend(item)
    return False


def one_of(values: Iterable[object], why: str) -> object:
    """Return what is one of *values*; equal ones count once.

    Args:
        values: At least one.
        why: Why only running the script would tell which, as a clause.
    """
    found: List[object] = []
    unknown: List[object] = []
    for each in (alternative for value in values for alternative in alternatives(value)):
        kept = unknown if type(each) is Unknown else found
        if not any(_same(each, other) for other in kept):
            kept.append(each)
    found += unknown[:1]
    if len(found) == 1:
        return found[0]
    if len(found) > _MOST_ALTERNATIVES:
        return Unknown(why=why)
    return OneOf(values=tuple(found), why=why)


def _same(one: Any, other: Any) -> bool:
    """Return True if *one* and *other* are known to be equal."""
    waiting: List[Tuple[Any, Any]] = [(one, other)]
    for _ in range(LONGEST):
        if not waiting:
            return True
        left, right = waiting.pop()
        if left is right:
            continue
        if type(left) is not type(right):
            return False
        parts, others = _parts(left), _parts(right)
        if parts is not None and others is not None:
            if len(parts) != len(others):
                return False
            waiting += zip(parts, others)
        elif not isinstance(left, Symbol) and not is_plain(left):
            return False
        elif left != right or repr(left) != repr(right):  # 0.0 and -0.0
            return False
    return False


def _parts(value: object) -> Optional[List[object]]:
    """Return what *value* consists of; None if it has no parts."""
    if isinstance(value, Subscripted):
        return [value.origin, *value.arguments]
    if isinstance(value, UnionOf):
        return list(value.members)
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, (list, tuple)) else None


def as_key(value: object) -> Any:
    """Return *value* if it can be hashed in little time.

    Raises:
        TypeError: It is nested so much that this is not known.
    """
    if isinstance(value, (tuple, frozenset)) and not is_plain(value):
        raise TypeError("no key here")
    return value


def unary(op: ast.unaryop, operand: Any) -> object:
    """Return what *op* makes of *operand*."""
    return _UNARY[type(op)](operand) if is_plain(operand) else UNKNOWN


def binary(op: ast.operator, left: Any, right: Any) -> object:
    """Return what *op* makes of *left* and *right*."""
    if not (is_plain(left) and is_plain(right)):
        # Containers may be joined whatever is in them.
        both = isinstance(left, _CONTAINERS) and isinstance(right, _CONTAINERS)
        if not (both and isinstance(op, (ast.Add, ast.BitOr))):
            return UNKNOWN
    return _BINARY[type(op)](left, right) if _stays_small(op, left, right) else UNKNOWN


def holds(op: ast.cmpop, left: Any, right: Any) -> object:
    """Return whether *left* and *right* compare so."""
    if not (is_plain(left) and is_plain(right)):
        return UNKNOWN
    return bool(_COMPARED[type(op)](left, right))


def _stays_small(op: ast.operator, left: Any, right: Any) -> bool:
    if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)):
        return False  # a width in the format could ask for any length
    if not isinstance(op, (ast.Mult, ast.Pow, ast.LShift)):
        return size(left) + size(right) <= LONGEST
    if isinstance(left, int) and isinstance(right, int):
        return _bits(op, left, right) <= MOST_BITS
    for items, times in ((left, right), (right, left)):
        if isinstance(items, SIZED) and isinstance(times, int):
            return size(items) * times <= LONGEST
    return True


def _bits(op: ast.operator, left: int, right: int) -> int:
    """Return about how many bits the result has."""
    bits = max(left.bit_length(), 1)
    if isinstance(op, ast.Mult):
        return bits + right.bit_length()
    return bits * abs(right) if isinstance(op, ast.Pow) else bits + abs(right)
