"""The dialect of today's Prefect, 2.10.14 to 3.x: work pools and pull steps."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Optional, Tuple, Type
from uuid import UUID, uuid4

import attrs

from flowpack.exceptions import (
    DeploymentValidationError,
    ObjectAlreadyExists,
    ObjectNotFound,
    WireError,
)
from flowpack.models import (
    UNSET,
    BlockDefinition,
    BlockDocument,
    Deployment,
    DeploymentCreate,
    FlowRunnerSettings,
    ScriptSource,
)
from flowpack.jsonvalues import same_json
from flowpack.transport import Answer, Effect, Request
from flowpack.wire import pulling
from flowpack.wire.base import PAGE, Change, Dialect, Model, Send
from flowpack.wire.block_schemas import prefect3_schema, slug
from flowpack.wire.conversion import write_schedule
from flowpack.wire.exchange import Json, path, request
from flowpack.wire.job_variables import job_variables, problem
from flowpack.wire.releases import OLDEST, SINCE, SLUGS, parse_version
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


class Prefect3(Dialect):
    """Speaks to servers with work pools; fields are gated by their release."""

    name: ClassVar[str] = "prefect3"
    uses_work_pools: ClassVar[bool] = True
    workers: ClassVar[int] = 4

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self._release = parse_version(version)
        self._csrf: Mapping[str, str] = {}

    def headers(self, sent: Request) -> Mapping[str, str]:
        """Return the CSRF token, where the server asked for one."""
        return {} if sent.method == "GET" else self._csrf

    def renew(self, refused: Answer, send: Callable[[Request], Answer]) -> bool:
        """Fetch a CSRF token where the server refused a request for want of one.

        Few servers want one, so it is not asked for before. A token lives an hour.
        """
        if refused.status != 403 or b"CSRF token" not in refused.body:
            return False
        client = str(uuid4())
        asked = request("GET", "/csrf-token", query=f"client={client}")
        answer = send(asked)
        try:
            token = json.loads(answer.body)["token"]
        except (ValueError, KeyError, TypeError):
            return False
        self._csrf = {"Prefect-Csrf-Token": str(token), "Prefect-Csrf-Client": client}
        return answer.status == 200

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
        _check_shapes(value)
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
            "job_variables": None if current is None else _variables(has),
        }
        for field, default in _KEPT.items():
            kept[field] = has.get(field, default)
        if new.script is not None:
            if current is None:
                kept["description"] = new.script.description
            if current is None or _is_computed(kept["version"]):
                kept["version"] = new.script.version
        kept["labels"] = _own_labels(kept["labels"])
        kept["concurrency_limit"] = _concurrency_limit(has)
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
        has["labels"] = _own_labels(has.get("labels"))
        has["concurrency_limit"] = _concurrency_limit(has)
        has["job_variables"] = _variables(has)
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
            settings = new.flow_runner or FlowRunnerSettings("universal", {})
            variables = job_variables(settings)
            if not self.knows("job_variables"):
                variables = _flat(variables)
        field = "job_variables" if self.knows("job_variables") else "infra_overrides"
        body[field] = dict(variables)

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

    # Blocks

    def block_schema(self, definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
        """See :meth:`Dialect.block_schema`."""
        return prefect3_schema(definition)

    def echoes(self, document: BlockDocument, data: Mapping[str, Any]) -> bool:
        """See :meth:`Dialect.echoes`; answers to writes have secrets masked."""
        schema = document.block_schema
        listed = None if schema is None else schema.fields.get("secret_fields")
        names = listed if isinstance(listed, list) else ()
        secret = {str(name).partition(".")[0] for name in names}
        answered, sent = dict(document.data), dict(data)
        return all(
            answered.get(name) == sent[name] for name in sent if name not in secret
        )

    def create_block_type(self, definition: BlockDefinition) -> Request:
        """Create the type of a block class; its slug is unique."""
        body = {
            "name": definition.type_name,
            "slug": slug(definition.type_name),
            "logo_url": definition.logo_url,
            "documentation_url": definition.documentation_url,
            "description": definition.description,
            "code_example": definition.code_example,
        }
        return request("POST", "/block_types/", body, Effect.UPSERT)

    def read_block_type_by_name(self, name: str) -> Request:
        """Read a block type by its name."""
        return request("GET", path("block_types", "slug", slug(name)))

    def read_block_document(self, document_id: UUID) -> Request:
        """Read a block document by its id, secrets in clear."""
        target = path("block_documents", document_id)
        return request("GET", target, query=_SECRETS)

    def read_block_document_by_name(self, name: str, block_type_name: str) -> Request:
        """Read a block document by its name and its type's, secrets in clear."""
        segments = ("slug", slug(block_type_name), "block_documents", "name", name)
        return request("GET", path("block_types", *segments), query=_SECRETS)

    def read_block_documents(self, *, anonymous: bool, offset: int = 0) -> Request:
        """List block documents by name, one page of them."""
        body: Dict[str, Any] = {"limit": PAGE, "offset": offset}
        if not anonymous:
            body["block_documents"] = {"is_anonymous": {"eq_": False}}
        return request("POST", "/block_documents/filter", body)

    def update_block_document(
        self, document_id: UUID, data: Mapping[str, Any]
    ) -> Request:
        """Replace the data of a block document."""
        target = path("block_documents", document_id)
        body = {"data": dict(data), "merge_existing_data": False}
        return request("PATCH", target, body, Effect.UPSERT)

    # Default storage: there is none since 2.0b11, so a variable names it

    def get_default_storage(self, send: Send) -> Json:
        """See :meth:`Dialect.get_default_storage`."""
        try:
            document_id = send(_variable("GET"))["value"]
            return send(self.read_block_document(UUID(document_id)))
        except ObjectNotFound:
            return None
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise WireError(
                f"the variable {DEFAULT_STORAGE!r} on the server names no block; set"
                " it with flowpack storage default"
            ) from exc

    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """See :meth:`Dialect.set_default_storage`."""
        send(self.read_block_document(document_id))
        body = {"name": DEFAULT_STORAGE, "value": str(document_id)}
        try:
            send(request("POST", "/variables/", body, Effect.UPSERT))
        except ObjectAlreadyExists:
            send(_variable("PATCH", {"value": str(document_id)}))

    def clear_default_storage(self, send: Send) -> None:
        """See :meth:`Dialect.clear_default_storage`."""
        try:
            send(_variable("DELETE"))
        except ObjectNotFound:
            pass


#: Name of the variable that holds the id of the default storage.
DEFAULT_STORAGE = "flowpack_default_storage"

_SECRETS = "include_secrets=true"


def _variable(method: str, body: Any = UNSET) -> Request:
    effect = Effect.READ if method == "GET" else Effect.UPSERT
    target = path("variables", "name", DEFAULT_STORAGE)
    return request(method, target, body, effect)


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


#: What is read of ``extra``: each member, if it is not null, and its items.
_SHAPES: Mapping[str, Tuple[type, str]] = {
    "schedule": (dict, "an object"),
    "schedules": (list, "an array of objects with a schedule each"),
    "pull_steps": (list, "an array of objects"),
    "labels": (dict, "an object"),
    "global_concurrency_limit": (dict, "an object"),
}


def _check_shapes(value: Mapping[str, Any]) -> None:
    """Refuse a deployment of which the rest of this module could not read a part.

    Raises:
        WireError: A member is of another type.
    """
    for name, (kind, told) in _SHAPES.items():
        member = value.get(name)
        items = member if isinstance(member, list) else ()
        fits = member is None or isinstance(member, kind)
        if name == "schedules":
            fits = fits and all(isinstance(_of(each), dict) for each in items)
        if not fits or not all(isinstance(each, dict) for each in items):
            raise WireError(f"an answer is no Deployment: {name} must be {told}")


def _of(item: Any) -> Any:
    return item.get("schedule") if isinstance(item, dict) else None


def _is_computed(version: Any) -> bool:
    """Return whether a version is the digest of a script, as tools make it."""
    return version is None or re.fullmatch("[0-9a-f]{32}", str(version)) is not None


def _own_labels(labels: Any) -> Dict[str, Any]:
    """Return *labels* without those that the server adds."""
    return {
        key: value
        for key, value in (labels or {}).items()
        if not key.startswith("prefect.")
    }


def _concurrency_limit(has: Mapping[str, Any]) -> Optional[int]:
    """Return the limit; since 3.0.3 an answer has it in an object of its own."""
    limit = (has.get("global_concurrency_limit") or {}).get("limit")
    return has.get("concurrency_limit") if limit is None else limit


def _variables(has: Mapping[str, Any]) -> Any:
    """Return the job variables; 2.x answers by the older name of the field."""
    return has.get("job_variables", has.get("infra_overrides")) or {}


def _flat(variables: Mapping[str, Any]) -> Dict[str, Any]:
    """Return job variables as the overrides of older releases: dotted for env."""
    flat: Dict[str, Any] = {}
    for key, value in variables.items():
        if key == "env":
            flat.update({f"env.{name}": text for name, text in value.items()})
        else:
            flat[key] = value
    return flat
