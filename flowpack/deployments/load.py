"""From a deployment back to its script, checked, and to its flow."""

from __future__ import annotations

import hashlib
import re
from typing import Any, BinaryIO, Dict, Optional, Tuple, Union, cast
from uuid import UUID

import attrs

from flowpack.blocks.block import Block
from flowpack.blocks.documents import built_in
from flowpack.blocks.hashing import Hashing
from flowpack.blocks.storage import FileStorageBlock, StorageBlock, TempStorageBlock
from flowpack.blocks.storage_errors import storage_errors
from flowpack.client import Client
from flowpack.connect import using
from flowpack.analysis.script import SIZE_LIMIT
from flowpack.exceptions import (
    BlockError,
    IdentifierError,
    ObjectNotFound,
    PackagingError,
    StorageIntegrityError,
    printable,
    quoted,
)
from flowpack.models import DataDocument, Deployment, StoredObject

#: What is longer lies on the disk until its digest is checked, in bytes.
_IN_MEMORY = 8 * 1024 * 1024

#: How much is hashed at a time, in bytes.
_CHUNK = 256 * 1024

_SHA256 = re.compile("[0-9A-Fa-f]{64}")

_UNVERIFIED = (
    "say unverified=True (--unverified) if you trust whoever can write there, or deploy the"
    " script again with flowpack"
)


@attrs.frozen
class FetchedScript:
    """A deployment's script, read and checked.

    Attributes:
        content: The bytes.
        flow_name: The flow in it that the deployment runs.
        verified: Whether a digest of the deployment matched.
        filename: What the script is called where it is run.
        variable: The module-level name of the flow, where workers go by that.
    """

    content: bytes = attrs.field(repr=False)
    flow_name: str
    verified: bool
    filename: str
    variable: Optional[str] = None


def load_flow_from_deployment(
    deployment: Union[Deployment, UUID, str],
    client: Optional[Client] = None,
    *,
    unverified: bool = False,
    sha256: Optional[str] = None,
) -> Any:
    """Return the flow of a deployment; runs its script once it is verified.

    Args:
        deployment: A record, an id, or a name ``FLOW/DEPLOYMENT``.
        client: None connects to what the settings say.
        unverified: Whether to run bytes that carry no digest, as in deployments that others
            made.
        sha256: Refuse anything but the bytes of this digest, whatever the server says.

    Raises:
        IdentifierError: *sha256* is no digest.
        StorageIntegrityError: The bytes are not those that were deployed.
        PackagingError: They cannot be verified, or the deployment has no script.
        ObjectNotFound: No such deployment, flow or storage block.
        StorageError: The storage does not give the bytes.
        ScriptError: The script failed.
        MissingFlowError: The script does not define the flow.
    """
    # Imported here because it is slow to load, and most who import this module run no script.
    from flowpack.loading import load_flow_from_bytes

    script = fetch_script(deployment, client, unverified=unverified, sha256=sha256)
    return load_flow_from_bytes(
        script.content, script.filename, script.flow_name, variable=script.variable
    )


def fetch_script(
    deployment: Union[Deployment, UUID, str],
    client: Optional[Client] = None,
    *,
    unverified: bool = False,
    sha256: Optional[str] = None,
) -> FetchedScript:
    """Return the script of a deployment without running it.

    Arguments and errors are those of :func:`load_flow_from_deployment`.
    """
    if sha256 is not None and not _SHA256.fullmatch(sha256 if type(sha256) is str else ""):
        raise IdentifierError(
            f"{quoted(sha256)} is no SHA-256 digest, which has 64 hexadecimal digits"
        )
    with using(client) as api:
        record = find_deployment(deployment, api)
        flow_name = api.read_flow(record.flow_id).name
        content, verified = _read_script(record, api, unverified or sha256 is not None)
    if sha256 is not None:
        found = hashlib.sha256(content).hexdigest()
        remedy = "deploy those that you ask for, or ask for these"
        check_digest(found, Digest("sha256", sha256.lower()), quoted(record.name), "", remedy)
    file, _, variable = str(record.extra.get("entrypoint") or "").rpartition(":")
    return FetchedScript(
        content,
        flow_name,
        verified or sha256 is not None,
        file.rpartition("/")[2] or f"{flow_name}.py",
        variable if file and all(map(str.isidentifier, variable.split("."))) else None,
    )


def find_deployments(client: Client) -> Dict[str, Deployment]:
    """Return all deployments by their full names, ``FLOW/DEPLOYMENT``, sorted."""
    deployments = client.read_deployments()
    flows = {flow.id: flow.name for flow in client.read_flows()} if deployments else {}
    named = {f"{flows.get(each.flow_id, each.flow_id)}/{each.name}": each for each in deployments}
    return dict(sorted(named.items()))


def find_deployment(deployment: Union[Deployment, UUID, str], client: Client) -> Deployment:
    """Return the record of a deployment given by record, id or name."""
    if isinstance(deployment, Deployment):
        return deployment
    if isinstance(deployment, UUID):
        return client.read_deployment(deployment)
    return client.read_deployment_by_name(deployment)


def _read_script(record: Deployment, client: Client, unverified: bool) -> Tuple[bytes, bool]:
    """Return the bytes of a deployment's script, and whether a digest of it matched."""
    document = record.flow_data
    if document is None:
        raise PackagingError(
            f"where the script of {quoted(record.name)} is, is not known: {why_no_script(record)};"
            " deploy the script with flowpack"
        )
    stored = document.stored_object
    if stored is None:
        return _read_inline(document, record, unverified), False
    storage = find_storage(stored, record, client)
    expected = expected_digest(stored, storage)
    from tempfile import SpooledTemporaryFile  # Imported here because it is slow to load.

    with SpooledTemporaryFile(_IN_MEMORY) as file:
        with storage_errors(storage, stored.token):
            storage.read_into(stored.token, cast(BinaryIO, file), SIZE_LIMIT)
        if expected is not None:
            found = Hashing([expected.algorithm])
            file.seek(0)
            for chunk in iter(lambda: file.read(_CHUNK), b""):
                found.write(chunk)
            digest = found.hexdigest(expected.algorithm)
            check_digest(digest, expected, storage.block_type_name, stored.token)
        elif not unverified:
            raise PackagingError(
                f"the script of {quoted(record.name)} cannot be verified: neither the deployment"
                f" nor the key {quoted(stored.token)} holds a digest of it; {_UNVERIFIED}"
            )
        file.seek(0)
        return file.read(), expected is not None


def _read_inline(document: DataDocument, record: Deployment, unverified: bool) -> bytes:
    """Return a script that stands in the deployment itself."""
    text = document.decode()
    if not isinstance(text, str):
        raise PackagingError(
            f"the deployment {quoted(record.name)} holds a {type(text).__name__}, not a script"
        )
    if not unverified:
        raise PackagingError(
            f"the script of {quoted(record.name)} stands in the deployment itself, without a"
            f" digest; {_UNVERIFIED}"
        )
    return text.encode("utf-8", "surrogatepass")


def why_no_script(record: Deployment) -> str:
    """Return why *record* has no ``flow_data``."""
    if record.flaw is not None:
        return record.flaw
    return "it was made by another tool, in a way that does not say where its script is"


# --- where the bytes are, and what they must hash to --------------------------------------


def find_storage(stored: StoredObject, record: Deployment, client: Client) -> StorageBlock:
    """Return the storage block that holds what a deployment points at.

    Raises:
        BlockError: The document is gone, of a type unknown here, or no storage.
    """
    if stored.block_document_id is None:
        return _unregistered_storage(record)
    try:
        document = client.read_block_document(stored.block_document_id)
    except ObjectNotFound as exc:
        raise BlockError(
            f"the storage block {stored.block_document_id} of the deployment"
            f" {quoted(record.name)} was deleted on the server; deploy again with another storage"
        ) from exc
    block = Block.from_document(document)
    if not isinstance(block, StorageBlock):
        raise BlockError(f"the block {quoted(document.name)} is no storage")
    return block


def _unregistered_storage(record: Deployment) -> StorageBlock:
    """Return the storage of a deployment that names no block document.

    On 2.0b7 that means temporary storage; today's pull steps say what it is.
    """
    script = record.script
    if script is None:
        return TempStorageBlock()
    cls = built_in(script.storage_type)
    if cls is None or not issubclass(cls, StorageBlock):
        raise BlockError(
            f"the script of {quoted(record.name)} is in a storage of type"
            f" {quoted(script.storage_type)}, which is not known here"
        )
    return cls.from_data(script.storage_data)


@attrs.frozen
class Digest:
    """What some bytes must hash to.

    Attributes:
        algorithm: ``sha256``, or ``md5`` for what the stock client stored.
        hexdigest: In lower-case hex.
    """

    algorithm: str
    hexdigest: str


def expected_digest(stored: StoredObject, storage: StorageBlock) -> Optional[Digest]:
    """Return what the bytes of a deployment must hash to; None if nothing says it.

    flowpack's deployments carry a SHA-256 and name the object by it. Of others', the stock
    client's File Storage names objects by their MD5.
    """
    key = stored.token.replace("\\", "/").rpartition("/")[2].lower()
    if stored.sha256 is not None:
        return Digest("sha256", stored.sha256.lower())
    if _SHA256.fullmatch(key):
        return Digest("sha256", key)
    hashed = isinstance(storage, FileStorageBlock) and storage.key_type == "hash"
    return Digest("md5", key) if hashed and re.fullmatch("[0-9a-f]{32}", key) else None


def check_digest(found: str, expected: Digest, where: str, token: str, remedy: str = "") -> None:
    """Raise unless bytes hash to what is expected.

    Args:
        found: What they hash to.
        expected: What they must hash to; may come from a server and be no digest.
        where: What people call the storage.
        token: Where in it they are.
        remedy: What to do next; empty for deploying again with ``--confirm``.

    Raises:
        StorageIntegrityError: They do not.
    """
    if found != expected.hexdigest:
        wanted = printable(expected.hexdigest)
        raise StorageIntegrityError(where, token, wanted, found, remedy)
