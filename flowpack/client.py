"""A blocking client: one short method for each endpoint that flowpack uses."""

from __future__ import annotations

from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    Set,
    Tuple,
    Type,
    TypeVar,
    Union,
)
from uuid import UUID

import attrs

from flowpack._lazy import hand_on
from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack.exceptions import IdentifierError, WireError, printable, quoted
from flowpack.models import (
    BlockDefinition,
    BlockDocument,
    BlockSchema,
    BlockType,
    Deployment,
    DeploymentCreate,
    FlowRecord,
    FlowRun,
    WorkPool,
)
from flowpack.snapshot import Snapshot
from flowpack.transport import Answer, Request, Transport
from flowpack.urls import URL

if TYPE_CHECKING:
    import requests
from flowpack.wire import dialect_for
from flowpack.wire.base import PAGE, Dialect
from flowpack.wire.exchange import Json, decode, error_for, request

Model = TypeVar("Model")
Record = TypeVar("Record", bound=Union[FlowRecord, Deployment, BlockDocument, WorkPool])
Result = TypeVar("Result")

#: An id, as it is or as text; text that is none is a ``ValueError``.
Id = Union[UUID, str]


class Named(Protocol):
    """A flow."""

    @property
    def name(self) -> str:
        """Its name."""


class Client(HidesLocals):
    """Speaks to one API; every method blocks and returns a value.

    Threads may share a client, and a process that was forked may go on with it.
    Use it as a context manager, or call :meth:`close`.

    Every method may raise :class:`~flowpack.exceptions.APIConnectionError` (no
    usable answer), :class:`~flowpack.exceptions.APIStatusError` (the server said
    no; :class:`~flowpack.exceptions.ObjectNotFound` for 404 and
    :class:`~flowpack.exceptions.ObjectAlreadyExists` for 409) and
    :class:`~flowpack.exceptions.WireError` (an answer does not say what it must).
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
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            api: The API's root, ``/api`` included. ``get_client`` finds it in the
                settings.
            api_key: Sent as a bearer token.
            session: Used for HTTP in place of a new one, with its adapters, ``auth``, headers,
                proxies and CA certificates, and left open; see
                :func:`~flowpack.connect.get_client`.
            timeout: Longest wait for each network step, in seconds.
            transport: Used in place of HTTP to *api*; closed with the client.
            dialect: What the server speaks; None asks it, once.
            credential: What errors say of the credentials that are sent, and where
                they came from; never the credentials themselves.
            renewing: Whether to fetch a CSRF token where the server wants one.

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
        self._dialect = dialect
        self._renewing = renewing
        self._credential = credential or ("the api_key argument" if api_key else "")

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
        if self._dialect is None:
            said = self._answered(request("GET", "/admin/version"))
            self._dialect = self._told([said], lambda: dialect_for(said.value))
        return self._dialect

    def snapshot(self) -> Client:
        """Return a client that only reads, and reads each thing once.

        It refuses every request that changes something, so that what is done
        with it can have no effect. Closing it leaves this client open.
        """
        return Client(
            transport=Snapshot(self._transport),
            dialect=self.dialect,
            credential=self._credential,
            renewing=self._renewing,
        )

    # Flows

    def create_flow(self, flow: Union[str, Named]) -> UUID:
        """Return the id of a flow, given itself or by name; it is made if missing."""
        name = flow if isinstance(flow, str) else flow.name
        return self._read(self.dialect.create_flow(name), FlowRecord, name=name).id

    def read_flow(self, flow_id: Id) -> FlowRecord:
        """Return a flow by its id."""
        wanted = _uuid(flow_id)
        return self._read(self.dialect.read_flow(wanted), FlowRecord, id=wanted)

    def read_flow_by_name(self, name: str) -> FlowRecord:
        """Return a flow by its name."""
        return self._read(self.dialect.read_flow_by_name(name), FlowRecord, name=name)

    def read_flows(
        self,
        *,
        names: Optional[Iterable[str]] = None,
        ids: Optional[Iterable[Id]] = None,
    ) -> Tuple[FlowRecord, ...]:
        """Return all flows, or those with any of *names* or *ids*, by name."""
        wanted = None if ids is None else [_uuid(each) for each in ids]
        page = partial(self.dialect.read_flows, names=names, ids=wanted)
        return self._pages(page, FlowRecord)

    # Deployments

    def create_deployment(self, deployment: DeploymentCreate) -> UUID:
        """Create or update a deployment and return its id.

        What is UNSET gets the reference's default, also where a deployment is
        updated; see :meth:`Dialect.settled` for keeping what the server has.
        """
        settled = self.dialect.settled(deployment, None)
        sent = self.dialect.create_deployment(settled)
        answered = self._read(
            sent,
            Deployment,
            name=settled.name,
            flow_id=settled.flow_id,
            flow_data=settled.flow_data,
        )
        other = [each.field for each in self.dialect.differences(answered, settled)]
        if other:  # Without the values: a runner's variables may be secret.
            raise self._mistaken(sent, ", ".join(other))
        return answered.id

    def read_deployment(self, deployment_id: Id) -> Deployment:
        """Return a deployment by its id."""
        wanted = _uuid(deployment_id)
        return self._read(self.dialect.read_deployment(wanted), Deployment, id=wanted)

    def read_deployment_by_name(self, name: str) -> Deployment:
        """Return a deployment by its name, ``FLOW/DEPLOYMENT``.

        Raises:
            IdentifierError: This is no such name.
            ObjectNotFound: There is no such deployment.
        """
        flow_name, own_name = _both_names(name)
        sent = self.dialect.read_deployment_by_name(flow_name, own_name)
        return self._read(sent, Deployment, name=own_name)

    def read_deployments(
        self,
        *,
        flow_names: Optional[Iterable[str]] = None,
        names: Optional[Iterable[str]] = None,
    ) -> Tuple[Deployment, ...]:
        """Return all deployments, or those with any of the names, by name."""
        ask = self.dialect.read_deployments
        page = partial(ask, flow_names=flow_names, names=names)
        return self._pages(page, Deployment)

    def delete_deployment(self, deployment_id: Id) -> None:
        """Delete a deployment; what it stored stays."""
        self._json(self.dialect.delete_deployment(_uuid(deployment_id)))

    def set_schedule_active(self, deployment_id: Id, active: bool) -> None:
        """Switch a deployment's schedule on or off."""
        self._json(self.dialect.set_schedule_active(_uuid(deployment_id), active))

    # Flow runs

    def create_flow_run_from_deployment(
        self,
        deployment_id: Id,
        *,
        parameters: Optional[Mapping[str, Any]] = None,
        tags: Iterable[str] = (),
        name: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> FlowRun:
        """Create a flow run that is due now.

        Args:
            deployment_id: What to run.
            parameters: Laid over the deployment's own.
            tags: Added to the deployment's own.
            name: None lets the server make one up.
            idempotency_key: A second request with it returns the first one's run;
                without it the request is never repeated.
        """
        wanted = _uuid(deployment_id)
        sent = self.dialect.create_flow_run(
            wanted, parameters or {}, tags, name, idempotency_key
        )
        return self._read(sent, FlowRun, deployment_id=wanted)

    def read_flow_run(self, flow_run_id: Id) -> FlowRun:
        """Return a flow run by its id."""
        wanted = _uuid(flow_run_id)
        return self._read(self.dialect.read_flow_run(wanted), FlowRun, id=wanted)

    # Blocks

    def create_block_type(self, definition: BlockDefinition) -> BlockType:
        """Create the type of a block class."""
        return self._read(self.dialect.create_block_type(definition), BlockType)

    def read_block_type_by_name(self, name: str) -> BlockType:
        """Return a block type by its name."""
        return self._read(self.dialect.read_block_type_by_name(name), BlockType)

    def create_block_schema(
        self, definition: BlockDefinition, block_type_id: Id
    ) -> BlockSchema:
        """Create the schema of a block class, capabilities included."""
        sent = self.dialect.create_block_schema(definition, _uuid(block_type_id))
        checksum = self.dialect.block_schema(definition)[1]
        return self._read(sent, BlockSchema, checksum=checksum)

    def read_block_schema_by_checksum(self, checksum: str) -> BlockSchema:
        """Return a block schema by its checksum."""
        sent = self.dialect.read_block_schema_by_checksum(checksum)
        return self._read(sent, BlockSchema, checksum=checksum)

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
        document, _ = self.ensure_block_document(
            data=data,
            block_schema_id=block_schema_id,
            block_type_id=block_type_id,
            name=name,
            is_anonymous=is_anonymous,
        )
        return document

    @hides_locals
    def ensure_block_document(
        self,
        *,
        data: Mapping[str, Any],
        block_schema_id: Id,
        block_type_id: Id,
        name: Optional[str] = None,
        is_anonymous: bool = False,
    ) -> Tuple[BlockDocument, bool]:
        """Do as :meth:`create_block_document`; say also whether it was made now."""
        schema_id = _uuid(block_schema_id)
        sent = self.dialect.create_block_document(
            data=data,
            block_schema_id=schema_id,
            block_type_id=_uuid(block_type_id),
            name=name,
            is_anonymous=is_anonymous,
        )
        said = self._answered(sent)
        fields = {"block_schema_id": schema_id}
        document = self._told([said], lambda: self._fit(said, BlockDocument, fields))
        if not self.dialect.echoes(document, data):
            raise self._mistaken(sent, "data")
        return document, said.answer.status == 201

    def read_block_document(self, document_id: Id) -> BlockDocument:
        """Return a block document by its id."""
        wanted = _uuid(document_id)
        sent = self.dialect.read_block_document(wanted)
        return self._read(sent, BlockDocument, id=wanted)

    def read_block_document_by_name(
        self, name: str, block_type_name: str
    ) -> BlockDocument:
        """Return a block document by its name and its type's."""
        sent = self.dialect.read_block_document_by_name(name, block_type_name)
        return self._read(sent, BlockDocument, name=name)

    def read_block_documents(
        self, *, anonymous: bool = False
    ) -> Tuple[BlockDocument, ...]:
        """Return all named block documents, with *anonymous* the others too."""
        page = partial(self.dialect.read_block_documents, anonymous=anonymous)
        return self._pages(page, BlockDocument)

    @hides_locals
    def update_block_document(
        self, document_id: Id, *, data: Mapping[str, Any]
    ) -> None:
        """Replace the data of a block document."""
        self._json(self.dialect.update_block_document(_uuid(document_id), data))

    def delete_block_document(self, document_id: Id) -> None:
        """Delete a block document; deployments that use it can no longer load."""
        self._json(self.dialect.delete_block_document(_uuid(document_id)))

    # Default storage

    def get_default_storage_block_document(self) -> Optional[BlockDocument]:
        """Return the server's default storage, or None."""
        heard: List[_Said] = []

        def ask(sent: Request) -> Json:
            heard.append(self._answered(sent))
            return heard[-1].value

        def read() -> Optional[BlockDocument]:
            value = self.dialect.get_default_storage(ask)
            if value is None:
                return None
            return self._parsed(value, heard[-1].sent, BlockDocument)

        return self._told(heard, read)

    def set_default_storage_block_document(self, document_id: Id) -> None:
        """Make a storage block the server's default."""
        self.dialect.set_default_storage(_uuid(document_id), self._json)

    def clear_default_storage_block_document(self) -> None:
        """Have no default storage on the server."""
        self.dialect.clear_default_storage(self._json)

    # Work pools

    def read_work_pool(self, name: str) -> WorkPool:
        """Return a work pool by its name."""
        return self._read(self.dialect.read_work_pool(name), WorkPool, name=name)

    def read_work_pools(self) -> Tuple[WorkPool, ...]:
        """Return all work pools."""
        return self._pages(self.dialect.read_work_pools, WorkPool)

    def create_work_pool(self, name: str, pool_type: str) -> WorkPool:
        """Create a work pool; a worker that starts fills in the rest."""
        sent = self.dialect.create_work_pool(name, pool_type)
        return self._read(sent, WorkPool, name=name)

    # How it is said

    def _read(self, sent: Request, cls: Type[Model], **expected: Any) -> Model:
        said = self._answered(sent)
        return self._told([said], lambda: self._fit(said, cls, expected))

    def _told(self, heard: Sequence[_Said], read: Callable[[], Result]) -> Result:
        """Return what *read* makes of what was *heard*.

        Where that repeats a secret, an error says no more than that; what it came
        from, and the frames that it went through, hold the secret too.
        """
        try:
            return read()
        except WireError as exc:
            error = exc
        if any(said.answer.echoes for said in heard):
            problem = (
                "the answer is not as it must be. It repeats a secret that was sent,"
                " so nothing of it is shown. Is this the address of a Prefect API?"
            )
            error = self._unfit(heard[-1].sent, problem)
        raise error

    def _fit(
        self, said: _Said, cls: Type[Model], expected: Mapping[str, Any]
    ) -> Model:
        """Return what an answer says; it must have what is *expected* of its fields.

        An answer may be somebody else's.
        """
        model = self._parsed(said.value, said.sent, cls)
        for field, wanted in expected.items():
            found = getattr(model, field)
            if found != wanted:
                facts = f"{field}: sent {quoted(wanted)}, got {quoted(found)}"
                raise self._mistaken(said.sent, facts)
        return model

    def _mistaken(self, sent: Request, field: str) -> WireError:
        return self._unfit(sent, f"the server answered with another {field}")

    def _unfit(self, sent: Request, problem: object) -> WireError:
        return WireError(f"{sent.method} {printable(self.url)}{sent.path}: {problem}")

    def _parsed(self, value: Json, sent: Request, cls: Type[Model]) -> Model:
        """Return what an answer says; errors name the request that it answers."""
        try:
            return self.dialect.structure(value, cls)
        except WireError as exc:
            raise self._unfit(sent, exc) from exc

    def _pages(
        self, page: Callable[..., Request], cls: Type[Record]
    ) -> Tuple[Record, ...]:
        """Return what all pages hold; the server cuts lists.

        *page* takes an ``offset`` and returns the request for what follows it.
        """
        found: List[Record] = []
        known: Set[UUID] = set()
        while True:
            said = self._answered(page(offset=len(found)))
            items = self._told([said], partial(self._items, said, cls))
            found += items
            if len(items) < PAGE:
                return tuple(found)
            ids = {item.id for item in items}
            if ids <= known:  # Who ignores the offset would never end.
                raise self._unfit(said.sent, "the same page came twice")
            known |= ids

    def _items(self, said: _Said, cls: Type[Model]) -> List[Model]:
        if not isinstance(said.value, list):
            problem = f"a list of {cls.__name__} came as {quoted(said.value)}"
            raise self._unfit(said.sent, problem)
        return [self._parsed(value, said.sent, cls) for value in said.value]

    def _json(self, sent: Request) -> Json:
        return self._answered(sent).value

    def _answered(self, sent: Request) -> _Said:
        """Return the answer, which is one of success, and in JSON."""
        answer = self._send(sent)
        if self._renewing and self._dialect is not None:
            if self._dialect.renew(answer, self._send):
                answer = self._send(sent)
        if not 200 <= answer.status < 300:
            raise error_for(answer, sent, self.url, self._credential)
        return _Said(sent, answer, decode(answer, sent, self.url))

    def _send(self, sent: Request) -> Answer:
        if self._dialect is None:
            return self._transport.send(sent)
        return self._transport.send(sent.adding(self._dialect.headers(sent)))


@attrs.frozen
class _Said:
    """What a server said, and to what.

    Attributes:
        sent: The request.
        answer: What came back.
        value: The JSON in it.
    """

    sent: Request
    answer: Answer
    value: Json = attrs.field(repr=False)


if TYPE_CHECKING:
    from flowpack.connect import get_client as get_client  # noqa: F401
else:
    # Its users look for it here, where the reference has it.
    __getattr__, __dir__ = hand_on(__name__, {"get_client": "flowpack.connect"})


def _uuid(value: Id) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise IdentifierError(f"{quoted(value)} is no id; an id is a UUID") from None


def _both_names(value: object) -> List[str]:
    """Return what stands on either side of the slash of ``FLOW/DEPLOYMENT``."""
    names = value.split("/") if isinstance(value, str) else []
    if len(names) != 2 or not all(map(str.strip, names)):
        raise IdentifierError(
            f"{quoted(value)} names no deployment; write FLOW/DEPLOYMENT, as flowpack"
            " ls lists them"
        )
    return names
