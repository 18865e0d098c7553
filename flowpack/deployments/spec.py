"""What a person says of a deployment, and how it becomes a complete spec."""

from __future__ import annotations

import inspect
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import (
    TYPE_CHECKING,
    Any,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Protocol,
    Tuple,
    Union,
    runtime_checkable,
)
from uuid import UUID

import attrs

from flowpack._callers import caller_location
from flowpack._tracebacks import hides_locals
from flowpack.analysis.discovery import FlowInfo
from flowpack.blocks.storage import StorageBlock
from flowpack.connect import using
from flowpack.deployments.pools import choose_pool
from flowpack.deployments.selection import select
from flowpack.deployments.source import find_flow, parse_location
from flowpack.exceptions import DeploymentValidationError, ObjectNotFound, quoted
from flowpack.flow_runners import FlowRunner
from flowpack.jsonvalues import json_copy, json_problem
from flowpack.models import UNSET, AnySchedule, Deployment, FlowRunnerSettings, Unset, name_problem
from flowpack.packaging.base import (
    CompleteSpec,
    Packager,
    PoolFields,
    call_packager,
    check_address,
    check_flag,
    check_text,
    describe_type,
    field_error,
    inherited_last,
    to_address,
)
from flowpack.packaging.script import ScriptPackager
from flowpack.schedules import CronSchedule, IntervalSchedule, RRuleSchedule, parse_schedule
from flowpack.urls import URL, url_of

if TYPE_CHECKING:
    from flowpack.client import Client

_MOST_TAGS = 100_000

#: Collects the specs that a spec file makes while it runs; None elsewhere.
_collected: ContextVar[Optional[List[DeploymentSpec]]] = ContextVar(
    "flowpack_collected_specs", default=None
)


@contextmanager
def collecting() -> Iterator[List[DeploymentSpec]]:
    """Collect the specs that are made inside the block, in order."""
    found: List[DeploymentSpec] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def _to_parameters(value: object) -> Any:
    if value is None or isinstance(value, Unset):
        return {} if value is None else value
    if not isinstance(value, Mapping):
        raise field_error("parameters", f"expected a mapping, not {describe_type(value)}")
    copy = dict(value)
    problem = json_problem(copy)
    if problem:
        raise field_error("parameters", problem)
    return json_copy(copy)


def _to_tags(value: object) -> Any:
    if value is None or isinstance(value, Unset):
        return () if value is None else value
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise field_error("tags", f"expected a list of texts, not {describe_type(value)}")
    tags: List[str] = []
    for tag in value:  # Which may have no end.
        if not isinstance(tag, str):
            raise field_error("tags", f"a tag must be text, not {describe_type(tag)}")
        if not tag.strip():
            raise field_error("tags", "a tag is empty")
        if json_problem(tag):
            raise field_error("tags", f"{quoted(tag)} cannot travel as text")
        if len(tags) == _MOST_TAGS:
            raise field_error("tags", f"there are more than {_MOST_TAGS} of them")
        tags.append(tag)
    return tuple(sorted(tags) if isinstance(value, (set, frozenset)) else tags)


def _to_schedule(value: object) -> Any:
    if isinstance(value, Mapping):
        return parse_schedule(value)
    kinds = (IntervalSchedule, CronSchedule, RRuleSchedule, Unset)
    if value is None or isinstance(value, kinds):
        return value
    raise field_error("schedule", f"expected a schedule or a mapping, not {describe_type(value)}")


def _to_flow_runner(value: object) -> Any:
    """Convert settings to a runner; those without a type are kept as they are."""
    if isinstance(value, Mapping):
        unknown = set(value) - {"type", "config"}
        if unknown:
            listed = ", ".join(sorted(map(quoted, unknown))[:5])
            raise field_error("flow_runner", f"unknown keys {listed}; it has type, config")
        value = FlowRunnerSettings(value.get("type"), value.get("config") or {})
    if isinstance(value, FlowRunnerSettings):
        named = value.type is not None
        if named or not isinstance(value.config, Mapping) or not value.config:
            return FlowRunner.from_settings(value)
        return FlowRunnerSettings(None, dict(value.config))
    if value is None or isinstance(value, FlowRunner):
        return value
    raise field_error("flow_runner", f"expected a flow runner, not {describe_type(value)}")


def _to_flow_storage(value: object) -> Any:
    return ScriptPackager(value).storage


@runtime_checkable
class FlowLike(Protocol):
    """A flow of flowpack or of Prefect."""

    name: str
    fn: Any


def _to_flow(value: Any) -> Any:
    if value is None or isinstance(value, FlowLike) and callable(value.fn):
        return value
    found = describe_type(value)
    raise field_error("flow", f"expected a flow, which has fn and name, not {found}")


def _check_name(_: object, __: object, value: Any) -> None:
    problem = None if value is None else name_problem(value)
    if problem:
        raise field_error("name", problem)


def _check_packager(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Packager):
        raise field_error(field.name, f"expected a packager, not {describe_type(value)}")
    for name in ("check_compat", "package", "prepare", "default_flow_runner"):
        method = getattr(value, name)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            raise field_error(
                field.name,
                f"{describe_type(value)}.{name} is async, and flowpack awaits nothing; write it"
                " with a plain def",
            )


@attrs.frozen(kw_only=True, field_transformer=inherited_last)
class DeploymentSpec(PoolFields):
    """What to deploy: a flow, where it is, and how it is to run.

    Nothing is read or sent before :meth:`validate`, and nothing is changed by it.

    Attributes:
        name: The deployment's name; None takes the flow's.
        flow: A flow object; its file is packaged. Where only ``flow_location`` is
            given, the flow is found in the source, which is not run.
        flow_name: Which flow, where the script has several: the flow's name, the
            function or the variable.
        flow_location: Path or ``http(s)://`` URL of the script; a relative path
            is taken from the working folder.
        parameters: Default parameters, JSON values.
        schedule: When the server makes runs; None for never.
        tags: Given to every run.
        paused: Whether the schedule is paused.
        flow_runner: Where runs are executed; also as ``{"type", "config"}``. None
            keeps the runner, or the job variables, of a deployment that exists; for
            a new one it is ``subprocess`` where the storage is of this machine, else
            ``universal``. A config without a type changes what None would mean.
        flow_storage: A storage block, the id of a registered one, or ``default:`` for
            the server's default. None keeps the storage of a deployment that exists
            and is ``default:`` for a new one.
        packager: Used in place of packaging the script into ``flow_storage``.
        entrypoint: ``path/file.py:function``, in place of ``flow_location`` and
            ``flow_name``.
        source: Where the spec was written, for messages.
        description: What it is for. New deployments get the flow's.
        version: New and changed deployments get the flow's.
        work_pool: Where runs are queued; None takes the pool of the settings.
        work_queue: The queue in the pool.
        create_work_pool: Whether to make the pool where it is missing.
        concurrency_limit: How many runs there may be at a time.
        labels: Facts about the deployment: text, numbers and booleans.
        enforce_parameter_schema: Whether the server holds parameters against the
            function's.
        pull: ``stock`` has workers fetch the script with what every worker has,
            ``flowpack`` with a step that needs flowpack there; None is ``stock``
            where that can read the storage.
        pull_requires: What workers install for the flowpack step.

    *parameters*, *schedule*, *tags*, *paused*, *description*, *labels*,
    *work_queue* and *concurrency_limit* are kept as the server has them unless
    they are given; None clears them, and so do empty ones, but for a *work_queue*,
    whose name cannot be empty. From *description* on, the fields
    are for today's Prefect; 2.0b7 has nothing of the kind.

    Raises:
        DeploymentValidationError: A value cannot be right, wherever it is used.
    """

    name: Optional[str] = attrs.field(default=None, validator=_check_name)
    flow: Optional[FlowLike] = attrs.field(default=None, converter=_to_flow)
    flow_name: Optional[str] = attrs.field(default=None, validator=check_text)
    flow_location: Optional[URL] = attrs.field(default=None, converter=parse_location)
    parameters: Union[Mapping[str, Any], Unset] = attrs.field(
        default=UNSET, converter=_to_parameters, repr=False
    )
    schedule: Union[AnySchedule, None, Unset] = attrs.field(default=UNSET, converter=_to_schedule)
    tags: Union[Tuple[str, ...], Unset] = attrs.field(default=UNSET, converter=_to_tags)
    paused: Union[bool, Unset] = attrs.field(default=UNSET, validator=check_flag)
    flow_runner: Union[FlowRunner, FlowRunnerSettings, None] = attrs.field(
        default=None, converter=_to_flow_runner
    )
    flow_storage: Union[StorageBlock, UUID, str, None] = attrs.field(
        default=None, converter=_to_flow_storage
    )
    packager: Optional[Packager] = attrs.field(default=None, validator=_check_packager)
    entrypoint: Optional[URL] = attrs.field(
        default=None, converter=to_address, validator=check_address
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
        """What messages call this spec: its names, else where it was written."""
        flow_name = self.flow_name or getattr(self.flow, "name", None)
        if flow_name and self.name:
            return f"{flow_name}/{self.name}"
        location = str(self.flow_location or "DeploymentSpec")
        return self.name or self.source or location

    def find_flow(self) -> FlowInfo:
        """Return the flow, with the bytes of its script; reads the source alone.

        Raises:
            DeploymentValidationError: The spec does not say which flow.
            DiscoveryError: It is not known what the script defines.
        """
        return find_flow(self.label, self.flow, *self._location())

    def validate(
        self, client: Optional[Client] = None, flow: Optional[FlowInfo] = None
    ) -> CompleteSpec:
        """Return the spec with nothing missing, as ``deploy`` takes it; only reads.

        The script is read once, and its bytes are part of what is returned. Storage and runner
        that nobody names are those of the deployment, where it exists.

        Args:
            client: None connects to what the settings say.
            flow: What :meth:`find_flow` returned, where the caller has it.

        Raises:
            DeploymentValidationError: The spec cannot be deployed as it is.
            DiscoveryError: It is not known what the script defines.
            PackagingError: A packager of a user's own failed.
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
        """Return the spec with nothing missing, as *packager* wants it; only reads.

        For packagers: nothing is kept of a deployment that exists, and whether the packager can
        package it is not asked. Errors are those of :meth:`validate`.
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
        full_name = f"{flow.name}/{name}"
        current: Optional[Deployment] = None
        if keep:
            with suppress(ObjectNotFound):
                current = client.read_deployment_by_name(full_name)
        pool = self.work_pool
        if client.dialect.uses_work_pools:
            has = {} if current is None else current.extra
            pool = choose_pool(pool or has.get("work_pool_name"))
        packager, runner, kept = select(
            full_name, packager, self.flow_runner, pool, current, client
        )
        runner.to_settings()  # Raises where it is none that could be deployed.
        others = {each.name: getattr(self, each.name) for each in attrs.fields(PoolFields)}
        return CompleteSpec(
            name=name,
            flow=flow,
            flow_name=flow.name,
            flow_location=flow.script.name,
            parameters=self.parameters,
            schedule=self.schedule,
            tags=self.tags,
            paused=self.paused,
            flow_runner=runner,
            packager=packager,
            runner_named=isinstance(self.flow_runner, FlowRunner),
            kept=kept,
            current=current,
            **{**others, "work_pool": pool},
        )

    def create(self, client: Optional[Client] = None) -> UUID:
        """Deploy, and return the deployment's id; see :func:`flowpack.deploy`."""
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
                f"the entrypoint {quoted(self.entrypoint)} is not of the form"
                " path/file.py:function"
            )
        if self.flow_location is not None or self.flow_name is not None:
            raise self._error("entrypoint says what flow_location and flow_name say; give one")
        return parse_location(path), function

    def _error(self, problem: str) -> DeploymentValidationError:
        return DeploymentValidationError(self.label, [problem])


def _flow_problem(flow: FlowInfo, client: Client) -> Optional[str]:
    """Return why whoever runs the flow could not find it in its script, if so."""
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
