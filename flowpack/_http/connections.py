"""Connections that end when the call's time is over, whatever the peer does."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections import deque
from typing import Any, Deque, Iterable, Mapping, Optional, Set

import attrs

from flowpack._http.answers import TimedAnswer
from flowpack._http.exchanges import BrokenAnswer, Exchange, ProxyRefused
from flowpack._http.headers import Headers, basic, merged, secrets_in
from flowpack.urls import ParsedURL

#: Most that is handed to the system in one go, in bytes. A plain connection takes
#: what it has room for, TLS all of it within one time-out.
_PIECE = 1024 * 1024
_TLS_PIECE = 64 * 1024

#: Longest body that is sent in one piece with the head, in bytes. Before a longer one
#: the server has time to read the head alone, and can then move whole pages.
_JOINED = 16 * 1024

#: Most that waits in the system for the network to take it, in bytes: what is sent
#: at once is still in the processor's cache.
_WAITING = 128 * 1024

#: What sending raises where it would have to wait and may not.
_FULL = (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError)

#: What sending raises where the server has hung up; over TLS that differs with Python.
_HUNG_UP = (
    BrokenPipeError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)

#: So many connections are kept idle for one server.
_KEPT = 64


@attrs.frozen(kw_only=True)
class Way:
    """How a server is reached.

    Attributes:
        server: The server.
        tls: Checks its certificate; None where it speaks plain HTTP.
        proxy: What stands between; None for nothing.
        proxy_tls: Checks the certificate of a proxy that speaks TLS, else None.
    """

    server: ParsedURL
    tls: Optional[ssl.SSLContext] = None
    proxy: Optional[ParsedURL] = None
    proxy_tls: Optional[ssl.SSLContext] = None

    @property
    def relayed(self) -> bool:
        """Whether a proxy reads the requests, which then name the server."""
        return self.proxy is not None and self.tls is None

    @property
    def proxy_headers(self) -> Headers:
        """What the proxy alone is told."""
        if self.proxy is None or self.proxy.credentials is None:
            return Headers()
        return Headers({"Proxy-Authorization": basic(self.proxy.credentials)})

    @property
    def secrets(self) -> Set[str]:
        """What must not be shown of that."""
        return secrets_in(self.proxy_headers)

    def target(self, address: ParsedURL) -> str:
        """Return what the first line of a request for *address* asks for."""
        target = address.path or "/"
        if self.relayed:
            target = f"{address.scheme}://{address.authority}{target}"
        return f"{target}?{address.query}" if address.query else target


class Connection:
    """A connection to a server; opened by its first request.

    Attributes:
        spent: Whether no other request may be sent through it.
    """

    def __init__(self, way: Way) -> None:
        self._way = way
        self._sock: Any = None
        self._outer: Optional[_OuterSocket] = None
        self._piece = _PIECE
        self.spent = False

    @property
    def quiet(self) -> bool:
        """Whether nothing has come since the last answer, not even the end."""
        return not _readable(self._sock)

    def ask(
        self,
        exchange: Exchange,
        method: str,
        address: ParsedURL,
        headers: Mapping[str, str],
        body: Iterable[Any],
        size: int,
    ) -> TimedAnswer:
        """Send a request and return the answer, its head read.

        Args:
            exchange: Says how long that may take.
            method: HTTP method in capitals.
            address: Where to.
            headers: All but the one that names the server.
            body: Sent part by part.
            size: How many bytes all of it has.

        Raises:
            HTTPException: The answer is broken.
            OSError: The network failed.
        """
        if self._outer is not None:
            self._outer.exchange = exchange
        if self._sock is None:
            self._open(exchange)
        if self._way.relayed:
            headers = merged(headers, self._way.proxy_headers)
        head = _head(f"{method} {self._way.target(address)}", address, headers)
        exchange.begin_request()
        answer = TimedAnswer(self._sock, exchange, method)
        try:
            try:
                if size > _JOINED:
                    self._send(exchange, head)
                    self._send_body(exchange, body, answer)
                else:
                    self._send(exchange, b"".join([head, *body]))
            except _HUNG_UP:
                # A server that refuses a body hangs up, and has said why before.
                self.spent = True
            answer.begin()
        except BaseException:
            answer.close()
            raise
        self.spent = self.spent or bool(answer.will_close)
        return answer

    def close(self) -> None:
        """Close it. A second call does nothing."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _send_body(
        self, exchange: Exchange, body: Iterable[Any], answer: TimedAnswer
    ) -> None:
        """Send *body*, but no more of it once *answer* refuses it."""
        # TLS within TLS can be read only by waiting for it.
        watched = answer if self._outer is None else None
        for block in body:
            if self._send(exchange, block, watched):
                self.spent = True
                return

    def _send(
        self, exchange: Exchange, data: Any, answer: Optional[TimedAnswer] = None
    ) -> bool:
        """Send *data* in pieces, each within what is left of the time.

        Returns:
            Whether *answer* came in between and says that it was refused.
        """
        view = memoryview(data)
        while view:
            exchange.begin_sending()
            patience = exchange.patience()
            watched = answer is not None and not exchange.answered
            wait = 0.0 if watched else patience
            if self._sock.gettimeout() != wait:
                self._sock.settimeout(wait)
            try:
                # Not ``sendall``, whose time-out is for all of the data.
                size = self._sock.send(view[: self._piece])
            except _FULL:
                readable = _wait(self._sock, patience)
                # What can be read may be no more than what TLS says to itself.
                if answer is not None and readable and answer.refuses():
                    return True
                continue
            exchange.count_sent(size)
            view = view[size:]
        return False

    def _open(self, exchange: Exchange) -> None:
        way = self._way
        self._sock = _connect(way.proxy or way.server, exchange)
        exchange.opened = True
        if way.proxy is not None and way.proxy_tls is not None:
            self._encrypt(way.proxy_tls, way.proxy, exchange)
        if way.proxy is not None and way.tls is not None:
            self._tunnel(exchange)
        if way.tls is not None:
            self._encrypt(way.tls, way.server, exchange)

    def _tunnel(self, exchange: Exchange) -> None:
        """Have the proxy connect to the server."""
        server = self._way.server
        first = f"CONNECT {server.bracketed}:{server.port}"
        self._send(exchange, _head(first, server, self._way.proxy_headers))
        answer = TimedAnswer(self._sock, exchange, "CONNECT")
        try:
            answer.begin()
        finally:
            answer.close()
        if not 200 <= answer.status < 300:
            raise ProxyRefused(answer.status)
        if exchange.surplus:
            raise BrokenAnswer("the proxy said more than it was asked")

    def _encrypt(
        self, context: ssl.SSLContext, peer: ParsedURL, exchange: Exchange
    ) -> None:
        """Speak TLS with *peer* from here on."""
        name = peer.host.partition("%")[0].rstrip(".")
        self._piece = _TLS_PIECE
        self._sock.settimeout(exchange.patience())
        if isinstance(self._sock, ssl.SSLSocket):
            # Only here for cost, and few need it: the standard library has no TLS
            # within TLS for sockets that block.
            from urllib3.util.ssltransport import SSLTransport

            self._outer = _OuterSocket(self._sock, exchange)
            outer: Any = self._outer  # It is asked for no more than that has.
            self._sock = SSLTransport(outer, context, name)
        else:
            self._sock = context.wrap_socket(self._sock, server_hostname=name)


class _OuterSocket:
    """A TLS connection that another one is within.

    For one step of the inner one it takes many, for each of which a time-out of its
    own would begin.

    Attributes:
        exchange: Says how long each may take.
    """

    def __init__(self, sock: ssl.SSLSocket, exchange: Exchange) -> None:
        self._sock = sock
        self.exchange = exchange
        self.fileno = sock.fileno
        self.gettimeout = sock.gettimeout
        self.settimeout = sock.settimeout
        self.close = sock.close

    def recv(self, size: int) -> bytes:
        self._sock.settimeout(self.exchange.patience())
        return self._sock.recv(size)

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._sock.settimeout(self.exchange.patience())
            view = view[self._sock.send(view) :]


class Pool:
    """Keeps connections that go one way; threads may share it.

    Attributes:
        way: The way.
    """

    def __init__(self, way: Way) -> None:
        self.way = way
        # Appending and popping are atomic, so that no lock is held across a fork.
        self._idle: Deque[Connection] = deque()
        self._closed = False

    def take(self) -> Connection:
        """Return a connection that is nobody else's; give it back or close it."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self.new()
            if connection.quiet:
                return connection
            connection.close()

    def new(self) -> Connection:
        """Return a connection that had no request yet; give it back or close it."""
        return Connection(self.way)

    def give_back(self, connection: Connection) -> None:
        """Take back a connection whose last answer was read to its end."""
        if connection.spent or len(self._idle) >= _KEPT:
            connection.close()
            return
        self._idle.append(connection)
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close those that are idle now, the others when they are given back."""
        self._closed = True
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop().close()


def _head(first: str, server: ParsedURL, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request to *server*.

    Raises:
        ValueError: There would be other lines in it.
    """
    lines = [first + " HTTP/1.1", "Host: " + server.authority]
    # Not formatted: secrets are texts that print themselves otherwise.
    lines += [name + ": " + headers[name] for name in headers]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("a line break in the head of a request")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _readable(sock: Any) -> bool:
    """Return whether something, or the end, can be read right now."""
    if not hasattr(select, "poll"):  # Windows.
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _wait(sock: Any, seconds: float) -> bool:
    """Wait until one can read from a socket, or write to it or see that it is broken.

    Returns:
        Whether one can read.

    Raises:
        TimeoutError: Neither within so many seconds.
    """
    if not hasattr(select, "poll"):  # Windows.
        readable, *others = select.select([sock], [sock], [sock], seconds)
        found = [bool(readable)] if readable or any(others) else []
    else:
        poll = select.poll()
        poll.register(sock, select.POLLIN | select.POLLOUT)
        found = [bool(bits & select.POLLIN) for _, bits in poll.poll(seconds * 1000)]
    if not found:
        raise socket.timeout("timed out")
    return found[0]


def _connect(peer: ParsedURL, exchange: Exchange) -> socket.socket:
    """Connect to the first address of *peer* that takes the connection."""
    error: OSError = OSError("the host has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        peer.host, peer.port, type=socket.SOCK_STREAM
    ):
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as exc:  # A host may have IPv6 addresses, and this one no IPv6.
            error = exc
            continue
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(AttributeError, OSError):  # Not everywhere.
                sock.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _WAITING
                )
            sock.settimeout(exchange.patience())
            sock.connect(address)
        except OSError as exc:
            sock.close()
            error = exc
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error
