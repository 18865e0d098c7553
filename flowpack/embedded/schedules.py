"""The three kinds of schedule that a deployment may have."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from flowpack.embedded.answers import broken
from flowpack.embedded.checks import (
    Field,
    Invalid,
    Loc,
    Problem,
    Shape,
    boolean,
    invalid,
    mapping,
    text,
)
from flowpack.embedded.cron import is_cron
from flowpack.embedded.moments import duration, moment

_FIRST_ANCHOR = "2020-01-01T00:00:00+00:00"


def schedule(value: Any, loc: Loc) -> Dict[str, Any]:
    """Check a schedule: of the kinds interval, cron and rrule the first that fits.

    Raises:
        Invalid: None fits; it tells what each of the three lacks.
        Refused: The reference breaks at this one.
    """
    problems: List[Problem] = []
    for kind in (_interval_schedule, _cron_schedule, _rrule_schedule):
        try:
            return kind(value, loc)
        except Invalid as exc:
            problems += exc.problems
    raise Invalid(problems)


def breaks_when_stored(kept: Dict[str, Any]) -> bool:
    """Say whether the reference breaks at *kept*, which it has found right.

    It sets the anchor of an interval itself and reads the result again; a time
    zone beside an anchor is then more than it allows.
    """
    return "interval" in kept and bool(kept["timezone"])


def _interval_schedule(value: Any, loc: Loc) -> Dict[str, Any]:
    given = mapping(value, loc)
    zone = given.get("timezone")

    def anchor(value: Any, loc: Loc) -> Optional[str]:
        if not value:
            return None
        try:
            has_zone = zone is not None and bool(_timezone(zone, loc))
        except Invalid:
            raise broken() from None
        if has_zone:
            message = "Specify an anchor date or a timezone, but not both."
            raise invalid(loc, message, "value_error")
        return moment(value, loc)

    shape = Shape(
        {
            "interval": Field(_interval),
            "timezone": Field(_timezone, default=None),
            "anchor_date": Field(anchor, default=None),
        }
    )
    kept = shape(given, loc)
    kept["anchor_date"] = kept["anchor_date"] or _FIRST_ANCHOR
    return kept


def _cron_schedule(value: Any, loc: Loc) -> Dict[str, Any]:
    shape = Shape(
        {
            "cron": Field(_cron),
            "timezone": Field(_timezone, default=None),
            "day_or": Field(boolean, default=True),
        }
    )
    return shape(value, loc)


def _rrule_schedule(value: Any, loc: Loc) -> Dict[str, Any]:
    shape = Shape({"rrule": Field(text), "timezone": Field(_timezone, default=None)})
    kept = shape(value, loc)
    if kept["timezone"] is None:
        kept["timezone"] = "UTC"
    return kept


def _interval(value: Any, loc: Loc) -> float:
    seconds = duration(value, loc)
    if seconds <= 0:
        raise invalid(loc, "The interval must be positive", "value_error")
    return seconds


def _cron(value: Any, loc: Loc) -> str:
    expression = text(value, loc)
    if not is_cron(expression):
        raise invalid(loc, f'Invalid cron string: "{expression}"', "value_error")
    return expression


def _timezone(value: Any, loc: Loc) -> str:
    zone = text(value, loc)
    if zone and not _is_timezone(zone):
        raise invalid(loc, f'Invalid timezone: "{zone}"', "value_error")
    return zone


def _is_timezone(zone: str) -> bool:
    if zone == "UTC":
        return True
    import zoneinfo  # Late, for few schedules name another zone.

    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
