"""When a server starts runs of a deployment by itself.

Each kind checks shape, ranges and timezones; :mod:`flowpack.schedule_texts` has the texts.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import datetime, timedelta
from datetime import timezone as fixed_zone
from typing import Any, ClassVar, Dict, Mapping, Optional, Sequence, Tuple, Union

import attrs

from flowpack._tracebacks import HidesLocals
from flowpack._validators import at_least, copied_json, describe_type, instance_of, is_filled_text
from flowpack._validators import is_flag, is_json_mapping, optional, validator
from flowpack.exceptions import DeploymentValidationError, quoted
from flowpack.schedule_texts import cron_problems, find_zone, rrule_problems, zone_problem

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


# --- the schedules ------------------------------------------------------------------------


class _Schedule(HidesLocals):
    __slots__ = ()
    _kind: ClassVar[str] = "schedule"


_check_zone = validator(zone_problem)


@attrs.frozen
class IntervalSchedule(_Schedule):
    """A run every so often; a field that breaks its rule is a ``DeploymentValidationError``.

    Attributes:
        interval: The time between runs. Also taken: a number of seconds, the same as text,
            ``"01:00:00"``, ``"2 days, 00:30:00"``, ``"PT1H"``.
        anchor_date: A time at which a run would fall; it must have an offset or a zone. Also
            taken: ISO 8601 text. None means 2020-01-01T00:00 in the timezone, on every server;
            a schedule that is already there and has another one keeps it.
        timezone: The zone whose wall clock is followed across changes of daylight saving time;
            None means the anchor's offset.

    Example:
        >>> from datetime import timedelta
        >>> from flowpack import IntervalSchedule
        >>> IntervalSchedule("PT1H") == IntervalSchedule(timedelta(hours=1))
        True
    """

    interval: timedelta = attrs.field(converter=_to_interval)
    anchor_date: Optional[datetime] = attrs.field(default=None, converter=_to_anchor, kw_only=True)
    timezone: Optional[str] = attrs.field(default=None, kw_only=True, validator=_check_zone)

    def anchored(self) -> IntervalSchedule:
        """Return the schedule with its anchor date; one that is None has become a time."""
        zone = find_zone(self.timezone or "UTC") or fixed_zone.utc
        return attrs.evolve(self, anchor_date=self.anchor_date or datetime(2020, 1, 1, tzinfo=zone))

    def without_timezone(self) -> IntervalSchedule:
        """Return the schedule with its timezone as the anchor's offset, for 2.0b7.

        It no longer follows changes of daylight saving time.
        """
        anchor = self._local_anchor(self.timezone)
        offset = fixed_zone(anchor.utcoffset() or timedelta(0))
        return IntervalSchedule(self.interval, anchor_date=anchor.replace(tzinfo=offset))

    def phase(self) -> timedelta:
        """Return when in the interval its runs fall, by the clock of its timezone."""
        anchor = self._local_anchor(self.timezone or "UTC")
        return (anchor.replace(tzinfo=None) - datetime(2020, 1, 1)) % self.interval

    def _local_anchor(self, timezone: Optional[str]) -> datetime:
        anchor: Any = self.anchored().anchor_date
        zone = None if timezone is None else find_zone(timezone)
        return anchor if zone is None else anchor.astimezone(zone)  # type: ignore[no-any-return]


@attrs.frozen
class CronSchedule(_Schedule):
    """Runs by a cron expression; a field that breaks its rule is a ``DeploymentValidationError``.

    Attributes:
        cron: Five fields (minute, hour, day, month, weekday), a sixth for seconds at the end,
            or an alias such as ``@daily``. Newer servers take a seventh for years.
        timezone: The zone whose wall clock counts; None means UTC.
        day_or: Whether day and weekday, both given, mean either (as cron has it) or both.

    Example:
        >>> from flowpack import CronSchedule
        >>> CronSchedule("0 6 * * *", timezone="Europe/Berlin").cron
        '0 6 * * *'
    """

    cron: str = attrs.field(validator=validator(cron_problems))
    timezone: Optional[str] = attrs.field(default=None, kw_only=True, validator=_check_zone)
    day_or: bool = attrs.field(default=True, kw_only=True, validator=validator(is_flag))


@attrs.frozen
class RRuleSchedule(_Schedule):
    """Runs by a recurrence rule of RFC 5545; errors are as those of :class:`CronSchedule`.

    Attributes:
        rrule: ``FREQ=DAILY;INTERVAL=2``, or lines of ``DTSTART``, ``RRULE``, ``EXRULE``,
            ``RDATE`` and ``EXDATE``.
        timezone: The zone whose wall clock counts; None means UTC.

    Example:
        >>> from flowpack import RRuleSchedule
        >>> RRuleSchedule("FREQ=WEEKLY;BYDAY=MO,TH").rrule
        'FREQ=WEEKLY;BYDAY=MO,TH'
    """

    rrule: str = attrs.field(validator=validator(rrule_problems))
    timezone: Optional[str] = attrs.field(default=None, kw_only=True, validator=_check_zone)


Schedule = Union[IntervalSchedule, CronSchedule, RRuleSchedule]

_KINDS = {"interval": IntervalSchedule, "cron": CronSchedule, "rrule": RRuleSchedule}


@attrs.frozen
class OpaqueSchedule:
    """A schedule that others made and this release cannot read; its JSON is kept as it is.

    Servers take what their clients would refuse, so reading one is no error.
    """

    json: Mapping[str, Any]


AnySchedule = Union[Schedule, OpaqueSchedule]


def parse_schedule(value: object) -> Schedule:
    """Return the schedule that *value* means.

    Args:
        value: A schedule, a mapping with one of ``interval``, ``cron`` and ``rrule``, or text: an
            interval such as ``"PT1H"``, a rule with ``FREQ=``, else a cron expression.

    Raises:
        DeploymentValidationError: A mapping has none of them or several, there are unknown keys,
            or a rule of its kind is broken.
    """
    if isinstance(value, tuple(_KINDS.values())):
        return value  # type: ignore[return-value]
    one_of = "one of " + ", ".join(_KINDS)
    kind = _kind_of(value) if isinstance(value, str) else None
    value = {kind: value} if kind else value
    if not isinstance(value, Mapping):
        texts = "text such as '0 6 * * *', '@daily', 'PT1H' or 'FREQ=DAILY'"
        raise _error(f"a schedule must be a mapping with {one_of}, or {texts}, not {_show(value)}")
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


def _kind_of(text: str) -> Optional[str]:
    if re.search("(?i)FREQ=|RDATE", text):
        return "rrule"
    with suppress(OverflowError):
        if parse_duration(text) is None:
            return "cron" if text.startswith("@") or len(text.split()) > 3 else None
    return "interval"


def same_runs(current: AnySchedule, wanted: AnySchedule) -> bool:
    """Return True if *current*, as a server has it, makes its runs when *wanted* says.

    Servers add a timezone, an anchor date and, to rules, a start. An interval that is wanted
    without an anchor date is content with any.
    """
    if isinstance(wanted, IntervalSchedule) and wanted.anchor_date is None:
        anchor = getattr(current, "anchor_date", None)
        wanted = attrs.evolve(wanted, anchor_date=anchor)
    return normal_form(current) == normal_form(wanted)


def normal_form(schedule: AnySchedule) -> Tuple[Any, ...]:
    """Return what schedules have in common that make the same runs; see :func:`same_runs`."""
    if isinstance(schedule, OpaqueSchedule):
        return (schedule.json,)
    zone = schedule.timezone or "UTC"
    if isinstance(schedule, IntervalSchedule):
        return schedule.interval, zone, schedule.phase()
    if isinstance(schedule, CronSchedule):
        return tuple(schedule.cron.split()), zone, schedule.day_or
    # What servers of 3.8.8 and later write before a rule without a start.
    return re.sub(r"(?i)\ADTSTART:20200101T000000\s+|RRULE:", "", schedule.rrule).strip(), zone


def _to_schedule(value: Union[AnySchedule, Mapping[str, Any], str]) -> AnySchedule:
    return parse_schedule(value) if isinstance(value, (str, Mapping)) else value


_is_schedule = instance_of((*_KINDS.values(), OpaqueSchedule), "a schedule, a text or a mapping")


@attrs.frozen
class DeploymentSchedule(_Schedule):
    """One of the schedules of a deployment.

    Attributes:
        schedule: When runs are made; also a mapping or text, see :func:`parse_schedule`.
        active: Whether it makes any. True leaves a schedule that was switched off as it is;
            ``paused=False`` of the deployment switches it on.
        parameters: Laid over those of the deployment; None keeps what is there.
        slug: Its name within the deployment; None keeps the one that is there.
        max_scheduled_runs: How many runs the server makes ahead, 1 to 50; None keeps what is
            there.

    Example:
        >>> from flowpack import DeploymentSchedule, DeploymentSpec
        >>> early = DeploymentSchedule("0 6 * * *", parameters={"day": "today"}, slug="early")
        >>> early.schedule
        CronSchedule(cron='0 6 * * *', timezone=None, day_or=True)
        >>> spec = DeploymentSpec(
        ...     name="nightly", flow_location="flows.py", schedules=[early, "PT1H"]
        ... )
    """

    schedule: AnySchedule = attrs.field(converter=_to_schedule, validator=validator(_is_schedule))
    active: bool = attrs.field(default=True, validator=validator(is_flag))
    parameters: Optional[Mapping[str, Any]] = attrs.field(
        default=None,
        converter=copied_json,
        validator=validator(optional(is_json_mapping)),
        repr=False,
        hash=False,
    )
    slug: Optional[str] = attrs.field(default=None, validator=validator(optional(is_filled_text)))
    max_scheduled_runs: Optional[int] = attrs.field(
        default=None, validator=validator(optional(at_least(1, "runs", 50)))
    )
    #: Whether a mapping says that it is active, which switches it on.
    switches_on: bool = attrs.field(default=False, init=False, eq=False, repr=False)


_OWN_KEYS = ("active", "parameters", "slug", "max_scheduled_runs")


def parse_deployment_schedule(value: Any) -> DeploymentSchedule:
    """Return what an item of ``schedules`` means.

    A mapping has the keys of a schedule and those of :class:`DeploymentSchedule`; null is as if
    the latter were missing.
    """
    if isinstance(value, DeploymentSchedule):
        return value
    if not isinstance(value, Mapping):
        return DeploymentSchedule(value)
    own = {key: value[key] for key in _OWN_KEYS if value.get(key) is not None}
    rest = {key: item for key, item in value.items() if key not in _OWN_KEYS}
    schedule = DeploymentSchedule(parse_schedule(rest), **own)
    object.__setattr__(schedule, "switches_on", own.get("active") is True)
    return schedule


def schedules_problem(schedules: Sequence[DeploymentSchedule]) -> Optional[str]:
    """Return what is wrong with several schedules of one deployment, each of which is right."""
    seen: Dict[Any, int] = {}
    for number, each in enumerate(schedules, 1):
        runs = f"{normal_form(each.schedule)} {sorted((each.parameters or {}).items())}"
        slug = number if each.slug is None else each.slug
        if seen.setdefault(slug, number) != number:
            return f"items {seen[slug]} and {number} have the same slug {quoted(slug)}"
        if seen.setdefault(runs, number) != number:
            return f"items {seen[runs]} and {number} are equal; each run would be made twice"
    return None
