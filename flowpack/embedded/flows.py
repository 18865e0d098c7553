"""Flows: a name, and the id by which deployments know it."""

from __future__ import annotations

from typing import Any, Dict, Optional

from flowpack.embedded.answers import NO_CONTENT, Reply, encode, missing
from flowpack.embedded.filters import FLOW_ORDERS, flows_where
from flowpack.embedded.moments import now
from flowpack.embedded.records import Call, new_id, stamps, stored
from flowpack.embedded.store import Row, Session


def create(session: Session, call: Call) -> Reply:
    """Make a flow, or find the one of that name and leave it as it is."""
    born = now()
    made = session.run(
        "INSERT INTO flow (id, created, updated, name, tags) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO NOTHING",
        new_id(),
        born,
        born,
        call.body["name"],
        encode(call.body["tags"]),
    )
    row = session.one("SELECT * FROM flow WHERE name = ?", call.body["name"])
    return (201 if made else 200), _json(row)


def read(session: Session, call: Call) -> Reply:
    """Read a flow by its id."""
    return 200, _json(session.one("SELECT * FROM flow WHERE id = ?", call.path["id"]))


def read_by_name(session: Session, call: Call) -> Reply:
    """Read a flow by its name."""
    name = call.path["name"]
    return 200, _json(session.one("SELECT * FROM flow WHERE name = ?", name))


def read_many(session: Session, call: Call) -> Reply:
    """List the flows that meet all criteria."""
    sql, values = flows_where(call.body)
    rows = session.all(
        f"SELECT f.* FROM flow AS f WHERE {sql}"
        f" ORDER BY {FLOW_ORDERS[call.body['sort']]}, f.rowid LIMIT ? OFFSET ?",
        *values,
        call.body["limit"],
        call.body["offset"],
    )
    return 200, [_json(row) for row in rows]


def count(session: Session, call: Call) -> Reply:
    """Count the flows that meet all criteria."""
    sql, values = flows_where(call.body)
    row = session.one(f"SELECT count(*) AS n FROM flow AS f WHERE {sql}", *values)
    return 200, row["n"] if row else 0


def update(session: Session, call: Call) -> Reply:
    """Change a flow's tags."""
    tags = encode(call.body["tags"]) if "tags" in call.body else None
    found = session.run(
        "UPDATE flow SET tags = coalesce(?, tags), updated = ? WHERE id = ?",
        tags,
        now(),
        call.path["id"],
    )
    if not found:
        raise missing("Flow")
    return NO_CONTENT


def delete(session: Session, call: Call) -> Reply:
    """Delete a flow with its deployments and runs."""
    if not session.run("DELETE FROM flow WHERE id = ?", call.path["id"]):
        raise missing("Flow")
    return NO_CONTENT


def _json(row: Optional[Row]) -> Dict[str, Any]:
    if row is None:
        raise missing("Flow")
    return {**stamps(row), "name": row["name"], "tags": stored(row["tags"])}
