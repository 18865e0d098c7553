"""Which values of a script are flows: what makes them, and of which function."""

from __future__ import annotations

import ast
from itertools import islice
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import attrs

from flowpack.analysis.calls import returns_argument
from flowpack.analysis.syntax import changed_by, source_of
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
_LIBRARIES = ("prefect", "flowpack")
_PARTIAL = Symbol("functools.partial")
#: Decorators that let a class return what they are given as its attribute.
_OF_METHODS = (Symbol("builtins.classmethod"), Symbol("builtins.staticmethod"))
#: Attributes that say what parameters a function has.
_OF_SIGNATURES = "__annotations__ __defaults__ __kwdefaults__ __signature__ __wrapped__".split()
#: More flows than these are not kept apart.
_MOST = 16

#: A call and its keyword arguments; under ``**`` what may hold more of them.
Options = Tuple[ast.Call, Mapping[str, object]]


@attrs.frozen(eq=False)
class MadeFlow:
    """A flow, or what makes flows: ``flow``, ``flow(name=...)``."""

    library: str  # Where ``flow`` comes from; empty where it only looks like one.
    doubt: str = ""  # Why it may not be one.
    calls: Tuple[Options, ...] = ()  # Those so far, earliest first.
    target: object = None  # What the flow is made of: a Function, where the script defines it.
    called: str = ""  # The function's name as far as the source tells.
    line: int = 0  # Where it is made.
    wrapped_by: str = ""  # The decorator below, which may have changed name and parameters.
    wrapper: str = ""  # What may have made something else of the flow.

    def after(self, call: Options) -> MadeFlow:
        """Return this with the options of one more call."""
        return attrs.evolve(self, calls=(*self.calls, call), line=call[0].lineno)

    @property
    def definition(self) -> Optional[Function]:
        """The function, if its name and its parameters are those of the flow."""
        if not isinstance(self.target, Function) or self.wrapped_by:
            return None
        changed = any(_changes(each, _OF_SIGNATURES) for each in self.target.decorators)
        return None if changed else self.target


class FlowReader:
    """Finds flows among the values of a scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._known: Dict[Tuple[int, bool], Tuple[MadeFlow, ...]] = {}

    def flows(self, value: object, *, in_class: bool = False) -> Tuple[MadeFlow, ...]:
        """Return the flows that *value*, which a name of a module or a class has, may be."""
        key = (id(value), in_class)
        if key not in self._known:
            functions = [each for each in alternatives(value) if isinstance(each, Function)]
            # Those of other modules are not flows of this one.
            functions = [each for each in functions if each.scope.module is self._scope]
            found = [made for each in functions for made in self._decorated(each, in_class)]
            found += [made for each in _calls(value) for made in self._called(*each)]
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
            harmless = returns_argument(value) or (in_class and value in _OF_METHODS)
            makers = [] if made else self._makers(value, node)
            if makers:
                own: Any = dict(target=function, called=function.name, line=function.node.lineno)
                made = [attrs.evolve(each, wrapped_by=wrapped_by, **own) for each in makers]
            elif made and not harmless:
                made = [attrs.evolve(each, wrapper=each.wrapper or _spelt(node)) for each in made]
            elif not (made or harmless or _keeps_name(value)):
                wrapped_by = wrapped_by or _spelt(node)
        return made

    def _called(self, call: Call, options: Options) -> List[MadeFlow]:
        """Return what ``flow(...)`` or ``x.with_options(...)`` gives."""
        node, keywords = options
        made: List[MadeFlow] = []
        for function in alternatives(call.function):
            if isinstance(function, Attribute) and function.name == "with_options":
                made += [each.after(options) for each in self.flows(function.owner)]
        if made or not (call.arguments or "fn" in keywords):
            return made
        given = call.arguments[0] if call.arguments else keywords["fn"]
        spelt = [*node.args, *(each.value for each in node.keywords if each.arg == "fn")]
        for maker in self._makers(call.function, node.func):
            if not maker.doubt:
                new = attrs.evolve(maker.after(options), called=_name_in(spelt[0]))
                made += islice(self._made_of(given, new), _MOST)
        return made

    def _made_of(self, value: object, made: MadeFlow) -> Iterator[MadeFlow]:
        """Yield *made* of each function that *value* may be."""
        for each in alternatives(value):
            flows = self.flows(each)
            if flows:  # Prefect keeps the name and the description of the inner flow.
                spelt = source_of(made.calls[-1][0])
                yield attrs.evolve(made, target=flows[0].target, wrapper=printable(spelt, 80))
            elif isinstance(each, Function):
                wrapped_by = self.wrapper_of(each)
                yield attrs.evolve(made, target=each, called=each.name, wrapped_by=wrapped_by)
            else:
                yield attrs.evolve(made, target=each)

    def _makers(self, value: object, node: ast.expr) -> List[MadeFlow]:
        """Return what makes flows among all that *value*, spelt *node*, may be.

        What is called ``flow`` and cannot be followed counts, with a doubt.
        """
        makers: List[MadeFlow] = []
        paths = [each.name for each in alternatives(value) if isinstance(each, Symbol)]
        for path in paths:
            library, _, rest = path.partition(".")
            if library in _LIBRARIES and rest.rpartition(".")[2] in ("flow", "Flow"):
                makers.append(MadeFlow(library))
        for call, options in _calls(value):
            inner: List[MadeFlow] = []
            if not call.arguments and "fn" not in options[1]:
                inner = self._makers(call.function, options[0].func)
            elif call.function == _PARTIAL and len(call.arguments) == 1:
                inner = self._makers(call.arguments[0], options[0].args[0])
            makers += [each.after(options) for each in inner]
        if not makers and "flow" in (_name_in(node), *(path.rpartition(".")[2] for path in paths)):
            makers = [MadeFlow("", self._doubt(node, paths))]
        return makers[:_MOST]

    def _doubt(self, node: ast.expr, paths: List[str]) -> str:
        source = source_of(node)
        shown = printable(source, 80)
        if not paths and source not in self._scope.names and "." not in source:
            return f"{shown} is not imported; write: from prefect import flow"
        path = f" ({printable(paths[0], 80)})" if paths and paths[0] != source else ""
        return f"{shown}{path} is not known to be Prefect's, and only this script is read"


def _decorators(function: Function) -> List[Tuple[object, ast.expr]]:
    """Return the decorators of *function* and their expressions, lowest first."""
    nodes = getattr(function.node, "decorator_list", [])
    return list(zip(function.decorators, nodes))[::-1]


def _calls(value: object) -> Iterator[Tuple[Call, Options]]:
    """Yield the calls of which *value* may be the result."""
    for each in alternatives(value):
        call = each.call if isinstance(each, OpenCall) else each
        if isinstance(call, Call) and call.node is not None:
            keywords = dict(call.keywords)
            if isinstance(each, OpenCall):
                keywords["**"] = Unknown(each.unread, each.why)
            elif len(call.arguments) + ("fn" in keywords) > 1 and len(call.node.args) > 1:
                keywords["**"] = Unknown(call.node.args[1])  # They may stand there, unnamed.
            yield call, (call.node, keywords)


def _keeps_name(decorator: object) -> bool:
    """Return True if *decorator*, which wraps functions, leaves their names as they are."""
    nodes = _nodes_of(decorator)
    wraps = any(_name_in(node) == "wraps" for node in nodes)
    return wraps and not _changes(decorator, ("__name__",))


def _changes(decorator: object, attributes: Sequence[str]) -> bool:
    """Return True if the code of *decorator* changes one of *attributes* of anything."""
    return any(changed_by(node)[1] in attributes for node in _nodes_of(decorator))


def _nodes_of(decorator: object) -> List[ast.AST]:
    """Return the code of *decorator*, if it is a function of the script, or a call of one."""
    function = decorator.function if isinstance(decorator, Call) else decorator
    return list(ast.walk(function.node)) if isinstance(function, Function) else []


def _spelt(decorator: ast.expr) -> str:
    return f"@{printable(source_of(decorator), 80)}"


def _name_in(node: ast.AST) -> str:
    """Return ``flow`` for ``flow`` and for ``anything.flow``."""
    return str(getattr(node, "attr", getattr(node, "id", "")))
