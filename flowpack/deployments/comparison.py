"""What one deployment is to be, compared with what the server and the storage have."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Dict, List, Optional, Tuple
from uuid import UUID

import attrs

from flowpack.blocks.asking import asking
from flowpack.blocks.finding import built_in
from flowpack.blocks.secrecy import masked_data
from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.deployments.actions import CREATE, UNCHANGED, UPDATE, Action
from flowpack.deployments.masking import mask_change, mask_storage
from flowpack.deployments.pools import check_pool, choose_pool
from flowpack.deployments.selection import stored_object
from flowpack.exceptions import (
    APIConnectionError,
    BlockError,
    DeploymentValidationError,
    ObjectNotFound,
    StorageError,
    StorageUnavailableError,
)
from flowpack.models import Deployment, DeploymentCreate, StoredObject
from flowpack.packaging.base import CompleteSpec, Package, PoolFields
from flowpack.packaging.storing import describe, has_bytes
from flowpack.wire.base import Change, Dialect

#: Stands for the id of what is not registered yet; never sent.
_NO_ID = UUID(int=0)

_PUT_BACK = "the stored bytes are missing or damaged; the right ones are put back"


@attrs.frozen
class SetState:
    """What planning the others of a set has found out.

    Attributes:
        confirm: Whether stored bytes are read, whatever the storage says of them.
        pools: The work pools that the set would make; see ``check_pool``.
        silent: Storages that gave no answer, with what was raised. They are not asked again:
            each time may last until a deadline.
    """

    confirm: bool = False
    pools: Dict[str, Tuple[str, str]] = attrs.field(factory=dict)
    silent: List[Tuple[StorageBlock, StorageUnavailableError]] = attrs.field(factory=list)


def compare(spec: CompleteSpec, package: Package, reader: Client, state: SetState) -> Action:
    """Return what is to be done for a deployment; only reads.

    Args:
        spec: What is wanted, with the deployment as it is.
        package: What would be stored.
        reader: Refuses everything but reads.
        state: What the others of the set had; what this one has is added.

    Raises:
        DeploymentValidationError: The server or its workers could not use it.
        BlockError: The document that the storage names does not hold it.
        StorageUnavailableError: The storage cannot be asked what it has.
    """
    package.storage.check_document(reader)
    current = spec.current
    stored = None if current is None else stored_object(current)
    if current is None:
        kind, upload = CREATE, True
        new, notes = _describe(spec, package, None, reader, state)
        changes = _set_fields(package, new, reader.dialect)
    else:
        in_place = stored is not None and _is_same_storage(stored, current, package, reader)
        new, notes = _describe(spec, package, stored if in_place else None, reader, state)
        changes, upload = _compare_code(package, current, stored, in_place, reader, state)
        if upload and not any(each.field in ("code", "storage") for each in changes):
            notes += (_PUT_BACK,)
        changes += reader.dialect.differences(current, new)
        kind = UPDATE if changes else UNCHANGED
    return Action(
        kind=kind,
        flow_name=spec.flow_name,
        name=spec.name,
        changes=tuple(map(mask_change, changes)),
        upload=upload,
        sha256=package.content.sha256,
        size=package.content.size,
        notes=package.notes + notes,
        kept=spec.kept,
    )


def _describe(
    spec: CompleteSpec,
    package: Package,
    in_place: Optional[StoredObject],
    reader: Client,
    state: SetState,
) -> Tuple[DeploymentCreate, Tuple[str, ...]]:
    """Return the deployment as it is to be, and notes; refuse what cannot work."""
    dialect, current = reader.dialect, spec.current
    flow_id = _NO_ID if current is None else current.flow_id
    described = describe(spec, package, flow_id, _find_token(package, in_place))
    new = dialect.settled(described, current)
    problems = dialect.problems(new)
    if problems:
        raise DeploymentValidationError(spec.full_name, problems)
    if not dialect.uses_work_pools:
        return new, dialect.notes(new) + _left_out(spec)
    new = attrs.evolve(new, work_pool_name=choose_pool(new.work_pool_name or None))
    note = check_pool(spec.full_name, new, reader, spec.create_work_pool, state.pools)
    return new, dialect.notes(new) + ((note,) if note else ())


def _find_token(package: Package, in_place: Optional[StoredObject]) -> str:
    """Return the token that the bytes have now, else the one that they will get.

    Where that is known only after a write, the digest stands in for it.
    """
    storage, sha256 = package.storage, package.content.sha256
    if in_place is not None and in_place.sha256 == sha256:
        # It may be none of this storage's, whatever stands there.
        with suppress(StorageError), asking(storage, in_place.token):
            storage.location(in_place.token)
            return in_place.token
    return _token_for(package) or sha256


def _token_for(package: Package) -> Optional[str]:
    sha256 = package.content.sha256
    with asking(package.storage, sha256):
        return package.storage.token_for(sha256)


def _left_out(spec: CompleteSpec) -> Tuple[str, ...]:
    """Return a note of what is set and has no place on the server."""
    fields = attrs.fields(PoolFields)
    given = [each.name for each in fields if getattr(spec, each.name) != each.default]
    if not given:
        return ()
    return (f"this server has no place for {', '.join(given)}; they are left out",)


def _set_fields(
    package: Package, new: DeploymentCreate, dialect: Dialect
) -> Tuple[Change, ...]:
    """Return what a new deployment is to have, where that is not empty."""
    nothing = Deployment(id=_NO_ID, name=new.name, flow_id=new.flow_id, flow_data=None)
    return (
        Change("storage", None, mask_storage(package.storage)),
        *(
            Change(each.field, None, each.new)
            for each in dialect.differences(nothing, new)
            if each.new not in (None, "", [], {})
        ),
    )


def _compare_code(
    package: Package,
    current: Deployment,
    stored: Optional[StoredObject],
    in_place: bool,
    reader: Client,
    state: SetState,
) -> Tuple[Tuple[Change, ...], bool]:
    """Return what differs in code and storage, and whether to store the bytes."""
    content = package.content
    changes: List[Change] = []
    if stored is None or stored.sha256 != content.sha256:
        old: Optional[Dict[str, Any]] = None
        if stored is not None:
            old = {"sha256": stored.sha256}
            if current.script is not None:  # Only some servers know how long it is.
                old["size"] = current.script.size
        changes.append(Change("code", old, {"sha256": content.sha256, "size": content.size}))
    if not in_place:
        changes.append(_storage_change(stored, current, package.storage, reader))
    if changes or stored is None:
        return tuple(changes), True
    upload = not _has_bytes(package, stored.token, state)
    token = _token_for(package) if upload else stored.token
    if token != stored.token:
        # The bytes cannot go back where they were.
        changes.append(Change("key", stored.token, token))
    return tuple(changes), upload


def _has_bytes(package: Package, token: str, state: SetState) -> bool:
    for storage, error in state.silent:
        if storage == package.storage:
            raise error
    try:
        return has_bytes(package, token, state.confirm)
    except StorageUnavailableError as exc:
        if isinstance(exc.__cause__, APIConnectionError):
            state.silent.append((package.storage, exc))
        raise


def _is_same_storage(
    stored: StoredObject, current: Deployment, package: Package, reader: Client
) -> bool:
    """Return True if the deployment's storage is the one that is wanted."""
    script, storage = current.script, package.storage
    if script is not None and (script.storage_type, dict(script.storage_data)) != (
        storage.block_type_name,
        storage.public_data(),
    ):
        return False
    if stored.block_document_id is None:
        return script is not None
    if storage.document_id is not None:  # It holds the storage; see compare.
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


def _storage_change(
    stored: Optional[StoredObject], current: Deployment, storage: StorageBlock, reader: Client
) -> Change:
    """Return the change from the storage that a deployment has to the one that is wanted."""
    if stored is None:
        return Change("storage", None, mask_storage(storage))
    script = current.script
    if script is not None:  # Workers go by what it says, whatever the block says.
        cls = built_in(script.storage_type)
        if script.storage_type == storage.block_type_name:
            cls = type(storage)
        # Where nobody knows what is secret, all of it is.
        secret = tuple(script.storage_data) if cls is None else cls.definition().secret_fields
        old = {"type": script.storage_type, **masked_data(script.storage_data, secret)}
        return Change("storage", old, mask_storage(storage))
    # Imported here because it is slow to load, and few deployments move to another storage.
    from flowpack.deployments.load import find_storage

    try:
        known = find_storage(stored, current, reader)
    except BlockError:
        old = {"document_id": str(stored.block_document_id)}
        return Change("storage", old, mask_storage(storage))
    return Change("storage", mask_storage(known), mask_storage(storage, known))
