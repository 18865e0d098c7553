"""Schedules of a deployment on today's servers: flowpack's own, and those of others beside it.

A schedule is flowpack's by its slug, which only servers since 3.2.0 have, or because the pull step
notes it: by its slug, else by its JSON. What is noted and not there any more was edited, if there
is exactly one schedule that was not there when the note was made.
"""

from __future__ import annotations

import itertools
import re
from functools import partial
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)
from uuid import UUID

import attrs

from flowpack.jsonvalues import same_json
from flowpack.models import (
    UNSET,
    AnySchedule,
    Deployment,
    DeploymentCreate,
    OpaqueSchedule,
    ScheduleRecord,
    ScriptSource,
    wanted_schedules,
)
from flowpack.schedules import DeploymentSchedule, IntervalSchedule, parse_schedule, same_runs
from flowpack.transport import Effect, Request
from flowpack.wire.conversion import describe_schedule, write_schedule
from flowpack.wire.dialect import Change
from flowpack.wire.encoding import Json, path, request

#: The slug of the first schedule that flowpack makes; further ones have a number at its end.
SLUG = "flowpack"

#: Set by the server in every schedule, and never sent.
_OF_THE_SERVER = ("id", "created", "updated", "deployment_id")

#: What a PATCH of a schedule sends; a server clears *parameters* that are left out.
_SENT = ("schedule", "active", "parameters", "max_scheduled_runs")

#: A schedule of a deployment, as servers have it.
Item = Mapping[str, Any]


class Schedules(NamedTuple):
    """The schedules of a deployment; of the *unknown*, which are *others*, one may be ours."""

    own: List[Item]
    others: List[Item]
    unknown: List[Item]


def is_item(value: Item) -> bool:
    """Return True if what a server lists under ``schedules`` can be read."""
    kinds = {"id": str, "slug": str, "parameters": dict, "max_scheduled_runs": int}
    fits = all(isinstance(value.get(key), (kind, type(None))) for key, kind in kinds.items())
    return fits and isinstance(value.get("schedule"), dict)


def split(extra: Mapping[str, Any], script: Optional[ScriptSource]) -> Schedules:
    """Return whose the schedules of a deployment are; the only one of old servers is flowpack's."""
    if "schedules" not in extra:
        schedule = extra.get("schedule")
        return Schedules([] if schedule is None else [{"schedule": schedule}], [], [])
    noted = [] if script is None else list(script.schedules or ())
    own: List[Item] = []
    others: List[Item] = []
    for each in extra["schedules"] or ():
        slug = each.get("slug")
        is_own = slug and (slug in noted or _is_named(slug))
        (own if is_own else others).append(each)
    own.sort(key=lambda each: str(each["slug"]))
    missing = False
    for entry in (each for each in noted if isinstance(each, dict)):
        found = _take(others, partial(_runs_at, _read(entry)))
        missing = missing or found is None
        own += [] if found is None else [found]
    unknown = [each for each in others if missing and not each.get("slug")]
    for entry in (script.other_schedules or () if script is not None else ()):
        _take(unknown, partial(_runs_at, _read(entry)))
    if len(unknown) == 1:
        others = [each for each in others if each is not unknown[0]]
        own, unknown = own + unknown, []
    return Schedules(own, others, unknown)


def settle(
    new: DeploymentCreate, extra: Mapping[str, Any], script: Optional[ScriptSource], slugs: bool
) -> Tuple[Tuple[Item, ...], Mapping[str, Any]]:
    """Return all schedules to send, and what the pull step notes of them.

    Args:
        new: What is wanted.
        extra: The deployment as the server has it.
        script: What its pull step notes.
        slugs: Whether the server keeps slugs.
    """
    own, others, _ = split(extra, script)
    wanted = wanted_schedules(new.schedule, new.own_schedules)
    given, fixed = list(map(_sendable, own)), [False] * len(own)
    if wanted is not UNSET:
        given, others = _match(wanted, own, others, slugs, new.name_schedules)
        fixed = [not each.active for each in wanted]
    if new.is_schedule_active is True:
        given = [each if off else {**each, "active": True} for each, off in zip(given, fixed)]
    others = [] if new.replace_schedules else list(map(_sendable, others))
    named = [each.get("slug") or each["schedule"] for each in given]
    noted = [each for each in named if isinstance(each, dict) or not _is_named(each)]
    seen = [each["schedule"] for each in others if not each.get("slug")]
    has_json = any(isinstance(each, dict) for each in noted)
    return (*others, *given), {"schedules": noted, "other_schedules": seen if has_json else []}


def _match(
    wanted: Sequence[DeploymentSchedule],
    own: List[Item],
    others: List[Item],
    slugs: bool,
    named: bool,
) -> Tuple[List[Dict[str, Any]], List[Item]]:
    """Return the *wanted* schedules as they are to be, and which of *others* are none of them.

    Each is one that is there, by its slug or because it makes the same runs, flowpack's own first;
    then one of flowpack's that is not wanted as it is changes.
    """
    own, others = list(own), list(others)
    taken = {each.get("slug") for each in own + others} | {each.slug for each in wanted}
    numbered = (SLUG if number == 1 else f"{SLUG}-{number}" for number in itertools.count(1))
    free = (slug for slug in numbered if slug not in taken)
    found: List[Optional[Item]] = [None] * len(wanted)
    for fits in (_has_slug, _is_equal, _is_like):
        for pool in (own, others):
            for index, each in enumerate(wanted):
                found[index] = found[index] or _take(pool, partial(fits, each))
    left = [index for index, each in enumerate(found) if each is None]
    changed = dict(zip(left, own))
    given = []
    for index, each in enumerate(wanted):
        old = found[index] or changed.get(index)
        item = {"active": each.active, **_sendable(old or {})}
        if not each.active or each.switches_on or (index in changed and len(left) != len(own)):
            item["active"] = each.active
        if old is None or not _runs_at(each.schedule, old):
            item["schedule"] = write_anchored(each.schedule)
        if each.parameters is not None:
            item["parameters"] = dict(each.parameters)
        if each.max_scheduled_runs is not None:
            item["max_scheduled_runs"] = each.max_scheduled_runs
        if slugs and (each.slug or (found[index] is None and named)):
            item["slug"] = each.slug or item.get("slug") or next(free)
        given.append(item)
    return given, others


def changes(current: Deployment, new: DeploymentCreate) -> Tuple[Change, ...]:
    """Return how the schedules of *new*, which is settled, differ from what the server has."""
    before, after = split(current.extra, current.script), _split_new(new)
    made, stay = list(after.own), list(after.others)
    gone = [each for each in before.own if not _take(made, partial(_is_same, each))]
    removed = [each for each in before.others if not _take(stay, partial(_is_same, each))]
    if not (gone or made or removed):
        return ()
    replaced = [each for each in removed if not _take(made, partial(_is_same, each))]
    old, now = map(_describe, before.own + replaced), map(_describe, after.own)
    if len(before.own + replaced) > 1 or len(after.own) > 1:
        return (Change("schedules", list(old), list(now)),)
    return (Change("schedule", next(old, None), next(now, None)),)


def notes(new: DeploymentCreate) -> List[str]:
    """Return the notes of a plan on the schedules of *new*, which is settled."""
    before = split(*((new.current.extra, new.current.script) if new.current else ({}, None)))
    after, found = _split_new(new), []
    made = list(after.own)
    for each in before.own:
        _take(made, partial(_is_same, each))
    adopted = [each for each in made if any(_is_same(old, each) for old in before.others)]
    if adopted:
        found.append(f"schedules that are there are flowpack's from now on: {_show(adopted)}")
    if before.unknown:
        found.append(
            "flowpack's schedule is not there any more, and several may be it, edited:"
            f" {_show(before.unknown)}. They stay"
        )
    wanted = wanted_schedules(new.schedule, new.own_schedules)
    on = [each.schedule for each in wanted or () if each.active]
    inactive = [each for each in after.own if not _is_active(each)]
    inactive = [each for each in inactive if any(_runs_at(schedule, each) for schedule in on)]
    if inactive:
        remedy = "--active (paused=False) switches them on"
        found.append(f"schedules that are inactive stay inactive: {_show(inactive)}; {remedy}")
    if wanted is not UNSET and after.others:
        remedy = "--replace-schedules (replace_schedules) removes them"
        beside = " and make runs beside flowpack's" if after.own else ""
        found.append(f"schedules that others made stay{beside}: {_show(after.others)}; {remedy}")
    return found


def _split_new(new: DeploymentCreate) -> Schedules:
    return split({"schedules": list(new.schedules or ())}, new.script)


def requests(
    deployment_id: UUID, have: Iterable[Item], want: Iterable[Item]
) -> Tuple[List[Request], List[Request]]:
    """Return the requests that make the schedules *want* of those that a deployment has.

    Those of the second list, which come last, delete what is not wanted.
    """
    target = partial(path, "deployments", deployment_id, "schedules")
    have, want = list(have), list(want)
    writes: List[Request] = []
    for fits in (_is_same, _has_same_slug, _makes_same_runs):
        waiting, want = want, []
        for each in waiting:
            found = _take(have, lambda item: fits(item, each))  # noqa: B023
            if found is None:
                want.append(each)
            elif fits is not _is_same:
                body = {key: each[key] for key in _SENT if each.get(key) is not None}
                writes.append(request("PATCH", target(found.get("id", "")), body, Effect.UPSERT))
    if want:  # Each has a slug, of which there is one: a second POST would not double it.
        writes.append(request("POST", target(), want, Effect.UPSERT))
    deletes = [request("DELETE", target(each.get("id", "")), effect=Effect.UPSERT) for each in have]
    return writes, deletes


def read_schedules(
    extra: Mapping[str, Any], script: Optional[ScriptSource]
) -> Tuple[ScheduleRecord, ...]:
    """Return all schedules of a deployment, in the order in which the server lists them."""
    own = split(extra, script).own
    listed = extra["schedules"] or () if "schedules" in extra else own
    return tuple(
        ScheduleRecord(
            schedule=_read(each["schedule"]),
            id=each.get("id"),
            active=each.get("active", True),
            parameters=each.get("parameters") or {},
            slug=each.get("slug"),
            max_scheduled_runs=each.get("max_scheduled_runs"),
            own=any(each is mine for mine in own),
        )
        for each in listed
    )


def first_own(records: Iterable[ScheduleRecord]) -> Optional[AnySchedule]:
    """Return the schedule of the first that is flowpack's, without the anchor that it would add."""
    found = next((each.schedule for each in records if each.own), None)
    if isinstance(found, IntervalSchedule):
        bare = attrs.evolve(found, anchor_date=None)
        return bare if bare.anchored().anchor_date == found.anchor_date else found
    return found


def _read(schedule: Json) -> AnySchedule:
    """Return a schedule as a model, which need not write it as it came."""
    try:
        return parse_schedule(schedule)
    except ValueError:
        return OpaqueSchedule(schedule)


def write_anchored(schedule: AnySchedule) -> Json:
    """Return *schedule* as it is sent; servers would take the time of each write for an anchor."""
    if isinstance(schedule, IntervalSchedule):
        schedule = schedule.anchored()
    return dict(write_schedule(schedule))


def _take(pool: List[Item], fits: Callable[[Item], bool]) -> Optional[Item]:
    """Remove from *pool* the first that fits, and return it."""
    for index, each in enumerate(pool):
        if fits(each):
            return pool.pop(index)
    return None


def _sendable(item: Item) -> Dict[str, Any]:
    return {key: value for key, value in item.items() if key not in _OF_THE_SERVER}


def _is_named(slug: str) -> bool:
    return re.fullmatch(f"{SLUG}(-[0-9]+)?", slug) is not None


# Whether a schedule of the server is a wanted one.


def _runs_at(schedule: AnySchedule, item: Item) -> bool:
    return same_runs(_read(item["schedule"]), schedule)


def _has_slug(wanted: DeploymentSchedule, item: Item) -> bool:
    return wanted.slug is not None and item.get("slug") == wanted.slug


def _is_equal(wanted: DeploymentSchedule, item: Item) -> bool:
    same = same_json(item.get("parameters") or {}, dict(wanted.parameters or {}))
    return same and _runs_at(wanted.schedule, item)


def _is_like(wanted: DeploymentSchedule, item: Item) -> bool:
    return wanted.parameters is None and _runs_at(wanted.schedule, item)


# Whether a schedule of the server, the first, is one that is sent.


def _is_same(item: Item, sent: Item) -> bool:
    fields = ("slug", "max_scheduled_runs")
    same = all(item.get(field) == sent.get(field) for field in fields)
    return same and _makes_same_runs(item, sent) and _is_active(item) == _is_active(sent)


def _is_active(item: Item) -> bool:
    return item.get("active", True) is not False


def _has_same_slug(item: Item, sent: Item) -> bool:
    return bool(item.get("slug")) and item.get("slug") == sent.get("slug")


def _makes_same_runs(item: Item, sent: Item) -> bool:
    same = same_json(item.get("parameters") or {}, sent.get("parameters") or {})
    return same and _runs_at(_read(sent["schedule"]), item)


def _describe(item: Item) -> Json:
    """Return a schedule as a plan shows it, without what goes without saying."""
    shown = {**item["schedule"]}
    if not _is_active(item):
        shown["active"] = False
    if item.get("slug") and not _is_named(item["slug"]):
        shown["slug"] = item["slug"]
    further = ("parameters", "max_scheduled_runs")
    return {**shown, **{field: item[field] for field in further if item.get(field)}}


def _show(items: Iterable[Item]) -> str:
    """Return schedules in a few words."""
    shown = []
    for item in items:
        text = str(describe_schedule(_read(item["schedule"])))
        shown.append(text if _is_active(item) else f"{text} (inactive)")
    return ", ".join(shown)
