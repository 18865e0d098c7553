"""What packagers take and return, and how they are called: some are users' own."""

from __future__ import annotations

import hashlib
import inspect
import io
from abc import ABC, abstractmethod
from typing import Any, BinaryIO, Callable, List, Mapping, Optional, Protocol, Tuple, Union

import attrs

from flowpack._tracebacks import HidesLocals
from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_errors import translate_errors
from flowpack.client import Client
from flowpack.connect import current_client
from flowpack.analysis.discovery import FlowInfo
from flowpack.exceptions import DeploymentValidationError, PackagingError, printable, quoted
from flowpack.flow_runners import FlowRunner, UniversalFlowRunner
from flowpack.jsonvalues import json_problem
from flowpack.models import UNSET, AnySchedule, Deployment, DeploymentCreate, Unset
from flowpack.urls import URL, Address, as_address, url_of


def field_error(field: str, problem: str) -> DeploymentValidationError:
    """Return the error for a value of *field* that cannot be right."""
    return DeploymentValidationError("DeploymentSpec", [f"{field}: {problem}"])


def describe_type(value: object) -> str:
    """Return what messages call the type of *value*; others' names may be like ours."""
    kind = value if isinstance(value, type) else type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    name = printable(f"{module}{kind.__name__}")
    return f"the class {name}" if isinstance(value, type) else name


def to_address(value: object) -> Any:
    """Convert text to an address, which is printed without the credentials in it."""
    return as_address(value) if isinstance(value, (str, Address)) else value


def check_address(_: object, field: attrs.Attribute[Any], value: Any) -> None:
    """Accept text, an address or None."""
    check_text(_, field, url_of(value))


def check_text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Accept text that names something, None or UNSET."""
    _check_any_text(_, field, value)
    if isinstance(value, str) and not value.strip():
        raise field_error(field.name, "it is empty; leave it out if it is not to be given")


def _check_any_text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None or isinstance(value, Unset):
        return
    if not isinstance(value, str) or json_problem(value):
        raise field_error(field.name, f"expected text, not {describe_type(value)}")


def check_flag(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Accept True, False or UNSET."""
    if not isinstance(value, (bool, Unset)):
        raise field_error(field.name, f"expected True or False, not {describe_type(value)}")


def _check_limit(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None or isinstance(value, Unset):
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise field_error(field.name, "expected a number of runs, at least 1")


def _check_pull(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value not in (None, "stock", "flowpack"):
        raise field_error(field.name, f"expected 'stock' or 'flowpack', not {quoted(value)}")


def _to_labels(value: object) -> Any:
    """Copy a mapping from text to text, numbers and booleans; None is an empty one."""
    if value is None or isinstance(value, Unset):
        return {} if value is None else value
    if not isinstance(value, Mapping):
        raise field_error("labels", f"expected a mapping, not {describe_type(value)}")
    labels = dict(value)
    problem = json_problem(labels)
    for key, item in labels.items():
        if not str(key).strip():
            problem = problem or "a label has no name"
        if not isinstance(item, (str, int, float)):
            problem = problem or f"{quoted(key)} holds {describe_type(item)}"
    if problem:
        raise field_error("labels", problem)
    return labels


def inherited_last(_: type, fields: List[attrs.Attribute[Any]]) -> List[attrs.Attribute[Any]]:
    """Put the fields of a class itself before those of its base, as people read them."""
    # The stubs of attrs do not know the attribute.
    return sorted(fields, key=lambda each: each.inherited)  # type: ignore[attr-defined]


@attrs.frozen(kw_only=True)
class PoolFields(HidesLocals):
    """The fields of a spec for today's Prefect; see ``DeploymentSpec``."""

    description: Union[str, None, Unset] = attrs.field(default=UNSET, validator=_check_any_text)
    version: Union[str, None, Unset] = attrs.field(default=UNSET, validator=_check_any_text)
    work_pool: Optional[str] = attrs.field(default=None, validator=check_text)
    work_queue: Union[str, None, Unset] = attrs.field(default=UNSET, validator=check_text)
    create_work_pool: bool = attrs.field(default=False, validator=check_flag)
    concurrency_limit: Union[int, None, Unset] = attrs.field(default=UNSET, validator=_check_limit)
    labels: Union[Mapping[str, Any], Unset] = attrs.field(default=UNSET, converter=_to_labels)
    enforce_parameter_schema: Union[bool, Unset] = attrs.field(default=UNSET, validator=check_flag)
    pull: Optional[str] = attrs.field(default=None, validator=_check_pull)
    pull_requires: Optional[URL] = attrs.field(
        default=None, converter=to_address, validator=check_address
    )


@attrs.frozen(kw_only=True, field_transformer=inherited_last)
class CompleteSpec(PoolFields):
    """A deployment spec with nothing missing; made by ``DeploymentSpec.validate``.

    Attributes:
        name: The deployment's name.
        flow: What was found in the script, with the script's bytes.
        flow_name: The flow's name; the same as ``flow.name``.
        flow_location: Absolute path or URL of the script.
        parameters: Default parameters; UNSET keeps the server's.
        schedule: When to run; None is never, UNSET keeps the server's.
        tags: Tags of the deployment's runs; UNSET keeps the server's.
        paused: Whether the schedule is paused; UNSET keeps the server's.
        flow_runner: Where runs are executed.
        packager: What packages the flow.
        runner_named: Whether somebody named the runner.
        kept: What is taken from the deployment as it is, by the field's name, with
            secrets masked: storage and runner that nobody named.
        current: The deployment as the server has it; None where there is none.

    The others are what today's Prefect has besides; see ``DeploymentSpec``.
    """

    name: str
    flow: FlowInfo
    flow_name: str
    flow_location: str
    parameters: Union[Mapping[str, Any], Unset]
    schedule: Union[AnySchedule, None, Unset]
    tags: Union[Tuple[str, ...], Unset]
    paused: Union[bool, Unset]
    flow_runner: FlowRunner
    packager: Packager
    runner_named: bool = True
    kept: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    current: Optional[Deployment] = attrs.field(default=None, repr=False, eq=False)

    @property
    def full_name(self) -> str:
        """The name by which people know the deployment: ``FLOW/DEPLOYMENT``."""
        return f"{self.flow_name}/{self.name}"

    def complete(self, packager: Packager, client: Optional[Client] = None) -> CompleteSpec:
        """Return the spec, with *packager* to package it."""
        same = packager is self.packager
        return self if same else attrs.evolve(self, packager=packager)


@attrs.frozen
class Content:
    """Bytes that are to be stored, known by their digest.

    Attributes:
        data: The bytes.
        sha256: Their SHA-256 in lower-case hex.
    """

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
        notes: What a plan says about it.
    """

    content: Content
    entrypoint: str
    storage: StorageBlock
    parameter_schema: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    notes: Tuple[str, ...] = ()


class AnySpec(Protocol):
    """What packagers take: a :class:`~flowpack.DeploymentSpec` or a complete one."""

    def complete(self, packager: Packager, client: Optional[Client] = None) -> CompleteSpec:
        """Return the spec with nothing missing, as *packager* wants it; only reads."""


class Packager(ABC):
    """Turns a spec into the body of a deployment.

    Subclass it to package in a way of your own; :meth:`check_compat` and :meth:`package` are
    all that is needed, and *client* may be left out of both. From ``deploy`` they get a
    :class:`CompleteSpec`, and without a client flowpack's own calls inside them use that of
    ``deploy``. A plan says of such a packager that the deployment's code is known when it is
    packaged, unless it has :meth:`prepare`; that of a base class does not count for a
    :meth:`package` of your own. What they raise that is no ``FlowpackError`` becomes a
    ``PackagingError``.
    """

    @abstractmethod
    def check_compat(self, deployment: Any, client: Optional[Client] = None) -> None:
        """Raise unless *deployment* can be packaged by this packager.

        Raises:
            DeploymentValidationError: It cannot.
        """

    @abstractmethod
    def package(self, deployment: Any, client: Optional[Client] = None) -> DeploymentCreate:
        """Store what the flow needs and return the deployment to be created.

        It has the name and the flow of *deployment*.
        """

    def prepare(self, deployment: Any, client: Optional[Client] = None) -> Optional[Package]:
        """Return what :meth:`package` would store; None where that is not known.

        Only reads; *client* refuses everything else when a plan is made.
        """
        return None

    def default_flow_runner(self, client: Optional[Client] = None) -> FlowRunner:
        """Return the runner of a spec that names none."""
        return UniversalFlowRunner()


def is_prepared(packager: Packager) -> bool:
    """Return True if ``prepare`` describes what ``package`` of the packager does.

    It does not where a subclass has a ``package`` of its own and inherits ``prepare``.
    """
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

    What it calls of flowpack without a client uses this one, too.

    Raises:
        PackagingError: It takes other arguments, returned something else than one of
            *returns*, or raised what is no ``FlowpackError``.
    """
    name = type(packager).__name__
    with translate_errors(lambda reason: PackagingError(f"the packager {name} raised {reason}")):
        result = _call(getattr(packager, method), client, args)
    if not isinstance(result, returns):
        raise PackagingError(
            f"the packager {name} returned {type(result).__name__}, not {returns[0].__name__}"
        )
    return result


def _call(method: Callable[..., Any], client: Client, args: Tuple[Any, ...]) -> Any:
    name = getattr(method, "__qualname__", type(method).__name__)
    try:
        signature = inspect.signature(method)
        named = {"client": client} if "client" in signature.parameters else {}
        try:
            bound = signature.bind(*args, **named)
        except TypeError:
            bound = signature.bind(*args, client)
    except (TypeError, ValueError) as exc:
        raise PackagingError(
            f"{name} cannot be called with the arguments that flowpack.Packager gives it:"
            f" {printable(exc)}"
        ) from exc
    with current_client(client):
        result = method(*bound.args, **bound.kwargs)
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()  # Else it warns that nobody awaited it.
        raise PackagingError(
            f"{name}() returned something to be awaited, and flowpack awaits nothing; write it"
            " without async"
        )
    return result
