"""A transport that only reads, and reads each thing once."""

from __future__ import annotations

import threading
from typing import Dict, Optional, Tuple

from flowpack.exceptions import PackagingError
from flowpack.transport import Response, Effect, Request, Transport

_Key = Tuple[str, str, str, Optional[bytes]]


class Snapshot:
    """Sends reads through another transport and remembers the answers.

    Threads may share it; two that ask for the same thing send one request. What
    failed is sent again when it is asked for again.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._responses: Dict[_Key, Response] = {}
        self._asking: Dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The API's root, without credentials."""
        return self._transport.url

    @property
    def embedded(self) -> bool:
        """Whether the API lives in this process."""
        return self._transport.embedded

    def send(self, request: Request) -> Response:
        """Return the response to a read, remembered or asked for now.

        Raises:
            PackagingError: The request would change something.
            APIConnectionError: No complete response came back.
        """
        if request.effect is not Effect.READ:
            raise PackagingError(
                f"a plan only reads, but {request.method} {request.path} was to be sent"
            )
        key = (request.method, request.path, request.query, request.body)
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            response = self._responses.get(key)
            if response is None:
                response = self._transport.send(request)
                # A refusal may be none any more with another CSRF token, which is
                # no part of the key; other failures pass, too.
                if 200 <= response.status < 300 or response.status == 404:
                    self._responses[key] = response
            return response

    def close(self) -> None:
        """Do nothing: the transport belongs to another client."""
