"""Carrying a plan out: bytes first, the deployment last; many at a time."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import Any, Callable, Dict, List, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack._callers import copy_context, warn
from flowpack.client import Client
from flowpack.deployments.actions import DONE, UNCHANGED, Deployed, Plan, Step
from flowpack.deployments.pools import check_runner, ensure_pool
from flowpack.exceptions import (
    APIStatusError,
    DeploymentsFailedError,
    FlowpackError,
    PackagingError,
    printable,
    quoted,
)
from flowpack.models import Deployment, DeploymentCreate
from flowpack.packaging.base import Registry, put_bytes, store
from flowpack.packaging.calling import check_returned, packager_errors, with_client
from flowpack.packaging.fields import choose_pool

#: Name and error of each deployment that failed, by its position in the set.
Failures = Dict[int, Tuple[str, FlowpackError]]

#: What the server is to have: what was sent, or what it had already.
_Wanted = Union[Deployment, DeploymentCreate]


def carry_out(
    plan: Plan,
    api: Client,
    failed: Failures,
    *,
    jobs: Optional[int] = None,
    fail_fast: bool = False,
    confirm: bool = False,
    progress: Optional[Callable[[Deployed], None]] = None,
) -> Tuple[Deployed, ...]:
    """Do what *plan* says; *failed* could not be planned. See ``deploy``."""
    telling = threading.Lock()
    registry = Registry(api)
    _warn_of_schedules(plan, api)

    def run(step: Step) -> Union[Deployed, FlowpackError]:
        try:
            wanted, done = _do(step, api, registry, confirm)
            if confirm:
                # Only here for cost: it is seldom asked for.
                from flowpack.deployments.confirm import check

                check(step, wanted, done, api)
        except FlowpackError as exc:
            return exc
        if progress is not None:
            with telling:
                progress(done)
        return done

    results = _run_all(run, plan.steps, _jobs(jobs, plan, api), fail_fast)
    return _judge(plan, results, failed)


def _judge(plan: Plan, results: List[Any], failed: Failures) -> Tuple[Deployed, ...]:
    """Return what was done, or raise what went wrong."""
    done = tuple(result for result in results if isinstance(result, Deployed))
    errors = dict(failed)
    planned = (n for n in range(len(plan.specs)) if n not in failed)
    for position, step, result in zip(planned, plan.steps, results):
        if isinstance(result, FlowpackError):
            errors[position] = (step.action.full_name, result)
    if errors and len(plan.specs) == 1:
        raise errors[0][1]
    if errors:
        raise DeploymentsFailedError([errors[n] for n in sorted(errors)], done)
    return done


def _warn_of_schedules(plan: Plan, api: Client) -> None:
    """Warn of each schedule that nobody will follow."""
    if not api.embedded:
        return
    for step in plan.steps:
        if step.spec.schedule:
            warn(
                f"{printable(step.action.full_name)}: the schedule is only kept: no"
                " server runs behind the embedded API, so it starts no runs"
            )


def _jobs(jobs: Optional[int], plan: Plan, api: Client) -> int:
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    most = jobs or (1 if api.embedded else api.dialect.workers)
    return min(most, len(plan.steps))


def _run_all(
    run: Callable[[Step], Any], steps: Tuple[Step, ...], jobs: int, fail_fast: bool
) -> List[Any]:
    if jobs > 1:
        return _run_in_threads(run, steps, jobs, fail_fast)
    results = []
    for step in steps:
        results.append(run(step))
        if fail_fast and isinstance(results[-1], FlowpackError):
            break
    return results


def _run_in_threads(
    run: Callable[[Step], Any], steps: Tuple[Step, ...], jobs: int, fail_fast: bool
) -> List[Any]:
    from concurrent.futures import ThreadPoolExecutor

    todo = deque(enumerate(steps))
    results: List[Any] = [None] * len(steps)

    def work() -> None:
        while True:
            try:
                number, step = todo.popleft()
            except IndexError:
                return
            results[number] = run(step)
            if fail_fast and isinstance(results[number], FlowpackError):
                todo.clear()

    with ThreadPoolExecutor(jobs - 1) as pool:
        helpers = []
        try:
            # Where the system gives no more threads, fewer do it.
            with contextlib.suppress(RuntimeError):
                for _ in range(jobs - 1):
                    helpers.append(pool.submit(copy_context().run, work))
            work()
        finally:
            todo.clear()
        for helper in helpers:
            helper.result()
    _try_busy_again(run, steps, results)
    return results


def _try_busy_again(
    run: Callable[[Step], Any], steps: Tuple[Step, ...], results: List[Any]
) -> None:
    """Run once more, one by one, what a server had no time for.

    SQLite behind a server has no patience for many writers at once.
    """
    if any(result is None for result in results):  # An error has stopped the set.
        return
    for position, step in enumerate(steps):
        if _is_busy(results[position]):
            results[position] = run(step)
            if _is_busy(results[position]):
                return


def _is_busy(result: object) -> bool:
    return isinstance(result, APIStatusError) and result.status == 503


def _do(
    step: Step, api: Client, registry: Registry, confirm: bool
) -> Tuple[_Wanted, Deployed]:
    """Carry one action out; return what the server is to have now, and a report."""
    action, current = step.action, step.current
    if action.kind == UNCHANGED and current is not None:
        if action.upload and step.package is not None:
            put_bytes(step.package, confirm)
        return current, _deployed(step, current.id, current, api)
    if step.package is None:
        new = _packaged(step, api)
    else:
        flow_id = None if current is None else current.flow_id
        new = store(step.spec, step.package, api, flow_id, registry, confirm)
    settled = api.dialect.settled(new, current)
    if api.dialect.uses_work_pools:
        pool = choose_pool(settled.work_pool_name or None)
        settled = attrs.evolve(settled, work_pool_name=pool)
        if pool and step.spec.create_work_pool:
            made = registry.once(
                ("pool", pool), lambda: ensure_pool(pool, settled, api)
            )
            # A plan saw to it; others may have been faster, and what a packager of
            # one's own makes of a spec no plan sees.
            check_runner(step.action.full_name, settled, made, api)
    return settled, _deployed(step, api.create_deployment(settled), settled, api)


def _packaged(step: Step, api: Client) -> DeploymentCreate:
    """Return what a packager of a user's own made, if it is what is reported.

    Raises:
        PackagingError: It failed, or made another deployment than it was asked for.
    """
    spec, current = step.spec, step.current
    with packager_errors(spec.packager):
        new = with_client(spec.packager.package, api, spec)
    check_returned(spec.packager, new, DeploymentCreate)
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


def _deployed(
    step: Step, deployment_id: UUID, wanted: _Wanted, api: Client
) -> Deployed:
    stored = wanted.flow_data.stored_object if wanted.flow_data else None
    package = step.package
    return Deployed(
        id=deployment_id,
        flow_id=wanted.flow_id,
        flow_name=step.spec.flow_name,
        name=step.spec.name,
        action=DONE[step.action.kind],
        storage_type=package.storage.block_type_name if package else None,
        document_id=stored.block_document_id if stored else None,
        key=stored.token if stored else None,
        sha256=stored.sha256 if stored else None,
        api=api.url,
        notes=step.action.notes,
    )
