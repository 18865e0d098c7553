"""Points in time and durations, in the spellings that the reference reads."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from flowpack.embedded.checks import Loc, invalid

# Patterns are compiled (and kept, by ``re``) when one is needed, which is seldom.
_MOMENT = (
    r"(?a)(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})"
    r"(?::(\d{1,2})(?:\.(\d{1,6})\d*)?)?(Z|[+-]\d{2}(?::?\d{2})?)?"
)
_CLOCK_DURATION = (
    r"(?a)(?:(?P<days>-?\d+) (?:days?, )?)?(?:(?P<hours>-?\d+):(?=\d+:\d+))?"
    r"(?:(?P<minutes>-?\d+):)?(?P<seconds>-?\d+(?:\.\d+)?)"
)
_ISO_DURATION = (
    r"(?a)(?P<sign>[-+]?)P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: Larger numbers count milliseconds, or thousandths of those.
_MOST_SECONDS = 2e10


def now() -> str:
    """Return the time as text that sorts: UTC, with microseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def seconds_since(moment: str) -> float:
    """Return how long ago *moment* was; negative for the future."""
    return (datetime.now(timezone.utc) - datetime.fromisoformat(moment)).total_seconds()


def moment(value: Any, loc: Loc) -> str:
    """Check a point in time: ISO 8601, or seconds since 1970."""
    if not isinstance(value, (str, int, float)):
        raise invalid(
            loc,
            "invalid type; expected datetime, string, bytes, int or float",
            "type_error",
        )
    try:
        number = _number(value)
        read = _parse(str(value)) if number is None else _from_number(number)
    except (ValueError, OverflowError):
        read = None
    if read is None:
        raise invalid(loc, "invalid datetime format", "value_error.datetime")
    return read.isoformat()


def has_offset(checked: str) -> bool:
    """Say whether a point in time that was checked tells its offset from UTC."""
    return datetime.fromisoformat(checked).tzinfo is not None


def _number(value: Any) -> Optional[float]:
    try:
        return float(value)
    except ValueError:
        return None


def _from_number(number: float) -> datetime:
    while _MOST_SECONDS < abs(number) < float("inf"):
        number /= 1000
    return _EPOCH + timedelta(seconds=number)


def _parse(value: str) -> Optional[datetime]:
    match = re.fullmatch(_MOMENT, value)
    if match is None:
        return None
    *numbers, fraction, offset = match.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    microsecond = int((fraction or "").ljust(6, "0"))
    zone = _zone(offset)
    return datetime(year, month, day, hour, minute, second, microsecond, zone)


def _zone(offset: Optional[str]) -> Optional[timezone]:
    if offset is None or offset == "Z":
        return timezone.utc if offset else None
    minutes = int(offset[1:3]) * 60 + int(offset[3:].lstrip(":") or 0)
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def duration(value: Any, loc: Loc) -> float:
    """Check a duration and return it in seconds.

    It is a number of seconds, ``01:30:00`` or ISO 8601's ``PT1H30M``.
    """
    if not isinstance(value, (str, int, float)):
        raise invalid(
            loc,
            "invalid type; expected timedelta, string, bytes, int or float",
            "type_error",
        )
    said = str(value)
    match = re.fullmatch(_CLOCK_DURATION, said) or re.fullmatch(_ISO_DURATION, said)
    if match is None:
        raise invalid(loc, "invalid duration format", "value_error.duration")
    parts = {unit: part for unit, part in match.groupdict().items() if part}
    sign = -1 if parts.pop("sign", "+") == "-" else 1
    numbers = {unit: float(part) for unit, part in parts.items()}
    return sign * timedelta(**numbers).total_seconds()
