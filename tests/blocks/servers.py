"""A small file server over HTTP, as a WebDAV server behaves, and as bad ones do."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, List, Optional
from urllib.parse import unquote

import attrs


@attrs.define
class Behaviour:
    """What the server does otherwise than it should."""

    #: Answered, instead of doing anything, to requests with that method.
    statuses: Dict[str, int] = attrs.field(factory=dict)
    #: Where responses with a status of redirection point to.
    location: str = "http://elsewhere.example/stolen?token=secret"
    #: How much of a body is kept: all, half or none of it.
    kept: str = "all"
    #: Whether the response to HEAD has the length.
    tells_length: bool = True
    #: Added to the length in the response to HEAD.
    length_error: int = 0
    #: Whether If-None-Match is heeded.
    conditional: bool = True
    #: Answered to MKCOL where the folder could be made.
    new_folder: int = 201
    #: How many responses to writes are lost on the way; the writes were done.
    lost: int = 0
    #: An Authorization without which nothing is answered.
    authorization: Optional[str] = None


class FileServer(ThreadingHTTPServer):
    """Keeps bodies by path; folders must exist, as WebDAV wants it.

    Attributes:
        files: What is stored, by decoded path.
        folders: Which folders exist, each with a slash at its end.
        log: Method and path of every request, in order.
        headers: The headers of every request, in order, with lower-case names.
        behaviour: What is done wrong.
        connections: How many connections were made.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: Dict[str, bytes] = {}
        self.folders = {"/"}
        self.log: List[str] = []
        self.headers: List[Dict[str, str]] = []
        self.behaviour = Behaviour()
        self.connections = 0
        self.lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    @property
    def address(self) -> str:
        """The server's root, without a slash at its end."""
        return f"http://127.0.0.1:{self.server_port}"

    def methods(self) -> str:
        """Return the methods of all requests, with spaces between them."""
        return " ".join(entry.split()[0] for entry in self.log)


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    wbufsize = -1  # Headers and body in one packet.
    server: FileServer
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # broken off; nothing of it is kept
            self.close_connection = True
            return
        path = unquote(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        behaviour = self.server.behaviour
        with self.server.lock:
            self.server.log.append(f"{self.command} {self.path}")
            self.server.headers.append(headers)
            status = behaviour.statuses.get(self.command)
            wanted = behaviour.authorization
            if wanted is not None and headers.get("authorization") != wanted:
                status = 401
            if status is not None:
                self._answer(status)
            else:
                getattr(self, f"_{self.command.lower()}")(path, body)

    do_GET = do_HEAD = do_PUT = do_MKCOL = handle_any

    def _get(self, path: str, body: bytes) -> None:
        content = self.server.files.get(path)
        self._answer(404 if content is None else 200, content or b"")

    _head = _get

    def _put(self, path: str, body: bytes) -> None:
        if path.rpartition("/")[0] + "/" not in self.server.folders:
            return self._answer(409)
        there = path in self.server.files
        conditional = self.server.behaviour.conditional
        if there and conditional and self.headers.get("If-None-Match") == "*":
            return self._answer(412)
        kept = self.server.behaviour.kept
        if kept != "none":
            self.server.files[path] = body if kept == "all" else body[: len(body) // 2]
        self._answer(204 if there else 201)

    def _mkcol(self, path: str, body: bytes) -> None:
        if path in self.server.folders:
            return self._answer(405)
        if path.rstrip("/").rpartition("/")[0] + "/" not in self.server.folders:
            return self._answer(409)
        if self.server.behaviour.new_folder == 201:
            self.server.folders.add(path)
        self._answer(self.server.behaviour.new_folder)

    def _answer(self, status: int, body: bytes = b"") -> None:
        behaviour = self.server.behaviour
        if self.command == "PUT" and behaviour.lost:
            behaviour.lost -= 1
            self.close_connection = True
            return
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", behaviour.location)
        if self.command == "HEAD" and not behaviour.tells_length:
            self.send_header("Transfer-Encoding", "chunked")
        elif status != 204:
            error = behaviour.length_error if self.command == "HEAD" else 0
            self.send_header("Content-Length", str(len(body) + error))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet; the requests are in the server's log."""


@contextlib.contextmanager
def serving(server: Any) -> Iterator[Any]:
    """Run *server* in a thread and stop it at the end."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
