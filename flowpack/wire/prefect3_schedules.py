"""Schedules of a deployment on today's servers: flowpack's own, and those of others beside it."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from flowpack.models import UNSET, AnySchedule, OpaqueSchedule, ScheduleRecord, ScriptSource
from flowpack.schedules import parse_schedule, parse_time
from flowpack.wire.conversion import write_schedule
from flowpack.wire.encoding import Json

#: The slug of the schedule that flowpack owns.
SLUG = "flowpack"

#: Set by the server in every schedule, and never sent.
_OF_THE_SERVER = ("id", "created", "updated", "deployment_id")


def own_schedule(
    extra: Mapping[str, Any], script: Optional[ScriptSource], slugs: bool
) -> Optional[Mapping[str, Any]]:
    """Return the schedule of a deployment that is flowpack's, as the server has it.

    Where the release has *slugs*, it has one. Before, the pull step holds a copy of it, and before
    there were several schedules, it is the only one.
    """
    if "schedules" not in extra:
        schedule = extra.get("schedule")
        active = extra.get("is_schedule_active", True)  # The deployment's is its only flag.
        return None if schedule is None else {"schedule": schedule, "active": active}
    schedules: List[Mapping[str, Any]] = extra["schedules"] or []
    if slugs:
        return next((each for each in schedules if each.get("slug") == SLUG), None)
    if script is None or script.schedule is None:
        return None
    made = read_any(script.schedule)
    return next((each for each in schedules if same_schedule(each["schedule"], made)), None)


def sent_schedules(
    schedule: Any, extra: Mapping[str, Any], own: Optional[Mapping[str, Any]], slugs: bool
) -> Tuple[Json, ...]:
    """Return the schedules to send: those of others as they are, and our own *schedule*."""
    listed = extra.get("schedules") or ([] if own is None or "schedules" in extra else [own])
    kept = schedule is UNSET or (own is not None and same_schedule(own.get("schedule"), schedule))
    sent: List[Dict[str, Any]] = [
        {key: value for key, value in each.items() if key not in _OF_THE_SERVER}
        for each in listed
        if kept or each is not own
    ]
    if not kept and schedule is not None:
        body = dict(write_schedule(schedule))
        if body.get("anchor_date", "") is None:
            del body["anchor_date"]
        active = True if own is None else own.get("active", True)
        sent.append({"schedule": body, "active": active, **({"slug": SLUG} if slugs else {})})
    return tuple(sent)


def read_schedules(
    extra: Mapping[str, Any], own: Optional[Mapping[str, Any]]
) -> Tuple[ScheduleRecord, ...]:
    """Return all schedules of a deployment; *own* is flowpack's."""
    listed = extra.get("schedules") or [each for each in (own,) if each is not None]
    return tuple(
        ScheduleRecord(
            schedule=read_any(each["schedule"]),
            id=each.get("id"),
            active=each.get("active", True),
            parameters=each.get("parameters") or {},
            slug=each.get("slug"),
            max_scheduled_runs=each.get("max_scheduled_runs"),
            own=each is own,
        )
        for each in listed
    )


def read_any(schedule: Json) -> AnySchedule:
    """Return a schedule as a model, which need not write it as it came."""
    try:
        return parse_schedule(schedule)
    except ValueError:
        return OpaqueSchedule(schedule)


def same_schedule(current: Json, schedule: Any) -> bool:
    """Return True if the server's schedule is this one.

    Servers add a time zone, an anchor date and, to rules, a start.
    """
    if current is None or schedule is None:
        return current is None and schedule is None
    old, new = dict(current), dict(write_schedule(schedule))
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
        start, _, rule = str(old.get("rrule")).partition("\n")
        old["rrule"] = rule if start.startswith("DTSTART") else old.get("rrule")
    return old == new
