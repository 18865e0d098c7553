"""Plan, apply, deploy: the one path by which deployments come to be.

:func:`plan` reads and compares, :func:`apply` does what a plan says, and
:func:`deploy` is both in one.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Optional, Tuple, Union

from flowpack.client import Client
from flowpack.connect import using
from flowpack.deployments.actions import (
    CREATE,
    UPDATE,
    Action,
    Deployed,
    Plan,
    Spec,
    Step,
)
from flowpack.deployments.carry_out import carry_out
from flowpack.deployments.comparison import compare
from flowpack.exceptions import (
    DeploymentValidationError,
    DiscoveryError,
    FlowpackError,
    ObjectNotFound,
    PlanChangedError,
    SpecError,
    quoted,
)
from flowpack.models import Deployment
from flowpack.packaging.base import CompleteSpec

Specs = Union[Spec, Iterable[Spec]]


def plan(specs: Specs, client: Optional[Client] = None) -> Plan:
    """Compare *specs* with what the server has; send nothing but reads.

    Args:
        specs: One spec or many.
        client: None connects to what the settings say.

    Raises:
        SpecError: Problems of all specs, told together.
        APIError: The server could not be read.
        StorageError: A storage could not be asked what it has.
    """
    wanted = tuple(specs) if isinstance(specs, Iterable) else (specs,)
    with using(client) as api:
        reader = api.snapshot()
        complete = _validated(wanted, reader)
        steps = _steps(complete, reader)
        return Plan(
            api=api.url,
            actions=tuple(step.action for step in steps),
            specs=wanted,
            steps=steps,
        )


def apply(plan: Plan, client: Optional[Client] = None) -> Tuple[Deployed, ...]:
    """Do what *plan* says, if it still holds.

    Raises:
        PlanChangedError: A script or a deployment is no longer as the plan saw it.
        FlowpackError: As :func:`deploy`.
    """
    with using(client) as api:
        return carry_out(_plan_again(plan.specs, plan.to_json(), api), api)


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

    Everything is validated before the first write. One that fails after that
    does not keep the others from being deployed. A schedule on the embedded API,
    where nobody follows it, is a ``UserWarning``.

    Args:
        specs: One spec or many.
        client: None connects to what the settings say.
        jobs: How many to deploy at a time; None is one for the embedded API, else
            up to 8.
        fail_fast: Whether to stop at the first failure.
        confirm: Whether to read deployment and bytes back after the last write.
        progress: Called with each one that is done, in the order they finish.
        planned: An earlier plan as JSON; nothing is done unless planning again
            gives the same.

    Returns:
        What became of each, in the order of *specs*.

    Raises:
        SpecError: Problems of the specs; nothing was written.
        PlanChangedError: It is no longer as *planned* says; nothing was written.
        DeploymentsFailedError: Some of several failed, the others are done.
        FlowpackError: The only one failed; running it again finishes the job.
    """
    with using(client) as api:
        if planned is None:
            found = plan(specs, api)
        else:
            found = _plan_again(specs, planned, api)
        return carry_out(
            found,
            api,
            jobs=jobs,
            fail_fast=fail_fast,
            confirm=confirm,
            progress=progress,
        )


# --- planning -------------------------------------------------------------------


def _validated(
    specs: Tuple[Spec, ...], reader: Client
) -> Tuple[CompleteSpec, ...]:
    """Return complete specs, or raise one error with the problems of all."""
    complete: List[CompleteSpec] = []
    failed: List[Tuple[Spec, FlowpackError]] = []
    for spec in specs:
        try:
            complete.append(spec.validate(reader))
        except (SpecError, DiscoveryError) as exc:
            failed.append((spec, exc))
    if len(failed) == 1 and len(specs) == 1:
        raise failed[0][1]
    problems = [_problem(spec, error) for spec, error in failed]
    problems += _clashes(complete)
    if problems:
        raise DeploymentValidationError(f"{len(specs)} deployments", problems)
    return tuple(complete)


def _problem(spec: Spec, error: FlowpackError) -> str:
    return f"{error} ({spec.source})" if spec.source else str(error)


def _clashes(complete: Iterable[CompleteSpec]) -> List[str]:
    seen: Dict[str, int] = {}
    for spec in complete:
        seen[spec.full_name] = seen.get(spec.full_name, 0) + 1
    return [
        f"{quoted(name)} is deployed {count} times in one set; give each its own name"
        for name, count in seen.items()
        if count > 1
    ]


def _steps(complete: Tuple[CompleteSpec, ...], reader: Client) -> Tuple[Step, ...]:
    """Return a step for each spec, or raise one error with the problems of all."""
    steps: List[Step] = []
    problems: List[str] = []
    for spec in complete:
        try:
            steps.append(_step(spec, reader))
        except DeploymentValidationError as exc:
            if len(complete) == 1:
                raise
            problems.append(str(exc))
    if problems:
        raise DeploymentValidationError(f"{len(complete)} deployments", problems)
    return tuple(steps)


def _step(spec: CompleteSpec, reader: Client) -> Step:
    current = _read_current(spec.full_name, reader)
    package = spec.packager.prepare(spec, reader)
    if package is None:
        action = Action(
            kind=CREATE if current is None else UPDATE,
            flow_name=spec.flow_name,
            name=spec.name,
            notes=("the code is known when it is packaged",),
        )
        return Step(action, spec, None, current)
    return Step(compare(spec, package, current, reader), spec, package, current)


def _read_current(full_name: str, reader: Client) -> Optional[Deployment]:
    try:
        return reader.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return None


def _plan_again(specs: Specs, planned: str, api: Client) -> Plan:
    """Plan, and return the plan if it says what an earlier one said, as JSON.

    Raises:
        PlanChangedError: It does not.
        SpecError: *planned* is no plan.
    """
    # Only here for cost: few deploys have an earlier plan.
    from flowpack.deployments.moves import find_moves, parse_plan

    old = parse_plan(planned)
    fresh = plan(specs, api)
    moved = find_moves(old, parse_plan(fresh.to_json()))
    if moved:
        raise PlanChangedError(moved)
    return fresh
