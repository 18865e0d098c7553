"""Doing what plans say: bytes first, the deployment last; many at a time.

:func:`deploy` is a plan that is applied at once, the one path by which deployments are made.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import Callable, List, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack._callers import copy_context, warn
from flowpack.client import Client
from flowpack.connect import shared_connections, using
from flowpack.deployments.actions import DONE, UNCHANGED, Deployed, Plan, Step
from flowpack.deployments.planning import Failures, Specs, plan, plan_again, plan_set
from flowpack.deployments.pools import check_runner, choose_pool, ensure_pool
from flowpack.exceptions import (
    APIStatusError,
    DeploymentsFailedError,
    DiscoveryError,
    FlowpackError,
    PackagingError,
    PlanChangedError,
    SpecError,
    printable,
    quoted,
)
from flowpack.models import Deployment, DeploymentCreate
from flowpack.packaging.base import call_packager
from flowpack.packaging.storing import Registry, put_bytes, store

#: What became of a step.
Result = Union[Deployed, FlowpackError]


def apply(plan: Plan, client: Optional[Client] = None) -> Tuple[Deployed, ...]:
    """Do what *plan* says, if it still holds.

    Raises:
        PlanChangedError: A script or a deployment is no longer as the plan saw it.
        FlowpackError: As :func:`deploy`.
    """
    with shared_connections(), using(client) as api:
        try:
            fresh = plan_again(plan.specs, plan.to_json(), api, plan.confirm)
        except (SpecError, DiscoveryError) as exc:
            raise PlanChangedError([str(exc)]) from exc
        return _apply(fresh, api, {}, confirm=plan.confirm)


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

    Everything is validated before the first write. One that fails for another reason does not
    keep the others from being deployed. A schedule on the embedded API, where nobody follows
    it, is a ``UserWarning``.

    Args:
        specs: One spec or many.
        client: None connects to what the settings say.
        jobs: How many to deploy at a time; None is one for the embedded API, up to 8 for 2.0b7
            and up to 4 for today's Prefect.
        fail_fast: Whether to stop at the first failure.
        confirm: Whether to read the stored bytes, put them back where they are missing or
            damaged, and read deployment and bytes after the last write.
        progress: Called with each one that is done, in the order they finish, one at a time.
        planned: An earlier plan as JSON; nothing is done unless planning again gives the same;
            made with the same *confirm*.

    Returns:
        What was done for each, in the order of *specs*.

    Raises:
        SpecError: Problems of the specs; nothing was written.
        PlanChangedError: It is no longer as *planned* says; nothing was written.
        DeploymentsFailedError: Some of several failed, the others are done.
        FlowpackError: The only one failed; running it again finishes the job.
    """
    with shared_connections(), using(client) as api:
        failed: Failures = {}
        if planned is not None:
            made = plan_again(specs, planned, api, confirm)
        elif fail_fast:
            made = plan(specs, api, confirm=confirm)
        else:
            made, failed = plan_set(specs, api, confirm)
        return _apply(made, api, failed, jobs, fail_fast, confirm, progress)


def _apply(
    plan: Plan,
    api: Client,
    failed: Failures,
    jobs: Optional[int] = None,
    fail_fast: bool = False,
    confirm: bool = False,
    progress: Optional[Callable[[Deployed], None]] = None,
) -> Tuple[Deployed, ...]:
    """Do what *plan* says; *failed* could not be planned."""
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    jobs = jobs or (1 if api.embedded else api.dialect.workers)
    reporting = threading.Lock()
    registry = Registry(api)
    for step in plan.steps:
        if api.embedded and step.spec.schedule:
            warn(
                f"{printable(step.action.full_name)}: the schedule is only kept: no server runs"
                " behind the embedded API, so it starts no runs"
            )

    def run(step: Step) -> Result:
        try:
            deployed = _apply_step(step, api, registry, confirm)
        except FlowpackError as exc:
            return exc
        if progress is not None:
            with reporting:
                progress(deployed)
        return deployed

    results = _run_all(run, plan.steps, min(jobs, len(plan.steps)), fail_fast)
    return _collect_results(plan, results, failed)


def _collect_results(
    plan: Plan, results: List[Optional[Result]], failed: Failures
) -> Tuple[Deployed, ...]:
    """Return what was done, or raise what went wrong while planning and after it."""
    errors = dict(failed)
    for step, result in zip(plan.steps, results):
        if isinstance(result, FlowpackError):
            errors[step.position] = (step.action.full_name, result)
    if errors and len(plan.specs) == 1:
        raise errors[0][1]
    done = tuple(result for result in results if isinstance(result, Deployed))
    if errors:
        raise DeploymentsFailedError([errors[n] for n in sorted(errors)], done)
    return done


# --- one after the other, or in threads ---------------------------------------------------


def _run_all(
    run: Callable[[Step], Result], steps: Tuple[Step, ...], jobs: int, fail_fast: bool
) -> List[Optional[Result]]:
    """Return the result of each step; None where a failure came before it."""
    todo = deque(enumerate(steps))
    results: List[Optional[Result]] = [None] * len(steps)

    def work() -> None:
        while True:
            try:
                number, step = todo.popleft()
            except IndexError:
                return
            result = results[number] = run(step)
            if fail_fast and isinstance(result, FlowpackError):
                todo.clear()

    if jobs <= 1:
        work()
    else:
        _run_in_threads(work, todo.clear, jobs)
        _retry_busy(run, steps, results)
    return results


def _run_in_threads(work: Callable[[], None], stop: Callable[[], None], jobs: int) -> None:
    """Call *work* in so many threads, this one among them."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(jobs - 1) as pool:
        helpers = []
        try:
            # Where the system gives no more threads, fewer do it.
            with contextlib.suppress(RuntimeError):
                for _ in range(jobs - 1):
                    helpers.append(pool.submit(copy_context().run, work))
            work()
        finally:
            stop()
        for helper in helpers:
            helper.result()


def _retry_busy(
    run: Callable[[Step], Result], steps: Tuple[Step, ...], results: List[Optional[Result]]
) -> None:
    """Run once more, one by one, what a server had no time for.

    SQLite behind a server gives up early when many write at once.
    """
    if any(result is None for result in results):  # A failure has stopped the set.
        return
    for position, step in enumerate(steps):
        if _is_busy(results[position]):
            results[position] = run(step)
            if _is_busy(results[position]):
                return


def _is_busy(result: Optional[Result]) -> bool:
    return isinstance(result, APIStatusError) and result.status == 503


# --- one step -----------------------------------------------------------------------------


def _apply_step(step: Step, api: Client, registry: Registry, confirm: bool) -> Deployed:
    """Do what one action says."""
    current = step.spec.current
    if step.action.kind == UNCHANGED and current is not None:
        if step.action.upload and step.package is not None:
            put_bytes(step.package, confirm)
        wanted: Union[Deployment, DeploymentCreate] = current
        deployed = _report(step, current.id, current, api)
    else:
        if step.package is None:
            new = _call_package(step, api)
        else:
            flow_id = None if current is None else current.flow_id
            new = store(step.spec, step.package, api, flow_id, registry, confirm)
        wanted = settled = _settle_pool(step, api.dialect.settled(new, current), api, registry)
        deployed = _report(step, api.create_deployment(settled), settled, api)
    if confirm:
        # Imported here because it is slow to load.
        from flowpack.deployments.verification import confirm_deployment

        sha256 = None if step.package is None else step.package.content.sha256
        confirm_deployment(deployed, wanted, sha256, api)
    return deployed


def _settle_pool(
    step: Step, settled: DeploymentCreate, api: Client, registry: Registry
) -> DeploymentCreate:
    """Return the deployment with its work pool named, which is made where that was asked for."""
    if not api.dialect.uses_work_pools:
        return settled
    pool = choose_pool(settled.work_pool_name or None)
    settled = attrs.evolve(settled, work_pool_name=pool)
    if pool and step.spec.create_work_pool:
        made = registry.once(("pool", pool), lambda: ensure_pool(pool, settled, api))
        # A plan has checked it; others may have been faster, and what a packager of one's own
        # makes of a spec no plan sees.
        check_runner(step.action.full_name, settled, made, api)
    return settled


def _call_package(step: Step, api: Client) -> DeploymentCreate:
    """Return what a packager of a user's own made, if it is what is reported.

    Raises:
        PackagingError: It failed, or made another deployment than it was asked for.
    """
    spec, current = step.spec, step.spec.current
    new: DeploymentCreate = call_packager(
        spec.packager, "package", api, spec, returns=(DeploymentCreate,)
    )
    flow_name = spec.flow_name
    if current is None or new.flow_id != current.flow_id:
        flow_name = api.read_flow(new.flow_id).name
    made = f"{flow_name}/{new.name}"
    if made != spec.full_name:
        raise PackagingError(
            f"the packager {type(spec.packager).__name__} was asked for"
            f" {quoted(spec.full_name)} and returned {quoted(made)}"
        )
    return new


def _report(
    step: Step, deployment_id: UUID, wanted: Union[Deployment, DeploymentCreate], api: Client
) -> Deployed:
    stored = wanted.flow_data.stored_object if wanted.flow_data else None
    return Deployed(
        id=deployment_id,
        flow_id=wanted.flow_id,
        flow_name=step.spec.flow_name,
        name=step.spec.name,
        action=DONE[step.action.kind],
        storage_type=step.package.storage.block_type_name if step.package else None,
        document_id=stored.block_document_id if stored else None,
        key=stored.token if stored else None,
        sha256=stored.sha256 if stored else None,
        api=api.url,
        notes=step.action.notes,
    )
