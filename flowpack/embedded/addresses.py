"""Web addresses, as the reference takes them for logos and documentation."""

from __future__ import annotations

import re
from typing import Any

from flowpack.embedded.checks import Loc, invalid, text

_LONGEST = 2083
_SCHEMES = ("http", "https")
# Patterns are compiled (and kept, by ``re``) when one is needed, which is seldom.
_PARTS = (
    r"(?i)(?:(?P<scheme>[a-z][a-z0-9+\-.]+)://)?"
    r"(?:[^\s:/]*(?::[^\s/]*)?@)?"
    r"(?:(?P<literal>(?:\d{1,3}\.){3}\d{1,3}|\[[a-f0-9]*:[a-f0-9:]+\])(?=$|[/:#?])"
    r"|(?P<domain>[^\s/:?#]+))?"
    r"(?::(?P<port>\d+))?"
    r"(?:/[^\s?#]*)?(?:\?[^\s#]+)?(?:#\S+)?"
)
_LABEL = r"[^\W](?:[-\w]{0,61}[^\W])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\.?"
_TOP_LEVEL = r"\.[^\W\d_]{2,63}\.?$"


def web_address(value: Any, loc: Loc) -> str:
    """Check the address of a page, with a host that names can be looked up for."""
    address = text(value, loc).strip()
    _check_length(address, loc)
    parts = re.match(_PARTS, address)
    assert parts is not None  # Every part of the pattern may be absent.
    scheme = parts["scheme"]
    if scheme is None:
        message = "invalid or missing URL scheme"
        raise invalid(loc, message, "value_error.url.scheme")
    if scheme.lower() not in _SCHEMES:
        raise invalid(
            loc,
            "URL scheme not permitted",
            "value_error.url.scheme",
            allowed_schemes=list(_SCHEMES),
        )
    if parts["port"] is not None and int(parts["port"][:6]) > 65535:
        message = "URL port invalid, port cannot exceed 65535"
        raise invalid(loc, message, "value_error.url.port")
    if parts["literal"] is None:
        _check_domain(parts["domain"] or "", loc)
    if parts.end() != len(address):
        extra = address[parts.end() :]
        message = f"URL invalid, extra characters found after valid URL: {extra!r}"
        raise invalid(loc, message, "value_error.url.extra", extra=extra)
    return address


def _check_length(address: str, loc: Loc) -> None:
    if not address:
        raise invalid(
            loc,
            "ensure this value has at least 1 characters",
            "value_error.any_str.min_length",
            limit_value=1,
        )
    if len(address) > _LONGEST:
        raise invalid(
            loc,
            f"ensure this value has at most {_LONGEST} characters",
            "value_error.any_str.max_length",
            limit_value=_LONGEST,
        )


def _check_domain(domain: str, loc: Loc) -> None:
    if not re.fullmatch(_DOMAIN, domain):
        raise invalid(loc, "URL host invalid", "value_error.url.host")
    if not re.search(_TOP_LEVEL, domain):
        message = "URL host invalid, top level domain required"
        raise invalid(loc, message, "value_error.url.host")
