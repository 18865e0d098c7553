"""Models to JSON and back: the converter that every dialect starts from.

It is strict: text is not turned into numbers, nor numbers into text. What is
UNSET is left out, and what a record carries in ``extra`` is written back.
"""

from __future__ import annotations

from datetime import datetime
from typing import (
    Any,
    Callable,
    List,
    Mapping,
    Optional,
    Tuple,
    Type,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from flowpack.models import UNSET, OpaqueSchedule, Unset
from flowpack.schedules import (
    CronSchedule,
    IntervalSchedule,
    RRuleSchedule,
    parse_schedule,
)

Json = Any


def make_converter(*, detailed: bool = False) -> cattrs.Converter:
    """Return a converter with the hooks that every dialect shares.

    It is strict: text is not turned into numbers, nor numbers into text.

    Args:
        detailed: Whether its errors tell every fault, as :func:`faults` says them;
            else it stops at the first, and is faster to make and to use.
    """
    converter = cattrs.Converter(detailed_validation=detailed)
    # Of two hooks that fit, the later one counts: schedules are attrs classes too.
    converter.register_structure_hook_factory(
        attrs.has, lambda cls: _structure_fn(cls, converter)
    )
    converter.register_unstructure_hook_factory(
        attrs.has, lambda cls: _unstructure_fn(cls, converter)
    )
    for kind in (str, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(UUID, _read_uuid)
    converter.register_unstructure_hook(UUID, str)
    converter.register_structure_hook(datetime, _read_time)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    _add_collections(converter)
    _add_schedules(converter)
    _add_unset(converter)
    return converter


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError(f"expected {kind.__name__}, not {type(value).__name__}")
        return value

    return hook


def _read_uuid(value: Any, _: Any) -> UUID:
    if isinstance(value, str):
        return UUID(value)
    raise TypeError(f"expected an id, not {type(value).__name__}")


def _read_time(value: Any, _: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeError(f"expected a time, not {type(value).__name__}")
    # Python 3.9 and 3.10 do not read a Z.
    return datetime.fromisoformat(value[:-1] + "+00:00" if value[-1:] == "Z" else value)


def _add_collections(converter: cattrs.Converter) -> None:
    """Take arrays for tuples only, and objects as they are for mappings."""

    def is_tuple(kind: Any) -> bool:
        return get_origin(kind) is tuple

    def read_tuple(value: Any, kind: Any) -> Tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError(f"expected an array, not {type(value).__name__}")
        (item,) = get_args(kind)[:1]
        return tuple(converter.structure(each, item) for each in value)

    def is_mapping(kind: Any) -> bool:
        return getattr(get_origin(kind), "__name__", "") in ("Mapping", "dict")

    def read_mapping(value: Any, _: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise TypeError(f"expected an object, not {type(value).__name__}")
        return value

    converter.register_structure_hook_func(is_tuple, read_tuple)
    converter.register_unstructure_hook_func(is_tuple, list)
    converter.register_structure_hook_func(is_mapping, read_mapping)
    converter.register_unstructure_hook_func(is_mapping, dict)


def _add_schedules(converter: cattrs.Converter) -> None:
    kinds = (IntervalSchedule, CronSchedule, RRuleSchedule, OpaqueSchedule)

    def is_schedule(kind: Any) -> bool:
        return kind in kinds or set(get_args(kind)) - {type(None)} == set(kinds)

    def read(value: Any, kind: Any) -> Any:
        if value is None and type(None) in get_args(kind):
            return None
        return read_schedule(value)

    converter.register_structure_hook_func(is_schedule, read)
    converter.register_unstructure_hook_func(is_schedule, write_schedule)


def read_schedule(value: Json) -> Any:
    """Return the schedule that *value* says, opaque where it cannot be read whole."""
    if not isinstance(value, dict):
        raise TypeError(f"expected a schedule, not {type(value).__name__}")
    try:
        schedule = parse_schedule(value)
    except ValueError:
        return OpaqueSchedule(value)
    if write_schedule(schedule) == value:
        return schedule
    return OpaqueSchedule(value)


def write_schedule(schedule: Any) -> Json:
    """Return *schedule* as all generations of the API write it."""
    if schedule is None:
        return None
    if isinstance(schedule, OpaqueSchedule):
        return schedule.json
    if isinstance(schedule, IntervalSchedule):
        anchor = schedule.anchor_date
        return {
            "interval": schedule.interval.total_seconds(),
            "timezone": schedule.timezone,
            "anchor_date": None if anchor is None else anchor.isoformat(),
        }
    if isinstance(schedule, CronSchedule):
        return {
            "cron": schedule.cron,
            "timezone": schedule.timezone,
            "day_or": schedule.day_or,
        }
    return {"rrule": schedule.rrule, "timezone": schedule.timezone}


def _add_unset(converter: cattrs.Converter) -> None:
    """Read ``Union[X, Unset]`` as X: what is absent in JSON keeps its default."""

    def is_unset_union(kind: Any) -> bool:
        return get_origin(kind) is Union and Unset in get_args(kind)

    def read(value: Any, kind: Any) -> Any:
        rest = tuple(each for each in get_args(kind) if each is not Unset)
        return converter.structure(value, Union[rest])  # type: ignore[arg-type]

    def write(value: Any) -> Any:
        return converter.unstructure(value)

    converter.register_structure_hook_func(is_unset_union, read)
    converter.register_unstructure_hook_func(is_unset_union, write)


def _structure_fn(cls: Type[Any], converter: cattrs.Converter) -> Callable[..., Any]:
    """Return a reader of *cls* that keeps unknown fields in ``extra``."""
    names = {field.name for field in attrs.fields(cls)}
    detailed = converter.detailed_validation
    if "extra" not in names:
        plain = make_dict_structure_fn(
            cls, converter, _cattrs_detailed_validation=detailed
        )
        return lambda value, _: plain(_object(value), cls)
    read = make_dict_structure_fn(
        cls,
        converter,
        _cattrs_detailed_validation=detailed,
        extra=override(omit=True),
    )
    known = names - {"extra"}

    def hook(value: Any, _: Any) -> Any:
        record = read(_object(value), cls)
        extra = {key: item for key, item in value.items() if key not in known}
        return attrs.evolve(record, extra=extra) if extra else record

    return hook


def _unstructure_fn(cls: Type[Any], converter: cattrs.Converter) -> Callable[..., Any]:
    """Return a writer of *cls* that leaves UNSET out and ``extra`` in."""
    overrides = {
        field.name: override(omit_if_default=True)
        for field in attrs.fields(cls)
        if field.default is UNSET
    }
    names = {field.name for field in attrs.fields(cls)}
    if "extra" not in names:
        return make_dict_unstructure_fn(
            cls, converter, **overrides  # type: ignore[arg-type]
        )
    overrides["extra"] = override(omit=True)
    write = make_dict_unstructure_fn(
        cls, converter, **overrides  # type: ignore[arg-type]
    )
    return lambda record: {**write(record), **record.extra}


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, not {type(value).__name__}")
    return value


def faults(exc: BaseException) -> List[str]:
    """Return what was wrong with a value that could not be structured, and where."""
    try:
        return cattrs.transform_error(exc, path="answer", format_exception=_fault)
    except TypeError:
        return [_fault(exc, None)]


def _fault(exc: BaseException, _: Optional[type]) -> str:
    if isinstance(exc, KeyError):
        return f"{exc} is missing"
    return str(exc)
