"""What all records have: an id, two times, and columns that hold JSON."""

from __future__ import annotations

import json
import uuid
from typing import Any, Dict, Mapping

import attrs

from flowpack.embedded.store import Row


@attrs.frozen
class Call:
    """A request whose parts were found right.

    Attributes:
        path: The variable parts of the path, by name.
        body: What was sent, with defaults filled in; empty where nothing is asked
            for.
    """

    path: Mapping[str, str]
    body: Mapping[str, Any]


def new_id() -> str:
    """Return a fresh id."""
    return str(uuid.uuid4())


def stored(column: str) -> Any:
    """Return the value of a column that holds JSON."""
    return json.loads(column)


def stamps(row: Row) -> Dict[str, Any]:
    """Return the fields with which the JSON of every record begins."""
    return {key: row[key] for key in ("id", "created", "updated")}
