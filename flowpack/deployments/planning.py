"""Plan, apply, deploy: the one path by which deployments come to be.

:func:`plan` reads and compares, :func:`apply` does what a plan says, and
:func:`deploy` is both in one.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from flowpack.client import Client
from flowpack.connect import shared_connections, using
from flowpack.deployments.actions import (
    CREATE,
    UPDATE,
    Action,
    Deployed,
    Plan,
    Spec,
    Step,
)
from flowpack.deployments.carry_out import Failures, carry_out
from flowpack.deployments.comparison import Found, compare
from flowpack.deployments.keeping import read_current
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
from flowpack.packaging.base import CompleteSpec, Package
from flowpack.packaging.calling import (
    check_returned,
    is_prepared,
    packager_errors,
    with_client,
)
from flowpack.packaging.fields import kind_of

Specs = Union[Spec, Iterable[Spec]]

#: Errors that say what is wrong with a spec; the others are of server and storage.
_PROBLEMS = (SpecError, DiscoveryError, BlockError, PackagingError, ObjectNotFound)


def plan(
    specs: Specs, client: Optional[Client] = None, *, confirm: bool = False
) -> Plan:
    """Compare *specs* with what the server has; send nothing but reads.

    Args:
        specs: One spec or many.
        client: None connects to what the settings say.
        confirm: Whether to read the stored bytes, to find damage that the storage
            does not know of. Applying the plan confirms, too; see :func:`deploy`.

    Raises:
        SpecError: Problems of all specs, told together.
        APIError: The server could not be read.
        StorageError: A storage could not be asked what it has.
    """
    with shared_connections(), using(client) as api:
        return _whole(*_plan(specs, api, confirm))


def apply(plan: Plan, client: Optional[Client] = None) -> Tuple[Deployed, ...]:
    """Do what *plan* says, if it still holds.

    Raises:
        PlanChangedError: A script or a deployment is no longer as the plan saw it.
        FlowpackError: As :func:`deploy`.
    """
    with shared_connections(), using(client) as api:
        try:
            fresh = _plan_again(plan.specs, plan.to_json(), api, plan.confirm)
        except (SpecError, DiscoveryError) as exc:
            raise PlanChangedError([str(exc)]) from exc
        return carry_out(fresh, api, {}, confirm=plan.confirm)


def deploy(
    specs: Specs,
    client: Optional[Client] = None,
    *,
    jobs: Optional[int] = None,
    fail_fast: bool = False,
    confirm: bool = False,
    progress: Optional[Callable[[Deployed], None]] = None,
    planned: Optional[str] = None,
) -> Tuple[Deployed, ...]:
    """Deploy one spec or many; what is unchanged is left alone.

    Everything is validated before the first write. One that fails for another
    reason does not keep the others from being deployed. A schedule on the embedded API,
    where nobody follows it, is a ``UserWarning``.

    Args:
        specs: One spec or many.
        client: None connects to what the settings say.
        jobs: How many to deploy at a time; None is one for the embedded API, up to
            8 for 2.0b7 and up to 4 for today's Prefect.
        fail_fast: Whether to stop at the first failure.
        confirm: Whether to read the stored bytes, put them back where they are
            missing or damaged, and read deployment and bytes after the last write.
        progress: Called with each one that is done, in the order they finish, one
            at a time.
        planned: An earlier plan as JSON; nothing is done unless planning again
            gives the same; made with the same *confirm*.

    Returns:
        What became of each, in the order of *specs*.

    Raises:
        SpecError: Problems of the specs; nothing was written.
        PlanChangedError: It is no longer as *planned* says; nothing was written.
        DeploymentsFailedError: Some of several failed, the others are done.
        FlowpackError: The only one failed; running it again finishes the job.
    """
    with shared_connections(), using(client) as api:
        failed: Failures = {}
        if planned is not None:
            found = _plan_again(specs, planned, api, confirm)
        elif fail_fast:
            found = plan(specs, api, confirm=confirm)
        else:
            found, failed = _plan(specs, api, confirm)
        return carry_out(
            found,
            api,
            failed,
            jobs=jobs,
            fail_fast=fail_fast,
            confirm=confirm,
            progress=progress,
        )


def _each(specs: Specs) -> Iterator[Spec]:
    for spec in specs if isinstance(specs, Iterable) else (specs,):
        if not hasattr(type(spec), "find_flow"):
            problem = f"expected deployment specs of flowpack, not {kind_of(spec)}"
            raise DeploymentValidationError("what to deploy", [problem])
        yield spec


# --- planning -------------------------------------------------------------------


def _plan(specs: Specs, api: Client, confirm: bool) -> Tuple[Plan, Failures]:
    """Plan what can be planned; return also what server or storage do not tell of.

    Raises:
        SpecError: Problems of all specs, told together; that of a single one as it
            is, whatever its class.
    """
    wanted = tuple(_each(specs))
    reader = api.snapshot()
    steps: List[Step] = []
    problems: List[str] = []
    failed: Failures = {}
    found = Found(confirm)
    for position, spec in enumerate(wanted):
        label = spec.label
        try:
            flow = spec.find_flow()
            label = f"{flow.name}/{spec.name or flow.name}"
            complete = spec.validate(reader, flow)
            steps.append(_step(complete, reader, found))
        except _PROBLEMS as exc:
            if len(wanted) == 1:
                raise
            problems.append(_problem(spec, exc))
        except (APIStatusError, WireError, StorageError) as exc:
            # With refused credentials it would be the same with the others.
            if isinstance(exc, APIStatusError) and exc.status in (401, 403):
                raise
            failed[position] = label, exc
    problems += _clashes(step.spec for step in steps)
    if problems:
        raise DeploymentValidationError(f"{len(wanted)} deployments", problems)
    actions = tuple(step.action for step in steps)
    made = Plan(
        api=api.url,
        actions=actions,
        confirm=confirm,
        specs=wanted,
        steps=tuple(steps),
    )
    return made, failed


def _whole(found: Plan, failed: Failures) -> Plan:
    for _, error in failed.values():
        raise error
    return found


def _problem(spec: Spec, error: FlowpackError) -> str:
    told = str(error)
    if not isinstance(error, (SpecError, DiscoveryError)):
        told = f"{printable(spec.label)}: {told}"
    return f"{told} ({spec.source})" if spec.source else told


def _clashes(complete: Iterable[CompleteSpec]) -> List[str]:
    seen: Dict[str, int] = {}
    for spec in complete:
        seen[spec.full_name] = seen.get(spec.full_name, 0) + 1
    return [
        f"{quoted(name)} is deployed {count} times in one set; give each its own name"
        for name, count in seen.items()
        if count > 1
    ]


def _step(spec: CompleteSpec, reader: Client, found: Found) -> Step:
    current = read_current(spec.full_name, reader)
    package: Optional[Package] = None
    if is_prepared(spec.packager):
        with packager_errors(spec.packager):
            package = with_client(spec.packager.prepare, reader, spec)
    if package is None:
        action = Action(
            kind=CREATE if current is None else UPDATE,
            flow_name=spec.flow_name,
            name=spec.name,
            notes=("the code is known when it is packaged",),
            kept=spec.kept,
        )
        return Step(action, spec, None, current)
    check_returned(spec.packager, package, Package)
    action = compare(spec, package, current, reader, found)
    return Step(action, spec, package, current)


def _plan_again(specs: Specs, planned: str, api: Client, confirm: bool) -> Plan:
    """Plan, and return the plan if it says what an earlier one said, as JSON.

    Raises:
        PlanChangedError: It does not.
        SpecError: *planned* is no plan.
    """
    # Only here for cost: few deploys have an earlier plan.
    from flowpack.deployments.moves import find_moves, parse_plan

    old = parse_plan(planned)
    fresh = plan(specs, api, confirm=confirm)
    moved = find_moves(old, parse_plan(fresh.to_json()))
    if moved:
        raise PlanChangedError(moved)
    return fresh
