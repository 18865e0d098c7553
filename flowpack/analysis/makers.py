"""Which values of a script are flows: what makes them, and of which function."""

from __future__ import annotations

import ast
from typing import Dict, Iterable, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack.analysis.calls import returns_argument
from flowpack.analysis.syntax import changed_attribute, source_of
from flowpack.analysis.values import (
    Attribute,
    Call,
    Function,
    OpenCall,
    Scope,
    Symbol,
    Unknown,
    alternatives,
)
from flowpack.exceptions import printable

#: The packages whose ``flow`` makes flows.
_LIBRARIES = frozenset({"prefect", "flowpack"})

#: Decorators that give a function another object's place, but its name and signature.
_NAME_KEEPERS = frozenset("""
    contextlib.asynccontextmanager contextlib.contextmanager functools.cache
    functools.lru_cache functools.singledispatch
    """.split())
#: Decorators that let a class return what they are given as its attribute.
_OF_METHODS = frozenset({"builtins.classmethod", "builtins.staticmethod"})

#: Attributes that say what parameters a function has.
_OF_SIGNATURES = frozenset(
    "__annotations__ __defaults__ __kwdefaults__ __signature__ __wrapped__".split()
)

#: More flows than these are not kept apart.
_MOST = 16

AnyCall = Union[Call, OpenCall]
#: The keyword arguments of a call; with ``**``, there may be more.
Options = Mapping[str, object]


@attrs.frozen(eq=False)
class Maker:
    """What makes flows: ``flow``, ``flow(name=...)``, ``partial(flow, ...)``.

    Attributes:
        library: Where it comes from; empty where it only looks like one.
        doubt: Why it may not be one, or nothing.
        calls: The calls so far, earliest first, with their keyword arguments.
    """

    library: str
    doubt: str = ""
    calls: Tuple[Tuple[AnyCall, Options], ...] = ()

    def called(self, call: AnyCall, options: Options) -> Maker:
        """Return the maker with the keyword arguments of one more call."""
        return attrs.evolve(self, calls=(*self.calls, (call, options)))


@attrs.frozen(eq=False)
class MadeFlow:
    """A flow.

    Attributes:
        maker: What made it, with all options.
        line: Where it is made.
        target: What it is made of: a Function, where the script defines it.
        called: The function's name as far as the source tells.
        wrapped_by: The decorator below, which may have changed name and parameters.
        wrapper: The decorator above, which may have made something else of the flow.
        likely: False where it may as well be no flow at all.
    """

    maker: Maker
    line: int
    target: object
    called: str
    wrapped_by: str = ""
    wrapper: str = ""
    likely: bool = True

    @property
    def definition(self) -> Optional[Function]:
        """The function, if its name and its parameters are those of the flow."""
        if not isinstance(self.target, Function) or self.wrapped_by:
            return None
        resigned = any(_changes(each, _OF_SIGNATURES) for each in self.target.decorators)
        return None if resigned else self.target


class FlowReader:
    """Finds flows among the values of a scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._known: Dict[Tuple[int, bool], Tuple[MadeFlow, ...]] = {}

    def flows(self, value: object, *, in_class: bool = False) -> Tuple[MadeFlow, ...]:
        """Return the flows that *value* may be.

        Args:
            value: What a name stands for.
            in_class: Whether the name is one of a class.
        """
        key = (id(value), in_class)
        if key not in self._known:
            found: List[MadeFlow] = []
            for each in alternatives(value):
                if isinstance(each, Function):
                    found += self._decorated(each, in_class)
                elif isinstance(each, (Call, OpenCall)) and each.node is not None:
                    found += self._called(each)
            self._known[key] = tuple(found[:_MOST])
        return self._known[key]

    def wrapper_of(self, function: Function) -> str:
        """Return the decorator that may make anything of *function*; may be empty."""
        for value, node in _decorators(function):
            if not (returns_argument(value) or _keeps_name(value)):
                return _spelt(node)
        return ""

    def _decorated(self, function: Function, in_class: bool) -> List[MadeFlow]:
        made: List[MadeFlow] = []
        wrapped_by = ""
        for value, node in _decorators(function):
            makers = self._makers(value, node)
            harmless = returns_argument(value) or (in_class and _is_one(value, _OF_METHODS))
            if makers:
                line = getattr(function.node, "lineno", 0)
                made = [
                    MadeFlow(maker, line, function, function.name, wrapped_by) for maker in makers
                ]
            elif made and not harmless:
                made = [attrs.evolve(each, wrapper=each.wrapper or _spelt(node)) for each in made]
            elif not harmless and not _keeps_name(value):
                wrapped_by = wrapped_by or _spelt(node)
        return made

    def _called(self, call: AnyCall) -> List[MadeFlow]:
        """Return what ``flow(...)`` or ``x.with_options(...)`` gives."""
        made: List[MadeFlow] = []
        for function in alternatives(call.function):
            made += self._with_options(call, function)
        options = _options_of(call)
        given = [*call.arguments, *([options["fn"]] if "fn" in options else [])]
        if made or not given:
            return made
        node = _call_node(call)
        spelt = [*node.args, *(each.value for each in node.keywords if each.arg == "fn")]
        for maker in self._makers(call.function, node.func):
            whole = maker.called(call, options)
            for target, wrapped_by in self._targets(given[0]):
                called = target.name if isinstance(target, Function) else _last_name(spelt[0])
                likely = not maker.doubt
                made.append(MadeFlow(whole, node.lineno, target, called, wrapped_by, likely=likely))
        return made

    def _with_options(self, call: AnyCall, function: object) -> Iterable[MadeFlow]:
        line = _call_node(call).lineno
        options = _options_of(call)
        if isinstance(function, Attribute) and function.name == "with_options":
            for each in self.flows(function.owner):
                yield attrs.evolve(each, maker=each.maker.called(call, options), line=line)
        elif isinstance(function, Symbol) and function.name.endswith(".with_options"):
            path = function.name[: -len(".with_options")]
            doubt = f"it is made from {path}, which is not part of the script"
            maker = Maker("", doubt).called(call, options)
            yield MadeFlow(maker, line, None, path.rpartition(".")[2], likely=False)

    def _targets(self, value: object) -> List[Tuple[object, str]]:
        """Return the functions that a flow of *value* may have, and what wraps each."""
        found: List[Tuple[object, str]] = []
        for each in alternatives(value):
            flows = self.flows(each)
            if flows:
                found += ((flow.target, flow.wrapped_by) for flow in flows)
            elif isinstance(each, Function):
                found.append((each, self.wrapper_of(each)))
            elif isinstance(each, Call) and len(each.arguments) == 1 and _keeps_name(each.function):
                found += self._targets(each.arguments[0])
            else:
                found.append((each, ""))
        return found[:_MOST]

    def _makers(self, value: object, node: ast.expr) -> List[Maker]:
        """Return what makes flows among all that *value*, spelt *node*, may be.

        What is called ``flow`` and cannot be followed counts, with a doubt.
        """
        makers: List[Maker] = []
        paths = [each.name for each in alternatives(value) if isinstance(each, Symbol)]
        for path in paths:
            root, _, last = path.rpartition(".")
            if last in ("flow", "Flow") and root.partition(".")[0] in _LIBRARIES:
                makers.append(Maker(root.partition(".")[0]))
        for each in alternatives(value):
            if isinstance(each, (Call, OpenCall)) and each.node is not None:
                makers += self._makers_called(each)
        if not makers and "flow" in (_last_name(node), *map(_tail, paths)):
            makers = [Maker("", self._doubt(node, value))]
        return makers[:_MOST]

    def _makers_called(self, call: AnyCall) -> Iterable[Maker]:
        options = _options_of(call)
        node = _call_node(call)
        inner: List[Maker] = []
        if call.function == Symbol("functools.partial") and call.arguments:
            inner = self._makers(call.arguments[0], node.args[0])
        elif not call.arguments and "fn" not in options:
            inner = self._makers(call.function, node.func)
        return (maker.called(call, options) for maker in inner)

    def _doubt(self, node: ast.expr, value: object) -> str:
        source = source_of(node)
        shown = printable(source, 80)
        for each in alternatives(value):
            if isinstance(each, Symbol):
                path = "" if each.name == source else f" ({printable(each.name, 80)})"
                return f"{shown}{path} is of another module, and only the script itself is read"
            if isinstance(each, Function) or self.flows(each):
                return f"{shown} is a function of the script's own, not Prefect's"
        if source in self._scope.names or "." in source:
            return f"what {shown} is cannot be told"
        return f"{shown} is not imported; write: from prefect import flow"


def _decorators(function: Function) -> List[Tuple[object, ast.expr]]:
    """Return the decorators of *function* and their expressions, lowest first."""
    nodes = getattr(function.node, "decorator_list", [])
    return list(zip(function.decorators, nodes))[::-1]


def _spelt(decorator: ast.expr) -> str:
    return f"@{printable(source_of(decorator), 80)}"


def _call_node(call: AnyCall) -> ast.Call:
    assert isinstance(call.node, ast.Call)
    return call.node


def _options_of(call: AnyCall) -> Options:
    options = dict(call.keywords)
    node = _call_node(call)
    if isinstance(call, OpenCall):
        options["**"] = Unknown(call.options)
    elif len(call.arguments) + ("fn" in options) > 1 and len(node.args) > 1:
        options["**"] = Unknown(node.args[1])  # They may stand among them, unnamed.
    return options


def _keeps_name(value: object) -> bool:
    """Return True if a decorator leaves name and parameters of functions as they are."""
    for each in alternatives(value):
        inner = each.function if isinstance(each, Call) else each
        keeps = isinstance(inner, Function) and any(
            _last_name(node) == "wraps" for node in ast.walk(inner.node)
        )
        if not keeps and not _is_one(inner, _NAME_KEEPERS):
            return False
        if _changes(inner, frozenset({"__name__"})):
            return False
    return True


def _changes(decorator: object, attributes: frozenset[str]) -> bool:
    """Return True if the code of *decorator* changes one of *attributes* of anything."""
    for each in alternatives(decorator):
        inner = each.function if isinstance(each, Call) else each
        if isinstance(inner, Function):
            if any(changed_attribute(node)[1] in attributes for node in ast.walk(inner.node)):
                return True
    return False


def _is_one(value: object, names: frozenset[str]) -> bool:
    return isinstance(value, Symbol) and value.name in names


def _last_name(node: ast.AST) -> str:
    """Return ``flow`` for ``flow`` and for ``anything.flow``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _tail(path: str) -> str:
    return path.rpartition(".")[2]
