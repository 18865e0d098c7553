"""Headers of a request: checked before a byte is sent, never shown."""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Dict, Mapping, Optional, Set, Union

from flowpack import __version__
from flowpack.exceptions import quoted

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
_VALUE = r"[\t\x20-\x7e\x80-\xff]*\Z"

#: Set by flowpack or requests, whatever a user gives.
_OWN = "accept-encoding connection content-length host te trailer transfer-encoding upgrade"

_PUBLIC = (
    "accept accept-encoding connection content-length content-type user-agent"
    " x-prefect-api-version"
)


class Headers(Dict[str, str]):
    """Headers whose values ``repr`` does not show."""

    def __repr__(self) -> str:
        return f"<headers: {', '.join(self)}>"


def common_headers(
    given: Mapping[str, str], api_key: Optional[str] = None, credentials: Optional[str] = None
) -> Headers:
    """Return the headers that each request has; an ``Authorization`` that is given wins."""
    own = {"User-Agent": f"flowpack/{__version__}"}
    if credentials:
        own["Authorization"] = basic(credentials)
    elif api_key:
        own["Authorization"] = "Bearer " + api_key  # Formatted, a secret prints as asterisks.
    # Responses are wanted as they are: what is unpacked has no known size.
    return merged(own, given, {"Accept-Encoding": "identity"})


def merged(*parts: Mapping[str, str]) -> Headers:
    """Return all headers of *parts*; of equal names the last one wins."""
    names = {name.lower(): name for part in parts for name in part}
    # Stripped, for requests refuses blanks; and plain texts, for 2.28 refuses subclasses.
    values = {name.lower(): part[name].strip(" \t") for part in parts for name in part}
    return Headers((names[name], value) for name, value in values.items())


def basic(credentials: str) -> str:
    """Return the ``Authorization`` for ``user:password``."""
    complete = credentials if ":" in credentials else f"{credentials}:"
    encoded = base64.b64encode(complete.encode("utf-8", "surrogatepass"))
    return f"Basic {encoded.decode('ascii')}"


def secrets_in(headers: Mapping[str, Union[str, bytes]]) -> Set[str]:
    """Return what must not be shown of *headers* that a request has."""
    found: Set[str] = set()
    for name, value in headers.items():
        if name.lower() in _PUBLIC.split():
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


# These return the problem and do not raise it: a traceback shows some tools all variables.


def headers_problem(headers: Mapping[str, object]) -> str:
    """Return why one of *headers* cannot be sent, without its value, or an empty text."""
    for name, value in headers.items():
        if not re.match(_NAME, name) or name.lower() in _OWN.split():
            return f"the header {quoted(name)} is set by flowpack, or HTTP does not allow it"
        if not isinstance(value, str):
            return f"the value of the header {quoted(name)} is not text"
        if not re.match(_VALUE, value):
            problem = "has a value with a line break or a character beyond Latin-1"
            return f"the header {quoted(name)} {problem}"
    return ""


def credentials_problem(api_key: Optional[str], credentials: Optional[str]) -> str:
    """Return why a key, or user and password, cannot be sent, or an empty text."""
    if api_key and not (re.match(_VALUE, api_key) and api_key.isascii()):
        return (
            "the API key holds a line break or another character that cannot be sent;"
            " is there more than the key in PREFECT_API_KEY?"
        )
    if any(ord(character) < 32 for character in credentials or ""):
        return "the user name or the password holds a control character"
    return ""
