"""What all dialects share: the models' JSON and the requests that never changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)
from uuid import UUID

import attrs

from flowpack.exceptions import WireError, printable
from flowpack.models import (
    BlockDefinition,
    BlockDocument,
    Deployment,
    DeploymentCreate,
    FlowRunnerSettings,
    ScriptSource,
)
from flowpack.transport import Answer, Effect, Request
from flowpack.wire.conversion import faults, make_converter
from flowpack.wire.exchange import Json, path, request

Model = TypeVar("Model")

#: Sends a request and returns the JSON of the answer.
Send = Callable[[Request], Json]

#: Most objects that one answer of a list holds; the servers' own limit.
PAGE = 200


@attrs.frozen
class Change:
    """One field of a deployment that differs.

    Attributes:
        field: The field's name in :class:`~flowpack.DeploymentSpec`.
        old: What the server has, as JSON.
        new: What it is to have.
    """

    field: str
    old: Json = attrs.field(hash=False)
    new: Json = attrs.field(hash=False)


class Dialect(ABC):
    """How one generation of the API is spoken.

    Methods named like those of :class:`~flowpack.Client` return the request.

    Attributes:
        name: ``orion`` or ``prefect3``.
        version: The server's release.
        uses_work_pools: Whether a deployment needs a work pool to be run.
        loads_methods: Whether its workers load flows in classes: ``file.py:Class.method``.
        workers: How many requests at a time the server is glad of.
    """

    name: ClassVar[str]
    uses_work_pools: ClassVar[bool] = False
    loads_methods: bool = False
    workers: ClassVar[int] = 8

    def __init__(self, version: str) -> None:
        self.version = version
        self._converter = make_converter()

    # Every request

    def headers(self, sent: Request) -> Mapping[str, str]:
        """Return what this API wants in the headers of a request."""
        return {}

    def renew(self, refused: Answer, send: Callable[[Request], Answer]) -> bool:
        """Return whether a *refused* request may be sent again, once.

        So it is when something that it lacked could be had with *send*.
        """
        return False

    # Models

    def structure(self, value: Json, cls: Type[Model]) -> Model:
        """Return the model that *value* says.

        Raises:
            WireError: A field is missing or of another type; the text has the
                path of each.
        """
        try:
            return self._converter.structure(value, cls)
        except Exception as exc:
            problems = "; ".join(_all_faults(value, cls) or faults(exc))
            raise WireError(
                f"an answer is no {cls.__name__}: {printable(problems, 500)}"
            ) from exc

    def unstructure(self, model: Any) -> Json:
        """Return *model* as this API writes it."""
        return self._converter.unstructure(model)

    # Flows

    def create_flow(self, name: str) -> Request:
        """Create a flow, or read it where the name is taken."""
        body = {"name": name, "tags": []}
        return request("POST", "/flows/", body, Effect.UPSERT)

    def read_flow(self, flow_id: UUID) -> Request:
        """Read a flow by its id."""
        return request("GET", path("flows", flow_id))

    def read_flow_by_name(self, name: str) -> Request:
        """Read a flow by its name."""
        return request("GET", path("flows", "name", name))

    def read_flows(
        self,
        *,
        names: Optional[Iterable[str]] = None,
        ids: Optional[Iterable[UUID]] = None,
        offset: int = 0,
    ) -> Request:
        """List flows by name, one page of them."""
        wanted: Dict[str, Any] = {}
        if names is not None:
            wanted["name"] = by_name(names)
        if ids is not None:
            wanted["id"] = {"any_": [str(each) for each in ids]}
        body: Dict[str, Any] = {"limit": PAGE, "offset": offset}
        if wanted:
            body["flows"] = wanted
        return request("POST", "/flows/filter", body)

    # Deployments

    @abstractmethod
    def settled(
        self, new: DeploymentCreate, current: Optional[Deployment]
    ) -> DeploymentCreate:
        """Return *new* with nothing left unset, as this server would keep it.

        What is UNSET takes the value of *current*, or the reference's default
        where there is no deployment yet.
        """

    @abstractmethod
    def differences(
        self, current: Deployment, new: DeploymentCreate
    ) -> Tuple[Change, ...]:
        """Return what differs, over the fields that this server keeps.

        *new* is settled. ``flow_data`` is left to the caller, who knows the
        bytes behind it.
        """

    @abstractmethod
    def create_deployment(self, new: DeploymentCreate) -> Request:
        """Create or update a deployment; *new* is settled."""

    def runner_of(self, current: Deployment) -> Json:
        """Return what *current* says of where its runs are executed."""
        return self.unstructure(current.flow_runner)

    def problems(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return why this server or its workers could do nothing with *new*."""
        return ()

    def notes(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return what a plan should tell of *new*."""
        return ()

    def pool_problem(self, settings: FlowRunnerSettings, pool_type: str) -> str:
        """Return why a runner does not fit a work pool; empty if it does."""
        return ""

    def needs_document(self, script: ScriptSource) -> bool:
        """Return whether the deployment of *script* refers to a storage block."""
        return True

    def read_deployment(self, deployment_id: UUID) -> Request:
        """Read a deployment by its id."""
        return request("GET", path("deployments", deployment_id))

    def read_deployment_by_name(self, flow_name: str, name: str) -> Request:
        """Read a deployment by the names of its flow and its own."""
        return request("GET", path("deployments", "name", flow_name, name))

    def read_deployments(
        self,
        *,
        flow_names: Optional[Iterable[str]] = None,
        names: Optional[Iterable[str]] = None,
        offset: int = 0,
    ) -> Request:
        """List deployments by name, one page of them."""
        body: Dict[str, Any] = {"limit": PAGE, "offset": offset}
        if flow_names is not None:
            body["flows"] = {"name": by_name(flow_names)}
        if names is not None:
            body["deployments"] = {"name": by_name(names)}
        return request("POST", "/deployments/filter", body)

    def delete_deployment(self, deployment_id: UUID) -> Request:
        """Delete a deployment."""
        target = path("deployments", deployment_id)
        return request("DELETE", target, effect=Effect.UPSERT)

    @abstractmethod
    def set_schedule_active(self, deployment_id: UUID, active: bool) -> Request:
        """Switch a deployment's schedule on or off."""

    # Flow runs

    def create_flow_run(
        self,
        deployment_id: UUID,
        parameters: Mapping[str, Any],
        tags: Iterable[str],
        name: Optional[str],
        idempotency_key: Optional[str],
    ) -> Request:
        """Create a flow run that is due now.

        An idempotency key makes the request safe to repeat. Without a state the
        run would stay PENDING, where no agent ever picks it up.
        """
        body: Dict[str, Any] = {
            "parameters": dict(parameters),
            "tags": list(tags),
            "idempotency_key": idempotency_key,
            "state": {"type": "SCHEDULED"},
        }
        if name is not None:
            body["name"] = name
        target = path("deployments", deployment_id, "create_flow_run")
        effect = Effect.UPSERT if idempotency_key else Effect.CREATE
        return request("POST", target, body, effect)

    def read_flow_run(self, flow_run_id: UUID) -> Request:
        """Read a flow run by its id."""
        return request("GET", path("flow_runs", flow_run_id))

    # Blocks

    @abstractmethod
    def block_schema(self, definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
        """Return ``fields`` and checksum of a block class on this server."""

    def echoes(self, document: BlockDocument, data: Mapping[str, Any]) -> bool:
        """Return whether the answer to a write holds the *data* that were sent."""
        return dict(document.data) == dict(data)

    @abstractmethod
    def create_block_type(self, definition: BlockDefinition) -> Request:
        """Create the type of a block class; its name is unique."""

    @abstractmethod
    def read_block_type_by_name(self, name: str) -> Request:
        """Read a block type by its name."""

    def create_block_schema(
        self, definition: BlockDefinition, block_type_id: UUID
    ) -> Request:
        """Create the schema of a block class; its checksum is unique.

        Capabilities go along: a storage class without them could not become the
        default storage.
        """
        body = {
            "fields": self.block_schema(definition)[0],
            "block_type_id": str(block_type_id),
            "capabilities": list(definition.capabilities),
        }
        return request("POST", "/block_schemas/", body, Effect.UPSERT)

    def read_block_schema_by_checksum(self, checksum: str) -> Request:
        """Read a block schema by its checksum."""
        # A literal colon, as the stock client sends it.
        target = path("block_schemas", "checksum", checksum).replace("%3A", ":")
        return request("GET", target)

    def create_block_document(
        self,
        *,
        data: Mapping[str, Any],
        block_schema_id: UUID,
        block_type_id: UUID,
        name: Optional[str],
        is_anonymous: bool,
    ) -> Request:
        """Create a block document; an anonymous one is read where it exists."""
        body: Dict[str, Any] = {} if name is None else {"name": name}
        body.update(
            data=dict(data),
            block_schema_id=str(block_schema_id),
            block_type_id=str(block_type_id),
            is_anonymous=is_anonymous,
        )
        return request("POST", "/block_documents/", body, Effect.UPSERT)

    def read_block_document(self, document_id: UUID) -> Request:
        """Read a block document by its id."""
        return request("GET", path("block_documents", document_id))

    def delete_block_document(self, document_id: UUID) -> Request:
        """Delete a block document."""
        target = path("block_documents", document_id)
        return request("DELETE", target, effect=Effect.UPSERT)

    @abstractmethod
    def read_block_document_by_name(self, name: str, block_type_name: str) -> Request:
        """Read a block document by its name and its type's."""

    @abstractmethod
    def read_block_documents(self, *, anonymous: bool, offset: int = 0) -> Request:
        """List block documents by name, one page of them."""

    @abstractmethod
    def update_block_document(
        self, document_id: UUID, data: Mapping[str, Any]
    ) -> Request:
        """Replace the data of a block document."""

    # Default storage: one request or several, through *send*

    @abstractmethod
    def get_default_storage(self, send: Send) -> Json:
        """Return the document of the default storage, None where there is none."""

    @abstractmethod
    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """Make a storage block the default."""

    @abstractmethod
    def clear_default_storage(self, send: Send) -> None:
        """Have no default storage."""

    # Work pools

    def read_work_pool(self, name: str) -> Request:
        """Read a work pool by its name."""
        return request("GET", path("work_pools", name))

    def read_work_pools(self, *, offset: int = 0) -> Request:
        """List work pools, one page of them."""
        body = {"limit": PAGE, "offset": offset}
        return request("POST", "/work_pools/filter", body)

    def create_work_pool(self, name: str, pool_type: str) -> Request:
        """Create a work pool; its name is unique."""
        body = {"name": name, "type": pool_type}
        return request("POST", "/work_pools/", body, Effect.UPSERT)


def _all_faults(value: Json, cls: Type[Any]) -> List[str]:
    """Return everything that is wrong with *value*; slower than finding one fault."""
    try:
        make_converter(detailed=True).structure(value, cls)
    except Exception as exc:
        return faults(exc)
    return []


def by_name(names: Iterable[str]) -> Dict[str, Sequence[str]]:
    """Return the filter for any of *names*."""
    return {"any_": list(names)}
