"""Compares deployment specs with what server and storage have; only reads."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union
from uuid import UUID

import attrs

from flowpack._validators import describe_type
from flowpack.blocks.documents import built_in, describe_difference
from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_errors import storage_errors
from flowpack.client import Client
from flowpack.connect import shared_connections, using
from flowpack.deployments.actions import Action, Failure, Kind, Plan, Spec, Step
from flowpack.deployments.actions import parse_plan, plan_diff
from flowpack.deployments.masking import mask_change, mask_source, mask_storage
from flowpack.deployments.selection import check_pool
from flowpack.exceptions import (
    APIConnectionError,
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
    StorageUnavailableError,
    WireError,
    printable,
    quoted,
)
from flowpack.models import UNSET, Deployment, DeploymentCreate, StoredObject
from flowpack.packaging.base import Cache, CompleteSpec, Package, PoolFields, call_packager
from flowpack.packaging.base import is_prepared, known
from flowpack.packaging.script import describe, has_bytes
from flowpack.wire.dialect import Change

Specs = Union[Spec, Iterable[Spec]]

#: Errors that say what is wrong with a spec; the others are of server and storage.
_PROBLEMS = (SpecError, DiscoveryError, BlockError, PackagingError, ObjectNotFound)

#: Stands for the id of what is not registered yet; never sent.
_NO_ID = UUID(int=0)

#: What plans do not show of a new deployment.
_EMPTY: Tuple[Any, ...] = (None, "", [], {})


@attrs.frozen
class PlanState:
    """The server, and what planning the others of a set has shown.

    For *pools* see ``check_pool``. Storages that did not respond, the *silent* ones, are not asked
    again: each time may last until a deadline.
    """

    reader: Client
    confirm: bool
    pools: Dict[str, Tuple[str, str]] = attrs.field(factory=dict)
    silent: List[Tuple[StorageBlock, StorageUnavailableError]] = attrs.field(factory=list)

    @contextmanager
    def reading(self, storage: StorageBlock) -> Iterator[None]:
        """Note in the block if *storage* is silent; raise its error at once if it was before."""
        for silent, error in self.silent:
            if silent == storage:
                raise error
        try:
            yield
        except StorageUnavailableError as exc:
            if isinstance(exc.__cause__, APIConnectionError):
                self.silent.append((storage, exc))
            raise


def plan(specs: Specs, client: Optional[Client] = None, *, confirm: bool = False) -> Plan:
    """Compare *specs* with what the server has; send nothing but reads.

    Args:
        specs: One spec or many.
        client: None connects to what the settings say.
        confirm: Whether to read the stored bytes, to find damage that the storage does not know
            of. Applying the plan confirms, too; see :func:`deploy`.

    Raises:
        SpecError: The problems of all specs, listed together.
        FlowpackError: Server or storage could not be read.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, plan
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py", flow_storage=store)
        >>> print(plan(spec))
        create     etl/nightly  ... (... bytes)
        ...
    """
    with shared_connections(), using(client) as api:
        made = plan_set(specs, api, confirm)
    for _, error in made.failed.values():
        raise error
    return made


def plan_again(specs: Specs, planned: str, api: Client, confirm: bool) -> Plan:
    """Return the plan of *specs*; raise PlanChangedError unless it equals *planned*, as JSON."""
    old = parse_plan(planned)
    try:
        fresh = plan(specs, api, confirm=confirm)
    except (SpecError, DiscoveryError) as exc:
        raise PlanChangedError([str(exc)]) from exc
    differences = plan_diff(old, parse_plan(fresh.to_json()))
    if differences:
        raise PlanChangedError(differences)
    return fresh


def plan_set(specs: Specs, api: Client, confirm: bool) -> Plan:
    """Plan what can be planned; ``failed`` of the plan holds the errors of server and storage.

    Raises the problems of all specs together, that of a single one as it is.
    """
    chosen = tuple(specs) if isinstance(specs, Iterable) else (specs,)
    context = copy_context()
    context.run(known.set, Cache())
    return context.run(_plan_all, chosen, api, confirm)


def _plan_all(chosen: Tuple[Spec, ...], api: Client, confirm: bool) -> Plan:
    for spec in chosen:
        if not hasattr(type(spec), "find_flow"):
            problem = f"expected deployment specs of flowpack, not {describe_type(spec)}"
            raise DeploymentValidationError("what to deploy", [problem])
    state = PlanState(api.snapshot(), confirm)
    steps: List[Step] = []
    problems: List[str] = []
    failed: Dict[int, Failure] = {}
    for position, spec in enumerate(chosen):
        label = spec.label
        try:
            flow = spec.find_flow()
            label = f"{flow.name}/{spec.name or flow.name}"
            steps.append(_plan_step(position, spec.validate(state.reader, flow), state))
        except _PROBLEMS as exc:
            if len(chosen) == 1:
                raise
            problems.append(_format_problem(spec, exc))
        except (APIStatusError, WireError, StorageError) as exc:
            # With refused credentials it would be the same with the others.
            if isinstance(exc, APIStatusError) and exc.status in (401, 403):
                raise
            failed[position] = label, exc
    problems += _doubles(steps, chosen)
    if problems:
        raise DeploymentValidationError(f"{len(chosen)} deployments", problems)
    return Plan(
        api=api.url,
        actions=tuple(step.action for step in steps),
        confirm=confirm,
        specs=chosen,
        steps=tuple(steps),
        failed=failed,
    )


def _doubles(steps: Iterable[Step], chosen: Sequence[Spec]) -> Iterator[str]:
    """Yield which deployments stand more than once in a set, and where."""
    named: Dict[str, List[Optional[str]]] = {}
    for step in steps:
        named.setdefault(step.spec.full_name, []).append(chosen[step.position].source)
    for name, sources in named.items():
        if len(sources) > 1:
            places = ", ".join(filter(None, sources))
            yield (
                f"{quoted(name)} is deployed {len(sources)} times in one set; give each its own"
                f" name{places and f' ({places})'}"
            )


def _format_problem(spec: Spec, error: FlowpackError) -> str:
    text = str(error)
    if not isinstance(error, (SpecError, DiscoveryError)):
        text = f"{printable(spec.label)}: {text}"
    return f"{text} ({spec.source})" if spec.source else text


def _plan_step(position: int, spec: CompleteSpec, state: PlanState) -> Step:
    package: Optional[Package] = None
    if is_prepared(spec.packager):
        kinds = (Package, type(None))
        package = call_packager(spec.packager, "prepare", state.reader, spec, returns=kinds)
    if package is not None:
        return Step(position, _compare(spec, package, state), spec, package)
    kind: Kind = "create" if spec.current is None else "update"
    notes = ("the code is known when it is packaged",)
    action = Action(
        kind=kind, flow_name=spec.flow_name, name=spec.name, notes=notes, kept=spec.kept
    )
    return Step(position, action, spec, None)


def _compare(spec: CompleteSpec, package: Package, state: PlanState) -> Action:
    """Return what is to be done for a deployment whose package is known."""
    package.storage.check_document(state.reader)
    nothing = Deployment(id=_NO_ID, name=spec.name, flow_id=_NO_ID, flow_data=None)
    current = spec.current or nothing
    stored = current.stored_object
    in_place = stored is not None and _is_same_storage(stored, current, package, state)
    new, notes = _describe(spec, package, stored if in_place else None, state)
    changes, upload = _compare_code(package, current, stored, in_place, state)
    restores = upload and {"code", "storage"}.isdisjoint(each.field for each in changes)
    given = spec.job_variables is not UNSET and state.reader.dialect.uses_work_pools
    names = {"flow_runner": "job_variables"} if given else {}
    for change in state.reader.dialect.differences(current, new):
        changes.append(attrs.evolve(change, field=names.get(change.field, change.field)))
    kind: Kind = "update" if changes else "unchanged"
    # The others are no news where nothing changes.
    notes = _lasting_notes(spec, new, state) + (package.notes + notes if changes else ())
    if restores:
        notes += ("the stored bytes are missing or damaged; the right ones are put back",)
    files: Mapping[str, Any] = {}
    # A storage that the deployment leaves is not asked: it may be gone, and silent for long.
    if in_place and stored is not None and stored.sha256 != package.content.sha256:
        files = _compare_files(package, stored, current, state)
    if files.get("to") == "script" and files["removed"]:
        count = len(files["removed"]) + 1  # With the script.
        note = f"the code was a project of {count} files and is now the script alone"
        notes += (f"{note}; --project keeps its files",)
    if spec.current is None:
        kind = "create"
        shown = [each for each in changes if each.field != "code"]
        changes = [attrs.evolve(each, old=None) for each in shown if each.new not in _EMPTY]
    return Action(
        kind=kind,
        flow_name=spec.flow_name,
        name=spec.name,
        changes=tuple(map(mask_change, changes)),
        upload=upload,
        sha256=package.content.sha256,
        size=package.content.size,
        notes=notes,
        kept=spec.kept,
        schedules=new.schedules or (),
        files=files,
    )


def _describe(
    spec: CompleteSpec, package: Package, in_place: Optional[StoredObject], state: PlanState
) -> Tuple[DeploymentCreate, Tuple[str, ...]]:
    """Return the deployment as it is to be, and notes; refuse what cannot work."""
    dialect, current = state.reader.dialect, spec.current
    flow_id = _NO_ID if current is None else current.flow_id
    described = describe(spec, package, flow_id, _find_token(package, in_place))
    new = dialect.settled(described, current)
    problems = list(dialect.problems(new))
    if new.parameters or new.schedules:
        # Imported here because many deployments have neither.
        from flowpack.deployments.parameter_problems import order_problems, parameter_problems

        problems += parameter_problems(spec, package, new)
        if not (dialect.fills_in or state.reader.embedded):
            problems += order_problems(spec.flow, new.parameters or {})
    if problems:
        raise DeploymentValidationError(spec.full_name, problems)
    pooled = dialect.uses_work_pools
    pool_notes = check_pool(spec, new, state.reader, state.pools) if pooled else ()
    return new, dialect.notes(new) + pool_notes


def _lasting_notes(spec: CompleteSpec, new: DeploymentCreate, state: PlanState) -> Tuple[str, ...]:
    """Return the notes that are news even if nothing changes."""
    dialect = state.reader.dialect
    if dialect.uses_work_pools:
        unkept = dialect.unkept(spec.concurrency_limit, spec.job_variables)
        return (*spec.notes, *dialect.lasting_notes(new), *unkept)
    given = ", ".join(
        each.name
        for each in attrs.fields(PoolFields)
        if getattr(spec, each.name) not in (each.default, None, {})
        and each.name != "check_job_variables"
    )
    note = f"this server has no place for {given}; they are left out"
    return (*spec.notes, note) if given else spec.notes


def _find_token(package: Package, in_place: Optional[StoredObject]) -> str:
    """Return the token that the bytes have now, else the one that they will get.

    Where that is known only after a write, the digest stands in for it.
    """
    storage, sha256 = package.storage, package.content.sha256
    if in_place is not None and in_place.sha256 == sha256:
        # Somebody may have written a token there that this storage refuses.
        with suppress(StorageError), storage_errors(storage, in_place.token):
            storage.location(in_place.token)
            return in_place.token
    return _token_for(package) or sha256


def _token_for(package: Package) -> Optional[str]:
    with storage_errors(package.storage, package.content.sha256):
        return package.storage.token_for(package.content.sha256)


def _compare_code(
    package: Package,
    current: Deployment,
    stored: Optional[StoredObject],
    in_place: bool,
    state: PlanState,
) -> Tuple[List[Change], bool]:
    """Return what differs in code and storage, and whether to store the bytes."""
    content = package.content
    changes: List[Change] = []
    if stored is None or stored.sha256 != content.sha256:
        old: Optional[Dict[str, Any]] = None if stored is None else {"sha256": stored.sha256}
        if old and current.script is not None:  # Only some servers know how long it is.
            old["size"] = current.script.size
        changes.append(Change("code", old, {"sha256": content.sha256, "size": content.size}))
    if not in_place:
        changes.append(_storage_change(stored, current, package.storage, state))
    if changes or stored is None:
        return changes, True
    with state.reading(package.storage):
        upload = not has_bytes(package, stored.token, state.confirm)
    token = _token_for(package) if upload else stored.token
    if token != stored.token:
        # The bytes cannot go back where they were.
        changes.append(Change("key", stored.token, token))
    return changes, upload


def _compare_files(
    package: Package, stored: StoredObject, current: Deployment, state: PlanState
) -> Dict[str, Any]:
    """Return how the files of a project differ from those that are stored; nothing is run."""
    # Imported here because it is slow to load, and only changed code needs it.
    from flowpack.deployments.load import SMALLEST_PROJECT, find_storage, read_project, read_script

    new, old = read_project(package.content.data), None
    # What the server knows to be too short for a project is not read.
    if current.script is None or current.script.size >= SMALLEST_PROJECT:
        try:
            with state.reading(find_storage(stored, current, state.reader)):
                old = read_project(read_script(current, state.reader)[0])
        except FlowpackError:
            return {}
    if old is None and new is None:
        return {}
    before, after = (each.files if each else {} for each in (old, new))
    both = before.keys() & after.keys()
    # The script is there with and without its project.
    stays = both | {each.file for each in (old, new) if each and None in (old, new)}
    return {
        "from": "script" if old is None else "project",
        "to": "script" if new is None else "project",
        "added": sorted(after.keys() - stays),
        "removed": sorted(before.keys() - stays),
        "changed": sorted(path for path in both if before[path] != after[path]),
    }


def _is_same_storage(
    stored: StoredObject, current: Deployment, package: Package, state: PlanState
) -> bool:
    """Return True if a deployment has the storage of *package*."""
    script, storage = current.script, package.storage
    if script is not None and (script.storage_type, dict(script.storage_data)) != (
        storage.block_type_name,
        storage.public_data(),
    ):
        return False
    if stored.block_document_id is None:
        return script is not None
    if storage.document_id is not None:  # check_document has compared what it holds.
        return stored.block_document_id == storage.document_id
    try:
        document = state.reader.read_block_document(stored.block_document_id)
    except ObjectNotFound:
        return False
    return describe_difference(document, storage) is None


def _storage_change(
    stored: Optional[StoredObject], current: Deployment, storage: StorageBlock, state: PlanState
) -> Change:
    """Return the change from the storage that a deployment has to *storage*."""
    new, script = mask_storage(storage), current.script
    if stored is None:
        return Change("storage", None, new)
    if script is not None:
        # Workers go by what the script's source says, whatever the block holds.
        is_same_type = script.storage_type == storage.block_type_name
        cls = type(storage) if is_same_type else built_in(script.storage_type)
        return Change("storage", {"type": script.storage_type, **mask_source(script, cls)}, new)
    # Imported here because it is slow to load, and few deployments move.
    from flowpack.deployments.load import find_storage

    try:
        known = find_storage(stored, current, state.reader)
    except BlockError:
        return Change("storage", {"document_id": str(stored.block_document_id)}, new)
    return Change("storage", mask_storage(known), mask_storage(storage, known))
