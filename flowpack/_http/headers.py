"""Headers of a request: checked before a byte is sent, never shown.

The checks return what is wrong in words that hold no value, or an empty text. They
do not raise, for a traceback tells some tools what every variable held.
"""

from __future__ import annotations

import base64
import re
from typing import Dict, Mapping, Optional, Set

from flowpack import __version__
from flowpack.exceptions import quoted

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")

#: Set by flowpack itself, whatever a user gives.
_OWN = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

_PUBLIC = frozenset(
    {
        "accept",
        "accept-encoding",
        "content-type",
        "user-agent",
        "x-prefect-api-version",
    }
)


class Headers(Dict[str, str]):
    """Headers whose values ``repr`` does not show."""

    def __repr__(self) -> str:
        return f"<headers: {', '.join(self)}>"


def common_headers(
    given: Mapping[str, str],
    *,
    api_key: Optional[str] = None,
    credentials: Optional[str] = None,
) -> Headers:
    """Return the headers that each request has.

    Args:
        given: The user's own; an ``Authorization`` among them wins.
        api_key: Sent as ``Bearer``.
        credentials: ``user:password``, sent as ``Basic``; wins over *api_key*.
    """
    own = Headers({"User-Agent": f"flowpack/{__version__}"})
    if credentials:
        own["Authorization"] = basic(credentials)
    elif api_key:
        own["Authorization"] = f"Bearer {api_key[:]}"
    # Answers are wanted as they are: what is unpacked has no known size.
    return merged(own, given, {"Accept-Encoding": "identity"})


def secrets_in(headers: Mapping[str, str]) -> Set[str]:
    """Return what must not be shown of *headers* that a request has."""
    found: Set[str] = set()
    for name, value in headers.items():
        if name.lower() in _PUBLIC:
            continue
        found.add(value)
        if name.lower() in ("authorization", "proxy-authorization"):
            token = value.partition(" ")[2]
            found |= {token, *_parts_of_basic(token)}
    return found


def _parts_of_basic(token: str) -> Set[str]:
    try:
        decoded = base64.b64decode(token, validate=True).decode()
    except ValueError:
        return set()
    return {decoded, decoded.partition(":")[2]}


def basic(credentials: str) -> str:
    """Return the ``Authorization`` for ``user:password``."""
    complete = credentials if ":" in credentials else f"{credentials}:"
    encoded = base64.b64encode(complete.encode("utf-8", "surrogatepass"))
    return f"Basic {encoded.decode('ascii')}"


def merged(*parts: Mapping[str, str]) -> Headers:
    """Return all headers of *parts*; of equal names the last one wins."""
    names = {name.lower(): name for part in parts for name in part}
    values = {name.lower(): part[name] for part in parts for name in part}
    return Headers((names[name], value) for name, value in values.items())


def headers_fault(headers: Mapping[str, str]) -> str:
    """Return why one of *headers* cannot be sent, or an empty text."""
    for name, value in headers.items():
        fault = _header_fault(name, value)
        if fault:
            return f"the header {quoted(name)} {fault}"
    return ""


def _header_fault(name: object, value: object) -> str:
    if not isinstance(name, str) or not isinstance(value, str):
        return "is not text"
    if not _NAME.match(name):
        return "has a name that HTTP does not allow"
    if name.lower() in _OWN:
        return "is set by flowpack and cannot be given"
    if not _VALUE.match(value):
        return "has a value with a line break or a character beyond Latin-1"
    return ""


def credentials_fault(api_key: Optional[str], credentials: Optional[str]) -> str:
    """Return why a key, or user and password, cannot be sent, or an empty text."""
    if api_key and not (_VALUE.match(api_key) and api_key.isascii()):
        return (
            "the API key holds a line break or another character that cannot be sent;"
            " is there more than the key in PREFECT_API_KEY?"
        )
    if any(ord(character) < 32 for character in credentials or ""):
        return "the user name or the password holds a control character"
    return ""
