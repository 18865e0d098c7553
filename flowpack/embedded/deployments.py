"""Deployments: what to run, with what, when and where."""

from __future__ import annotations

from typing import Any, Dict, Optional

from flowpack.embedded.answers import (
    NO_CONTENT,
    Reply,
    broken,
    encode,
    integrity_conflict,
    missing,
)
from flowpack.embedded.filters import deployments_where
from flowpack.embedded.moments import now
from flowpack.embedded.records import Call, new_id, stamps, stored
from flowpack.embedded.schedules import breaks_when_stored
from flowpack.embedded.store import Conflict, Row, Session


def create(session: Session, call: Call) -> Reply:
    """Make a deployment, or update the flow's one of that name in place.

    What is left out falls back to its default, but for the flow runner, which
    stays.
    """
    body, deployment_id, born = call.body, new_id(), now()
    if body["schedule"] is not None and breaks_when_stored(body["schedule"]):
        raise broken()
    runner = body["flow_runner"]
    try:
        session.run(
            _UPSERT if runner is None else _UPSERT_WITH_RUNNER,
            deployment_id,
            born,
            born,
            body["name"],
            body["flow_id"],
            encode(body["flow_data"]),
            _encode_optional(body["schedule"]),
            body["is_schedule_active"],
            encode(body["parameters"]),
            encode(body["tags"]),
            runner and runner["type"],
            runner and _encode_optional(runner["config"]),
        )
    except Conflict:
        raise integrity_conflict() from None
    row = session.one(
        "SELECT * FROM deployment WHERE flow_id = ? AND name = ?",
        body["flow_id"],
        body["name"],
    )
    answer = _json(row)
    return (201 if answer["id"] == deployment_id else 200), answer


def read(session: Session, call: Call) -> Reply:
    """Read a deployment by its id."""
    return 200, _json(read_row(session, call.path["id"]))


def read_by_name(session: Session, call: Call) -> Reply:
    """Read a deployment by the names of its flow and its own."""
    row = session.one(
        "SELECT d.* FROM deployment AS d JOIN flow AS f ON f.id = d.flow_id"
        " WHERE f.name = ? AND d.name = ?",
        call.path["flow_name"],
        call.path["name"],
    )
    return 200, _json(row)


def read_many(session: Session, call: Call) -> Reply:
    """List the deployments that meet all criteria, by name."""
    sql, values = deployments_where(call.body)
    rows = session.all(
        f"SELECT d.* FROM deployment AS d WHERE {sql}"
        " ORDER BY d.name, d.rowid LIMIT ? OFFSET ?",
        *values,
        call.body["limit"],
        call.body["offset"],
    )
    return 200, [_json(row) for row in rows]


def count(session: Session, call: Call) -> Reply:
    """Count the deployments that meet all criteria."""
    sql, values = deployments_where(call.body)
    query = f"SELECT count(*) AS n FROM deployment AS d WHERE {sql}"
    row = session.one(query, *values)
    return 200, row["n"] if row else 0


def delete(session: Session, call: Call) -> Reply:
    """Delete a deployment and its runs that have not begun."""
    deployment_id = call.path["id"]
    session.run(
        "DELETE FROM flow_run WHERE deployment_id = ? AND state_type = 'SCHEDULED'",
        deployment_id,
    )
    if not session.run("DELETE FROM deployment WHERE id = ?", deployment_id):
        raise missing("Deployment")
    return NO_CONTENT


def set_schedule_active(session: Session, call: Call) -> Reply:
    """Switch a deployment's schedule on."""
    return _switch_schedule(session, call, True)


def set_schedule_inactive(session: Session, call: Call) -> Reply:
    """Switch a deployment's schedule off."""
    return _switch_schedule(session, call, False)


def schedule(session: Session, call: Call) -> Reply:
    """Make no runs: nothing here would take them up."""
    return 200, None


def read_row(session: Session, deployment_id: str) -> Row:
    """Return the row of a deployment.

    Raises:
        Refused: There is none.
    """
    row = session.one("SELECT * FROM deployment WHERE id = ?", deployment_id)
    if row is None:
        raise missing("Deployment")
    return row


def flow_runner_json(row: Row) -> Dict[str, Any]:
    """Return the flow runner of a deployment or a flow run."""
    config = row["flow_runner_config"]
    return {
        "type": row["flow_runner_type"],
        "config": None if config is None else stored(config),
    }


_UPSERT = """
    INSERT INTO deployment (
        id, created, updated, name, flow_id, flow_data, schedule, is_schedule_active,
        parameters, tags, flow_runner_type, flow_runner_config
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (flow_id, name) DO UPDATE SET
        updated = excluded.updated,
        flow_data = excluded.flow_data,
        schedule = excluded.schedule,
        is_schedule_active = excluded.is_schedule_active,
        parameters = excluded.parameters,
        tags = excluded.tags
"""
_UPSERT_WITH_RUNNER = f"""{_UPSERT.rstrip()},
        flow_runner_type = excluded.flow_runner_type,
        flow_runner_config = excluded.flow_runner_config
"""


def _switch_schedule(session: Session, call: Call, active: bool) -> Reply:
    found = session.run(
        "UPDATE deployment SET is_schedule_active = ?, updated = ? WHERE id = ?",
        active,
        now(),
        call.path["id"],
    )
    if not found:
        raise missing("Deployment")
    return 200, None


def _encode_optional(value: Any) -> Optional[str]:
    return None if value is None else encode(value)


def _json(row: Optional[Row]) -> Dict[str, Any]:
    if row is None:
        raise missing("Deployment")
    schedule = row["schedule"]
    return {
        **stamps(row),
        "name": row["name"],
        "flow_id": row["flow_id"],
        "flow_data": stored(row["flow_data"]),
        "schedule": None if schedule is None else stored(schedule),
        "is_schedule_active": bool(row["is_schedule_active"]),
        "parameters": stored(row["parameters"]),
        "tags": stored(row["tags"]),
        "flow_runner": flow_runner_json(row),
    }
