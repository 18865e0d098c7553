"""What a handler gives back, and how it refuses."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional, Tuple

#: A status and the JSON value of the body; status 204 has none.
Reply = Tuple[int, Any]

NO_CONTENT: Reply = (204, None)


class Refused(Exception):
    """A request cannot be done; what it began is undone.

    Attributes:
        status: HTTP status.
        content: JSON value of the body; a redirection (307) has none.
        headers: What else is to be said.
    """

    def __init__(
        self, status: int, content: Any, headers: Optional[Mapping[str, str]] = None
    ) -> None:
        super().__init__(status, content, headers)
        self.status = status
        self.content = content
        self.headers = headers or {}


def refused(status: int, detail: str) -> Refused:
    """Return a refusal with the reference's usual body."""
    return Refused(status, {"detail": detail})


def missing(what: str) -> Refused:
    """Return the refusal for an object that is not there."""
    return refused(404, f"{what} not found")


def integrity_conflict() -> Refused:
    """Return the refusal for a constraint that the endpoint has no words for."""
    return refused(
        409,
        "Data integrity conflict. This usually means a unique or foreign key constraint"
        " was violated. See server logs for details.",
    )


def broken() -> Refused:
    """Return the reference's answer to what it did not foresee."""
    return Refused(500, {"exception_message": "Internal Server Error"})


def encode(value: Any) -> str:
    """Return *value* as JSON text.

    Raises:
        ValueError: It holds a NaN or an infinity, for which JSON has no words.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
