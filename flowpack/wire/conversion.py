"""Models to JSON and back: the converter of all dialects.

It is strict: text is not turned into numbers, nor numbers into text. What is UNSET is left out.
"""

from __future__ import annotations

import collections.abc
import functools
from datetime import datetime
from typing import Any, Callable, Dict, List, Optional, Tuple, Type, Union, get_args, get_origin
from uuid import UUID

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from flowpack.models import UNSET, OpaqueSchedule, ScheduleRecord, Unset
from flowpack.schedules import CronSchedule, IntervalSchedule, RRuleSchedule, parse_schedule

Json = Any

_SCHEDULES = (IntervalSchedule, CronSchedule, RRuleSchedule, OpaqueSchedule)
_MAPPINGS = (dict, collections.abc.Mapping)


@functools.lru_cache(maxsize=None)
def make_converter(*, detailed: bool = False) -> cattrs.Converter:
    """Return the converter that all dialects share.

    A *detailed* one collects every problem, for :func:`problems_of`; else it stops at the first,
    and is faster to make and to use.
    """
    converter = cattrs.Converter(detailed_validation=detailed)
    origin: Callable[[Any], Any] = get_origin

    def read_tuple(value: Any, kind: Any) -> Tuple[Any, ...]:
        item = get_args(kind)[0]
        return tuple(converter.structure(each, item) for each in _expect(value, list))

    def read_present(value: Any, kind: Any) -> Any:
        kinds = tuple(each for each in get_args(kind) if each is not Unset)
        return converter.structure(value, Union[kinds])  # type: ignore[arg-type]

    # Of two hooks that fit, the later one counts: schedules are attrs classes, too.
    converter.register_structure_hook_factory(attrs.has, lambda cls: _reader(cls, converter))
    converter.register_unstructure_hook_factory(attrs.has, lambda cls: _writer(cls, converter))
    for kind in (str, bool):
        converter.register_structure_hook(kind, _expect)
    converter.register_structure_hook(UUID, lambda value, _: UUID(_expect(value, str)))
    converter.register_unstructure_hook(UUID, str)
    converter.register_structure_hook(datetime, _read_time)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    for fits, read, write in (
        (lambda kind: origin(kind) is tuple, read_tuple, list),
        (
            lambda kind: (origin(kind) or kind) in _MAPPINGS,
            lambda each, _: _expect(each, dict),
            dict,
        ),
        (_is_schedule, _read_schedule, write_schedule),
        # What is absent in JSON keeps its default.
        (lambda kind: Unset in get_args(kind), read_present, converter.unstructure),
    ):
        converter.register_structure_hook_func(fits, read)
        converter.register_unstructure_hook_func(fits, write)
    return converter


def _read_time(value: Any, _: Any) -> datetime:
    # Python 3.9 and 3.10 do not read a Z.
    return datetime.fromisoformat(_expect(value, str).replace("Z", "+00:00"))


def _is_schedule(kind: Any) -> bool:
    return kind in _SCHEDULES or set(get_args(kind)) - {type(None)} == set(_SCHEDULES)


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        expected = {"list": "an array", "dict": "an object"}.get(kind.__name__, kind.__name__)
        raise TypeError(f"expected {expected}, not {type(value).__name__}")
    return value


def _read_schedule(value: Json, kind: Any) -> Any:
    """Return a schedule as a model, opaque where that would not write it as it came."""
    if value is None and type(None) in get_args(kind):
        return None
    try:
        schedule = parse_schedule(_expect(value, dict))
    except ValueError:
        return OpaqueSchedule(value)
    return schedule if write_schedule(schedule) == value else OpaqueSchedule(value)


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
    return attrs.asdict(schedule)


def describe_schedule(schedule: Any) -> Optional[str]:
    """Return *schedule* in a few words; None where there is none."""
    value = write_schedule(schedule) or {}
    kind = next((each for each in ("interval", "cron", "rrule") if each in value), None)
    if kind is None:
        return None if schedule is None else "of an unknown kind"
    text = f"{kind} {' '.join(str(value[kind]).split())}"
    if isinstance(schedule, IntervalSchedule):
        seconds = schedule.interval.total_seconds()
        units = ((86400, "d"), (3600, "h"), (60, "min"))
        whole = (f"{seconds / unit:.0f} {name}" for unit, name in units if seconds % unit == 0)
        text = f"every {next(whole, f'{seconds:g} s')}"
    return f"{text} ({value['timezone']})" if value.get("timezone") else text


def write_record(record: ScheduleRecord) -> Dict[str, Any]:
    """Return one of a deployment's schedules as plans and lists show it."""
    return {**attrs.asdict(record, recurse=False), "schedule": write_schedule(record.schedule)}


def describe_record(record: ScheduleRecord) -> str:
    """Return one of a deployment's schedules in a few words, with what is special about it."""
    marks = ("" if record.active else ", inactive", "" if record.own else ", not flowpack's")
    return f"{describe_schedule(record.schedule)}{''.join(marks)}"


def _reader(cls: Type[Any], converter: cattrs.Converter) -> Callable[..., Any]:
    """Return a reader of *cls* that keeps unknown fields in ``extra``."""
    names = {field.name for field in attrs.fields(cls)} - {"extra"}
    keeps = hasattr(cls, "extra")
    read = make_dict_structure_fn(
        cls,
        converter,
        _cattrs_detailed_validation=converter.detailed_validation,
        **({"extra": override(omit=True)} if keeps else {}),  # type: ignore[arg-type]
    )

    def hook(value: Any, _: Any) -> Any:
        record = read(_expect(value, dict), cls)
        extra = {key: item for key, item in value.items() if key not in names}
        return attrs.evolve(record, extra=extra) if keeps and extra else record

    return hook


def _writer(cls: Type[Any], converter: cattrs.Converter) -> Callable[..., Any]:
    """Return a writer of *cls* that leaves UNSET out and ``extra`` in.

    Schedules in the plural are written by the dialects that have them.
    """
    never = ("extra", "schedules", "own_schedules", "current")
    fields = attrs.fields(cls)
    overrides = {each.name: override(omit_if_default=each.default is UNSET) for each in fields}
    overrides.update((each.name, override(omit=True)) for each in fields if each.name in never)
    write = make_dict_unstructure_fn(cls, converter, **overrides)  # type: ignore[arg-type]
    return lambda record: {**write(record), **getattr(record, "extra", {})}


def problems_of(value: Json, cls: Type[Any]) -> List[str]:
    """Return everything in *value* that makes it no *cls*, each with its path."""

    def words(exc: BaseException, _: Optional[type]) -> str:
        return f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)

    try:
        make_converter(detailed=True).structure(value, cls)
    except Exception as exc:
        return cattrs.transform_error(exc, path="response", format_exception=words)
    return []
