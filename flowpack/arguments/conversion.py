"""Values made to fit a type, where nothing is lost by it."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import pathlib
import types
import typing
from collections import abc
from typing import (
    Annotated,
    Any,
    Callable,
    Iterable,
    List,
    Literal,
    Optional,
    Tuple,
    Union,
)

from flowpack.arguments.scalars import SCALARS
from flowpack.exceptions import printable, quoted

Converter = Callable[[Any], Any]

_UNION_TYPE = getattr(types, "UnionType", Union)
_LISTS = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable)
_SETS = (set, frozenset, abc.Set, abc.MutableSet)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)

#: Around a type they do not change what fits it.
_QUALIFIERS = ("Final", "NotRequired", "ReadOnly", "Required")


class Misfit(ValueError):  # noqa: N818 - it never leaves the package
    """A value does not fit.

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

    The same object comes back if it fits, or if *annotation* says nothing here.

    Args:
        value: Any value.
        annotation: A type or what stands for some in annotations.
        step: Where *value* is in what holds it, for errors.

    Raises:
        Misfit: It does not fit, nor can it without loss.
    """
    converter = _converter(annotation)
    if converter is None:
        return value
    try:
        return converter(value)
    except Misfit as exc:
        raise Misfit(exc.reason, step + exc.path) from exc
    except (ValueError, TypeError, ArithmeticError) as exc:
        reason = f"{_shown(value)} does not fit {_spelt(annotation)}"
        raise Misfit(reason, step) from exc


def _converter(annotation: Any) -> Optional[Converter]:
    """Return what makes values fit *annotation*; None where everything passes."""
    annotation = _unqualified(annotation)
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation) or annotation
    if origin is Union or origin is _UNION_TYPE:
        return functools.partial(_to_union, arguments)
    if origin is Literal:
        return functools.partial(_to_literal, arguments)
    if isinstance(origin, type):
        return (
            SCALARS.get(origin)
            or _collection_converter(origin, arguments)
            or _class_converter(origin)
        )
    return None


def _unqualified(annotation: Any) -> Any:
    """Return the type within ``Annotated``, ``NewType`` and the like."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            annotation = annotation.__origin__
        elif getattr(origin, "_name", "") in _QUALIFIERS:
            annotation = typing.get_args(annotation)[0]
        elif callable(annotation) and hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = _aliased(annotation)
        else:
            return type(None) if annotation is None else annotation


def _aliased(alias: Any) -> Any:
    try:
        return alias.__value__
    except Exception:
        return Any  # It is only now evaluated, and may fail in any way.


def _collection_converter(
    origin: type, arguments: Tuple[Any, ...]
) -> Optional[Converter]:
    item = arguments[0] if arguments else Any
    if origin in _LISTS:
        return functools.partial(_to_list, origin, item)
    if origin is tuple:
        return functools.partial(_to_tuple, arguments)
    if origin in _SETS:
        return functools.partial(_to_set, origin, item)
    if origin in _MAPPINGS:
        return functools.partial(_to_mapping, origin, arguments or (Any, Any))
    return None


def _class_converter(cls: type) -> Optional[Converter]:
    if issubclass(cls, enum.Enum):
        return functools.partial(_to_enum, cls)
    if issubclass(cls, pathlib.PurePath):
        return functools.partial(_to_path, cls)
    if issubclass(cls, dict) and hasattr(cls, "__required_keys__"):
        return functools.partial(_to_typed_dict, cls)
    if _is_record(cls):
        return functools.partial(_to_record, cls)
    for method in ("model_validate", "parse_obj"):
        if callable(getattr(cls, method, None)):
            return functools.partial(_to_model, cls, method)
    return None


def _is_record(cls: type) -> bool:
    return (
        dataclasses.is_dataclass(cls)
        or hasattr(cls, "__attrs_attrs__")
        or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
    )


# Several types, and values as types.


def _to_union(members: Tuple[Any, ...], value: Any) -> Any:
    """Return *value* if it fits a member, else what it becomes for the first."""
    if Any in members or object in members:
        return value
    known = [member for member in members if _converter(member) is not None]
    made = []
    for member in known:
        try:
            result = convert(value, member)
        except Misfit:
            continue
        if result is value:
            return value
        made.append(result)
    if not made and len(known) == len(members):
        raise ValueError
    return made[0] if made else value


def _to_literal(options: Tuple[Any, ...], value: Any) -> Any:
    for option in options:
        if type(value) is type(option) and value == option:
            return value
    for option in options:
        if _becomes(value, option):
            return option
    raise ValueError


def _to_enum(cls: Any, value: Any) -> Any:
    if isinstance(value, cls):
        return value
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
    """Say whether *value*, converted to the type of *wanted*, equals it."""
    try:
        return bool(convert(value, type(wanted)) == wanted)
    except Misfit:
        return False


# Collections.


def _each(values: Iterable[Any], item: Any) -> List[Any]:
    return [convert(v, item, f"[{index}]") for index, v in enumerate(values)]


def _same(values: Iterable[Any], others: Iterable[Any]) -> bool:
    return all(one is other for one, other in zip(values, others))


def _to_list(origin: type, item: Any, value: Any) -> Any:
    fits = isinstance(value, origin)
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError  # They are sequences, but hardly the one that was meant.
    if not isinstance(value, (list, tuple)):
        if not fits:
            raise TypeError
        return value  # To look into an iterator would use it up.
    items = _each(value, item)
    if fits and _same(items, value):
        return value
    return tuple(items) if fits and isinstance(value, tuple) else items


def _to_tuple(arguments: Tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    if not arguments or arguments[-1] is Ellipsis:
        items = _each(value, arguments[0] if arguments else Any)
    else:
        wanted = [each for each in arguments if each != ()]  # Tuple[()] before 3.11
        if len(value) != len(wanted):
            raise Misfit(f"it has {len(value)} items, not {len(wanted)}")
        pairs = enumerate(zip(value, wanted))
        items = [convert(each, item, f"[{index}]") for index, (each, item) in pairs]
    return value if isinstance(value, tuple) and _same(items, value) else tuple(items)


def _to_set(origin: type, item: Any, value: Any) -> Any:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise TypeError
    before = list(value)
    items = _each(before, item)
    if isinstance(value, origin) and _same(items, before):
        return value
    result = frozenset(items) if origin is frozenset else set(items)
    if len(result) != len(items):
        raise Misfit("it has an item twice")
    return result


def _to_mapping(origin: type, arguments: Tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, dict):
        if not isinstance(value, origin):
            raise TypeError
        return value
    keys = [convert(key, arguments[0], _step(key)) for key in value]
    items = [convert(value[key], arguments[1], _step(key)) for key in value]
    if _same(keys, value) and _same(items, value.values()):
        return value
    result = dict(zip(keys, items))
    if len(result) != len(value):
        raise Misfit("it has a key twice")
    return result


# Classes.


def _to_path(cls: Any, value: Any) -> Any:
    if isinstance(value, cls):
        return value
    if not isinstance(value, (str, pathlib.PurePath)):
        raise TypeError
    return cls(value)


def _to_typed_dict(cls: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError
    missing = sorted(cls.__required_keys__ - value.keys())
    if missing:
        raise Misfit(f"it has no {quoted(missing[0])}")
    hints = _hints(cls)
    items = [convert(value[key], hints.get(key, Any), _step(key)) for key in value]
    return value if _same(items, value.values()) else dict(zip(value, items))


def _to_record(cls: Any, value: Any) -> Any:
    """Return an instance of a dataclass, an attrs class or a named tuple."""
    if isinstance(value, cls):
        return value
    names = list(inspect.signature(cls).parameters)
    if issubclass(cls, tuple) and isinstance(value, (list, tuple)):
        if len(value) > len(names):
            raise Misfit(f"it has {len(value)} items, and {cls.__name__} {len(names)}")
        value = dict(zip(names, value))
    if not isinstance(value, dict):
        raise TypeError
    unknown = [key for key in value if key not in names]
    if unknown:
        raise Misfit(f"{cls.__name__} has no field {quoted(unknown[0])}")
    hints = _hints(cls)
    fields = {}
    for name, item in value.items():
        # The constructor of attrs calls the field _name name.
        hint = hints.get(name, hints.get(f"_{name}", Any))
        fields[name] = convert(item, hint, _step(name))
    return _made(cls, lambda: cls(**fields))


def _to_model(cls: Any, method: str, value: Any) -> Any:
    """Return a pydantic model, where *value* is a JSON object."""
    if isinstance(value, cls) or not isinstance(value, dict):
        return value
    return _made(cls, lambda: getattr(cls, method)(value))


def _made(cls: Any, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception as exc:
        # A class of the user's may refuse values in its own way.
        raise Misfit(f"{cls.__name__} refuses it: {printable(exc)}") from exc


def _hints(cls: Any) -> Any:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:
        return {}  # An annotation names what is not there: all pass.


# For messages.


def _step(key: object) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f".{key}"
    return f"[{_shown(key)}]"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int) and value.bit_length() < 128:
        return repr(value)
    return f"a value of type {type(value).__name__}"


def _spelt(annotation: Any) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return printable(annotation.__name__)
    return printable(str(annotation).replace("typing.", ""))
