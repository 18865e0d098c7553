"""Are the bytes that deployments point at still there, and still the same?

Every object is read and hashed, in constant memory, each once however many deployments share it.
Nothing is run, and nothing is changed or deleted: a folder may serve several APIs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from typing import Dict, Hashable, Iterable, Iterator, List, Optional, Set, Tuple, Union
from uuid import UUID

import attrs

from flowpack.blocks.documents import built_in, identify
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
    BlockError,
    FlowpackError,
    ObjectMissingError,
    SettingsError,
    StorageError,
    StorageIntegrityError,
    WireError,
    printable,
    quoted,
)
from flowpack.models import DataDocument, Deployment, DeploymentCreate, StoredObject

#: What is stored is what was deployed; is not there; is something else; or could not be read.
OK, MISSING, CORRUPT, UNREADABLE = "ok", "missing", "corrupt", "unreadable"
#: Others made the deployment: nothing says what the bytes must be, or where they are.
UNVERIFIABLE, SKIPPED = "unverifiable", "skipped"

#: Block types whose storages may be folders of this machine.
_FOLDER_TYPES = ("Local Storage", "Temporary Local Storage", "File Storage")

_KEY = re.compile(r"[0-9a-f]{64}\Z")
_ANY_KEY = "0" * 64


@attrs.frozen(kw_only=True)
class Finding:
    """What verifying one deployment found.

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
    def is_fault(self) -> bool:
        """Whether the deployment cannot be run as it was deployed."""
        return self.status in (MISSING, CORRUPT, UNREADABLE)


def verify_all(
    client: Optional[Client] = None, names: Optional[Iterable[str]] = None
) -> Tuple[Finding, ...]:
    """Read and hash what deployments point at.

    Args:
        client: None connects to what the settings say.
        names: ``FLOW/DEPLOYMENT`` each; None for all deployments.

    Returns:
        What was found out about each: in the order of *names*, else by name.

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
        read: _Read = {}
        return tuple(_verify(name, each, reader, read) for name, each in records.items())


#: The digests of objects that were read, or why one could not be, by storage and token.
_Read = Dict[Hashable, Union[Hashing, Exception]]


def _verify(name: str, record: Deployment, reader: Client, read: _Read) -> Finding:
    """Return what there is to say of one deployment; an object is read once for all of them."""
    base = Finding(name=name, deployment_id=record.id, status=OK)
    if record.flow_data is None:
        status = SKIPPED if record.flaw is None else UNREADABLE
        return attrs.evolve(base, status=status, reason=why_no_script(record))
    try:
        stored = record.flow_data.stored_object
        if stored is None:
            return _without_object(base, record.flow_data)
        base = attrs.evolve(base, token=stored.token)
        storage = find_storage(stored, record, reader)
        data = json.dumps(storage.to_document_data(), sort_keys=True)
    except APIConnectionError:
        raise
    except Exception as exc:  # The classes of users' own storages run here.
        return attrs.evolve(base, status=UNREADABLE, reason=_describe_error(exc))
    base = attrs.evolve(base, storage_type=storage.block_type_name)
    key = type(storage), data, stored.token
    if key not in read:
        try:
            read[key] = hash_object(storage, stored.token, ("sha256", "md5"))
        except Exception as exc:  # Users' own storages may raise anything.
            read[key] = exc
    script = "SCRIPT" if record.script is None else record.script.filename
    target = f"{script}:{name.rpartition('/')[0]}"
    remedy = shlex.join(["flowpack", "deploy", target, "-n", record.name, "--confirm"])
    return _describe_object(base, expected_digest(stored, storage), read[key], remedy)


def _without_object(base: Finding, document: DataDocument) -> Finding:
    """Return what there is to say of a deployment that points at nothing stored."""
    inline = document.encoding in ("text", "json") and document.decode()
    if isinstance(inline, str):
        reason = "the script stands in the deployment itself, without a digest"
        return attrs.evolve(base, status=UNVERIFIABLE, reason=reason)
    reason = (
        f"what it has is encoded as {quoted(document.encoding)}, which is no script that flowpack"
        " could fetch"
    )
    return attrs.evolve(base, status=SKIPPED, reason=reason)


def _describe_object(
    base: Finding, expected: Optional[Digest], result: Union[Hashing, Exception], remedy: str
) -> Finding:
    """Return what reading a deployment's object found."""
    if expected is not None:
        base = attrs.evolve(base, expected=printable(expected.hexdigest))
    if isinstance(result, Exception):
        status = MISSING if isinstance(result, ObjectMissingError) else UNREADABLE
        if isinstance(result, StorageIntegrityError):
            status = CORRUPT
        return attrs.evolve(base, status=status, reason=_describe_error(result))
    size = result.tell()
    if expected is None:
        reason = "neither the deployment nor the key holds a digest of it"
        return attrs.evolve(base, status=UNVERIFIABLE, reason=reason, size=size)
    found = result.hexdigest(expected.algorithm)
    base = attrs.evolve(base, found=found, size=size)
    if found == expected.hexdigest:
        return base
    reason = (
        f"expected {expected.algorithm} {base.expected}, found {found} ({size} bytes);"
        f" '{printable(remedy)}' (or of its spec file) puts the right ones back"
    )
    return attrs.evolve(base, status=CORRUPT, reason=reason)


def _describe_error(exc: Exception) -> str:
    if isinstance(exc, FlowpackError):
        return str(exc)
    return f"the storage's class raised {describe_raised(exc)}"


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
        WireError: The server has something else; the text says what.
        BlockError: The storage that the server names cannot be used.
        ObjectMissingError: The storage has nothing there.
        StorageIntegrityError: It has other bytes.
        StorageError: It cannot be read.
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
    if stored is not None:
        _confirm_bytes(stored, find_storage(stored, record, api), sha256)


def _confirm_bytes(stored: StoredObject, storage: StorageBlock, sha256: Optional[str]) -> None:
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
        used: Set[str] = set()
        folders = set(_documented_folders(reader))
        for record in reader.read_deployments():
            path = _object_path(record, reader)
            if path is not None:
                used.add(path)
                folders.add(os.path.dirname(path))
    found = {path for folder in folders for path in _list_objects(folder)}
    return tuple(sorted(found - used))


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


def _documented_folders(reader: Client) -> Iterator[str]:
    for document in reader.read_block_documents(anonymous=True):
        # Others' folders may be nowhere here.
        with contextlib.suppress(BlockError, SettingsError, StorageError):
            type_name = identify(document)[0]
            cls = built_in(type_name) if type_name in _FOLDER_TYPES else None
            if cls is not None and issubclass(cls, StorageBlock):
                storage = cls.from_data(document.data)
                token = storage.token_for(_ANY_KEY)
                path = None if token is None else _local_path(storage, token)
                if path is not None:
                    yield os.path.dirname(path)


def _local_path(storage: StorageBlock, token: str) -> Optional[str]:
    """Return where *token* leads, links in its folder resolved; None for URLs."""
    location = storage.location(token)
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
