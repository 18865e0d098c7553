"""Schedules as today's servers keep them: those of others beside the one that is flowpack's."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from flowpack.models import UNSET, AnySchedule, OpaqueSchedule, ScriptSource
from flowpack.schedules import parse_schedule, parse_time
from flowpack.wire.conversion import write_schedule
from flowpack.wire.encoding import Json

#: The slug of the schedule that flowpack owns.
SLUG = "flowpack"

#: Set by the server in every schedule; not taken back.
_OF_THE_SERVER = ("id", "created", "updated", "deployment_id")


def own_schedule(
    has: Mapping[str, Any], script: Optional[ScriptSource], slugs: bool
) -> Optional[Mapping[str, Any]]:
    """Return the schedule of a deployment that is flowpack's, as the server has it.

    Where the release has *slugs*, it has one. Before, the pull step says which it is, and
    before there were several schedules, it is the only one.
    """
    if "schedules" not in has:
        schedule = has.get("schedule")
        return None if schedule is None else {"schedule": schedule}
    schedules: List[Mapping[str, Any]] = has["schedules"] or []
    if slugs:
        return next((each for each in schedules if each.get("slug") == SLUG), None)
    if script is None or script.schedule is None:
        return None
    made = read_any(script.schedule)
    return next((each for each in schedules if same_schedule(each["schedule"], made)), None)


def schedules_to_send(
    wanted: Any, has: Mapping[str, Any], own: Optional[Mapping[str, Any]], slugs: bool
) -> Tuple[Json, ...]:
    """Return the schedules to send: those of others as they are, and our own."""
    listed = has.get("schedules") or ([] if own is None or "schedules" in has else [own])
    if wanted is UNSET or (own is not None and same_schedule(own.get("schedule"), wanted)):
        return tuple(_sendable(each) for each in listed)
    others = tuple(_sendable(each) for each in listed if each is not own)
    if wanted is None:
        return others
    schedule = dict(write_schedule(wanted))
    if schedule.get("anchor_date", "") is None:
        del schedule["anchor_date"]
    active = True if own is None else own.get("active", True)
    return (*others, {"schedule": schedule, "active": active, **({"slug": SLUG} if slugs else {})})


def _sendable(schedule: Mapping[str, Any]) -> Dict[str, Any]:
    return {key: each for key, each in schedule.items() if key not in _OF_THE_SERVER}


def read_any(schedule: Json) -> AnySchedule:
    """Return what a schedule says; it need not be written back as it is."""
    try:
        return parse_schedule(schedule)
    except ValueError:
        return OpaqueSchedule(schedule)


def same_schedule(current: Json, wanted: Any) -> bool:
    """Return True if the server's schedule is the one that is wanted.

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
        for each in (old, new):  # However it is written.
            anchor = each.get("anchor_date")
            each["anchor_date"] = parse_time(anchor) or anchor
    if "rrule" in new and "DTSTART" not in new["rrule"]:
        start, _, rest = str(old.get("rrule")).partition("\n")
        old["rrule"] = rest if start.startswith("DTSTART") else old.get("rrule")
    return old == new
