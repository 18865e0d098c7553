"""Values converted to fit a type hint, where nothing is lost by it.

A value that fits is passed as it is. Text becomes numbers, booleans, times, UUIDs, paths
and members of enums; JSON's arrays and objects become collections and records. Nothing
lossy is done: 3.7 is no int and ``"abc"`` no list. Hints that mean nothing here, such as
other libraries' classes, let everything pass.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import pathlib
import typing
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

from flowpack._type_hints import NONE, Shape, TypeHint, parse_hint, resolve_hints
from flowpack.exceptions import printable, quoted
from flowpack.schedules import parse_duration, parse_time

#: Returns its argument if that fits, else what it becomes. Raises ValueError, TypeError or
#: ArithmeticError if it cannot be made to fit without loss.
Converter = Callable[[Any], Any]

_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({"0", "off", "f", "false", "n", "no"})


class ConversionError(ValueError):
    """A value does not fit its type.

    Attributes:
        reason: What is wrong.
        path: Where in the value: ``[3].name``.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(reason, path)

    def __str__(self) -> str:
        return f"at {printable(self.path)}: {self.reason}" if self.path else self.reason


def convert(value: Any, annotation: Any, step: str = "") -> Any:
    """Return *value*, or what it becomes to fit *annotation*.

    The same object comes back if it fits, or if *annotation* means nothing here.

    Args:
        value: Any value.
        annotation: A type hint.
        step: Where *value* is in what holds it, for errors.

    Raises:
        ConversionError: It does not fit, nor can it without loss.
    """
    return _convert(value, annotation, _converter(annotation), step)


def _convert(value: Any, annotation: Any, converter: Optional[Converter], step: str) -> Any:
    if converter is None:
        return value
    try:
        return converter(value)
    except ConversionError as exc:
        raise ConversionError(exc.reason, step + exc.path) from exc
    except (ValueError, TypeError, ArithmeticError) as exc:
        reason = f"{_show(value)} does not fit {_show_type(annotation)}"
        raise ConversionError(reason, step) from exc


def convert_each(values: Iterable[Any], annotation: Any) -> List[Any]:
    """Return *values* as a list, each converted to fit *annotation*; see :func:`convert`."""
    converter = _converter(annotation)
    return [
        _convert(value, annotation, converter, f"[{index}]") for index, value in enumerate(values)
    ]


def _converter(annotation: Any) -> Optional[Converter]:
    """Return what makes values fit *annotation*; None where everything passes."""
    hint = parse_hint(annotation)
    to_shape = _SHAPES.get(hint.shape)
    converter = partial(to_shape, hint) if to_shape else _class_converter(hint.origin)
    if converter is None or not hint.optional:
        return converter
    return lambda value: None if value is None else converter(value)


def _class_converter(cls: Any) -> Optional[Converter]:
    if not isinstance(cls, type):
        return None
    if issubclass(cls, dict) and hasattr(cls, "__required_keys__"):
        return partial(_to_typed_dict, cls)
    parse = _PARSERS.get(cls) or _class_parser(cls)
    if parse is None:
        return None
    return lambda value: value if isinstance(value, cls) else parse(value)


def _class_parser(cls: Any) -> Optional[Converter]:
    """Return what makes instances of *cls* from other values; None if nothing is known."""
    if issubclass(cls, enum.Enum):
        return partial(_parse_enum, cls)
    if issubclass(cls, pathlib.PurePath):
        return lambda value: cls(value if isinstance(value, pathlib.PurePath) else _text(value))
    is_named_tuple = issubclass(cls, tuple) and hasattr(cls, "_fields")
    if dataclasses.is_dataclass(cls) or hasattr(cls, "__attrs_attrs__") or is_named_tuple:
        return partial(_parse_record, cls)
    for method in ("model_validate", "parse_obj"):  # pydantic's, of both generations
        if callable(getattr(cls, method, None)):
            return partial(_parse_model, cls, method)
    return None


# Several types, and values as types


def _to_union(hint: TypeHint, value: Any) -> Any:
    """Return *value* if it fits a part, else what it becomes for the first that takes it."""
    if any(parse_hint(part).shape is Shape.ANY for part in hint.parts):
        return value
    known = [part for part in hint.parts if _converter(part) is not None]
    made = []
    for part in known:
        try:
            result = convert(value, part)
        except ConversionError:
            continue
        if result is value:
            return value
        made.append(result)
    if not made and len(known) == len(hint.parts):
        raise ValueError
    return made[0] if made else value


def _to_literal(hint: TypeHint, value: Any) -> Any:
    for option in hint.parts:
        if type(value) is type(option) and value == option:
            return value
    for option in hint.parts:
        if _becomes(value, option):
            return option
    raise ValueError


def _parse_enum(cls: Any, value: Any) -> Any:
    try:
        return cls(value)
    except (ValueError, KeyError, TypeError):
        pass
    if isinstance(value, str) and value in cls.__members__:
        return cls[value]
    for member in cls:
        if _becomes(value, member.value):
            return member
    raise ValueError


def _becomes(value: Any, wanted: Any) -> bool:
    """Return True if *value*, converted to the type of *wanted*, equals it."""
    try:
        return bool(convert(value, type(wanted)) == wanted)
    except ConversionError:
        return False


# Collections


def _are_same(values: Iterable[Any], others: Iterable[Any]) -> bool:
    return all(one is other for one, other in zip(values, others))


def _to_list(hint: TypeHint, value: Any) -> Any:
    fits = isinstance(value, hint.origin)
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError  # They are sequences, but hardly the one that was meant.
    if not isinstance(value, (list, tuple)):
        if not fits:
            raise TypeError
        return value  # To look into an iterator would use it up.
    items = convert_each(value, hint.parts[0])
    if fits and _are_same(items, value):
        return value
    is_tuple = hint.origin is tuple or (fits and isinstance(value, tuple))
    return tuple(items) if is_tuple else items


def _to_tuple(hint: TypeHint, value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    if len(value) != len(hint.parts):
        raise ConversionError(f"it has {len(value)} items, not {len(hint.parts)}")
    pairs = enumerate(zip(value, hint.parts))
    items = [convert(each, part, f"[{index}]") for index, (each, part) in pairs]
    return value if isinstance(value, tuple) and _are_same(items, value) else tuple(items)


def _to_set(hint: TypeHint, value: Any) -> Any:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise TypeError
    before = list(value)
    items = convert_each(before, hint.parts[0])
    if isinstance(value, hint.origin) and _are_same(items, before):
        return value
    result = frozenset(items) if hint.origin is frozenset else set(items)
    if len(result) != len(items):
        raise ConversionError("it has an item twice")
    return result


def _to_mapping(hint: TypeHint, value: Any) -> Any:
    if not isinstance(value, dict):
        if not isinstance(value, hint.origin):
            raise TypeError
        return value
    keys = [convert(key, hint.key, _step(key)) for key in value]
    items = [convert(item, hint.parts[0], _step(key)) for key, item in value.items()]
    if _are_same(keys, value) and _are_same(items, value.values()):
        return value
    result = dict(zip(keys, items))
    if len(result) != len(value):
        raise ConversionError("it has a key twice")
    return result


_SHAPES: Mapping[Shape, Callable[[TypeHint, Any], Any]] = {
    Shape.UNION: _to_union,
    Shape.LITERAL: _to_literal,
    Shape.LIST: _to_list,
    Shape.TUPLE: _to_tuple,
    Shape.SET: _to_set,
    Shape.MAPPING: _to_mapping,
}


# Classes with fields


def _to_typed_dict(cls: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError
    missing = sorted(cls.__required_keys__ - value.keys())
    if missing:
        raise ConversionError(f"it has no {quoted(missing[0])}")
    hints = _hints(cls)
    items = [convert(value[key], hints.get(key, Any), _step(key)) for key in value]
    return value if _are_same(items, value.values()) else dict(zip(value, items))


def _parse_record(cls: Any, value: Any) -> Any:
    """Return an instance of a dataclass, an attrs class or a named tuple."""
    names = list(inspect.signature(cls).parameters)
    if issubclass(cls, tuple) and isinstance(value, (list, tuple)):
        if len(value) > len(names):
            problem = f"it has {len(value)} items, and {cls.__name__} {len(names)}"
            raise ConversionError(problem)
        value = dict(zip(names, value))
    if not isinstance(value, dict):
        raise TypeError
    unknown = [key for key in value if key not in names]
    if unknown:
        raise ConversionError(f"{cls.__name__} has no field {quoted(unknown[0])}")
    hints = _hints(cls)
    fields = {}
    for name, item in value.items():
        # The constructor of attrs calls the field _name name.
        hint = hints.get(name, hints.get(f"_{name}", Any))
        fields[name] = convert(item, hint, _step(name))
    return _construct(cls, lambda: cls(**fields))


def _parse_model(cls: Any, method: str, value: Any) -> Any:
    """Return a pydantic model, where *value* is a JSON object; anything else passes."""
    if not isinstance(value, dict):
        return value
    return _construct(cls, lambda: getattr(cls, method)(value))


def _construct(cls: Any, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception as exc:
        # A class of the user's may refuse values in its own way.
        raise ConversionError(f"{cls.__name__} refuses it: {printable(exc)}") from exc


def _hints(cls: Any) -> Dict[str, Any]:
    try:
        return resolve_hints(cls)
    except Exception:
        return {}  # An annotation names what is not there: all pass.


# Text and numbers


def _refuse(value: Any) -> Any:
    raise ValueError


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _refuse(value)


def _parse_bool(value: Any) -> bool:
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    text = _text(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError
    return text in _TRUE


def _parse_int(value: Any) -> int:
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole or isinstance(value, str) else _refuse(value)


def _parse_float(value: Any) -> float:
    is_exact = isinstance(value, int) and int(float(value)) == value
    return float(value) if is_exact or isinstance(value, str) else _refuse(value)


def _parse_bytes(value: Any) -> Any:
    return value if isinstance(value, bytearray) else _text(value).encode("utf-8")


def _parse_decimal(value: Any) -> Decimal:
    # The digits that a float is written with are those that were meant.
    text = repr(value) if isinstance(value, float) else value
    return Decimal(text) if isinstance(text, (int, str)) else _refuse(value)


def _parse_datetime(value: Any) -> datetime:
    return parse_time(_text(value)) or datetime.fromisoformat(value)


def _parse_clock(value: Any) -> time:
    # Read as part of some day, so that every Python takes the same spellings.
    parsed = parse_time(f"2000-01-01T{_text(value)}")
    return parsed.timetz() if parsed else _refuse(value)


def _parse_timedelta(value: Any) -> timedelta:
    parsed = parse_duration(value)
    return _refuse(value) if parsed is None else parsed


_PARSERS: Mapping[Any, Converter] = {
    NONE: _refuse,
    bool: _parse_bool,
    int: _parse_int,
    float: _parse_float,
    complex: complex,
    str: _refuse,
    bytes: _parse_bytes,
    Decimal: _parse_decimal,
    uuid.UUID: lambda value: uuid.UUID(_text(value)),
    datetime: _parse_datetime,
    date: date.fromisoformat,
    time: _parse_clock,
    timedelta: _parse_timedelta,
}


# For messages


def _step(key: object) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{_show(key)}]"


def _show(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    is_short = isinstance(value, int) and value.bit_length() < 128
    if value is None or isinstance(value, float) or is_short:
        return repr(value)
    return f"a value of type {type(value).__name__}"


def _show_type(annotation: Any) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return printable(annotation.__name__)
    return printable(str(annotation).replace("typing.", ""))
