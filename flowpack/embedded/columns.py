"""How times and JSON are written in the columns of the database."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

#: Any value that JSON has.
Json = Any


def now() -> str:
    """Return the current time as text that sorts: UTC, with microseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def encode(value: Json) -> str:
    """Return *value* as JSON text.

    Raises:
        ValueError: It holds a NaN or an infinity, for which JSON has no words.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
