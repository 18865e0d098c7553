"""Packaging a script as it is: its bytes, unchanged, in a storage."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Mapping, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack._callers import warn
from flowpack._tracebacks import HidesLocals
from flowpack._validators import describe_type
from flowpack.analysis.discovery import FlowInfo
from flowpack.blocks.block import Block
from flowpack.blocks.storage import DEFAULT_STORAGE, LocalStorageBlock, StorageBlock
from flowpack.client import Client
from flowpack.connect import using
from flowpack.exceptions import BlockError, DeploymentValidationError, quoted
from flowpack.flow_runners import FlowRunner, SubprocessFlowRunner, UniversalFlowRunner
from flowpack.models import BlockDocument, DeploymentCreate
from flowpack.packaging.base import AnySpec, CompleteSpec, Content, Package, Packager
from flowpack.packaging.storing import store

#: Some releases refuse to run a deployment that has no schema at all.
_NO_PARAMETERS: Mapping[str, Any] = {"title": "Parameters", "type": "object", "properties": {}}


_UNKNOWN_PARAMETERS = (
    "which function the flow has is not known from the source, so it gets no schema of parameters"
)


def _to_storage(value: object) -> Union[StorageBlock, UUID, str, None]:
    """Convert the id of a storage block to a UUID; accept a block, ``default:`` or None."""
    if value is None or isinstance(value, (StorageBlock, UUID)):
        return value
    if isinstance(value, str):
        try:
            return value if value == DEFAULT_STORAGE else UUID(value)
        except ValueError:
            pass
    raise DeploymentValidationError(
        "storage", [f"expected a storage block or the id of one, not {describe_type(value)}"]
    )


@attrs.frozen
class SourcePackager(HidesLocals, Packager):
    """Packages source code into a storage; subclasses say which bytes.

    Attributes:
        storage: A storage block, the id of a registered one, or ``default:`` or None for the
            server's default, and where it has none a folder of this machine. With None
            ``deploy`` keeps the storage of a deployment that exists.
    """

    storage: Union[StorageBlock, UUID, str, None] = attrs.field(default=None, converter=_to_storage)

    @abstractmethod
    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the bytes to store, and the entry point in them."""

    def check_compat(self, deployment: AnySpec, client: Optional[Client] = None) -> None:
        """Check the storage against the runner, as the reference does.

        Runners other than ``subprocess`` may start on another machine, so they need storage
        that can be reached from there. With ``subprocess`` a storage of this machine is a
        warning.

        Raises:
            DeploymentValidationError: The runner cannot reach the storage.
            ObjectNotFound: There is no storage of the id that was given.
            BlockError: The storage is of a type that is not known here.
        """
        with using(client) as api:
            spec = self._complete(deployment, api)
            reason = self._check_runner(spec, api)
        if reason:
            warn(
                f"{spec.full_name}: {reason}; the deployment is only usable from the current"
                " machine"
            )

    def _complete(self, deployment: AnySpec, client: Client) -> CompleteSpec:
        if not hasattr(type(deployment), "complete"):
            problem = f"expected a DeploymentSpec of flowpack, not {describe_type(deployment)}"
            raise DeploymentValidationError("what to package", [problem])
        return deployment.complete(self, client)

    def _check_runner(self, spec: CompleteSpec, client: Client) -> Optional[str]:
        """Return why the deployment is only usable from this machine, if it is."""
        storage, named = self.find_storage(client)
        if not storage.only_this_machine:
            return None
        reason = "no storage was given and no default storage is configured on the server"
        if named:
            reason = f"the storage is {storage.block_type_name}"
        runner = spec.flow_runner
        if isinstance(runner, SubprocessFlowRunner):
            return reason
        raise DeploymentValidationError(
            spec.full_name,
            [
                f"{reason}, but the {runner.typename.capitalize()} flow runner needs remote"
                " storage, which runs can reach from elsewhere. Give a storage (a URL, or File"
                " Storage on a shared folder), or use the subprocess runner"
            ],
        )

    def prepare(self, deployment: AnySpec, client: Optional[Client] = None) -> Package:
        """Return what would be stored; reads only."""
        with using(client) as api:
            spec = self._complete(deployment, api)
            content, entrypoint = self.content(spec)
            storage, _ = self.find_storage(api)
            schema: Mapping[str, Any] = {}
            notes: Tuple[str, ...] = ()
            if api.dialect.uses_work_pools:
                schema, notes = _parameter_schema(spec.flow)
        return Package(
            content=Content(content),
            entrypoint=entrypoint,
            storage=storage,
            parameter_schema=schema,
            notes=notes,
        )

    def package(self, deployment: AnySpec, client: Optional[Client] = None) -> DeploymentCreate:
        """Store the bytes and register flow and storage block.

        Raises:
            DeploymentValidationError: As for :meth:`check_compat`, which warns, too.
            BlockError: The document that the storage names does not hold it.
            StorageError: The bytes could not be stored.
            APIError: Flow or storage block could not be registered.
        """
        with using(client) as api:
            spec = self._complete(deployment, api)
            self._check_runner(spec, api)
            package = self.prepare(spec, api)
            package.storage.check_document(api)
            return store(spec, package, api)

    def default_flow_runner(self, client: Optional[Client] = None) -> FlowRunner:
        """Return ``subprocess`` for storage of this machine, else ``universal``."""
        storage, _ = self.find_storage(client)
        return SubprocessFlowRunner() if storage.only_this_machine else UniversalFlowRunner()

    def with_storage(self, storage: StorageBlock) -> SourcePackager:
        """Return a copy that stores in *storage*; subclasses may be made in any way."""
        new = copy.copy(self)
        vars(new).update(vars(self))  # attrs copies its own fields alone.
        object.__setattr__(new, "storage", storage)
        return new

    def find_storage(self, client: Optional[Client] = None) -> Tuple[StorageBlock, bool]:
        """Return the storage, and whether anyone named it; reads only."""
        if isinstance(self.storage, StorageBlock):
            return self.storage, True
        with using(client) as api:
            if isinstance(self.storage, UUID):
                return _to_block(api.read_block_document(self.storage)), True
            document = api.get_default_storage_block_document()
        if document is not None:
            return _to_block(document), True
        return LocalStorageBlock(), False


def _parameter_schema(flow: FlowInfo) -> Tuple[Mapping[str, Any], Tuple[str, ...]]:
    # Imported here because it is slow to load.
    from flowpack.analysis.parameters import parameter_schema

    if flow.definition is None:
        return _NO_PARAMETERS, (_UNKNOWN_PARAMETERS,)
    found = parameter_schema(flow.definition, flow.script.scope, where=flow.script.name)
    first = next(iter(flow.parameters), "")
    if flow.is_method and first in ("self", "cls"):
        note = (
            f"workers call {flow.variable} on no instance: give its parameter {quoted(first)} a"
            " value, or make it a static method"
        )
        return found.schema, (*found.notes, note)
    return found.schema, found.notes


def _to_block(document: BlockDocument) -> StorageBlock:
    block = Block.from_document(document)
    if isinstance(block, StorageBlock):
        return block
    raise BlockError(
        f"the block {quoted(document.name)} is a {block.block_type_name}, which is no storage"
    )


@attrs.frozen
class ScriptPackager(SourcePackager):
    """Stores one script, byte for byte."""

    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the script's bytes, and ``file.py:function``."""
        return deployment.flow.script.content, deployment.flow.entrypoint
