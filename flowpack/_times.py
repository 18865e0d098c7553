"""Durations and times as people and servers write them."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Optional

#: Longer text is not even looked at; no duration or time has as many characters.
_LONGEST = 100

_AMOUNT = r"[0-9]+(?:\.[0-9]+)?"
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_CLOCK = re.compile(
    r"(?:(?P<days>[0-9]+)(?: days?)?,? +)?"
    r"(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9](?:\.[0-9]+)?)"
)
_ISO_DURATION = re.compile(
    rf"P(?=[0-9T])(?:(?P<weeks>{_AMOUNT})W)?(?:(?P<days>{_AMOUNT})D)?"
    rf"(?:T(?=[0-9])(?:(?P<hours>{_AMOUNT})H)?(?:(?P<minutes>{_AMOUNT})M)?"
    rf"(?:(?P<seconds>{_AMOUNT})S)?)?"
)
_ISO_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]"
    r"(?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?:\.(?P<fraction>[0-9]{1,9}))? ?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


def parse_duration(value: object) -> Optional[timedelta]:
    """Return the duration that *value* says, or None when it says none.

    Args:
        value: A timedelta, a number of seconds, the same as text, ``HH:MM:SS``
            with ``D days`` before it or not, or ISO 8601 such as ``PT1H``.

    Raises:
        OverflowError: It is longer than a timedelta holds.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return timedelta(seconds=value) if math.isfinite(value) else None
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=float(text))
    match = _CLOCK.fullmatch(text) or _ISO_DURATION.fullmatch(text)
    if match is None:
        return None
    parts = {unit: float(n) for unit, n in match.groupdict().items() if n is not None}
    return timedelta(**parts)


def parse_time(value: object) -> Optional[datetime]:
    """Return the time that *value*, a datetime or ISO 8601 text, says, or None.

    Without an offset in *value* the time has none either.
    """
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    match = _ISO_TIME.fullmatch(value.strip())
    if match is None:
        return None
    date, clock, fraction, offset = match.group("date", "clock", "fraction", "offset")
    if len(clock) == len("HH:MM"):
        clock += ":00"
    micros = f".{fraction[:6]:0<6}" if fraction else ""
    try:
        return datetime.fromisoformat(f"{date}T{clock}{micros}{_spelt_out(offset)}")
    except ValueError:
        return None


def _spelt_out(offset: Optional[str]) -> str:
    """Return *offset* in the one spelling that Python 3.9 reads."""
    if offset is None:
        return ""
    if offset in ("Z", "z"):
        return "+00:00"
    digits = offset[1:].replace(":", "")
    return f"{offset[0]}{digits[:2]}:{digits[2:] or '00'}"
