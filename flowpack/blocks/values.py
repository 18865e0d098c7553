"""Values of blocks' fields to JSON and back."""

from __future__ import annotations

import datetime
import enum
import functools
import json
import math
from typing import Any, Callable, Dict, Mapping, Optional, Tuple
from uuid import UUID

from flowpack.blocks.annotations import NONE, Kind, Shape, kind_of
from flowpack.blocks.secret import Secret
from flowpack.exceptions import BlockError, quoted
from flowpack.urls import Address


Writers = Tuple[Tuple[Any, Callable[[Any], Any]], ...]
Readers = Tuple[Tuple[Any, Callable[[Any, Any], Any]], ...]


class Misfit(BlockError):
    """A value does not fit its field; says what was expected, never the value."""


# --- to JSON --------------------------------------------------------------------


def to_json(value: Any) -> Any:
    """Return *value* as JSON; free mappings come sorted by key.

    Raises:
        Misfit: It is nothing that a field can hold.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if hasattr(type(value), "to_document_data"):
        return value.to_document_data()
    write = _writer(value, _PLAIN_WRITERS) or _writer(value, _rare_writers())
    if write is None:
        raise Misfit(f"an object of type {type(value).__name__} is not JSON")
    return write(value)


def _writer(value: Any, writers: Writers) -> Optional[Callable[[Any], Any]]:
    for kind, write in writers:
        if isinstance(value, kind):
            return write
    return None


def _write_float(value: float) -> float:
    if not math.isfinite(value):
        raise Misfit("not a finite number, which JSON cannot say")
    return float(value)


def _write_text(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Misfit("text with half a surrogate pair, which cannot travel")
    return value[:]


def _write_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Misfit("bytes that are not UTF-8, which JSON cannot hold") from None


def _write_decimal(value: Any) -> Any:
    """Return a number, as the reference does, unless digits would be lost."""
    if not value.is_finite():
        raise Misfit("not a finite number, which JSON cannot say")
    number = int(value) if value == value.to_integral_value() else float(value)
    if type(value)(str(number)) != value:
        raise Misfit("a decimal number of more digits than JSON's numbers carry")
    return number


def _write_mapping(value: Mapping[Any, Any]) -> Dict[str, Any]:
    items = {_key(key): to_json(item) for key, item in value.items()}
    return {key: items[key] for key in sorted(items)}


def _key(key: Any) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if not isinstance(key, str):
        raise Misfit(f"a mapping with a key of type {type(key).__name__}, not text")
    return _write_text(key)


def _write_set(value: Any) -> Any:
    """Return a list whose order depends on nothing but the content."""
    items = map(to_json, value)
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


#: How objects are written; the first class that fits counts.
_PLAIN_WRITERS: Writers = (
    (str, _write_text),
    (int, int),
    (float, _write_float),
    (Secret, lambda value: _write_text(value.get_secret_value())),
    (Address, lambda value: _write_text(value.url)),
    (Mapping, _write_mapping),
    ((list, tuple), lambda value: list(map(to_json, value))),
    ((set, frozenset), _write_set),
    (bytes, _write_bytes),
    ((datetime.date, datetime.time), lambda value: value.isoformat()),
    (datetime.timedelta, lambda value: value.total_seconds()),
    (UUID, str),
)


@functools.lru_cache(maxsize=None)
def _rare_writers() -> Writers:
    """Return the writers of classes that are seldom used and slow to import."""
    import decimal
    import pathlib

    return (
        (decimal.Decimal, _write_decimal),
        (pathlib.PurePath, lambda value: _write_text(str(value))),
    )


# --- from JSON ------------------------------------------------------------------


def from_json(value: Any, annotation: Any) -> Any:
    """Return what the JSON *value* means in a field of type *annotation*.

    It is strict: text is no number, 3.5 no int, true no number.

    Raises:
        Misfit: It does not fit.
    """
    return _read(value, kind_of(annotation))


def _read(value: Any, kind: Kind) -> Any:
    if kind.shape is Shape.ANY or (value is None and kind.optional):
        return value
    if kind.shape is Shape.UNION:
        return _read_union(value, kind)
    if kind.shape is Shape.LITERAL:
        return _read_literal(value, kind)
    if kind.shape is Shape.CLASS:
        return _read_object(value, kind.parts[0])
    if kind.shape is Shape.MAPPING:
        items = _expect(value, dict, "an object")
        return {key: from_json(item, kind.parts[0]) for key, item in items.items()}
    return _read_items(value, kind)


def _read_items(value: Any, kind: Kind) -> Any:
    items = _expect(value, list, "an array")
    if kind.shape is not Shape.TUPLE:
        return kind.build(from_json(item, kind.parts[0]) for item in items)
    if len(items) != len(kind.parts):
        raise Misfit(f"expected {len(kind.parts)} items, not {len(items)}")
    return tuple(map(from_json, items, kind.parts))


def _read_union(value: Any, kind: Kind) -> Any:
    problems = []
    for part in kind.parts:
        try:
            return from_json(value, part)
        except BlockError as exc:
            problems.append(str(exc))
    raise Misfit("; or ".join(problems))


def _read_literal(value: Any, kind: Kind) -> Any:
    for choice in kind.parts:
        plain = choice.value if isinstance(choice, enum.Enum) else choice
        if type(plain) is type(value) and plain == value:
            return choice
    raise Misfit(f"expected one of {_listed(kind.parts)}")


def _read_object(value: Any, cls: Any) -> Any:
    if issubclass(cls, enum.Enum):
        return _read_member(value, cls)
    if hasattr(cls, "from_data"):
        return cls.from_data(_expect(value, dict, "an object"))
    read = _reader(cls, _PLAIN_READERS) or _reader(cls, _rare_readers())
    if read is None:
        raise Misfit(f"nothing is known of the type {cls.__qualname__}")
    return read(value, cls)


def _reader(cls: type, readers: Readers) -> Optional[Callable[[Any, Any], Any]]:
    for known, read in readers:
        if issubclass(cls, known):
            return read
    return None


def _read_member(value: Any, cls: Any) -> Any:
    for member in cls:
        try:
            plain = to_json(member)
        except Misfit:
            continue
        if type(plain) is type(value) and plain == value:
            return member
    raise Misfit(f"expected one of {_listed(member.value for member in cls)}")


def _listed(choices: Any) -> str:
    return ", ".join(quoted(choice) for choice in choices)


def _expect(value: Any, kind: Any, name: str) -> Any:
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise Misfit(f"expected {name}, not {_json_name(value)}")


def _json_name(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean"}
    return names.get(type(value), "null" if value is None else "a number")


def _read_bool(value: Any, cls: Any) -> Any:
    return _expect(value, bool, "a boolean")


def _read_int(value: Any, cls: Any) -> Any:
    return cls(_expect(value, int, "a whole number"))


def _read_float(value: Any, cls: Any) -> Any:
    return cls(_expect(value, (int, float), "a number"))


def _read_text(value: Any, cls: Any) -> Any:
    return cls(_expect(value, str, "text"))


def _read_bytes(value: Any, cls: Any) -> Any:
    return cls(_expect(value, str, "text").encode())


def _read_iso(name: str) -> Callable[[Any, Any], Any]:
    """Return a reader of text in ISO 8601, by the class itself."""

    def read(value: Any, cls: Any) -> Any:
        text = _expect(value, str, f"{name} as text")
        try:
            # Before Python 3.11 a Z is not understood.
            zoned = text[:-1] + "+00:00" if text.endswith("Z") else text
            return cls.fromisoformat(zoned)
        except ValueError:
            raise Misfit(f"expected {name} as text, not other text") from None

    return read


def _read_seconds(value: Any, cls: Any) -> Any:
    try:
        return cls(seconds=_expect(value, (int, float), "a number of seconds"))
    except (OverflowError, ValueError):
        raise Misfit("a number of seconds that is out of range") from None


def _read_decimal(value: Any, cls: Any) -> Any:
    number = _expect(value, (int, float, str), "a number")
    try:
        return cls(str(number))
    except ArithmeticError:
        raise Misfit("expected a number, not text") from None


def _read_uuid(value: Any, cls: Any) -> Any:
    text = _expect(value, str, "a UUID as text")
    try:
        return cls(text)
    except ValueError:
        raise Misfit("expected a UUID as text, not other text") from None


def _read_none(value: Any, cls: Any) -> Any:
    raise Misfit(f"expected null, not {_json_name(value)}")


#: How objects are read; the first class that fits counts.
_PLAIN_READERS: Readers = (
    (bool, _read_bool),
    (int, _read_int),
    (float, _read_float),
    (str, _read_text),
    (Secret, _read_text),
    (bytes, _read_bytes),
    (datetime.datetime, _read_iso("a date and time")),
    (datetime.date, _read_iso("a date")),
    (datetime.time, _read_iso("a time")),
    (datetime.timedelta, _read_seconds),
    (UUID, _read_uuid),
    (NONE, _read_none),
)


@functools.lru_cache(maxsize=None)
def _rare_readers() -> Readers:
    """Return the readers of classes that are seldom used and slow to import."""
    import decimal
    import pathlib

    return (
        (decimal.Decimal, _read_decimal),
        (pathlib.PurePath, _read_text),
    )
