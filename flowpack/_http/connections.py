"""Connections that end when the call's time is over, whatever the peer does.

The time-outs of requests and urllib3 begin anew with every byte that arrives, so a
peer that sends one now and then holds a call for ever. Here every wait on the
socket is cut to what is left of the call's deadline, and the bytes of an answer
are counted as they come from the socket, its head and chunk marks included.

urllib3 makes connections and answers by itself. They find the :class:`Exchange`
they serve in a context variable, which, unlike a thread's local storage, also tells
greenlets apart.
"""

from __future__ import annotations

import io
import socket
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import (
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    NotConnected,
)
from typing import Any, Iterable, Iterator, List, Optional

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from flowpack._http.retries import Deadline

#: Longest head of an answer, in bytes.
HEAD_LIMIT = 512 * 1024

#: Most that is handed to the system in one go, in bytes; it takes what it has room
#: for.
_PIECE = 256 * 1024

_BUFFER = 64 * 1024


class AnswerRefused(Exception):
    """The answer breaks a rule and would do so again.

    Attributes:
        reason: Which rule, for people.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BrokenAnswer(HTTPException):
    """The answer is not as HTTP wants it; another one may be."""


class Exchange:
    """One request and its answer, while they are on the way.

    Attributes:
        target: What stands between method and version in the request's first line.
        joined: Whether the head waits for the body, to leave in one packet with it.
        deadline: When the call ends.
        timeout: Longest wait for one step, in seconds.
        opened: Whether a connection was made for it; else one was used again.
        sent: Whether some of the request may have reached the server.
        answered: Whether some of the answer has come.
        surplus: Whether more came than the answer announced.
        complete: Whether the answer was read to its end, as it should be.
        answer: The answer, once its head is there.
    """

    def __init__(
        self, target: str, deadline: Deadline, timeout: float, joined: bool = False
    ) -> None:
        self.target = target
        self.joined = joined
        self.deadline = deadline
        self.timeout = timeout
        self.opened = False
        self.sent = False
        self.answered = False
        self.surplus = False
        self.complete = False
        self.answer: Optional[TimedAnswer] = None
        self._begun: List[TimedAnswer] = []
        self._requesting = False
        self._head: Optional[bytes] = None
        self._moved = 0
        self._received = 0
        self._receivable: float = HEAD_LIMIT

    def patience(self) -> float:
        """Return how long the next step may take, in seconds.

        Raises:
            TimeoutError: The deadline has passed.
        """
        left = self.deadline.left()
        if left <= 0:
            raise socket.timeout("the deadline has passed")
        return min(self.timeout, left)

    def begin_request(self) -> None:
        """Take note that what is sent from here on is for the server itself."""
        self._requesting = True
        self.answered = self.surplus = False
        self._received = 0
        self._receivable = HEAD_LIMIT

    def allow_body(self, limit: Optional[int]) -> None:
        """Let the answer go on for *limit* bytes more; None for any number."""
        self._receivable = float("inf") if limit is None else self._received + limit

    def begin_answer(self, answer: TimedAnswer) -> None:
        """Take note of an answer whose head is about to be read."""
        self._begun.append(answer)

    def end(self) -> None:
        """Let go of the answers, those of proxies included, read to the end or not."""
        for answer in self._begun:
            answer.close()
        self._begun.clear()
        self.answer = None

    def to_send(self, data: Any) -> Any:
        """Return what to send for *data*: nothing, itself, or the head and it."""
        if self.joined and self._requesting:
            if self._head is None:
                self._head = bytes(data)
                return b""
            self.joined = False
            return self._head + data
        return data

    def begin_sending(self) -> None:
        """Take note that something is about to be sent."""
        self.sent = self.sent or self._requesting

    def count_sent(self, size: int) -> None:
        """Take note that *size* bytes were sent."""
        self._count(size)

    def count_received(self, size: int) -> None:
        """Take note that *size* bytes have come.

        Raises:
            AnswerRefused: They are too many.
        """
        self.answered = self.answered or size > 0
        self._received += size
        self._count(size)
        if self._received > self._receivable:
            raise AnswerRefused("the answer does not end within its size limit")

    def _count(self, size: int) -> None:
        self._moved += size
        self.deadline.moved(self._moved)


_CURRENT: ContextVar[Exchange] = ContextVar("flowpack_exchange")


@contextmanager
def serving(exchange: Exchange) -> Iterator[None]:
    """Let the connections that are used meanwhile serve *exchange*."""
    token = _CURRENT.set(exchange)
    try:
        yield
    finally:
        _CURRENT.reset(token)


class _TimedSource(io.RawIOBase):
    """Reads from a socket for as long as its exchange has time."""

    def __init__(self, sock: Any, source: io.RawIOBase, exchange: Exchange) -> None:
        self._sock = sock
        self._source = source
        self._exchange = exchange
        self._ended = False
        self.at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        if self._ended:
            return 0
        patience = self._exchange.patience()
        if self._sock.gettimeout() != patience:
            self._sock.settimeout(patience)
        size = self._source.readinto(buffer)
        self.at_end = size == 0
        self._exchange.count_received(size or 0)
        return size

    def end(self) -> None:
        """Read nothing more from the socket."""
        self._ended = True

    def close(self) -> None:
        self._source.close()
        super().close()


class _AnswerReader(io.BufferedReader):
    """Buffers an answer and notices what came after its end."""

    def __init__(self, source: _TimedSource, exchange: Exchange) -> None:
        super().__init__(source, _BUFFER)
        self._source = source
        self._exchange = exchange

    def close(self) -> None:
        if not self.closed:
            self._source.end()
            self._exchange.surplus = bool(self.peek(1))
        super().close()


class TimedAnswer(HTTPResponse):
    """An answer that is read under the deadline and the limits of its exchange."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.exchange = _CURRENT.get()
        self._timed = _TimedSource(sock, self.fp.detach(), self.exchange)
        self.fp = _AnswerReader(self._timed, self.exchange)
        self.exchange.begin_answer(self)

    def begin(self) -> None:
        """Read the head.

        Raises:
            HTTPException: It is too long, cut off, or one of its lines is no header.
        """
        super().begin()
        # The parser takes the end of the connection for the end of the head.
        if self._timed.at_end:
            raise BrokenAnswer("the answer broke off in its head")
        # The parser stops at the first bad line, and what follows is lost.
        if self.msg.defects and self.msg.get_content_maintype() != "multipart":
            raise BrokenAnswer("a line in the head of the answer is no header")
        self.exchange.answer = self

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:  # int() of the base class takes "-1", which reads on for ever.
            raise IncompleteRead(b"")
        return size


class _Timed:
    """What makes a connection of urllib3 keep to its exchange's deadline."""

    response_class: Any = TimedAnswer
    #: Not printed even where ``http.client`` was told to print what it sends.
    debuglevel = 0

    def _new_conn(self: Any) -> socket.socket:
        exchange = _CURRENT.get()
        try:
            sock = _connect(
                self._dns_host, self.port, self.socket_options or (), exchange
            )
        except OSError as exc:
            raise NewConnectionError(self, "no connection") from exc
        exchange.opened = True
        return sock

    def putrequest(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Begin a request for the exact target, which urllib3 is never shown.

        It would normalise the target and write it, secrets and all, into its log.
        """
        exchange = _CURRENT.get()
        exchange.begin_request()
        urllib3s: Any = super()
        urllib3s.putrequest(method, exchange.target, *args, **kwargs)

    def send(self: Any, data: Any) -> None:
        """Send *data* in pieces, each within what is left of the time."""
        if self.sock is None and self.auto_open:
            self.connect()
        exchange = _CURRENT.get()
        view = memoryview(exchange.to_send(data))
        while view:
            if self.sock is None:
                raise NotConnected()
            exchange.begin_sending()
            # Not ``sendall``, whose time-out is for all of the data.
            self.sock.settimeout(exchange.patience())
            size = self.sock.send(view[:_PIECE])
            exchange.count_sent(size)
            view = view[size:]


class TimedConnection(_Timed, HTTPConnection):
    """A plain connection."""


class TimedTLSConnection(_Timed, HTTPSConnection):
    """A connection over TLS."""

    def connect(self) -> None:
        """Connect and shake hands."""
        super().connect()
        # Where certificates are not checked the user said so; once is enough.
        self.is_verified = True


class TimedPool(HTTPConnectionPool):
    """Keeps plain connections."""

    ConnectionCls = TimedConnection


class TimedTLSPool(HTTPSConnectionPool):
    """Keeps connections over TLS."""

    ConnectionCls = TimedTLSConnection


POOLS = {"http": TimedPool, "https": TimedTLSPool}


def _connect(
    host: str, port: int, options: Iterable[Any], exchange: Exchange
) -> socket.socket:
    """Connect to the first address of *host* that takes the connection."""
    error: OSError = OSError("the host has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(exchange.patience())
            sock.connect(address)
            sock.settimeout(exchange.patience())  # The next step may be TLS.
        except OSError as exc:
            sock.close()
            error = exc
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error
