"""The one order in which a packager writes: bytes first, the pointer last."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Hashable, Optional, TypeVar
from uuid import UUID

from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_errors import hash_object, storage_errors
from flowpack.client import Client
from flowpack.exceptions import ObjectMissingError, StorageUnavailableError
from flowpack.models import UNSET, DataDocument, DeploymentCreate, ScriptSource, StoredObject, Unset
from flowpack.packaging.base import CompleteSpec, Package
from flowpack.urls import url_of

Value = TypeVar("Value")


class Registry:
    """Flows, storage blocks and pools that the threads of one deploy register, each once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: Dict[Hashable, Any] = {}
        self._locks: Dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def flow_id(self, name: str) -> UUID:
        """Return the id of the flow called *name*, made if missing."""
        return self.once(("flow", name), lambda: self._client.create_flow(name))

    def document_id(self, storage: StorageBlock) -> UUID:
        """Return the id of a document of *storage*, made if missing."""
        data = json.dumps(storage.to_document_data(), sort_keys=True)
        key = ("document", storage.schema_checksum(), data)
        return self.once(key, lambda: storage.ensure_document(self._client))

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
    flow_id: UUID,
    token: str,
    document_id: Optional[UUID] = None,
) -> DeploymentCreate:
    """Return the body of a deployment whose bytes are stored under *token*; does no I/O."""
    paused = deployment.paused
    stored = StoredObject(token, document_id, package.content.sha256)
    return DeploymentCreate(
        name=deployment.name,
        flow_id=flow_id,
        flow_data=DataDocument.encode("blockstorage", stored),
        schedule=deployment.schedule,
        is_schedule_active=paused if isinstance(paused, Unset) else not paused,
        parameters=deployment.parameters,
        tags=deployment.tags,
        flow_runner=deployment.flow_runner.to_settings(),
        script=_script_source(deployment, package, token),
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


def _script_source(deployment: CompleteSpec, package: Package, token: str) -> ScriptSource:
    """Return how workers get the bytes that are stored under *token*."""
    with storage_errors(package.storage, token):
        location = package.storage.location(token)
    if location is not None and "://" not in location:
        location = Path(location).as_uri()
    return ScriptSource(
        filename=package.entrypoint.rpartition(":")[0],
        size=package.content.size,
        location=location,
        storage_type=package.storage.block_type_name,
        storage_data=package.storage.public_data(),
        pull=deployment.pull,
        requires=url_of(deployment.pull_requires),
        version=deployment.flow.version,
        description=deployment.flow.description,
    )


def store(
    deployment: CompleteSpec,
    package: Package,
    client: Client,
    flow_id: Optional[UUID] = None,
    registry: Optional[Registry] = None,
    confirm: bool = False,
) -> DeploymentCreate:
    """Store the bytes of *package*, then register flow and storage block.

    The caller has checked the document that the storage names, and creates the deployment, which
    points at the stored bytes, last. Others of the same set share the *registry*.

    Raises:
        StorageError: The bytes could not be stored, or are not there afterwards.
        APIError: Flow or storage block could not be registered.
    """
    registry = registry or Registry(client)
    token = put_bytes(package, confirm)
    flow_id = flow_id or registry.flow_id(deployment.flow_name)
    new = describe(deployment, package, flow_id, token, package.storage.document_id)
    named = package.storage.document_id is not None
    if named or new.script is None or not client.dialect.needs_document(new.script):
        return new
    document_id = registry.document_id(package.storage)
    return describe(deployment, package, flow_id, token, document_id)


def put_bytes(package: Package, confirm: bool = False) -> str:
    """Store the bytes of *package*, see that they are there; return the token.

    With *confirm* they are read back, and written over others that have their key.
    """
    content, storage = package.content, package.storage
    token: Any = None  # A user's storage may return anything.
    for write in (storage.write_from, storage.replace_from)[: 2 if confirm else 1]:
        with content.open() as file, storage_errors(storage, content.sha256):
            token = write(file, content.sha256)
        if isinstance(token, str) and has_bytes(package, token, confirm):
            return token
    raise StorageUnavailableError(
        storage.block_type_name,
        str(token),
        f"the storage took {content.size} bytes but does not have them; nothing was deployed."
        " Look into the storage; if it keeps others there and does not replace them, delete"
        " those. Then deploy again",
    )


def has_bytes(package: Package, token: str, confirm: bool) -> bool:
    """Return True if *token* leads to the bytes of *package*.

    Without *confirm* the storage's word is taken for it; else they are read.
    """
    content, storage = package.content, package.storage
    with storage_errors(storage, token):
        if not storage.holds(token, content.sha256, content.size):
            return False
    try:
        return not confirm or hash_object(storage, token).hexdigest() == content.sha256
    except ObjectMissingError:
        return False
