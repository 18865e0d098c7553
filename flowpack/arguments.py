"""Arguments of a call, converted to fit the annotations of the function.

Text becomes numbers, booleans, times, UUIDs, paths and members of enums; JSON's arrays and
objects become collections and records. Nothing is lost: 3.7 is no int and ``"abc"`` no list.
Types that mean nothing here, such as other libraries' classes, let everything pass.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import itertools
import pathlib
import re
import types
import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from inspect import Parameter
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple

from flowpack._times import parse_duration, parse_time
from flowpack._type_hints import NONE, Shape, TypeHint, parse_hint, resolve_hints
from flowpack.exceptions import ParameterError, printable, quoted

#: Returns its argument if that fits, else what it becomes. Raises ValueError, TypeError or
#: ArithmeticError if it cannot be made to fit without loss.
Converter = Callable[[Any], Any]
_Parser = Tuple[Tuple[type, ...], Callable[[Any], Any]]

_BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
}


def bind(
    function: Callable[..., Any],
    args: Tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    converted: bool = True,
) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
    """Return the arguments for a call of *function*, converted to fit.

    Defaults are converted too, anew in each call, as Prefect does. A parameter whose default
    is None may be None.

    Args:
        function: What is to be called.
        args: Arguments by position.
        kwargs: Arguments by name.
        converted: Whether values are converted, or only assigned to parameters.

    Raises:
        ParameterError: An argument is missing or unknown, or it or a default does not fit.
    """
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return args, dict(kwargs)  # A builtin without a signature.
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as exc:
        named = re.search(r"""(['"])(.*)\1""", str(exc))  # Python quotes the parameter.
        takes = ", ".join(signature.parameters) or "no arguments"
        problem = f"{printable(exc)}; the flow takes {printable(takes)}"
        raise ParameterError(named[2] if named else "", problem) from exc
    if not converted:
        return bound.args, bound.kwargs
    defaults: Dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if name in bound.arguments:
            bound.arguments[name] = _convert_argument(function, parameter, bound.arguments[name])
        elif parameter.default is not parameter.empty:
            value = parameter.default
            defaults[name] = _convert_argument(function, parameter, value, "its default: ")
    # Otherwise left out: a decorator may not know of all that its function takes.
    if any(signature.parameters[name].default is not defaults[name] for name in defaults):
        bound.apply_defaults()
        bound.arguments.update(defaults)
    return bound.args, bound.kwargs


def _convert_argument(
    function: Callable[..., Any], parameter: Parameter, value: Any, where: str = ""
) -> Any:
    if value is None and parameter.default is None:
        return value
    annotation, name = Any, parameter.name
    if parameter.annotation is not parameter.empty:
        # Resolved by itself, so that an unknown name in one does not affect the others.
        holder = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
        scope = getattr(inspect.unwrap(function), "__globals__", {})
        annotation = _hints(holder, scope).get("it", Any)
    try:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return tuple(convert_each(value, annotation))
        if parameter.kind is parameter.VAR_KEYWORD:
            fitted = {}
            for name, item in value.items():
                fitted[name] = convert(item, annotation)
            return fitted
        return convert(value, annotation)
    except ConversionError as exc:
        raise ParameterError(name, f"{where}{exc}") from exc


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

    The same object comes back if it fits, or if *annotation* means nothing here. In errors
    *step* says where *value* is in what holds it.

    Raises:
        ConversionError: It does not fit, nor can it without loss.
    """
    return convert_each([value], annotation, [step])[0]


def convert_each(
    values: Iterable[Any], annotation: Any, steps: Optional[Iterable[str]] = None
) -> List[Any]:
    """Return *values* as a list, each converted to fit *annotation*; see :func:`convert`."""
    converter = _converter(annotation)
    if converter is None:
        return list(values)
    converted = []
    for value, step in zip(values, steps or map("[{}]".format, itertools.count())):
        try:
            converted.append(converter(value))
        except ConversionError as exc:
            raise ConversionError(exc.reason, step + exc.path) from exc
        except (ValueError, TypeError, ArithmeticError) as exc:
            shown = inspect.formatannotation(annotation, getattr(annotation, "__module__", None))
            reason = f"{_show(value)} does not fit {printable(shown)}"
            raise ConversionError(reason, step) from exc
    return converted


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
    parser = _PARSERS.get(cls) or _class_parser(cls)
    if parser is None:
        return None
    accepted, parse = parser

    def to_instance(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        parsed = parse(value) if isinstance(value, accepted) else None
        if parsed is None:
            raise ValueError
        return parsed

    return to_instance


def _class_parser(cls: Any) -> Optional[_Parser]:
    """Return what makes instances of *cls*; None if nothing is known of the class."""
    if issubclass(cls, enum.Enum):
        return (object,), partial(_parse_enum, cls)
    if issubclass(cls, pathlib.PurePath):
        return (str, pathlib.PurePath), cls
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return (dict, list, tuple), partial(_parse_record, cls)
    if dataclasses.is_dataclass(cls) or hasattr(cls, "__attrs_attrs__"):
        return (dict,), partial(_parse_record, cls)
    for method in ("model_validate", "parse_obj"):  # pydantic's, of both generations
        make = getattr(cls, method, None)
        if callable(make):
            # What is no JSON object passes: models may take other values.
            return (object,), lambda v: _construct(cls, make, v) if isinstance(v, dict) else v
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


def _becomes(value: Any, expected: Any) -> bool:
    """Return True if *value*, converted to the type of *expected*, equals it."""
    try:
        return bool(convert(value, type(expected)) == expected)
    except ConversionError:
        return False


# Collections


def _are_same(values: Iterable[Any], others: Iterable[Any]) -> bool:
    return all(one is other for one, other in zip(values, others))


def _to_list(hint: TypeHint, value: Any) -> Any:
    fits = isinstance(value, hint.origin)
    if isinstance(value, (list, tuple)):
        items = convert_each(value, hint.parts[0])
        if fits and _are_same(items, value):
            return value
        is_tuple = hint.origin is tuple or (fits and isinstance(value, tuple))
        return tuple(items) if is_tuple else items
    # Text is a sequence, too, but hardly the one that was meant.
    if not fits or isinstance(value, (str, bytes, bytearray)):
        raise TypeError
    return value  # To look into an iterator would use it up.


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
    if not isinstance(value, hint.origin):
        raise TypeError
    if not isinstance(value, dict):
        return value
    keys = convert_each(value, hint.key, map(_step, value))
    items = convert_each(value.values(), hint.parts[0], map(_step, value))
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
    if not isinstance(value, dict):
        names = list(inspect.signature(cls).parameters)
        if len(value) > len(names):
            problem = f"it has {len(value)} items, and {cls.__name__} {len(names)}"
            raise ConversionError(problem)
        value = dict(zip(names, value))
    hints = _hints(cls)
    # The constructor of attrs calls the field _name name.
    fields = {
        name: convert(item, hints.get(name, hints.get(f"_{name}", Any)), _step(name))
        for name, item in value.items()
    }
    return _construct(cls, cls, **fields)


def _construct(cls: Any, make: Callable[..., Any], /, *args: Any, **fields: Any) -> Any:
    try:
        return make(*args, **fields)
    except Exception as exc:
        # A class of the user's may refuse values in its own way.
        raise ConversionError(f"{cls.__name__} refuses it: {printable(exc)}") from exc


def _hints(annotated: Any, scope: Any = None) -> Mapping[str, Any]:
    try:
        return resolve_hints(annotated, scope)
    except Exception:
        return {}  # An annotation names what is not there: all pass.


# Text and numbers


def _parse_number(cls: Any, value: Any) -> Any:
    number = cls(value)
    return number if isinstance(value, str) or number == value else None


def _parse_clock(text: str) -> Optional[time]:
    # Read as part of some day, so that every Python takes the same spellings.
    parsed = parse_time(f"2000-01-01T{text}")
    return parsed.timetz() if parsed else None


#: By class: what is accepted beside instances, and what makes one of that; it returns None or
#: raises where it cannot.
_PARSERS: Mapping[Any, _Parser] = {
    NONE: ((), NONE),
    bool: ((int, str), lambda value: _BOOLEANS.get(str(value).strip().lower())),
    int: ((float, str), partial(_parse_number, int)),
    float: ((int, str), partial(_parse_number, float)),
    complex: ((int, float, str), complex),
    str: ((), str),
    bytes: ((str, bytearray), lambda value: value.encode() if isinstance(value, str) else value),
    # The digits that a float is written with are those that were meant.
    Decimal: ((int, float, str), lambda value: Decimal(str(value))),
    uuid.UUID: ((str,), uuid.UUID),
    datetime: ((str,), lambda text: parse_time(text) or datetime.fromisoformat(text)),
    date: ((str,), date.fromisoformat),
    time: ((str,), _parse_clock),
    timedelta: ((int, float, str), parse_duration),
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
