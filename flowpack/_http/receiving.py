"""Bodies, on their way to a server and back, in constant memory and within limits."""

from __future__ import annotations

import re
from contextlib import contextmanager
from http.client import HTTPMessage
from typing import BinaryIO, Iterator, Optional

import requests
import urllib3

from flowpack._http.adapter import Attempt, BrokenResponse, ResponseRefused
from flowpack.transport import Response

#: Longest response that is kept in memory unless the caller says otherwise, in bytes.
BODY_LIMIT = 8 * 1024 * 1024

#: So much of a body is read and sent in one go, in bytes. While the next block is read, and
#: hashed, the server has this one to take.
_BLOCK = 256 * 1024


class LocalError(Exception):
    """The caller's own file failed; carries its error past the network's."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _own_file() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as exc:
        raise LocalError(exc) from exc


class FileBody:
    """What a request sends of an open file: *size* bytes from where it stands, repeatedly."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._start = file, size, file.tell()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        with _own_file():
            self._file.seek(self._start)
        left = self._size
        while left:
            with _own_file():
                block = self._file.read(min(left, _BLOCK))
                if not block:
                    raise OSError("the file that was to be sent has become shorter")
            left -= len(block)
            yield block


class Sink:
    """Where the body of a response 200 goes: into *file*, or into memory; no more than *limit*."""

    def __init__(self, file: Optional[BinaryIO] = None, limit: Optional[int] = BODY_LIMIT) -> None:
        self.file, self.limit, self.content = file, limit, bytearray()
        self._start = file.tell() if file is not None else 0

    def clear(self) -> None:
        """Forget what an earlier attempt left."""
        self.content.clear()
        with _own_file():
            if self.file is not None and self.file.tell() != self._start:
                self.file.seek(self._start)
                self.file.truncate()

    def write(self, block: bytes) -> None:
        """Take some of the body."""
        with _own_file():
            self.content.extend(block) if self.file is None else self.file.write(block)


def receive(reply: requests.Response, attempt: Attempt, sink: Sink) -> Response:
    """Read a response whose head has been read to its end.

    Raises:
        ResponseRefused: It is too long, or packed.
        BrokenResponse: It is not as HTTP wants it.
    """
    _check_head(reply, attempt)
    sink.clear()
    headers = {name.lower(): value.strip() for name, value in reply.headers.items()}
    location = getattr(reply.raw, "headers", {}).get("location")
    if location is not None:
        headers["location"] = location
    status = reply.status_code
    if status != 200:
        sink = Sink()
    # As it is: with a blank behind it the parser takes the marks of chunks for the body.
    coding = reply.headers.get("transfer-encoding", "").lower()
    if reply.request.method == "HEAD" or (status in (204, 304) and not coding):
        return Response(status, reply.content, headers)
    if status in (204, 304):  # Some servers announce chunks there, and send none.
        return Response(status, headers=headers)
    packed = headers.get("content-encoding", "").lower() not in ("", "identity")
    if packed or coding not in ("", "chunked"):
        if status >= 300:
            return Response(status, headers=headers)
        raise ResponseRefused(
            f"the server answered {status} with a packed body, though only plain ones were"
            " asked for; is there a proxy that packs?"
        )
    attempt.allow_body(None if sink.limit is None else 2 * sink.limit + _BLOCK)
    length = "" if coding else headers.get("content-length", "")
    if not re.match(r"[0-9]{0,18}\Z", length):
        raise BrokenResponse("the response's Content-Length is no number")
    _read_body(reply, attempt, sink, int(length) if length else None)
    return Response(status, bytes(sink.content), headers)


def _check_head(reply: requests.Response, attempt: Attempt) -> None:
    """Raise if the head is not whole, which the parser does not notice."""
    if attempt.ended:
        raise BrokenResponse("the response broke off in its head")
    head = getattr(getattr(reply.raw, "_original_response", None), "msg", None)
    if not isinstance(head, HTTPMessage):  # What stands in for a server has none.
        return
    if head.defects and head.get_content_maintype() != "multipart":
        raise BrokenResponse("a line in the head of the response is no header")


def _read_body(
    reply: requests.Response, attempt: Attempt, sink: Sink, expected: Optional[int]
) -> None:
    limit = float("inf") if sink.limit is None else sink.limit
    if expected is not None and expected > limit:
        raise ResponseRefused(f"the response has {expected} bytes, more than {limit}")
    total = 0
    for block in _blocks(reply):
        attempt.remaining()  # An adapter of the user's own may know no deadline.
        total += len(block)
        if total > limit:
            raise ResponseRefused(f"the response has more than {limit} bytes")
        sink.write(block)
    if expected is not None and total < expected:
        raise BrokenResponse(f"the response broke off {expected - total} bytes before its end")


def _blocks(reply: requests.Response) -> Iterator[bytes]:
    raw = reply.raw
    read = getattr(reply, "_content_consumed", False)  # By a hook of the user's session.
    if isinstance(raw, urllib3.HTTPResponse) and not read:
        # Not through requests: urllib3's own reader of chunks takes lines without end.
        return iter(lambda: raw.read(_BLOCK, decode_content=False), b"")
    # What stands in for a server in tests may have less.
    return iter([reply.content] if raw is None else reply.iter_content(_BLOCK))
