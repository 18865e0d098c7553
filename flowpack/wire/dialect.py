"""How 2.0b7 ("Orion") and the embedded API are spoken to, and what other servers do otherwise."""

from __future__ import annotations

from typing import Any, Callable, ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar
from uuid import UUID

import attrs

from flowpack.exceptions import DeploymentValidationError, WireError, printable
from flowpack.jsonvalues import same_json
from flowpack.models import UNSET, BlockDefinition, BlockDocument, Deployment, DeploymentCreate
from flowpack.models import ScheduleRecord, ScriptSource, wanted_schedules
from flowpack.schedules import DeploymentSchedule, IntervalSchedule, RRuleSchedule
from flowpack.transport import Effect, Request
from flowpack.wire.block_schemas import Schema, orion_schema
from flowpack.wire.conversion import make_converter, problems_of
from flowpack.wire.encoding import Json, path, request

Model = TypeVar("Model")

#: Sends a request and returns the JSON of the response, or what a second argument makes of it.
Send = Callable[..., Any]

#: What stands for a deployment that is not there yet: all defaults.
NOTHING = Deployment(id=UUID(int=0), name="", flow_id=UUID(int=0), flow_data=None)

#: The fields that 2.0b7 has and a spec need not give.
_FIELDS = ("schedule", "parameters", "tags", "flow_runner", "is_schedule_active")

#: What schedules have besides when they make runs, where a server keeps it.
_OF_SCHEDULES = ("slug", "parameters", "max_scheduled_runs")


@attrs.frozen
class Change:
    """One field of a deployment, as a spec names it, and its old and new values, as JSON."""

    field: str
    old: Json = attrs.field(hash=False)
    new: Json = attrs.field(hash=False)


class Dialect:
    """How one generation of the API is spoken; this one is that of 2.0b7 and the embedded API.

    A subclass overrides what differs; what all servers take alike is in the client.
    """

    name: ClassVar[str] = "orion"  # Or ``prefect3``.
    uses_work_pools: ClassVar[bool] = False  # A deployment needs a work pool to be run.
    fills_in: bool = False  # Workers give parameters before ``*rows`` their defaults.
    loads_methods: bool = False  # Workers load flows in classes: ``file.py:Class.method``.
    workers: ClassVar[int] = 8  # Requests at a time that the server is glad of.
    with_secrets: ClassVar[str] = ""  # Query under which block documents hold their secrets.
    replacing: ClassVar[Mapping[str, Json]] = {}  # Beside data that replace all in a document.
    headers: ClassVar[Mapping[str, str]] = {"X-PREFECT-API-VERSION": "0.6.0"}

    def __init__(self, version: str) -> None:
        self.version = version

    def ui_path(self, kind: str) -> Optional[str]:
        """Return where the user interface shows things of this *kind*; None where it does not."""
        return None

    def has(self, field: str) -> bool:
        """Return True if this server keeps a *field* of deployments that 2.0b7 does not have."""
        return False

    def structure(self, value: Json, cls: type[Model]) -> Model:
        """Return the model that *value* stands for; a WireError has the paths that do not fit."""
        try:
            model = make_converter().structure(value, cls)
        except Exception as exc:
            problems = printable("; ".join(problems_of(value, cls)), 500)
            raise WireError(f"a response is no {cls.__name__}: {problems}") from exc
        if isinstance(model, Deployment) and model.schedule is not None:
            only = ScheduleRecord(schedule=model.schedule, own=True)
            return attrs.evolve(model, schedules=(only,))
        return model

    def unstructure(self, model: Any) -> Json:
        """Return *model* as this API writes it."""
        return make_converter().unstructure(model)

    def settled(self, new: DeploymentCreate, current: Optional[Deployment]) -> DeploymentCreate:
        """Return *new* with the values of *current*, or else defaults, for all that is UNSET."""
        old = current or NOTHING
        kept = {name: getattr(old, name) for name in _FIELDS if getattr(new, name) is UNSET}
        wanted = wanted_schedules(new.schedule, new.own_schedules)
        if wanted is not UNSET:
            kept["schedule"] = wanted[0].schedule if wanted else None
        whole = attrs.evolve(new, **kept, own_schedules=UNSET)
        schedule: Any = whole.schedule
        # 2.0b7 refuses an interval that has both a time zone and an anchor, and fails on one
        # that has a zone only; an anchor with an offset is what works.
        if isinstance(schedule, IntervalSchedule):
            schedule = schedule.without_timezone()
        if isinstance(schedule, RRuleSchedule) and schedule.timezone is None:
            schedule = attrs.evolve(schedule, timezone="UTC")
        only = () if schedule is None else (ScheduleRecord(schedule=schedule, own=True),)
        return attrs.evolve(whole, schedule=schedule, schedules=only)

    def differences(self, current: Deployment, new: DeploymentCreate) -> Tuple[Change, ...]:
        """Return which fields that this server keeps differ in *new*, which is settled.

        ``flow_data`` is left to the caller, who knows the bytes behind it.
        """
        changes = []
        for field in _FIELDS:
            old, value = getattr(current, field), getattr(new, field)
            if same_json(old, value) or (field == "flow_runner" and value is None):
                continue  # A runner that is None is left to the server.
            if field == "is_schedule_active":
                field, old, value = "paused", not old, not value
            changes.append(Change(field, self.unstructure(old), self.unstructure(value)))
        return tuple(changes)

    def create_deployment(self, new: DeploymentCreate) -> Request:
        """Create or update a deployment; *new* is settled."""
        return request("POST", "/deployments/", self.body(new), Effect.UPSERT)

    def write_deployment(
        self, new: DeploymentCreate, send: Send, read: Callable[[Request], Deployment]
    ) -> Deployment:
        """Create or update a deployment and return it; *new* is settled."""
        return read(self.create_deployment(new))

    def body(self, new: DeploymentCreate) -> Dict[str, Any]:
        """Return the JSON that creates a deployment."""
        sent = {"name", "flow_id", "flow_data", *_FIELDS}
        return {field: each for field, each in self.unstructure(new).items() if field in sent}

    def set_schedule_active(self, deployment_id: UUID, active: bool) -> Request:
        """Resume or pause a deployment."""
        verb = "set_schedule_active" if active else "set_schedule_inactive"
        return request("POST", path("deployments", deployment_id, verb), effect=Effect.UPSERT)

    def runner_of(self, current: Deployment) -> Json:
        """Return where the runs of *current* are executed, as JSON."""
        return self.unstructure(current.flow_runner)

    def make_fit(self, fields: Dict[str, Any], flow: Mapping[str, Any]) -> List[str]:
        """Make *fields* of a prefect.yaml what the stock client of this server's release sends.

        *flow* has what the flow stands in for. Returns what is left out, by name.
        """
        schedules = fields["schedules"] or ()
        found = self._not_kept(schedules)
        given = [attrs.evolve(each, **dict.fromkeys(found)) for each in schedules]
        if len(given) == 1 and not (given[0].active or self.has("schedules")):
            given = [attrs.evolve(given[0], active=True)]
            fields["paused"] = True
        if given:
            fields["schedules"] = tuple(given)
        return found

    def schedule_problems(self, wanted: Sequence[DeploymentSchedule]) -> List[str]:
        """Return what this server cannot keep of the schedules of a deployment."""
        found = []
        if len(wanted) > 1 and not self.has("schedules"):
            found.append(f"keeps one schedule for each deployment, and {len(wanted)} are given")
        if not all(each.active for each in wanted) and not self.has("schedules"):
            found.append("keeps no schedule inactive by itself; pause the deployment (paused)")
        found += [f"keeps no {name} of schedules; leave it out" for name in self._not_kept(wanted)]
        return [f"this server {problem}" for problem in found]

    def _not_kept(self, schedules: Sequence[DeploymentSchedule]) -> List[str]:
        """Return which fields that are given in *schedules* this server does not have."""
        unknown = [name for name in _OF_SCHEDULES if not self.has(f"schedules.{name}")]
        return [n for n in unknown if any(getattr(each, n) is not None for each in schedules)]

    def problems(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return why this server or its workers could do nothing with *new*."""
        return ()

    def unkept(self, concurrency_limit: Any, job_variables: Any) -> List[str]:
        """Return which of these fields of a spec this server has no place for."""
        given = {"concurrency_limit": concurrency_limit, "job_variables": job_variables}
        return [
            f"this server keeps no {field}: it is 2.0b7 or the embedded API. Leave it out, or name"
            " a newer server (--api, PREFECT_API_URL)"
            for field in filter(given.get, given)
        ]

    def notes(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return the notes of a plan on *new*."""
        return ()

    def describe_pull(self, current: Deployment) -> str:
        """Return how whoever runs *current* gets its code, in a few words, without secrets."""
        stored = current.stored_object
        if stored is None:
            return "it stands in the deployment itself" if current.flow_data else "unknown"
        place = "storage block" if stored.block_document_id else "folder of temporary files"
        return f"agents and flowpack run read it from the {place}"

    def lasting_notes(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return further notes on *new*, which are news even if nothing changes."""
        return ()

    def run_variables(self, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the job *variables* of one flow run as this server takes them."""
        if self.has("run_variables"):
            # Imported here because few flow runs have any.
            from flowpack.wire.job_variables import with_nested_env

            return with_nested_env(variables)
        problem = f"Prefect {self.version} takes none for one flow run; 2.16.4 and later do"
        raise DeploymentValidationError("job_variables", [problem])

    def needs_document(self, script: ScriptSource) -> bool:
        """Return True if the deployment of *script* refers to a storage block."""
        return True

    def block_schema(self, definition: BlockDefinition) -> Schema:
        """Return ``fields`` and checksum of a block class on this server."""
        return orion_schema(definition)

    def block_type_key(self, name: str) -> Tuple[str, str]:
        """Return the field by which a block type of this *name* is found, and its value."""
        return "name", name

    def block_document_filters(self, anonymous: bool) -> Dict[str, Any]:
        """Return the filters for named block documents, with *anonymous* for the others, too."""
        return {"block_document_filter": {"is_anonymous": {"eq_": None if anonymous else False}}}

    def echoes(self, document: BlockDocument, data: Mapping[str, Any]) -> bool:
        """Return True if the response to a write holds the *data* that were sent.

        Newer servers mask what the schema names as secret.
        """
        schema = document.block_schema
        listed = None if schema is None else schema.fields.get("secret_fields")
        names = listed if isinstance(listed, list) else ()
        secret = {str(name).partition(".")[0] for name in names}
        return all(document.data.get(name) == data[name] for name in data if name not in secret)

    # Default storage: one request or several, through *send*

    def get_default_storage(self, send: Send) -> Optional[BlockDocument]:
        """Return the document of the default storage; None if there is none."""
        document: Optional[BlockDocument] = send(
            request("POST", "/block_documents/get_default_storage_block_document"),
            lambda found: None if found is None else self.structure(found, BlockDocument),
        )
        return document

    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """Make a storage block the default."""
        verb = "set_default_storage_block_document"
        send(request("POST", path("block_documents", document_id, verb), effect=Effect.UPSERT))

    def clear_default_storage(self, send: Send) -> None:
        """Have no default storage."""
        target = "/block_documents/clear_default_storage_block_document"
        send(request("POST", target, effect=Effect.UPSERT))
