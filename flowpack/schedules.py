"""When a server starts runs of a deployment by itself.

Each kind checks shape, ranges and time zones. The text of a cron or rrule schedule is refused
here only where no server could follow it; the server has the last word.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, tzinfo
from datetime import timezone as fixed_zone
from typing import Any, ClassVar, Iterator, List, Mapping, Optional, Tuple, Type, Union

import attrs

from flowpack._tracebacks import HidesLocals
from flowpack._validators import (
    at_least,
    describe_type,
    is_filled_text,
    is_flag,
    is_json_mapping,
    optional,
    validator,
)
from flowpack.exceptions import DeploymentValidationError, quoted

# Patterns are compiled where they are used: most commands see no schedule.

# --- durations and times, as people and servers write them ---------------------------------

_AMOUNT = r"[0-9]+(?:\.[0-9]+)?"
_DURATION = (
    r"(?P<plain>[0-9]+\.?[0-9]*|\.[0-9]+)"
    r"|(?:(?P<days>[0-9]+)(?: days?)?,? +)?"
    r"(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9](?:\.[0-9]+)?)"
)
_ISO_DURATION = (
    rf"P(?=[0-9T])(?:(?P<weeks>{_AMOUNT})W)?(?:(?P<days>{_AMOUNT})D)?"
    rf"(?:T(?=[0-9])(?:(?P<hours>{_AMOUNT})H)?(?:(?P<minutes>{_AMOUNT})M)?"
    rf"(?:(?P<seconds>{_AMOUNT})S)?)?"
)
_ISO_TIME = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?"
    r"(?:\.([0-9]{1,9}))? ?(?:([Zz])|([+-][0-9]{2}):?([0-9]{2})?)?"
)


def parse_duration(value: object) -> Optional[timedelta]:
    """Return a duration, or None where *value* is none; one too long is an ``OverflowError``.

    It is a timedelta, a number of seconds, the same as text, ``HH:MM:SS`` with ``D days`` before
    it or not, or ISO 8601 such as ``PT1H``.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return timedelta(seconds=value) if math.isfinite(value) else None
    text = value.strip() if isinstance(value, str) else ""
    match = re.fullmatch(_DURATION, text) or re.fullmatch(_ISO_DURATION, text)
    if match is None:
        return None
    parts = {unit: float(n) for unit, n in match.groupdict().items() if n is not None}
    plain = parts.pop("plain", 0.0)
    return timedelta(seconds=plain) + timedelta(**parts)


def parse_time(value: object) -> Optional[datetime]:
    """Return a datetime as it is, or what ISO 8601 text means; None where *value* is neither."""
    if isinstance(value, datetime):
        return value
    match = re.fullmatch(_ISO_TIME, value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    date, clock, seconds, fraction, utc, hours, minutes = match.groups()
    # In the one spelling that Python 3.9 reads.
    micros = f".{fraction[:6]:0<6}" if fraction else ""
    hours, minutes = ("+00", "00") if utc else (hours, minutes or "00")
    offset = f"{hours}:{minutes}" if hours else ""
    try:
        return datetime.fromisoformat(f"{date}T{clock}{seconds or ':00'}{micros}{offset}")
    except ValueError:
        return None


def _to_interval(value: Union[timedelta, float, str]) -> timedelta:
    try:
        interval = parse_duration(value) or timedelta(0)
        # Servers keep a float; what comes back must equal what was sent.
        interval = timedelta(seconds=interval.total_seconds())
    except OverflowError:
        interval = timedelta(0)
    if interval < timedelta(milliseconds=1):
        raise _error(
            f"the interval {_show(value)} is no duration of at least 0.001 seconds; give a"
            " timedelta, a number of seconds, 'HH:MM:SS' or ISO 8601 such as 'PT1H'"
        )
    return interval


def _to_anchor(value: Union[datetime, str, None]) -> Optional[datetime]:
    if value is None:
        return None
    anchor = parse_time(value)
    # Servers take a time without an offset and then never start a run, and at both ends of the
    # calendar it may be no date that exists elsewhere.
    if anchor is None or anchor.utcoffset() is None or not 1 < anchor.year < 9999:
        raise _error(
            f"the anchor date {_show(value)} is no time with a UTC offset; give a datetime that has"
            " a timezone, or ISO 8601 such as '2020-01-01T00:00:00+00:00'"
        )
    return anchor


def _show(value: object) -> str:
    return f"{quoted(value)} ({describe_type(value)})"


def _error(problem: str) -> DeploymentValidationError:
    return DeploymentValidationError("schedule", [problem])


def _find_zone(name: str) -> Optional[tzinfo]:
    """Return the zone called *name*, or None when this machine knows none."""
    if name == "UTC":  # Known everywhere; all else depends on the machine's database.
        return fixed_zone.utc
    import zoneinfo  # Imported here because most schedules name no zone.

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None  # Odd names end as files that cannot be opened, or are no zone.


def _zone_problem(name: object) -> Optional[str]:
    if not isinstance(name, str):
        return f"the timezone must be text, not {describe_type(name)}"
    if _find_zone(name) is not None:
        return None
    reason = "names look like 'Europe/Paris' or 'UTC' (upper and lower case matter)"
    if _find_zone("Europe/Paris") is None:
        reason = (
            "this machine has no time zone database. Install the system package or the Python"
            " package 'tzdata', or leave the timezone out"
        )
    return f"the timezone {quoted(name)} is unknown; {reason}"


# --- cron, in the dialect of croniter, the library of Prefect's servers -------------------
#
# Its releases differ; what one of them takes is taken here.

#: Servers keep no longer text, in characters.
_LONGEST = 6_500

_CRON_ALIASES = "@hourly @daily @midnight @weekly @monthly @yearly @annually".split()
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DAYS = "sun|mon|tue|wed|thu|fri|sat"

#: Of each field the name, the least and the largest number, words for them and other forms.
_CRON_FIELDS = (
    ("minute", 0, 59, "", ""),
    ("hour", 0, 23, "", ""),
    ("day", 1, 31, "", r"|\?|l|\d+w"),
    ("month", 1, 12, f"|{_MONTHS}", ""),
    ("weekday", 0, 7, f"|{_DAYS}", rf"|\?|l\d|(\d+|{_DAYS})(-(\d+|{_DAYS}))?#0*[1-5]"),
    ("second", 0, 59, "", ""),
    ("year", 1970, 2099, "", ""),
)


def _text_problem(text: Any) -> Optional[str]:
    if not isinstance(text, str):
        return f"must be text, not {describe_type(text)}"
    return f"is longer than {_LONGEST:,} characters" if len(text) > _LONGEST else None


def _cron_problems(text: Any) -> Iterator[str]:
    """Yield what is wrong with a cron expression, one sentence for each field."""
    problem = _text_problem(text)
    if problem:
        yield problem
    elif text.lower() not in _CRON_ALIASES:
        columns = text.split()
        if not 5 <= len(columns) <= 7 or text.startswith("@"):
            yield (
                f"{quoted(text)} has {len(columns)} fields; it takes five (minute hour day month"
                " weekday), with seconds as a sixth and years as a seventh, or is one of"
                f" {' '.join(_CRON_ALIASES)}, without spaces around it"
            )
            return
        for (name, low, high, words, other), column in zip(_CRON_FIELDS, columns):
            # Where there are seconds, croniter takes day 0 for day 1.
            low = 0 if name == "day" and len(columns) > 5 else low
            problem = _column_problem(column, low, high, words, other)
            if problem:
                yield f"{quoted(text)}, {name} {quoted(column)}: {problem}"


def _column_problem(column: str, low: int, high: int, words: str, other: str) -> Optional[str]:
    value, step = rf"\d{{1,9}}{words}", r"(/0*[1-9]\d*)?"
    if re.fullmatch(rf"(?i)r(\(\d+-\d+\))?{step}", column):
        return None  # A random value, as 2.0b7 knows it.
    shape = rf"(?i)(\*|({value})(-({value}|l))?{other}){step}"
    for item in column.split(","):
        numbers = map(int, re.findall(r"\d{1,9}", re.split("[/#]", item)[0]))
        if not re.fullmatch(shape, item) or not all(low <= each <= high for each in numbers):
            named = f" or {words[1:].replace('|', ' ')}" if words else ""
            return (
                f"{quoted(item)} must be {low} to {high}{named}, a range such as {low}-{high}, or"
                " *, each with or without a step such as /5"
            )
    return None


# --- recurrence rules of RFC 5545, as dateutil reads them, the library of Prefect's servers
#
# Upper and lower case are one, lines end at any white space, ``RRULE:`` may be left out.

_WEEKDAYS = "MO TU WE TH FR SA SU".split()
_WEEKDAY_COUNT = r"^[+-]?0*([1-9]|[1-4]\d|5[0-3])(?=\D)|\([+-]?\d+\)$"

#: The words that may stand in a part of a rule; those of BYDAY also counted, as in -1FR.
_RRULE_WORDS: Mapping[str, List[str]] = {
    "FREQ": "YEARLY MONTHLY WEEKLY DAILY HOURLY MINUTELY SECONDLY".split(),
    **dict.fromkeys(("WKST", "BYDAY", "BYWEEKDAY"), _WEEKDAYS),
}

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


def _rrule_problems(text: Any) -> Iterator[str]:
    """Yield what is wrong with a recurrence rule, line by line."""
    problem = _text_problem(text)
    if problem:
        yield problem
        return
    names = set()
    for line in text.split():
        head, _, value = line.partition(":") if ":" in line else ("RRULE", "", line)
        name, zone = head.upper().partition(";")[0], re.search("(?i);TZID=([^;]*)", head)
        names.add(name)
        problems: List[Optional[str]] = []
        if name in ("RRULE", "EXRULE"):
            problems = [_rule_problem(value.upper())]
        elif name in ("DTSTART", "RDATE", "EXDATE"):
            problems = [_zone_problem(zone[1]) if zone else None]
            problems += map(_date_problem, value.split(","))
        else:
            known = "DTSTART, RRULE, EXRULE, RDATE, EXDATE"
            problems = [f"unknown property {quoted(name)}; known are {known}"]
        yield from (f"{quoted(line)}: {problem}" for problem in problems if problem)
    if not names & {"RRULE", "RDATE"}:
        yield "there is no line that makes runs, such as FREQ=DAILY"


def _rule_problem(rule: str) -> Optional[str]:
    parts = [part.partition("=")[::2] for part in rule.split(";")]
    problems = (_part_problem(key, item) for key, value in parts for item in value.split(","))
    missing = None if "FREQ" in dict(parts) else "FREQ is missing, as in FREQ=DAILY"
    return next(filter(None, problems), missing)


def _part_problem(key: str, item: str) -> Optional[str]:
    if key == "UNTIL":
        return _date_problem(item)
    if key in _RRULE_WORDS:
        word = re.sub(_WEEKDAY_COUNT, "", item) if key.startswith("BY") else item
        allowed = "one of " + ", ".join(_RRULE_WORDS[key])
        is_allowed = word in _RRULE_WORDS[key]
    elif key in _RRULE_RANGES:
        low, high = _RRULE_RANGES[key]
        allowed = f"a whole number from {low} to {high}"
        is_allowed = bool(re.fullmatch(r"[+-]?\d{1,18}", item)) and low <= int(item) <= high
    else:
        known = ", ".join(["UNTIL", *_RRULE_WORDS, *_RRULE_RANGES])
        return f"unknown key {quoted(key)}; known are {known}, each with a value"
    return None if is_allowed else f"{key}: {quoted(item)} must be {allowed}"


def _date_problem(text: str) -> Optional[str]:
    """Return what is wrong with a date in the form of RFC 5545; others may be dates, too."""
    form = r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d)(?::?(\d\d))?(?:Z|[+-]\d\d:?\d\d)?)?"
    match = re.fullmatch(form, text.upper())
    try:
        if match is not None:
            datetime(*(int(number or 0) for number in match.groups()))  # type: ignore[arg-type]
        if re.search(r"\d", text):
            return None
    except ValueError:
        pass
    return f"{quoted(text)} is no time; write 20300131T235959Z or 20300131"


# --- the schedules ------------------------------------------------------------------------


class _Schedule(HidesLocals):
    __slots__ = ()
    _kind: ClassVar[str] = "schedule"


def _timezone() -> Any:
    return attrs.field(default=None, kw_only=True, validator=validator(_zone_problem))


@attrs.frozen
class IntervalSchedule(_Schedule):
    """A run every so often; a field that breaks its rule is a ``DeploymentValidationError``.

    Attributes:
        interval: The time between runs. Also taken: a number of seconds, the same as text,
            ``"01:00:00"``, ``"2 days, 00:30:00"``, ``"PT1H"``.
        anchor_date: A time at which a run would fall; it must have an offset or a zone. Also
            taken: ISO 8601 text. None means 2020-01-01T00:00 in the timezone.
        timezone: The zone whose wall clock is followed across changes of daylight saving time;
            None means the anchor's offset.
    """

    interval: timedelta = attrs.field(converter=_to_interval)
    anchor_date: Optional[datetime] = attrs.field(default=None, converter=_to_anchor, kw_only=True)
    timezone: Optional[str] = _timezone()

    def without_timezone(self) -> IntervalSchedule:
        """Return the schedule with its timezone as the anchor's offset, for 2.0b7.

        It no longer follows changes of daylight saving time.
        """
        zone = _find_zone(self.timezone or "UTC") or fixed_zone.utc
        anchor = self.anchor_date or datetime(2020, 1, 1, tzinfo=zone)
        if self.timezone is not None:
            anchor = anchor.astimezone(zone)
        offset = fixed_zone(anchor.utcoffset() or timedelta(0))
        return IntervalSchedule(self.interval, anchor_date=anchor.replace(tzinfo=offset))


@attrs.frozen
class CronSchedule(_Schedule):
    """Runs by a cron expression; a field that breaks its rule is a ``DeploymentValidationError``.

    Attributes:
        cron: Five fields (minute, hour, day, month, weekday), a sixth for seconds at the end,
            or an alias such as ``@daily``. Newer servers take a seventh for years.
        timezone: The zone whose wall clock counts; None means UTC.
        day_or: Whether day and weekday, both given, mean either (as cron has it) or both.
    """

    cron: str = attrs.field(validator=validator(_cron_problems))
    timezone: Optional[str] = _timezone()
    day_or: bool = attrs.field(default=True, kw_only=True, validator=validator(is_flag))


@attrs.frozen
class RRuleSchedule(_Schedule):
    """Runs by a recurrence rule of RFC 5545; errors are as those of :class:`CronSchedule`.

    Attributes:
        rrule: ``FREQ=DAILY;INTERVAL=2``, or lines of ``DTSTART``, ``RRULE``, ``EXRULE``,
            ``RDATE`` and ``EXDATE``.
        timezone: The zone whose wall clock counts; None means UTC.
    """

    rrule: str = attrs.field(validator=validator(_rrule_problems))
    timezone: Optional[str] = _timezone()


Schedule = Union[IntervalSchedule, CronSchedule, RRuleSchedule]

_KINDS: Mapping[str, Type[Any]] = {
    "interval": IntervalSchedule,
    "cron": CronSchedule,
    "rrule": RRuleSchedule,
}


def parse_schedule(value: object) -> Schedule:
    """Return the schedule in a mapping with one of ``interval``, ``cron`` and ``rrule``.

    Raises:
        DeploymentValidationError: It has none of them or several, has unknown keys or breaks a
            rule of its kind.
    """
    one_of = "one of " + ", ".join(_KINDS)
    if not isinstance(value, Mapping):
        raise _error(f"a schedule must be a mapping with {one_of}, not {_show(value)}")
    kinds = [key for key in _KINDS if key in value]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        raise _error(f"a schedule has exactly {one_of}; found {found}")
    cls = _KINDS[kinds[0]]
    known = [field.name for field in attrs.fields(cls)]
    unknown = ", ".join([quoted(key) for key in value if key not in known][:5])
    if unknown:
        takes = ", ".join(known)
        raise _error(f"a schedule with '{kinds[0]}' has no {unknown}; it takes {takes}")
    schedule: Schedule = cls(**value)
    return schedule


def _to_schedule(value: object) -> object:
    return parse_schedule(value) if isinstance(value, Mapping) else value


def _schedule_problem(value: object) -> Optional[str]:
    if isinstance(value, tuple(_KINDS.values())):
        return None
    return f"must be a schedule, not {describe_type(value)}"


@attrs.frozen
class DeploymentSchedule(_Schedule):
    """One of the schedules of a deployment.

    Attributes:
        schedule: When runs are made; also a mapping.
        active: Whether it makes any.
        parameters: Laid over those of the deployment.
        slug: Its name within the deployment.
        max_scheduled_runs: How many runs the server makes ahead.
    """

    schedule: Schedule = attrs.field(converter=_to_schedule, validator=validator(_schedule_problem))
    active: bool = attrs.field(default=True, validator=validator(is_flag))
    parameters: Optional[Mapping[str, Any]] = attrs.field(
        default=None, validator=validator(optional(is_json_mapping)), repr=False, hash=False
    )
    slug: Optional[str] = attrs.field(default=None, validator=validator(optional(is_filled_text)))
    max_scheduled_runs: Optional[int] = attrs.field(
        default=None, validator=validator(optional(at_least(1, "runs")))
    )


_OWN_KEYS = ("active", "parameters", "slug", "max_scheduled_runs")


def parse_deployment_schedule(value: object) -> DeploymentSchedule:
    """Return what an item of ``schedules`` means: a schedule, or a mapping as in prefect.yaml."""
    if isinstance(value, DeploymentSchedule):
        return value
    if not isinstance(value, Mapping):
        return DeploymentSchedule(value)
    own = {key: value[key] for key in _OWN_KEYS if key in value}
    return DeploymentSchedule({key: value[key] for key in value if key not in own}, **own)
