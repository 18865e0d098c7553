"""A small key-value server that speaks what KV Server Storage expects of one."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator


class KeyValueServer(ThreadingHTTPServer):
    """Keeps JSON values by path: POST stores one and GET gives it back.

    As recorded: a POST is answered ``null``, and so is a GET of what is not there.

    Attributes:
        values: What is stored, by the last segment of the path.
        log: Method and path of every request, in order.
        status: Answered instead of 200 while it is set.
        lost: How many answers to a POST are lost on the way; each value is kept.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.values: dict[str, Any] = {}
        self.log: list[str] = []
        self.status: int | None = None
        self.lost = 0

    @property
    def address(self) -> str:
        """The address that a block is given.

        2.0b7 rewrites ``127.0.0.1`` inside a container, but not ``localhost``.
        """
        return f"http://localhost:{self.server_port}/storage"


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    wbufsize = -1  # Headers and body in one packet.
    server: KeyValueServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(self.server.values.get(self._key()))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        content = self.rfile.read(length)
        if self.server.status is None:
            self.server.values[self._key()] = json.loads(content) if content else None
        self._answer(None)

    def _key(self) -> str:
        return self.path.rpartition("/")[2]

    def _answer(self, value: Any) -> None:
        self.server.log.append(f"{self.command} {self.path}")
        if self.command == "POST" and self.server.lost:
            self.server.lost -= 1
            self.close_connection = True
            return
        body = json.dumps(value).encode()
        self.send_response(self.server.status or 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet; the requests are in the server's log."""


@contextlib.contextmanager
def kv_server() -> Iterator[KeyValueServer]:
    """Run a key-value server on a free port of loopback."""
    with KeyValueServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
