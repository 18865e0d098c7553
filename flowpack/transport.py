"""How a request reaches an API and an answer comes back.

:class:`~flowpack.client.Client` speaks through a :class:`Transport`. There are
two: ``_http`` speaks HTTP, ``embedded`` answers in process from SQLite. Both
take and give the bytes that travel, so that one contract holds for both.
"""

from __future__ import annotations

import enum
from typing import Mapping, Optional, Protocol

import attrs


class Effect(enum.Enum):
    """What a request does to the server; decides whether it may be repeated."""

    #: Changes nothing. A plan sends only these.
    READ = "read"
    #: Sent twice it leaves the same state as sent once.
    UPSERT = "upsert"
    #: Sent twice it makes two. Never repeated.
    CREATE = "create"


@attrs.frozen
class Request:
    """One request to an API.

    Attributes:
        method: HTTP method in capitals.
        path: Below the API's root, percent-encoded, with a leading slash and
            without a query: ``/flows/name/my%20flow``.
        body: JSON as UTF-8, or None for no body.
        effect: What it does to the server.
        query: Query string, already encoded, without the question mark.
        headers: Further headers.
    """

    method: str
    path: str
    body: Optional[bytes] = attrs.field(default=None, repr=False)
    effect: Effect = Effect.READ
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class Answer:
    """What came back.

    Attributes:
        status: HTTP status.
        body: Decoded from its transfer coding, complete; empty when there was none.
        headers: With lower-case names.
    """

    status: int
    body: bytes = attrs.field(default=b"", repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)


class Transport(Protocol):
    """Carries requests to one API."""

    @property
    def url(self) -> str:
        """The API's root for people to read, without credentials."""

    @property
    def embedded(self) -> bool:
        """Whether the API lives in this process and no server is there."""

    def send(self, request: Request) -> Answer:
        """Send *request* and return the answer, whatever its status.

        Raises:
            APIConnectionError: No complete answer came back.
        """

    def close(self) -> None:
        """Give back connections and files. A second call does nothing."""
