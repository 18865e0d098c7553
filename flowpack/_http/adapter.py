"""The adapter under requests that keeps a call's deadline.

Time-outs of sockets begin anew with every byte that arrives, so a peer that sends one now and then
holds a call for ever. Here each step on a connected socket gets what is left of the call's time.
"""

from __future__ import annotations

import io
import logging
import socket
import ssl
from contextvars import ContextVar
from typing import Any, ClassVar, Optional

import attrs
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from flowpack._http.retries import Deadline, Failure

#: Longest head of a response, in bytes.
_HEAD_LIMIT = 512 * 1024
#: Most that is sent in one step, in bytes: TLS takes all of it within one time-out.
_PIECE = 64 * 1024
#: What a socket raises where the peer has hung up; over TLS that differs with Python.
DROPPED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


@attrs.define(eq=False)
class Attempt:
    """One sending of a request: how much time it has, and how far it came."""

    #: The attempt that this thread or greenlet makes.
    current: ClassVar[ContextVar[Optional[Attempt]]] = ContextVar("attempt", default=None)

    deadline: Deadline
    timeout: float
    ssl_context: Optional[ssl.SSLContext] = None  # Checks certificates.
    opened: bool = False  # A connection was made for it; else one was used again.
    sent: bool = False  # Some of the request may have reached the server.
    answered: bool = False  # Some of the response has come.
    ended: bool = False  # The peer sends nothing more.
    receivable: float = _HEAD_LIMIT  # So many bytes may come.

    @property
    def stage(self) -> str:
        """How far it came, in words."""
        if self.answered:
            return "in the middle of the response"
        return "before a response came" if self.sent else "while connecting"

    def remaining(self) -> float:
        """Return how long the next step may take, in seconds; raise if time is up."""
        left = self.deadline.left()
        if left <= 0:
            raise socket.timeout("the deadline has passed")
        return min(self.timeout, left)

    def reset(self, *, sent: bool) -> None:
        """Begin anew: some of the request is about to be *sent*, or nothing was."""
        self.sent, self.answered, self.ended = sent, False, False
        self.receivable = _HEAD_LIMIT

    def count_received(self, size: int) -> None:
        """Take note that *size* bytes have come, 0 for the end; raise if they are too many."""
        self.deadline.moved += size
        self.answered, self.ended = self.answered or size > 0, size == 0
        self.receivable -= size
        if self.receivable < 0:
            raise Failure("the response does not end within its size limit", passing=False)


class _DeadlineSocket:
    """A connected socket, plain or TLS, each of whose steps gets what is left of the time."""

    def __init__(self, sock: Any) -> None:
        self._sock, self._timeout = sock, sock.gettimeout()
        attempt = Attempt.current.get()
        if attempt:
            attempt.opened = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: Optional[float]) -> None:
        self._timeout = seconds

    def limit_step(self) -> Optional[Attempt]:
        """Set the time that is left for a step, and return the attempt that it is for."""
        attempt = Attempt.current.get()
        timeout = attempt.remaining() if attempt else self._timeout
        if self._sock.gettimeout() != timeout:
            self._sock.settimeout(timeout)
        return attempt

    def sendall(self, data: Any) -> None:
        """Send *data* piece by piece: the time-out of the base is for all of it."""
        view = memoryview(data).cast("B")
        while view:
            attempt = self.limit_step()
            if attempt:
                attempt.reset(sent=True)
            try:
                size = self._sock.send(view[:_PIECE])
            except DROPPED:  # What the server wrote before it hung up is read then.
                raise BrokenPipeError from None
            view = view[size:]
            if attempt:
                attempt.deadline.moved += size

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self), 64 * 1024)


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket for as long as its attempt has time."""

    def __init__(self, sock: _DeadlineSocket) -> None:
        self._sock, self._file = sock, sock._sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        attempt = self._sock.limit_step()
        size: int = self._file.readinto(buffer)
        if attempt:
            attempt.count_received(size)
        return size

    def readall(self) -> bytes:  # Only a chunk of less than no bytes is read so.
        raise Failure("the size of a chunk is negative")

    def close(self) -> None:
        self._file.close()
        super().close()


class _Connection(HTTPConnection):
    debuglevel = 0  # Else http.client prints headers where a program wants it to.

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock)


class _TLSConnection(HTTPSConnection):
    debuglevel = 0

    def _tunnel(self) -> None:
        """Have a proxy open the way within the call's time; the request is not sent by that."""
        plain, self.sock = self.sock, _DeadlineSocket(self.sock)
        try:
            super()._tunnel()
        finally:
            attempt = Attempt.current.get()
            if attempt:
                attempt.reset(sent=False)
        self.sock = plain

    def connect(self) -> None:
        attempt = Attempt.current.get()
        if attempt and attempt.ssl_context:
            self.ssl_context = attempt.ssl_context
            self.cert_reqs = attempt.ssl_context.verify_mode  # Else urllib3 changes the context.
            # It would read the file for each connection; it must where a proxy speaks TLS, too.
            if self.proxy is None or self.proxy.scheme != "https":
                self.ca_certs = self.ca_cert_dir = None
        super().connect()
        if self.cert_reqs == ssl.CERT_NONE:
            self.is_verified = True  # Else it warns at each request of what the user wants.
        self.sock: Any = _DeadlineSocket(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class DeadlineAdapter(HTTPAdapter):
    """Keeps the deadline of the current :class:`Attempt`, and repeats nothing by itself."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """See the base class."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """See the base class; SOCKS has pools of its own."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


# They log whole URLs, with the tokens that some have in their query.
for _name in ("connection", "connectionpool", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(lambda _: Attempt.current.get() is None)
