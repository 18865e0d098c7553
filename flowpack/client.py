"""A blocking client: one short method for each endpoint that flowpack uses."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union
from uuid import UUID

from flowpack._lazy import hand_on
from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack.exceptions import IdentifierError, quoted
from flowpack.models import BlockDefinition, BlockDocument, BlockSchema, BlockType, Deployment
from flowpack.models import DeploymentCreate, FlowRecord, FlowRun, LogRecord, ScheduleRecord
from flowpack.models import WorkPool
from flowpack.transport import Effect, Snapshot, Transport
from flowpack.urls import URL, ui_root
from flowpack.wire.connection import Connection
from flowpack.wire.dialect import Dialect
from flowpack.wire.encoding import path, request

if TYPE_CHECKING:
    import requests

#: An id, as it is or as text; text that is none is a ``ValueError``.
Id = Union[UUID, str]


class Client(HidesLocals):
    """Speaks to one API; every method blocks and returns a value.

    Threads may share a client, and a process that was forked may go on with it. Use it as a context
    manager, or call :meth:`close`.

    Every method may raise ``APIConnectionError`` (no usable response), ``APIStatusError`` (the
    server refused; ``ObjectNotFound`` for 404, ``ObjectAlreadyExists`` for 409) and ``WireError``
    (a request or a response is not as it must be); see :mod:`flowpack.exceptions`.

    Example:
        >>> from flowpack import get_client
        >>> with get_client() as client:
        ...     flow_id = client.create_flow("etl")
        ...     client.read_flow(flow_id).name
        'etl'
    """

    def __init__(
        self,
        api: Optional[URL] = None,
        *,
        api_key: Optional[str] = None,
        session: Optional[requests.Session] = None,
        timeout: float = 30.0,
        transport: Optional[Transport] = None,
        dialect: Optional[Dialect] = None,
        credential: str = "",
        renewing: bool = True,
        ui: Optional[URL] = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            api: The API's root, ``/api`` included. ``get_client`` finds it in the settings.
            api_key: Sent as a bearer token.
            session: Used for HTTP in place of a new one, and left open; see
                :func:`~flowpack.connect.get_client`.
            timeout: Longest wait for each network step, in seconds.
            transport: Used in place of HTTP to *api*; closed with the client.
            dialect: What the server speaks; None asks it, once.
            credential: Which credentials are sent, and their source, for errors.
            renewing: Whether to fetch a CSRF token where the server wants one.
            ui: Address of the user interface; None derives it from that of the API.

        Raises:
            ValueError: Neither *api* nor *transport* is given, or both are.
            SettingsError: *api* is no address.
        """
        if (api is None) == (transport is None):
            raise ValueError("Client needs an API's address or a transport, not both")
        if transport is None:
            from flowpack._http import HTTPOptions, HTTPTransport

            options = HTTPOptions(timeout=timeout, session=session)
            transport = HTTPTransport(api or "", api_key=api_key, options=options)
        self._transport = transport
        used = credential or ("the api_key argument" if api_key else "")
        self._api = Connection(transport, dialect, used, renewing)
        self._ui = ui

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def close(self) -> None:
        """Give back connections and files. A second call does nothing."""
        self._transport.close()

    @property
    def url(self) -> str:
        """The API's root, without credentials."""
        return self._transport.url

    @property
    def embedded(self) -> bool:
        """Whether the API lives in this process and no server is there."""
        return self._transport.embedded

    @property
    def dialect(self) -> Dialect:
        """What the server speaks; asked for at first use."""
        return self._api.dialect

    def ui_url(self, kind: str, id: Id) -> Optional[str]:
        """Return the address of something in the server's user interface, without credentials.

        It is None for the embedded API, which has none, and for 2.0b7.

        Args:
            kind: ``deployment``, ``flow-run``, ``flow``, ``block`` or ``work-pool``.
            id: Its id; of a work pool the name.
        """
        where = self.dialect.ui_path(kind)
        if where is None:
            return None
        root = str(self._ui or ui_root(self.url)).rstrip("/")
        return f"{root}/{where}{path(id)}"

    def snapshot(self) -> Client:
        """Return a client that only reads, and reads each thing once; it refuses all writes."""
        snapshot, transport, api = copy(self), Snapshot(self._transport), self._api
        snapshot._transport = transport
        snapshot._api = Connection(transport, self.dialect, api.credential, api.renewing)
        snapshot._api.csrf = api.csrf
        return snapshot

    def create_flow(self, flow: Any) -> UUID:
        """Return the id of a flow, given by its name or as what has one; it is made if missing."""
        name = flow if isinstance(flow, str) else flow.name
        sent = request("POST", "/flows/", {"name": name, "tags": []}, Effect.UPSERT)
        return self._api.read(sent, FlowRecord, name=name).id

    def read_flow(self, flow_id: Id) -> FlowRecord:
        """Return a flow by its id."""
        id_ = _uuid(flow_id)
        return self._api.read(request("GET", path("flows", id_)), FlowRecord, id=id_)

    def read_flow_by_name(self, name: str) -> FlowRecord:
        """Return a flow by its name."""
        return self._api.read(request("GET", path("flows", "name", name)), FlowRecord, name=name)

    def read_flows(
        self, *, names: Optional[Iterable[str]] = None, ids: Optional[Iterable[Id]] = None
    ) -> Tuple[FlowRecord, ...]:
        """Return all flows, or those with any of *names* or *ids*, by name."""
        filters = {} if names is None else {"name": _any_of(names)}
        if ids is not None:
            filters["id"] = _any_of(str(_uuid(each)) for each in ids)
        given = {"flows": filters} if filters else {}
        return self._api.list("/flows/filter", FlowRecord, **given)

    def create_deployment(self, deployment: DeploymentCreate) -> UUID:
        """Create or update a deployment and return its id; what is UNSET gets its default."""
        settled = self.dialect.settled(deployment, None)
        expected = {name: getattr(settled, name) for name in ("name", "flow_id", "flow_data")}
        made = self.dialect.write_deployment(
            settled, self._api.json, lambda sent: self._api.read(sent, Deployment, **expected)
        )
        other = [each.field for each in self.dialect.differences(made, settled)]
        if other:  # Without the values: a runner's variables may be secret.
            sent = request("POST", "/deployments/")
            raise self._api.wire_error(sent, f"the server answered with another {', '.join(other)}")
        return made.id

    def read_deployment(self, deployment_id: Id) -> Deployment:
        """Return a deployment by its id."""
        id_ = _uuid(deployment_id)
        return self._api.read(request("GET", path("deployments", id_)), Deployment, id=id_)

    def read_deployment_by_name(self, name: str) -> Deployment:
        """Return a deployment by its name, ``FLOW/DEPLOYMENT``.

        Raises:
            IdentifierError: This is no such name.
            ObjectNotFound: There is no such deployment.
        """
        names = name.split("/") if isinstance(name, str) else []  # type: ignore[redundant-expr]
        if len(names) != 2 or not all(map(str.strip, names)):
            advice = "write FLOW/DEPLOYMENT, as flowpack ls lists them"
            raise IdentifierError(f"{quoted(name)} names no deployment; {advice}")
        sent = request("GET", path("deployments", "name", *names))
        return self._api.read(sent, Deployment, name=names[1])

    def read_deployments(
        self, *, flow_names: Optional[Iterable[str]] = None, names: Optional[Iterable[str]] = None
    ) -> Tuple[Deployment, ...]:
        """Return all deployments, or those with any of the names, by name."""
        given = {"flows": flow_names, "deployments": names}
        filters = {
            kind: {"name": _any_of(each)} for kind, each in given.items() if each is not None
        }
        return self._api.list("/deployments/filter", Deployment, **filters)

    def delete_deployment(self, deployment_id: Id) -> None:
        """Delete a deployment; what it stored stays."""
        target = path("deployments", _uuid(deployment_id))
        self._api.json(request("DELETE", target, effect=Effect.UPSERT))

    def set_schedule_active(self, deployment_id: Id, active: bool) -> None:
        """Resume or pause a deployment."""
        self._api.json(self.dialect.set_schedule_active(_uuid(deployment_id), active))

    def set_one_schedule_active(
        self, deployment_id: Id, schedule: ScheduleRecord, active: bool
    ) -> None:
        """Switch one schedule of a deployment on or off, on servers of release 2.16 and later."""
        target = path("deployments", _uuid(deployment_id), "schedules", _uuid(schedule.id or ""))
        # Servers clear parameters that are left out; older ones know none.
        kept = {"parameters": dict(schedule.parameters)} if schedule.parameters else {}
        self._api.json(request("PATCH", target, {"active": active, **kept}, Effect.UPSERT))

    def create_flow_run_from_deployment(
        self,
        deployment_id: Id,
        *,
        parameters: Optional[Mapping[str, Any]] = None,
        tags: Iterable[str] = (),
        name: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        scheduled_time: Optional[datetime] = None,
        job_variables: Optional[Mapping[str, Any]] = None,
    ) -> FlowRun:
        """Create a flow run.

        Args:
            deployment_id: What to run.
            parameters: Laid over the deployment's own.
            tags: Added to the deployment's own.
            name: None lets the server make one up.
            idempotency_key: A second request with it returns the first one's run; without it the
                request is never repeated.
            scheduled_time: When it is due, in local time if it has no zone; None means now.
            job_variables: Laid over those of the deployment and its work pool. Servers before
                2.16.4 take none, which is a ``DeploymentValidationError``.
        """
        id_ = _uuid(deployment_id)
        # Without a state the run would stay PENDING, where no agent ever picks it up.
        state: Dict[str, Any] = {"type": "SCHEDULED"}
        if scheduled_time is not None:
            due = scheduled_time.astimezone().isoformat()
            state["state_details"] = {"scheduled_time": due}
        body: Dict[str, Any] = {
            "parameters": dict(parameters or {}),
            "tags": list(tags),
            "idempotency_key": idempotency_key,
            "state": state,
        }
        if name is not None:
            body["name"] = name
        if job_variables:
            body["job_variables"] = self.dialect.run_variables(job_variables)
        effect = Effect.UPSERT if idempotency_key else Effect.CREATE
        sent = request("POST", path("deployments", id_, "create_flow_run"), body, effect)
        return self._api.read(sent, FlowRun, deployment_id=id_)

    def read_flow_run(self, flow_run_id: Id) -> FlowRun:
        """Return a flow run by its id."""
        id_ = _uuid(flow_run_id)
        return self._api.read(request("GET", path("flow_runs", id_)), FlowRun, id=id_)

    def read_flow_run_logs(
        self, flow_run_id: Id, *, level: int = 0, offset: int = 0, last: Optional[int] = None
    ) -> Tuple[LogRecord, ...]:
        """Return what a flow run has logged so far, oldest first.

        Left out are records below *level*, a number as in :mod:`logging`, and the *offset* oldest;
        with *last* all but so many of the newest, 200 at most. They arrive some seconds late.
        """
        logs = {"flow_run_id": _any_of([str(_uuid(flow_run_id))]), "level": {"ge_": level}}
        sort = "TIMESTAMP_ASC" if last is None else "TIMESTAMP_DESC"
        found = self._api.list("/logs/filter", LogRecord, offset, last, logs=logs, sort=sort)
        return found if last is None else found[::-1]

    def create_block_type(self, definition: BlockDefinition) -> BlockType:
        """Create the type of a block class."""
        field, key = self.dialect.block_type_key(definition.type_name)
        body = {
            "name": definition.type_name,
            field: key,
            "logo_url": definition.logo_url,
            "documentation_url": definition.documentation_url,
            "description": definition.description,
            "code_example": definition.code_example,
        }
        return self._api.read(request("POST", "/block_types/", body, Effect.UPSERT), BlockType)

    def read_block_type_by_name(self, name: str) -> BlockType:
        """Return a block type by its name."""
        target = path("block_types", *self.dialect.block_type_key(name))
        return self._api.read(request("GET", target), BlockType)

    def create_block_schema(self, definition: BlockDefinition, block_type_id: Id) -> BlockSchema:
        """Create the schema of a block class."""
        fields, checksum = self.dialect.block_schema(definition)
        body = {
            "fields": fields,
            "block_type_id": str(_uuid(block_type_id)),
            "capabilities": list(definition.capabilities),
        }
        sent = request("POST", "/block_schemas/", body, Effect.UPSERT)
        return self._api.read(sent, BlockSchema, checksum=checksum)

    def read_block_schema_by_checksum(self, checksum: str) -> BlockSchema:
        """Return a block schema by its checksum."""
        # A literal colon, as the stock client sends it.
        target = path("block_schemas", "checksum", checksum).replace("%3A", ":")
        return self._api.read(request("GET", target), BlockSchema, checksum=checksum)

    @hides_locals
    def create_block_document(
        self,
        *,
        data: Mapping[str, Any],
        block_schema_id: Id,
        block_type_id: Id,
        name: Optional[str] = None,
        is_anonymous: bool = False,
    ) -> BlockDocument:
        """Create a block document, or read the anonymous one with equal content."""
        schema_id = _uuid(block_schema_id)
        body = {
            "data": dict(data),  # In the order given: 2.0b7 derives anonymous names from it.
            "block_schema_id": str(schema_id),
            "block_type_id": str(_uuid(block_type_id)),
            "is_anonymous": is_anonymous,
        }
        if name is not None:
            body["name"] = name
        sent = request("POST", "/block_documents/", body, Effect.UPSERT)
        document = self._api.read(sent, BlockDocument, block_schema_id=schema_id)
        if not self.dialect.echoes(document, data):
            raise self._api.wire_error(sent, "the server answered with another data")
        return document

    def read_block_document(self, document_id: Id) -> BlockDocument:
        """Return a block document by its id."""
        id_ = _uuid(document_id)
        target = path("block_documents", id_)
        sent = request("GET", target, query=self.dialect.with_secrets)
        return self._api.read(sent, BlockDocument, id=id_)

    def read_block_document_by_name(self, name: str, block_type_name: str) -> BlockDocument:
        """Return a block document by its name and its type's."""
        key = self.dialect.block_type_key(block_type_name)
        target = path("block_types", *key, "block_documents", "name", name)
        sent = request("GET", target, query=self.dialect.with_secrets)
        return self._api.read(sent, BlockDocument, name=name)

    def read_block_documents(self, *, anonymous: bool = False) -> Tuple[BlockDocument, ...]:
        """Return all named block documents, with *anonymous* the others too."""
        filters = self.dialect.block_document_filters(anonymous)
        return self._api.list("/block_documents/filter", BlockDocument, **filters)

    @hides_locals
    def update_block_document(self, document_id: Id, *, data: Mapping[str, Any]) -> None:
        """Replace the data of a block document."""
        body = {"data": dict(data), **self.dialect.replacing}
        target = path("block_documents", _uuid(document_id))
        self._api.json(request("PATCH", target, body, Effect.UPSERT))

    def delete_block_document(self, document_id: Id) -> None:
        """Delete a block document; deployments that use it can no longer load."""
        target = path("block_documents", _uuid(document_id))
        self._api.json(request("DELETE", target, effect=Effect.UPSERT))

    def get_default_storage_block_document(self) -> Optional[BlockDocument]:
        """Return the server's default storage, or None."""
        return self.dialect.get_default_storage(self._api.json)

    def set_default_storage_block_document(self, document_id: Id) -> None:
        """Make a storage block the server's default."""
        self.dialect.set_default_storage(_uuid(document_id), self._api.json)

    def clear_default_storage_block_document(self) -> None:
        """Have no default storage on the server."""
        self.dialect.clear_default_storage(self._api.json)

    def read_work_pool(self, name: str) -> WorkPool:
        """Return a work pool by its name."""
        return self._api.read(request("GET", path("work_pools", name)), WorkPool, name=name)

    def read_work_pools(self) -> Tuple[WorkPool, ...]:
        """Return all work pools."""
        return self._api.list("/work_pools/filter", WorkPool)

    def create_work_pool(self, name: str, pool_type: str) -> WorkPool:
        """Create a work pool; a worker that starts fills in the rest."""
        sent = request("POST", "/work_pools/", {"name": name, "type": pool_type}, Effect.UPSERT)
        return self._api.read(sent, WorkPool, name=name)


if TYPE_CHECKING:
    from flowpack.connect import get_client as get_client  # noqa: F401
else:
    # Its users look for it here, where the reference has it.
    __getattr__, __dir__ = hand_on(__name__, {"flowpack.connect": "get_client"})


def _uuid(value: Id) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise IdentifierError(f"{quoted(value)} is no id; an id is a UUID") from None


def _any_of(names: Iterable[str]) -> Dict[str, List[str]]:
    return {"any_": list(names)}
