"""``DeploymentSpec``, and how it becomes a complete spec."""

from __future__ import annotations

import inspect
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Mapping, Optional, Protocol
from typing import Tuple, Union
from uuid import UUID

import attrs

from flowpack._callers import caller_location
from flowpack._tracebacks import hides_locals
from flowpack._validators import describe_type, field_error, instance_of, is_filled_text, validator
from flowpack.analysis.discovery import FlowInfo
from flowpack.blocks.storage import StorageBlock
from flowpack.connect import using
from flowpack.deployments.selection import choose_pool, select
from flowpack.deployments.source import find_flow, parse_location
from flowpack.exceptions import DeploymentValidationError, ObjectNotFound, quoted
from flowpack.flow_runners import FlowRunner
from flowpack.jsonvalues import json_problem
from flowpack.models import Deployment, FlowRunnerSettings, Unset, name_problem, wanted_schedules
from flowpack.packaging.base import (
    CompleteSpec,
    Packager,
    SpecFields,
    call_packager,
    is_address,
    own_first,
    to_address,
)
from flowpack.packaging.script import ScriptPackager, SourcePackager, is_storage, to_storage
from flowpack.urls import URL, url_of

if TYPE_CHECKING:
    from flowpack.client import Client

#: Collects the specs that a spec file makes while it runs; None elsewhere.
_collected: ContextVar[Optional[List[DeploymentSpec]]] = ContextVar(
    "flowpack_collected_specs", default=None
)


@contextmanager
def collecting() -> Iterator[List[DeploymentSpec]]:
    """Collect the specs that are made inside the block, in order."""
    specs: List[DeploymentSpec] = []
    token = _collected.set(specs)
    try:
        yield specs
    finally:
        _collected.reset(token)


def _to_flow_runner(
    value: Union[FlowRunner, FlowRunnerSettings, Mapping[str, Any], str, None],
) -> Any:
    """Convert settings to a runner; those without a type are kept as they are."""
    if isinstance(value, str):
        value = FlowRunnerSettings(value, {})
    if isinstance(value, Mapping):
        unknown = set(value) - {"type", "config"}
        if unknown:
            listed = ", ".join(sorted(map(quoted, unknown))[:5])
            problem = f"unknown keys {listed}; it has type, config"
            raise field_error(DeploymentSpec, "flow_runner", problem)
        value = FlowRunnerSettings(value.get("type"), value.get("config") or {})
    if not isinstance(value, FlowRunnerSettings):
        return value
    if value.type is None and isinstance(value.config, Mapping) and value.config:
        return FlowRunnerSettings(None, dict(value.config))
    return FlowRunner.from_settings(value)


def _flow_object_problem(value: Any) -> Optional[str]:
    is_flow = callable(getattr(value, "fn", None)) and hasattr(value, "name")
    return None if is_flow else f"must be a flow, which has fn and name, not {describe_type(value)}"


def _packager_problem(value: Any) -> Optional[str]:
    if not isinstance(value, Packager):
        return f"must be a packager, not {describe_type(value)}"
    for name in ("check_compat", "package", "prepare"):
        method = getattr(value, name)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            full_name = f"{describe_type(value)}.{name}"
            return f"{full_name} is async, and flowpack awaits nothing; write it with a plain def"
    return None


class FlowObject(Protocol):
    """A flow of flowpack or of Prefect."""

    @property
    def name(self) -> str:
        """What servers call it."""

    @property
    def fn(self) -> Callable[..., Any]:
        """The function."""


@attrs.frozen(kw_only=True, field_transformer=own_first)
class DeploymentSpec(SpecFields):
    """What to deploy: a flow, where it is, and how it is to run.

    Nothing is read or sent before :meth:`validate`, and nothing is changed by it.

    Attributes:
        name: The deployment's name; None takes the flow's.
        flow: A flow object; its file is packaged. Where only ``flow_location`` is given, the
            flow is found in the source, which is not run.
        flow_name: Which flow, where the script has several: the flow's name, the function or
            the variable.
        flow_location: Path or ``http(s)://`` URL of the script; a relative path is taken from
            the working folder.
        parameters: Default parameters, JSON values; those of ``*rows`` and ``**more`` stand under
            these names, as a list and an object.
        enforce_parameter_schema: Whether their values are held against the types of the function,
            here and on servers that can; their names always are.
        schedule: When the server makes runs, as a schedule, a mapping or text (``"0 6 * * *"``,
            ``"PT1H"``, ``"FREQ=DAILY"``); None for never.
        schedules: The same, where there may be several: :class:`DeploymentSchedule`, a mapping as
            in prefect.yaml, or what *schedule* takes. An empty list is none.
        replace_schedules: Whether they are all, and those that others made on the server are
            removed.
        tags: Given to every run.
        paused: Whether the schedule is paused.
        flow_runner: Where runs are executed; also as its type (``docker``) or as ``{"type",
            "config"}``. None keeps the runner, or the job variables, of a deployment that
            exists; for a new one it is ``subprocess`` where the storage is on this machine, else
            ``universal``. A config without a type changes what None would mean.
        flow_storage: A storage block, the id of a registered one, or what ``--storage`` takes: a
            folder, ``s3://bucket``, ``block:TYPE-NAME/NAME``, ``default:`` for the server's
            default. None keeps the storage of a deployment that exists and is ``default:`` for a
            new one.
        packager: Used instead of packaging the script into ``flow_storage``.
        entrypoint: ``path/file.py:function``, instead of ``flow_location`` and ``flow_name``.
        source: Where the spec was written, for messages.
        description: What it is for. New deployments get the flow's.
        version: New and changed deployments get the flow's.
        work_pool: Where runs are queued; None takes the pool of the settings.
        work_queue: The queue in the pool.
        create_work_pool: Whether to make the pool where it is missing.
        concurrency_limit: How many runs there may be at a time; or a mapping with ``limit``,
            ``collision_strategy`` (``ENQUEUE`` or ``CANCEL_NEW`` for runs that are too many) and
            ``grace_period_seconds`` (60 to 86400).
        job_variables: Variables of the pool's jobs, as the pool's template has them; ``env`` is a
            mapping, ``env.NAME`` one of it. They are laid over those that *flow_runner* stands
            for, variables in ``env`` by name.
        check_job_variables: Whether it is an error to give a job variable that the pool's template
            does not have, or a field that the server does not keep. If not, these are notes, and
            fields that are not given are as ``prefect deploy`` of the server's release sets them.
        labels: Facts about the deployment: text, numbers and booleans.
        pull: ``stock`` has workers fetch the script with what every worker has, ``flowpack``
            with a step that needs flowpack there; None is ``stock`` where that can read the
            storage.
        pull_requires: What workers install for the flowpack step.

    *parameters*, *schedule*, *schedules*, *tags*, *paused*, *description*, *labels*, *work_queue*,
    *concurrency_limit* and *job_variables* are kept as the server has them unless they are given;
    None clears them, and so do empty ones, but for a *work_queue*, whose name cannot be empty.
    What is given is the whole of a field: other *job_variables* on the server are removed. From
    *description* on, the fields are for today's Prefect; 2.0b7 has none of them, and refuses
    *concurrency_limit* and *job_variables*.

    Raises:
        DeploymentValidationError: A value cannot be right, wherever it is used.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock
        >>> spec = DeploymentSpec(
        ...     name="nightly",
        ...     flow_location="flows.py",
        ...     flow_storage=FileStorageBlock("store"),
        ...     parameters={"day": "2026-12-24"},
        ...     schedule="0 6 * * *",
        ...     tags=["etl"],
        ... )
        >>> spec.schedule
        CronSchedule(cron='0 6 * * *', timezone=None, day_or=True)
    """

    name: Optional[str] = attrs.field(default=None, validator=validator(name_problem))
    flow: Optional[FlowObject] = attrs.field(
        default=None, validator=validator(_flow_object_problem)
    )
    flow_name: Optional[str] = attrs.field(default=None, validator=validator(is_filled_text))
    flow_location: Optional[URL] = attrs.field(default=None, converter=parse_location)
    flow_runner: Union[FlowRunner, FlowRunnerSettings, None] = attrs.field(
        default=None,
        converter=_to_flow_runner,
        validator=validator(instance_of((FlowRunner, FlowRunnerSettings), "a flow runner")),
    )
    flow_storage: Union[StorageBlock, UUID, str, None] = attrs.field(
        default=None, converter=to_storage, validator=validator(is_storage)
    )
    packager: Optional[Packager] = attrs.field(default=None, validator=validator(_packager_problem))
    entrypoint: Optional[URL] = attrs.field(
        default=None, converter=to_address, validator=validator(is_address)
    )
    source: Optional[str] = attrs.field(default=None, eq=False)

    def __attrs_post_init__(self) -> None:
        collected = _collected.get()
        if collected is not None:
            if self.source is None:
                object.__setattr__(self, "source", caller_location())
            collected.append(self)

    @property
    def label(self) -> str:
        """What messages call this spec, by its names, else by where it was written."""
        flow_name = self.flow_name or getattr(self.flow, "name", None)
        if flow_name and self.name:
            return f"{flow_name}/{self.name}"
        location = str(self.flow_location or "DeploymentSpec")
        return self.name or self.source or location

    def find_flow(self) -> FlowInfo:
        """Return the flow, with the bytes of its script; reads the source alone.

        Raises:
            DeploymentValidationError: Which flow is meant is not clear.
            DiscoveryError: The flows of the script cannot be read from its source.
        """
        packager = self.packager if isinstance(self.packager, SourcePackager) else ScriptPackager()
        return find_flow(self.label, self.flow, *self._location(), packager.link)

    def validate(
        self, client: Optional[Client] = None, flow: Optional[FlowInfo] = None
    ) -> CompleteSpec:
        """Return the spec with nothing missing, the bytes of the script included; only reads.

        Storage and runner that nobody names are those of the deployment, where it exists.

        Args:
            client: None connects to the API of the settings.
            flow: What :meth:`find_flow` returned, where the caller has it.

        Raises:
            DeploymentValidationError: The spec cannot be deployed as it is.
            DiscoveryError: The flows of the script cannot be read from its source.
            PackagingError: A user's packager failed.
            APIError: The storage could not be looked up on the server.
        """
        if self.packager is not None and self.flow_storage is not None:
            raise self._error(
                "flow_storage and packager are both given; give the storage to the packager"
            )
        packager = self.packager or ScriptPackager(self.flow_storage)
        with using(client) as api:
            complete = self._complete(packager, api, flow, keep=True)
            call_packager(complete.packager, "check_compat", api, complete)
        return complete

    def complete(self, packager: Packager, client: Optional[Client] = None) -> CompleteSpec:
        """Return the spec with nothing missing, for a *packager* to call; only reads.

        Nothing is kept of a deployment that exists. Errors are those of :meth:`validate`.
        """
        with using(client) as api:
            return self._complete(packager, api, keep=False)

    def _complete(
        self, packager: Packager, client: Client, flow: Optional[FlowInfo] = None, *, keep: bool
    ) -> CompleteSpec:
        flow = flow or self.find_flow()
        name = self.name or flow.name
        problem = name_problem(flow.name) or name_problem(name) or _flow_problem(flow, client)
        if problem:
            raise self._error(problem)
        fields = {each.name: getattr(self, each.name) for each in attrs.fields(SpecFields)}
        stock = {"description": flow.description, "version": flow.version}
        left_out = () if self.check_job_variables else client.dialect.make_fit(fields, stock)
        wanted = wanted_schedules(self.schedule, fields["schedules"])
        if isinstance(wanted, Unset) and self.replace_schedules:
            raise self._error("replace_schedules needs the schedules that are to be there")
        problems = client.dialect.schedule_problems(wanted or ())
        if self.check_job_variables:
            problems += client.dialect.unkept(self.concurrency_limit, self.job_variables)
        full_name = f"{flow.name}/{name}"
        if problems:
            raise DeploymentValidationError(full_name, problems)
        current: Optional[Deployment] = None
        with suppress(ObjectNotFound):
            current = client.read_deployment_by_name(full_name) if keep else None
        pool = self.work_pool
        if client.dialect.uses_work_pools:
            has = {} if current is None else current.extra
            pool = choose_pool(pool or has.get("work_pool_name"))
        packager, runner, kept = select(
            full_name, packager, self.flow_runner, pool, current, client
        )
        if not isinstance(self.job_variables, Unset):  # They take the place of what is there.
            kept = {key: value for key, value in kept.items() if key != "flow_runner"}
        runner.to_settings()  # Raises where it is none that could be deployed.
        note = f"this server keeps no {', '.join(left_out)} of schedules"
        return CompleteSpec(
            name=name,
            flow=flow,
            flow_name=flow.name,
            flow_location=flow.script.name,
            flow_runner=runner,
            packager=packager,
            runner_named=isinstance(self.flow_runner, FlowRunner),
            kept=kept,
            current=current,
            notes=(note,) if left_out else (),
            **{**fields, "work_pool": pool},
        )

    def create(self, client: Optional[Client] = None) -> UUID:
        """Deploy, and return the deployment's id; see :func:`flowpack.deploy`."""
        # Imported here because it is slow to load.
        from flowpack.deployments.applying import deploy

        return deploy(self, client)[0].id

    @hides_locals
    def _location(self) -> Tuple[Optional[URL], Optional[str]]:
        """Return where the script is, and which flow of it is meant."""
        if self.entrypoint is None:
            return self.flow_location, self.flow_name
        path, colon, function = url_of(self.entrypoint).rpartition(":")
        # In "https://user:password@host/x.py" no colon ends the path.
        if not (path and colon and function) or "/" in function:
            raise self._error(
                f"the entrypoint {quoted(self.entrypoint)} is not of the form path/file.py:function"
            )
        if self.flow_location is not None or self.flow_name is not None:
            raise self._error("entrypoint replaces flow_location and flow_name; give it alone")
        return parse_location(path), function

    def _error(self, problem: str) -> DeploymentValidationError:
        return DeploymentValidationError(self.label, [problem])


def _flow_problem(flow: FlowInfo, client: Client) -> Optional[str]:
    """Return why agents or workers would not find the flow in its script, if so."""
    if not client.embedded and set(flow.origin) == {"flowpack"}:
        return (
            "the flow is made with flowpack's own decorator, which Prefect's agents and workers"
            " do not know. Import it so that both work: 'try: from prefect import flow' and,"
            " under 'except ImportError:', 'from flowpack import flow'"
        )
    if flow.is_method and not client.dialect.loads_methods:
        return (
            f"the flow {flow.variable} is in a class, where only workers of Prefect 3.4.13 and"
            " later find it; write it as a function at module level"
        )
    if client.dialect.uses_work_pools:
        if not json_problem(flow.entrypoint):
            return None
        return (
            f"the file name of the script {quoted(flow.script.name)} is not UTF-8, and workers"
            " get it as text; rename the script"
        )
    if flow.namesakes:
        return (
            f"the script has several flows called {quoted(flow.name)}, and this server's agents"
            " know flows by name alone; give each its own name"
        )
    if flow.renamed:
        return (
            f"its script has no flow called {quoted(flow.name)}, and runs look for it there by"
            " its name alone. Rename it in the script and give that: renamed ="
            f" {flow.variable}.with_options(name={quoted(flow.name)})"
        )
    return None
