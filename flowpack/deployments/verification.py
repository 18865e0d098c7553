"""Verifies that the bytes of deployments are there, and the same, by reading and hashing them.

Nothing is run, and nothing is changed or deleted: a folder may serve several APIs.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from contextlib import suppress
from typing import Any, Dict, Hashable, Iterable, List, Literal, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack.blocks.block import Block
from flowpack.blocks.stores import Hashing
from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_errors import describe_raised, hash_object
from flowpack.client import Client
from flowpack.connect import shared_connections, using
from flowpack.deployments.actions import Deployed
from flowpack.deployments.load import check_digest, expected_digest, find_deployment
from flowpack.deployments.load import find_deployments, find_storage, why_no_script
from flowpack.exceptions import APIConnectionError, FlowpackError, ObjectMissingError
from flowpack.exceptions import StorageIntegrityError, WireError, printable, quoted
from flowpack.models import BlockDocument, DataDocument, Deployment, DeploymentCreate

#: The bytes are those that were deployed; are missing; are others; or cannot be read. Of
#: deployments that others made the digest is not known, or there is no script.
Status = Literal["ok", "missing", "corrupt", "unreadable", "unverifiable", "skipped"]

#: What flowpack names objects by.
_KEY = re.compile(r"[0-9a-f]{64}\Z")


@attrs.frozen(kw_only=True)
class VerifyResult:
    """The result of verifying one deployment.

    Attributes:
        name: ``FLOW/DEPLOYMENT``.
        status: ``ok``, ``missing``, ``corrupt``, ``unreadable``, ``unverifiable`` or ``skipped``.
        reason: Why it is not ``ok``; empty where it is.
        storage_type: Name of the storage's block type, where it is known.
        token: Under which the bytes are stored.
        expected: The digest that the bytes must have, in lower-case hex.
        found: The digest that they have.

    Example:
        >>> import pathlib
        >>> from flowpack import DeploymentSpec, FileStorageBlock, deploy, verify_all
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py", flow_storage=store)
        >>> [done] = deploy(spec)
        >>> pathlib.Path("store", done.key).unlink()
        >>> [result] = verify_all()
        >>> result.status, result.is_broken
        ('missing', True)
    """

    name: str
    deployment_id: UUID
    status: Status
    reason: str = ""
    storage_type: Optional[str] = None
    token: Optional[str] = None
    expected: Optional[str] = None
    found: Optional[str] = None
    size: Optional[int] = None

    @property
    def is_broken(self) -> bool:
        """Whether the deployment cannot be run as it was deployed."""
        return self.status in ("missing", "corrupt", "unreadable")

    is_fault = is_broken  # Its name in earlier builds.


Finding = VerifyResult  # Its name in earlier builds.

#: The digests of objects that were read, or the errors, by storage and token.
_Hashed = Dict[Hashable, Union[Hashing, Exception]]


def verify_all(
    client: Optional[Client] = None, names: Optional[Iterable[str]] = None
) -> Tuple[VerifyResult, ...]:
    """Read and hash what deployments point at, each object once, in constant memory.

    Args:
        client: None connects to what the settings say.
        names: ``FLOW/DEPLOYMENT`` each; None for all deployments.

    Returns:
        One result for each, in the order of *names*, else by name.

    Raises:
        ObjectNotFound: There is no deployment of a name.
        APIError: The server could not be asked.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, deploy, verify_all
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py", flow_storage=store)
        >>> [done] = deploy(spec)
        >>> [(result.name, result.status) for result in verify_all()]
        [('etl/nightly', 'ok')]
    """
    with shared_connections(), using(client) as api:
        reader = api.snapshot()
        if names is None:
            records = find_deployments(reader)
        else:
            records = {name: find_deployment(name, reader) for name in names}
        hashed: _Hashed = {}
        return tuple(_verify(name, each, reader, hashed) for name, each in records.items())


def _verify(name: str, record: Deployment, reader: Client, hashed: _Hashed) -> VerifyResult:
    facts: Dict[str, Any] = {"name": name, "deployment_id": record.id}
    try:
        status, reason = _check_script(record, reader, hashed, facts)
    except APIConnectionError:
        raise
    except Exception as exc:  # The classes of users' own storages run here.
        status = "missing" if isinstance(exc, ObjectMissingError) else "unreadable"
        if isinstance(exc, StorageIntegrityError):
            status = "corrupt"
        own = isinstance(exc, FlowpackError)
        reason = str(exc) if own else f"the storage's class raised {describe_raised(exc)}"
    return VerifyResult(status=status, reason=reason, **facts)


def _check_script(
    record: Deployment, reader: Client, hashed: _Hashed, facts: Dict[str, Any]
) -> Tuple[Status, str]:
    """Return status and reason; add to *facts* the others, as far as they are known."""
    document = record.flow_data
    if document is None:
        return "skipped" if record.script_problem is None else "unreadable", why_no_script(record)
    stored = document.stored_object
    if stored is None:
        if document.encoding in ("text", "json") and isinstance(document.decode(), str):
            return "unverifiable", "the script stands in the deployment itself, without a digest"
        encoding = quoted(document.encoding)
        return "skipped", f"it holds {encoding} data, which is no script that flowpack could fetch"
    facts["token"] = stored.token
    storage = find_storage(stored, record, reader)
    facts["storage_type"] = storage.block_type_name
    expected = expected_digest(stored, storage)
    if expected is not None:
        facts["expected"] = printable(expected.hexdigest)
    hashing = _hash_once(storage, stored.token, hashed)
    size = facts["size"] = hashing.tell()
    if expected is None:
        return "unverifiable", "neither the deployment nor the key holds a digest of it"
    found = facts["found"] = hashing.hexdigest(expected.algorithm)
    if found == expected.hexdigest:
        return "ok", ""
    script = "SCRIPT" if record.script is None else record.script.filename
    target = f"{script}:{facts['name'].rpartition('/')[0]}"
    remedy = shlex.join(["flowpack", "deploy", target, "-n", record.name, "--confirm"])
    return "corrupt", (
        f"expected {expected.algorithm} {facts['expected']}, found {found} ({size} bytes);"
        f" '{printable(remedy)}' (or of its spec file) puts the right ones back"
    )


def _hash_once(storage: StorageBlock, token: str, hashed: _Hashed) -> Hashing:
    """Return the digests of an object, or raise the error of the first attempt to read it."""
    key = type(storage), json.dumps(storage.to_document_data(), sort_keys=True), token
    if key not in hashed:
        try:
            hashed[key] = hash_object(storage, token, ("sha256", "md5"))
        except Exception as exc:
            hashed[key] = exc
    found = hashed[key]
    if isinstance(found, Exception):
        raise found
    return found


def confirm_deployment(
    deployed: Deployed, written: Union[Deployment, DeploymentCreate], remedy: str, api: Client
) -> None:
    """Read a deployment and its bytes once more, and raise unless they are as they were written.

    *remedy* says what puts other bytes right; empty for deploying again.
    """
    record = api.read_deployment(deployed.id)
    differing = []
    if record.flow_data != written.flow_data:
        has, sent = _describe_data(record.flow_data), _describe_data(written.flow_data)
        differing.append(f"it points at {has}, and was deployed with {sent}")
    if isinstance(written, DeploymentCreate):
        changes = api.dialect.differences(record, written)
        if changes:  # Without the values: some are secret.
            names = ", ".join(change.field for change in changes)
            differing.append(f"it has another {names}")
    if differing:
        raise WireError(
            f"{printable(deployed.full_name)} was deployed, but the server has something else"
            f" now: {'; '.join(differing)}. Somebody else may have deployed it, or the server"
            " lost the write"
        )
    stored = record.stored_object
    if stored is None:
        return
    storage = find_storage(stored, record, api)
    expected = expected_digest(stored, storage)
    algorithm = "sha256" if expected is None else expected.algorithm
    found = hash_object(storage, stored.token, [algorithm]).hexdigest(algorithm)
    if expected is not None:
        check_digest(found, expected, storage.block_type_name, stored.token, remedy)


def _describe_data(document: Optional[DataDocument]) -> str:
    stored = None if document is None else document.stored_object
    if stored is not None:
        return f"{quoted(stored.token)} (SHA-256 {printable(stored.sha256)})"
    return "nothing" if document is None else f"{quoted(document.encoding)} data"


def find_unreferenced(client: Optional[Client] = None) -> Tuple[str, ...]:
    """Return the paths of objects that no deployment of an API points at.

    These are files named like flowpack's objects, in folders of this machine that its deployments
    use or its storage blocks name. What a deploy that is under way has stored is among them, and
    what deployments of other APIs use.
    """
    with using(client) as api:
        reader = api.snapshot()
        named = [_document_path(each) for each in reader.read_block_documents(anonymous=True)]
        used = [_object_path(each, reader) for each in reader.read_deployments()]
    folders = {os.path.dirname(path) for path in (*named, *used) if path is not None}
    found = {path for folder in folders for path in _list_objects(folder)}
    return tuple(sorted(found.difference(used)))


def _object_path(record: Deployment, reader: Client) -> Optional[str]:
    """Return the path of a deployment's object; None if it is in no folder here."""
    stored = record.stored_object
    if stored is None:
        return None
    try:
        return _local_path(find_storage(stored, record, reader), stored.token)
    except APIConnectionError:
        raise
    except Exception:  # Verifying reports it; users' own classes run here.
        return None


def _document_path(document: BlockDocument) -> Optional[str]:
    """Return the path that an object in the storage of *document* would have here."""
    with suppress(Exception):  # Its class may be unknown here, or its folder be nowhere.
        storage = Block.from_document(document)
        if isinstance(storage, StorageBlock):
            return _local_path(storage, storage.token_for("0" * 64))
    return None


def _local_path(storage: StorageBlock, token: Optional[str]) -> Optional[str]:
    """Return where *token* leads, links in its folder resolved; None for URLs."""
    location = None if token is None else storage.location(token)
    if location is None or "://" in location:
        return None
    folder, name = os.path.split(location)
    return os.path.join(os.path.realpath(folder), name)


def _list_objects(folder: str) -> List[str]:
    try:
        with os.scandir(folder) as entries:
            found = [each for each in entries if _KEY.match(each.name)]
            return [each.path for each in found if each.is_file(follow_symlinks=False)]
    except OSError:
        return []  # It is not there, or cannot be listed.
