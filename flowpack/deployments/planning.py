"""What is to be done for deployment specs, found out by reading only."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Optional, Tuple, Union

from flowpack.client import Client
from flowpack.connect import shared_connections, using
from flowpack.deployments.actions import (
    CREATE,
    UPDATE,
    Action,
    Plan,
    Spec,
    Step,
    parse_plan,
    plan_diff,
)
from flowpack.deployments.comparison import SetState, compare
from flowpack.exceptions import (
    APIStatusError,
    BlockError,
    DeploymentValidationError,
    DiscoveryError,
    FlowpackError,
    ObjectNotFound,
    PackagingError,
    PlanChangedError,
    SpecError,
    StorageError,
    WireError,
    printable,
    quoted,
)
from flowpack.packaging.base import (
    CompleteSpec,
    Package,
    call_packager,
    describe_type,
    is_prepared,
)

Specs = Union[Spec, Iterable[Spec]]

#: Name and error of each deployment that failed, by its position in the set.
Failures = Dict[int, Tuple[str, FlowpackError]]

#: Errors that say what is wrong with a spec; the others are of server and storage.
_PROBLEMS = (SpecError, DiscoveryError, BlockError, PackagingError, ObjectNotFound)


def plan(specs: Specs, client: Optional[Client] = None, *, confirm: bool = False) -> Plan:
    """Compare *specs* with what the server has; send nothing but reads.

    Args:
        specs: One spec or many.
        client: None connects to what the settings say.
        confirm: Whether to read the stored bytes, to find damage that the storage does not know
            of. Applying the plan confirms, too; see :func:`deploy`.

    Raises:
        SpecError: Problems of all specs, told together.
        APIError: The server could not be read.
        StorageError: A storage could not be asked what it has.
    """
    with shared_connections(), using(client) as api:
        made, failed = plan_set(specs, api, confirm)
    for _, error in failed.values():
        raise error
    return made


def plan_again(specs: Specs, planned: str, api: Client, confirm: bool) -> Plan:
    """Plan, and return the plan if it says what an earlier one said, as JSON.

    Raises:
        PlanChangedError: It does not.
        SpecError: *planned* is no plan.
    """
    old = parse_plan(planned)
    fresh = plan(specs, api, confirm=confirm)
    differences = plan_diff(old, parse_plan(fresh.to_json()))
    if differences:
        raise PlanChangedError(differences)
    return fresh


def plan_set(specs: Specs, api: Client, confirm: bool) -> Tuple[Plan, Failures]:
    """Plan what can be planned; return also what server or storage do not answer for.

    Raises:
        SpecError: Problems of all specs, told together; that of a single one as it is, whatever
            its class.
    """
    wanted = tuple(_iterate(specs))
    reader, state = api.snapshot(), SetState(confirm)
    steps: List[Step] = []
    problems: List[str] = []
    failed: Failures = {}
    for position, spec in enumerate(wanted):
        label = spec.label
        try:
            flow = spec.find_flow()
            label = f"{flow.name}/{spec.name or flow.name}"
            steps.append(_plan_step(spec.validate(reader, flow), reader, state))
        except _PROBLEMS as exc:
            if len(wanted) == 1:
                raise
            problems.append(_format_problem(spec, exc))
        except (APIStatusError, WireError, StorageError) as exc:
            # With refused credentials it would be the same with the others.
            if isinstance(exc, APIStatusError) and exc.status in (401, 403):
                raise
            failed[position] = label, exc
    problems += _name_clashes(steps)
    if problems:
        raise DeploymentValidationError(f"{len(wanted)} deployments", problems)
    actions = tuple(step.action for step in steps)
    made = Plan(api=api.url, actions=actions, confirm=confirm, specs=wanted, steps=tuple(steps))
    return made, failed


def _iterate(specs: Specs) -> Iterator[Spec]:
    for spec in specs if isinstance(specs, Iterable) else (specs,):
        if not hasattr(type(spec), "find_flow"):
            problem = f"expected deployment specs of flowpack, not {describe_type(spec)}"
            raise DeploymentValidationError("what to deploy", [problem])
        yield spec


def _format_problem(spec: Spec, error: FlowpackError) -> str:
    text = str(error)
    if not isinstance(error, (SpecError, DiscoveryError)):
        text = f"{printable(spec.label)}: {text}"
    return f"{text} ({spec.source})" if spec.source else text


def _name_clashes(steps: Iterable[Step]) -> List[str]:
    counts: Dict[str, int] = {}
    for step in steps:
        counts[step.spec.full_name] = counts.get(step.spec.full_name, 0) + 1
    return [
        f"{quoted(name)} is deployed {count} times in one set; give each its own name"
        for name, count in counts.items()
        if count > 1
    ]


def _plan_step(spec: CompleteSpec, reader: Client, state: SetState) -> Step:
    package: Optional[Package] = None
    if is_prepared(spec.packager):
        kinds = (Package, type(None))
        package = call_packager(spec.packager, "prepare", reader, spec, returns=kinds)
    if package is not None:
        return Step(compare(spec, package, reader, state), spec, package)
    action = Action(
        kind=CREATE if spec.current is None else UPDATE,
        flow_name=spec.flow_name,
        name=spec.name,
        notes=("the code is known when it is packaged",),
        kept=spec.kept,
    )
    return Step(action, spec, None)
