"""A small HTTP server on loopback: puts a transport behind a real socket."""

from __future__ import annotations

import contextlib
import socket
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator, List, Set, Union

from flowpack.transport import Response, Request, Transport

Responder = Callable[[Request], Response]

METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS MKCOL".split()


class Served(str):
    """The address of a running server, the prefix included.

    Attributes:
        requests: What the server was asked so far, in order; paths are below the
            prefix.
    """

    requests: List[Request]


@contextlib.contextmanager
def serve(
    responder: Union[Transport, Responder], prefix: str = "/api"
) -> Iterator[Served]:
    """Run a server for the time of a ``with`` block.

    Args:
        responder: Gives the answers: a transport, or a function. It is called from
            several threads.
        prefix: Path below which it answers; all else is 404.
    """
    answer = responder if callable(responder) else responder.send
    server = _Server(("127.0.0.1", 0), _Handler)
    address = Served(f"http://127.0.0.1:{server.server_address[1]}{prefix}")
    address.requests = []
    server.answer, server.served, server.prefix = answer, address, prefix
    # Seldom asked whether it is to end: the wait is at the end of every test.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # So that closing waits for them.
    request_queue_size = 128
    answer: Responder
    served: Served
    prefix: str

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connections: Set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep open for a next request."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that hang up; tests break connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # Headers and body in one packet.
    server: _Server

    def answer(self) -> None:
        body = self._read_body()
        if not self.path.startswith(self.server.prefix):
            self._send(Response(404))
            return
        path, _, query = self.path[len(self.server.prefix) :].partition("?")
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Request(self.command, path, body, query=query, headers=headers)
        self.server.served.requests.append(request)
        try:
            answer = self.server.answer(request)
        except Exception:
            answer = Response(500, traceback.format_exc().encode())
        self._send(answer)

    def _read_body(self) -> Union[bytes, None]:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self._read_chunks())
        length = self.headers.get("content-length")
        return None if length is None else self.rfile.read(int(length))

    def _read_chunks(self) -> Iterator[bytes]:
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            chunk = self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return
            yield chunk

    def _send(self, answer: Response) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""


for _method in METHODS:
    setattr(_Handler, f"do_{_method}", _Handler.answer)
