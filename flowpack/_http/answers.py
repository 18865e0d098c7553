"""Answers that are read under the deadline and the limits of their exchange."""

from __future__ import annotations

import io
import re
import ssl
from http.client import HTTPResponse, IncompleteRead
from typing import Any, Optional

from flowpack._http.exchanges import BrokenAnswer, Exchange

_BUFFER = 64 * 1024

#: Begins an answer after which the rest of a request is of no use. After others it
#: is: some servers say that they go on, or what came of it, before they have it all.
_REFUSAL = re.compile(rb"HTTP/1\.[01] [3-5]")


class TimedAnswer(HTTPResponse):
    """One answer; closing it leaves the connection open.

    Attributes:
        doubtful: Whether something may come after its end that is no part of it.
    """

    def __init__(self, sock: Any, exchange: Exchange, method: str) -> None:
        """Make one.

        Args:
            sock: Where it comes from.
            exchange: What it belongs to.
            method: That of the request.
        """
        self.doubtful = False
        self._timed = _TimedSource(sock, exchange)
        source: Any = self._timed  # All that is asked of a socket is a file.
        super().__init__(source, method=method)

    def refuses(self) -> bool:
        """Say whether nothing more need be sent, from what has come by now.

        Nothing is waited for, and what has come is still there for :meth:`begin`.
        """
        self._timed.waits = False
        try:
            start = self.fp.peek(1)
        finally:
            self._timed.waits = True
        return self._timed.at_end or _REFUSAL.match(start) is not None

    def begin(self) -> None:
        """Read the head, and those of the answers that only say "not yet".

        Raises:
            HTTPException: It is too long, cut off, or one of its lines is no header.
        """
        super().begin()
        while self.status < 200:  # The parser knows 100 alone.
            if self.status == 101:
                raise BrokenAnswer("the server speaks another protocol, unasked")
            self.headers = None  # type: ignore[assignment]  # Else it is read already.
            super().begin()
        self._read_framing()
        # The parser takes the end of the connection for the end of the head.
        if self._timed.at_end:
            raise BrokenAnswer("the answer broke off in its head")
        # The parser stops at the first bad line, and what follows is lost.
        if self.msg.defects and self.msg.get_content_maintype() != "multipart":
            raise BrokenAnswer("a line in the head of the answer is no header")

    def _read_framing(self) -> None:
        """Mend what the parser makes of ``Transfer-Encoding``.

        It overlooks blanks behind the word, and expects chunks where there is no body.
        """
        coding = self.headers.get("transfer-encoding", "").strip().lower()
        chunked = coding == "chunked"
        self.chunked = chunked and self.length != 0
        if self.chunked:
            self.length = self.chunk_left = None
        # Some servers send the mark of the last chunk, though 204 has no chunks.
        self.doubtful = chunked and self.status == 204
        self.will_close = bool(self.will_close) or self.doubtful

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:  # int() of the base class takes "-1", which reads on for ever.
            raise IncompleteRead(b"")
        return size


class _TimedSource(io.RawIOBase):
    """Reads from a socket for as long as its exchange has time."""

    def __init__(self, sock: Any, exchange: Exchange) -> None:
        self._sock = sock
        self._exchange = exchange
        self._ended = False
        self.at_end = False
        self.waits = True

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file to read from, as a socket does."""
        return _AnswerReader(self, self._exchange)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        if self._ended:
            return 0
        patience = self._exchange.patience() if self.waits else 0.0
        if self._sock.gettimeout() != patience:
            self._sock.settimeout(patience)
        try:
            size: int = self._sock.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None  # Only where it does not wait.
        self.at_end = size == 0
        self._exchange.count_received(size)
        return size

    def end(self) -> None:
        """Read nothing more from the socket."""
        self._ended = True


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
