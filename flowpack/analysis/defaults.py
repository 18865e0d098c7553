"""Default values as JSON, in the way of the official client."""

from __future__ import annotations

import collections
import json
import math
from datetime import date, datetime, time, timedelta
from typing import Any, Callable, Dict, Tuple

from flowpack.analysis.classes import Kind, fields_of, full_name, kind_of, problem_of
from flowpack.analysis.values import Call, Class, Member, Subscripted, Symbol, Unknown

#: More values than this, or deeper ones, are not written out.
_MOST = 10_000
_DEEPEST = 100
#: Types written with ``str``, by name: their modules are only loaded if used.
_AS_TEXT = ("Decimal", "UUID", "ZoneInfo")
#: Calls that return what JSON cannot hold.
_NOT_IN_JSON = frozenset("""
    builtins.iter builtins.object builtins.open builtins.slice functools.partial
    logging.getLogger threading.Event threading.Lock threading.RLock
    """.split())
_SECRETS = ("pydantic.SecretStr", "pydantic.SecretBytes")
_SERIALIZERS = ("pydantic.computed_field", "pydantic.field_serializer", "pydantic.model_serializer")
#: Types whose instances JSON can hold, also those of classes below them.
_IN_JSON = ("str", "int", "float", "list", "tuple", "dict", "set")


class UnknownValue(Exception):
    """The value is known, in full, only when the script runs."""


class Unserialisable(Exception):
    """The value is known, and JSON cannot hold it; the official client leaves it out."""


def encode(value: object) -> Any:
    """Return *value* as JSON; raise UnknownValue or Unserialisable."""
    return _Encoder().encode(value)


class _Encoder:
    def __init__(self) -> None:
        self.steps = self.depth = 0

    def encode(self, value: Any) -> Any:
        self.steps += 1
        if self.steps > _MOST or self.depth > _DEEPEST:
            raise UnknownValue
        self.depth += 1
        encoded = self._encoded(value)
        self.depth -= 1
        return encoded

    def _encoded(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.key(key): self.encode(item) for key, item in value.items()}
        if isinstance(value, (set, frozenset)):
            return sorted(map(self.encode, value), key=json.dumps)  # in an order that stays
        if isinstance(value, (list, tuple, collections.deque)):
            return [self.encode(item) for item in value]
        if isinstance(value, Member):
            return self.encode(value.value)
        if isinstance(value, Call):
            return self.called(value)
        if isinstance(value, Symbol):
            known = value.name.partition(".")[0] in ("builtins", "typing", "datetime")
            raise Unserialisable if known else UnknownValue
        for kind, written in _WRITTEN:
            if isinstance(value, kind):
                return written(value)
        if hasattr(value, "as_posix") or type(value).__name__ in _AS_TEXT:
            return str(value)
        unknown = isinstance(value, (Unknown, Subscripted))
        raise UnknownValue if unknown else Unserialisable

    def key(self, value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if value is None or isinstance(value, float):
            return str(value)
        if isinstance(value, tuple):
            return ",".join(map(self.key, value))
        return str(self.encode(value))

    def called(self, call: Call) -> Any:
        """Return what *call* returns: an instance of a class, most often."""
        if isinstance(call.function, Class):
            return self.instance(call.function, call)
        name = full_name(call)
        if name in _SECRETS:
            return "**********"
        raise Unserialisable if name in _NOT_IN_JSON else UnknownValue

    def instance(self, cls: Class, call: Call) -> Any:
        kind = kind_of(cls)
        if kind is Kind.BLOCK or problem_of(cls):
            raise UnknownValue
        if kind is Kind.ENUMERATION:
            encoded = self.encode(call.arguments)
            if encoded and encoded[0] in self.encode(cls.members):
                return encoded[0]
            raise UnknownValue
        if kind is Kind.TYPED_DICT:
            return self.encode(dict(call.keywords))
        if kind is Kind.PLAIN:
            holds = cls.is_a(*(f"builtins.{n}" for n in _IN_JSON), "typing.List", "typing.Dict")
            raise UnknownValue if holds else Unserialisable
        values = self.fields(cls, call)
        return list(values.values()) if kind is Kind.NAMED_TUPLE else values

    def fields(self, cls: Class, call: Call) -> Dict[str, Any]:
        """Return what each field of the instance that *call* makes holds, by key."""
        fields = fields_of(cls)
        methods = (each for owner in cls.lineage for each in owner.scope.names.values())
        decorators = (d for method in methods for d in getattr(method, "decorators", ()))
        changed = any(full_name(each) in _SERIALIZERS for each in decorators)
        if changed or cls.defines("__init__", "__post_init__"):
            raise UnknownValue
        is_model = kind_of(cls) is Kind.MODEL
        positional = [field.key for field in fields if field.positional and not is_model]
        given: Dict[str, object] = dict(zip(positional, call.arguments))
        given.update(call.keywords)
        needed = {field.key for field in fields if field.required}
        excluded = any("exclude" in field.options for field in fields)
        too_many = len(call.arguments) > len(positional)
        if excluded or too_many or not needed <= given.keys() <= {f.key for f in fields}:
            raise UnknownValue
        return {
            field.key: self.encode(given.get(field.key, field.default))
            for field in fields
            if full_name(field.annotation) != "dataclasses.InitVar"
        }


def _text(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Unserialisable
    return value


def _bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Unserialisable from exc


def _time(value: Any) -> str:
    text: str = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith(("+00:00", "-00:00")) else text


def _duration(value: timedelta) -> str:
    """Return *value* in ISO 8601, with years of 365 days as pydantic has them."""
    total = abs(value)
    years, days = divmod(total.days, 365)
    minutes, seconds = divmod(total.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{total.microseconds:06}".rstrip("0") if total.microseconds else ""
    date_part = "".join(f"{n}{unit}" for n, unit in ((years, "Y"), (days, "D")) if n)
    time_part = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M")) if n)
    if seconds or fraction:
        time_part += f"{seconds}{fraction}S"
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}P{date_part}T{time_part}".rstrip("T") if total else "PT0S"


_WRITTEN: Tuple[Tuple[Any, Callable[[Any], Any]], ...] = (
    ((type(None), bool, int), lambda value: value),
    (float, lambda value: value if math.isfinite(value) else None),
    (str, _text),
    ((bytes, bytearray), _bytes),
    (complex, lambda value: str(value).strip("()")),
    ((datetime, time), _time),
    (date, date.isoformat),
    (timedelta, _duration),
)
