"""What packagers are, and the one order in which they write.

Bytes first, pointer last: :func:`store` writes the bytes and sees that they are
there, then registers the flow and the storage block. The deployment that points
at them is left to the caller and comes last.
"""

from __future__ import annotations

import hashlib
import json
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Hashable,
    List,
    Mapping,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    Union,
)
from uuid import UUID

import attrs

from flowpack.analysis.discovery import FoundFlow
from flowpack.blocks.asking import asking, hash_object
from flowpack.blocks.hashing import Known
from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.connect import using
from flowpack.exceptions import ObjectMissingError, StorageUnavailableError
from flowpack.flow_runners import FlowRunner, UniversalFlowRunner
from flowpack.models import (
    UNSET,
    AnySchedule,
    DataDocument,
    DeploymentCreate,
    ScriptSource,
    StoredObject,
    Unset,
)
from flowpack.packaging.fields import PoolFields, inherited_last
from flowpack.urls import url_of

Value = TypeVar("Value")


@attrs.frozen(kw_only=True, field_transformer=inherited_last)
class CompleteSpec(PoolFields):
    """A deployment spec with nothing missing; made by ``DeploymentSpec.validate``.

    Attributes:
        name: The deployment's name.
        flow: What was found in the script, with the script's bytes.
        flow_name: The flow's name; the same as ``flow.name``.
        flow_location: Absolute path or URL of the script.
        parameters: Default parameters; UNSET keeps the server's.
        schedule: When to run; None is never, UNSET keeps the server's.
        tags: Tags of the deployment's runs; UNSET keeps the server's.
        paused: Whether the schedule rests; UNSET keeps the server's.
        flow_runner: Where runs are executed.
        packager: What will package the flow.
        runner_named: Whether somebody named the runner.
        kept: What is taken from the deployment as it is, by the field's name, with
            secrets masked: storage and runner that nobody named.

    The others are what today's Prefect has besides; see ``DeploymentSpec``.
    """

    name: str
    flow: FoundFlow
    flow_name: str
    flow_location: str
    parameters: Union[Mapping[str, Any], Unset]
    schedule: Union[AnySchedule, None, Unset]
    tags: Union[Tuple[str, ...], Unset]
    paused: Union[bool, Unset]
    flow_runner: FlowRunner
    packager: Packager
    runner_named: bool = True
    kept: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    @property
    def full_name(self) -> str:
        """The name by which people know the deployment: ``FLOW/DEPLOYMENT``."""
        return f"{self.flow_name}/{self.name}"

    def complete(
        self, packager: Packager, client: Optional[Client] = None
    ) -> CompleteSpec:
        """Return the spec, with *packager* to package it."""
        same = packager is self.packager
        return self if same else attrs.evolve(self, packager=packager)


@attrs.frozen
class Content:
    """Bytes that are to be stored, known by their digest.

    Attributes:
        data: The bytes.
        sha256: Their SHA-256 in lower-case hex.
    """

    data: bytes = attrs.field(repr=False)
    sha256: str = attrs.field(init=False)

    @sha256.default
    def _digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """Return the bytes as a file that can be read once more each time."""
        return Known(self.data, self.sha256)


@attrs.frozen(kw_only=True)
class Package:
    """What would be stored, and where; nothing has been written yet.

    Attributes:
        content: The bytes.
        entrypoint: ``file.py:function``.
        storage: Where they go; its document id may not be known yet.
        parameter_schema: JSON schema of the flow's parameters, where the server
            keeps one.
        notes: What a plan should tell about it.
    """

    content: Content
    entrypoint: str
    storage: StorageBlock
    parameter_schema: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    notes: Tuple[str, ...] = ()

    def source(self, deployment: CompleteSpec, token: str) -> ScriptSource:
        """Return how workers get the bytes that are stored under *token*."""
        with asking(self.storage, token):
            location = self.storage.location(token)
        if location is not None and "://" not in location:
            location = Path(location).as_uri()
        return ScriptSource(
            filename=self.entrypoint.rpartition(":")[0],
            size=self.content.size,
            location=location,
            storage_type=self.storage.block_type_name,
            storage_data=self.storage.public_data(),
            pull=deployment.pull,
            requires=url_of(deployment.pull_requires),
            version=deployment.flow.version,
            description=deployment.flow.description,
        )


class AnySpec(Protocol):
    """What packagers take: a :class:`~flowpack.DeploymentSpec` or a complete one."""

    def complete(
        self, packager: Packager, client: Optional[Client] = None
    ) -> CompleteSpec:
        """Return the spec with nothing missing, as *packager* wants it; only reads."""


class Packager(ABC):
    """Turns a spec into the body of a deployment.

    Subclass it to package in a way of your own; :meth:`check_compat` and
    :meth:`package` are all that is needed, and *client* may be left out of both.
    From ``deploy`` they get a :class:`CompleteSpec`, and without a client flowpack's
    own calls inside them use that of ``deploy``. A plan tells of such a packager that
    the deployment's code is known when packaged, unless it has :meth:`prepare`; that
    of a base class does not count for a :meth:`package` of your own.
    What they raise that is no ``FlowpackError`` becomes a ``PackagingError``.
    """

    @abstractmethod
    def check_compat(
        self, deployment: Any, client: Optional[Client] = None
    ) -> None:
        """Raise unless *deployment* can be packaged by this packager.

        Raises:
            DeploymentValidationError: It cannot.
        """

    @abstractmethod
    def package(
        self, deployment: Any, client: Optional[Client] = None
    ) -> DeploymentCreate:
        """Store what the flow needs and return the deployment to be created.

        It has the name and the flow of *deployment*.
        """

    def prepare(
        self, deployment: Any, client: Optional[Client] = None
    ) -> Optional[Package]:
        """Return what :meth:`package` would store; None where that is not known.

        Only reads; *client* refuses everything else when a plan is made.
        """
        return None

    def default_flow_runner(self, client: Optional[Client] = None) -> FlowRunner:
        """Return the runner of a spec that names none."""
        return UniversalFlowRunner()


class Registry:
    """Flows, storage blocks and pools that one deploy has registered, each once.

    Threads may share it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: Dict[Hashable, Any] = {}
        self._locks: Dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        self._documents = threading.Lock()
        self._made: List[Tuple[UUID, Mapping[str, Any]]] = []

    def flow_id(self, name: str) -> UUID:
        """Return the id of the flow called *name*, made if missing."""
        return self.once(("flow", name), lambda: self._client.create_flow(name))

    def document_id(self, storage: StorageBlock) -> UUID:
        """Return the id of the document of *storage*, made if missing.

        That a document which it names holds it has been seen to by the caller.
        """
        if storage.document_id is not None:
            return storage.document_id
        from flowpack.blocks.registration import ensure_document

        data = storage.to_document_data()
        key = ("document", storage.schema_checksum(), json.dumps(data, sort_keys=True))

        def ensure() -> UUID:
            return ensure_document(
                storage.definition(),
                data,
                self._client,
                made=lambda *made: self._made.append(made),
            )

        # One at a time: a fresh 2.0b7 server makes its key at its first document,
        # and of two keys one is lost, with what it encrypted.
        with self._documents:
            return self.once(key, ensure)

    def secure(self) -> None:
        """See that the documents made can be read; call it after the last write."""
        for document_id, data in self._made:
            # Only here for cost: most deploys make none.
            from flowpack.blocks.registration import secure

            secure(self._client, document_id, data)

    def once(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return what *make* makes, made once for *key*."""
        with self._lock:
            making = self._locks.setdefault(key, threading.Lock())
        with making:
            if key not in self._known:
                self._known[key] = make()
            known: Value = self._known[key]
            return known


def describe(
    deployment: CompleteSpec,
    package: Package,
    source: ScriptSource,
    flow_id: UUID,
    stored: StoredObject,
) -> DeploymentCreate:
    """Return the body of the deployment that *package* is stored for."""
    paused = deployment.paused
    return DeploymentCreate(
        name=deployment.name,
        flow_id=flow_id,
        flow_data=DataDocument.encode("blockstorage", stored),
        schedule=deployment.schedule,
        is_schedule_active=paused if isinstance(paused, Unset) else not paused,
        parameters=deployment.parameters,
        tags=deployment.tags,
        flow_runner=deployment.flow_runner.to_settings(),
        script=source,
        entrypoint=package.entrypoint,
        parameter_openapi_schema=package.parameter_schema,
        description=deployment.description,
        version=deployment.version,
        enforce_parameter_schema=deployment.enforce_parameter_schema,
        work_pool_name=deployment.work_pool or UNSET,
        work_queue_name=deployment.work_queue,
        concurrency_limit=deployment.concurrency_limit,
        labels=deployment.labels,
        job_variables=None if deployment.runner_named else UNSET,
    )


def store(
    deployment: CompleteSpec,
    package: Package,
    client: Optional[Client] = None,
    flow_id: Optional[UUID] = None,
    registry: Optional[Registry] = None,
    confirm: bool = False,
) -> DeploymentCreate:
    """Store the bytes of *package*, then register flow and storage block.

    Args:
        deployment: What is deployed.
        package: What to store and where.
        client: None connects to what the settings say.
        flow_id: The flow, where it is known already.
        registry: What others of the same set have registered; the caller secures it,
            and has held the storage against the document that it names.
        confirm: Whether to read the stored bytes back, and replace damaged ones.

    Returns:
        The deployment to be created, which points at the stored bytes.

    Raises:
        StorageError: The bytes could not be stored, or are not there afterwards.
        BlockError: The document that the storage names does not hold it.
        APIError: Flow or storage block could not be registered.
    """
    with using(client) as api:
        if registry is None:
            package.storage.check_document(api)
        token = put_bytes(package, confirm)
        known = registry or Registry(api)
        if flow_id is None:
            flow_id = known.flow_id(deployment.flow_name)
        source = package.source(deployment, token)
        document_id = package.storage.document_id
        if api.dialect.needs_document(source):
            document_id = known.document_id(package.storage)
        if registry is None:
            known.secure()
    stored = StoredObject(token, document_id, package.content.sha256)
    return describe(deployment, package, source, flow_id, stored)


def put_bytes(package: Package, confirm: bool = False) -> str:
    """Store the bytes of *package*, see that they are there; return the token.

    With *confirm* they are read back, and written over others that have their key.
    """
    content, storage = package.content, package.storage
    token: Any = None  # A storage of a user's own may return anything.
    for write in (storage.write_from, storage.replace_from)[: 2 if confirm else 1]:
        with content.open() as file, asking(storage, content.sha256):
            token = write(file, content.sha256)
        if isinstance(token, str) and has_bytes(package, token, confirm):
            return token
    raise StorageUnavailableError(
        storage.block_type_name,
        str(token),
        f"the storage took {content.size} bytes but does not have them; nothing was"
        " deployed. Look into the storage; if it keeps others there and does not"
        " replace them, delete those. Then deploy again",
    )


def has_bytes(package: Package, token: str, confirm: bool) -> bool:
    """Return True if *token* leads to the bytes of *package*.

    Without *confirm* the storage's word is taken for it; else they are read.
    """
    content, storage = package.content, package.storage
    with asking(storage, token):
        if not storage.holds(token, content.sha256, content.size):
            return False
    try:
        return not confirm or hash_object(storage, token).hexdigest() == content.sha256
    except ObjectMissingError:
        return False
