"""The dialect of today's Prefect, 2.10.14 to 3.x: work pools and pull steps."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Optional, Tuple, Type
from uuid import UUID

import attrs

from flowpack.exceptions import APIStatusError, DeploymentValidationError, FlowpackError
from flowpack.exceptions import ObjectAlreadyExists, ObjectNotFound, WireError
from flowpack.jsonvalues import same_json
from flowpack.models import (
    UNSET,
    BlockDefinition,
    BlockDocument,
    DataDocument,
    Deployment,
    DeploymentCreate,
)
from flowpack.models import ScheduleRecord, ScriptSource
from flowpack.transport import Effect, Request
from flowpack.wire import prefect3_schedules as schedules
from flowpack.wire import pulling
from flowpack.wire.block_schemas import Schema, prefect3_schema, slug
from flowpack.wire.concurrency import limit_fields, limit_notes, read_limit, reduced, same_limit
from flowpack.wire.concurrency import write_limit
from flowpack.wire.dialect import NOTHING, Change, Dialect, Model, Send
from flowpack.wire.encoding import Json, path, request
from flowpack.wire.job_variables import merged_variables, variables_of

#: The oldest release that is spoken to: it brought the module of the pull steps.
OLDEST = (2, 10, 14)

#: The release that brought each field of ``POST /deployments/``, where that is younger than
#: :data:`OLDEST`, and what else is not in all. Servers refuse fields that they do not know.
SINCE: Mapping[str, Tuple[int, ...]] = {
    "enforce_parameter_schema": (2, 13, 2),
    "paused": (2, 16, 0),
    "schedules": (2, 16, 0),
    "run_variables": (2, 16, 4),  # Job variables of one flow run.
    "job_variables": (2, 17, 0),
    "concurrency_limit": (3, 0, 0),
    "runs": (3, 0, 0),  # In addresses of the user interface.
    "concurrency_options": (3, 0, 3),
    "global_concurrency_limit_id": (3, 3, 6),
    "grace_period_seconds": (3, 6, 6),
    "labels": (3, 1, 5),
    "schedules.max_scheduled_runs": (2, 19, 0),
    "schedules.slug": (3, 2, 0),
    "schedules.parameters": (3, 2, 0),
    "fills_in": (3, 9, 0),  # What stands before ``*rows``; not in 3.8.8.
    "methods": (3, 4, 13),  # As entry points, as far as was seen; not in 3.0.11.
}

#: Name of the variable that holds the id of the default storage.
DEFAULT_STORAGE = "flowpack_default_storage"
_DEFAULT_STORAGE_PATH = path("variables", "name", DEFAULT_STORAGE)

#: What a deployment keeps where a spec does not give it: field and default.
_KEPT: Mapping[str, Any] = {
    "description": None,
    "version": None,
    "parameters": {},
    "labels": {},
    "concurrency_limit": None,
    "work_queue_name": None,
    "work_pool_name": None,
    "enforce_parameter_schema": True,
}

#: Fields of the body that are not compared by name.
_COMPARED_OTHERWISE = {
    *("name", "flow_id", "path", "pull_steps"),
    *("schedule", "schedules", "paused", "is_schedule_active"),
    *("concurrency_limit", "concurrency_options", "global_concurrency_limit_id"),
}

#: Fields of the body that a PATCH does not have, and schedules, which have their own requests.
_NOT_PATCHED = ("name", "flow_id", "labels", "schedules")

#: Fields of the body that have another name in a spec.
_SPEC_NAMES: Mapping[str, str] = {
    "work_pool_name": "work_pool",
    "work_queue_name": "work_queue",
    "job_variables": "flow_runner",
    "infra_overrides": "flow_runner",
}

#: What is read of a deployment's ``extra``: arrays of objects, and objects; null is none of them.
_ARRAYS = ("schedules", "pull_steps")
_OBJECTS = (
    *("schedule", "parameter_openapi_schema", "labels", "job_variables", "infra_overrides"),
    *("global_concurrency_limit", "concurrency_options"),
)


def parse_version(version: str) -> Tuple[int, ...]:
    """Return the numbers of a release: ``3.0.0rc2`` gives ``(3, 0, 0)``."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(each or 0) for each in found.groups()) if found else ()


class Prefect3(Dialect):
    """Speaks to servers with work pools; fields are gated by their release."""

    name: ClassVar[str] = "prefect3"
    uses_work_pools: ClassVar[bool] = True
    workers: ClassVar[int] = 4
    with_secrets: ClassVar[str] = "include_secrets=true"
    replacing: ClassVar[Mapping[str, Json]] = {"merge_existing_data": False}
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self._release = parse_version(version)
        self.loads_methods: bool = self.has("methods")
        self.fills_in: bool = self.has("fills_in")
        # Job variables that are an empty mapping: these releases keep what they have.
        self._ignores_empty = (3,) <= self._release < (3, 8, 8)

    def has(self, field: str) -> bool:
        """Return True if this release has a field of deployments."""
        return self._release >= SINCE.get(field, OLDEST)

    def ui_path(self, kind: str) -> Optional[str]:
        """See :meth:`Dialect.ui_path`."""
        return f"runs/{kind}" if kind == "flow-run" and self.has("runs") else f"{kind}s/{kind}"

    def structure(self, value: Json, cls: Type[Model]) -> Model:
        """See :meth:`Dialect.structure`; all that only these servers have stays in ``extra``."""
        if cls is not Deployment or not isinstance(value, dict):
            return super().structure(value, cls)
        _check_shapes(value)
        stored, script, problem = None, None, None
        try:
            stored, script = pulling.read_steps(value.get("pull_steps"))
        except WireError as exc:
            # One deployment that was edited must not hide all the others.
            problem = str(exc)
        own, others, _ = schedules.split(value, script)
        active = value.get("is_schedule_active", True)
        active = not value.get("paused", False) if self.has("paused") else bool(active)
        plain = {**value, "flow_data": None, "schedule": None, "flow_runner": None}
        plain["schedules"] = []
        return attrs.evolve(  # type: ignore[return-value]
            super().structure(plain, Deployment),
            flow_data=None if stored is None else DataDocument.encode("blockstorage", stored),
            script=script,
            script_problem=problem,
            schedule=schedules.first(own),
            is_schedule_active=active,
            schedules=(*own, *others),
            extra=value,
        )

    def make_fit(self, fields: Dict[str, Any], flow: Mapping[str, Any]) -> List[str]:
        """See :meth:`Dialect.make_fit`."""
        defaults = dict(flow)
        if self._release < (3, 3, 6):
            defaults["version"] = None
        if self._release < (3,):
            defaults["enforce_parameter_schema"] = False
        fields.update({key: each for key, each in defaults.items() if fields[key] is UNSET})
        return super().make_fit(fields, flow)

    def settled(self, new: DeploymentCreate, current: Optional[Deployment]) -> DeploymentCreate:
        """See :meth:`Dialect.settled`; schedules of others are sent again."""
        if new.schedules is not UNSET:
            return new
        updated, current = current, current or NOTHING
        extra = current.extra
        kept = self._kept(new, current)
        unset = {field: kept[field] for field in kept if getattr(new, field) is UNSET}
        unset["job_variables"] = kept["job_variables"]
        unset.setdefault("concurrency_limit", reduced(new.concurrency_limit, self.has))
        if extra and new.work_queue_name is None:
            unset["work_queue_name"] = "default"
        sent, note = schedules.settle(new, extra, current.script, self.has("schedules.slug"))
        script = new.script and attrs.evolve(new.script, **note)
        return attrs.evolve(new, schedules=sent, script=script, current=updated, **unset)

    def _kept(self, new: DeploymentCreate, current: Deployment) -> Dict[str, Any]:
        """Return the value of each field that *new* may leave unset."""
        old = _comparable(current.extra)
        kept = {field: old.get(field, default) for field, default in _KEPT.items()}
        kept["tags"], kept["is_schedule_active"] = current.tags, current.is_schedule_active
        kept["job_variables"] = merged_variables(current.extra, new)
        if not kept["job_variables"] and variables_of(current.extra) and self._ignores_empty:
            kept["job_variables"] = {"env": {}}
        if new.script is not None:
            if not current.extra:
                kept["description"] = new.script.description
            # A version that is a digest was made by a tool, from the script.
            if kept["version"] is None or re.fullmatch("[0-9a-f]{32}", str(kept["version"])):
                kept["version"] = new.script.version
        return kept

    def differences(self, current: Deployment, new: DeploymentCreate) -> Tuple[Change, ...]:
        """See :meth:`Dialect.differences`."""
        old = _comparable(current.extra)
        changes: List[Change] = [
            Change(_SPEC_NAMES.get(field, field), old.get(field), value)
            for field, value in self.body(new).items()
            if field not in _COMPARED_OTHERWISE and not same_json(old.get(field), value)
        ]
        limit = old["concurrency_limit"]
        if self.has("concurrency_limit") and not same_limit(limit, new.concurrency_limit):
            changes.append(Change("concurrency_limit", limit, new.concurrency_limit))
        if current.is_schedule_active != new.is_schedule_active:
            paused = not current.is_schedule_active
            changes.append(Change("paused", paused, not new.is_schedule_active))
        changes += schedules.changes(current, new)
        return (*changes, *pulling.differences(current, new))

    def body(self, new: DeploymentCreate) -> Dict[str, Any]:
        """See :meth:`Dialect.body`."""
        stored = new.flow_data.stored_object
        if stored is None or new.script is None:
            problem = f"a {self.version} server needs a script that its workers can pull"
            raise DeploymentValidationError(new.name, [problem])
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
            **write_limit(new),
            "labels": dict(new.labels or {}),
        }
        if new.work_queue_name is not None:
            body["work_queue_name"] = new.work_queue_name
        sent = list(map(schedules.write, new.schedules or ()))
        if self.has("schedules"):
            body.update(schedules=sent, paused=not new.is_schedule_active)
        else:
            body["schedule"] = sent[0]["schedule"] if sent else None
            body["is_schedule_active"] = new.is_schedule_active
        variables = dict(new.job_variables or {})
        body["job_variables" if self.has("job_variables") else "infra_overrides"] = variables
        return {field: value for field, value in body.items() if self.has(field)}

    def write_deployment(
        self, new: DeploymentCreate, send: Send, read: Callable[[Request], Deployment]
    ) -> Deployment:
        """See :meth:`Dialect.write_deployment`; the schedules that are there keep their ids.

        A POST would make all of them anew, and forget how many runs they make ahead.
        """
        current, wanted = new.current, new.schedules or ()
        extra = {} if current is None else current.extra
        patched = self.has("schedules.slug") and extra.get("schedules")
        # Only a POST changes labels.
        patched = patched and same_json(_comparable(extra)["labels"], dict(new.labels or {}))
        if current is None or not patched:
            made = read(self.create_deployment(new))
            again = schedules.requests(made.id, made.schedules, wanted)
            again = [each for each in again if each.method == "PATCH"]
            for each in again:
                send(each)
            return read(request("GET", path("deployments", made.id))) if again else made
        target = path("deployments", current.id)
        before = schedules.read_items(extra["schedules"])
        body = {key: each for key, each in self.body(new).items() if key not in _NOT_PATCHED}

        def now() -> List[ScheduleRecord]:
            listed = send(request("GET", target))["schedules"]
            return schedules.involved(listed, before, wanted)

        try:
            try:
                schedules.update(current.id, before, wanted, send)
            except ObjectAlreadyExists:  # Another deploy was faster, or a request came twice.
                schedules.update(current.id, now(), wanted, send)
            # Last, since its pull step notes which schedules are flowpack's.
            send(request("PATCH", target, body, Effect.UPSERT))
        except APIStatusError:
            # A failure changes nothing: what came before it is undone.
            with suppress(FlowpackError):
                schedules.update(current.id, now(), before, send)
            raise
        return read(request("GET", target))

    def set_schedule_active(self, deployment_id: UUID, active: bool) -> Request:
        """See :meth:`Dialect.set_schedule_active`."""
        if not self.has("paused"):
            return super().set_schedule_active(deployment_id, active)
        # 2.16 to 2.20 refuse their pause_deployment where there are two schedules.
        target = path("deployments", deployment_id)
        return request("PATCH", target, {"paused": not active}, Effect.UPSERT)

    def runner_of(self, current: Deployment) -> Json:
        """See :meth:`Dialect.runner_of`; these servers have job variables for it."""
        return variables_of(current.extra)

    def problems(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """See :meth:`Dialect.problems`."""
        return () if new.script is None else pulling.problems(new.script)

    def unkept(self, concurrency_limit: Any, job_variables: Any) -> List[str]:
        """See :meth:`Dialect.unkept`."""
        limit = limit_fields(concurrency_limit)
        used = [*filter(limit.get, limit), *(limit["concurrency_options"] or ())]
        missing = [
            f"a server of release {self.version} keeps no {field}, which came with"
            f" {'.'.join(map(str, SINCE[field]))}"
            for field in used
            if not self.has(field)
        ]
        return missing[:1]

    def notes(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """See :meth:`Dialect.notes`."""
        old, script = new.current and new.current.script, new.script
        step = script and pulling.select_step(script)
        # A new deployment with the stock step is as everybody expects.
        before = pulling.select_step(old) if old else pulling.STOCK
        notes = [f"workers pull it with the {step} step"] if step and step != before else []
        return (*notes, *limit_notes(new))

    def lasting_notes(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """See :meth:`Dialect.lasting_notes`."""
        notes = schedules.notes(new)
        if new.labels and not self.has("labels"):
            notes.append(f"a server of release {self.version} keeps no labels")
        return tuple(notes)

    def describe_pull(self, current: Deployment) -> str:
        """See :meth:`Dialect.describe_pull`."""
        return pulling.describe(current)

    def needs_document(self, script: ScriptSource) -> bool:
        """See :meth:`Dialect.needs_document`."""
        return pulling.select_step(script) == pulling.FLOWPACK

    def block_schema(self, definition: BlockDefinition) -> Schema:
        """See :meth:`Dialect.block_schema`."""
        return prefect3_schema(definition)

    def block_type_key(self, name: str) -> Tuple[str, str]:
        """See :meth:`Dialect.block_type_key`."""
        return "slug", slug(name)

    def block_document_filters(self, anonymous: bool) -> Dict[str, Any]:
        """See :meth:`Dialect.block_document_filters`."""
        return {} if anonymous else {"block_documents": {"is_anonymous": {"eq_": False}}}

    # Default storage: there is none since 2.0b11, so a variable names it

    def get_default_storage(self, send: Send) -> Optional[BlockDocument]:
        """See :meth:`Dialect.get_default_storage`."""

        def document_id(variable: Json) -> Optional[UUID]:
            try:
                return None if variable is None else UUID(variable["value"])
            except (KeyError, TypeError, ValueError, AttributeError) as exc:
                problem = f"the variable {DEFAULT_STORAGE!r} on the server names no block"
                raise WireError(f"{problem}; set it with flowpack storage default") from exc

        document: Optional[BlockDocument] = None
        with suppress(ObjectNotFound):
            found = send(request("GET", _DEFAULT_STORAGE_PATH), document_id)
            if found is not None:
                read = partial(self.structure, cls=BlockDocument)
                document = send(self._read_document(found), read)
        return document

    def _read_document(self, document_id: UUID) -> Request:
        return request("GET", path("block_documents", document_id), query=self.with_secrets)

    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """See :meth:`Dialect.set_default_storage`."""
        send(self._read_document(document_id))
        value = {"value": str(document_id)}
        try:
            body = {"name": DEFAULT_STORAGE, **value}
            send(request("POST", "/variables/", body, Effect.UPSERT))
        except ObjectAlreadyExists:
            send(request("PATCH", _DEFAULT_STORAGE_PATH, value, Effect.UPSERT))

    def clear_default_storage(self, send: Send) -> None:
        """See :meth:`Dialect.clear_default_storage`."""
        with suppress(ObjectNotFound):
            send(request("DELETE", _DEFAULT_STORAGE_PATH, effect=Effect.UPSERT))


def _check_shapes(value: Mapping[str, Any]) -> None:
    """Raise a WireError for a deployment of which the dialect could not read a part."""
    for name in (*_OBJECTS, *_ARRAYS):
        member, is_array = value.get(name), name in _ARRAYS
        fits = member is None or isinstance(member, list if is_array else dict)
        if fits and is_array:
            fits = all(isinstance(each, dict) for each in member or ())
        if fits and name == "schedules":
            fits = all(map(schedules.is_item, member or ()))
        if not fits:
            expected = "an array of objects" if is_array else "an object"
            raise WireError(f"a response is no Deployment: {name} must be {expected}")


def _comparable(extra: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a deployment as a server has it, with values as they are sent."""
    labels = (extra.get("labels") or {}).items()
    variables = variables_of(extra)
    return {
        **extra,
        "labels": {key: value for key, value in labels if not key.startswith("prefect.")},
        "concurrency_limit": read_limit(extra),
        "job_variables": variables,
        "infra_overrides": variables,
    }
