"""Block documents: stored configurations of blocks, and the default storage."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, List, Mapping, Optional, Tuple

from flowpack.embedded.answers import (
    NO_CONTENT,
    Refused,
    Reply,
    broken,
    encode,
    integrity_conflict,
    missing,
    refused,
)
from flowpack.embedded.block_schemas import block_schema_json
from flowpack.embedded.block_types import block_type_json
from flowpack.embedded.checks import Invalid, identifier
from flowpack.embedded.filters import BLOCK_DOCUMENT, where
from flowpack.embedded.moments import now
from flowpack.embedded.records import Call, new_id, stamps, stored
from flowpack.embedded.store import Conflict, Row, Session

#: Name of a field, and id of the document that its value is.
_References = List[Tuple[str, str]]


def create(session: Session, call: Call) -> Reply:
    """Make a document; an anonymous one is made once for each content."""
    body, document_id, born = call.body, new_id(), now()
    data, references = _split(body["data"], broken())
    name = _anonymous_name(body) if body["is_anonymous"] else body["name"]
    taken = "ON CONFLICT (block_type_id, name) DO NOTHING"
    try:
        made = session.run(
            "INSERT INTO block_document (id, created, updated, name, data,"
            " is_anonymous, block_schema_id, block_type_id)"
            f" VALUES (?, ?, ?, ?, ?, ?, ?, ?) {taken if body['is_anonymous'] else ''}",
            document_id,
            born,
            born,
            name,
            encode(data),
            body["is_anonymous"],
            body["block_schema_id"],
            body["block_type_id"],
        )
        if made:
            _refer(session, document_id, references)
    except Conflict:
        raise refused(409, "Block already exists") from None
    row = session.one(
        "SELECT * FROM block_document WHERE block_type_id = ? AND name = ?",
        body["block_type_id"],
        name,
    )
    return (201 if made else 200), _json(session, _present(row))


def read(session: Session, call: Call) -> Reply:
    """Read a document by its id."""
    row = _row(session, call.path["id"])
    if row is None:
        raise Refused(404, {"message": "Block document not found"})
    return 200, _json(session, row)


def read_by_name(session: Session, call: Call) -> Reply:
    """Read a document by the names of its type and its own."""
    row = session.one(
        "SELECT b.* FROM block_document AS b JOIN block_type AS t"
        " ON t.id = b.block_type_id WHERE t.name = ? AND b.name = ?",
        call.path["type_name"],
        call.path["name"],
    )
    return 200, _json(session, _present(row))


def read_many(session: Session, call: Call) -> Reply:
    """List documents by name, without the anonymous ones unless asked for."""
    sql, values = where(BLOCK_DOCUMENT, call.body["block_document_filter"])
    rows = session.all(
        f"SELECT b.* FROM block_document AS b WHERE {sql}"
        " ORDER BY b.name, b.rowid LIMIT ? OFFSET ?",
        *values,
        call.body["limit"],
        call.body["offset"],
    )
    return 200, [_json(session, row) for row in rows]


def read_of_type(session: Session, call: Call) -> Reply:
    """List a type's documents by name, without the anonymous ones."""
    sql = "SELECT id FROM block_type WHERE name = ?"
    block_type = session.one(sql, call.path["name"])
    if block_type is None:
        raise missing("Block type")
    rows = session.all(
        "SELECT * FROM block_document WHERE block_type_id = ? AND NOT is_anonymous"
        " ORDER BY name",
        block_type["id"],
    )
    return 200, [_json(session, row) for row in rows]


def update(session: Session, call: Call) -> Reply:
    """Rename a document or replace its data as a whole."""
    row = _present(_row(session, _usual_id(call)))
    name, data = row["name"], call.body.get("data")
    if "name" in call.body:
        if row["is_anonymous"]:
            raise refused(400, "Bad Request")
        name = call.body["name"]
    if data is not None and row["is_anonymous"]:
        name = _anonymous_name({**dict(row), "data": data})
    try:
        if data is not None:
            _replace_data(session, row["id"], data)
        session.run(
            "UPDATE block_document SET name = ?, updated = ? WHERE id = ?",
            name,
            now(),
            row["id"],
        )
    except Conflict:
        raise integrity_conflict() from None
    return NO_CONTENT


def delete(session: Session, call: Call) -> Reply:
    """Delete a document; where it was the default storage there is none then."""
    if not session.run("DELETE FROM block_document WHERE id = ?", _usual_id(call)):
        raise missing("Block document")
    return NO_CONTENT


def read_default_storage(session: Session, call: Call) -> Reply:
    """Read the default storage; no content where there is none."""
    row = session.one(
        "SELECT b.* FROM block_document AS b JOIN default_storage AS d"
        " ON d.block_document_id = b.id"
    )
    return NO_CONTENT if row is None else (200, _json(session, row))


def set_default_storage(session: Session, call: Call) -> Reply:
    """Make a document the default storage, in place of the one before."""
    row = _present(_row(session, _usual_id(call)))
    schema = block_schema_json(session, row["block_schema_id"])
    if "storage" not in schema["capabilities"]:
        said = "Specified block document is not a storage block document"
        raise refused(422, said)
    session.run(
        "INSERT OR REPLACE INTO default_storage (only_row, block_document_id)"
        " VALUES (1, ?)",
        row["id"],
    )
    return NO_CONTENT


def clear_default_storage(session: Session, call: Call) -> Reply:
    """Have no default storage any more."""
    session.run("DELETE FROM default_storage")
    return NO_CONTENT


def _usual_id(call: Call) -> str:
    """Return the id in the path; at what is none the reference breaks."""
    try:
        return str(identifier(call.path["raw_id"], ()))
    except Invalid:
        raise broken() from None


def _row(session: Session, document_id: str) -> Optional[Row]:
    return session.one("SELECT * FROM block_document WHERE id = ?", document_id)


def _present(row: Optional[Row]) -> Row:
    if row is None:
        raise missing("Block document")
    return row


def _anonymous_name(document: Mapping[str, Any]) -> str:
    """Return the name that equal content has, whatever the order of its fields."""
    identity = [document[key] for key in ("block_type_id", "block_schema_id", "data")]
    content = json.dumps(identity, sort_keys=True).encode()
    return "anonymous:" + hashlib.sha256(content).hexdigest()[:32]


def _split(data: Mapping[str, Any], refusal: Refused) -> Tuple[Any, _References]:
    """Part the references to other documents from the rest of *data*.

    Raises:
        Refused: *refusal*, for a reference that names no id.
    """
    plain: Dict[str, Any] = {}
    references: _References = []
    for key, value in data.items():
        if isinstance(value, dict) and "$ref" in value:
            references.append((key, _referred(value["$ref"], refusal)))
        else:
            plain[key] = value
    return plain, references


def _referred(reference: Any, refusal: Refused) -> str:
    if not isinstance(reference, dict):
        raise broken()
    try:
        return identifier(reference.get("block_document_id"), ())
    except Invalid:
        raise refusal from None


def _replace_data(session: Session, document_id: str, data: Mapping[str, Any]) -> None:
    plain, references = _split(data, refused(400, "Bad Request"))
    session.run(
        "UPDATE block_document SET data = ? WHERE id = ?", encode(plain), document_id
    )
    session.run("DELETE FROM block_document_reference WHERE parent_id = ?", document_id)
    _refer(session, document_id, references)


def _refer(session: Session, document_id: str, references: _References) -> None:
    for name, referred in references:
        session.run(
            "INSERT INTO block_document_reference (parent_id, name, reference_id)"
            " VALUES (?, ?, ?)",
            document_id,
            name,
            referred,
        )


def _json(session: Session, row: Row) -> Dict[str, Any]:
    data: Dict[str, Any] = stored(row["data"])
    references: Dict[str, Any] = {}
    for name, inner in _inner(session, row["id"]):
        data[name] = inner["data"]
        kept = ("id", "name", "block_type", "block_document_references")
        references[name] = {"block_document": {key: inner[key] for key in kept}}
    return {
        **stamps(row),
        "name": row["name"],
        "data": data,
        "block_schema_id": row["block_schema_id"],
        "block_schema": block_schema_json(session, row["block_schema_id"]),
        "block_type_id": row["block_type_id"],
        "block_type": block_type_json(session, row["block_type_id"]),
        "block_document_references": references,
        "is_anonymous": bool(row["is_anonymous"]),
    }


def _inner(session: Session, document_id: str) -> List[Tuple[str, Dict[str, Any]]]:
    """Return the documents inside a document, by the names of their fields."""
    rows = session.all(
        "SELECT r.name AS field, b.* FROM block_document_reference AS r"
        " JOIN block_document AS b ON b.id = r.reference_id WHERE r.parent_id = ?"
        " ORDER BY r.rowid",
        document_id,
    )
    return [(row["field"], _json(session, row)) for row in rows]
