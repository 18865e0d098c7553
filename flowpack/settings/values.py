"""What a setting's value may be: text or TOML in, none of it empty, a checked value out.

The text of each ValueError follows the setting's name, and never shows a secret.
"""

from __future__ import annotations

import json
import re
from typing import Any, FrozenSet, Mapping

from flowpack.exceptions import quoted
from flowpack.jsonvalues import json_problem
from flowpack.urls import URL, as_address, mask_text, mask_url, parse_root, url_of

#: What is shown in place of a secret.
MASK = "********"

_TRUE, _FALSE = "1 true t yes y on".split(), "0 false f no n off".split()


class Hidden(str):
    """Text that ``repr`` does not show; it is the text itself in every other use."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


def parse_text(value: object) -> str:
    """Return text."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def parse_secret(value: object) -> str:
    """Return a secret."""
    return Hidden(parse_text(value))


def parse_api_url(value: object) -> URL:
    """Return the root of an API without slashes at its end."""
    text = parse_text(url_of(value))
    try:
        parse_root(text)
    except ValueError as exc:
        raise ValueError(f"({quoted(mask_url(text))}) {exc}") from None
    return as_address(text.rstrip("/"))


def parse_ui_url(value: object) -> URL:
    """Return the address of a user interface, as it is written."""
    return as_address(parse_text(value))


def parse_seconds(value: object) -> float:
    """Return a number of seconds, a day at most."""
    try:
        # What is no number raises a TypeError.
        number = 0.0 if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number <= 86400:
        raise ValueError(f"({quoted(value)}) must be a number of seconds, above 0, up to 86400")
    return number


def parse_count(value: object) -> int:
    """Return a whole number from 0 to 100."""
    text = str(value).strip()
    if not re.fullmatch(r"100|[0-9]{1,2}", text):
        raise ValueError(f"({quoted(value)}) must be a whole number from 0 to 100")
    return int(text)


def parse_statuses(value: object) -> FrozenSet[int]:
    """Return HTTP statuses, given as ``502,504`` or as a list."""
    given = value if isinstance(value, list) else str(value).split(",")
    texts = [text for text in (str(each).strip() for each in given) if text]
    if not all(re.fullmatch(r"[1-5][0-9]{2}", text) for text in texts):
        raise ValueError(f"({quoted(value)}) must be HTTP statuses, as in 502,504")
    return frozenset(map(int, texts))


def parse_switch(value: object) -> bool:
    """Return True if something is on."""
    text = str(value).strip().lower()
    if text not in _TRUE + _FALSE:
        raise ValueError(f"({quoted(value)}) must be true or false")
    return text in _TRUE


def parse_headers(value: object) -> Mapping[str, str]:
    """Return headers, given as a JSON object or as a TOML table."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    given: Mapping[Any, Any] = value if isinstance(value, dict) else {None: ""}
    if not all(isinstance(each, str) for each in (*given, *given.values())):
        raise ValueError('must be a JSON object of text, as in {"X-Team": "blue"}')
    return {name: Hidden(text) for name, text in given.items()}


def check_utf8(path: str) -> str:
    """Return *path*, of a folder that servers hear of, so it is text."""
    if json_problem(path):
        raise ValueError(f"({quoted(path)}): its path is not UTF-8")
    return path


def format_value(value: object) -> str:
    """Return the value of a setting as people may read it."""
    if value is None or value == "":
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {MASK}" for key in value)
    if isinstance(value, Hidden):
        return MASK
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, frozenset):
        return ",".join(map(str, sorted(value)))
    return f"{value:g}" if isinstance(value, float) else mask_text(str(value))
