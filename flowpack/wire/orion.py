"""The dialect of Prefect 2.0b7 ("Orion") and of the embedded API."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Mapping, Optional, Tuple
from uuid import UUID

import attrs

from flowpack.jsonvalues import same_json
from flowpack.models import UNSET, BlockDefinition, BlockDocument, Deployment, DeploymentCreate
from flowpack.schedules import IntervalSchedule, RRuleSchedule
from flowpack.transport import Effect, Request
from flowpack.wire.block_schemas import orion_schema
from flowpack.wire.dialect import Change, Dialect, Send
from flowpack.wire.encoding import Json, path, request

#: The fields that this server has and a spec need not give, and their defaults.
_DEFAULTS: Mapping[str, Any] = {
    "schedule": None,
    "is_schedule_active": True,
    "parameters": {},
    "tags": (),
    "flow_runner": None,
}


class Orion(Dialect):
    """Speaks to a 2.0b7 server: ``flow_data``, flow runners, default storage."""

    name: ClassVar[str] = "orion"

    def headers(self, sent: Request) -> Mapping[str, str]:
        """Return the version of the API, which this server checks."""
        return {"X-PREFECT-API-VERSION": "0.6.0"}

    # Deployments

    def settled(self, new: DeploymentCreate, current: Optional[Deployment]) -> DeploymentCreate:
        """See :meth:`Dialect.settled`; an interval's zone becomes its anchor's."""
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
        """See :meth:`Dialect.differences`; a runner that is None is left to the server."""
        changes = []
        for field in ("schedule", "parameters", "tags", "flow_runner", "is_schedule_active"):
            old, wanted = getattr(current, field), getattr(new, field)
            if same_json(old, wanted) or (field == "flow_runner" and wanted is None):
                continue
            if field == "is_schedule_active":
                changes.append(Change("paused", not old, not wanted))
            else:
                changes.append(Change(field, self.unstructure(old), self.unstructure(wanted)))
        return tuple(changes)

    def create_deployment(self, new: DeploymentCreate) -> Request:
        """See :meth:`Dialect.create_deployment`."""
        sent = {"name", "flow_id", "flow_data", *_DEFAULTS}
        body = {field: each for field, each in self.unstructure(new).items() if field in sent}
        return request("POST", "/deployments/", body, Effect.UPSERT)

    # Blocks

    def block_schema(self, definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
        """See :meth:`Dialect.block_schema`."""
        return orion_schema(definition)

    def block_document_filters(self, anonymous: bool) -> Dict[str, Any]:
        """See :meth:`Dialect.block_document_filters`."""
        return {"block_document_filter": {"is_anonymous": {"eq_": None if anonymous else False}}}

    # Default storage

    def get_default_storage(self, send: Send) -> Optional[BlockDocument]:
        """See :meth:`Dialect.get_default_storage`."""

        def read(value: Json) -> Optional[BlockDocument]:
            return None if value is None else self.structure(value, BlockDocument)

        sent = request("POST", "/block_documents/get_default_storage_block_document")
        document: Optional[BlockDocument] = send(sent, read)
        return document

    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """See :meth:`Dialect.set_default_storage`."""
        verb = "set_default_storage_block_document"
        send(request("POST", path("block_documents", document_id, verb), effect=Effect.UPSERT))

    def clear_default_storage(self, send: Send) -> None:
        """See :meth:`Dialect.clear_default_storage`."""
        target = "/block_documents/clear_default_storage_block_document"
        send(request("POST", target, effect=Effect.UPSERT))
