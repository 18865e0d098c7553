"""Where the runs of a deployment are executed.

The classes, their fields and what the fields may hold are those of Prefect 2.0b7;
the field order is the order on the wire.
"""

from __future__ import annotations

import enum
import os
from typing import Any, Callable, ClassVar, Dict, Iterable, List, Mapping, Optional, Tuple, Type

import attrs

from flowpack._callers import warn
from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack.exceptions import DeploymentValidationError, printable, quoted
from flowpack.jsonvalues import json_copy, json_problem
from flowpack.models import DEFAULT_IMAGE, FlowRunnerSettings

#: What a Kubernetes job must hold at least; a run's own values are put into it.
_BASE_JOB: Mapping[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"labels": {}},
    "spec": {"template": {"spec": {"containers": [{"name": "prefect-job", "env": []}]}}},
}

# Converters bring a value into the type of its field where that is plain, and leave the rest to
# the validators, which name the field and all its problems.


def _text_mapping(value: Any) -> Any:
    """Return a copy of a mapping with scalars as text."""

    def text(item: Any) -> Any:
        item = _plain(item)
        return str(item) if isinstance(item, (bool, int, float)) else item

    if not isinstance(value, Mapping):
        return value
    return {text(key): text(item) for key, item in value.items()}


def _text_tuple(value: Any) -> Tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else value


def _path_text(value: Any) -> Any:
    """Return a path as text, as it is: nothing is expanded."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _plain(value: Any) -> Any:
    """Return what an enum member stands for; other values as they are."""
    return value.value if isinstance(value, enum.Enum) else value


def _json(value: Any) -> Any:
    """Return a copy of *value* if it is JSON; else *value*, to be refused."""
    return value if json_problem(value) else json_copy(value)


def _dropped(value: Optional[str]) -> None:
    """Return None, with a warning if that loses something."""
    if value is not None:
        warn(
            f"the flow runner's restart_policy {quoted(value)} is not used, and null is sent; set"
            " it in job or customizations"
        )


def _show_names(value: Any) -> str:
    """Return *value* for repr without its values, which may be secret."""
    return "{" + ", ".join(f"{quoted(name)}: ***" for name in value) + "}"


def _error(runner: object, *problems: str) -> DeploymentValidationError:
    """Return the error for a runner, an object or a class."""
    kind = getattr(runner, "typename", "") or type(runner).__name__
    return DeploymentValidationError(f"flow runner {printable(kind)}", problems)


_Validator = Callable[[Any, Any, Any], None]


def _validator(problems_of: Callable[[Any], Iterable[str]]) -> _Validator:
    """Return the attrs validator that raises an error for what *problems_of* finds."""

    def validate(runner: Any, field: Any, value: Any) -> None:
        problems = [f"{field.name} {problem}" for problem in problems_of(value)]
        if problems:
            raise _error(runner, *problems)

    return validate


def _text_problems(value: Any) -> List[str]:
    if not isinstance(value, str):
        return [f"must be text, not {type(value).__name__}"]
    if not value.strip():
        return ["must not be empty"]
    problem = json_problem(value)
    return [f"{quoted(value)}: {problem}"] if problem else []


def _texts_problems(value: Any) -> List[str]:
    if not isinstance(value, tuple):
        return [f"must be a list of texts, not {type(value).__name__}"]
    return [problem for item in value for problem in _text_problems(item)]


def _volumes_problems(value: Any) -> List[str]:
    return _texts_problems(value) + [
        f"{quoted(item)} must be HOST-PATH:CONTAINER-PATH"
        for item in (value if isinstance(value, tuple) else ())
        if isinstance(item, str) and ":" not in item
    ]


def _mapping_problems(value: Any) -> List[str]:
    """Return what keeps *value* from mapping texts to texts; no problem shows a value."""
    if not isinstance(value, dict):
        return [f"must map names to texts, not {type(value).__name__}"]
    problems = []
    for name, item in value.items():
        if not isinstance(name, str):
            problems.append(f"has a name of type {type(name).__name__}, not text")
        elif not isinstance(item, str):
            problems.append(f"{quoted(name)} must be text, not {type(item).__name__}")
        elif json_problem(name) or json_problem(item):
            problems.append(f"{quoted(name)} holds half a surrogate pair, which cannot travel")
    return problems


def _environment_problems(value: Any) -> List[str]:
    """Return what keeps *value* from being an environment that a process can have."""
    problems = _mapping_problems(value)
    for name, item in {} if problems else value.items():
        if not name or "=" in name or "\0" in name:
            problems.append(f"has the name {quoted(name)}, which no variable can have")
        elif "\0" in item:
            problems.append(f"{quoted(name)} has a NUL in its value, which no variable can hold")
    return problems


def _flag_problems(value: Any) -> List[str]:
    return [] if isinstance(value, bool) else [f"must be true or false, not {quoted(value)}"]


def _seconds_problems(value: Any) -> List[str]:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return []
    return [f"must be a whole number of seconds from 0, not {quoted(value)}"]


def _check_json(kind: type) -> _Validator:
    """Return the validator of what the server has the last word on; it must be JSON."""

    def problems_of(value: Any) -> List[str]:
        expected = "mapping" if kind is dict else "list"
        problem = json_problem(value)
        if problem is None and not isinstance(value, kind):
            problem = f"it is of type {type(value).__name__}"
        return [f"must be a {expected} of JSON values: {problem}"] if problem else []

    return _validator(problems_of)


def _check_one_of(*known: str) -> _Validator:
    """Return the validator of a field that holds one of *known* or None."""
    return _validator(
        lambda value: (
            []
            if value is None or value in known
            else [f"must be one of {', '.join(known)}, not {quoted(value)}"]
        )
    )


_check_text = _validator(_text_problems)
_check_optional_text = attrs.validators.optional(_check_text)
_check_texts = _validator(_texts_problems)
_check_volumes = _validator(_volumes_problems)
_check_mapping = _validator(_mapping_problems)
_check_environment = _validator(_environment_problems)
_check_flag = _validator(_flag_problems)
_check_seconds = _validator(_seconds_problems)


@attrs.frozen(kw_only=True)
class FlowRunner(HidesLocals):
    """The base of all flow runners; cannot be deployed itself.

    A runner of one's own is an attrs class that extends one of these and sets
    ``typename``; agents must know that name.

    Attributes:
        typename: The name of the kind on the wire (of the class).
    """

    typename: ClassVar[str] = ""

    @hides_locals
    def to_settings(self) -> FlowRunnerSettings:
        """Return the runner as a server keeps it: every field, as JSON values.

        Raises:
            DeploymentValidationError: The class has no ``typename``, or a field
                holds what JSON cannot say.
        """
        cls = type(self)
        if not cls.typename:
            raise _error(
                self,
                "the class has no typename and cannot be deployed; take one of"
                f" {', '.join(FLOW_RUNNERS)}",
            )
        config: Dict[str, Any] = {}
        for field in attrs.fields(cls):
            value = _path_text(_plain(getattr(self, field.name)))
            problem = json_problem(value)
            if problem is not None:
                raise _error(self, f"{field.name}: {problem}")
            config[field.name] = json_copy(value)
        return FlowRunnerSettings(cls.typename, config)

    @classmethod
    @hides_locals
    def from_settings(cls, settings: FlowRunnerSettings) -> FlowRunner:
        """Return the runner that *settings* describe.

        The class is the one in :data:`FLOW_RUNNERS`, or the class called on if it
        has the type's name.

        Raises:
            DeploymentValidationError: No runner has that type, or it has no such
                fields, or their values break its rules.
        """
        name = settings.type if isinstance(settings.type, str) else ""
        found = cls if name == cls.typename else FLOW_RUNNERS.get(name)
        if not name or found is None:
            said = f"no flow runner has the type {quoted(name)}" if name else "no type"
            known = ", ".join(FLOW_RUNNERS)
            raise DeploymentValidationError("flow runner", [f"{said}; known: {known}"])
        config: Any = settings.config or {}
        if not isinstance(config, Mapping):
            said = f"the config must be a mapping, not {type(config).__name__}"
            raise _error(found, said)
        fields = [field.name for field in attrs.fields(found)]
        unknown = [quoted(key) for key in config if key not in fields]
        if unknown:
            said = f"no such field: {', '.join(unknown[:5])}"
            raise _error(found, f"{said}; it has {', '.join(fields)}")
        try:
            return found(**config)
        except TypeError as exc:  # a field of a user's own class is missing
            said = f"the config does not fit: {printable(exc)}"
            raise _error(found, said) from exc


@attrs.frozen(kw_only=True)
class UniversalFlowRunner(FlowRunner):
    """Runs wherever the agent thinks fit.

    Attributes:
        env: Environment variables of the run; scalars become text. Values are not
            in the repr.
    """

    typename: ClassVar[str] = "universal"

    env: Dict[str, str] = attrs.field(
        factory=dict, converter=_text_mapping, validator=_check_environment, repr=_show_names
    )


@attrs.frozen(kw_only=True)
class SubprocessFlowRunner(UniversalFlowRunner):
    """Runs as a child process of the agent.

    Attributes:
        stream_output: Whether the agent shows what the run prints.
        condaenv: Conda environment to run in: a name, or a path that starts with
            ``/`` or ``~``.
        virtualenv: Folder of a virtual environment to run in; not with *condaenv*.
    """

    typename: ClassVar[str] = "subprocess"

    stream_output: bool = attrs.field(default=True, validator=_check_flag)
    condaenv: Optional[str] = attrs.field(
        default=None, converter=_path_text, validator=_check_optional_text
    )
    virtualenv: Optional[str] = attrs.field(
        default=None, converter=_path_text, validator=_check_optional_text
    )

    def __attrs_post_init__(self) -> None:
        if self.condaenv is not None and self.virtualenv is not None:
            said = "condaenv and virtualenv exclude each other; give one"
            raise _error(self, said)


@attrs.frozen(kw_only=True)
class DockerFlowRunner(UniversalFlowRunner):
    """Runs in a Docker container.

    Attributes:
        image: Name and tag of the image.
        image_pull_policy: ``IF_NOT_PRESENT``, ``ALWAYS`` or ``NEVER``; None leaves
            it to the agent.
        networks: Names of the networks that the container joins.
        network_mode: Docker's network mode; None leaves it to the agent.
        labels: Labels of the container.
        auto_remove: Whether the container goes when the run has ended.
        volumes: ``HOST-PATH:CONTAINER-PATH`` each.
        stream_output: Whether the agent shows what the run prints.
    """

    typename: ClassVar[str] = "docker"

    image: str = attrs.field(default=DEFAULT_IMAGE, validator=_check_text)
    image_pull_policy: Optional[str] = attrs.field(
        default=None, converter=_plain, validator=_check_one_of("IF_NOT_PRESENT", "ALWAYS", "NEVER")
    )
    networks: Tuple[str, ...] = attrs.field(
        default=(), converter=_text_tuple, validator=_check_texts
    )
    network_mode: Optional[str] = attrs.field(default=None, validator=_check_optional_text)
    labels: Optional[Dict[str, str]] = attrs.field(
        default=None,
        converter=attrs.converters.optional(_text_mapping),
        validator=attrs.validators.optional(_check_mapping),
    )
    auto_remove: bool = attrs.field(default=False, validator=_check_flag)
    volumes: Tuple[str, ...] = attrs.field(
        default=(), converter=_text_tuple, validator=_check_volumes
    )
    stream_output: bool = attrs.field(default=True, validator=_check_flag)


@attrs.frozen(kw_only=True)
class KubernetesFlowRunner(UniversalFlowRunner):
    """Runs as a Kubernetes job.

    Attributes:
        image: Name and tag of the image.
        namespace: Namespace of the job.
        service_account_name: Account that the pod runs under.
        labels: Labels of the job.
        image_pull_policy: ``IfNotPresent``, ``Always`` or ``Never``; None leaves it
            to the cluster.
        restart_policy: Not in use any more; taken, and sent as null.
        job: The manifest; holds at least what is the default.
        customizations: Operations of a JSON patch (RFC 6902) of the manifest.
        job_watch_timeout_seconds: Longest wait for the job to appear.
        pod_watch_timeout_seconds: Longest wait for the pod to appear.
        stream_output: Whether the agent shows what the run prints.
    """

    typename: ClassVar[str] = "kubernetes"

    image: str = attrs.field(default=DEFAULT_IMAGE, validator=_check_text)
    namespace: str = attrs.field(default="default", validator=_check_text)
    service_account_name: Optional[str] = attrs.field(default=None, validator=_check_optional_text)
    labels: Dict[str, str] = attrs.field(
        factory=dict, converter=_text_mapping, validator=_check_mapping
    )
    image_pull_policy: Optional[str] = attrs.field(
        default=None, converter=_plain, validator=_check_one_of("IfNotPresent", "Always", "Never")
    )
    restart_policy: None = attrs.field(default=None, converter=_dropped)
    job: Dict[str, Any] = attrs.field(
        factory=lambda: json_copy(_BASE_JOB),
        converter=_json,
        validator=_check_json(dict),
        repr=False,
    )
    customizations: List[Dict[str, Any]] = attrs.field(
        factory=list, converter=_json, validator=_check_json(list), repr=False
    )
    job_watch_timeout_seconds: int = attrs.field(default=5, validator=_check_seconds)
    pod_watch_timeout_seconds: int = attrs.field(default=5, validator=_check_seconds)
    stream_output: bool = attrs.field(default=True, validator=_check_flag)


#: Each type of runner that a server's settings can name, and its class.
FLOW_RUNNERS: Mapping[str, Type[FlowRunner]] = {
    cls.typename: cls
    for cls in (UniversalFlowRunner, SubprocessFlowRunner, DockerFlowRunner, KubernetesFlowRunner)
}
