"""Statements inside one transaction, and how times and JSON stand in the columns."""

from __future__ import annotations

import json
import sqlite3
import uuid
from datetime import datetime, timezone
from typing import Any, List, Mapping, Optional

import attrs

#: Any value that JSON has.
Json = Any
Row = sqlite3.Row


class Refused(Exception):
    """A request cannot be done, and what it began is undone; *detail* is for the user."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status: int = status
        self.detail: str = detail


@attrs.frozen
class Session:
    """Runs statements in one transaction; what a constraint forbids is refused as a *conflict*."""

    _connection: sqlite3.Connection

    def run(self, sql: str, *values: Any, conflict: str = "") -> int:
        """Run a statement and return how many rows it changed."""
        try:
            return self._connection.execute(sql, values).rowcount
        except sqlite3.IntegrityError as exc:
            raise Refused(409, conflict or str(exc)) from exc

    def insert(
        self, table: str, values: Mapping[str, Any], clause: str = "", conflict: str = ""
    ) -> str:
        """Insert a record with a new id and the current time; return the id.

        Lists and mappings are kept as JSON. If the *clause*, for a record that is there, makes it
        do nothing, the id is empty; after an update the record keeps the id that it had.
        """
        created, record_id = now(), str(uuid.uuid4())
        row = {"id": record_id, "created": created, "updated": created, **values}
        encoded = (encode(v) if isinstance(v, (dict, list, tuple)) else v for v in row.values())
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        return record_id if self.run(f"{sql} {clause}", *encoded, conflict=conflict) else ""

    def one(self, sql: str, *values: Any) -> Optional[Row]:
        """Return the first row that a query finds."""
        row: Optional[Row] = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> List[Row]:
        """Return every row that a query finds."""
        return self._connection.execute(sql, values).fetchall()


def now() -> str:
    """Return the current time as text that sorts: UTC, with microseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def encode(value: Json) -> str:
    """Return *value* as JSON text; a ``ValueError`` if it holds a NaN or an infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
