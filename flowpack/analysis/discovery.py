"""Which flows a script defines, read from its source; the script is never run."""

from __future__ import annotations

import ast
import inspect
from typing import Dict, FrozenSet, Iterator, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack.analysis.makers import AnyCall, FlowReader, MadeFlow
from flowpack.analysis.script import Script
from flowpack.analysis.selection import choose
from flowpack.analysis.syntax import docstring_of, every_argument, source_of
from flowpack.analysis.values import Class, Function, Scope, Symbol, Unknown, alternatives
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
        origin: The libraries whose ``flow`` makes it: ``prefect``, ``flowpack`` or,
            where an import has a fallback, both.
        is_async: Whether calling it gives a coroutine.
        namesakes: Names of other flows in the script that have this one's name. A
            server that knows flows by name alone cannot tell them apart.
        renamed: Whether the script has it under another name, for it was renamed
            elsewhere.
        definition: Its function; None if that is not in the script, or if it is not
            known which of several it is.
    """

    script: Script
    function: str
    variable: str
    name: str
    version: str
    description: Optional[str] = None
    line: int = 0
    origin: FrozenSet[str] = frozenset()
    is_async: bool = False
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
        if self.definition is None:
            return {}
        listed = every_argument(self.definition.node.args)
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
    """A flow, by the look of it, of which something is not known from the source.

    Attributes:
        where: File and line.
        function: The name of its function; may be empty.
        variables: The names that it is bound to.
        name: The flow's name, if that is known.
        reason: What is not known and what to write instead.
        likely: False where it may as well be no flow at all.
        definition: As in :class:`FlowInfo`.
    """

    where: str
    function: str
    variables: Tuple[str, ...]
    name: Optional[str]
    reason: str
    likely: bool = True
    definition: Optional[Function] = attrs.field(default=None, eq=False, repr=False)

    @property
    def error(self) -> DiscoveryError:
        """What to raise when this flow is asked for."""
        return DiscoveryError(self.where, self.reason)


_INSTEAD = "or give the flow itself as flow= in a spec file"

_Candidate = Union[FlowInfo, Undetermined]
#: More flows than these in one class are not looked at.
_MOST = 1_000


@attrs.frozen(kw_only=True)
class Discovery:
    """All that the source of a script says of its flows.

    Attributes:
        script: The script.
        flows: The flows at module level of which everything is known, in the order of
            their lines.
        methods: The flows in classes of which everything is known.
        undetermined: The flows, or what looks like them, of which it is not.
    """

    script: Script
    flows: Tuple[FlowInfo, ...]
    methods: Tuple[FlowInfo, ...]
    undetermined: Tuple[Undetermined, ...]

    def select(self, name: Optional[str] = None) -> FlowInfo:
        """Return the flow that *name* means; see :func:`select_flow`."""
        likely = [each for each in self.undetermined if each.likely]
        candidates: List[_Candidate] = [*self.flows, *likely]
        if not candidates or (self.methods and not _has(candidates, name)):
            candidates += self.methods
        try:
            chosen = choose(candidates, name, self.script.name)
        except MissingFlowError as exc:
            raise self._explained(exc, name) from None
        if isinstance(chosen, Undetermined):
            raise chosen.error
        return chosen

    def _explained(self, missing: MissingFlowError, name: Optional[str]) -> DiscoveryError:
        """Return a better error than *missing*, if something more is known."""
        for each in self.undetermined:
            if not each.likely and (name is None or name in each.variables):
                return each.error
        why_not = None if name is None else self._why_no_flow(name)
        if why_not:
            reason = f"{quoted(name)} is no flow of this script: {why_not}"
            return MissingFlowError(missing.where, reason)
        for each in self.undetermined:
            if each.likely and each.name is None:
                reason = f"{missing.reason}. It may be the one in this line:"
                return MissingFlowError(each.where, f"{reason} {each.reason}")
        return missing

    def _why_no_flow(self, name: str) -> Optional[str]:
        """Return why *name*, which people may take for a flow, is none."""
        for value in alternatives(self.script.scope.names.get(name)):
            if isinstance(value, Symbol) and not value.name.startswith("builtins."):
                line = _line_of_import(name, self.script.tree)
                return (
                    f"{line}{printable(value.name)}, and only this script's own bytes would be"
                    " packaged. Deploy the file that defines it"
                )
            if isinstance(value, Function):
                line = f"line {getattr(value.node, 'lineno', 0)}"
                wrapper = FlowReader(self.script.scope).wrapper_of(value)
                if wrapper:
                    return f"what {wrapper} makes of it ({line}) cannot be told"
                return f"it is a plain function ({line}); put @flow above it"
            if isinstance(value, Unknown) and value.why:
                return f"what it is cannot be told: {value.why}"
        return None


def _has(candidates: List[_Candidate], name: Optional[str]) -> bool:
    """Return True if *name* is meant for one of *candidates*."""
    return name is None or any(
        name in (each.name, each.function, *each.variables) for each in candidates
    )


def _line_of_import(name: str, tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if name in [alias.asname or alias.name for alias in node.names]:
                return f"line {node.lineno} imports "
    return "it is "


def find_flows(script: Script) -> Discovery:
    """Return all that the source of *script* says of its flows; runs nothing.

    Raises:
        DiscoveryError: The script cannot be parsed.
    """
    try:
        return _Describer(script).discovery()
    except RecursionError as exc:
        raise DiscoveryError(script.name, "it is nested too deeply to be followed") from exc


def select_flow(script: Script, name: Optional[str] = None) -> FlowInfo:
    """Return the flow that *name* means, read from the source; runs nothing.

    Args:
        script: The script.
        name: The flow's name, the module-level name that it is bound to, its
            function's, or ``Class.method``. None means the only flow of the script.

    Raises:
        UnspecifiedFlowError: Several flows are meant.
        MissingFlowError: None is.
        DiscoveryError: The flow's name, version or description is not known, or
            the script cannot be parsed.
    """
    return find_flows(script).select(name)


class _UnknownError(ValueError):
    """Something about a flow is not known; the text says what to do."""


class _Describer:
    """Describes the flows of one script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.scope = script.scope
        self.reader = FlowReader(script.scope)
        self._classes: Dict[int, Tuple[Tuple[Tuple[MadeFlow, ...], str], ...]] = {}

    def discovery(self) -> Discovery:
        """Return all flows of the script."""
        found = [self._described(*each) for each in self._bound_flows()]
        methods = [self._described(made, (path,)) for made, path in self._methods(self.scope)]
        flows = [each for each in found if isinstance(each, FlowInfo)]
        return Discovery(
            script=self.script,
            flows=tuple(_with_namesakes(flows)),
            methods=tuple(each for each in methods if isinstance(each, FlowInfo)),
            undetermined=tuple(
                attrs.evolve(each, likely=each.likely and "." not in each.variables[0])
                for each in [*found, *methods]
                if isinstance(each, Undetermined)
            ),
        )

    def _bound_flows(self) -> Iterator[Tuple[Tuple[MadeFlow, ...], Tuple[str, ...]]]:
        """Yield each flow at module level with its names: the alternatives that it may be."""
        variables: Dict[Tuple[MadeFlow, ...], List[str]] = {}
        for name, value in self.scope.names.items():
            made = tuple(flow for each in alternatives(value) for flow in self.reader.flows(each))
            if made:
                variables.setdefault(made, []).append(name)
        for made in sorted(variables, key=lambda flows: flows[0].line):
            yield made, tuple(variables[made])

    def _methods(self, scope: Scope) -> Iterator[Tuple[Tuple[MadeFlow, ...], str]]:
        """Yield the flows in classes, those of bases included, with ``Class.method``."""
        for name, value in scope.names.items():
            for made, path in self._in_class(value) if isinstance(value, Class) else ():
                yield made, f"{name}.{path}"

    def _in_class(self, cls: Class) -> Tuple[Tuple[Tuple[MadeFlow, ...], str], ...]:
        """Return the flows in *cls*, with their names in it."""
        if id(cls) not in self._classes:
            found: List[Tuple[Tuple[MadeFlow, ...], str]] = []
            for owner in cls.lineage:
                for attribute in owner.scope.names:
                    value = cls.attribute(attribute)
                    if value is owner.scope.names[attribute]:
                        made = self.reader.flows(value, in_class=True)
                        if made:
                            found.append((made, attribute))
                found += self._methods(owner.scope)
            self._classes[id(cls)] = tuple(found[:_MOST])
        return self._classes[id(cls)]

    def _described(
        self, alternatives: Tuple[MadeFlow, ...], variables: Tuple[str, ...]
    ) -> _Candidate:
        """Return what holds whichever of *alternatives* the script will take."""
        found: List[FlowInfo] = []
        for made in alternatives:
            each = self._describe(made, variables)
            if isinstance(each, Undetermined):
                return each
            found.append(each)
        first = found[0]
        if len({(each.name, each.version, each.description) for each in found}) > 1:
            lines = ", ".join(str(line) for line in sorted({each.line for each in found}))
            return Undetermined(
                where=self.script.at(first.line),
                function=first.function,
                variables=variables,
                name=first.name if len({each.name for each in found}) == 1 else None,
                reason=f"which flow {printable(variables[0])} is depends on a condition: it is"
                f" made differently in lines {lines}. Give each a module-level name of its own",
            )
        whole = attrs.evolve(first, origin=frozenset().union(*(each.origin for each in found)))
        if any(each.definition is not first.definition for each in found):
            return attrs.evolve(whole, definition=None)
        return whole

    def _describe(self, made: MadeFlow, variables: Tuple[str, ...]) -> _Candidate:
        """Return what is known of a flow bound to *variables*, or why it is not."""
        name = None
        try:
            _check(made)
            name = _name(made)
            return self._info(made, variables, name)
        except _UnknownError as exc:
            return Undetermined(
                where=self.script.at(made.line),
                function=made.called,
                variables=variables,
                name=name,
                reason=str(exc),
                likely=made.likely,
                definition=made.definition,
            )

    def _info(self, made: MadeFlow, variables: Tuple[str, ...], name: str) -> FlowInfo:
        node = made.target.node if isinstance(made.target, Function) else None
        version = _option(made, "version") or self.script.md5
        docstring = docstring_of(node) if node else None
        description = _option(made, "description") or docstring and inspect.cleandoc(docstring)
        return FlowInfo(
            script=self.script,
            function=made.called or variables[0],
            variable=variables[0],
            name=name,
            version=str(version),
            description=None if description is None else str(description),
            line=made.line,
            origin=frozenset({made.maker.library}),
            is_async=isinstance(node, ast.AsyncFunctionDef),
            aliases=variables[1:],
            definition=made.definition,
        )


def _check(made: MadeFlow) -> None:
    """Refuse what may be no flow."""
    if made.maker.doubt:
        raise _UnknownError(
            f"whether this is a flow cannot be told: {made.maker.doubt}. Decorate the"
            f" function with Prefect's or flowpack's own flow, {_INSTEAD}"
        )
    if made.wrapper:
        raise _UnknownError(
            f"what {made.wrapper} makes of the flow is not known, and only a flow can be run."
            f" Write {made.wrapper} below @flow, or let it return the very flow that it is"
            " given"
        )


def _name(made: MadeFlow) -> str:
    name = _option(made, "name")
    if name:
        problem = name_problem(name)  # type: ignore[arg-type]  # it checks the type
        if problem:
            raise _UnknownError(problem)
        return str(name)
    target = made.target
    if not isinstance(target, Function):
        why = f" ({target.why})" if isinstance(target, Unknown) and target.why else ""
        raise _UnknownError(_unknown("name", f"depends on a function of another module{why}"))
    if made.wrapped_by:
        raise _UnknownError(_unknown("name", f"may be changed by {made.wrapped_by} below @flow"))
    if isinstance(target.node, ast.Lambda):
        raise _UnknownError("a lambda has no name; give one: flow(..., name='...')")
    return target.name.replace("_", "-")


def _unknown(what: str, why: str) -> str:
    return (
        f"the flow's {what} {why}, so only running the script would tell it. Write a"
        f" literal {what}='...', {_INSTEAD}"
    )


def _option(made: MadeFlow, key: str) -> object:
    """Return the value given for *key*, or None; a later call's comes first."""
    for call, options in reversed(made.maker.calls):
        if key not in options and "**" in options:
            shown = quoted(source_of(_node_of(options["**"], call, key)), 80)
            raise _UnknownError(_unknown(key, f"may stand in {shown}"))
        value = options.get(key)
        if not isinstance(value, (str, int, float, type(None))):  # A bool is an int.
            shown = quoted(source_of(_node_of(value, call, key)), 80)
            why = f" ({value.why})" if isinstance(value, Unknown) and value.why else ""
            raise _UnknownError(_unknown(key, f"depends on {shown}{why}"))
        if value:
            return value
    return None


def _node_of(value: object, call: AnyCall, key: str) -> ast.AST:
    """Return the expression that *value*, the option *key* of *call*, comes from."""
    node = getattr(value, "node", None)
    if isinstance(node, ast.AST):
        return node
    keywords = call.node.keywords if isinstance(call.node, ast.Call) else []
    return next((each.value for each in keywords if each.arg == key), ast.Name(key, ast.Load()))


def _with_namesakes(flows: List[FlowInfo]) -> Iterator[FlowInfo]:
    for flow in flows:
        others = [each for each in flows if each is not flow and each.name == flow.name]
        namesakes = tuple(each.variable for each in others)
        yield attrs.evolve(flow, namesakes=namesakes) if namesakes else flow
