"""Plan, apply, deploy: the one path by which deployments come to be.

:func:`plan` reads and compares, :func:`apply` does what a plan says, and
:func:`deploy` is both in one.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.connect import using
from flowpack.deployments.actions import (
    CREATE,
    DONE,
    UNCHANGED,
    UPDATE,
    Action,
    Deployed,
    Plan,
    Spec,
    Step,
)
from flowpack.deployments.carry_out import carry_out
from flowpack.deployments.pools import check_pool, choose_pool
from flowpack.exceptions import (
    DeploymentValidationError,
    DiscoveryError,
    FlowpackError,
    ObjectNotFound,
    PlanChangedError,
    SpecError,
    WireError,
    quoted,
)
from flowpack.models import Deployment, DeploymentCreate, StoredObject
from flowpack.packaging.base import CompleteSpec, Package, describe
from flowpack.wire.base import Change

#: Stands for the id of a flow that is not registered yet; never sent.
_NO_FLOW = UUID(int=0)

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
        fresh = _plan_again(plan, api)
        return carry_out(fresh, api)


def deploy(
    specs: Specs,
    client: Optional[Client] = None,
    *,
    jobs: Optional[int] = None,
    fail_fast: bool = False,
    confirm: bool = False,
    progress: Optional[Callable[[Deployed], None]] = None,
) -> Tuple[Deployed, ...]:
    """Deploy one spec or many; what is unchanged is left alone.

    Everything is validated before the first write. One that fails after that
    does not keep the others from being deployed.

    Args:
        specs: One spec or many.
        client: None connects to what the settings say.
        jobs: How many to deploy at a time; None is one for the embedded API, else
            up to 8.
        fail_fast: Whether to stop at the first failure.
        confirm: Whether to read deployment and bytes back after the last write.
        progress: Called with each one that is done, in the order they finish.

    Returns:
        What became of each, in the order of *specs*.

    Raises:
        SpecError: Problems of the specs; nothing was written.
        DeploymentsFailedError: Some of several failed, the others are done.
        FlowpackError: The only one failed; running it again finishes the job.
    """
    with using(client) as api:
        return carry_out(
            plan(specs, api),
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
    return Step(_action(spec, package, current, reader), spec, package, current)


def _read_current(full_name: str, reader: Client) -> Optional[Deployment]:
    try:
        return reader.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return None


def _action(
    spec: CompleteSpec, package: Package, current: Optional[Deployment], reader: Client
) -> Action:
    content = package.content
    new, notes = _wanted(spec, package, current, reader)
    changes: Tuple[Change, ...] = ()
    upload = True
    if current is not None:
        changes, upload = _compare(package, current, reader)
        changes += reader.dialect.differences(current, new)
    kind = CREATE if current is None else UPDATE if changes else UNCHANGED
    return Action(
        kind=kind,
        flow_name=spec.flow_name,
        name=spec.name,
        changes=changes,
        upload=upload,
        sha256=content.sha256,
        size=content.size,
        notes=package.notes + notes,
    )


def _wanted(
    spec: CompleteSpec, package: Package, current: Optional[Deployment], reader: Client
) -> Tuple[DeploymentCreate, Tuple[str, ...]]:
    """Return the deployment as it is to be, and notes; refuse what cannot work.

    Where the token is known only after a write, the digest stands in for it.
    """
    dialect = reader.dialect
    sha256 = package.content.sha256
    token = package.storage.token_for(sha256) or sha256
    flow_id = current.flow_id if current is not None else _NO_FLOW
    described = describe(spec, package, flow_id, token, None)
    new = dialect.settled(described, current)
    problems = dialect.problems(new)
    if problems:
        raise DeploymentValidationError(spec.full_name, problems)
    notes = dialect.notes(new)
    if dialect.uses_work_pools:
        new = attrs.evolve(new, work_pool_name=choose_pool(new.work_pool_name or None))
        note = check_pool(spec.full_name, new, reader, spec.create_work_pool)
        notes += (note,) if note else ()
    return new, notes


def _compare(
    package: Package, current: Deployment, reader: Client
) -> Tuple[Tuple[Change, ...], bool]:
    """Return what differs in code and storage, and whether to store the bytes."""
    content, storage = package.content, package.storage
    stored = _stored(current)
    if stored is None:
        return (_code_change(None, package), _storage_change(None, storage)), True
    changes: Tuple[Change, ...] = ()
    if stored.sha256 != content.sha256:
        changes += (_code_change(stored, package),)
    if not _same_storage(stored, current, storage, reader):
        changes += (_storage_change(stored, storage),)
    if changes:
        return changes, True
    upload = not storage.holds(stored.token, content.sha256, content.size)
    if upload and storage.token_for(content.sha256) != stored.token:
        # The bytes cannot go back where they were.
        changes += (Change("key", stored.token, None),)
    return changes, upload


def _stored(current: Deployment) -> Optional[StoredObject]:
    """Return where *current* has its bytes; None where that cannot be told."""
    try:
        return current.flow_data.stored_object if current.flow_data else None
    except WireError:
        return None


def _same_storage(
    stored: StoredObject, current: Deployment, storage: StorageBlock, reader: Client
) -> bool:
    """Return whether the deployment's storage is the one that is wanted."""
    if stored.block_document_id is None:
        script = current.script
        return (
            script is not None
            and script.storage_type == storage.block_type_name
            and dict(script.storage_data) == storage.public_data()
        )
    if storage.document_id is not None:
        return stored.block_document_id == storage.document_id
    try:
        document = reader.read_block_document(stored.block_document_id)
    except ObjectNotFound:
        return False
    schema = document.block_schema
    return (
        schema is not None
        and schema.checksum == reader.dialect.block_schema(storage.definition())[1]
        and dict(document.data) == storage.to_document_data()
    )


def _code_change(stored: Optional[StoredObject], package: Package) -> Change:
    old = None if stored is None else {"sha256": stored.sha256}
    content = package.content
    return Change("code", old, {"sha256": content.sha256, "size": content.size})


def _storage_change(stored: Optional[StoredObject], storage: StorageBlock) -> Change:
    old = None if stored is None else stored.block_document_id
    return Change("storage", str(old or ""), _storage_name(storage))


def _storage_name(storage: StorageBlock) -> str:
    known = storage.document_id
    return storage.block_type_name + (f" {known}" if known else "")


def _plan_again(old: Plan, api: Client) -> Plan:
    fresh = plan(old.specs, api)
    moved = [
        f"{was.full_name} was to be {DONE[was.kind]}, and is not as it was"
        for was, now in zip(old.actions, fresh.actions)
        if was != now
    ]
    if old.api != fresh.api:
        moved.append(f"the plan is for {old.api}, not for {fresh.api}")
    if moved:
        raise PlanChangedError(moved)
    return fresh
