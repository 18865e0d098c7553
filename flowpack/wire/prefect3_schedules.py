"""Schedules of a deployment on today's servers: flowpack's own, and those of others beside it.

A schedule is flowpack's by its slug, which only servers since 3.2.0 have, or because the pull step
notes it: by its slug, else by its JSON. What is noted and not there any more was edited, if there
is exactly one schedule that was not there when the note was made.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Any, Callable, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple
from uuid import UUID

import attrs

from flowpack.exceptions import ObjectNotFound
from flowpack.jsonvalues import same_json
from flowpack.models import UNSET, AnySchedule, Deployment, DeploymentCreate, OpaqueSchedule
from flowpack.models import ScheduleRecord, ScriptSource, wanted_schedules
from flowpack.schedules import DeploymentSchedule, IntervalSchedule, normal_form, parse_schedule
from flowpack.schedules import same_runs
from flowpack.transport import Effect, Request
from flowpack.wire.conversion import describe_record, write_schedule
from flowpack.wire.dialect import Change, Send
from flowpack.wire.encoding import Json, path, request

#: The slug of the first schedule that flowpack makes; further ones have a number at its end.
SLUG = "flowpack"

Records = Iterable[ScheduleRecord]

#: What a PATCH of a schedule changes, and does not clear.
_NEVER_CLEARED = ("slug", "max_scheduled_runs")


class Schedules(NamedTuple):
    """The schedules of a deployment; of the *unknown*, which are *others*, one may be ours."""

    own: List[ScheduleRecord]
    others: List[ScheduleRecord]
    unknown: List[ScheduleRecord]


def is_item(value: Mapping[str, Any]) -> bool:
    """Return True if what a server lists under ``schedules`` can be read."""
    kinds = {"id": str, "slug": str, "parameters": dict, "max_scheduled_runs": int}
    fits = all(isinstance(value.get(key), (kind, type(None))) for key, kind in kinds.items())
    return fits and isinstance(value.get("schedule"), dict)


def read_items(items: Optional[Iterable[Mapping[str, Any]]]) -> List[ScheduleRecord]:
    """Return the schedules that a server lists, none of them as flowpack's."""
    return [
        ScheduleRecord(
            schedule=_read(each["schedule"]),
            id=each.get("id"),
            active=each.get("active") is not False,
            parameters=each.get("parameters") or {},
            slug=each.get("slug"),
            max_scheduled_runs=each.get("max_scheduled_runs"),
        )
        for each in items or ()
    ]


def split(extra: Mapping[str, Any], script: Optional[ScriptSource]) -> Schedules:
    """Return whose the schedules of a deployment are; the only one of old servers is flowpack's."""
    if "schedules" not in extra:
        schedule = extra.get("schedule")
        only = [] if schedule is None else [ScheduleRecord(schedule=_read(schedule), own=True)]
        return Schedules(only, [], [])
    noted = [] if script is None else list(script.schedules or ())
    own: List[ScheduleRecord] = []
    others: List[ScheduleRecord] = []
    for each in read_items(extra["schedules"]):
        (own if each.slug in noted or _is_named(each.slug) else others).append(each)
    own.sort(key=lambda each: str(each.slug))
    entries = [each for each in noted if isinstance(each, dict)]
    found = [_take(others, partial(_runs_at, _read(each))) for each in entries]
    own += filter(None, found)
    unknown = [each for each in others if None in found and not each.slug]
    for entry in (script.other_schedules or () if script is not None else ()):
        _take(unknown, partial(_runs_at, _read(entry)))
    if len(unknown) == 1:
        others.remove(unknown[0])
        own, unknown = own + unknown, []
    return Schedules([attrs.evolve(each, own=True) for each in own], others, unknown)


def settle(
    new: DeploymentCreate, extra: Mapping[str, Any], script: Optional[ScriptSource], slugs: bool
) -> Tuple[Tuple[ScheduleRecord, ...], Mapping[str, Any]]:
    """Return all schedules to send, flowpack's first, and what the pull step notes of them.

    *extra* is the deployment as the server has it, *script* what its pull step notes; *slugs* says
    whether the server keeps slugs.
    """
    own, others, _ = split(extra, script)
    wanted = wanted_schedules(new.schedule, new.own_schedules)
    given, active = own, [True] * len(own)
    if wanted is not UNSET:
        given, others = _match(wanted, own, others, slugs, new.name_schedules)
        active = [each.active for each in wanted]
    if new.is_schedule_active is True:
        given = [attrs.evolve(each, active=on or each.active) for each, on in zip(given, active)]
    others = [] if new.replace_schedules else others
    unnamed = [each for each in given if not _is_named(each.slug)]
    noted = [each.slug or write_schedule(each.schedule) for each in unnamed]
    seen = [write_schedule(each.schedule) for each in others if not each.slug]
    has_json = any(isinstance(each, dict) for each in noted)
    return (*given, *others), {"schedules": noted, "other_schedules": seen if has_json else []}


def _match(
    wanted: Sequence[DeploymentSchedule],
    own: List[ScheduleRecord],
    others: List[ScheduleRecord],
    slugs: bool,
    named: bool,
) -> Tuple[List[ScheduleRecord], List[ScheduleRecord]]:
    """Return the *wanted* schedules as they are to be, and which of *others* are none of them.

    Each is one that is there, by its slug or because it makes the same runs, flowpack's own first;
    then one of flowpack's that is not wanted as it is changes.
    """
    own, others = list(own), list(others)
    taken = {each.slug for each in own + others} | {each.slug for each in wanted}
    numbered = (SLUG if number == 1 else f"{SLUG}-{number}" for number in itertools.count(1))
    free = (slug for slug in numbered if slug not in taken)
    found: List[Optional[ScheduleRecord]] = [None] * len(wanted)
    for fits in _FITS:
        for pool in (own, others):
            for index, each in enumerate(wanted):
                found[index] = found[index] or _take(pool, partial(fits, each))
    left = [index for index, each in enumerate(found) if each is None]
    changed = dict(zip(left, own))
    given = []
    for index, each in enumerate(wanted):
        old = found[index] or changed.get(index) or ScheduleRecord(schedule=OpaqueSchedule({}))
        # Which of several changes into which is a guess.
        guessed = found[index] is None and len(left) != len(own)
        fields: dict[str, Any] = {"own": True}
        if not each.active or each.switches_on or guessed:
            fields["active"] = each.active
        if not same_runs(old.schedule, each.schedule):
            fields["schedule"] = _anchored(each.schedule)
        if slugs and (each.slug or (found[index] is None and named)):
            fields["slug"] = each.slug or old.slug or next(free)
        further = {field: getattr(each, field) for field in ("parameters", "max_scheduled_runs")}
        fields.update((field, value) for field, value in further.items() if value is not None)
        given.append(attrs.evolve(old, **fields))
    return given, others


def changes(current: Deployment, new: DeploymentCreate) -> Tuple[Change, ...]:
    """Return how the schedules of *new*, which is settled, differ from what the server has."""
    before, wanted = split(current.extra, current.script), new.schedules or ()
    own = [each for each in wanted if each.own]
    removes = new.replace_schedules and before.others
    if Counter(map(_key, before.own)) == Counter(map(_key, own)) and not removes:
        return ()
    ids = {each.id for each in wanted}
    had = before.own + [each for each in before.others if each.id not in ids]
    old, now = map(_describe, had), map(_describe, own)
    if len(had) > 1 or len(own) > 1:
        return (Change("schedules", list(old), list(now)),)
    return (Change("schedule", next(old, None), next(now, None)),)


def notes(new: DeploymentCreate) -> List[str]:
    """Return the notes of a plan on the schedules of *new*, which is settled."""
    before = split(*((new.current.extra, new.current.script) if new.current else ({}, None)))
    own = [each for each in new.schedules or () if each.own]
    others = [each for each in new.schedules or () if not each.own]
    found, were_others = [], {each.id for each in before.others}
    adopted = [each for each in own if each.id in were_others]
    if adopted:
        found.append(f"schedules that are there are flowpack's from now on: {_show(adopted)}")
    if before.unknown:
        lost = "flowpack's schedule is not there any more, and several may be it, edited"
        found.append(f"{lost}: {_show(before.unknown)}. They stay")
    wanted = wanted_schedules(new.schedule, new.own_schedules)
    inactive = [each for each, asked in zip(own, wanted or ()) if asked.active and not each.active]
    if inactive:
        remedy = "--active (paused=False) switches them on"
        found.append(f"schedules that are inactive stay inactive: {_show(inactive)}; {remedy}")
    if wanted is not UNSET and others:
        remedy = "--replace-schedules (replace_schedules) removes them"
        beside = " and make runs beside flowpack's" if own else ""
        found.append(f"schedules that others made stay{beside}: {_show(others)}; {remedy}")
    return found


def update(deployment_id: UUID, have: Records, want: Records, send: Send) -> None:
    """Make the schedules *want* of those that a deployment has."""
    for each in requests(deployment_id, have, want):
        with suppress(*([ObjectNotFound] if each.method == "DELETE" else [])):
            send(each)


def requests(deployment_id: UUID, have: Records, want: Records) -> List[Request]:
    """Return the requests that make the schedules *want* of those that a deployment has."""
    target = partial(path, "deployments", deployment_id, "schedules")
    have, want = list(have), list(want)
    found: List[Request] = []
    for key in (attrgetter("id"), attrgetter("slug"), _times):
        waiting, want = want, []
        for each in waiting:
            old = key(each) and _take(have, lambda item: key(item) == key(each))  # noqa: B023
            if not old:
                want.append(each)
            elif any(getattr(old, name) and not getattr(each, name) for name in _NEVER_CLEARED):
                have.append(old)
                want.append(attrs.evolve(each, id=None))
            elif _key(old) != _key(each):
                found.append(request("PATCH", target(old.id), write(each), Effect.UPSERT))
    found += [request("DELETE", target(each.id), effect=Effect.UPSERT) for each in have]
    if want:
        # Of each slug there is one; without it, sent again, it would be doubled.
        effect = Effect.UPSERT if all(each.slug for each in want) else Effect.CREATE
        found.append(request("POST", target(), list(map(write, want)), effect))
    return found


def involved(listed: Json, before: Records, want: Records) -> List[ScheduleRecord]:
    """Return which of the schedules that a server lists were there *before*, or are new in *want*.

    Whatever else is there was made by others since.
    """
    ids, made = {each.id for each in before}, [each for each in want if each.id is None]
    slugs, keys = {each.slug for each in made if each.slug}, set(map(_key, made))
    found = read_items(listed)
    return [each for each in found if each.id in ids or each.slug in slugs or _key(each) in keys]


def first(records: Iterable[ScheduleRecord]) -> Optional[AnySchedule]:
    """Return the first schedule, without the anchor that flowpack would add."""
    found = next((each.schedule for each in records), None)
    if isinstance(found, IntervalSchedule):
        bare = attrs.evolve(found, anchor_date=None)
        return bare if bare.anchored().anchor_date == found.anchor_date else found
    return found


def write(record: ScheduleRecord) -> dict[str, Any]:
    """Return a schedule as it is sent; servers clear *parameters* that are left out."""
    further = {name: getattr(record, name) for name in ("parameters", *_NEVER_CLEARED)}
    sent = {"schedule": write_schedule(record.schedule), "active": record.active}
    return {**sent, **{name: value for name, value in further.items() if value}}


def _read(schedule: Json) -> AnySchedule:
    """Return a schedule as a model, which need not write it as it came."""
    try:
        return parse_schedule(schedule)
    except ValueError:
        return OpaqueSchedule(schedule)


def _anchored(schedule: AnySchedule) -> AnySchedule:
    """Return *schedule* as it is sent; servers would take the time of each write for an anchor."""
    return schedule.anchored() if isinstance(schedule, IntervalSchedule) else schedule


def _take(pool: List[ScheduleRecord], fits: Callable[..., bool]) -> Optional[ScheduleRecord]:
    """Remove from *pool* the first that fits, and return it."""
    index = next((index for index, each in enumerate(pool) if fits(each)), None)
    return None if index is None else pool.pop(index)


def _is_named(slug: Optional[str]) -> bool:
    return slug is not None and re.fullmatch(f"{SLUG}(-[0-9]+)?", slug) is not None


def _runs_at(schedule: AnySchedule, record: ScheduleRecord) -> bool:
    return same_runs(record.schedule, schedule)


#: Whether a schedule of the server is a wanted one: by its slug, its content, its times alone.
_FITS: Sequence[Callable[[DeploymentSchedule, ScheduleRecord], bool]] = (
    lambda wanted, record: wanted.slug is not None and record.slug == wanted.slug,
    lambda wanted, record: same_json(dict(record.parameters), dict(wanted.parameters or {}))
    and _runs_at(wanted.schedule, record),
    lambda wanted, record: wanted.parameters is None and _runs_at(wanted.schedule, record),
)


def _times(record: ScheduleRecord) -> str:
    """Return what two schedules have in common that make the same runs."""
    return f"{normal_form(record.schedule)} {json.dumps(dict(record.parameters), sort_keys=True)}"


def _key(record: ScheduleRecord) -> Tuple[Any, ...]:
    """Return what two schedules have in common that are the same."""
    return _times(record), record.slug, record.active, record.max_scheduled_runs


def _describe(record: ScheduleRecord) -> Json:
    """Return a schedule as a plan shows it, without what goes without saying."""
    shown = write(record)
    schedule = dict(shown.pop("schedule"))
    usual = (("active", True), ("slug", record.slug if _is_named(record.slug) else None))
    return {**schedule, **{key: item for key, item in shown.items() if (key, item) not in usual}}


def _show(records: Iterable[ScheduleRecord]) -> str:
    """Return schedules in a few words."""
    return "; ".join(describe_record(attrs.evolve(each, own=True)) for each in records)
