"""What packagers take and return, and how they are called: some are users' own."""

from __future__ import annotations

import hashlib
import inspect
import io
import threading
from abc import ABC, abstractmethod
from contextvars import ContextVar
from typing import Any, BinaryIO, Callable, Collection, Dict, Hashable, List, Literal
from typing import Mapping, Optional, Protocol, Tuple, TypeVar, Union

import attrs

from flowpack._tracebacks import HidesLocals
from flowpack._validators import (
    Check,
    at_least,
    copied_json,
    describe_type,
    field_error,
    instance_of,
    is_filled_text,
    is_flag,
    is_json_mapping,
    is_list_of_texts,
    is_text,
    one_of,
    optional,
    validator,
)
from flowpack.analysis.discovery import FlowInfo
from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_errors import translate_errors
from flowpack.client import Client
from flowpack.connect import current_client
from flowpack.exceptions import DeploymentValidationError, PackagingError, printable, quoted
from flowpack.flow_runners import FlowRunner, text_mapping
from flowpack.models import UNSET, AnySchedule, Deployment, DeploymentCreate, Unset
from flowpack.schedules import (
    CronSchedule,
    DeploymentSchedule,
    IntervalSchedule,
    RRuleSchedule,
    Schedule,
    parse_deployment_schedule,
    parse_schedule,
    schedules_problem,
)
from flowpack.urls import URL, Address, as_address, url_of

Value = TypeVar("Value")
Item_co = TypeVar("Item_co", covariant=True)


class Several(Collection[Item_co], Protocol[Item_co]):
    """A list, a tuple or a set, to type checkers; no text, whose ``in`` takes texts alone."""


def to_address(value: Optional[URL]) -> Any:
    """Convert text to an address, which is printed without the credentials in it."""
    return as_address(value) if isinstance(value, (str, Address)) else value


def is_address(value: Any) -> Optional[str]:
    """Check an address, or text."""
    return is_filled_text(url_of(value))


def _to_mapping(value: Union[Mapping[str, Any], None, Unset]) -> Any:
    value = {} if value is None else value
    return copied_json(dict(value)) if isinstance(value, Mapping) else value


def to_job_variables(value: Union[Mapping[str, Any], None, Unset]) -> Any:
    """Convert job variables: ``env.NAME`` goes into ``env``, whose numbers become text."""
    variables = _to_mapping(value)
    if not variables or is_json_mapping(variables):
        return variables
    from flowpack.wire.job_variables import with_nested_env  # Only servers with pools need it.

    variables = with_nested_env(variables)
    if isinstance(variables.get("env"), dict):
        variables["env"] = text_mapping(variables["env"])
    return variables


def _variables_problem(value: Any) -> Optional[str]:
    problem = is_json_mapping(value)
    env = None if problem else value.get("env")
    for name, item in env.items() if isinstance(env, dict) else ():
        if isinstance(item, (list, dict)):  # Servers would show what it holds.
            kinds = f"text, a number or null, not {describe_type(item)}"
            return f"env.{printable(name)} must be {kinds}"
    return problem


def _to_limit(value: Union[int, Mapping[str, Any], None, Unset]) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


#: What a concurrency limit may hold, where it is no mere number.
_LIMIT: Mapping[str, Check] = {
    "limit": at_least(1, "runs", 2**31 - 1),
    "collision_strategy": optional(one_of("ENQUEUE", "CANCEL_NEW")),
    "grace_period_seconds": optional(at_least(60, "seconds", 86400)),
}


def _limit_problems(value: Any) -> Any:
    if not isinstance(value, dict):
        return _LIMIT["limit"](value)
    listed = ", ".join(_LIMIT)
    unknown = [f"it has no {quoted(key)}; it takes {listed}" for key in value if key not in _LIMIT]
    problems = ((key, check(value.get(key))) for key, check in _LIMIT.items())
    return unknown + [f"{key} {problem}" for key, problem in problems if problem]


def _to_tags(value: Union[Several[str], None, Unset]) -> Any:
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    is_list = isinstance(value, Collection) and not isinstance(value, (str, range, Mapping))
    return tuple(value or ()) if is_list or value is None else value


def _to_schedule(value: Union[Schedule, Mapping[str, Any], str, None, Unset]) -> Any:
    return parse_schedule(value) if isinstance(value, (str, Mapping)) else value


def _to_schedules(
    value: Union[
        Several[Union[DeploymentSchedule, AnySchedule, Mapping[str, Any], str]], None, Unset
    ],
) -> Any:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        return value
    schedules, problems = [], []
    for number, item in enumerate(value, 1):
        try:
            schedules.append(parse_deployment_schedule(item))
        except DeploymentValidationError as exc:
            problems += [f"item {number}: {problem}" for problem in exc.problems]
    if problems:
        raise DeploymentValidationError("schedules", problems)
    return tuple(schedules)


def _check_schedules(spec: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is UNSET:
        return
    problem = instance_of(tuple, "a list of schedules")(value)
    if spec.schedule is not UNSET:
        problem = problem or "schedule is given, too; give one of them"
    problem = problem or schedules_problem(value)
    if problem:
        raise field_error(type(spec), field.name, problem)


def _labels_problem(value: Any) -> Optional[str]:
    problem = is_json_mapping(value)
    for key, item in {} if problem else value.items():
        if not key.strip():
            return "a label has no name"
        if not isinstance(item, (str, int, float)):
            return f"{quoted(key)} must be text, a number or a truth value"
    return problem


def own_first(_: type, fields: List[Any]) -> List[Any]:
    """Put the fields of a class itself before those that it inherits."""
    return sorted(fields, key=lambda each: each.inherited)


_check_flag = validator(is_flag)
_check_text = validator(optional(is_text))
_check_name = validator(optional(is_filled_text))
_is_schedule = instance_of(
    (IntervalSchedule, CronSchedule, RRuleSchedule), "a schedule, a mapping or text"
)


@attrs.frozen(kw_only=True)
class PoolFields(HidesLocals):
    """The fields of a spec for today's Prefect; see ``DeploymentSpec``."""

    description: Union[str, None, Unset] = attrs.field(default=UNSET, validator=_check_text)
    version: Union[str, None, Unset] = attrs.field(default=UNSET, validator=_check_text)
    work_pool: Optional[str] = attrs.field(default=None, validator=_check_name)
    work_queue: Union[str, None, Unset] = attrs.field(default=UNSET, validator=_check_name)
    create_work_pool: bool = attrs.field(default=False, validator=_check_flag)
    concurrency_limit: Union[int, Mapping[str, Any], None, Unset] = attrs.field(
        default=UNSET, converter=_to_limit, validator=validator(optional(_limit_problems))
    )
    labels: Union[Mapping[str, Any], Unset] = attrs.field(
        default=UNSET, converter=_to_mapping, validator=validator(_labels_problem)
    )
    job_variables: Union[Mapping[str, Any], Unset] = attrs.field(
        default=UNSET,
        converter=to_job_variables,
        validator=validator(_variables_problem),
        repr=False,
    )
    check_job_variables: bool = attrs.field(default=True, validator=_check_flag)
    pull: Optional[Literal["stock", "flowpack"]] = attrs.field(
        default=None, validator=validator(one_of("stock", "flowpack"))
    )
    pull_requires: Optional[URL] = attrs.field(
        default=None, converter=to_address, validator=validator(is_address)
    )


@attrs.frozen(kw_only=True)
class SpecFields(PoolFields):
    """The fields that a ``DeploymentSpec`` and a complete spec have alike."""

    parameters: Union[Mapping[str, Any], Unset] = attrs.field(
        default=UNSET, converter=_to_mapping, validator=validator(is_json_mapping), repr=False
    )
    enforce_parameter_schema: Union[bool, Unset] = attrs.field(default=UNSET, validator=_check_flag)
    schedule: Union[Schedule, None, Unset] = attrs.field(
        default=UNSET, converter=_to_schedule, validator=validator(optional(_is_schedule))
    )
    schedules: Union[Tuple[DeploymentSchedule, ...], Unset] = attrs.field(
        default=UNSET, converter=_to_schedules, validator=_check_schedules
    )
    replace_schedules: bool = attrs.field(default=False, validator=_check_flag)
    tags: Union[Tuple[str, ...], Unset] = attrs.field(
        default=UNSET, converter=_to_tags, validator=validator(is_list_of_texts)
    )
    paused: Union[bool, Unset] = attrs.field(default=UNSET, validator=_check_flag)

    def complete(self, packager: Packager, client: Optional[Client] = None) -> CompleteSpec:
        """Return the spec with nothing missing, as *packager* wants it; only reads."""
        raise NotImplementedError


@attrs.frozen(kw_only=True, field_transformer=own_first)
class CompleteSpec(SpecFields):
    """A deployment spec with nothing missing; made by ``DeploymentSpec.validate``.

    Attributes:
        flow: The flow in its script, with the script's bytes.
        flow_name: The flow's name; the same as ``flow.name``.
        flow_location: Absolute path or URL of the script.
        runner_named: Whether somebody named the runner.
        kept: What is taken from the deployment as it is, by the field's name, with secrets
            masked: storage and runner that nobody named.
        current: The deployment as the server has it; None where there is none.
        notes: What was left out, one sentence.

    The others are those of ``DeploymentSpec``; UNSET keeps what the server has.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock
        >>> spec = DeploymentSpec(flow_location="flows.py", flow_storage=FileStorageBlock("store"))
        >>> complete = spec.validate()
        >>> complete.name, complete.flow.entrypoint
        ('etl', 'flows.py:etl')
    """

    name: str
    flow: FlowInfo
    flow_name: str
    flow_location: str
    flow_runner: FlowRunner
    packager: Packager
    runner_named: bool = True
    kept: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    current: Optional[Deployment] = attrs.field(default=None, repr=False, eq=False)
    notes: Tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """What people call the deployment, ``FLOW/DEPLOYMENT``."""
        return f"{self.flow_name}/{self.name}"

    def complete(self, packager: Packager, client: Optional[Client] = None) -> CompleteSpec:
        """Return the spec, with *packager* to package it."""
        same = packager is self.packager
        return self if same else attrs.evolve(self, packager=packager)


@attrs.frozen
class Content:
    """Bytes that are to be stored, known by their SHA-256 in lower-case hex."""

    data: bytes = attrs.field(repr=False)
    sha256: str = attrs.field(init=False)

    @sha256.default
    def _digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """Return the bytes as a new file, read from its start."""
        return io.BytesIO(self.data)


@attrs.frozen(kw_only=True)
class Package:
    """What would be stored, and where; nothing has been written yet.

    Attributes:
        content: The bytes.
        entrypoint: ``file.py:function``.
        storage: Where they go; its document id may not be known yet.
        parameter_schema: JSON schema of the flow's parameters, where the server keeps one.
        notes: Shown in plans.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, ScriptPackager
        >>> packager = ScriptPackager(storage=FileStorageBlock("store"))
        >>> package = packager.prepare(DeploymentSpec(flow_location="flows.py"))
        >>> package.entrypoint
        'flows.py:etl'
    """

    content: Content
    entrypoint: str
    storage: StorageBlock
    parameter_schema: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    notes: Tuple[str, ...] = ()


class Cache:
    """What several deployments share, each made once; threads may use it."""

    def __init__(self) -> None:
        self._values: Dict[Hashable, Any] = {}
        self._locks: Dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def once(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return what *make* makes, made once for *key*."""
        with self._lock:
            making = self._locks.setdefault(key, threading.Lock())
        with making:
            if key not in self._values:
                self._values[key] = make()
            value: Value = self._values[key]
            return value


#: What packagers have read for one plan; None outside of plans.
known: ContextVar[Optional[Cache]] = ContextVar("flowpack_known", default=None)


def once(key: Hashable, make: Callable[[], Value]) -> Value:
    """Return what *make* returns; deployments of one plan share it by its *key*."""
    cache = known.get()
    return cache.once(key, make) if cache else make()


class Packager(ABC):
    """Turns a spec into the body of a deployment.

    A subclass needs :meth:`check_compat` and :meth:`package`, which ``deploy`` calls with a
    :class:`CompleteSpec`; *client* may be left out of both, for flowpack's own calls inside them
    use the client of ``deploy``. What they raise that is no ``FlowpackError`` becomes a
    ``PackagingError``. A plan does not know the deployment's code, unless the class that defines
    :meth:`package` defines :meth:`prepare`, too.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, Packager, ScriptPackager, deploy
        >>> class Approved(Packager):
        ...     inner = ScriptPackager(storage=FileStorageBlock("store"))
        ...
        ...     def check_compat(self, deployment, client=None):
        ...         self.inner.check_compat(deployment)
        ...
        ...     def package(self, deployment, client=None):
        ...         return self.inner.package(deployment)
        >>> [done] = deploy(DeploymentSpec(flow_location="flows.py", packager=Approved()))
        >>> done.action
        'created'
    """

    @abstractmethod
    def check_compat(self, deployment: Any, client: Optional[Client] = None) -> None:
        """Raise a ``DeploymentValidationError`` where this packager cannot package *deployment*."""

    @abstractmethod
    def package(self, deployment: Any, client: Optional[Client] = None) -> DeploymentCreate:
        """Store what the flow needs and return the deployment, of the same name and flow."""

    def prepare(self, deployment: Any, client: Optional[Client] = None) -> Optional[Package]:
        """Return what :meth:`package` would store, reading only; None where that is not known."""
        return None


def is_prepared(packager: Packager) -> bool:
    """Return True if no subclass has a ``package`` of its own beside an inherited ``prepare``."""
    defining = (cls for cls in type(packager).__mro__ if {"prepare", "package"} & {*vars(cls)})
    return "prepare" in vars(next(defining))


def call_packager(
    packager: Packager,
    method: str,
    client: Client,
    *args: Any,
    returns: Tuple[type, ...] = (object,),
) -> Any:
    """Call a *method* of a packager, with *client* where it takes one.

    Raises:
        PackagingError: It takes other arguments, returned something else than one of *returns*,
            or raised what is no ``FlowpackError``.
    """
    name = f"{type(packager).__name__}.{method}"
    call = getattr(packager, method)
    with translate_errors(lambda reason: PackagingError(f"the method {name} raised {reason}")):
        bound = _bind(call, name, client, args)
        with current_client(client):
            result = call(*bound.args, **bound.kwargs)
    if isinstance(result, returns) and not inspect.isawaitable(result):
        return result
    reason = f"not {returns[0].__name__}"
    if inspect.iscoroutine(result):
        result.close()  # Else it warns that nobody awaited it.
        reason = "and flowpack awaits nothing; write it without async"
    raise PackagingError(f"the method {name} returned {type(result).__name__}, {reason}")


def _bind(
    call: Callable[..., Any], name: str, client: Client, args: Tuple[Any, ...]
) -> inspect.BoundArguments:
    try:
        signature = inspect.signature(call)
        named = {"client": client} if "client" in signature.parameters else {}
        try:
            return signature.bind(*args, **named)
        except TypeError:
            return signature.bind(*args, client)
    except (TypeError, ValueError) as exc:
        problem = f"{name} cannot be called with the arguments that flowpack.Packager gives it"
        raise PackagingError(f"{problem}: {printable(exc)}") from exc
