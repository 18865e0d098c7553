"""The dialect of today's Prefect, 2.10.14 to 3.x: work pools and pull steps."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Optional, Tuple, Type
from uuid import UUID, uuid4

import attrs

from flowpack.exceptions import DeploymentValidationError, WireError
from flowpack.jsonvalues import same_json
from flowpack.models import (
    UNSET,
    Deployment,
    DeploymentCreate,
    FlowRunnerSettings,
    ScriptSource,
)
from flowpack.transport import Answer, Effect, Request
from flowpack.wire import pulling
from flowpack.wire.base import Change, Model
from flowpack.wire.conversion import write_schedule
from flowpack.wire.exchange import Json, path, request, wants_csrf_token
from flowpack.wire.job_variables import job_variables, problem, with_nested_env
from flowpack.wire.prefect3_blocks import Prefect3Blocks
from flowpack.wire.releases import METHODS, OLDEST, SINCE, SLUGS, parse_version
from flowpack.wire.server_deployments import (
    check_shapes,
    concurrency_limit,
    own_labels,
    variables_of,
)
from flowpack.wire.server_schedules import read_any, same_schedule, sendable

#: The slug of the schedule that flowpack owns.
SLUG = "flowpack"

#: What a deployment keeps where a spec does not say it: field and default.
_KEPT: Mapping[str, Any] = {
    "description": None,
    "version": None,
    "labels": {},
    "concurrency_limit": None,
    "work_queue_name": None,
    "enforce_parameter_schema": True,
}


class Prefect3(Prefect3Blocks):
    """Speaks to servers with work pools; fields are gated by their release."""

    name: ClassVar[str] = "prefect3"
    uses_work_pools: ClassVar[bool] = True
    workers: ClassVar[int] = 4

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self._release = parse_version(version)
        self.loads_methods = self._release >= METHODS
        self._csrf: Mapping[str, str] = {}

    def headers(self, sent: Request) -> Mapping[str, str]:
        """Return the CSRF token, where the server asked for one."""
        return {} if sent.method == "GET" else self._csrf

    def renew(self, refused: Answer, send: Callable[[Request], Answer]) -> bool:
        """Fetch a CSRF token where the server refused a request for want of one.

        Few servers want one, so it is not asked for before. A token lives an hour.
        """
        if not wants_csrf_token(refused):
            return False
        client = str(uuid4())
        asked = request("GET", "/csrf-token", query=f"client={client}")
        answer = send(asked)
        try:
            token = json.loads(answer.body)["token"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        if answer.status != 200 or not isinstance(token, str):
            return False
        self._csrf = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client}
        return True

    def knows(self, field: str) -> bool:
        """Return whether this release has a field of deployments."""
        return self._release >= SINCE.get(field, OLDEST)

    # Models

    def structure(self, value: Json, cls: Type[Model]) -> Model:
        """See :meth:`Dialect.structure`."""
        if cls is Deployment and isinstance(value, dict):
            return self._deployment(value)  # type: ignore[return-value]
        return super().structure(value, cls)

    def _deployment(self, value: Dict[str, Any]) -> Deployment:
        """Read a deployment; all that is only here stays in ``extra``."""
        check_shapes(value)
        stored, script, flaw = None, None, None
        try:
            stored, script = pulling.read_steps(value.get("pull_steps"))
        except WireError as exc:
            # One deployment that was edited must not hide all the others.
            flaw = str(exc)
        plain = super().structure(
            {**value, "flow_data": None, "schedule": None, "flow_runner": None},
            Deployment,
        )
        own = self._own_schedule(value, script)
        return attrs.evolve(
            plain,
            flow_data=None if stored is None else pulling.flow_data(stored),
            script=script,
            flaw=flaw,
            schedule=None if own is None else read_any(own.get("schedule")),
            is_schedule_active=self._active(value),
            extra=value,
        )

    def _active(self, value: Mapping[str, Any]) -> bool:
        if self.knows("paused"):
            return not value.get("paused", False)
        return bool(value.get("is_schedule_active", True))

    def _own_schedule(
        self, value: Mapping[str, Any], script: Optional[ScriptSource]
    ) -> Optional[Mapping[str, Any]]:
        """Return the schedule that is flowpack's.

        It has a slug. Before there were slugs, the pull step says which it is.
        """
        if not self.knows("schedules"):
            schedule = value.get("schedule")
            return None if schedule is None else {"schedule": schedule}
        schedules = value.get("schedules") or []
        if self._release >= SLUGS:
            return next((each for each in schedules if each.get("slug") == SLUG), None)
        if script is None or script.schedule is None:
            return None
        made = read_any(script.schedule)
        equal = (each for each in schedules if same_schedule(each["schedule"], made))
        return next(equal, None)

    # Deployments

    def settled(
        self, new: DeploymentCreate, current: Optional[Deployment]
    ) -> DeploymentCreate:
        """See :meth:`Dialect.settled`; schedules of others are sent again."""
        if new.schedules is not UNSET:
            return new
        has: Mapping[str, Any] = {} if current is None else current.extra
        kept: Dict[str, Any] = {
            "parameters": {} if current is None else current.parameters,
            "tags": () if current is None else current.tags,
            "is_schedule_active": current is None or current.is_schedule_active,
            "work_pool_name": has.get("work_pool_name"),
            "job_variables": None if current is None else _merged_variables(has, new),
        }
        for field, default in _KEPT.items():
            kept[field] = has.get(field, default)
        if new.script is not None:
            if current is None:
                kept["description"] = new.script.description
            if current is None or _is_computed(kept["version"]):
                kept["version"] = new.script.version
        kept["labels"] = own_labels(kept["labels"])
        kept["concurrency_limit"] = concurrency_limit(has)
        unset = {
            field: value
            for field, value in kept.items()
            if getattr(new, field) is UNSET
        }
        if has and new.work_queue_name is None:
            unset["work_queue_name"] = "default"
        own = None if current is None else self._own_schedule(has, current.script)
        schedules = self._schedules(new.schedule, has, own)
        schedule = new.schedule
        if schedule is UNSET:
            schedule = None if current is None else current.schedule
        script = new.script
        if script is not None and schedule is not None and self._release < SLUGS:
            script = attrs.evolve(script, schedule=write_schedule(schedule))
        return attrs.evolve(
            new, schedules=schedules, schedule=schedule, script=script, **unset
        )

    def _schedules(
        self, wanted: Any, has: Mapping[str, Any], own: Optional[Mapping[str, Any]]
    ) -> Tuple[Json, ...]:
        """Return the schedules to send: those of others as they are, and our own."""
        listed = has.get("schedules") or []
        if not self.knows("schedules"):
            listed = [] if own is None else [own]
        if wanted is UNSET:
            return tuple(sendable(each) for each in listed)
        if own is not None and same_schedule(own.get("schedule"), wanted):
            return tuple(sendable(each) for each in listed)
        others = [sendable(each) for each in listed if each is not own]
        if wanted is None:
            return tuple(others)
        mine: Dict[str, Any] = {
            "schedule": write_schedule(wanted),
            "active": True if own is None else own.get("active", True),
        }
        if mine["schedule"].get("anchor_date", "") is None:
            del mine["schedule"]["anchor_date"]
        if self._release >= SLUGS:
            mine["slug"] = SLUG
        return (*others, mine)

    def differences(
        self, current: Deployment, new: DeploymentCreate
    ) -> Tuple[Change, ...]:
        """See :meth:`Dialect.differences`."""
        body, has = self._body(new), dict(current.extra)
        has["labels"] = own_labels(has.get("labels"))
        has["concurrency_limit"] = concurrency_limit(has)
        has["job_variables"] = variables_of(has)
        changes: List[Change] = []
        for field, wanted in body.items():
            if field in _COMPARED_APART or same_json(has.get(field), wanted):
                continue
            changes.append(
                Change(_SPEC_NAMES.get(field, field), has.get(field), wanted)
            )
        if current.is_schedule_active != new.is_schedule_active:
            old, now = not current.is_schedule_active, not new.is_schedule_active
            changes.append(Change("paused", old, now))
        own = self._own_schedule(current.extra, current.script)
        old_schedule = None if own is None else own.get("schedule")
        if not same_schedule(old_schedule, new.schedule):
            changes.append(
                Change("schedule", old_schedule, write_schedule(new.schedule))
            )
        return tuple(changes) + pulling.differences(current, new)

    def create_deployment(self, new: DeploymentCreate) -> Request:
        """See :meth:`Dialect.create_deployment`."""
        return request("POST", "/deployments/", self._body(new), Effect.UPSERT)

    def _body(self, new: DeploymentCreate) -> Dict[str, Any]:
        stored = new.flow_data.stored_object
        if stored is None or new.script is None:
            raise DeploymentValidationError(
                new.name,
                [f"a {self.version} server needs a script that its workers can pull"],
            )
        body: Dict[str, Any] = {
            "name": new.name,
            "flow_id": str(new.flow_id),
            "entrypoint": new.entrypoint,
            "path": None,
            "pull_steps": pulling.write_steps(stored, new.script),
            "parameter_openapi_schema": new.parameter_openapi_schema,
            "parameters": dict(new.parameters or {}),
            "tags": list(new.tags or ()),
            "description": new.description,
            "version": new.version,
            "work_pool_name": new.work_pool_name,
            "enforce_parameter_schema": new.enforce_parameter_schema,
            "concurrency_limit": new.concurrency_limit,
            "labels": dict(new.labels or {}),
        }
        if new.work_queue_name is not None:
            body["work_queue_name"] = new.work_queue_name
        self._add_schedules(body, new)
        self._add_variables(body, new)
        return {field: value for field, value in body.items() if self.knows(field)}

    def _add_schedules(self, body: Dict[str, Any], new: DeploymentCreate) -> None:
        schedules = list(new.schedules or ())
        if self.knows("schedules"):
            body["schedules"] = schedules
            body["paused"] = not new.is_schedule_active
            return
        body["schedule"] = schedules[0]["schedule"] if schedules else None
        body["is_schedule_active"] = new.is_schedule_active

    def _add_variables(self, body: Dict[str, Any], new: DeploymentCreate) -> None:
        variables = new.job_variables
        if not isinstance(variables, Mapping):
            variables = _runner_variables(new)
        field = "job_variables" if self.knows("job_variables") else "infra_overrides"
        body[field] = dict(variables)

    def runner_of(self, current: Deployment) -> Json:
        """See :meth:`Dialect.runner_of`; these servers have job variables for it."""
        return variables_of(current.extra)

    def problems(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """See :meth:`Dialect.problems`."""
        return () if new.script is None else pulling.problems(new.script)

    def pool_problem(self, settings: FlowRunnerSettings, pool_type: str) -> str:
        """See :meth:`Dialect.pool_problem`."""
        return problem(settings, pool_type)

    def needs_document(self, script: ScriptSource) -> bool:
        """See :meth:`Dialect.needs_document`."""
        return pulling.choice(script) == pulling.FLOWPACK

    def notes(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """See :meth:`Dialect.notes`."""
        notes = []
        if new.script is not None:
            chosen = pulling.choice(new.script)
            notes.append(f"workers pull it with the {chosen} step")
        for field in ("labels", "concurrency_limit"):
            if getattr(new, field) and not self.knows(field):
                notes.append(f"a server of release {self.version} keeps no {field}")
        return tuple(notes)

    def set_schedule_active(self, deployment_id: UUID, active: bool) -> Request:
        """Pause or resume a deployment."""
        if not self.knows("paused"):
            verb = "set_schedule_active" if active else "set_schedule_inactive"
            target = path("deployments", deployment_id, verb)
            return request("POST", target, effect=Effect.UPSERT)
        # 2.16 to 2.20 refuse their pause_deployment where there are two schedules.
        target = path("deployments", deployment_id)
        return request("PATCH", target, {"paused": not active}, Effect.UPSERT)


#: Fields of the body whose comparison is a matter of its own.
_COMPARED_APART = frozenset(
    {
        "name",
        "flow_id",
        "path",
        "pull_steps",
        "schedule",
        "schedules",
        "paused",
        "is_schedule_active",
    }
)

#: Names in a spec of fields of the body.
_SPEC_NAMES = {
    "infra_overrides": "flow_runner",
    "job_variables": "flow_runner",
    "work_pool_name": "work_pool",
    "work_queue_name": "work_queue",
}


def _runner_variables(new: DeploymentCreate) -> Dict[str, Any]:
    """Return the job variables that say what the runner of *new* says."""
    return job_variables(new.flow_runner or FlowRunnerSettings("universal", {}))


def _merged_variables(has: Mapping[str, Any], new: DeploymentCreate) -> Dict[str, Any]:
    """Return a deployment's variables, with those of its new runner over them."""
    kept = with_nested_env(variables_of(has))
    changes = _runner_variables(new)
    merged = {**kept, **changes}
    if isinstance(kept.get("env"), Mapping) and "env" in changes:
        merged["env"] = {**kept["env"], **changes["env"]}
    return merged


def _is_computed(version: Any) -> bool:
    """Return whether a version is the digest of a script, as tools make it."""
    return version is None or re.fullmatch("[0-9a-f]{32}", str(version)) is not None
