"""Schedules as today's servers give them back, held against those that are wanted."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from flowpack.models import AnySchedule, OpaqueSchedule
from flowpack.schedules import parse_schedule
from flowpack.wire.conversion import write_schedule

#: Set by the server in every schedule; not taken back.
_OF_THE_SERVER = ("id", "created", "updated", "deployment_id")


def read_any(schedule: Any) -> AnySchedule:
    """Return what a schedule says; it need not be written back as it is."""
    try:
        return parse_schedule(schedule)
    except ValueError:
        return OpaqueSchedule(schedule)


def sendable(schedule: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a schedule of the server's as it takes it back."""
    return {key: each for key, each in schedule.items() if key not in _OF_THE_SERVER}


def same_schedule(current: Any, wanted: Any) -> bool:
    """Return whether the server's schedule is the one that is wanted.

    Servers add a time zone, an anchor date and, to rules, a start.
    """
    if current is None or wanted is None:
        return current is None and wanted is None
    old, new = dict(current), dict(write_schedule(wanted))
    for each in (old, new):
        each["timezone"] = each.get("timezone") or "UTC"
    if new.get("anchor_date") is None:
        old.pop("anchor_date", None)
        new.pop("anchor_date", None)
    else:
        old["anchor_date"] = _moment(old.get("anchor_date"))
        new["anchor_date"] = _moment(new["anchor_date"])
    if "rrule" in new and "DTSTART" not in new["rrule"]:
        start, _, rest = str(old.get("rrule")).partition("\n")
        old["rrule"] = rest if start.startswith("DTSTART") else old.get("rrule")
    return old == new


def _moment(value: Any) -> Any:
    """Return the moment that an anchor date says, however it is written."""
    return getattr(
        read_any({"interval": 1, "anchor_date": value}), "anchor_date", value
    )
