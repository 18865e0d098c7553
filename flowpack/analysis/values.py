"""What the expressions of a script stand for, as far as its source says.

Plain values (numbers, text, lists, paths, times, ...) stand for themselves. All
else is one of the classes below. None of them runs or imports anything.
"""

from __future__ import annotations

import ast
import builtins
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Set, Tuple, Union

import attrs


class Undefined(Exception):
    """A name that the script does not bind at that place."""


@attrs.frozen(eq=False)
class Unknown:
    """A value that only running the script would tell.

    Attributes:
        node: The expression that is not known, if there is one.
        why: The reason, as a clause; empty where the expression says it all.
    """

    node: Optional[ast.AST] = attrs.field(default=None, repr=False)
    why: str = ""


UNKNOWN = Unknown()


@attrs.frozen(eq=False, kw_only=True)
class OneOf(Unknown):
    """A value that depends on the machine that runs the script: one of *values*."""

    values: Tuple[object, ...]


@attrs.frozen(eq=False, kw_only=True)
class Attribute(Unknown):
    """The attribute *name* of *owner*, such as ``with_options`` of a flow."""

    owner: object
    name: str


@attrs.frozen(eq=False, kw_only=True)
class OpenCall(Unknown):
    """A call that has more arguments than can be read: ``f(x, **options)``.

    Attributes:
        options: The expression of the unread ones.
    """

    function: object
    arguments: Tuple[object, ...]
    keywords: Mapping[str, object]
    options: ast.expr = attrs.field(repr=False)


def alternatives(value: object) -> Tuple[object, ...]:
    """Return all that *value* may be."""
    return value.values if isinstance(value, OneOf) else (value,)


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
    """``type X = ...``: evaluated when it is used, for it may name what comes later."""

    name: str
    node: ast.expr
    scope: Scope = attrs.field(repr=False)


_CHANGING = "it is bound by a function, or within an expression, too"

#: Stands for a name that is not bound, where bindings are compared.
ABSENT = object()


@attrs.define(eq=False)
class Scope:
    """The names that a module or a class body binds.

    Attributes:
        names: What each stands for; later statements change it.
        outer: Where names are looked up that are not here.
        stars: The modules that all names were imported from, if these are not known.
        changing: Names that functions, or expressions of which it is not known whether
            they are evaluated, bind as well.
        replaced: What names stood for before they were bound, since somebody began to
            record it.
    """

    names: Dict[str, object] = attrs.field(factory=dict, repr=False)
    outer: Optional[Scope] = attrs.field(default=None, repr=False)
    stars: List[str] = attrs.field(factory=list)
    changing: FrozenSet[str] = attrs.field(default=frozenset(), repr=False)
    replaced: Optional[Dict[str, object]] = attrs.field(default=None, repr=False)

    def bind(self, name: str, value: object) -> None:
        """Let *name* stand for *value*; with ABSENT it is not bound any more."""
        if self.replaced is not None:
            self.replaced.setdefault(name, self.names.get(name, ABSENT))
        if value is ABSENT:
            self.names.pop(name, None)
        else:
            self.names[name] = value

    def look_up(self, name: str) -> object:
        """Return what *name* stands for.

        Raises:
            Undefined: Nothing in the script binds it, nor does Python.
        """
        scope: Optional[Scope] = self
        stars: List[str] = []
        while scope is not None:
            if name in scope.names:
                value = scope.names[name]
                if name not in scope.changing:
                    return value
                return OneOf(values=(*alternatives(value), UNKNOWN), why=_CHANGING)
            stars += scope.stars
            scope = scope.outer
        if hasattr(builtins, name):
            return Symbol(f"builtins.{name}")
        if len(stars) == 1:
            return Symbol(f"{stars[0]}.{name}")
        if stars:
            return UNKNOWN
        raise Undefined(name)


@attrs.frozen(eq=False)
class Function:
    """A function of the script, or a lambda.

    Attributes:
        node: Its definition.
        annotations: What each annotation stood for at the definition; missing
            where it is not known, the source where evaluation is postponed.
        defaults: The same for the default values.
        returns: What a call without arguments returns, if that is one expression.
        decorators: What the decorators stood for, in the order of the source.
    """

    node: Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda] = attrs.field(repr=False)
    annotations: Mapping[str, object] = attrs.field(factory=dict)
    defaults: Mapping[str, object] = attrs.field(factory=dict)
    returns: object = UNKNOWN
    decorators: Tuple[object, ...] = ()

    @property
    def name(self) -> str:
        """What the function is called where it is defined."""
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name

    @property
    def first_line(self) -> int:
        """The line of its first decorator, or its own."""
        decorators = [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list
        return min(each.lineno for each in (self.node, *decorators))


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
            they stand for where there was no class statement; UNKNOWN under a condition.
        doc: The docstring.
        ancestors: The names of all symbols among its bases and theirs.
        lineage: The class and its bases in the script, the farthest first. For
            several bases this is the order of plain inheritance, which differs from
            Python's only where they share a base.
    """

    name: str
    bases: Tuple[object, ...] = attrs.field(default=(), repr=False)
    decorators: Tuple[object, ...] = attrs.field(default=(), repr=False)
    keywords: Mapping[str, object] = attrs.field(factory=dict, repr=False)
    scope: Scope = attrs.field(factory=Scope, repr=False)
    annotations: Dict[str, Any] = attrs.field(factory=dict, repr=False)
    doc: Optional[str] = attrs.field(default=None, repr=False)

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
        """Return True if one of the symbols *names* is among all its bases."""
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
    """What calling a class or function of the script, or something imported, returns."""

    function: object
    arguments: Tuple[object, ...] = ()
    keywords: Mapping[str, object] = attrs.field(factory=dict)
    node: Optional[ast.Call] = attrs.field(default=None, repr=False)


def is_call_of(value: object, *names: str) -> bool:
    """Return True if *value* is a call of one of the symbols *names*."""
    return (
        isinstance(value, Call)
        and isinstance(value.function, Symbol)
        and value.function.name in names
    )


#: Bases that make a class an enumeration.
ENUMERATIONS = frozenset(
    f"enum.{name}" for name in ("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag")
)


# Enumerations

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
