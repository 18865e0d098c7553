"""The bodies of the requests that write, endpoint by endpoint."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from flowpack.embedded.addresses import web_address
from flowpack.embedded.checks import (
    Envelope,
    Field,
    Loc,
    Shape,
    blob,
    boolean,
    identifier,
    integer,
    list_of,
    mapping,
    name,
    one_of,
    text,
)
from flowpack.embedded.moments import moment
from flowpack.embedded.schedules import schedule

STATE_TYPES = ("SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED")

_TAGS = Field(list_of(text), default=[])
_OBJECT = Field(mapping, default={})
_OPTIONAL_TEXT = Field(text, default=None)
_ID = Field(identifier)
_OPTIONAL_ID = Field(identifier, default=None)
_NAME = Field(name)

_DATA_DOCUMENT = Shape({"encoding": Field(text), "blob": Field(blob)})
_FLOW_RUNNER = Shape({"type": _OPTIONAL_TEXT, "config": Field(mapping, default=None)})


def _run_name(value: Any, loc: Loc) -> Optional[str]:
    return text(value, loc) if value else None


def _named_unless_anonymous(document: Mapping[str, Any]) -> Optional[str]:
    if document.get("is_anonymous") or document.get("name"):
        return None
    return "Names must be provided for block documents."


def _anonymous_names_are_the_servers(document: Mapping[str, Any]) -> Optional[str]:
    chosen = document.get("name") or ""
    if document.get("is_anonymous"):
        if chosen:
            return "Names cannot be provided for anonymous block documents"
    elif chosen.startswith("anonymous"):
        return "Block document names that start with 'anonymous' are reserved."
    return None


FLOW = Shape({"name": _NAME, "tags": _TAGS}, lenient=True)
FLOW_CHANGES = Shape({"tags": _TAGS}, lenient=True, partial=True)

BLOCK_TYPE = Shape(
    {
        "name": _NAME,
        "logo_url": Field(web_address, default=None),
        "documentation_url": Field(web_address, default=None),
        "description": _OPTIONAL_TEXT,
        "code_example": _OPTIONAL_TEXT,
    },
    lenient=True,
)
BLOCK_TYPE_CHANGES = Shape(
    {
        "logo_url": _OPTIONAL_TEXT,
        "documentation_url": _OPTIONAL_TEXT,
        "description": _OPTIONAL_TEXT,
        "code_example": _OPTIONAL_TEXT,
    },
    partial=True,
)

BLOCK_SCHEMA = Shape(
    {"fields": _OBJECT, "block_type_id": _ID, "capabilities": _TAGS}, lenient=True
)

BLOCK_DOCUMENT = Shape(
    {
        "name": Field(name, default=None),
        "data": _OBJECT,
        "block_schema_id": _ID,
        "block_type_id": _ID,
        "is_anonymous": Field(boolean, default=False),
    },
    rules=(_named_unless_anonymous, _anonymous_names_are_the_servers),
    lenient=True,
)
BLOCK_DOCUMENT_CHANGES = Shape(
    {"name": _OPTIONAL_TEXT, "data": Field(mapping, default=None)}, partial=True
)

DEPLOYMENT = Shape(
    {
        "name": _NAME,
        "flow_id": _ID,
        "flow_data": Field(_DATA_DOCUMENT),
        "schedule": Field(schedule, default=None),
        "is_schedule_active": Field(boolean, default=True),
        "parameters": _OBJECT,
        "tags": _TAGS,
        "flow_runner": Field(_FLOW_RUNNER, default=None),
    },
    lenient=True,
)

#: What ``schedule`` of a deployment may be given.
SCHEDULING = Envelope(
    {
        "start_time": Field(moment, default=None),
        "end_time": Field(moment, default=None),
        "max_runs": Field(integer, default=None),
    }
)

_STATE_DETAILS = Shape(
    {
        "flow_run_id": _OPTIONAL_ID,
        "task_run_id": _OPTIONAL_ID,
        "child_flow_run_id": _OPTIONAL_ID,
        "scheduled_time": Field(moment, default=None),
        "cache_key": _OPTIONAL_TEXT,
        "cache_expiration": Field(moment, default=None),
    }
)
STATE = Shape(
    {
        "type": Field(one_of(*STATE_TYPES)),
        "name": _OPTIONAL_TEXT,
        "message": _OPTIONAL_TEXT,
        "data": Field(_DATA_DOCUMENT, default=None),
        "state_details": Field(_STATE_DETAILS, default=_STATE_DETAILS({}, ())),
    },
    lenient=True,
)
FLOW_RUN = Shape(
    {
        "name": Field(_run_name, default=None),
        "parameters": _OBJECT,
        "context": _OBJECT,
        "tags": _TAGS,
        "idempotency_key": _OPTIONAL_TEXT,
        "flow_runner": Field(_FLOW_RUNNER, default=None),
        "state": Field(STATE, default=None),
    },
    lenient=True,
)
