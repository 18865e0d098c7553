"""What the expressions of a script stand for, as far as its source says.

Plain values (numbers, text, lists, paths, times, ...) stand for themselves. All
else is one of the classes below. None of them runs or imports anything.
"""

from __future__ import annotations

import ast
import builtins
from typing import Any, Dict, FrozenSet, Mapping, Optional, Set, Tuple, Union

import attrs


class Undefined(Exception):
    """A name that the script does not bind at that place."""


@attrs.frozen
class Unknown:
    """A value that only running the script could tell."""


UNKNOWN = Unknown()


@attrs.frozen
class Symbol:
    """Something built in or imported, by its full name: ``typing.List``."""

    name: str


@attrs.frozen(hash=False)
class Subscripted:
    """``origin[arguments]``; text among the arguments is a forward reference."""

    origin: object
    arguments: Tuple[object, ...]


@attrs.frozen(hash=False)
class UnionOf:
    """``X | Y``, ``Union[X, Y]``."""

    members: Tuple[object, ...]


@attrs.frozen(eq=False)
class TypeVariable:
    """``TypeVar(...)``: what may stand for it, if that is limited."""

    bound: object = None
    constraints: Tuple[object, ...] = ()


@attrs.frozen(eq=False)
class Alias:
    """``type X = ...``: told when it is used, for it may name what comes later."""

    name: str
    node: ast.expr
    scope: Scope


@attrs.define(eq=False)
class Scope:
    """The names that a module or a class body binds.

    Attributes:
        names: What each stands for; later statements change it.
        outer: Where names are looked up that are not here.
        is_open: There may be more names: something was imported with a star.
    """

    names: Dict[str, object] = attrs.field(factory=dict)
    outer: Optional[Scope] = None
    is_open: bool = False

    def look_up(self, name: str) -> object:
        """Return what *name* stands for.

        Raises:
            Undefined: Nothing in the script binds it, nor does Python.
        """
        scope: Optional[Scope] = self
        is_open = False
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            is_open = is_open or scope.is_open
            scope = scope.outer
        if hasattr(builtins, name):
            return Symbol(f"builtins.{name}")
        if is_open:
            return UNKNOWN
        raise Undefined(name)


@attrs.frozen(eq=False)
class Function:
    """A function of the script, or a lambda.

    Attributes:
        node: None for a lambda.
        annotations: What each annotation stood for at the definition; missing
            where it could not be told, the source where evaluation is postponed.
        defaults: The same for the default values.
        returns: What a call without arguments returns, if that is one expression.
    """

    node: Union[ast.FunctionDef, ast.AsyncFunctionDef, None] = None
    annotations: Mapping[str, object] = attrs.field(factory=dict)
    defaults: Mapping[str, object] = attrs.field(factory=dict)
    returns: object = UNKNOWN


@attrs.frozen(eq=False)
class Class:
    """A class that the script defines.

    Attributes:
        name: ``__name__``.
        bases: What the bases stand for.
        decorators: The same, of the decorators.
        keywords: Keyword arguments in the class statement.
        scope: What the body binds, in order.
        annotations: The annotations in the body, in order: expressions, or what
            they stand for where there was no class statement.
        doc: The docstring.
        ancestors: The names of all symbols among its bases and theirs.
        lineage: The class and its bases in the script, the farthest first. For
            several bases this is the order of plain inheritance, which differs from
            Python's only where they share a base.
    """

    name: str
    bases: Tuple[object, ...] = ()
    decorators: Tuple[object, ...] = ()
    keywords: Mapping[str, object] = attrs.field(factory=dict)
    scope: Scope = attrs.field(factory=Scope)
    annotations: Dict[str, Any] = attrs.field(factory=dict)
    doc: Optional[str] = None

    ancestors: FrozenSet[str] = attrs.field(init=False, repr=False)
    lineage: Tuple[Class, ...] = attrs.field(init=False, repr=False)

    @ancestors.default
    def _find_ancestors(self) -> FrozenSet[str]:
        names: Set[str] = set()
        for base in map(_origin, self.bases):
            if isinstance(base, Class):
                names |= base.ancestors
            elif isinstance(base, Symbol):
                names.add(base.name)
        return frozenset(names)

    @lineage.default
    def _find_lineage(self) -> Tuple[Class, ...]:
        found: Dict[Class, None] = {}
        for base in reversed(self.bases):
            origin = _origin(base)
            if isinstance(origin, Class):
                found.update(dict.fromkeys(origin.lineage))
        return (*found, self)

    def is_a(self, *names: str) -> bool:
        """Tell whether one of the symbols *names* is among all its bases."""
        return not self.ancestors.isdisjoint(names)

    def attribute(self, name: str) -> object:
        """Return what *name* is in the class or its bases; UNKNOWN for nothing."""
        for cls in reversed(self.lineage):
            if name in cls.scope.names:
                return cls.scope.names[name]
        return UNKNOWN


def _origin(base: object) -> object:
    return base.origin if isinstance(base, Subscripted) else base


@attrs.frozen(eq=False)
class Member:
    """A member of an enumeration of the script."""

    cls: Class
    name: str


@attrs.frozen(eq=False)
class Call:
    """What calling a class of the script, or something imported, would return."""

    function: object
    arguments: Tuple[object, ...] = ()
    keywords: Mapping[str, object] = attrs.field(factory=dict)


def is_call_of(value: object, *names: str) -> bool:
    """Tell whether *value* is a call of one of the symbols *names*."""
    return (
        isinstance(value, Call)
        and isinstance(value.function, Symbol)
        and value.function.name in names
    )


#: Bases that make a class an enumeration.
ENUMERATIONS = frozenset(
    f"enum.{name}" for name in ("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag")
)
