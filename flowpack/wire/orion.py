"""The dialect of Prefect 2.0b7 ("Orion") and of the embedded API."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Mapping, Optional, Tuple
from uuid import UUID

import attrs

from flowpack.jsonvalues import same_json
from flowpack.models import (
    UNSET,
    AnySchedule,
    BlockDefinition,
    Deployment,
    DeploymentCreate,
)
from flowpack.schedules import IntervalSchedule, RRuleSchedule
from flowpack.transport import Effect, Request
from flowpack.wire.base import PAGE, Change, Dialect, Send
from flowpack.wire.block_schemas import orion_schema
from flowpack.wire.conversion import write_schedule
from flowpack.wire.exchange import Json, path, request

#: Fields of the models that this server does not have.
_OF_PREFECT_3 = frozenset(
    {
        "script",
        "entrypoint",
        "parameter_openapi_schema",
        "description",
        "version",
        "enforce_parameter_schema",
        "work_pool_name",
        "work_queue_name",
        "concurrency_limit",
        "labels",
        "schedules",
        "flaw",
        "job_variables",
    }
)


class Orion(Dialect):
    """Speaks to a 2.0b7 server: ``flow_data``, flow runners, default storage."""

    name: ClassVar[str] = "orion"

    def headers(self, sent: Request) -> Mapping[str, str]:
        """Return the version of the API, which this server checks."""
        return {"X-PREFECT-API-VERSION": "0.6.0"}

    # Deployments

    def settled(
        self, new: DeploymentCreate, current: Optional[Deployment]
    ) -> DeploymentCreate:
        """See :meth:`Dialect.settled`; an interval's zone becomes its anchor's."""
        defaults: Dict[str, Any] = {
            "schedule": None,
            "is_schedule_active": True,
            "parameters": {},
            "tags": (),
            "flow_runner": None,
        }
        kept = {
            field: default if current is None else getattr(current, field)
            for field, default in defaults.items()
            if getattr(new, field) is UNSET
        }
        whole = attrs.evolve(new, **kept)
        return attrs.evolve(whole, schedule=_kept_schedule(whole.schedule))

    def differences(
        self, current: Deployment, new: DeploymentCreate
    ) -> Tuple[Change, ...]:
        """See :meth:`Dialect.differences`."""
        fields = ["schedule", "parameters", "tags", "is_schedule_active"]
        if new.flow_runner is not None:
            # None leaves the runner to the server.
            fields.insert(3, "flow_runner")
        changes = []
        for field in fields:
            old, wanted = getattr(current, field), getattr(new, field)
            if not same_json(old, wanted):
                changes.append(self._change(field, old, wanted))
        return tuple(changes)

    def _change(self, field: str, old: Any, new: Any) -> Change:
        if field == "is_schedule_active":
            return Change("paused", not old, not new)
        if field == "schedule":
            return Change(field, write_schedule(old), write_schedule(new))
        return Change(field, self.unstructure(old), self.unstructure(new))

    def create_deployment(self, new: DeploymentCreate) -> Request:
        """See :meth:`Dialect.create_deployment`."""
        body = self.unstructure(new)
        return request("POST", "/deployments/", body, Effect.UPSERT)

    def unstructure(self, model: Any) -> Json:
        """See :meth:`Dialect.unstructure`; of a deployment only what 2.0b7 has."""
        value = super().unstructure(model)
        if isinstance(model, (Deployment, DeploymentCreate)):
            return {key: value[key] for key in value if key not in _OF_PREFECT_3}
        return value

    def set_schedule_active(self, deployment_id: UUID, active: bool) -> Request:
        """Switch a deployment's schedule on or off."""
        verb = "set_schedule_active" if active else "set_schedule_inactive"
        target = path("deployments", deployment_id, verb)
        return request("POST", target, effect=Effect.UPSERT)

    # Blocks

    def block_schema(self, definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
        """See :meth:`Dialect.block_schema`."""
        return orion_schema(definition)

    def create_block_type(self, definition: BlockDefinition) -> Request:
        """Create the type of a block class; its name is unique."""
        body = {
            "name": definition.type_name,
            "logo_url": definition.logo_url,
            "documentation_url": definition.documentation_url,
            "description": definition.description,
            "code_example": definition.code_example,
        }
        return request("POST", "/block_types/", body, Effect.UPSERT)

    def read_block_type_by_name(self, name: str) -> Request:
        """Read a block type by its name."""
        return request("GET", path("block_types", "name", name))

    def read_block_document_by_name(self, name: str, block_type_name: str) -> Request:
        """Read a block document by its name and its type's."""
        segments = ("name", block_type_name, "block_documents", "name", name)
        return request("GET", path("block_types", *segments))

    def read_block_documents(self, *, anonymous: bool, offset: int = 0) -> Request:
        """List block documents by name, one page of them."""
        wanted = {"eq_": None if anonymous else False}
        body = {
            "block_document_filter": {"is_anonymous": wanted},
            "limit": PAGE,
            "offset": offset,
        }
        return request("POST", "/block_documents/filter", body)

    def update_block_document(
        self, document_id: UUID, data: Mapping[str, Any]
    ) -> Request:
        """Replace the data of a block document."""
        target = path("block_documents", document_id)
        return request("PATCH", target, {"data": dict(data)}, Effect.UPSERT)

    # Default storage

    def get_default_storage(self, send: Send) -> Json:
        """See :meth:`Dialect.get_default_storage`."""
        target = "/block_documents/get_default_storage_block_document"
        return send(request("POST", target))

    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """See :meth:`Dialect.set_default_storage`."""
        verb = "set_default_storage_block_document"
        target = path("block_documents", document_id, verb)
        send(request("POST", target, effect=Effect.UPSERT))

    def clear_default_storage(self, send: Send) -> None:
        """See :meth:`Dialect.clear_default_storage`."""
        target = "/block_documents/clear_default_storage_block_document"
        send(request("POST", target, effect=Effect.UPSERT))


def _kept_schedule(schedule: Any) -> Optional[AnySchedule]:
    """Return *schedule* as the stock client writes it and the server keeps it.

    2.0b7 refuses an interval that has both a time zone and an anchor, and fails
    on one that has a zone only; an anchor with an offset is what works.
    """
    if isinstance(schedule, IntervalSchedule):
        return schedule.without_timezone()
    if isinstance(schedule, RRuleSchedule) and schedule.timezone is None:
        return attrs.evolve(schedule, timezone="UTC")
    return schedule or None
