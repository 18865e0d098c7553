"""Durations and times as people and servers write them."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Optional

# Compiled where they are used: most commands read no time.

_AMOUNT = r"[0-9]+(?:\.[0-9]+)?"
_DURATION = (
    r"(?P<plain>[0-9]+\.?[0-9]*|\.[0-9]+)"
    r"|(?:(?P<days>[0-9]+)(?: days?)?,? +)?"
    r"(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9](?:\.[0-9]+)?)"
)
_ISO_DURATION = (
    rf"P(?=[0-9T])(?:(?P<weeks>{_AMOUNT})W)?(?:(?P<days>{_AMOUNT})D)?"
    rf"(?:T(?=[0-9])(?:(?P<hours>{_AMOUNT})H)?(?:(?P<minutes>{_AMOUNT})M)?"
    rf"(?:(?P<seconds>{_AMOUNT})S)?)?"
)
_ISO_TIME = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?"
    r"(?:\.([0-9]{1,9}))? ?(?:([Zz])|([+-][0-9]{2}):?([0-9]{2})?)?"
)


def parse_duration(value: object) -> Optional[timedelta]:
    """Return a duration, or None where *value* is none.

    Args:
        value: A timedelta, a number of seconds, the same as text, ``HH:MM:SS`` with ``D days``
            before it or not, or ISO 8601 such as ``PT1H``.

    Raises:
        OverflowError: It is longer than a timedelta holds.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return timedelta(seconds=value) if math.isfinite(value) else None
    text = value.strip() if isinstance(value, str) else ""
    match = re.fullmatch(_DURATION, text) or re.fullmatch(_ISO_DURATION, text)
    if match is None:
        return None
    parts = {unit: float(n) for unit, n in match.groupdict().items() if n is not None}
    plain = parts.pop("plain", 0.0)
    return timedelta(seconds=plain) + timedelta(**parts)


def parse_time(value: object) -> Optional[datetime]:
    """Return a datetime as it is, or what ISO 8601 text means; None where *value* is neither."""
    if isinstance(value, datetime):
        return value
    match = re.fullmatch(_ISO_TIME, value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    date, clock, seconds, fraction, utc, hours, minutes = match.groups()
    # In the one spelling that Python 3.9 reads.
    micros = f".{fraction[:6]:0<6}" if fraction else ""
    hours, minutes = ("+00", "00") if utc else (hours, minutes or "00")
    offset = f"{hours}:{minutes}" if hours else ""
    try:
        return datetime.fromisoformat(f"{date}T{clock}{seconds or ':00'}{micros}{offset}")
    except ValueError:
        return None
