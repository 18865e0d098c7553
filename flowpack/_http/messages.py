"""What requests and responses hold: headers that are never shown, bodies within limits."""

from __future__ import annotations

import base64
import contextlib
import io
import math
import re
from http.client import HTTPMessage
from typing import Any, BinaryIO, Dict, Iterator, Mapping, Optional, Set, Union

import requests
import urllib3

from flowpack import __version__
from flowpack._http.adapter import Attempt
from flowpack._http.retries import Failure
from flowpack.exceptions import SettingsError, quoted
from flowpack.transport import Response

#: Longest response that is kept in memory unless the caller asks for another limit, in bytes.
_BODY_LIMIT = 8 * 1024 * 1024

#: So much of a body is read and sent in one go, in bytes. While the next block is read, and
#: hashed, the server has this one to take.
_BLOCK = 256 * 1024

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
_VALUE = r"[\t\x20-\x7e\x80-\xff]*\Z"

#: Set by flowpack or requests, whatever a user gives.
_OWN = "accept-encoding connection content-length host te trailer transfer-encoding upgrade".split()

#: Shown in errors where a server repeats them.
_PUBLIC = [*_OWN, "accept", "content-type", "user-agent", "x-prefect-api-version"]


class Headers(Dict[str, str]):
    """Headers whose values ``repr`` does not show; of names that differ in case the last counts."""

    def __repr__(self) -> str:
        return f"<headers: {', '.join(self)}>"


def common_headers(
    given: Mapping[str, Any], api_key: Optional[str] = None, credentials: Optional[str] = None
) -> Headers:
    """Return the headers that each request has; an ``Authorization`` that is given wins.

    Raises:
        SettingsError: One cannot be sent; the text does not show its value.
    """
    for name, value in given.items():
        fits = re.match(_NAME, name) and isinstance(value, str) and re.match(_VALUE, value)
        if not fits or name.lower() in _OWN:
            raise SettingsError(
                f"the header {quoted(name)} cannot be sent: flowpack sets it itself, or name or"
                " value hold what HTTP does not allow, such as a line break"
            )
    if not re.match(_VALUE, api_key or "") or not (api_key or "").isascii():
        raise SettingsError(
            "the API key holds a line break or another character that cannot be sent;"
            " is there more than the key in PREFECT_API_KEY?"
        )
    if any(ord(character) < 32 for character in credentials or ""):
        raise SettingsError("the user name or the password holds a control character")
    headers = Headers({"User-Agent": f"flowpack/{__version__}"})
    if credentials:
        headers["Authorization"] = basic(credentials)
    elif api_key:
        headers["Authorization"] = "Bearer " + api_key  # Formatted, a secret prints as asterisks.
    # Stripped, for requests refuses blanks; and plain texts, for 2.28 refuses subclasses.
    headers.update((name, value.strip(" \t")) for name, value in given.items())
    # Responses are wanted as they are: what is unpacked has no known size.
    headers["Accept-Encoding"] = "identity"
    return headers


def basic(credentials: str) -> str:
    """Return the ``Authorization`` for ``user:password``."""
    complete = credentials if ":" in credentials else f"{credentials}:"
    encoded = base64.b64encode(complete.encode("utf-8", "surrogatepass"))
    return f"Basic {encoded.decode('ascii')}"


def secrets_in(headers: Mapping[str, Union[str, bytes]]) -> Set[str]:
    """Return what must not be shown of *headers* that a request has."""
    found: Set[str] = set()
    for name, value in headers.items():
        if name.lower() in _PUBLIC:
            continue
        text = value if isinstance(value, str) else value.decode("latin-1")
        found.add(text)
        if name.lower() in ("authorization", "proxy-authorization"):
            token = text.partition(" ")[2]
            found.add(token)
            with contextlib.suppress(ValueError):
                decoded = base64.b64decode(token, validate=True).decode()
                found |= {decoded, decoded.partition(":")[2]}
    return found


class LocalError(Exception):
    """Carries an error of the caller's own file, its cause, past those of the network."""


@contextlib.contextmanager
def _own_file() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as exc:
        raise LocalError from exc


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
    """Takes the body of a response 200: no more than *limit* bytes, into *file* or memory.

    Without a limit it takes any number into a file, 8 MiB into memory.
    """

    def __init__(self, file: Optional[BinaryIO] = None, limit: Optional[int] = None) -> None:
        usual = _BODY_LIMIT if file is None else math.inf
        self.limit = usual if limit is None else limit
        self.memory = io.BytesIO()
        self._file: BinaryIO = self.memory if file is None else file
        self._start = self._file.tell()

    def clear(self) -> None:
        """Forget what an earlier attempt left."""
        with _own_file():
            if self._file.tell() != self._start:
                self._file.seek(self._start)
                self._file.truncate()

    def write(self, block: bytes) -> None:
        """Take some of the body."""
        with _own_file():
            self._file.write(block)


def receive(reply: requests.Response, attempt: Attempt, sink: Sink) -> Response:
    """Read a response whose head has been read to its end.

    Raises:
        Failure: It is too long, packed, or not as HTTP wants it.
    """
    # The parser does not notice that a head is not whole; what stands in for a server has none.
    if attempt.ended:
        raise Failure("the response broke off in its head")
    head = getattr(getattr(reply.raw, "_original_response", None), "msg", None)
    if isinstance(head, HTTPMessage) and head.defects:
        raise Failure("a line in the head of the response is no header")
    sink.clear()
    headers = {name.lower(): value.strip() for name, value in reply.headers.items()}
    location = getattr(reply.raw, "headers", {}).get("location")
    if location:  # The session has hidden it from requests.
        headers["location"] = location
    status, coding = reply.status_code, headers.get("transfer-encoding", "").lower()
    if reply.request.method == "HEAD":
        return Response(status, reply.content, headers)
    if status in (204, 304):  # Some servers announce chunks there, and send none.
        return Response(status, b"" if coding else reply.content, headers)
    packing = headers.get("content-encoding", "").lower()
    if packing not in ("", "identity") or coding not in ("", "chunked"):
        if status >= 300:
            return Response(status, headers=headers)
        raise Failure(
            f"the server answered {status} with a packed body, though only plain ones were"
            " asked for; is there a proxy that packs?",
            passing=False,
        )
    sink = sink if status == 200 else Sink()
    _read_body(reply, attempt, sink, "" if coding else headers.get("content-length", ""))
    return Response(status, sink.memory.getvalue(), headers)


def _read_body(reply: requests.Response, attempt: Attempt, sink: Sink, length: str) -> None:
    """Read the body, which has *length* bytes where that is known."""
    if not re.match(r"[0-9]{0,18}\Z", length):
        raise Failure("the response's Content-Length is no number")
    expected, size = int(length or 0), 0
    too_long = Failure(f"the response has more than {sink.limit} bytes", passing=False)
    if expected > sink.limit:
        raise too_long
    attempt.receivable = math.inf
    for block in _blocks(reply):
        attempt.remaining()  # An adapter of the user's own may know no deadline.
        size += len(block)
        if size > sink.limit:
            raise too_long
        sink.write(block)
    if size < expected:
        raise Failure(f"the response broke off {expected - size} bytes before its end")


def _blocks(reply: requests.Response) -> Iterator[bytes]:
    raw = reply.raw
    read = getattr(reply, "_content_consumed", False)  # By a hook of the user's session.
    if isinstance(raw, urllib3.HTTPResponse) and not read:
        # Not through requests: urllib3's own reader of chunks takes lines without end.
        return iter(lambda: raw.read(_BLOCK, decode_content=False), b"")
    # What stands in for a server in tests may have less.
    return iter([reply.content] if raw is None else reply.iter_content(_BLOCK))
