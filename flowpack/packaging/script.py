"""Packaging a script as it is: its bytes, unchanged, in a storage."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, Mapping, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack._tracebacks import HidesLocals
from flowpack.blocks.core import Block
from flowpack.blocks.storage import LocalStorageBlock, StorageBlock
from flowpack.client import Client
from flowpack.connect import using
from flowpack.discovery import FoundFlow
from flowpack.exceptions import BlockError, DeploymentValidationError, quoted
from flowpack.flow_runners import (
    FlowRunner,
    SubprocessFlowRunner,
    UniversalFlowRunner,
)
from flowpack.models import BlockDocument, DeploymentCreate
from flowpack.packaging.base import CompleteSpec, Content, Package, Packager, store

_ONLY_HERE = "only usable from the current machine"


def _as_storage(value: object) -> Union[StorageBlock, UUID, None]:
    """Take a block, the id of a registered one (also as text), or None."""
    if value is None or isinstance(value, (StorageBlock, UUID)):
        return value
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    kind = value.__name__ if isinstance(value, type) else type(value).__name__
    raise DeploymentValidationError(
        "storage", [f"expected a storage block or the id of one, not {quoted(kind)}"]
    )


@attrs.frozen
class SourcePackager(HidesLocals, Packager):
    """Packages source code into a storage; subclasses say which bytes.

    Attributes:
        storage: A storage block, the id of a registered one, or None for the
            server's default, and where it has none a folder of this machine.
    """

    storage: Union[StorageBlock, UUID, None] = attrs.field(
        default=None, converter=_as_storage
    )

    @abstractmethod
    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the bytes to store, and the entry point in them."""

    def check_compat(
        self, deployment: CompleteSpec, client: Optional[Client] = None
    ) -> None:
        """Hold the storage against the runner, as the reference does.

        Runners other than ``subprocess`` may start on another machine, so they
        need storage that can be reached from there. With ``subprocess`` a storage
        of this machine is a warning.

        Raises:
            DeploymentValidationError: The runner cannot reach the storage.
            ObjectNotFound: There is no storage of the id that was given.
            BlockError: The storage is of a type that is not known here.
        """
        storage, named = self.find_storage(client)
        if not storage.only_this_machine:
            return
        what = (
            f"the storage is {storage.block_type_name}"
            if named
            else "no storage was given and no default storage is configured on the"
            " server"
        )
        runner = deployment.flow_runner
        if isinstance(runner, SubprocessFlowRunner):
            warnings.warn(
                f"{deployment.full_name}: {what}; the deployment is {_ONLY_HERE}",
                UserWarning,
                stacklevel=2,
            )
            return
        raise DeploymentValidationError(
            deployment.full_name,
            [
                f"{what}, but the {runner.typename.capitalize()} flow runner needs"
                " remote storage, which runs can reach from elsewhere. Give a storage"
                " (a URL, or File Storage on a shared folder), or use the subprocess"
                " runner"
            ],
        )

    def prepare(
        self, deployment: CompleteSpec, client: Optional[Client] = None
    ) -> Package:
        """Return what would be stored; reads only."""
        content, entrypoint = self.content(deployment)
        with using(client) as api:
            storage, _ = self.find_storage(api)
            schema: Mapping[str, Any] = {}
            notes: Tuple[str, ...] = ()
            if api.dialect.uses_work_pools:
                schema, notes = _parameter_schema(deployment.flow)
        return Package(
            content=Content(content),
            entrypoint=entrypoint,
            storage=storage,
            parameter_schema=schema,
            notes=notes,
        )

    def package(
        self, deployment: CompleteSpec, client: Optional[Client] = None
    ) -> DeploymentCreate:
        """Store the bytes and register flow and storage block."""
        with using(client) as api:
            return store(deployment, self.prepare(deployment, api), api)

    def default_flow_runner(self, client: Optional[Client] = None) -> FlowRunner:
        """Return ``subprocess`` for storage of this machine, else ``universal``."""
        storage, _ = self.find_storage(client)
        if storage.only_this_machine:
            return SubprocessFlowRunner()
        return UniversalFlowRunner()

    def find_storage(
        self, client: Optional[Client] = None
    ) -> Tuple[StorageBlock, bool]:
        """Return the storage, and whether anyone named it; reads only."""
        if isinstance(self.storage, StorageBlock):
            return self.storage, True
        with using(client) as api:
            if self.storage is not None:
                return _storage_of(api.read_block_document(self.storage)), True
            document = api.get_default_storage_block_document()
        if document is not None:
            return _storage_of(document), True
        return LocalStorageBlock(), False


def _parameter_schema(flow: FoundFlow) -> Tuple[Mapping[str, Any], Tuple[str, ...]]:
    from flowpack.signatures import parameter_schema

    script = flow.script
    if not flow.function:
        return _NO_PARAMETERS, ("what parameters the flow has is not told",)
    found = parameter_schema(script.content, flow.function, where=script.name)
    return found.schema, found.notes


#: Some releases refuse to run a deployment that has no schema at all.
_NO_PARAMETERS: Mapping[str, Any] = {
    "title": "Parameters",
    "type": "object",
    "properties": {},
}


def _storage_of(document: BlockDocument) -> StorageBlock:
    block = Block.from_document(document)
    if isinstance(block, StorageBlock):
        return block
    raise BlockError(
        f"the block {quoted(document.name)} is a {block.block_type_name}, which is no"
        " storage"
    )


@attrs.frozen
class ScriptPackager(SourcePackager):
    """Stores one script, byte for byte."""

    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the script's bytes, and ``file.py:function``."""
        return deployment.flow.script.content, deployment.flow.entrypoint
