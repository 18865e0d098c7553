"""How 2.0b7 ("Orion") and the embedded API are spoken to, and what other servers do otherwise."""

from __future__ import annotations

from typing import Any, Callable, ClassVar, Dict, Mapping, Optional, Tuple, Type, TypeVar
from uuid import UUID

import attrs

from flowpack.exceptions import WireError, printable
from flowpack.jsonvalues import same_json
from flowpack.models import (
    UNSET,
    BlockDefinition,
    BlockDocument,
    Deployment,
    DeploymentCreate,
    ScriptSource,
)
from flowpack.schedules import IntervalSchedule, RRuleSchedule
from flowpack.transport import Effect, Request, Response
from flowpack.wire.block_schemas import orion_schema
from flowpack.wire.conversion import make_converter, problems_of
from flowpack.wire.encoding import Json, path, request

Model = TypeVar("Model")

#: Sends a request and returns the JSON of the response, or what a second argument makes of it.
Send = Callable[..., Any]

#: The fields that 2.0b7 has and a spec need not give, and their defaults.
_DEFAULTS: Mapping[str, Any] = {
    "schedule": None,
    "is_schedule_active": True,
    "parameters": {},
    "tags": (),
    "flow_runner": None,
}


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


class Dialect:
    """How one generation of the API is spoken; this one is that of 2.0b7 and the embedded API.

    A subclass overrides what differs. What all servers take alike is in
    :class:`~flowpack.Client`, after whose methods those that return the request are named.

    Attributes:
        name: ``orion`` or ``prefect3``.
        version: The server's release.
        uses_work_pools: Whether a deployment needs a work pool to be run.
        loads_methods: Whether its workers load flows in classes: ``file.py:Class.method``.
        workers: How many requests at a time the server is glad of.
        with_secrets: Query under which block documents are read with their secrets.
        replacing: Sent beside the data of a block document that replace all it had.
    """

    name: ClassVar[str] = "orion"
    uses_work_pools: ClassVar[bool] = False
    loads_methods: bool = False
    workers: ClassVar[int] = 8
    with_secrets: ClassVar[str] = ""
    replacing: ClassVar[Mapping[str, Json]] = {}

    def __init__(self, version: str) -> None:
        self.version = version
        self._converter = make_converter()

    def headers(self, sent: Request) -> Mapping[str, str]:
        """Return further headers of a request: here the version of the API, which 2.0b7 checks."""
        return {"X-PREFECT-API-VERSION": "0.6.0"}

    def renew(self, refused: Response, send: Callable[[Request], Response]) -> bool:
        """Return True if what a *refused* request lacked was fetched with *send*.

        The request is then sent again, once.
        """
        return False

    # Models

    def structure(self, value: Json, cls: Type[Model]) -> Model:
        """Return the model that *value* stands for.

        Raises:
            WireError: A field is missing or of another type; the text has the path of each.
        """
        try:
            return self._converter.structure(value, cls)
        except Exception as exc:
            problems = printable("; ".join(problems_of(value, cls)), 500)
            raise WireError(f"a response is no {cls.__name__}: {problems}") from exc

    def unstructure(self, model: Any) -> Json:
        """Return *model* as this API writes it."""
        return self._converter.unstructure(model)

    # Deployments

    def settled(self, new: DeploymentCreate, current: Optional[Deployment]) -> DeploymentCreate:
        """Return *new* with nothing left unset, as this server would keep it.

        What is UNSET takes the value of *current*, or the reference's default where there is no
        deployment yet.
        """
        kept = {
            field: default if current is None else getattr(current, field)
            for field, default in _DEFAULTS.items()
            if getattr(new, field) is UNSET
        }
        whole = attrs.evolve(new, **kept)
        schedule = whole.schedule
        # 2.0b7 refuses an interval that has both a time zone and an anchor, and fails on one
        # that has a zone only; an anchor with an offset is what works.
        if isinstance(schedule, IntervalSchedule):
            schedule = schedule.without_timezone()
        if isinstance(schedule, RRuleSchedule) and schedule.timezone is None:
            schedule = attrs.evolve(schedule, timezone="UTC")
        return attrs.evolve(whole, schedule=schedule)

    def differences(self, current: Deployment, new: DeploymentCreate) -> Tuple[Change, ...]:
        """Return what differs, over the fields that this server keeps.

        *new* is settled. ``flow_data`` is left to the caller, who knows the bytes behind it.
        """
        changes = []
        for field in ("schedule", "parameters", "tags", "flow_runner", "is_schedule_active"):
            old, wanted = getattr(current, field), getattr(new, field)
            if same_json(old, wanted) or (field == "flow_runner" and wanted is None):
                continue  # A runner that is None is left to the server.
            if field == "is_schedule_active":
                changes.append(Change("paused", not old, not wanted))
            else:
                changes.append(Change(field, self.unstructure(old), self.unstructure(wanted)))
        return tuple(changes)

    def create_deployment(self, new: DeploymentCreate) -> Request:
        """Create or update a deployment; *new* is settled."""
        sent = {"name", "flow_id", "flow_data", *_DEFAULTS}
        body = {field: each for field, each in self.unstructure(new).items() if field in sent}
        return request("POST", "/deployments/", body, Effect.UPSERT)

    def set_schedule_active(self, deployment_id: UUID, active: bool) -> Request:
        """Resume or pause a deployment."""
        verb = "set_schedule_active" if active else "set_schedule_inactive"
        return request("POST", path("deployments", deployment_id, verb), effect=Effect.UPSERT)

    def runner_of(self, current: Deployment) -> Json:
        """Return where the runs of *current* are executed, as JSON."""
        return self.unstructure(current.flow_runner)

    def problems(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return why this server or its workers could do nothing with *new*."""
        return ()

    def notes(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return the notes of a plan on *new*."""
        return ()

    def needs_document(self, script: ScriptSource) -> bool:
        """Return True if the deployment of *script* refers to a storage block."""
        return True

    # Blocks

    def block_schema(self, definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
        """Return ``fields`` and checksum of a block class on this server."""
        return orion_schema(definition)

    def block_type_key(self, name: str) -> Tuple[str, str]:
        """Return the field by which a block type of this *name* is found, and its value."""
        return "name", name

    def block_document_filters(self, anonymous: bool) -> Dict[str, Any]:
        """Return the filters for named block documents, with *anonymous* for the others, too."""
        return {"block_document_filter": {"is_anonymous": {"eq_": None if anonymous else False}}}

    def echoes(self, document: BlockDocument, data: Mapping[str, Any]) -> bool:
        """Return True if the response to a write holds the *data* that were sent."""
        return dict(document.data) == dict(data)

    # Default storage: one request or several, through *send*

    def get_default_storage(self, send: Send) -> Optional[BlockDocument]:
        """Return the document of the default storage; None if there is none."""

        def read(value: Json) -> Optional[BlockDocument]:
            return None if value is None else self.structure(value, BlockDocument)

        sent = request("POST", "/block_documents/get_default_storage_block_document")
        document: Optional[BlockDocument] = send(sent, read)
        return document

    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """Make a storage block the default."""
        verb = "set_default_storage_block_document"
        send(request("POST", path("block_documents", document_id, verb), effect=Effect.UPSERT))

    def clear_default_storage(self, send: Send) -> None:
        """Have no default storage."""
        target = "/block_documents/clear_default_storage_block_document"
        send(request("POST", target, effect=Effect.UPSERT))
