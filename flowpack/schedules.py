"""When a server starts runs of a deployment by itself.

Each kind checks shape, ranges and time zones. The text of a cron or rrule schedule is refused
here only where no server could follow it; the server has the last word.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, tzinfo
from datetime import timezone as fixed_zone
from typing import Any, List, Mapping, NamedTuple, Optional, Tuple, Type, Union

import attrs

from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import DeploymentValidationError, quoted

#: Servers refuse longer rules.
_LONGEST = 6_500

# Patterns are compiled, and readers of times imported, where they are used: most commands
# see no schedule.


def _interval(value: Union[timedelta, float, str]) -> timedelta:
    """Return *value*, a duration in one of its spellings, as a timedelta."""
    from flowpack._times import parse_duration

    try:
        interval = parse_duration(value) or timedelta(0)
        # Servers keep a float; what comes back must equal what was sent.
        interval = timedelta(seconds=interval.total_seconds())
    except OverflowError:
        interval = timedelta(0)
    if interval < timedelta(milliseconds=1):
        raise _error(
            f"the interval {_shown(value)} is no duration of at least 0.001 seconds; give a"
            " timedelta, a number of seconds, 'HH:MM:SS' or ISO 8601 such as 'PT1H'"
        )
    return interval


def _anchor(value: Union[datetime, str, None]) -> Optional[datetime]:
    """Return *value* as a time with an offset; None stays None."""
    from flowpack._times import parse_time

    if value is None:
        return None
    anchor = parse_time(value)
    if anchor is None:
        raise _error(
            f"the anchor date {_shown(value)} is no time; give a datetime or ISO 8601 such as"
            " '2020-01-01T00:00:00+00:00'"
        )
    if anchor.utcoffset() is None:
        # Servers take these and then never start a run.
        in_utc = anchor.replace(tzinfo=fixed_zone.utc).isoformat()
        raise _error(
            f"the anchor date {_shown(value)} has no UTC offset; write '{in_utc}' if UTC is"
            " meant"
        )
    if not 1 < anchor.year < 9999:  # In another zone it may be no date that exists.
        raise _error(f"the anchor date {_shown(value)} must be within the years 2 to 9998")
    return anchor


def _shown(value: object) -> str:
    return f"{quoted(value)} ({type(value).__name__})"


def _error(*problems: str) -> DeploymentValidationError:
    return DeploymentValidationError("schedule", problems)


def _raise_for(problems: List[str], timezone: object) -> None:
    problems += [] if timezone is None else _zone_problems(timezone)
    if problems:
        raise _error(*problems)


@attrs.frozen
class IntervalSchedule(HidesLocals):
    """A run every so often.

    Attributes:
        interval: The time between runs. Also taken: a number of seconds, the same
            as text, ``"01:00:00"``, ``"2 days, 00:30:00"``, ``"PT1H"``.
        anchor_date: A time at which a run would fall; it must have an offset or a
            zone. Also taken: ISO 8601 text. None means 2020-01-01T00:00 in the
            timezone.
        timezone: The zone whose wall clock is followed across changes of daylight
            saving time; None means the anchor's offset.

    Raises:
        DeploymentValidationError: A field breaks its rule.
    """

    interval: timedelta = attrs.field(converter=_interval)
    anchor_date: Optional[datetime] = attrs.field(default=None, converter=_anchor, kw_only=True)
    timezone: Optional[str] = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _raise_for([], self.timezone)

    def without_timezone(self) -> IntervalSchedule:
        """Return the schedule with its timezone told by the anchor's offset alone.

        For servers that take no timezone here; what follows changes of daylight
        saving time no longer does.
        """
        zone = _find_zone(self.timezone or "UTC") or fixed_zone.utc
        anchor = self.anchor_date or datetime(2020, 1, 1, tzinfo=zone)
        if self.timezone is not None:
            anchor = anchor.astimezone(zone)
        offset = fixed_zone(anchor.utcoffset() or timedelta(0))
        return IntervalSchedule(self.interval, anchor_date=anchor.replace(tzinfo=offset))


@attrs.frozen
class CronSchedule(HidesLocals):
    """Runs by a cron expression.

    Attributes:
        cron: Five fields (minute, hour, day, month, weekday), a sixth for seconds
            at the end, or an alias such as ``@daily``. Newer servers take a seventh
            for years.
        timezone: The zone whose wall clock counts; None means UTC.
        day_or: Whether day and weekday, both given, mean either (as cron has it)
            or both.

    Raises:
        DeploymentValidationError: A field breaks its rule.
    """

    cron: str
    timezone: Optional[str] = attrs.field(default=None, kw_only=True)
    day_or: bool = attrs.field(default=True, kw_only=True)

    def __attrs_post_init__(self) -> None:
        problems = _cron_problems(self.cron)
        day_or: object = self.day_or
        if not isinstance(day_or, bool):
            problems.append(f"day_or must be true or false, not {_shown(day_or)}")
        _raise_for(problems, self.timezone)


@attrs.frozen
class RRuleSchedule(HidesLocals):
    """Runs by a recurrence rule of RFC 5545.

    Attributes:
        rrule: ``FREQ=DAILY;INTERVAL=2``, or lines of ``DTSTART``, ``RRULE``,
            ``EXRULE``, ``RDATE`` and ``EXDATE``.
        timezone: The zone whose wall clock counts; None means UTC.

    Raises:
        DeploymentValidationError: A field breaks its rule.
    """

    rrule: str
    timezone: Optional[str] = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _raise_for(_rrule_problems(self.rrule), self.timezone)


Schedule = Union[IntervalSchedule, CronSchedule, RRuleSchedule]

_KINDS: Mapping[str, Type[Any]] = {
    "interval": IntervalSchedule,
    "cron": CronSchedule,
    "rrule": RRuleSchedule,
}


def parse_schedule(value: object) -> Schedule:
    """Return the schedule that a mapping from a file or an API says.

    Args:
        value: A mapping with exactly one of ``interval``, ``cron`` and ``rrule``,
            and the other fields of that kind.

    Raises:
        DeploymentValidationError: It says no kind or several, has unknown keys or
            breaks a rule of its kind.
    """
    one_of = "one of " + ", ".join(_KINDS)
    if not isinstance(value, Mapping):
        raise _error(f"a schedule must be a mapping with {one_of}, not {_shown(value)}")
    kinds = [key for key in _KINDS if key in value]
    if len(kinds) != 1:
        raise _error(
            f"a schedule has exactly {one_of}; found {' and '.join(kinds) or 'none of them'}"
        )
    cls = _KINDS[kinds[0]]
    known = [field.name for field in attrs.fields(cls)]
    unknown = [quoted(key) for key in value if key not in known]
    if unknown:
        raise _error(
            f"a schedule with '{kinds[0]}' has no {', '.join(unknown[:5])}; it takes"
            f" {', '.join(known)}"
        )
    schedule: Schedule = cls(**value)
    return schedule


# Time zones


def _find_zone(name: str) -> Optional[tzinfo]:
    """Return the zone called *name*, or None when this machine knows none."""
    if name == "UTC":  # Known everywhere; all else depends on the machine's database.
        return fixed_zone.utc
    import zoneinfo  # Imported here because most schedules name no zone.

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None  # Odd names end as files that cannot be opened, or are no zone.


def _zone_problems(name: object) -> List[str]:
    if not isinstance(name, str):
        return [f"the timezone must be text, not {type(name).__name__}"]
    if _find_zone(name) is not None:
        return []
    if _find_zone("Europe/Paris") is None:
        return [
            f"the timezone {quoted(name)} cannot be looked up: this machine has no time zone"
            " database. Install the system package or the Python package 'tzdata', or leave"
            " the timezone out"
        ]
    return [
        f"the timezone {quoted(name)} is unknown; names look like 'Europe/Paris' or 'UTC'"
        " (upper and lower case matter)"
    ]


# Cron, in the dialect of croniter, the library of Prefect's servers. Its releases differ; what
# one of them takes is taken here.

_CRON_ALIASES = "@hourly @daily @midnight @weekly @monthly @yearly @annually".split()
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DAYS = "sun|mon|tue|wed|thu|fri|sat"


class _CronField(NamedTuple):
    """A field of a cron expression: its numbers, words for them, and other forms, as patterns."""

    name: str
    low: int
    high: int
    words: str = ""
    other: str = ""


_CRON_FIELDS = (
    _CronField("minute", 0, 59),
    _CronField("hour", 0, 23),
    _CronField("day", 1, 31, other=r"|\?|l|\d+w"),
    _CronField("month", 1, 12, f"|{_MONTHS}"),
    _CronField("weekday", 0, 7, f"|{_DAYS}", rf"|\?|l\d|(\d+|{_DAYS})(-(\d+|{_DAYS}))?#0*[1-5]"),
    _CronField("second", 0, 59),
    _CronField("year", 1970, 2099),
)


def _cron_problems(text: object) -> List[str]:
    """Return what is wrong with a cron expression, one sentence for each field at fault."""
    if not isinstance(text, str):
        return [f"the cron expression must be text, not {type(text).__name__}"]
    if text.lower() in _CRON_ALIASES:
        return []
    if len(text) > _LONGEST:
        return [f"the cron expression is longer than {_LONGEST} characters"]
    columns = text.split()
    if not 5 <= len(columns) <= 7 or text.startswith("@"):
        return [
            f"the cron expression {quoted(text)} has {len(columns)} fields; it takes five (minute"
            " hour day month weekday), with seconds as a sixth and years as a seventh, or is one"
            f" of {' '.join(_CRON_ALIASES)}, without spaces around it"
        ]
    return [
        f"cron expression {quoted(text)}, {field.name} {quoted(column)}: {problem}"
        for field, column in zip(_CRON_FIELDS, columns)
        for problem in [_column_problem(column, field, len(columns))]
        if problem
    ]


def _column_problem(column: str, field: _CronField, count: int) -> str:
    """Return what is wrong with one of *count* columns."""
    value, step = rf"\d{{1,9}}{field.words}", r"(/0*[1-9]\d*)?"
    if re.fullmatch(rf"(?i)r(\(\d+-\d+\))?{step}", column):
        return ""  # A random value, as 2.0b7 knows it.
    shape = rf"(?i)(\*|({value})(-({value}|l))?{field.other}){step}"
    # Where there are seconds, croniter takes day 0 for day 1.
    low = 0 if field.name == "day" and count > 5 else field.low
    for item in column.split(","):
        numbers = map(int, re.findall(r"\d{1,9}", re.split("[/#]", item)[0]))
        if not re.fullmatch(shape, item) or not all(low <= each <= field.high for each in numbers):
            words = f" or {field.words[1:].replace('|', ' ')}" if field.words else ""
            return (
                f"{quoted(item)} must be {field.low} to {field.high}{words}, a range such as"
                f" {field.low}-{field.high}, or *, each with or without a step such as /5"
            )
    return ""


# Recurrence rules of RFC 5545 in the reading of dateutil, the library of Prefect's servers:
# upper and lower case are one, lines end at any white space, ``RRULE:`` may be left out.

_WEEKDAYS = "MO TU WE TH FR SA SU".split()

#: The words that may stand in a part of a rule; those of BYDAY also counted, as in -1FR.
_RRULE_WORDS: Mapping[str, List[str]] = {
    "FREQ": "YEARLY MONTHLY WEEKLY DAILY HOURLY MINUTELY SECONDLY".split(),
    "WKST": _WEEKDAYS,
    "BYDAY": _WEEKDAYS,
    "BYWEEKDAY": _WEEKDAYS,
}

_WEEKDAY_COUNT = r"^[+-]?0*([1-9]|[1-4]\d|5[0-3])(?=\D)|\([+-]?\d+\)$"

#: The least and the largest number in a part of a rule; beyond, no run would ever start.
_RRULE_RANGES: Mapping[str, Tuple[float, float]] = {
    "INTERVAL": (1, 2**31 - 1),
    "COUNT": (1, math.inf),
    "BYSECOND": (0, 59),
    "BYMINUTE": (0, 59),
    "BYHOUR": (0, 23),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYMONTH": (1, 12),
    "BYSETPOS": (-366, 366),
    "BYEASTER": (-math.inf, math.inf),
}


def _rrule_problems(text: object) -> List[str]:
    """Return what is wrong with a recurrence rule, line by line."""
    if not isinstance(text, str):
        return [f"the recurrence rule must be text, not {type(text).__name__}"]
    if len(text) > _LONGEST:
        return [f"the recurrence rule is longer than {_LONGEST} characters"]
    problems: List[str] = []
    makes_runs = False
    for line in text.split():
        head, _, value = line.partition(":") if ":" in line else ("RRULE", "", line)
        name = head.upper().partition(";")[0]
        makes_runs = makes_runs or name in ("RRULE", "RDATE")
        if name in ("RRULE", "EXRULE"):
            found = _rule_problems(value.upper())
        elif name in ("DTSTART", "RDATE", "EXDATE"):
            zone = re.search("(?i);TZID=([^;]*)", head)
            found = [] if zone is None else _zone_problems(zone[1])
            found += filter(None, map(_date_problem, value.split(",")))
        else:
            found = [
                f"unknown property {quoted(name)}; known are DTSTART, RRULE, EXRULE, RDATE, EXDATE"
            ]
        problems += [f"recurrence rule, {quoted(line)}: {problem}" for problem in found]
    if not problems and not makes_runs:
        problems = ["the recurrence rule has no line that makes runs, such as FREQ=DAILY"]
    return problems


def _rule_problems(rule: str) -> List[str]:
    problems: List[str] = []
    parts = [part.partition("=")[::2] for part in rule.split(";")]
    for key, value in parts:
        if key == "UNTIL":
            problems += filter(None, [_date_problem(value)])
        elif key in _RRULE_WORDS:
            words = _RRULE_WORDS[key]
            count = _WEEKDAY_COUNT if key in ("BYDAY", "BYWEEKDAY") else "^$"
            problems += [
                f"{key}: {quoted(item)} must be one of {', '.join(words)}"
                for item in value.split(",")
                if re.sub(count, "", item) not in words
            ]
        elif key in _RRULE_RANGES:
            low, high = _RRULE_RANGES[key]
            problems += [
                f"{key}: {quoted(item)} must be a whole number from {low} to {high}"
                for item in value.split(",")
                if not re.fullmatch(r"[+-]?\d{1,18}", item) or not low <= int(item) <= high
            ]
        else:
            known = ", ".join(["UNTIL", *_RRULE_WORDS, *_RRULE_RANGES])
            problems.append(f"unknown key {quoted(key)}; known are {known}, each with a value")
    if not problems and "FREQ" not in dict(parts):
        problems.append("FREQ is missing, as in FREQ=DAILY")
    return problems[:5]


def _date_problem(text: str) -> Optional[str]:
    """Return what is wrong with a date in the form of RFC 5545; others may be dates, too."""
    match = re.fullmatch(
        r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d)(?::?(\d\d))?(?:Z|[+-]\d\d:?\d\d)?)?",
        text.upper(),
    )
    try:
        if match is not None:
            datetime(*(int(number or 0) for number in match.groups()))  # type: ignore[arg-type]
        if re.search(r"\d", text):
            return None
    except ValueError:
        pass
    return f"{quoted(text)} is no time; write 20300131T235959Z or 20300131"
