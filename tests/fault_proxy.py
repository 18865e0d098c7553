"""A server, or a proxy before a real one, that fails as it is told.

Each request that arrives takes the next fault from the plan; without one it is
answered as it should be.
"""

from __future__ import annotations

import contextlib
import select
import gzip
import socket
import ssl
import struct
import threading
import time
from collections import deque
from typing import IO, Callable, Deque, Dict, List, Optional, Tuple

import attrs

#: Closing a socket so tells the peer that the connection was reset.
_RESET = struct.pack("ii", 1, 0)


@attrs.frozen
class Seen:
    """A request as it stood on the wire."""

    method: str
    target: str
    headers: Dict[str, str]
    body: bytes
    at: float
    connection: int


def reply(
    body: bytes = b'{"id": "1"}', status: str = "200 OK", *headers: str, length: int = 0
) -> bytes:
    """Return an answer's bytes; *length* is added to what it announces."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) + length}", *headers]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


class Hangup(Exception):
    """The connection is to be closed, or was."""


class Visit:
    """One request, while it is answered."""

    def __init__(
        self,
        sock: socket.socket,
        seen: Seen,
        answer: Callable[[], bytes],
        pause: Callable[[float], object],
    ) -> None:
        self.sock = sock
        self.seen = seen
        self.answer = answer
        self.pause = pause

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def close(self) -> None:
        raise Hangup

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        raise Hangup

    def join(self, address: Tuple[str, int]) -> None:
        """Pass everything on, both ways, until one side hangs up."""
        with socket.create_connection(address) as other:
            opposite = {self.sock: other, other: self.sock}
            while True:
                # One thread: two must not use one TLS connection at a time.
                for source in select.select(list(opposite), [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        raise Hangup
                    opposite[source].sendall(data)

    def drip(self, data: bytes, size: int, pause: float) -> None:
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
            self.pause(pause)


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


Fault = Callable[[Visit], None]


def status(line: str, *headers: str, body: bytes = b'{"detail": "no"}') -> Fault:
    """Answer with another status; the real server sees nothing of the request."""

    def fault(visit: Visit) -> None:
        head, mark, rest = reply(body, line, *headers).partition(b"\r\n\r\n")
        visit.send(head + mark + (b"" if visit.seen.method == "HEAD" else rest))

    return fault


def raw(data: bytes) -> Fault:
    """Answer with exactly these bytes and hang up."""

    def fault(visit: Visit) -> None:
        visit.send(data)
        visit.close()

    return fault


def stall(seconds: float) -> Fault:
    """Say nothing for some time, then hang up."""

    def fault(visit: Visit) -> None:
        visit.pause(seconds)
        visit.close()

    return fault


def drip(size: int, pause: float) -> Fault:
    """Answer a few bytes at a time."""
    return lambda visit: visit.drip(visit.answer(), size, pause)


def _reset_before(visit: Visit) -> None:
    visit.reset()


def _reset_after(visit: Visit) -> None:
    visit.answer()
    visit.reset()


def _close_before(visit: Visit) -> None:
    visit.close()


def _close_after(visit: Visit) -> None:
    visit.answer()
    visit.close()


def _reset_in_head(visit: Visit) -> None:
    visit.send(visit.answer()[:12])
    visit.pause(0.02)
    visit.reset()


def _reset_in_body(visit: Visit) -> None:
    head, _, body = visit.answer().partition(b"\r\n\r\n")
    visit.send(head + b"\r\n\r\n" + body[: len(body) // 2])
    visit.pause(0.02)
    visit.reset()


def _truncate(visit: Visit) -> None:
    answer = visit.answer()
    visit.send(answer[:-3])
    visit.close()


def _too_short(visit: Visit) -> None:
    head, _, body = visit.answer().partition(b"\r\n\r\n")
    visit.send(reply(body, head.decode().split(" ", 1)[1].split("\r")[0], length=10))
    visit.close()


def _chunked(tail: bytes) -> Fault:
    def fault(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + tail)
        visit.close()

    return fault


def _endless_chunks(visit: Visit) -> None:
    visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        visit.send(b"1\r\nx\r\n")
        visit.pause(0.02)


def _endless_body(visit: Visit) -> None:
    visit.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        visit.send(b"x" * 65536)


def _endless_continue(visit: Visit) -> None:
    while True:
        visit.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


#: What passes: the next attempt may well succeed.
PASSING: Dict[str, Fault] = {
    "reset_before": _reset_before,
    "reset_after": _reset_after,
    "close_before": _close_before,
    "lost_answer": _close_after,
    "reset_in_head": _reset_in_head,
    "reset_in_body": _reset_in_body,
    "truncate": _truncate,
    "length_too_long": _too_short,
    "length_no_number": raw(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n{}"),
    "two_lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}"),
    "bad_chunk": _chunked(b"zz\r\n{}\r\n0\r\n\r\n"),
    "negative_chunk": _chunked(b"-1\r\n{}\r\n0\r\n\r\n"),
    "broken_chunk": _chunked(b"ff\r\n{}"),
    "garbage": raw(b"\x00\x01\x02 this is not HTTP\r\n\r\n"),
    "cut_in_head": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"),
    "garbage_in_head": raw(b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n{}"),
    "status_408": status("408 Request Timeout"),
    "status_429": status("429 Too Many Requests", "Retry-After: 0"),
    "status_502": status("502 Bad Gateway", body=b"<html>502</html>"),
    "status_503": status("503 Service Unavailable"),
    "status_504": status("504 Gateway Timeout"),
}

#: What does not pass: another attempt would bring the same.
LASTING: Dict[str, Fault] = {
    "huge": status("200 OK", body=b" " * (9 * 1024 * 1024)),
    "endless_body": _endless_body,
    "endless_continue": _endless_continue,
    "gzip_bomb": status(
        "200 OK", "Content-Encoding: gzip", body=gzip.compress(b" " * 2**24)
    ),
    "gzip_garbage": status("200 OK", "Content-Encoding: gzip", body=b"{}"),
    "many_headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 2000 + b"\r\n{}"),
    "long_garbage": raw(b"\x00" * 100_000),
    "long_header": raw(b"HTTP/1.1 200 OK\r\nX-Y: " + b"z" * 100_000 + b"\r\n\r\n{}"),
    "endless_head": raw(b"HTTP/1.1 200 OK\r\n" + b"X-Y: %s\r\n" % (b"z" * 60_000) * 99),
}

#: What never ends by itself.
ENDLESS: Dict[str, Fault] = {
    "drip_in_head": drip(1, 0.02),
    "endless_chunks": _endless_chunks,
    "stall": stall(5),
}


class FaultProxy:
    """A server on loopback; use it as a context manager.

    Attributes:
        plan: What happens to the next requests, one after the other; None answers
            as it should be.
        seen: The requests that came.
        connections: How many connections were made.
        make_answer: Makes the answers that are as they should be.
        kept: Longest body that is kept, in bytes; None for any.
        refused: Bodies above so many bytes are not read; None for none.
    """

    def __init__(
        self,
        upstream: Optional[Tuple[str, int]] = None,
        *,
        answer: Optional[Callable[[Seen], bytes]] = None,
        context: Optional[ssl.SSLContext] = None,
        port: int = 0,
    ) -> None:
        """Open the port.

        Args:
            upstream: Where requests are passed on to; without it they are answered
                here.
            answer: Makes the answers of this server; None for a small JSON object.
            context: Speaks TLS.
            port: 0 for any.
        """
        self.plan: Deque[Optional[Fault]] = deque()
        self.seen: List[Seen] = []
        self.connections = 0
        self.kept: Optional[int] = None
        self.refused: Optional[int] = None
        self._upstream = upstream
        self.make_answer = answer or (lambda seen: reply())
        self._context = context
        self._closed = threading.Event()
        self._open: List[socket.socket] = []
        self._threads: List[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def targets(self) -> List[str]:
        """Method and target of each request that came."""
        return [f"{each.method} {each.target}" for each in self.seen]

    def __enter__(self) -> FaultProxy:
        self._start(self._accept)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections and close the port."""
        self._closed.set()
        _hang_up(self._listener)
        for thread in self._threads[:1]:  # It makes no further ones after that.
            thread.join(10)
        for sock in self._open:
            _hang_up(sock)
        for thread in self._threads:
            thread.join(10)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            self._start(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            with sock.makefile("rb") as stream:
                while True:
                    self._visit(sock, self._read(stream, number))
        except ValueError:
            with contextlib.suppress(OSError):
                sock.sendall(reply(b"", "400 Bad Request"))
        except (Hangup, OSError):
            pass
        finally:
            sock.close()

    def _read(self, stream: IO[bytes], number: int) -> Seen:
        method, target, _ = _read_line(stream).split(" ", 2)
        headers: Dict[str, str] = {}
        for line in iter(lambda: _read_line(stream), ""):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        left = int(headers.get("content-length", "0"))
        body = b""
        if self.refused is None or left <= self.refused:
            while left:
                block = stream.read(min(left, 2**20))
                left -= len(block) or left
                if self.kept is None or len(body) + len(block) <= self.kept:
                    body += block
        return Seen(method, target, headers, body, time.monotonic(), number)

    def _visit(self, sock: socket.socket, seen: Seen) -> None:
        self.seen.append(seen)
        fault = self.plan.popleft() if self.plan else None
        visit = Visit(sock, seen, lambda: self._answer(seen), self._closed.wait)
        if fault is None:
            visit.send(visit.answer())
        else:
            fault(visit)
        if seen.headers.get("connection") == "close":
            visit.close()

    def _answer(self, seen: Seen) -> bytes:
        if self._upstream is None:
            return self.make_answer(seen)
        with socket.create_connection(self._upstream) as server:
            server.sendall(_request_bytes(seen))
            parts = iter(lambda: server.recv(65536), b"")
            return b"".join(parts)


def _read_line(stream: IO[bytes]) -> str:
    line = stream.readline()
    if not line:
        raise Hangup
    return line.decode("latin-1").rstrip("\r\n")


def _request_bytes(seen: Seen) -> bytes:
    headers = {**seen.headers, "connection": "close"}
    lines = [f"{seen.method} {seen.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + seen.body
