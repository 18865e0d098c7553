"""What the embedded API answers: one function for each request of flowpack's client.

Statuses and JSON are those of Prefect 2.0b7. Checked are only names and what a server alone can
know, for the client has validated the rest. Each function takes the transaction, the JSON of the
body, which it leaves as it is, for it may run twice, and the variable parts of the path.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any, Dict, List, Mapping, Optional, Tuple

from flowpack.embedded.session import Json, Refused, Row, Session, encode, now
from flowpack.models import name_problem
from flowpack.wire.block_schemas import orion_checksum

#: An HTTP status and the JSON of the body; status 204 has none.
StatusAndJson = Tuple[int, Json]

_NO_CONTENT: StatusAndJson = (204, None)

_JSON_COLUMNS = frozenset(
    "capabilities context data fields flow_data flow_runner_config parameters schedule state"
    " tags".split()
)
_BOOLEAN_COLUMNS = frozenset({"is_anonymous", "is_schedule_active"})


def record(db: Session, table: str, row: Optional[Row]) -> Dict[str, Any]:
    """Return a *row* of *table* as the JSON of the API; without one it is not found."""
    if row is None:
        raise _not_found(table)
    values: Dict[str, Any] = dict(row)
    for column in _JSON_COLUMNS & values.keys():
        values[column] = values[column] and json.loads(values[column])
    for column in _BOOLEAN_COLUMNS & values.keys():
        values[column] = bool(values[column])
    if "flow_runner_type" in values:
        kind, config = values.pop("flow_runner_type"), values.pop("flow_runner_config")
        values["flow_runner"] = {"type": kind, "config": config}
    if table == "block_schema":
        values["block_type"] = find(db, "block_type", id=values["block_type_id"])
    if table == "block_document":
        values["block_schema"] = find(db, "block_schema", id=values["block_schema_id"])
        values["block_type"] = values["block_schema"]["block_type"]
    return values


def find(db: Session, table: str, **wanted: str) -> Dict[str, Any]:
    """Return the record of *table* whose columns have the *wanted* values, as JSON."""
    condition = " AND ".join(f"{column} = ?" for column in wanted)
    return record(db, table, db.one(f"SELECT * FROM {table} WHERE {condition}", *wanted.values()))


def read(db: Session, body: Json, value: str, *, table: str, by: str = "id") -> StatusAndJson:
    """Read the record of *table* with that id, or with *value* in the column *by*."""
    return 200, find(db, table, **{by: value})


def _not_found(table: str) -> Refused:
    return Refused(404, f"{table.replace('_', ' ').capitalize()} not found")


def _check_name(name: str) -> str:
    problem = name_problem(name)
    if problem is not None:
        raise Refused(422, problem)
    return name


#: Columns that lists are filtered by, and where the body says which values they may have.
_FILTERS = {"f.id": ("flows", "id"), "f.name": ("flows", "name"), "d.name": ("deployments", "name")}


def _select_page(body: Json, tables: str, order: str) -> Tuple[str, List[Any]]:
    """Return the end of a query for the page that *body* asks for, and its values."""
    conditions, values = ["1"], []
    for column, (part, field) in _FILTERS.items():
        criterion = body.get(part, {}).get(field)
        if criterion is not None:
            conditions.append(f"{column} IN (SELECT value FROM json_each(?))")
            values.append(encode(criterion["any_"]))
    sql = f"FROM {tables} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ? OFFSET ?"
    return sql, [*values, body["limit"], body["offset"]]


def create_flow(db: Session, body: Json) -> StatusAndJson:
    """Create a flow, or read the one of that name and leave it as it is."""
    values = {"name": _check_name(body["name"]), "tags": body["tags"]}
    created = db.insert("flow", values, "ON CONFLICT (name) DO NOTHING")
    return (201 if created else 200), find(db, "flow", name=body["name"])


def read_flows(db: Session, body: Json) -> StatusAndJson:
    """List flows by name: all, or those with any of some names or ids."""
    sql, values = _select_page(body, "flow AS f", "f.name")
    return 200, [record(db, "flow", row) for row in db.all(f"SELECT f.* {sql}", *values)]


_DEPLOYMENT_COLUMNS = "name flow_id flow_data schedule is_schedule_active parameters tags".split()
_DEPLOYMENTS = "deployment AS d JOIN flow AS f ON f.id = d.flow_id"


def create_deployment(db: Session, body: Json) -> StatusAndJson:
    """Create a deployment, or update the flow's one of that name; a runner stays unless given."""
    _check_name(body["name"])
    values = {column: body[column] for column in _DEPLOYMENT_COLUMNS}
    runner = body["flow_runner"]
    if runner is not None:
        values["flow_runner_type"] = runner.get("type")
        values["flow_runner_config"] = runner.get("config")
    changed = ", ".join(f"{column} = excluded.{column}" for column in ("updated", *values))
    upsert = f"ON CONFLICT (flow_id, name) DO UPDATE SET {changed}"
    conflict = "the deployment's flow is not there any more"
    new_id = db.insert("deployment", values, upsert, conflict)
    deployment = find(db, "deployment", flow_id=body["flow_id"], name=body["name"])
    return (201 if deployment["id"] == new_id else 200), deployment


def read_deployment_by_name(db: Session, body: Json, flow_name: str, name: str) -> StatusAndJson:
    """Read a deployment by the names of its flow and its own."""
    where = "WHERE f.name = ? AND d.name = ?"
    row = db.one(f"SELECT d.* FROM {_DEPLOYMENTS} {where}", flow_name, name)
    return 200, record(db, "deployment", row)


def read_deployments(db: Session, body: Json) -> StatusAndJson:
    """List deployments by name: all, or those with any of some names."""
    sql, values = _select_page(body, _DEPLOYMENTS, "d.name, d.rowid")
    return 200, [record(db, "deployment", row) for row in db.all(f"SELECT d.* {sql}", *values)]


def delete(db: Session, body: Json, value: str, *, table: str) -> StatusAndJson:
    """Delete a record: a deployment with its runs that have not begun, or a block document."""
    if table == "deployment":
        unstarted = "DELETE FROM flow_run WHERE deployment_id = ? AND state_type = 'SCHEDULED'"
        db.run(unstarted, value)
    if not db.run(f"DELETE FROM {table} WHERE id = ?", value):
        raise _not_found(table)
    return _NO_CONTENT


def set_schedule(db: Session, body: Json, deployment_id: str, *, active: bool) -> StatusAndJson:
    """Switch a deployment's schedule on or off."""
    sql = "UPDATE deployment SET is_schedule_active = ?, updated = ? WHERE id = ?"
    if not db.run(sql, active, now(), deployment_id):
        raise _not_found("deployment")
    return 200, None


# Flow runs, which are recorded and never executed


def create_flow_run(db: Session, body: Json, deployment_id: str) -> StatusAndJson:
    """Create a run of a deployment, once for each idempotency key of its flow."""
    deployment = find(db, "deployment", id=deployment_id)
    key, created_at, state_id = body["idempotency_key"], now(), str(uuid.uuid4())
    state = {"id": state_id, "name": "Scheduled", "timestamp": created_at, **body["state"]}
    due = state.setdefault("state_details", {}).setdefault("scheduled_time", created_at)
    values = {
        "name": body.get("name") or f"run-{state_id[:8]}",
        "flow_id": deployment["flow_id"],
        "deployment_id": deployment_id,
        "parameters": {**deployment["parameters"], **body["parameters"]},
        "idempotency_key": key,
        "context": {},
        "tags": sorted({*deployment["tags"], *body["tags"]}),
        "flow_runner_type": deployment["flow_runner"]["type"],
        "flow_runner_config": deployment["flow_runner"]["config"],
        "state": state,
        "state_type": state["type"],
        "state_name": state["name"],
        "expected_start_time": due,
    }
    once = "ON CONFLICT (flow_id, idempotency_key) DO NOTHING"
    created = db.insert("flow_run", values, once)
    if created:
        return 201, find(db, "flow_run", id=created)
    return 200, find(db, "flow_run", flow_id=deployment["flow_id"], idempotency_key=key)


_BLOCK_TYPE_COLUMNS = "name logo_url documentation_url description code_example".split()


def create_block_type(db: Session, body: Json) -> StatusAndJson:
    """Create a block type, whose name must be free."""
    name = _check_name(body["name"])
    values = {column: body[column] for column in _BLOCK_TYPE_COLUMNS}
    db.insert("block_type", values, conflict=f'Block type with name "{name}" already exists')
    return 201, find(db, "block_type", name=name)


def create_block_schema(db: Session, body: Json) -> StatusAndJson:
    """Create a schema, known by its checksum. Those of blocks inside it came before."""
    fields = {key: value for key, value in body["fields"].items() if key != "definitions"}
    checksum = orion_checksum(fields)
    own = {column: body[column] for column in ("capabilities", "block_type_id")}
    values = {"checksum": checksum, "fields": fields, **own}
    db.insert("block_schema", values, conflict="Identical block schema already exists.")
    return 201, find(db, "block_schema", checksum=checksum)


# Block documents and the default storage

_DOCUMENT_COLUMNS = "data is_anonymous block_schema_id block_type_id".split()


def create_block_document(db: Session, body: Json) -> StatusAndJson:
    """Create a document; an anonymous one is created once for each content."""
    anonymous = body["is_anonymous"]
    name = _anonymous_name(body) if anonymous else _check_name(body["name"])
    once = "ON CONFLICT (block_type_id, name) DO NOTHING" if anonymous else ""
    values = {"name": name, **{column: body[column] for column in _DOCUMENT_COLUMNS}}
    created = db.insert("block_document", values, once, "Block already exists")
    document = find(db, "block_document", block_type_id=body["block_type_id"], name=name)
    return (201 if created else 200), document


def read_block_document_by_name(db: Session, body: Json, kind: str, name: str) -> StatusAndJson:
    """Read a document by the names of its type and its own."""
    tables = "block_document AS b JOIN block_type AS t ON t.id = b.block_type_id"
    row = db.one(f"SELECT b.* FROM {tables} WHERE t.name = ? AND b.name = ?", kind, name)
    return 200, record(db, "block_document", row)


def read_block_documents(db: Session, body: Json) -> StatusAndJson:
    """List documents by name, the anonymous ones only if asked for."""
    anonymous = body["block_document_filter"]["is_anonymous"]["eq_"]
    where = "is_anonymous = coalesce(?, is_anonymous) ORDER BY name, rowid LIMIT ? OFFSET ?"
    sql = f"SELECT * FROM block_document WHERE {where}"
    rows = db.all(sql, anonymous, body["limit"], body["offset"])
    return 200, [record(db, "block_document", row) for row in rows]


def update_block_document(db: Session, body: Json, document_id: str) -> StatusAndJson:
    """Replace the data of a document; an anonymous one is named anew."""
    document = find(db, "block_document", id=document_id)
    document["data"] = body["data"]
    name = _anonymous_name(document) if document["is_anonymous"] else document["name"]
    sql = "UPDATE block_document SET data = ?, name = ?, updated = ? WHERE id = ?"
    conflict = "another anonymous document holds this data"
    db.run(sql, encode(body["data"]), name, now(), document_id, conflict=conflict)
    return _NO_CONTENT


def get_default_storage(db: Session, body: Json) -> StatusAndJson:
    """Read the default storage; no content where there is none."""
    row = db.one("SELECT block_document_id FROM default_storage")
    return _NO_CONTENT if row is None else (200, find(db, "block_document", id=row[0]))


def set_default_storage(db: Session, body: Json, document_id: str) -> StatusAndJson:
    """Make a document the default storage, in place of the one before."""
    document = find(db, "block_document", id=document_id)
    if "storage" not in document["block_schema"]["capabilities"]:
        raise Refused(422, "Specified block document is not a storage block document")
    columns = "(only_row, block_document_id)"
    db.run(f"INSERT OR REPLACE INTO default_storage {columns} VALUES (1, ?)", document_id)
    return _NO_CONTENT


def clear_default_storage(db: Session, body: Json) -> StatusAndJson:
    """Have no default storage any more."""
    db.run("DELETE FROM default_storage")
    return _NO_CONTENT


def _anonymous_name(document: Mapping[str, Any]) -> str:
    """Return the name that equal content has, whatever the order of its fields."""
    identity = [document[key] for key in ("block_type_id", "block_schema_id", "data")]
    content = json.dumps(identity, sort_keys=True).encode()
    return "anonymous:" + hashlib.sha256(content).hexdigest()[:32]
