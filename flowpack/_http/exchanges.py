"""One request and its answer: how much time they have, and how far they came."""

from __future__ import annotations

import socket
from http.client import HTTPException
from typing import Optional

from flowpack._http.retries import Deadline

#: Longest head of an answer, in bytes.
HEAD_LIMIT = 512 * 1024


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


class ProxyRefused(Exception):
    """A proxy does not connect to the server.

    Attributes:
        status: Its answer's.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Exchange:
    """One request and its answer, while they are on the way.

    The time-outs of sockets begin anew with every byte that arrives, so a peer that
    sends one now and then holds a call for ever. Here every wait is cut to what is
    left of the call's deadline, and the bytes of an answer are counted as they come
    from the socket, its head and chunk marks included.

    Attributes:
        deadline: When the call ends.
        timeout: Longest wait for one step, in seconds.
        opened: Whether a connection was made for it; else one was used again.
        sent: Whether some of the request may have reached the server.
        answered: Whether some of the answer has come.
        surplus: Whether more came than the answer announced.
        complete: Whether the answer was read to its end, as it should be.
    """

    def __init__(self, deadline: Deadline, timeout: float) -> None:
        self.deadline = deadline
        self.timeout = timeout
        self.opened = False
        self.sent = False
        self.answered = False
        self.surplus = False
        self.complete = False
        self._requesting = False
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
