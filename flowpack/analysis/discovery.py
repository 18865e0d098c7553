"""Which flows a script defines, read from its source; the script is never run."""

from __future__ import annotations

import functools
import inspect
from typing import Dict, FrozenSet, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack.analysis.makers import FlowReader, MadeFlow
from flowpack.analysis.script import Script, choose
from flowpack.analysis.syntax import docstring_of, arguments_of, source_of
from flowpack.analysis.values import Call, Class, Function, OpenCall, Scope, Symbol, alternatives
from flowpack.exceptions import DiscoveryError, MissingFlowError, printable, quoted
from flowpack.models import name_problem


@attrs.frozen(kw_only=True)
class FlowInfo:
    """A flow that a script defines, read from its source.

    Attributes:
        script: The script, with its bytes.
        function: The name of its function.
        variable: The module-level name that it is bound to, or ``Class.method``.
        aliases: Further names of that kind.
        name: The flow's name.
        version: As given, else the MD5 of the script's bytes.
        description: As given, else the function's docstring.
        line: Where it is made.
        origin: The libraries whose ``flow`` makes it: ``prefect``, ``flowpack`` or, where an
            import has a fallback, both.
        namesakes: Names of other flows in the script that have this one's name, by which alone
            servers know flows.
        renamed: Whether the script has it under another name, for it was renamed elsewhere.
        definition: Its function; None if that is not in the script or not known.
    """

    script: Script
    function: str
    variable: str
    name: str
    version: str
    description: Optional[str] = None
    line: int = 0
    origin: FrozenSet[str] = frozenset()
    aliases: Tuple[str, ...] = ()
    namesakes: Tuple[str, ...] = ()
    renamed: bool = False
    definition: Optional[Function] = attrs.field(default=None, eq=False, repr=False)

    @property
    def variables(self) -> Tuple[str, ...]:
        """Every name of the script that the flow is bound to."""
        return (self.variable, *self.aliases)

    @property
    def entrypoint(self) -> str:
        """Where Prefect finds the flow in the script's folder: ``file.py:name``."""
        return f"{self.script.filename}:{self.variable}"

    @property
    def parameters(self) -> Mapping[str, Optional[str]]:
        """The source of each parameter's annotation; empty if the definition is not known."""
        listed = arguments_of(self.definition.node.args) if self.definition else []
        return {
            each.arg: None if each.annotation is None else source_of(each.annotation)
            for each in listed
        }

    @property
    def is_method(self) -> bool:
        """Whether the flow is in a class: ``Class.method``."""
        return "." in self.variable


@attrs.frozen(kw_only=True)
class Undetermined:
    """A flow, by the look of it, of which something is not known; else as :class:`FlowInfo`."""

    where: str  # File and line.
    function: str  # May be empty.
    variables: Tuple[str, ...]
    name: Optional[str]
    reason: str  # What is not known and what to write instead.
    definition: Optional[Function] = attrs.field(default=None, eq=False, repr=False)


_INSTEAD = "or give the flow itself as flow= in a spec file"

#: More flows than these in one class are not looked at.
_MOST = 1_000

_Candidate = Union[FlowInfo, Undetermined]
#: The flows of which a name is one, and the names.
_Bound = Tuple[Tuple[MadeFlow, ...], Tuple[str, ...]]


@attrs.frozen(kw_only=True)
class Discovery:
    """All that the source of a script says of its flows."""

    script: Script
    flows: Tuple[FlowInfo, ...]  # At module level, by their lines; all is known of them.
    methods: Tuple[FlowInfo, ...]  # In classes; likewise.
    undetermined: Tuple[Undetermined, ...]

    def select(self, name: Optional[str] = None) -> FlowInfo:
        """Return the flow that *name* means; see :func:`select_flow`."""
        candidates: List[_Candidate] = [*self.flows, *self.methods, *self.undetermined]
        top_level = [each for each in candidates if "." not in each.variables[0]]
        if any(name in (None, each.name, each.function, *each.variables) for each in top_level):
            candidates = top_level
        try:
            chosen = choose(candidates, name, self.script.name)
        except MissingFlowError as exc:
            why_not = None if name is None else self._why_no_flow(name)
            if why_not:
                reason = f"{quoted(name)} is no flow of this script: {why_not}"
                raise MissingFlowError(exc.where, reason) from None
            for each in self.undetermined:
                if each.name is None:
                    reason = f"{exc.reason}. It may be the one in this line: {each.reason}"
                    raise MissingFlowError(each.where, reason) from None
            raise
        if isinstance(chosen, Undetermined):
            raise DiscoveryError(chosen.where, chosen.reason)
        return chosen

    def _why_no_flow(self, name: str) -> Optional[str]:
        """Return why *name*, which people may take for a flow, is none."""
        for value in alternatives(self.script.scope.names.get(name)):
            if isinstance(value, Symbol) and not value.name.startswith("builtins."):
                return (
                    f"it is imported, {printable(value.name)}, and only this script's own bytes"
                    " would be packaged. Deploy the file that defines it"
                )
            if isinstance(value, Function):
                line = f"line {value.node.lineno}"
                wrapper = FlowReader(self.script.scope).wrapper_of(value)
                if wrapper:
                    return f"what {wrapper} makes of it ({line}) is not known"
                return f"it is a plain function ({line}); put @flow above it"
            if isinstance(value, (Call, OpenCall)) and value.node is not None:
                return f"what {printable(source_of(value.node), 80)} returns is not known"
            why = getattr(value, "why", "")
            if why:
                return f"what it is is not known: {why}"
        return None


def select_flow(script: Script, name: Optional[str] = None) -> FlowInfo:
    """Return the flow that *name* means, read from the source; runs nothing.

    That is the flow's name, the module-level name that it is bound to, its function's, or
    ``Class.method``. None means the only flow of the script.

    Raises:
        UnspecifiedFlowError: Several flows are meant.
        MissingFlowError: None is.
        DiscoveryError: Something about the flow is not known, or the script cannot be parsed.
    """
    return find_flows(script).select(name)


def find_flows(script: Script) -> Discovery:
    """Return all that the source of *script* says of its flows; runs nothing.

    Raises:
        DiscoveryError: The script cannot be parsed.
    """
    try:
        bound = [*_flows_of_module(script.scope), *_flows_of_classes(script.scope)]
        found = [_describe(script, *each) for each in bound]
    except RecursionError as exc:
        raise DiscoveryError(script.name, "it is nested too deeply to be followed") from exc
    known = [each for each in found if isinstance(each, FlowInfo)]
    flows = [each for each in known if not each.is_method]
    return Discovery(
        script=script,
        flows=tuple(attrs.evolve(each, namesakes=_namesakes(each, flows)) for each in flows),
        methods=tuple(each for each in known if each.is_method),
        undetermined=tuple(each for each in found if isinstance(each, Undetermined)),
    )


def _flows_of_module(scope: Scope) -> List[_Bound]:
    """Return the flows at module level, in the order of their lines."""
    reader = FlowReader(scope)
    variables: Dict[Tuple[MadeFlow, ...], List[str]] = {}
    for name, value in scope.names.items():
        made = tuple(flow for each in alternatives(value) for flow in reader.flows(each))
        if made:
            variables.setdefault(made, []).append(name)
    bound = [(made, tuple(names)) for made, names in variables.items()]
    return sorted(bound, key=lambda each: each[0][0].line)


def _flows_of_classes(scope: Scope) -> List[_Bound]:
    """Return the flows in classes, those of bases included, as ``Class.method``."""
    reader = FlowReader(scope)

    @functools.lru_cache(maxsize=None)
    def in_class(cls: Class) -> List[_Bound]:
        found: List[_Bound] = []
        for owner in (each for each in cls.lineage if each.scope.module is scope):
            for name, value in owner.scope.names.items():
                made = reader.flows(value, in_class=True)
                if made and value is cls.attribute(name):
                    found.append((made, (name,)))
            found += in_scope(owner.scope)
        return found[:_MOST]

    def in_scope(scope: Scope) -> List[_Bound]:
        classes = [(name, cls) for name, cls in scope.names.items() if isinstance(cls, Class)]
        return [(made, (f"{n}.{p}",)) for n, cls in classes for made, (p,) in in_class(cls)]

    return in_scope(scope)


def _namesakes(flow: FlowInfo, flows: List[FlowInfo]) -> Tuple[str, ...]:
    return tuple(f.variable for f in flows if f is not flow and f.name == flow.name)


class _UnknownError(ValueError):
    """Something about a flow is not known; the text says what to do."""


def _describe(
    script: Script, possible: Tuple[MadeFlow, ...], variables: Tuple[str, ...]
) -> _Candidate:
    """Return what holds whichever of *possible* the script will take."""
    found: List[FlowInfo] = []
    try:
        for made in possible:
            name = None
            name = _name(made)
            found.append(_info(script, made, variables, name))
        made, first = possible[0], found[0]
        if len({(each.name, each.version, each.description) for each in found}) > 1:
            name = first.name if len({each.name for each in found}) == 1 else None
            lines = ", ".join(str(line) for line in sorted({each.line for each in found}))
            raise _UnknownError(
                f"which flow {printable(variables[0])} is depends on a condition: it is made"
                f" differently in lines {lines}. Give each a module-level name of its own"
            )
    except _UnknownError as exc:
        return Undetermined(
            where=script.at(made.line),
            function=made.called,
            variables=variables,
            name=name,
            reason=str(exc),
            definition=made.definition,
        )
    is_one = all(each.definition is first.definition for each in found)
    origin = frozenset().union(*(each.origin for each in found))
    return attrs.evolve(first, origin=origin, definition=first.definition if is_one else None)


def _info(script: Script, made: MadeFlow, variables: Tuple[str, ...], name: str) -> FlowInfo:
    version = _option(made, "version") or script.md5
    docstring = docstring_of(made.target.node) if isinstance(made.target, Function) else None
    description = _option(made, "description") or docstring and inspect.cleandoc(docstring)
    return FlowInfo(
        script=script,
        function=made.called or variables[0],
        variable=variables[0],
        name=name,
        version=str(version),
        description=None if description is None else str(description),
        line=made.line,
        origin=frozenset({made.library}),
        aliases=variables[1:],
        definition=made.definition,
    )


def _name(made: MadeFlow) -> str:
    """Return the name of *made*, if it is known to be a flow."""
    if made.doubt:
        raise _UnknownError(
            f"whether this is a flow is not known: {made.doubt}. Decorate the function with"
            f" Prefect's or flowpack's own flow, {_INSTEAD}"
        )
    if made.wrapper:
        raise _UnknownError(
            f"what {made.wrapper} makes of the flow is not known, and only a flow can be run."
            " A decorator must stand below @flow or return the very flow that it is given"
        )
    name, target = _option(made, "name"), made.target
    if name:
        problem = name_problem(name)  # type: ignore[arg-type]  # it checks the type
        if problem:
            raise _UnknownError(problem)
        return str(name)
    if not isinstance(target, Function):
        raise _unknown("name", "depends on a function of another module", target)
    if made.wrapped_by:
        raise _unknown("name", f"may be changed by {made.wrapped_by} below @flow")
    if target.name == "<lambda>":
        raise _UnknownError("a lambda has no name; give one: flow(..., name='...')")
    return target.name.replace("_", "-")


def _option(made: MadeFlow, key: str) -> object:
    """Return the value given for *key*, or None; a later call's comes first."""
    for call, keywords in reversed(made.calls):
        value = keywords.get(key, keywords.get("**"))
        if not isinstance(value, (str, int, float, type(None))):  # A bool is an int.
            spelt = [each.value for each in call.keywords if each.arg == key]
            shown = quoted(source_of(getattr(value, "node", None) or (spelt or [call])[0]), 80)
            verb = "depends on" if key in keywords else "may stand in"
            raise _unknown(key, f"{verb} {shown}", value)
        if value:
            return value
    return None


def _unknown(what: str, why: str, value: object = None) -> _UnknownError:
    reason = getattr(value, "why", "")
    clause = f" ({reason})" if reason else ""
    return _UnknownError(
        f"the flow's {what} {why}{clause}, so only running the script would tell it. Write a"
        f" literal {what}='...', {_INSTEAD}"
    )
