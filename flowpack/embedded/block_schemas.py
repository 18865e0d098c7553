"""Block schemas: the fields of a block type, known by a checksum."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from flowpack.embedded.answers import (
    NO_CONTENT,
    Reply,
    broken,
    encode,
    missing,
    refused,
)
from flowpack.embedded.block_types import block_type_json
from flowpack.embedded.filters import BLOCK_SCHEMA, where
from flowpack.embedded.moments import now
from flowpack.embedded.records import Call, new_id, stamps, stored
from flowpack.embedded.store import Conflict, Row, Session

_NOT_IDENTITY = ("description", "definitions")


def create(session: Session, call: Call) -> Reply:
    """Make a schema, and those of the blocks inside it that are not there yet."""
    fields = dict(call.body["fields"])
    definitions = fields.pop("definitions", None) or {}
    schema_id = _register(
        session,
        call.body["block_type_id"],
        fields,
        call.body["capabilities"],
        definitions,
    )
    return 201, block_schema_json(session, schema_id)


def read(session: Session, call: Call) -> Reply:
    """Read a schema by its id."""
    return 200, block_schema_json(session, call.path["id"])


def read_by_checksum(session: Session, call: Call) -> Reply:
    """Read a schema by its checksum."""
    return 200, _json(session, _by_checksum(session, call.path["checksum"]))


def read_many(session: Session, call: Call) -> Reply:
    """List schemas that meet the criteria, the newest first."""
    sql, values = where(BLOCK_SCHEMA, call.body["block_schema_filter"])
    rows = session.all(
        f"SELECT s.* FROM block_schema AS s WHERE {sql}"
        " ORDER BY s.created DESC, s.rowid DESC LIMIT ? OFFSET ?",
        *values,
        call.body["limit"],
        call.body["offset"],
    )
    return 200, [_json(session, row) for row in rows]


def delete(session: Session, call: Call) -> Reply:
    """Delete a schema with its documents."""
    if not session.run("DELETE FROM block_schema WHERE id = ?", call.path["id"]):
        raise missing("Block schema")
    return NO_CONTENT


def block_schema_json(session: Session, schema_id: str) -> Dict[str, Any]:
    """Return the JSON of the schema *schema_id*."""
    row = session.one("SELECT * FROM block_schema WHERE id = ?", schema_id)
    return _json(session, row)


def checksum(fields: Mapping[str, Any]) -> str:
    """Return what the schema with these fields is known by.

    Descriptions count for nothing, and so do the definitions of blocks inside.
    """
    content = json.dumps([[_identity(fields)], {}], sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def _identity(fields: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        key: _identity(value) if isinstance(value, dict) else value
        for key, value in fields.items()
        if key not in _NOT_IDENTITY
    }


def _register(
    session: Session,
    block_type_id: str,
    fields: Dict[str, Any],
    capabilities: List[str],
    definitions: Mapping[str, Any],
) -> str:
    schema_id, born = new_id(), now()
    digest = checksum(fields)
    references = fields.pop("block_schema_references", {})
    fields["block_schema_references"] = references  # Now the last, as in answers.
    try:
        session.run(
            "INSERT INTO block_schema (id, created, updated, checksum, fields,"
            " capabilities, block_type_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
            schema_id,
            born,
            born,
            digest,
            encode(fields),
            encode(capabilities),
            block_type_id,
        )
    except Conflict:
        raise refused(409, "Identical block schema already exists.") from None
    for type_name, inner in _references(fields):
        _register_inner(session, type_name, inner, definitions)
    return schema_id


def _register_inner(
    session: Session, type_name: str, digest: str, definitions: Mapping[str, Any]
) -> None:
    """Register the schema of a block inside another, unless it is there."""
    row = session.one("SELECT id FROM block_type WHERE name = ?", type_name)
    if row is None:
        raise refused(
            409,
            f"Cannot create block schema because block type {type_name!r} was not"
            " found.Did you forget to register the block type?",
        )
    if _by_checksum(session, digest) is None:
        fields = _definition(type_name, definitions)
        _register(session, row["id"], fields, [], definitions)


def _definition(type_name: str, definitions: Mapping[str, Any]) -> Dict[str, Any]:
    for fields in definitions.values():
        if isinstance(fields, dict) and fields.get("block_type_name") == type_name:
            return {key: fields[key] for key in fields if key != "definitions"}
    raise broken()


def _references(fields: Mapping[str, Any]) -> Iterator[Tuple[str, str]]:
    """Yield type name and checksum of each block that the fields refer to."""
    references = fields["block_schema_references"]
    if not isinstance(references, dict):
        raise broken()
    for found in references.values():
        for reference in found if isinstance(found, list) else [found]:
            try:
                type_name = reference["block_type_name"]
                digest = reference["block_schema_checksum"]
            except (TypeError, KeyError):
                raise broken() from None
            yield str(type_name), str(digest)


def _by_checksum(session: Session, digest: str) -> Optional[Row]:
    return session.one("SELECT * FROM block_schema WHERE checksum = ?", digest)


def _json(session: Session, row: Optional[Row]) -> Dict[str, Any]:
    if row is None:
        raise missing("Block schema")
    return {
        **stamps(row),
        "checksum": row["checksum"],
        "fields": _full_fields(session, row),
        "block_type_id": row["block_type_id"],
        "block_type": block_type_json(session, row["block_type_id"]),
        "capabilities": stored(row["capabilities"]),
    }


def _full_fields(session: Session, row: Row) -> Dict[str, Any]:
    """Return a schema's fields with the definitions of the blocks inside it."""
    fields: Dict[str, Any] = stored(row["fields"])
    definitions: Dict[str, Any] = {}
    for _, digest in _references(fields):
        inner = _by_checksum(session, digest)
        if inner is not None:
            inner_fields = _full_fields(session, inner)
            deeper = inner_fields.pop("definitions", {})
            definitions[str(inner_fields.get("title"))] = inner_fields
            definitions.update(deeper)
    if definitions:
        fields["definitions"] = definitions
    return fields
