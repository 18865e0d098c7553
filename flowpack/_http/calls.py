"""One call: attempts, waits, and an answer or one clean error."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import Any, BinaryIO, Callable, Dict, Iterator, Mapping, Optional, Union

import attrs

from flowpack._http.answers import TimedAnswer
from flowpack._http.connections import Pool
from flowpack._http.exchanges import AnswerRefused, BrokenAnswer, Exchange
from flowpack._http.faults import FOREIGN, bare, explain
from flowpack._http.headers import merged
from flowpack._http.network import Network
from flowpack._http.retries import (
    Deadline,
    Outcome,
    RetryPolicy,
    budget_for,
    persist,
)
from flowpack.exceptions import APIConnectionError, SettingsError
from flowpack.transport import Answer, Effect
from flowpack.urls import ParsedURL

#: Longest answer that is kept in memory unless the caller says otherwise, in bytes.
ANSWER_LIMIT = 8 * 1024 * 1024

_BLOCK = 256 * 1024

#: So much of a body is read and sent in one go, in bytes. While the next part is
#: read, and hashed, the server has this one to take.
_PART = 256 * 1024

_DIGITS = re.compile(r"[0-9]{1,18}\Z")


class LocalFault(Exception):
    """The caller's own file failed; carries its error past the network's."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _own_file() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as exc:
        raise LocalFault(exc) from exc


@attrs.frozen(eq=False)
class Content:
    """What a request sends: bytes, or an open file from where it stands.

    It can be sent several times.

    Attributes:
        source: The bytes, or a file that can be rewound.
        size: How many bytes, exactly.
        start: Where in the file they begin.
    """

    source: Union[bytes, BinaryIO] = attrs.field(repr=False)
    size: int
    start: int = 0

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.source, bytes):
            view = memoryview(self.source)
            for start in range(0, self.size, _PART):
                yield view[start : start + _PART]
            return
        with _own_file():
            self.source.seek(self.start)
        left = self.size
        while left:
            with _own_file():
                block = self.source.read(min(left, _PART))
                if not block:
                    raise OSError("the file that was to be sent has become shorter")
            left -= len(block)
            yield block


class Sink:
    """Where the body of an answer goes: into a file, or into memory."""

    def __init__(self, file: Optional[BinaryIO] = None) -> None:
        self._file = file
        self._start = file.tell() if file is not None else 0
        self._memory = bytearray()
        self._dirty = False

    @property
    def content(self) -> bytes:
        """What came, where there is no file."""
        return bytes(self._memory)

    def clear(self) -> None:
        """Forget what an earlier attempt left."""
        self._memory.clear()
        if self._file is not None and self._dirty:
            with _own_file():
                self._file.seek(self._start)
                self._file.truncate()

    def write(self, block: memoryview) -> None:
        """Take a part of the body, which the caller may overwrite afterwards."""
        if self._file is None:
            self._memory += block
            return
        self._dirty = True
        with _own_file():
            self._file.write(block)


@attrs.frozen(kw_only=True, eq=False)
class Call:
    """What is asked of a server.

    Attributes:
        method: HTTP method in capitals.
        address: Where, with path and query.
        effect: What it does to the server.
        headers: Beside those that the caller always sends.
        content: The body, or None.
        into: Where the body of an answer 200 goes; None keeps it in memory.
        limit: Longest body that is taken of an answer 200, in bytes; None for any.
    """

    method: str
    address: ParsedURL
    effect: Effect
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    content: Optional[Content] = None
    into: Optional[BinaryIO] = attrs.field(default=None, repr=False)
    limit: Optional[int] = ANSWER_LIMIT


class Caller:
    """Makes calls under one policy; threads may share it."""

    def __init__(
        self,
        network: Network,
        *,
        headers: Mapping[str, str],
        timeout: float,
        seconds: float,
        seconds_per_mib: float = 0.0,
        policy: Optional[RetryPolicy] = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Optional[Callable[[float], object]] = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            network: Gives the connections; closed by whoever made it.
            headers: Sent with each request.
            timeout: Longest wait for one step, in seconds.
            seconds: How long a call may take, all attempts and waits included.
            seconds_per_mib: How much longer for each MiB moved.
            policy: Which requests are repeated; None for the usual one.
            clock: Says the time in seconds.
            sleep: Waits so many seconds.
        """
        if not (timeout > 0 and seconds > 0):
            raise ValueError("time-outs are more than 0 seconds")
        self._network = network
        self._headers = headers
        self._timeout = timeout
        self._seconds = seconds
        self._seconds_per_mib = seconds_per_mib
        self._policy = policy or RetryPolicy()
        self._clock = clock
        self._sleep = sleep or time.sleep

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def call(self, call: Call) -> Answer:
        """Make *call* and return the answer, whatever its status.

        Raises:
            APIConnectionError: No usable answer came back.
            SettingsError: A proxy or a CA file cannot be used.
            OSError: The caller's own file failed.
        """
        pool = self._pool(call.address)
        sink = Sink(call.into)
        deadline = Deadline(
            self._seconds, seconds_per_mib=self._seconds_per_mib, clock=self._clock
        )
        outcome, attempts = persist(
            lambda: self._attempt(call, pool, sink, deadline),
            effect=call.effect,
            policy=self._policy,
            deadline=deadline,
            budget=budget_for(call.address.origin),
            sleep=self._sleep,
            label=f"{call.method} {call.address.shown}",
        )
        if isinstance(outcome, Answer):
            # It will be shown in part, and some proxies repeat what they were sent.
            shown = outcome.status >= 300
            return outcome.without(pool.way.secrets) if shown else outcome
        reason = outcome.reason
        if attempts > 1:
            reason += f" ({attempts} attempts in {deadline.elapsed():.1f} s)"
        error = APIConnectionError(call.method, call.address.shown, reason)
        raise error from outcome.cause

    def _pool(self, address: ParsedURL) -> Pool:
        try:
            return self._network.pool_for(address)
        except SettingsError as exc:
            error = bare(exc)
        raise error

    def _attempt(
        self, call: Call, pool: Pool, sink: Sink, deadline: Deadline
    ) -> Outcome:
        """Send the request once; foreign errors end here."""
        exchange = Exchange(deadline, self._timeout)
        try:
            return self._exchange(call, pool, sink, exchange)
        except LocalFault as exc:
            own = exc.error
        except FOREIGN as exc:
            return explain(exc, exchange)
        raise bare(own)

    def _exchange(
        self, call: Call, pool: Pool, sink: Sink, exchange: Exchange
    ) -> Answer:
        content = call.content
        size = {} if content is None else {"Content-Length": str(content.size)}
        headers = merged(self._headers, call.headers, size)
        # One that was kept may be closed just now, and then nobody knows whether the
        # request was taken: what cannot be repeated is not risked on it.
        create = call.effect is Effect.CREATE
        connection = pool.new() if create else pool.take()
        try:
            with connection.ask(
                exchange,
                call.method,
                call.address,
                headers,
                content or (),
                content.size if content else 0,
            ) as reply:
                return _receive(reply, exchange, call, sink)
        finally:
            if exchange.complete:
                pool.give_back(connection)
            else:
                connection.close()


def _receive(reply: TimedAnswer, exchange: Exchange, call: Call, sink: Sink) -> Answer:
    """Read the answer to its end.

    Raises:
        AnswerRefused: It is too long, or packed.
        HTTPException: It is broken.
    """
    sink.clear()
    headers = _headers_of(reply)
    limit = call.limit
    if reply.status != 200:
        sink, limit = Sink(), ANSWER_LIMIT
    if _packed(headers, reply):
        return Answer(reply.status, headers=headers)
    _check_length(headers, reply, limit)
    exchange.allow_body(None if limit is None else 2 * limit + _BLOCK)
    _read_body(reply, sink, limit)
    if exchange.surplus and not reply.doubtful:
        raise BrokenAnswer("more came back than the answer announced")
    exchange.complete = True
    return Answer(reply.status, sink.content, headers)


def _headers_of(reply: TimedAnswer) -> Dict[str, str]:
    headers: Dict[str, str] = {}
    for name, value in reply.getheaders():
        name = name.lower()
        value = value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _packed(headers: Mapping[str, str], reply: TimedAnswer) -> bool:
    """Say whether the body is packed, and to be left where it is.

    Raises:
        AnswerRefused: It is packed, and it matters.
    """
    content = headers.get("content-encoding", "").lower()
    transfer = headers.get("transfer-encoding", "").lower()
    # Of a transfer coding it is not even known where it ends.
    if transfer in ("", "identity", "chunked"):
        if content in ("", "identity") or reply.length == 0:
            return False
    if reply.status < 300:
        raise AnswerRefused(
            f"the server answered {reply.status} with a packed body, though only plain"
            " ones were asked for; is there a proxy that packs?"
        )
    return True


def _check_length(
    headers: Mapping[str, str], reply: TimedAnswer, limit: Optional[int]
) -> None:
    length = headers.get("content-length", "0")
    if reply.chunked or reply.length == 0:
        return
    if not _DIGITS.match(length):
        raise BrokenAnswer("the answer's Content-Length is no number")
    if limit is not None and int(length) > limit:
        raise AnswerRefused(f"the answer has {length} bytes, more than {limit}")


def _read_body(reply: TimedAnswer, sink: Sink, limit: Optional[int]) -> None:
    known = reply.length if isinstance(reply.length, int) else _BLOCK
    buffer = memoryview(bytearray(max(1, min(known, _BLOCK))))
    total = 0
    while True:
        size = reply.readinto(buffer)
        if not size:
            break
        total += size
        if limit is not None and total > limit:
            raise AnswerRefused(f"the answer has more than {limit} bytes")
        sink.write(buffer[:size])
    if reply.length:
        raise BrokenAnswer(f"the answer broke off {reply.length} bytes before its end")
