"""Applies plans: bytes first, the deployment last; many at a time."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import Callable, Dict, Optional, Union

import attrs

from flowpack._callers import copy_context, warn
from flowpack.client import Client
from flowpack.connect import shared_connections, using
from flowpack.deployments.actions import DONE, Deployed, Deployments, Failure, Plan, Step
from flowpack.deployments.planning import Specs, plan, plan_again, plan_set
from flowpack.deployments.selection import check_runner, choose_pool, ensure_pool
from flowpack.exceptions import APIStatusError, DeploymentsFailedError, FlowpackError
from flowpack.exceptions import PackagingError, printable, quoted
from flowpack.models import UNSET, Deployment, DeploymentCreate
from flowpack.packaging.base import call_packager
from flowpack.packaging.script import Registry, put_bytes, store

#: What applying a step led to.
Result = Union[Deployed, Failure]


def apply(plan: Plan, client: Optional[Client] = None) -> Deployments:
    """Do what *plan* says, if planning again gives the same.

    Raises:
        PlanChangedError: It does not; nothing was written.
        FlowpackError: As :func:`deploy`.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, apply, plan
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py", flow_storage=store)
        >>> planned = plan(spec)
        >>> [done] = apply(planned)  # after somebody has read it
        >>> done.action
        'created'
    """
    return deploy(plan.specs, client, confirm=plan.confirm, planned=plan.to_json())


def deploy(
    specs: Specs,
    client: Optional[Client] = None,
    *,
    jobs: Optional[int] = None,
    fail_fast: bool = False,
    confirm: bool = False,
    progress: Optional[Callable[[Deployed], None]] = None,
    planned: Optional[str] = None,
) -> Deployments:
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
        planned: An earlier plan as JSON, made with the same *confirm*.

    Returns:
        A tuple of what was done for each, in the order of *specs*.

    Raises:
        SpecError: Problems of the specs; nothing was written.
        PlanChangedError: Planning gives something else than *planned*; nothing was written.
        DeploymentsFailedError: Some of several failed, the others are done.
        FlowpackError: The only one failed; running it again finishes the job.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, deploy
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py", flow_storage=store)
        >>> [done] = deploy(spec)
        >>> done.full_name, done.action
        ('etl/nightly', 'created')
        >>> [again] = deploy(spec)
        >>> again.action
        'unchanged'
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    with shared_connections(), using(client) as api:
        if planned is not None:
            made = plan_again(specs, planned, api, confirm)
        elif fail_fast:
            made = plan(specs, api, confirm=confirm)
        else:
            made = plan_set(specs, api, confirm)
        for step in made.steps:
            if api.embedded and (step.spec.schedule or step.spec.schedules):
                reason = "no server runs behind the embedded API, so it starts no runs"
                warn(f"{printable(step.action.full_name)}: the schedule is only kept: {reason}")
        registry, reporting = Registry(api), threading.Lock()

        def run(step: Step) -> Result:
            try:
                deployed = _apply_step(step, api, registry, confirm)
            except FlowpackError as exc:
                return step.action.full_name, exc
            if progress is not None:
                with reporting:
                    progress(deployed)
            return deployed

        jobs = jobs or (1 if api.embedded else api.dialect.workers)
        results = _run_all(run, made, min(jobs, len(made.steps)), fail_fast)
    return _collect_results(made, results)


def _collect_results(plan: Plan, results: Dict[int, Result]) -> Deployments:
    """Return what was done in the order of the set, or raise what failed."""
    ordered = [results[position] for position in sorted(results)]
    done = Deployments(each for each in ordered if isinstance(each, Deployed))
    failed = [each for each in ordered if not isinstance(each, Deployed)]
    if failed:
        raise failed[0][1] if len(plan.specs) == 1 else DeploymentsFailedError(failed, done)
    return done


def _run_all(
    run: Callable[[Step], Result], plan: Plan, jobs: int, fail_fast: bool
) -> Dict[int, Result]:
    """Return the results of the steps and the failures of planning, by position in the set."""
    results: Dict[int, Result] = dict(plan.failed)
    todo = deque(plan.steps)

    def work() -> None:
        while True:
            try:
                step = todo.popleft()
            except IndexError:
                return
            result = results[step.position] = run(step)
            if fail_fast and not isinstance(result, Deployed):
                todo.clear()

    if jobs <= 1:
        work()
        return results
    _run_in_threads(work, todo.clear, jobs)
    if len(results) == len(plan.specs):  # Else a failure has stopped the set.
        # SQLite behind a server gives up early when many write at once.
        for step in [step for step in plan.steps if _is_busy(results[step.position])]:
            results[step.position] = run(step)
            if _is_busy(results[step.position]):
                break
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


def _is_busy(result: Result) -> bool:
    error = result[1] if isinstance(result, tuple) else None
    return isinstance(error, APIStatusError) and error.status == 503


def _apply_step(step: Step, api: Client, registry: Registry, confirm: bool) -> Deployed:
    """Do what one action says."""
    package, current = step.package, step.spec.current
    written: Union[Deployment, DeploymentCreate]
    if step.action.kind == "unchanged" and current is not None:
        if step.action.upload and package is not None:
            put_bytes(package, confirm)
        deployment_id, written = current.id, current
    else:
        if package is None:
            new = _call_package(step, api)
        else:
            flow_id = None if current is None else current.flow_id
            new = store(step.spec, package, api, flow_id, registry, confirm)
        new = _settle_pool(step, api.dialect.settled(new, current), api, registry)
        deployment_id, written = api.create_deployment(new), new
    stored = written.flow_data.stored_object if written.flow_data else None
    deployed = Deployed(
        id=deployment_id,
        flow_id=written.flow_id,
        flow_name=step.spec.flow_name,
        name=step.spec.name,
        action=DONE[step.action.kind],
        storage_type=package.storage.block_type_name if package else None,
        document_id=stored.block_document_id if stored else None,
        key=stored.token if stored else None,
        sha256=stored.sha256 if stored else None,
        api=api.url,
        notes=step.action.notes,
        url=api.ui_url("deployment", deployment_id),
    )
    if confirm:
        # Imported here because it is slow to load.
        from flowpack.deployments.verification import confirm_deployment

        own = "its packager has left them as they are: delete them and deploy again"
        confirm_deployment(deployed, written, "" if package else own, api)
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
        # The plan has checked it, but others may have been faster, and no plan sees what a
        # packager of a user's own makes.
        check_runner(step.action.full_name, settled, made, api)
    return settled


def _call_package(step: Step, api: Client) -> DeploymentCreate:
    """Return what a packager of a user's own made, if it has the name that was asked for."""
    spec, current = step.spec, step.spec.current
    new: DeploymentCreate = call_packager(
        spec.packager, "package", api, spec, returns=(DeploymentCreate,)
    )
    flow_name = spec.flow_name
    if current is None or new.flow_id != current.flow_id:
        flow_name = api.read_flow(new.flow_id).name
    made = f"{flow_name}/{new.name}"
    if made != spec.full_name:
        names = f"{quoted(spec.full_name)} and returned {quoted(made)}"
        raise PackagingError(f"the packager {type(spec.packager).__name__} was asked for {names}")
    if new.schedule is UNSET and new.own_schedules is UNSET:
        # One that knows of a single schedule.
        replace = spec.replace_schedules
        return attrs.evolve(new, own_schedules=spec.schedules, replace_schedules=replace)
    return new
