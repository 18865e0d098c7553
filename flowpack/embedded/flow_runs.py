"""Flow runs: made from deployments and kept; nothing here runs them."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from flowpack.embedded.answers import Reply, broken, encode, integrity_conflict, missing
from flowpack.embedded.bodies import STATE
from flowpack.embedded.deployments import flow_runner_json, read_row
from flowpack.embedded.moments import has_offset, now, seconds_since
from flowpack.embedded.records import Call, new_id, stamps, stored
from flowpack.embedded.store import Conflict, Row, Session

_PENDING = STATE({"type": "PENDING"}, ())
_FINAL = ("COMPLETED", "FAILED", "CANCELLED")

_ADJECTIVES = "amber brave calm clever fair gentle golden happy swift wise".split()
_ANIMALS = "badger crane dolphin falcon heron lynx marten otter raven seal".split()


def create(session: Session, call: Call) -> Reply:
    """Make a run of a deployment, once for each idempotency key of its flow."""
    deployment = read_row(session, call.path["id"])
    run_id, key = new_id(), call.body["idempotency_key"]
    try:
        _insert(session, run_id, deployment, call.body)
    except Conflict:
        known = "SELECT * FROM flow_run WHERE flow_id = ? AND idempotency_key = ?"
        row = session.one(known, deployment["flow_id"], key) if key else None
        if row is None:
            raise integrity_conflict() from None
        return 200, _json(row)
    return 201, _json(session.one("SELECT * FROM flow_run WHERE id = ?", run_id))


def read(session: Session, call: Call) -> Reply:
    """Read a run by its id."""
    row = session.one("SELECT * FROM flow_run WHERE id = ?", call.path["id"])
    return 200, _json(row)


def _insert(
    session: Session, run_id: str, deployment: Row, body: Mapping[str, Any]
) -> None:
    born = now()
    state = _state(run_id, body["state"] or _PENDING)
    scheduled = state["type"] == "SCHEDULED"
    runner = body["flow_runner"] or flow_runner_json(deployment)
    tags = {*stored(deployment["tags"]), *body["tags"]}
    session.run(
        "INSERT INTO flow_run (id, created, updated, name, flow_id, deployment_id,"
        " parameters, idempotency_key, context, tags, flow_runner_type,"
        " flow_runner_config, state, state_type, state_name, expected_start_time,"
        " start_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        run_id,
        born,
        born,
        body["name"] or _made_up_name(),
        deployment["flow_id"],
        deployment["id"],
        encode({**stored(deployment["parameters"]), **body["parameters"]}),
        body["idempotency_key"],
        encode(body["context"]),
        encode(sorted(tags)),
        runner["type"],
        None if runner["config"] is None else encode(runner["config"]),
        encode(state),
        state["type"],
        state["name"],
        state["state_details"]["scheduled_time"] if scheduled else state["timestamp"],
        state["timestamp"] if state["type"] == "RUNNING" else None,
    )


def _state(run_id: str, asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return the first state of a run, with all that the request left open."""
    details = {**asked["state_details"], "flow_run_id": run_id}
    if asked["type"] == "SCHEDULED":
        details["scheduled_time"] = details["scheduled_time"] or now()
        if not has_offset(details["scheduled_time"]):
            raise broken()
    name = asked["name"]
    return {
        "id": new_id(),
        "type": asked["type"],
        "name": asked["type"].capitalize() if name is None else name,
        "timestamp": now(),
        "message": asked["message"],
        "data": asked["data"],
        "state_details": details,
    }


def _lateness(row: Row) -> float:
    """Return by how many seconds a run began late, or is late by now."""
    if row["state_type"] in _FINAL or row["start_time"] is not None:
        return 0.0
    return max(seconds_since(row["expected_start_time"]), 0.0)


def _made_up_name() -> str:
    import random

    return f"{random.choice(_ADJECTIVES)}-{random.choice(_ANIMALS)}"


def _json(row: Optional[Row]) -> Dict[str, Any]:
    if row is None:
        raise missing("Flow run")
    state = stored(row["state"])
    kind, expected = row["state_type"], row["expected_start_time"]
    running = kind == "RUNNING"
    return {
        **stamps(row),
        "name": row["name"],
        "flow_id": row["flow_id"],
        "state_id": state["id"],
        "deployment_id": row["deployment_id"],
        "flow_version": None,
        "parameters": stored(row["parameters"]),
        "idempotency_key": row["idempotency_key"],
        "context": stored(row["context"]),
        "empirical_policy": {},
        "empirical_config": {},
        "tags": stored(row["tags"]),
        "parent_task_run_id": None,
        "state_type": kind,
        "state_name": row["state_name"],
        "run_count": int(running),
        "expected_start_time": expected,
        "next_scheduled_start_time": expected if kind == "SCHEDULED" else None,
        "start_time": row["start_time"],
        "end_time": None,
        "total_run_time": 0.0,
        "estimated_run_time": seconds_since(row["start_time"]) if running else 0.0,
        "estimated_start_time_delta": _lateness(row),
        "auto_scheduled": False,
        "flow_runner": flow_runner_json(row),
        "state": state,
    }
