"""Are the bytes that deployments point at still there, and still the same?

Every object is read and hashed, in constant memory, each once however many
deployments share it. Nothing is run, and nothing is changed or deleted.
"""

from __future__ import annotations

import json
import shlex
from typing import Dict, Hashable, Iterable, List, Optional, Set, Tuple, Union
from uuid import UUID

import attrs

from flowpack.blocks.storage_errors import describe_raised, hash_object
from flowpack.blocks.hashing import Hashing
from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.connect import shared_connections, using
from flowpack.deployments.digests import Digest, expected_digest
from flowpack.deployments.load import (
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
    printable,
    quoted,
)
from flowpack.models import DataDocument, Deployment, StoredObject

#: The bytes are those that were deployed.
OK = "ok"
#: Nothing is stored where the deployment points.
MISSING = "missing"
#: What is stored there is something else.
CORRUPT = "corrupt"
#: It could not be read: the storage failed, or nobody knows what it is.
UNREADABLE = "unreadable"
#: It can be read, and nothing says what it must be. Others made the deployment.
UNVERIFIABLE = "unverifiable"
#: Others made the deployment, and nothing says where its script is.
SKIPPED = "skipped"

#: A deployment of which this is said cannot be run as it was deployed.
FAULTS = (MISSING, CORRUPT, UNREADABLE)


@attrs.frozen(kw_only=True)
class Finding:
    """What was found out about one deployment.

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
        return self.status in FAULTS


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
    with using(client) as api:
        reader = api.snapshot()
        if names is None:
            records = find_deployments(reader)
        else:
            records = {name: find_deployment(name, reader) for name in names}
        pointers = [_pointer(name, each, reader) for name, each in records.items()]
    with shared_connections():
        readings = _read_all(each for each in pointers if isinstance(each, _Pointer))
    return tuple(
        _judge(each, readings[each.key]) if isinstance(each, _Pointer) else each
        for each in pointers
    )


@attrs.frozen(kw_only=True)
class _Pointer:
    """Where a deployment's bytes are, and what they must hash to."""

    base: Finding
    storage: StorageBlock
    stored: StoredObject
    expected: Optional[Digest]
    #: The command that puts the right bytes back.
    mended_by: str
    #: Equal for deployments that share an object.
    key: Hashable


def _pointer(
    name: str, record: Deployment, reader: Client
) -> Union[_Pointer, Finding]:
    """Return where the bytes are, or what there is to say if that cannot be told."""
    base = Finding(name=name, deployment_id=record.id, status=OK)
    if record.flow_data is None:
        return attrs.evolve(
            base,
            status=SKIPPED if record.flaw is None else UNREADABLE,
            reason=why_no_script(record),
        )
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
        return attrs.evolve(base, status=UNREADABLE, reason=_told(exc))
    expected = expected_digest(stored, storage)
    base = attrs.evolve(
        base,
        storage_type=storage.block_type_name,
        expected=None if expected is None else printable(expected.hexdigest),
    )
    return _Pointer(
        base=base,
        storage=storage,
        stored=stored,
        expected=expected,
        mended_by=_mended_by(name, record),
        key=(type(storage), data, stored.token),
    )


def _mended_by(name: str, record: Deployment) -> str:
    """Return the command that mends a deployment, as far as it can be known here."""
    script = "SCRIPT" if record.script is None else record.script.filename
    target = f"{script}:{name.rpartition('/')[0]}"
    words = ["flowpack", "deploy", target, "-n", record.name, "--confirm"]
    return f"'{printable(shlex.join(words))}' (or of its spec file)"


def _without_object(base: Finding, document: DataDocument) -> Finding:
    """Return what there is to say of a deployment that points at nothing stored."""
    inline = document.encoding in ("text", "json") and document.decode()
    if isinstance(inline, str):
        reason = "the script stands in the deployment itself, without a digest"
        return attrs.evolve(base, status=UNVERIFIABLE, reason=reason)
    reason = (
        f"what it has is encoded as {quoted(document.encoding)}, which is no script"
        " that flowpack could fetch"
    )
    return attrs.evolve(base, status=SKIPPED, reason=reason)


#: What came of reading an object: its digests, or how that failed.
_Reading = Union[Hashing, Exception]


def _read_all(pointers: Iterable[_Pointer]) -> Dict[Hashable, _Reading]:
    """Read each object once, with all digests that anyone wants of it."""
    sharing: Dict[Hashable, List[_Pointer]] = {}
    for each in pointers:
        sharing.setdefault(each.key, []).append(each)
    return {key: _read(each) for key, each in sharing.items()}


def _read(sharing: List[_Pointer]) -> _Reading:
    wanted: Set[str] = {each.expected.algorithm for each in sharing if each.expected}
    storage, token = sharing[0].storage, sharing[0].stored.token
    try:
        return hash_object(storage, token, wanted or {"sha256"})
    except Exception as exc:  # Users' own storages may raise anything.
        return exc


def _judge(pointer: _Pointer, reading: _Reading) -> Finding:
    base, expected = pointer.base, pointer.expected
    if isinstance(reading, Exception):
        status = MISSING if isinstance(reading, ObjectMissingError) else UNREADABLE
        if isinstance(reading, StorageIntegrityError):
            status = CORRUPT
        return attrs.evolve(base, status=status, reason=_told(reading))
    size = reading.tell()
    if expected is None:
        reason = "neither the deployment nor the key holds a digest of it"
        return attrs.evolve(base, status=UNVERIFIABLE, reason=reason, size=size)
    found = reading.hexdigest(expected.algorithm)
    base = attrs.evolve(base, found=found, size=size)
    if found == expected.hexdigest:
        return base
    reason = (
        f"expected {expected.algorithm} {base.expected}, found {found} ({size} bytes);"
        f" {pointer.mended_by} puts the right ones back"
    )
    return attrs.evolve(base, status=CORRUPT, reason=reason)


def _told(exc: Exception) -> str:
    if isinstance(exc, FlowpackError):
        return str(exc)
    return f"the storage's class raised {describe_raised(exc)}"
