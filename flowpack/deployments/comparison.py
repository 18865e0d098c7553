"""What is wanted of one deployment, held against what the server and storage have."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Dict, Iterable, List, Optional, Tuple
from uuid import UUID

import attrs

from flowpack.blocks.storage_errors import storage_errors
from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.deployments.actions import CREATE, UNCHANGED, UPDATE, Action
from flowpack.deployments.masking import masked, shown_data, shown_storage
from flowpack.deployments.pools import check_pool
from flowpack.exceptions import (
    APIConnectionError,
    BlockError,
    DeploymentValidationError,
    ObjectNotFound,
    StorageError,
    StorageUnavailableError,
    WireError,
)
from flowpack.models import Deployment, DeploymentCreate, StoredObject
from flowpack.packaging.base import CompleteSpec, Package, describe, has_bytes
from flowpack.packaging.fields import PoolFields, choose_pool
from flowpack.wire.base import Change, Dialect

#: Stands for the id of what is not registered yet; never sent.
_NO_ID = UUID(int=0)

_PUT_BACK = "the stored bytes are missing or damaged; the right ones are put back"


@attrs.frozen
class Found:
    """What planning the others of a set has found out.

    Attributes:
        confirm: Whether stored bytes are read, whatever the storage says of them.
        pools: The work pools that the set would make; see ``check_pool``.
        silent: Storages that gave no answer, with what was raised. They are not
            asked again: each time may last until a deadline.
    """

    confirm: bool = False
    pools: Dict[str, Tuple[str, str]] = attrs.field(factory=dict)
    silent: List[Tuple[StorageBlock, StorageUnavailableError]] = attrs.field(
        factory=list
    )


@attrs.frozen
class _Kept:
    """Where a deployment has its bytes now.

    Attributes:
        stored: What it points at.
        here: Whether that is in the storage that is wanted.
    """

    stored: StoredObject
    here: bool


def compare(
    spec: CompleteSpec,
    package: Package,
    current: Optional[Deployment],
    reader: Client,
    found: Found,
) -> Action:
    """Return what is to be done for a deployment; only reads.

    Args:
        spec: What is wanted.
        package: What would be stored.
        current: The deployment as it is; None where there is none.
        reader: Refuses everything but reads.
        found: What the others of the set had; what this one has is added.

    Raises:
        DeploymentValidationError: The server or its workers could not use it.
        BlockError: The document that the storage names does not hold it.
        StorageUnavailableError: The storage cannot be asked what it has.
    """
    package.storage.check_document(reader)
    kept = None if current is None else _kept(current, package.storage, reader)
    token = _token(package, kept)
    new, notes = _wanted(spec, package, token, current, reader, found.pools)
    if current is None:
        kind, upload = CREATE, True
        changes = _all_fields(package, new, reader.dialect)
    else:
        changes, upload = _code_and_storage(package, current, kept, reader, found)
        if upload and not any(each.field in ("code", "storage") for each in changes):
            notes += (_PUT_BACK,)
        changes += reader.dialect.differences(current, new)
        kind = UPDATE if changes else UNCHANGED
    return Action(
        kind=kind,
        flow_name=spec.flow_name,
        name=spec.name,
        changes=tuple(map(masked, changes)),
        upload=upload,
        sha256=package.content.sha256,
        size=package.content.size,
        notes=package.notes + notes,
        kept=spec.kept,
    )


def _wanted(
    spec: CompleteSpec,
    package: Package,
    token: str,
    current: Optional[Deployment],
    reader: Client,
    pools: Dict[str, Tuple[str, str]],
) -> Tuple[DeploymentCreate, Tuple[str, ...]]:
    """Return the deployment as it is to be, and notes; refuse what cannot work."""
    dialect = reader.dialect
    flow_id = current.flow_id if current is not None else _NO_ID
    source = package.source(spec, token)
    stored = StoredObject(token, None, package.content.sha256)
    described = describe(spec, package, source, flow_id, stored)
    new = dialect.settled(described, current)
    problems = dialect.problems(new)
    if problems:
        raise DeploymentValidationError(spec.full_name, problems)
    if not dialect.uses_work_pools:
        return new, dialect.notes(new) + _left_out(spec)
    new = attrs.evolve(new, work_pool_name=choose_pool(new.work_pool_name or None))
    note = check_pool(spec.full_name, new, reader, spec.create_work_pool, pools)
    return new, dialect.notes(new) + ((note,) if note else ())


def _token(package: Package, kept: Optional[_Kept]) -> str:
    """Return the token that the bytes have now, else the one that they will get.

    Where that is known only after a write, the digest stands in for it.
    """
    storage, sha256 = package.storage, package.content.sha256
    if kept is not None and kept.here and kept.stored.sha256 == sha256:
        token = kept.stored.token
        # It may be none of this storage's, whatever stands there.
        with suppress(StorageError), storage_errors(storage, token):
            storage.location(token)
            return token
    return _token_for(storage, sha256) or sha256


def _left_out(spec: CompleteSpec) -> Tuple[str, ...]:
    """Return a note of what is set and has no place on the server."""
    fields = attrs.fields(PoolFields)
    given = [each.name for each in fields if getattr(spec, each.name) != each.default]
    if not given:
        return ()
    return (f"this server has no place for {', '.join(given)}; they are left out",)


def _all_fields(
    package: Package, new: DeploymentCreate, dialect: Dialect
) -> Tuple[Change, ...]:
    """Return what a new deployment is to have, where that is not empty."""
    nothing = Deployment(id=_NO_ID, name=new.name, flow_id=new.flow_id, flow_data=None)
    return (
        Change("storage", None, shown_storage(package.storage)),
        *(
            Change(each.field, None, each.new)
            for each in dialect.differences(nothing, new)
            if each.new not in (None, "", [], {})
        ),
    )


def _code_and_storage(
    package: Package,
    current: Deployment,
    kept: Optional[_Kept],
    reader: Client,
    found: Found,
) -> Tuple[Tuple[Change, ...], bool]:
    """Return what differs in code and storage, and whether to store the bytes."""
    content, storage = package.content, package.storage
    changes: List[Change] = []
    if kept is None:
        changes.append(_code_change(current, package))
        changes.append(Change("storage", None, shown_storage(storage)))
        return tuple(changes), True
    stored = kept.stored
    if stored.sha256 != content.sha256:
        changes.append(_code_change(current, package))
    if not kept.here:
        old = _shown_place(stored, current, storage, reader)
        changes.append(Change("storage", old, shown_storage(storage)))
    if changes:
        return tuple(changes), True
    upload = not _holds(package, stored.token, found)
    token = _token_for(storage, content.sha256) if upload else stored.token
    if token != stored.token:
        # The bytes cannot go back where they were.
        changes.append(Change("key", stored.token, token))
    return tuple(changes), upload


def _holds(package: Package, token: str, found: Found) -> bool:
    storage = package.storage
    for other, error in found.silent:
        if other == storage:
            raise error
    try:
        return has_bytes(package, token, found.confirm)
    except StorageUnavailableError as exc:
        if isinstance(exc.__cause__, APIConnectionError):
            found.silent.append((storage, exc))
        raise


def _token_for(storage: StorageBlock, sha256: str) -> Optional[str]:
    with storage_errors(storage, sha256):
        return storage.token_for(sha256)


def _stored(current: Deployment) -> Optional[StoredObject]:
    """Return where *current* has its bytes; None where that cannot be told."""
    try:
        return current.flow_data.stored_object if current.flow_data else None
    except WireError:
        return None


def _kept(
    current: Deployment, storage: StorageBlock, reader: Client
) -> Optional[_Kept]:
    """Return where *current* has its bytes; None where that cannot be told."""
    stored = _stored(current)
    if stored is None:
        return None
    return _Kept(stored, _same_storage(stored, current, storage, reader))


def _same_storage(
    stored: StoredObject, current: Deployment, storage: StorageBlock, reader: Client
) -> bool:
    """Return whether the deployment's storage is the one that is wanted."""
    script = current.script
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


def _code_change(current: Deployment, package: Package) -> Change:
    """Return the change of code; how long the old one is only some servers know."""
    old: Optional[Dict[str, Any]] = None
    stored = _stored(current)
    if stored is not None:
        old = {"sha256": stored.sha256}
        if current.script is not None:
            old["size"] = current.script.size
    content = package.content
    return Change("code", old, {"sha256": content.sha256, "size": content.size})


def _shown_place(
    stored: StoredObject, current: Deployment, storage: StorageBlock, reader: Client
) -> Dict[str, Any]:
    """Return what a plan says of the storage that a deployment has now.

    Args:
        stored: Where its bytes are.
        current: The deployment.
        storage: The one that is wanted; where it is of the same type, its class
            tells what is secret.
        reader: The server.
    """
    # Only here for cost: few deployments move to another storage.
    from flowpack.deployments.load import find_storage

    known: Optional[StorageBlock] = None
    try:
        known = find_storage(stored, current, reader)
        shown = shown_storage(known)
    except BlockError:
        shown = {"document_id": str(stored.block_document_id)}
    script = current.script
    if script is None:
        return shown
    # Workers go by what the deployment says, whatever the block says.
    data, told = script.storage_data, {} if known is None else known.public_data()
    secret: Iterable[str] = data  # All of it, where nobody knows what is secret.
    for each in (storage, known):
        if each is not None and each.block_type_name == script.storage_type:
            secret = each.definition().secret_fields
    differing = {key: data[key] for key in data if data[key] != told.get(key, ...)}
    return {**shown, **shown_data(differing, secret)}
