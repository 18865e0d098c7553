"""Reading back: the server and the storage have what was deployed."""

from __future__ import annotations

from typing import Optional, Union

from flowpack.blocks.storage_errors import hash_object
from flowpack.client import Client
from flowpack.deployments import digests
from flowpack.deployments.actions import Deployed, Step
from flowpack.deployments.digests import Digest, expected_digest
from flowpack.deployments.load import find_storage
from flowpack.exceptions import WireError, printable, quoted
from flowpack.models import DataDocument, Deployment, DeploymentCreate


def check(
    step: Step, wanted: Union[Deployment, DeploymentCreate], done: Deployed, api: Client
) -> None:
    """Read a deployment and its bytes once more, in constant memory.

    Args:
        step: What was to be done.
        wanted: What the server is to have: what was sent, or what it had already.
        done: What became of it.
        api: The server.

    Raises:
        WireError: The server has something else; the text says what.
        BlockError: The storage that the server names cannot be used.
        ObjectMissingError: The storage has nothing there.
        StorageIntegrityError: It has other bytes.
        StorageError: It cannot be read.
    """
    record = api.read_deployment(done.id)
    differing = []
    if record.flow_data != wanted.flow_data:
        has, sent = _told(record.flow_data), _told(wanted.flow_data)
        differing.append(f"it points at {has}, and was deployed with {sent}")
    if isinstance(wanted, DeploymentCreate):
        changes = api.dialect.differences(record, wanted)
        if changes:  # Without the values: some are secret.
            names = ", ".join(change.field for change in changes)
            differing.append(f"it has another {names}")
    if differing:
        raise WireError(
            f"{printable(done.full_name)} was deployed, but the server has something"
            f" else now: {'; '.join(differing)}. Somebody else may have deployed it, or"
            " the server lost the write"
        )
    _check_bytes(step, record, api)


def _check_bytes(step: Step, record: Deployment, api: Client) -> None:
    """Read the bytes as a run would: from where the server says that they are."""
    stored = record.flow_data.stored_object if record.flow_data else None
    if stored is None:
        return
    storage = find_storage(stored, record, api)
    expected = expected_digest(stored, storage)
    remedy = "its packager has left them as they are: delete them and deploy again"
    if step.package is not None:
        expected, remedy = Digest("sha256", step.package.content.sha256), ""
    algorithm = "sha256" if expected is None else expected.algorithm
    found = hash_object(storage, stored.token, [algorithm]).hexdigest(algorithm)
    if expected is not None:
        digests.check(found, expected, storage.block_type_name, stored.token, remedy)


def _told(document: Optional[DataDocument]) -> str:
    stored = None if document is None else document.stored_object
    if stored is not None:
        return f"{quoted(stored.token)} (SHA-256 {printable(stored.sha256)})"
    return "nothing" if document is None else f"{quoted(document.encoding)} data"
