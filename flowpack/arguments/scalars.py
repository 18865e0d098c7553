"""Text and numbers made to fit a plain type, where nothing is lost by it.

Each function returns its argument itself if that fits, and raises ValueError,
TypeError or ArithmeticError if it cannot be made to.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Callable, Mapping

from flowpack._times import parse_duration, parse_time

_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "off", "f", "false", "n", "no"})


def _to_none(value: Any) -> Any:
    if value is not None:
        raise ValueError
    return value


def _to_bool(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise ValueError


def _to_int(value: Any) -> Any:
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value)
    raise ValueError


def _to_float(value: Any) -> Any:
    if isinstance(value, float):
        return value
    if isinstance(value, int) and int(float(value)) == value:
        return float(value)
    if isinstance(value, str):
        return float(value)
    raise ValueError


def _to_complex(value: Any) -> Any:
    return value if isinstance(value, complex) else complex(value)


def _to_str(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError
    return value


def _to_bytes(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8")
    if not isinstance(value, (bytes, bytearray)):
        raise ValueError
    return value


def _to_decimal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, (int, float, str)):
        raise ValueError
    # The digits that a float is written with are those that were meant.
    return Decimal(repr(value) if isinstance(value, float) else value)


def _to_uuid(value: Any) -> Any:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(_to_str(value))


def _to_datetime(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    parsed = parse_time(_to_str(value))
    return datetime.fromisoformat(value) if parsed is None else parsed


def _to_date(value: Any) -> Any:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _to_time(value: Any) -> Any:
    if isinstance(value, time):
        return value
    # Read as part of some day, so that every Python takes the same spellings.
    parsed = parse_time(f"2000-01-01T{_to_str(value)}")
    if parsed is None:
        raise ValueError
    return parsed.timetz()


def _to_timedelta(value: Any) -> Any:
    parsed = parse_duration(value)
    if parsed is None:
        raise ValueError
    return parsed


SCALARS: Mapping[Any, Callable[[Any], Any]] = {
    type(None): _to_none,
    bool: _to_bool,
    int: _to_int,
    float: _to_float,
    complex: _to_complex,
    str: _to_str,
    bytes: _to_bytes,
    Decimal: _to_decimal,
    uuid.UUID: _to_uuid,
    datetime: _to_datetime,
    date: _to_date,
    time: _to_time,
    timedelta: _to_timedelta,
}
