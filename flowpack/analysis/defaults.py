"""Default values as JSON, in the way of the official client."""

from __future__ import annotations

import ast
import collections
import json
import math
from datetime import date, datetime, time, timedelta
from typing import Any, Callable, Dict, Iterable, List, Mapping, Tuple

from flowpack.analysis.classes import Field, Kind, fields_of, full_name, kind_of, problem_of
from flowpack.analysis.evaluate import result_of
from flowpack.analysis.values import (
    UNKNOWN,
    Call,
    Class,
    Function,
    Member,
    Subscripted,
    Symbol,
    UnionOf,
    Unknown,
    member_value,
    values_of,
)

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
_SERIALIZERS = frozenset(
    f"pydantic.{name}" for name in ("computed_field", "field_serializer", "model_serializer")
)
_FACTORIES: Mapping[str, Callable[[], object]] = {
    f"builtins.{each.__name__}": each for each in (list, tuple, set, dict)
}


class UnknownValue(Exception):
    """The value is known only when the script runs."""


class Unserialisable(Exception):
    """The value is known, and JSON cannot hold it."""


def encode(value: object) -> Any:
    """Return *value* as JSON.

    Raises:
        UnknownValue: It is not known in full.
        Unserialisable: JSON cannot hold it; the official client leaves it out.
    """
    return _Encoder().encode(value)


class _Encoder:
    def __init__(self) -> None:
        self.steps = 0
        self.depth = 0

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
            return _sorted([self.encode(item) for item in value])
        if isinstance(value, (list, tuple, collections.deque)):
            return [self.encode(item) for item in value]
        if isinstance(value, Member):
            return self.encode(member_value(value))
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
        unknown = isinstance(value, (Unknown, Subscripted, UnionOf))
        raise UnknownValue if unknown else Unserialisable

    def key(self, value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if value is None or isinstance(value, float):
            return str(value)
        if isinstance(value, tuple):
            return ",".join(self.key(item) for item in value)
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
            return self.member(cls, call)
        if kind is Kind.TYPED_DICT:
            return self.encode(dict(call.keywords))
        if kind is Kind.PLAIN:
            return self.plain_instance(cls, call)
        fields = fields_of(cls)
        if _serializes(cls) or any("exclude" in field.options for field in fields):
            raise UnknownValue
        values = _bound_arguments(call, cls, fields)
        if kind is Kind.NAMED_TUPLE:
            return [self.encode(values[field.name]) for field in fields]
        kept = [field for field in fields if full_name(field.annotation) != "dataclasses.InitVar"]
        return {field.key: self.encode(values[field.name]) for field in kept}

    def member(self, cls: Class, call: Call) -> Any:
        encoded = self.encode(list(call.arguments[:1]))
        if encoded and encoded[0] in self.encode(values_of(cls)):
            return encoded[0]
        raise UnknownValue

    def plain_instance(self, cls: Class, call: Call) -> Any:
        """Return the instance of a class that extends a type of JSON's, or nothing."""
        for base in (str, int, float, list, tuple, dict, set):
            names = f"builtins.{base.__name__}", f"typing.{base.__name__.title()}"
            if cls.is_a(*names) and len(call.arguments) < 2:
                makes = map(cls.attribute, ("__new__", "__init__"))
                if call.keywords or any(isinstance(each, Function) for each in makes):
                    raise UnknownValue
                empty: Any = base()
                return self.encode(call.arguments[0] if call.arguments else empty)
        raise Unserialisable


def _bound_arguments(call: Call, cls: Class, fields: Tuple[Field, ...]) -> Dict[str, object]:
    """Return what each field of the instance that *call* makes holds, by name.

    Raises:
        UnknownValue: The arguments do not fit, or code of the class sets fields.
    """
    if isinstance(cls.attribute("__init__"), Function) or _changes_itself(cls):
        raise UnknownValue
    is_model = kind_of(cls) is Kind.MODEL
    positional = [f.name for f in fields if f.is_argument and f.positional and not is_model]
    names = {field.key if is_model else field.name: field.name for field in fields}
    if len(call.arguments) > len(positional) or not names.keys() >= call.keywords.keys():
        raise UnknownValue
    given: Dict[str, object] = dict(zip(positional, call.arguments))
    given.update({names[key]: value for key, value in call.keywords.items()})
    if any(field.required and field.name not in given for field in fields):
        raise UnknownValue
    return {field.name: given.get(field.name, _default(field)) for field in fields}


def _serializes(cls: Class) -> bool:
    """Return True if methods of *cls* say what JSON its instances become."""
    methods = (each for owner in cls.lineage for each in owner.scope.names.values())
    return any(
        full_name(decorator) in _SERIALIZERS
        for method in methods
        if isinstance(method, Function)
        for decorator in method.decorators
    )


def _changes_itself(cls: Class) -> bool:
    """Return True if ``__post_init__`` sets anything."""
    after = cls.attribute("__post_init__")
    if not isinstance(after, Function) or after.node is None:
        return False
    return any(
        isinstance(node, ast.Attribute)
        and (isinstance(node.ctx, ast.Store) or node.attr == "__setattr__")
        for node in ast.walk(after.node)
    )


def _default(field: Field) -> object:
    factory = field.factory
    if factory is None:
        return field.default
    if isinstance(factory, Class):
        return Call(factory)
    if isinstance(factory, Function):
        return result_of(factory)
    make = _FACTORIES.get(full_name(factory))
    return UNKNOWN if make is None else make()


def _text(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Unserialisable
    return value


def _sorted(items: List[Any]) -> List[Any]:
    """Return *items* of a set in an order that does not change between runs."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=json.dumps)


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
    date_part = _joined([(years, "Y"), (days, "D")])
    time_part = _joined([(hours, "H"), (minutes, "M")])
    if seconds or fraction:
        time_part += f"{seconds}{fraction}S"
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}P{date_part}T{time_part}".rstrip("T") if total else "PT0S"


def _joined(parts: Iterable[Tuple[int, str]]) -> str:
    return "".join(f"{number}{unit}" for number, unit in parts if number)


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
