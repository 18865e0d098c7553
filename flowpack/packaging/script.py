"""Packaging a script as it is: its bytes in a storage, then the body of a deployment."""

from __future__ import annotations

import ast
import copy
import json
import os
from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack._callers import warn
from flowpack._logs import INFO, log
from flowpack._tracebacks import HidesLocals
from flowpack._validators import describe_type, validator
from flowpack.analysis.discovery import FlowInfo
from flowpack.analysis.script import Script
from flowpack.blocks.storage import DEFAULT_STORAGE, LocalStorageBlock, StorageBlock
from flowpack.blocks.storage_errors import hash_object, storage_errors
from flowpack.blocks.storage_url import parse_storage_url, read_named_block
from flowpack.client import Client
from flowpack.connect import using
from flowpack.exceptions import (
    BlockError,
    DeploymentValidationError,
    DiscoveryError,
    ObjectMissingError,
    SpecError,
    StorageUnavailableError,
    printable,
    quoted,
)
from flowpack.flow_runners import SubprocessFlowRunner
from flowpack.models import (
    UNSET,
    BlockDocument,
    DataDocument,
    DeploymentCreate,
    ScriptSource,
    StoredObject,
    Unset,
)
from flowpack.packaging.base import Cache, CompleteSpec, Content, Package, Packager
from flowpack.packaging.base import SpecFields, once
from flowpack.urls import mask_text, url_of


def to_storage(value: Union[StorageBlock, UUID, str, os.PathLike[str], None]) -> Any:
    """Convert text, or a folder's path, to the storage that it means, if it means one."""
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    with suppress(SpecError, BlockError):
        return parse_storage_url(value) if isinstance(value, str) else value
    return value


def is_storage(value: Any) -> Union[None, str, Tuple[str, ...]]:
    """Check a storage block, the id of one, or text that means one."""
    if isinstance(value, (StorageBlock, UUID)):
        return None
    if not isinstance(value, str):
        return f"must be a storage block, the id of one, or text, not {describe_type(value)}"
    try:
        parse_storage_url(value)
    except SpecError as exc:
        return exc.problems
    except BlockError as exc:
        return str(exc)
    return None


@attrs.frozen
class SourcePackager(HidesLocals, Packager):
    """Packages source code into a storage; subclasses decide which bytes.

    Attributes:
        storage: As ``flow_storage`` of a ``DeploymentSpec``; ``default:`` and None are the
            server's default, and where it has none a folder of this machine. With None
            ``deploy`` keeps the storage of a deployment that exists.
    """

    storage: Union[StorageBlock, UUID, str, None] = attrs.field(
        default=None, converter=to_storage, validator=validator(is_storage)
    )

    @abstractmethod
    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the bytes to store, and the entry point in them."""

    def link(self, script: Script) -> Script:
        """Return *script* as it is read for its flow: here, as if it were alone."""
        return script

    def notes(self, deployment: CompleteSpec) -> Tuple[str, ...]:
        """Return notes for plans; warn or raise where runs would miss something."""
        return ()

    def check_compat(self, deployment: SpecFields, client: Optional[Client] = None) -> None:
        """Check that runs can reach the storage; with ``subprocess`` one of this machine warns.

        Raises:
            DeploymentValidationError: The runner cannot reach the storage.
            ObjectNotFound: There is no storage of the id that was given.
            BlockError: The storage is of a type that is not known here.
        """
        with using(client) as api:
            spec = self._complete(deployment, api)
            reason = self._check_runner(spec, api)
        if reason:
            advice = "the deployment is only usable from the current machine"
            warn(f"{spec.full_name}: {reason}; {advice}")

    def _complete(self, deployment: Any, client: Client) -> CompleteSpec:
        if not isinstance(deployment, SpecFields):
            problem = f"expected a DeploymentSpec of flowpack, not {describe_type(deployment)}"
            raise DeploymentValidationError("what to package", [problem])
        return deployment.complete(self, client)

    def _check_runner(self, spec: CompleteSpec, client: Client) -> Optional[str]:
        """Return why the deployment is only usable from this machine, if it is."""
        storage = self.find_storage(client)
        if not storage.only_this_machine:
            return None
        reason = f"the storage is {storage.block_type_name}"
        if not isinstance(self.storage, StorageBlock) and storage.document_id is None:
            reason = "no storage was given and no default storage is configured on the server"
        runner = spec.flow_runner
        if isinstance(runner, SubprocessFlowRunner):
            return reason
        problem = (
            f"{reason}, but the {runner.typename.capitalize()} flow runner needs remote storage,"
            " which runs can reach from elsewhere. Give a storage (a URL, or File Storage on a"
            " shared folder), or use the subprocess runner"
        )
        raise DeploymentValidationError(spec.full_name, [problem])

    def prepare(self, deployment: SpecFields, client: Optional[Client] = None) -> Package:
        """Return what would be stored; reads only."""
        with using(client) as api:
            spec = self._complete(deployment, api)
            content, entrypoint = self.content(spec)
            own = self.notes(spec)
            wants_schema = api.dialect.uses_work_pools
            schema, notes = parameter_schema(spec.flow) if wants_schema else ({}, ())
            return Package(
                content=Content(content),
                entrypoint=entrypoint,
                storage=self.find_storage(api),
                parameter_schema=schema,
                notes=own + tuple(notes),
            )

    def package(self, deployment: SpecFields, client: Optional[Client] = None) -> DeploymentCreate:
        """Store the bytes and register flow and storage block.

        Raises:
            DeploymentValidationError: As for :meth:`check_compat`, which warns, too.
            BlockError: The document that the storage names does not hold it.
            StorageError: The bytes could not be stored.
        """
        with using(client) as api:
            spec = self._complete(deployment, api)
            self._check_runner(spec, api)
            package = self.prepare(spec, api)
            package.storage.check_document(api)
            return store(spec, package, api)

    def with_storage(self, storage: StorageBlock) -> SourcePackager:
        """Return a copy that stores in *storage*; subclasses may be made in any way."""
        new = copy.copy(self)
        vars(new).update(vars(self))  # attrs copies its own fields alone.
        object.__setattr__(new, "storage", storage)
        return new

    def find_storage(self, client: Optional[Client] = None) -> StorageBlock:
        """Return the storage; reads only."""
        if isinstance(self.storage, StorageBlock):
            return self.storage
        with using(client) as api:
            document: Optional[BlockDocument]
            if isinstance(self.storage, UUID):
                document = api.read_block_document(self.storage)
            elif self.storage is None or self.storage == DEFAULT_STORAGE:
                document = api.get_default_storage_block_document()
            else:
                document = read_named_block(self.storage, api)
        return LocalStorageBlock() if document is None else StorageBlock.from_document(document)


def parameter_schema(flow: FlowInfo) -> Tuple[Mapping[str, Any], Tuple[str, ...]]:
    """Return the schema of the parameters of *flow*, and notes on what is open in it.

    Raises:
        DiscoveryError: A parameter has a name that Prefect refuses.
    """
    # Imported here because it is slow to load.
    from flowpack.analysis import parameters as analysis

    if flow.definition is None:
        unknown = "which function the flow has is not known from the source"
        # Some releases refuse to run a deployment that has no schema at all.
        none = {"title": "Parameters", "type": "object", "properties": {}}
        return none, (f"{unknown}, so it gets no schema of parameters",)
    script = flow.script
    parameters = analysis.parameter_schema(flow.definition, script.scope, where=script.name)
    first, notes = next(iter(flow.parameters), ""), parameters.notes
    if flow.is_method and first in ("self", "cls"):
        problem = f"workers call {flow.variable} on no instance: give its parameter"
        notes += (f"{problem} {quoted(first)} a value, or make it a static method",)
    return parameters.schema, notes


def known_schema(flow: FlowInfo) -> Mapping[str, Any]:
    """Return the schema of the parameters of *flow*; empty where there is none."""
    try:
        return parameter_schema(flow)[0]
    except DiscoveryError:
        return {}


_REMEDY = "store them, too: --project (project: true in spec files, ProjectPackager in Python)"


def check_imports(script: Script) -> None:
    """Warn of imports that only files of the script's project can meet.

    Raises:
        DeploymentValidationError: It has a relative import at module level: no run could load it.
    """
    # Imported here because they are slow to load, and projects do not need them.
    from flowpack.analysis.imports import read_imports
    from flowpack.projects.single import missing_modules

    imports = read_imports(script).found
    found = missing_modules(script, imports)
    missing = [f"{each.module} ({file})" for each, file in found.items()]
    for each in imports:
        if each.level and not each.optional:
            if not _is_in_function(script, each.line):
                problem = "a relative import needs the files of its package, which are not stored"
                raise DeploymentValidationError(
                    script.at(each.line), [f"{problem} with the script; {_REMEDY}"]
                )
            missing.append(f"{'.' * each.level}{each.module} (line {each.line})")
    if missing:
        shown = printable(", ".join(missing), 500)
        problem = "imports files that are not stored with it, and runs fail without them"
        warn(f"{printable(script.name)} {problem}: {shown}; {_REMEDY}")


def _is_in_function(script: Script, line: int) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = (node for node in ast.walk(script.tree) if isinstance(node, kinds))
    return any(node.lineno < line <= (node.end_lineno or 0) for node in functions)


@attrs.frozen
class ScriptPackager(SourcePackager):
    """Stores one script, byte for byte.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, ScriptPackager, deploy
        >>> packager = ScriptPackager(storage=FileStorageBlock("store"))
        >>> [done] = deploy(DeploymentSpec(flow_location="flows.py", packager=packager))
        >>> done.action
        'created'
    """

    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the script's bytes, and ``file.py:function``."""
        return deployment.flow.script.content, deployment.flow.entrypoint

    def notes(self, deployment: CompleteSpec) -> Tuple[str, ...]:
        """Return none; see :func:`check_imports`."""
        script = deployment.flow.script
        if script.path is not None:
            once(("imports", script), lambda: check_imports(script))
        return ()


# --- bytes first, the pointer last --------------------------------------------------------


class Registry(Cache):
    """Flows, storage blocks and pools that the threads of one deploy register, each once."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def flow_id(self, name: str) -> UUID:
        """Return the id of the flow called *name*, made if missing."""
        return self.once(("flow", name), lambda: self._client.create_flow(name))

    def document_id(self, storage: StorageBlock) -> UUID:
        """Return the id of a document of *storage*, made if missing."""
        data = json.dumps(storage.to_document_data(), sort_keys=True)
        key = ("document", storage.schema_checksum(), data)
        return self.once(key, lambda: storage.ensure_document(self._client))


def describe(
    deployment: CompleteSpec,
    package: Package,
    flow_id: UUID,
    token: str,
    document_id: Optional[UUID] = None,
) -> DeploymentCreate:
    """Return the body of a deployment whose bytes are stored under *token*; does no I/O."""
    paused, variables = deployment.paused, deployment.job_variables
    if deployment.runner_named and isinstance(variables, Unset):
        variables = {}  # A runner that is named replaces what a deployment has.
    stored = StoredObject(token, document_id, package.content.sha256)
    return DeploymentCreate(
        name=deployment.name,
        flow_id=flow_id,
        flow_data=DataDocument.encode("blockstorage", stored),
        schedule=deployment.schedule,
        own_schedules=deployment.schedules,
        replace_schedules=deployment.replace_schedules,
        # Where they have none in a prefect.yaml, the stock client refuses to change those with one.
        name_schedules=deployment.check_job_variables,
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
        job_variables=variables,
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
            with storage_errors(storage, token):
                where = mask_text(storage.location(token) or token)
            kind = storage.block_type_name
            log(__name__, INFO, "stored %d bytes in %s: %s", content.size, kind, printable(where))
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
