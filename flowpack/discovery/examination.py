"""From a script to the flows that it defines."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack.discovery.choice import choose
from flowpack.discovery.constants import Constants
from flowpack.discovery.found import FoundFlow, Undetermined, describe
from flowpack.discovery.names import names_of
from flowpack.discovery.script import Script
from flowpack.discovery.values import Foreign, Function, MadeFlow, Values
from flowpack.exceptions import DiscoveryError, MissingFlowError, printable, quoted

_Candidate = Union[FoundFlow, Undetermined]


@attrs.frozen(kw_only=True)
class Findings:
    """All that the source of a script tells of its flows.

    Attributes:
        script: The script.
        flows: The flows of which everything is told, in the order of their lines.
        undetermined: The flows, or what looks like them, of which it is not.
        others: Why other names of the module are no flows, as far as it is known.
    """

    script: Script
    flows: Tuple[FoundFlow, ...]
    undetermined: Tuple[Undetermined, ...]
    others: Mapping[str, str] = attrs.field(repr=False)

    def select(self, name: Optional[str] = None) -> FoundFlow:
        """Return the flow that *name* means; see :func:`select_flow`."""
        likely = [each for each in self.undetermined if each.likely]
        candidates: List[_Candidate] = [*self.flows, *likely]
        try:
            chosen = choose(candidates, name, self.script.name)
        except MissingFlowError as exc:
            raise self._explained(exc, name) from None
        if isinstance(chosen, Undetermined):
            raise chosen.error
        return chosen

    def _explained(
        self, missing: MissingFlowError, name: Optional[str]
    ) -> DiscoveryError:
        """Return a better error than *missing*, if something more is known."""
        for each in self.undetermined:
            if not each.likely and (name is None or name in each.variables):
                return each.error
        if name is not None and name in self.others:
            reason = f"{quoted(name)} is no flow of this script: {self.others[name]}"
            return MissingFlowError(missing.where, reason)
        for each in self.undetermined:
            if each.likely and each.name is None:
                reason = f"{missing.reason}. It may be the one in this line:"
                return MissingFlowError(each.where, f"{reason} {each.reason}")
        return missing


def examine(script: Script) -> Findings:
    """Return all that the source of *script* tells of its flows; runs nothing.

    Raises:
        DiscoveryError: The script cannot be parsed.
    """
    try:
        return _examine(script)
    except RecursionError as exc:
        reason = "it is nested too deeply to be followed"
        raise DiscoveryError(script.name, reason) from exc


def find_flows(script: Script) -> Tuple[FoundFlow, ...]:
    """Return the flows of *script* of which everything is told by its source.

    Raises:
        DiscoveryError: The script cannot be parsed.
    """
    return examine(script).flows


def select_flow(
    source: Union[Script, Findings], name: Optional[str] = None
) -> FoundFlow:
    """Return the flow that *name* means, told from the source; runs nothing.

    Args:
        source: The script, or what :func:`examine` told of it.
        name: The flow's name, the module-level name that it is bound to, or its
            function's. None means the only flow of the script.

    Raises:
        UnspecifiedFlowError: Several flows are meant.
        MissingFlowError: None is.
        DiscoveryError: The flow's name, version or description cannot be told, or
            the script cannot be parsed.
    """
    return (examine(source) if isinstance(source, Script) else source).select(name)


def _examine(script: Script) -> Findings:
    names = names_of(script.tree)
    constants = Constants(script.tree)
    flows: List[FoundFlow] = []
    undetermined: List[Undetermined] = []
    for alternatives, variables in _bound_flows(names):
        one = _as_one(
            [describe(each, variables, script, constants) for each in alternatives]
        )
        if isinstance(one, FoundFlow):
            flows.append(one)
        else:
            undetermined.append(one)
    return Findings(
        script=script,
        flows=tuple(_with_namesakes(flows)),
        undetermined=tuple(undetermined),
        others=dict(_others(names)),
    )


def _bound_flows(
    names: Mapping[str, Values],
) -> Iterator[Tuple[Tuple[MadeFlow, ...], Tuple[str, ...]]]:
    """Yield each flow with its variables: the alternatives that it may be."""
    variables: Dict[Tuple[MadeFlow, ...], List[str]] = {}
    for name, values in names.items():
        flows = tuple(value for value in values if isinstance(value, MadeFlow))
        if flows:
            variables.setdefault(flows, []).append(name)
    for flows in sorted(variables, key=lambda flows: flows[0].line):
        yield flows, tuple(variables[flows])


def _as_one(alternatives: List[_Candidate]) -> _Candidate:
    """Return what holds whichever of *alternatives* the script will take."""
    first = alternatives[0]
    found = [each for each in alternatives if isinstance(each, FoundFlow)]
    if isinstance(first, FoundFlow) and len(found) == len(alternatives):
        if all(_facts(each) == _facts(first) for each in found):
            origins = (each.origin for each in found)
            return attrs.evolve(first, origin=frozenset().union(*origins))
        return Undetermined(
            where=first.script.at(first.line),
            function=first.function,
            variables=first.variables,
            name=first.name if len({each.name for each in found}) == 1 else None,
            reason=_differing(found),
        )
    return next(each for each in alternatives if isinstance(each, Undetermined))


def _facts(flow: FoundFlow) -> Tuple[object, ...]:
    parameters = [(each.name, each.kind, each.has_default) for each in flow.parameters]
    return flow.name, flow.version, flow.description, parameters


def _differing(flows: List[FoundFlow]) -> str:
    lines = ", ".join(str(line) for line in sorted({flow.line for flow in flows}))
    return (
        f"which flow {printable(flows[0].variable)} is depends on a condition: it is"
        f" made differently in lines {lines}. Give each a module-level name of its own"
    )


def _with_namesakes(flows: List[FoundFlow]) -> Iterator[FoundFlow]:
    for flow in flows:
        others = [each for each in flows if each is not flow and each.name == flow.name]
        namesakes = tuple(each.variable for each in others)
        yield attrs.evolve(flow, namesakes=namesakes) if namesakes else flow


def _others(names: Mapping[str, Values]) -> Iterator[Tuple[str, str]]:
    """Yield names that people may take for flows, and what they are."""
    for name, values in names.items():
        for value in values:
            if isinstance(value, Foreign):
                yield name, (
                    f"line {value.line} imports {printable(value.path)}, and only this"
                    " script's own bytes would be packaged. Deploy the file that"
                    " defines it"
                )
            elif isinstance(value, Function):
                yield name, _why_no_flow(value)


def _why_no_flow(function: Function) -> str:
    line = function.node.lineno
    if function.wrapped_by:
        wrapper = function.wrapped_by
        return f"what {wrapper} makes of it (line {line}) cannot be told"
    return f"it is a plain function (line {line}); put @flow above it"
