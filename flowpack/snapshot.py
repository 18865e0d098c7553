"""A transport that only reads, and reads each thing once."""

from __future__ import annotations

import threading
from typing import Dict, Optional, Tuple

from flowpack.exceptions import PackagingError
from flowpack.transport import Effect, Request, Response, Transport

_Key = Tuple[str, str, str, Optional[bytes]]


class Snapshot:
    """Sends reads through another transport and remembers the responses.

    Threads may share it; two that ask for the same thing send one request. What failed is sent
    again when it is asked for again.
    """

    def __init__(self, transport: Transport) -> None:
        self.url, self.embedded = transport.url, transport.embedded
        self._transport = transport
        self._responses: Dict[_Key, Response] = {}
        self._locks: Dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def send(self, request: Request) -> Response:
        """Return the response to a read, remembered or asked for now.

        Raises:
            PackagingError: The request would change something.
        """
        if request.effect is not Effect.READ:
            raise PackagingError(
                f"a plan only reads, but {request.method} {request.path} was to be sent"
            )
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
