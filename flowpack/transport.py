"""Requests to an API and responses of it, and what carries them.

``_http`` speaks HTTP, ``embedded`` answers in process from SQLite; one contract holds for both.
"""

from __future__ import annotations

import enum
import json
import threading
from typing import Dict, Iterable, Mapping, Optional, Protocol, Tuple

import attrs

from flowpack.exceptions import PackagingError

_MASK = "**********"


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
        path: Below the API's root, percent-encoded, with a leading slash and without a query.
        body: JSON as UTF-8, or None for no body.
        effect: What it does to the server.
        query: Percent-encoded, without the question mark.
        headers: Beside those that the transport adds.
    """

    method: str
    path: str
    body: Optional[bytes] = attrs.field(default=None, repr=False)
    effect: Effect = Effect.READ
    query: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class Response:
    """What came back.

    Attributes:
        status: HTTP status.
        body: Complete and decoded; empty when there was none.
        headers: With lower-case names.
        echoes: Whether the body holds a secret that was sent; then no error may show it.
    """

    status: int
    body: bytes = attrs.field(default=b"", repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    echoes: bool = False

    def without(self, secrets: Iterable[str]) -> Response:
        """Return the response with asterisks for all of *secrets* that it echoes.

        Shorter ones than four characters are left: they are part of many words.
        """
        body, headers = self.body, dict(self.headers)
        long = {secret for secret in secrets if len(secret) > 3}
        for secret in sorted(long, key=len, reverse=True):
            if "location" in headers:
                headers["location"] = headers["location"].replace(secret, _MASK)
            # As it is, or in JSON, or in JSON that stands in JSON.
            for _ in range(3):
                body = body.replace(secret.encode("utf-8", "replace"), _MASK.encode())
                secret = json.dumps(secret)[1:-1]
        return attrs.evolve(self, body=body, headers=headers)


Answer = Response  # Its name in earlier builds.


class Transport(Protocol):
    """Carries requests to one API."""

    @property
    def url(self) -> str:
        """The API's root for people to read, without credentials."""

    @property
    def embedded(self) -> bool:
        """True if the API lives in this process and no server is there."""

    def send(self, request: Request) -> Response:
        """Send *request* and return the response, whatever its status.

        Raises:
            APIConnectionError: No complete response came back.
        """

    def close(self) -> None:
        """Give back connections and files. A second call does nothing."""


_Key = Tuple[str, str, str, Optional[bytes]]


class Snapshot:
    """A transport that sends only reads, through another, and remembers what did not fail.

    Threads may share it; two that ask for the same thing send one request.
    """

    def __init__(self, transport: Transport) -> None:
        self.url: str = transport.url
        self.embedded: bool = transport.embedded
        self._transport = transport
        self._responses: Dict[_Key, Response] = {}
        self._locks: Dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def send(self, request: Request) -> Response:
        """Return the response to a read, remembered or new; raise a PackagingError for a write."""
        if request.effect is not Effect.READ:
            sent = f"{request.method} {request.path}"
            raise PackagingError(f"a plan only reads, but {sent} was to be sent")
        key = (request.method, request.path, request.query, request.body)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            response = self._responses.get(key)
            if response is None:
                response = self._transport.send(request)
                # A refusal for want of a CSRF token is none with one; other failures pass, too.
                if 200 <= response.status < 300 or response.status == 404:
                    self._responses[key] = response
            return response

    def close(self) -> None:
        """Do nothing: the transport belongs to another client."""
