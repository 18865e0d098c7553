"""Are the bytes that deployments point at still there, and still the same?

Each object is read and hashed once, in constant memory, however many deployments share it.
Nothing is run, and nothing is changed or deleted: a folder may serve several APIs.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import Dict, Hashable, Iterable, List, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack.blocks.block import Block
from flowpack.blocks.hashing import Hashing
from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_errors import describe_raised, hash_object
from flowpack.client import Client
from flowpack.connect import shared_connections, using
from flowpack.deployments.actions import Deployed
from flowpack.deployments.load import (
    Digest,
    check_digest,
    expected_digest,
    find_deployment,
    find_deployments,
    find_storage,
    why_no_script,
)
from flowpack.exceptions import (
    APIConnectionError,
    FlowpackError,
    ObjectMissingError,
    StorageIntegrityError,
    WireError,
    printable,
    quoted,
)
from flowpack.models import BlockDocument, DataDocument, Deployment, DeploymentCreate

#: What is stored is what was deployed; is not there; is something else; or could not be read.
OK, MISSING, CORRUPT, UNREADABLE = "ok", "missing", "corrupt", "unreadable"
#: Others made the deployment: nothing says what the bytes must be, or where they are.
UNVERIFIABLE, SKIPPED = "unverifiable", "skipped"

#: What flowpack names objects by.
_KEY = re.compile(r"[0-9a-f]{64}\Z")


@attrs.frozen(kw_only=True)
class VerifyResult:
    """The result of verifying one deployment.

    Attributes:
        name: ``FLOW/DEPLOYMENT``.
        deployment_id: The deployment's id.
        status: ``ok``, ``missing``, ``corrupt``, ``unreadable``, ``unverifiable`` or
            ``skipped``.
        reason: Why it is not ``ok``; empty where it is.
        storage_type: Name of the storage's block type, where it is known.
        token: Under which the bytes are stored.
        expected: The digest that they must have, in lower-case hex.
        found: The digest that they have.
        size: How many there are.
    """

    name: str
    deployment_id: UUID
    status: str
    reason: str = ""
    storage_type: Optional[str] = None
    token: Optional[str] = None
    expected: Optional[str] = None
    found: Optional[str] = None
    size: Optional[int] = None

    @property
    def is_broken(self) -> bool:
        """Whether the deployment cannot be run as it was deployed."""
        return self.status in (MISSING, CORRUPT, UNREADABLE)

    #: Names of earlier builds.
    is_fault = is_broken


Finding = VerifyResult

#: The digests of objects that were read, or the errors, by storage and token.
_Hashed = Dict[Hashable, Union[Hashing, Exception]]


def verify_all(
    client: Optional[Client] = None, names: Optional[Iterable[str]] = None
) -> Tuple[VerifyResult, ...]:
    """Read and hash what deployments point at.

    Args:
        client: None connects to what the settings say.
        names: ``FLOW/DEPLOYMENT`` each; None for all deployments.

    Returns:
        One result for each: in the order of *names*, else by name.

    Raises:
        ObjectNotFound: There is no deployment of a name.
        APIError: The server could not be asked.
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
    result = VerifyResult(name=name, deployment_id=record.id, status=OK)
    if record.flow_data is None:
        status = SKIPPED if record.flaw is None else UNREADABLE
        return attrs.evolve(result, status=status, reason=why_no_script(record))
    try:
        stored = record.flow_data.stored_object
        if stored is None:
            return _verify_inline(result, record.flow_data)
        result = attrs.evolve(result, token=stored.token)
        storage = find_storage(stored, record, reader)
        expected = expected_digest(stored, storage)
        result = attrs.evolve(
            result,
            storage_type=storage.block_type_name,
            expected=None if expected is None else printable(expected.hexdigest),
        )
        found = _hash_once(storage, stored.token, hashed)
    except APIConnectionError:
        raise
    except Exception as exc:  # The classes of users' own storages run here.
        status = MISSING if isinstance(exc, ObjectMissingError) else UNREADABLE
        if isinstance(exc, StorageIntegrityError):
            status = CORRUPT
        own = isinstance(exc, FlowpackError)
        reason = str(exc) if own else f"the storage's class raised {describe_raised(exc)}"
        return attrs.evolve(result, status=status, reason=reason)
    result = attrs.evolve(result, size=found.tell())
    if expected is None:
        reason = "neither the deployment nor the key holds a digest of it"
        return attrs.evolve(result, status=UNVERIFIABLE, reason=reason)
    result = attrs.evolve(result, found=found.hexdigest(expected.algorithm))
    if result.found == expected.hexdigest:
        return result
    script = "SCRIPT" if record.script is None else record.script.filename
    target = f"{script}:{name.rpartition('/')[0]}"
    remedy = shlex.join(["flowpack", "deploy", target, "-n", record.name, "--confirm"])
    reason = (
        f"expected {expected.algorithm} {result.expected}, found {result.found}"
        f" ({result.size} bytes); '{printable(remedy)}' (or of its spec file) puts the right ones"
        " back"
    )
    return attrs.evolve(result, status=CORRUPT, reason=reason)


def _verify_inline(result: VerifyResult, document: DataDocument) -> VerifyResult:
    """Return the result for a deployment that points at nothing stored."""
    if document.encoding in ("text", "json") and isinstance(document.decode(), str):
        reason = "the script stands in the deployment itself, without a digest"
        return attrs.evolve(result, status=UNVERIFIABLE, reason=reason)
    reason = (
        f"what it has is encoded as {quoted(document.encoding)}, which is no script that flowpack"
        " could fetch"
    )
    return attrs.evolve(result, status=SKIPPED, reason=reason)


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


# --- after a deploy -----------------------------------------------------------------------


def confirm_deployment(
    deployed: Deployed,
    wanted: Union[Deployment, DeploymentCreate],
    sha256: Optional[str],
    api: Client,
) -> None:
    """Read a deployment and its bytes once more, in constant memory.

    Args:
        deployed: What was done.
        wanted: What the server is to have: what was sent, or what it had already.
        sha256: Digest of the bytes; None if a packager of a user's own stored them.
        api: The server.

    Raises:
        WireError: The server has something else; the text names it.
        BlockError: The storage that the server names cannot be used.
        StorageError: The storage cannot be read, or has other bytes or none.
    """
    record = api.read_deployment(deployed.id)
    differing = []
    if record.flow_data != wanted.flow_data:
        has, sent = _describe_data(record.flow_data), _describe_data(wanted.flow_data)
        differing.append(f"it points at {has}, and was deployed with {sent}")
    if isinstance(wanted, DeploymentCreate):
        changes = api.dialect.differences(record, wanted)
        if changes:  # Without the values: some are secret.
            names = ", ".join(change.field for change in changes)
            differing.append(f"it has another {names}")
    if differing:
        raise WireError(
            f"{printable(deployed.full_name)} was deployed, but the server has something else"
            f" now: {'; '.join(differing)}. Somebody else may have deployed it, or the server"
            " lost the write"
        )
    stored = record.flow_data.stored_object if record.flow_data else None
    if stored is None:
        return
    storage = find_storage(stored, record, api)
    expected = expected_digest(stored, storage)
    remedy = "its packager has left them as they are: delete them and deploy again"
    if sha256 is not None:
        expected, remedy = Digest("sha256", sha256), ""
    algorithm = "sha256" if expected is None else expected.algorithm
    found = hash_object(storage, stored.token, [algorithm]).hexdigest(algorithm)
    if expected is not None:
        check_digest(found, expected, storage.block_type_name, stored.token, remedy)


def _describe_data(document: Optional[DataDocument]) -> str:
    stored = None if document is None else document.stored_object
    if stored is not None:
        return f"{quoted(stored.token)} (SHA-256 {printable(stored.sha256)})"
    return "nothing" if document is None else f"{quoted(document.encoding)} data"


# --- objects that no deployment points at -------------------------------------------------


def find_unreferenced(client: Optional[Client] = None) -> Tuple[str, ...]:
    """Return the paths of objects that no deployment of an API points at.

    It looks into folders of this machine that its deployments use or that its storage blocks
    name, for files whose names are digests as flowpack makes them. What a deploy that is under
    way has stored is among them, and what deployments of other APIs use.

    Args:
        client: None connects to what the settings say.

    Raises:
        APIError: The server could not be asked.
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
    try:
        stored = record.flow_data.stored_object if record.flow_data else None
        if stored is None:
            return None
        return _local_path(find_storage(stored, record, reader), stored.token)
    except APIConnectionError:
        raise
    except Exception:  # Verifying reports it; users' own classes run here.
        return None


def _document_path(document: BlockDocument) -> Optional[str]:
    """Return the path that an object in the storage of *document* would have here."""
    try:
        storage = Block.from_document(document)
        if not isinstance(storage, StorageBlock):
            return None
        return _local_path(storage, storage.token_for("0" * 64))
    except Exception:  # Its class may be unknown here, or its folder be nowhere.
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
            return [
                entry.path
                for entry in entries
                if _KEY.match(entry.name) and entry.is_file(follow_symlinks=False)
            ]
    except OSError:
        return []  # It is not there, or cannot be listed.
