"""What the expressions of a script stand for, as far as its source says.

Plain values (numbers, text, lists, paths, times, ...) stand for themselves. All else is one
of the classes below. None of them runs or imports anything.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import deque
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Set, Tuple, Union

import attrs

#: Most items of a container, and characters of a text. This and the other limits are far above
#: what a signature holds; with them no source makes the reading of it slow or large.
LONGEST = 10_000
#: A value that could be more things than these is unknown.
_MOST_ALTERNATIVES = 16
#: A name that is imported through more modules than these is not followed.
_MOST_MODULES = 100

SIZED = (list, tuple, set, frozenset, dict, str, bytes, range)
CONTAINERS = (list, tuple, set, frozenset, dict)
#: Bases that make a class an enumeration.
ENUMERATIONS = frozenset("enum.Enum enum.IntEnum enum.StrEnum enum.Flag enum.IntFlag".split())
_MUTABLE = (list, set, dict, deque)


class Undefined(Exception):
    """A name that the script does not bind at that place."""


class Value:
    """Base of what does not stand for itself."""

    __slots__ = ()


@attrs.frozen(eq=False)
class Unknown(Value):
    """A value that only running the script would tell; *why*, as a clause, may be empty."""

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
    """A call that has more arguments, *unread*, than are known: ``f(x, **options)``."""

    call: Call
    unread: ast.expr = attrs.field(repr=False)


def alternatives(value: object) -> Tuple[object, ...]:
    """Return all that *value* may be."""
    return value.values if isinstance(value, OneOf) else (value,)


@attrs.frozen
class Symbol(Value):
    """Something built in or imported, by its full name: ``typing.List``."""

    name: str


@attrs.frozen(hash=False)
class Subscripted(Value):
    """``origin[arguments]``, ``X | Y``; text among the arguments is a forward reference."""

    origin: object
    arguments: Tuple[object, ...]


@attrs.frozen(eq=False)
class TypeVariable(Value):
    """``TypeVar(...)``: what may stand for it, if that is limited."""

    bound: object = None
    constraints: Tuple[object, ...] = ()


@attrs.frozen(eq=False)
class Alias(Value):
    """``type X = ...``: evaluated when it is used, for it may name what comes later."""

    name: str
    node: ast.expr
    scope: Scope = attrs.field(repr=False)


#: Stands for a name that is not bound, where bindings are compared.
ABSENT = object()


@attrs.define(eq=False)
class Scope:
    """The names that a module or a class body binds."""

    # What each stands for; later statements change it.
    names: Dict[str, object] = attrs.field(factory=dict, repr=False)
    # Where names are looked up that are not here.
    outer: Optional[Scope] = attrs.field(default=None, repr=False)
    # Where more names come from that are not known.
    stars: List[str] = attrs.field(factory=list)
    # Names that functions or expressions bind as well, and those whose items functions change.
    rebound: Set[str] = attrs.field(factory=set, repr=False)
    filled: Set[str] = attrs.field(factory=set, repr=False)
    # What names stood for since somebody began to record it.
    replaced: Optional[Dict[str, object]] = attrs.field(default=None, repr=False)
    # Of a module: gives the scope of others of the project by their dotted names.
    resolve: Optional[Callable[[str], Optional[Scope]]] = attrs.field(default=None, repr=False)
    # Of a module: gets the scope that each statement is in; then names are what is likely.
    statements: Optional[Dict[ast.AST, Scope]] = attrs.field(default=None, repr=False)

    @property
    def module(self) -> Scope:
        """The scope of the whole module."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope

    def bind(self, name: str, value: object) -> None:
        """Let *name* stand for *value*; with ABSENT it is not bound any more."""
        if self.replaced is not None:
            self.replaced.setdefault(name, self.names.get(name, ABSENT))
        if value is ABSENT:
            self.names.pop(name, None)
        else:
            self.names[name] = value

    def bind_others(self, why: str, star: str) -> None:
        """Let all names stand for other things too: those of *star*, for the reason *why*."""
        for name, value in list(self.names.items()):
            if self.module.statements is None and not name.startswith("__"):
                self.bind(name, one_of([value, UNKNOWN], f"{why} may bind it anew"))
        self.stars.append(star)

    def look_up(self, name: str) -> object:
        """Return what *name* stands for; raise Undefined if nothing binds it."""
        scope: Optional[Scope] = self
        stars: List[str] = []
        while scope is not None:
            if name in scope.names:
                value = scope.names[name]
                if name in scope.filled and isinstance(value, _MUTABLE):
                    forget_items(value)  # It may have other names, too.
                    return Unknown(why="a function changes its items")
                if name in scope.rebound:
                    return one_of([value, UNKNOWN], "functions or expressions bind it too")
                return value
            if name in scope.rebound:  # A function may bind it again after a ``del``.
                return UNKNOWN
            stars += scope.stars
            scope = scope.outer
        if hasattr(builtins, name):
            return Symbol(f"builtins.{name}")
        if len(stars) == 1:
            return Symbol(f"{stars[0]}.{name}")
        if stars:
            return UNKNOWN
        raise Undefined(name)

    def other(self, module: str) -> Optional[Scope]:
        """Return the scope of a *module* of the project; None if it is not in there."""
        resolve = self.module.resolve
        return resolve(module) if resolve is not None and module[:1] not in ("", ".") else None

    def follow(self, value: object) -> object:
        """Return what *value*, if it is the symbol of a name in the project, stands for there.

        Functions, flows, modules, and what is not bound there, remain symbols.
        """
        for _ in range(_MOST_MODULES):  # Modules may import a name from each other.
            module, _, name = (value.name if isinstance(value, Symbol) else "").rpartition(".")
            scope = self.other(module)
            if scope is None or name not in scope.names:
                break
            found = scope.look_up(name)
            code = (Attribute, Function, OpenCall)
            if found == value or any(isinstance(each, code) for each in alternatives(found)):
                break
            # Without its source a call is nowhere taken for that of a flow.
            value = attrs.evolve(found, node=None) if isinstance(found, Call) else found
        return value

    def exported(self) -> Optional[List[str]]:
        """Return the names in ``__all__``; None where it is not known, or there is none."""
        names: Any = self.names.get("__all__")
        is_known = isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names)
        return list(names) if is_known else None


@attrs.frozen(eq=False)
class Function(Value):
    """A function of the script, or a lambda.

    Annotations, defaults and decorators are what they stood for at the definition; annotations
    are source where their evaluation is postponed.
    """

    node: Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda] = attrs.field(repr=False)
    scope: Scope = attrs.field(factory=Scope, repr=False)
    annotations: Mapping[str, object] = attrs.field(factory=dict)
    defaults: Mapping[str, object] = attrs.field(factory=dict)
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

    @property
    def returned(self) -> Optional[ast.expr]:
        """The expression that it returns, if that is all that it does."""
        if isinstance(self.node, ast.Lambda):
            return self.node.body
        only = self.node.body[0] if len(self.node.body) == 1 and not self.decorators else None
        is_plain_function = isinstance(self.node, ast.FunctionDef)
        return only.value if isinstance(only, ast.Return) and is_plain_function else None


@attrs.frozen(eq=False)
class Class(Value):
    """A class that the script defines.

    Attributes:
        bases: What the bases stand for; likewise the decorators and keyword arguments.
        scope: What the body binds, in order.
        annotations: Those in the body, in order: expressions, or what they stand for; UNKNOWN
            under a condition.
        lineage: The class and its bases in the script, the farthest first; the order differs
            from Python's only where several share a base.
        ancestors: The names of all symbols among its bases and theirs.
    """

    name: str
    bases: Tuple[object, ...] = attrs.field(default=(), repr=False)
    decorators: Tuple[object, ...] = attrs.field(default=(), repr=False)
    keywords: Mapping[str, object] = attrs.field(factory=dict, repr=False)
    scope: Scope = attrs.field(factory=Scope, repr=False)
    annotations: Dict[str, Any] = attrs.field(factory=dict, repr=False)
    doc: Optional[str] = attrs.field(default=None, repr=False)

    lineage: Tuple[Class, ...] = attrs.field(init=False, repr=False)
    ancestors: frozenset[str] = attrs.field(init=False, repr=False)

    @lineage.default
    def _find_lineage(self) -> Tuple[Class, ...]:
        bases = [each for each in reversed(self.origins) if isinstance(each, Class)]
        return (*dict.fromkeys(cls for base in bases for cls in base.lineage), self)

    @ancestors.default
    def _find_ancestors(self) -> frozenset[str]:
        bases = (base for cls in self.lineage for base in cls.origins)
        return frozenset(base.name for base in bases if isinstance(base, Symbol))

    @property
    def origins(self) -> Tuple[object, ...]:
        """What the bases are without their arguments: ``Generic`` of ``Generic[T]``."""
        return tuple(each.origin if isinstance(each, Subscripted) else each for each in self.bases)

    @property
    def is_enumeration(self) -> bool:
        """Whether it is an enumeration."""
        return self.is_a(*ENUMERATIONS)

    @property
    def members(self) -> Tuple[Member, ...]:
        """Its members, if it is an enumeration, in order, aliases included."""
        named = self.scope.names.items()
        names = (name for name, value in named if not isinstance(value, (Function, Class)))
        return tuple(Member(self, each) for each in names if not re.match("__|_.*_$|_$", each))

    def is_a(self, *names: str) -> bool:
        """Return True if one of the symbols *names* is among all its bases."""
        return not self.ancestors.isdisjoint(names)

    def defines(self, *names: str) -> bool:
        """Return True if it or one of its bases in the script has one of *names*."""
        return any(name in cls.scope.names for cls in self.lineage for name in names)

    def attribute(self, name: str) -> object:
        """Return what *name* is in the class or its bases; UNKNOWN for nothing."""
        for cls in reversed(self.lineage):
            if name in cls.scope.names:
                return cls.scope.names[name]
        return UNKNOWN


@attrs.frozen(eq=False)
class Member(Value):
    """A member of an enumeration of the script."""

    cls: Class
    name: str

    @property
    def value(self) -> object:
        """Its value; UNKNOWN where a type that is mixed in changes it."""
        value = self.cls.scope.names[self.name]
        mixed = [each for each in (str, int, float) if self.cls.is_a(f"builtins.{each.__name__}")]
        return UNKNOWN if mixed and not isinstance(value, mixed[0]) else value


@attrs.frozen(eq=False)
class Call(Value):
    """What calling a class or function of the script, or something imported, returns."""

    function: object
    arguments: Tuple[object, ...] = ()
    keywords: Mapping[str, object] = attrs.field(factory=dict)
    node: Optional[ast.Call] = attrs.field(default=None, repr=False)


def path_of(value: object) -> str:
    """Return how what begins with a symbol is spelt: ``typer.Typer().command``; else nothing."""
    if isinstance(value, Attribute):
        owner = path_of(value.owner)
        return f"{owner}.{value.name}" if owner else ""
    if isinstance(value, Call):
        function = path_of(value.function)
        return f"{function}()" if function else ""
    return value.name if isinstance(value, Symbol) else ""


# Plain values, and what may be several


def size(value: object) -> int:
    """Return how many items *value* has; 1 for what has none."""
    return len(value) if isinstance(value, SIZED) else 1


def is_plain(value: object) -> bool:
    """Return True if *value* stands for itself, through and through."""
    return not any(isinstance(each, Value) for each in _parts(value))


def _parts(value: object) -> Iterable[Any]:
    """Yield *value* and all in it, as far as that is looked at; after too many UNKNOWN."""
    waiting: List[Any] = [value]
    for _ in range(LONGEST):
        if not waiting:
            return
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, (OneOf, *CONTAINERS, deque)):
            waiting += each.values if isinstance(each, OneOf) else each
        yield each
    yield UNKNOWN


def one_of(values: Iterable[object], why: str) -> object:
    """Return what is one of *values*, equal ones once; *why* says what decides, as a clause."""
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


def _same(one: object, other: object) -> bool:
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
        if isinstance(left, Subscripted):
            waiting += [(left.origin, right.origin), (left.arguments, right.arguments)]
        elif isinstance(left, tuple) and len(left) == len(right):
            waiting += zip(left, right)
        elif not (isinstance(left, Symbol) or is_plain(left)):
            return False
        elif left != right or repr(left) != repr(right):  # 0.0 and -0.0
            return False
    return False


def forget_items(value: object) -> None:
    """Make what containers in *value* hold unknown, if they can change."""
    for each in _parts(value):
        if isinstance(each, _MUTABLE):
            each.clear()
            if isinstance(each, dict):
                each[UNKNOWN] = UNKNOWN
            else:
                (each.add if isinstance(each, set) else each.append)(UNKNOWN)


def is_changed(value: object) -> bool:
    """Return True if something of *value*, a container, was forgotten."""
    return isinstance(value, CONTAINERS) and UNKNOWN in value
