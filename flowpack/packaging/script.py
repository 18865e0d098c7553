"""Packaging a script as it is: its bytes, unchanged, in a storage."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Mapping, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack._callers import warn
from flowpack._tracebacks import HidesLocals
from flowpack._validators import describe_type, validator
from flowpack.analysis.discovery import FlowInfo
from flowpack.blocks.storage import DEFAULT_STORAGE, LocalStorageBlock, StorageBlock
from flowpack.client import Client
from flowpack.connect import using
from flowpack.exceptions import DeploymentValidationError, quoted
from flowpack.flow_runners import SubprocessFlowRunner
from flowpack.models import DeploymentCreate
from flowpack.packaging.base import CompleteSpec, Content, Package, Packager, SpecFields
from flowpack.packaging.storing import store


def to_storage(value: Union[StorageBlock, UUID, str, None]) -> Any:
    """Convert the id of a storage block from text; ``default:`` stays."""
    try:
        return UUID(value) if isinstance(value, str) and value != DEFAULT_STORAGE else value
    except ValueError:
        return value


def is_storage(value: Any) -> Optional[str]:
    """Check a storage block, the id of one, or ``default:``."""
    is_default = isinstance(value, str) and value == DEFAULT_STORAGE
    if is_default or isinstance(value, (StorageBlock, UUID)):
        return None
    return f"must be a storage block or the id of one, not {describe_type(value)}"


@attrs.frozen
class SourcePackager(HidesLocals, Packager):
    """Packages source code into a storage; subclasses decide which bytes.

    Attributes:
        storage: A storage block, the id of a registered one, or ``default:`` or None for the
            server's default, and where it has none a folder of this machine. With None
            ``deploy`` keeps the storage of a deployment that exists.
    """

    storage: Union[StorageBlock, UUID, str, None] = attrs.field(
        default=None, converter=to_storage, validator=validator(is_storage)
    )

    @abstractmethod
    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the bytes to store, and the entry point in them."""

    def check_compat(self, deployment: SpecFields, client: Optional[Client] = None) -> None:
        """Check the storage against the runner, as the reference does.

        Runners other than ``subprocess`` may start elsewhere and need storage that can be
        reached from there. With ``subprocess`` a storage of this machine is a warning.

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
        if self.storage in (None, DEFAULT_STORAGE):
            reason = (
                "no storage was given and no default storage is configured on the server that"
                " other machines can reach"
            )
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
            wants_schema = api.dialect.uses_work_pools
            schema, notes = _parameter_schema(spec.flow) if wants_schema else ({}, ())
            return Package(
                content=Content(content),
                entrypoint=entrypoint,
                storage=self.find_storage(api),
                parameter_schema=schema,
                notes=notes,
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
            if isinstance(self.storage, UUID):
                return StorageBlock.from_document(api.read_block_document(self.storage))
            default = api.get_default_storage_block_document()
        return LocalStorageBlock() if default is None else StorageBlock.from_document(default)


def _parameter_schema(flow: FlowInfo) -> Tuple[Mapping[str, Any], Tuple[str, ...]]:
    # Imported here because it is slow to load.
    from flowpack.analysis.parameters import parameter_schema

    if flow.definition is None:
        # Some releases refuse to run a deployment that has no schema at all.
        return {"title": "Parameters", "type": "object", "properties": {}}, (
            "which function the flow has is not known from the source, so it gets no schema of"
            " parameters",
        )
    parameters = parameter_schema(flow.definition, flow.script.scope, where=flow.script.name)
    first, notes = next(iter(flow.parameters), ""), parameters.notes
    if flow.is_method and first in ("self", "cls"):
        notes += (
            f"workers call {flow.variable} on no instance: give its parameter {quoted(first)} a"
            " value, or make it a static method",
        )
    return parameters.schema, notes


@attrs.frozen
class ScriptPackager(SourcePackager):
    """Stores one script, byte for byte."""

    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the script's bytes, and ``file.py:function``."""
        return deployment.flow.script.content, deployment.flow.entrypoint
