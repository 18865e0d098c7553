"""Block types: kinds of things that can be configured."""

from __future__ import annotations

from typing import Any, Dict, Optional

from flowpack.embedded.answers import NO_CONTENT, Reply, missing, refused
from flowpack.embedded.moments import now
from flowpack.embedded.records import Call, new_id, stamps
from flowpack.embedded.store import Conflict, Row, Session

_TEXTS = ("logo_url", "documentation_url", "description", "code_example")


def create(session: Session, call: Call) -> Reply:
    """Make a block type; its name must be free."""
    type_id, born, body = new_id(), now(), call.body
    try:
        session.run(
            "INSERT INTO block_type (id, created, updated, name, logo_url,"
            " documentation_url, description, code_example)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            type_id,
            born,
            born,
            body["name"],
            body["logo_url"],
            body["documentation_url"],
            _escaped(body["description"]),
            _escaped(body["code_example"]),
        )
    except Conflict:
        said = f'Block type with name "{body["name"]}" already exists'
        raise refused(409, said) from None
    return 201, block_type_json(session, type_id)


def read(session: Session, call: Call) -> Reply:
    """Read a block type by its id."""
    return 200, block_type_json(session, call.path["id"])


def read_by_name(session: Session, call: Call) -> Reply:
    """Read a block type by its name."""
    sql = "SELECT * FROM block_type WHERE name = ?"
    return 200, _json(session.one(sql, call.path["name"]))


def read_many(session: Session, call: Call) -> Reply:
    """List block types by name."""
    rows = session.all(
        "SELECT * FROM block_type ORDER BY name LIMIT ? OFFSET ?",
        call.body["limit"],
        call.body["offset"],
    )
    return 200, [_json(row) for row in rows]


def update(session: Session, call: Call) -> Reply:
    """Change what is said about a block type, not its name."""
    changes = "".join(f"{key} = ?, " for key in _TEXTS if key in call.body)
    found = session.run(
        f"UPDATE block_type SET {changes}updated = ? WHERE id = ?",
        *(call.body[key] for key in _TEXTS if key in call.body),
        now(),
        call.path["id"],
    )
    if not found:
        raise missing("Block type")
    return NO_CONTENT


def delete(session: Session, call: Call) -> Reply:
    """Delete a block type with its schemas and documents."""
    if not session.run("DELETE FROM block_type WHERE id = ?", call.path["id"]):
        raise missing("Block type")
    return NO_CONTENT


def block_type_json(session: Session, type_id: str) -> Dict[str, Any]:
    """Return the JSON of the block type *type_id*."""
    return _json(session.one("SELECT * FROM block_type WHERE id = ?", type_id))


def _escaped(prose: Optional[str]) -> Optional[str]:
    """Return *prose* for a page, as :func:`html.escape`, which is slow to load."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        prose = prose and prose.replace(character, entity)
    return prose


def _json(row: Optional[Row]) -> Dict[str, Any]:
    if row is None:
        raise missing("Block type")
    return {
        **stamps(row),
        "name": row["name"],
        **{key: row[key] for key in _TEXTS},
    }
