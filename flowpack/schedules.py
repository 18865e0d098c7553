"""When a server starts runs of a deployment by itself.

The three kinds check what can be told here: shape, fields, ranges and time zones.
The server has the last word.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import timezone as fixed_zone
from typing import Any, List, Mapping, Optional, Type, Union

import attrs

from flowpack._timezones import find_zone, zone_problem
from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import DeploymentValidationError, quoted

# What reads text is imported where text is read: most commands see no schedule,
# and each of them would pay for it.

_WHERE = "schedule"
_SHORTEST_INTERVAL = timedelta(milliseconds=1)
_LONGEST_INTERVAL = timedelta(days=999_999_999)


def _interval(value: Union[timedelta, float, str]) -> timedelta:
    """Return *value*, a duration in one of its spellings, as a timedelta."""
    from flowpack._times import parse_duration

    try:
        interval = parse_duration(value)
    except OverflowError:
        interval = timedelta.max
    if interval is None:
        raise _error(
            f"the interval {_shown(value)} is no duration; give a timedelta, a number"
            " of seconds, 'HH:MM:SS' or ISO 8601 such as 'PT1H'"
        )
    if not _SHORTEST_INTERVAL <= interval <= _LONGEST_INTERVAL:
        raise _error(
            f"the interval {_shown(value)} is out of range; it must be at least"
            f" 0.001 seconds and at most {_LONGEST_INTERVAL.days} days"
        )
    # Servers keep a float; what comes back must equal what was sent.
    return timedelta(seconds=interval.total_seconds())


def _anchor(value: Union[datetime, str, None]) -> Optional[datetime]:
    """Return *value* as a time with an offset; None stays None."""
    from flowpack._times import parse_time

    if value is None:
        return None
    anchor = parse_time(value)
    if anchor is None:
        raise _error(
            f"the anchor date {_shown(value)} is no time; give a datetime or ISO 8601"
            " such as '2020-01-01T00:00:00+00:00'"
        )
    if anchor.utcoffset() is None:
        # Servers take these and then never start a run.
        in_utc = anchor.replace(tzinfo=fixed_zone.utc).isoformat()
        raise _error(
            f"the anchor date {_shown(value)} has no UTC offset; write '{in_utc}' if"
            " UTC is meant"
        )
    return anchor


def _shown(value: object) -> str:
    return f"{quoted(value)} ({type(value).__name__})"


def _error(problem: str) -> DeploymentValidationError:
    return DeploymentValidationError(_WHERE, [problem])


def _raise_for(problems: List[str], zone: Optional[str]) -> None:
    problem = None if zone is None else zone_problem(zone)
    if problem is not None:
        problems.append(problem)
    if problems:
        raise DeploymentValidationError(_WHERE, problems)


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
    anchor_date: Optional[datetime] = attrs.field(
        default=None, converter=_anchor, kw_only=True
    )
    timezone: Optional[str] = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _raise_for([], self.timezone)
        try:
            self._fixed_anchor()
        except OverflowError:
            raise _error(
                f"the anchor date {_shown(self.anchor_date)} is too close to the end of"
                " time for its timezone; take one within the years 2 to 9998"
            ) from None

    def without_timezone(self) -> IntervalSchedule:
        """Return the schedule with its timezone told by the anchor's offset alone.

        For servers that take no timezone here; what follows changes of daylight
        saving time no longer does.
        """
        return IntervalSchedule(self.interval, anchor_date=self._fixed_anchor())

    def _fixed_anchor(self) -> datetime:
        """Return the anchor with the offset that it has in the timezone."""
        zone = find_zone(self.timezone or "UTC") or fixed_zone.utc
        anchor = self.anchor_date or datetime(2020, 1, 1, tzinfo=zone)
        if self.timezone is not None:
            anchor = anchor.astimezone(zone)
        offset = anchor.utcoffset() or timedelta(0)
        return anchor.replace(tzinfo=fixed_zone(offset))


@attrs.frozen
class CronSchedule(HidesLocals):
    """Runs by a cron expression.

    Attributes:
        cron: Five fields (minute, hour, day, month, weekday), a sixth for seconds
            at the end, or an alias such as ``@daily``.
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
        from flowpack._cron import cron_problems

        problems = cron_problems(self.cron)
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
        from flowpack._rrule import rrule_problems

        _raise_for(rrule_problems(self.rrule), self.timezone)


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
        found = " and ".join(kinds) or "none of them"
        raise _error(f"a schedule has exactly {one_of}; found {found}")
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
