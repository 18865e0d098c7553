"""What an API keeps and takes, as plain frozen objects.

No I/O and no API JSON here: a dialect in :mod:`flowpack.wire` reads and writes it.
"""

from __future__ import annotations

import enum
import json
import re
from datetime import datetime
from typing import Any, Literal, Mapping, Optional, Sequence, Tuple, Union
from uuid import UUID

import attrs

from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import WireError, quoted
from flowpack.schedules import AnySchedule as AnySchedule, DeploymentSchedule
from flowpack.schedules import OpaqueSchedule as OpaqueSchedule  # noqa: F401 (for its users)


class Unset(enum.Enum):
    """The type of :data:`UNSET`; false in a condition."""

    UNSET = "unset"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


#: A value that was not given, where None and empty mean something else: the server keeps what
#: it has, or takes its default.
UNSET = Unset.UNSET

#: The image that 2.0b7 itself would name, with a fixed Python, so that one spec deploys the same
#: from everywhere.
DEFAULT_IMAGE = "prefecthq/prefect:2.0b7-python3.9"

#: Characters that Prefect's servers refuse in all names.
FORBIDDEN_IN_NAMES = "/%&><"


def name_problem(name: str) -> Optional[str]:
    """Return what is wrong with *name*, or None when all releases of Prefect take it."""
    if not isinstance(name, str):
        return f"a name must be text, not {type(name).__name__}"  # type: ignore[unreachable]
    if not name.strip():
        return "the name is empty"
    bad = sorted(set(name) & set(FORBIDDEN_IN_NAMES))
    if bad:
        refused = f"servers refuse {' '.join(FORBIDDEN_IN_NAMES)} in names"
        return f"the name {quoted(name)} contains {' '.join(bad)}; {refused}"
    if re.search("[\0\ud800-\udfff]", name):
        return f"the name {quoted(name)} holds a NUL character or half a surrogate pair"
    return None


@attrs.frozen
class StoredObject:
    """Where bytes were stored: the decoded form of a ``blockstorage`` document.

    Attributes:
        token: What the storage's ``write`` returned and its ``read`` takes.
        block_document_id: The storage block; None means temporary local storage.
        sha256: Digest of the bytes in lower-case hex; None in deployments that others made.
    """

    token: str
    block_document_id: Optional[UUID] = None
    sha256: Optional[str] = None


@attrs.frozen
class DataDocument:
    """Some data and how to decode it.

    Attributes:
        encoding: ``blockstorage``, ``text`` or ``json``. Others can be carried, not decoded; a
            pickle never is.
        blob: The encoded data. Kept as it came, so that writing it back changes nothing.

    Example:
        >>> from flowpack import DataDocument
        >>> DataDocument.encode("json", {"rows": 3}).decode()
        {'rows': 3}
    """

    encoding: str
    blob: str = attrs.field(repr=False)

    @classmethod
    def encode(cls, encoding: str, data: Any) -> DataDocument:
        """Return *data*: a str as ``text``, JSON as ``json``, a StoredObject as ``blockstorage``.

        Raises:
            WireError: No such encoding, or *data* does not suit it.
        """
        if encoding == "json":
            return cls(encoding, _dump(data))
        if encoding == "text" and isinstance(data, str):
            return cls(encoding, data)
        if encoding == "blockstorage" and isinstance(data, StoredObject):
            document_id = None if data.block_document_id is None else str(data.block_document_id)
            # As stock clients read it: the token is JSON within JSON.
            blob = {"data": _dump(data.token), "block_document_id": document_id}
            blob = blob if data.sha256 is None else {**blob, "sha256": data.sha256}
            return cls(encoding, _dump(blob))
        if encoding not in ("text", "blockstorage"):
            raise _unknown_encoding(encoding)
        what = f"a data document of encoding {encoding!r}"
        raise WireError(f"{what} cannot hold {type(data).__name__}")

    def decode(self) -> Any:
        """Return the data: a str, a JSON value or a :class:`StoredObject`.

        Raises:
            WireError: The encoding is none of those, or the blob is broken.
        """
        if self.encoding == "text":
            return self.blob
        if self.encoding == "blockstorage":
            return _decode_stored_object(self.blob)
        if self.encoding != "json":
            raise _unknown_encoding(self.encoding)
        try:
            return json.loads(self.blob)
        except (ValueError, RecursionError) as exc:
            raise WireError(f"the blob of a json data document is no JSON: {exc}") from exc

    @property
    def stored_object(self) -> Optional[StoredObject]:
        """What a ``blockstorage`` document points at; None for other encodings."""
        return _decode_stored_object(self.blob) if self.encoding == "blockstorage" else None


def _unknown_encoding(encoding: str) -> WireError:
    reason = "cannot be decoded; known encodings are blockstorage, text, json"
    if "pickle" in encoding.lower():
        reason = (
            "holds a pickle, which could run anything when decoded; flowpack never does. Deploy the"
            " script again with flowpack, or use the tool that made it"
        )
    return WireError(f"a data document of encoding {quoted(encoding)} {reason}")


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise WireError(f"this is not JSON: {quoted(exc)}") from exc


def _decode_stored_object(blob: str) -> StoredObject:
    try:
        content = json.loads(blob)
        token, sha256 = json.loads(content["data"]), content.get("sha256")
        if not isinstance(token, str) or not isinstance(sha256, (str, type(None))):
            raise TypeError("the token and the digest must be text")
        # Before 2.0b7 the key was called block_id, and its agents still read that.
        document_id = content.get("block_document_id") or content.get("block_id")
        return StoredObject(token, UUID(document_id) if document_id else None, sha256)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as exc:
        problem = "the blob of a blockstorage data document does not say what is stored"
        raise WireError(f"{problem}: {quoted(blob)}") from exc


@attrs.frozen(kw_only=True)
class ScriptSource:
    """How a worker of today's Prefect gets the script; other servers keep none of it.

    Attributes:
        filename: What the script is called where it is run.
        location: URL where it can be read without credentials; None where there is no such
            place.
        storage_type: Name of the storage's block type.
        storage_data: Data of the storage block, without secrets.
        pull: ``stock`` for steps that every worker has, ``flowpack`` for a step that needs
            flowpack there; None leaves the choice to the dialect.
        requires: What a worker installs for the flowpack step.
        version: The flow's version, for deployments that are given none.
        description: The flow's description, likewise.
        schedules: Those of the deployment's schedules that are flowpack's though their slug does
            not say so: the slug, or else the schedule as JSON.
        other_schedules: Where one of them is known by its JSON, those that others made.
    """

    filename: str
    size: int
    location: Optional[str]
    storage_type: str
    storage_data: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    pull: Optional[str] = None
    requires: Optional[str] = attrs.field(default=None, repr=False)
    version: Optional[str] = None
    description: Optional[str] = None
    schedules: Optional[Sequence[Any]] = None
    other_schedules: Optional[Sequence[Any]] = None


@attrs.frozen
class FlowRunnerSettings(HidesLocals):
    """A flow runner as the server keeps it; its *type* may be one that only other tools know.

    Example:
        >>> from flowpack import FlowRunnerSettings
        >>> FlowRunnerSettings(type="docker", config={"image": "etl:1.2"}).type
        'docker'
    """

    type: Union[str, None, Unset] = UNSET
    config: Union[Mapping[str, Any], None, Unset] = attrs.field(default=UNSET, repr=False)


@attrs.frozen(kw_only=True)
class Record:
    """The base of what the server keeps; *extra* is sent back with an update, so none is lost."""

    id: UUID
    created: Optional[datetime] = None
    updated: Optional[datetime] = None
    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class FlowRecord(Record):
    """A flow as the server knows it."""

    name: str
    tags: Tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ScheduleRecord:
    """One of the schedules of a deployment, as the server has it."""

    schedule: AnySchedule
    id: Optional[str] = None
    active: bool = True
    parameters: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)
    slug: Optional[str] = None
    max_scheduled_runs: Optional[int] = None
    own: bool = False  # It is flowpack's, as far as that is known: made or adopted by it.


@attrs.frozen(kw_only=True)
class Deployment(Record):
    """A deployment as the server knows it.

    Attributes:
        flow_data: Where the script is; None where that is not known.
        script: How workers get it; None on servers that keep no such thing.
        script_problem: Why it is not known where the script is, though flowpack deployed it.
    """

    name: str
    flow_id: UUID
    flow_data: Optional[DataDocument]
    schedule: Optional[AnySchedule] = None
    is_schedule_active: bool = True
    parameters: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    tags: Tuple[str, ...] = ()
    flow_runner: Optional[FlowRunnerSettings] = None
    script: Optional[ScriptSource] = None
    script_problem: Optional[str] = None
    schedules: Tuple[ScheduleRecord, ...] = ()

    @property
    def stored_object(self) -> Optional[StoredObject]:
        """Where the bytes of the script are; None where that is not known."""
        try:
            return self.flow_data.stored_object if self.flow_data else None
        except WireError:
            return None


@attrs.frozen(kw_only=True)
class DeploymentCreate:
    """What ``POST /deployments/`` takes; UNSET is left to the server.

    From ``script`` on, the fields are those of today's Prefect; 2.0b7 has none of them.

    Attributes:
        entrypoint: ``file.py:function``.
        work_queue_name: The queue in the pool; None is its default.
        concurrency_limit: A number of runs, or ``limit``, ``collision_strategy`` and
            ``grace_period_seconds``.
        own_schedules: What is to be flowpack's, in place of *schedule*, where there may be several.
        replace_schedules: Whether these are all; those of others are removed.
        name_schedules: Whether those without a slug get one, where the server keeps slugs.
        job_variables: Variables of the pool's jobs, laid over those of the runner, ``env`` by
            name; UNSET lays the runner's over those that the server has.
        current: The deployment as the server has it, for an update; set by the dialect, and so are
            the following.
        schedules: All schedules as they are sent, those of others included.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, ScriptPackager
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py")
        >>> ScriptPackager(storage=FileStorageBlock("store")).package(spec).name
        'nightly'
    """

    name: str
    flow_id: UUID
    flow_data: DataDocument
    schedule: Union[AnySchedule, None, Unset] = UNSET
    is_schedule_active: Union[bool, Unset] = UNSET
    parameters: Union[Mapping[str, Any], Unset] = attrs.field(default=UNSET, repr=False)
    tags: Union[Tuple[str, ...], Unset] = UNSET
    flow_runner: Union[FlowRunnerSettings, None, Unset] = UNSET
    script: Optional[ScriptSource] = None
    entrypoint: Optional[str] = None
    parameter_openapi_schema: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    description: Union[str, None, Unset] = UNSET
    version: Union[str, None, Unset] = UNSET
    enforce_parameter_schema: Union[bool, Unset] = UNSET
    work_pool_name: Union[str, None, Unset] = UNSET
    work_queue_name: Union[str, None, Unset] = UNSET
    concurrency_limit: Union[int, Mapping[str, Any], None, Unset] = UNSET
    labels: Union[Mapping[str, Any], Unset] = attrs.field(default=UNSET, repr=False)
    own_schedules: Union[Tuple[DeploymentSchedule, ...], Unset] = UNSET
    replace_schedules: bool = False
    name_schedules: bool = True
    current: Optional[Deployment] = attrs.field(default=None, repr=False, eq=False)
    schedules: Union[Tuple[ScheduleRecord, ...], Unset] = UNSET
    job_variables: Union[Mapping[str, Any], None, Unset] = attrs.field(default=None, repr=False)


def wanted_schedules(
    schedule: Union[AnySchedule, None, Unset],
    schedules: Union[Tuple[DeploymentSchedule, ...], Unset],
) -> Union[Tuple[DeploymentSchedule, ...], Unset]:
    """Return what the fields for one schedule and for several ask for, of which one is given."""
    if isinstance(schedule, Unset):
        return schedules
    return () if schedule is None else (DeploymentSchedule(schedule),)


@attrs.frozen(kw_only=True)
class WorkPool(Record):
    """Where runs wait for a worker; servers before 2.7.8 have none.

    Attributes:
        status: ``READY`` where a worker polls, ``NOT_READY`` or ``PAUSED``; None where the
            server does not know.
        base_job_template: Empty until the first worker.
    """

    name: str
    type: Optional[str] = None
    is_paused: bool = False
    status: Optional[str] = None
    base_job_template: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    @property
    def variables(self) -> Optional[Mapping[str, Any]]:
        """The schema of the job variables; None where no worker has filled in the template."""
        found: Any = self.base_job_template.get("variables")
        properties = found.get("properties") if isinstance(found, Mapping) else None
        return found if isinstance(properties, Mapping) else None


@attrs.frozen(kw_only=True)
class BlockType(Record):
    """A kind of configurable thing."""

    name: str
    logo_url: Optional[str] = None
    documentation_url: Optional[str] = None
    description: Optional[str] = None
    code_example: Optional[str] = None


@attrs.frozen(kw_only=True)
class BlockSchema(Record):
    """One version of a block type's fields, known by its checksum."""

    checksum: str
    fields: Mapping[str, Any] = attrs.field(repr=False)
    block_type_id: UUID
    block_type: Optional[BlockType] = None
    capabilities: Tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class BlockDocument(Record):
    """One stored configuration of a block; its data may hold secrets, and have no repr."""

    name: str
    data: Mapping[str, Any] = attrs.field(repr=False)
    block_schema_id: UUID
    block_type_id: UUID
    block_schema: Optional[BlockSchema] = None
    block_type: Optional[BlockType] = None
    is_anonymous: bool = False


@attrs.frozen(kw_only=True)
class BlockDefinition:
    """What there is to know of a block class, for a dialect to write as its server wants it.

    Attributes:
        type_name: Display name of the block type.
        fields: JSON schema of the class: ``title``, ``description``, ``type``, ``properties``,
            ``required``, ``definitions``.
        capabilities: What its blocks can do; ``storage`` among them makes one fit to be the
            default storage.
        references: For each field that is itself a block, the definition of that block, or of
            each that may stand there.
    """

    type_name: str
    fields: Mapping[str, Any] = attrs.field(repr=False)
    capabilities: Tuple[str, ...] = ()
    secret_fields: Tuple[str, ...] = ()
    references: Mapping[str, Tuple[BlockDefinition, ...]] = attrs.field(factory=dict, repr=False)
    logo_url: Optional[str] = None
    documentation_url: Optional[str] = None
    description: Optional[str] = None
    code_example: Optional[str] = None


@attrs.frozen(kw_only=True)
class FlowRun(Record):
    """A run of a flow; its *state_type*, such as ``SCHEDULED``, is None before the first state."""

    name: str
    flow_id: Optional[UUID] = None
    deployment_id: Optional[UUID] = None
    state_type: Optional[str] = None
    state_name: Optional[str] = None
    expected_start_time: Optional[datetime] = None
    parameters: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    tags: Tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class LogRecord(Record):
    """One thing that a flow run logged; its *level* is a number as in :mod:`logging`."""

    name: str
    level: int
    message: str
    timestamp: datetime
    flow_run_id: Optional[UUID] = None
    task_run_id: Optional[UUID] = None
