"""Where the runs of a deployment are executed.

The classes, their fields and what the fields may hold are those of Prefect 2.0b7;
the field order is the order on the wire.
"""

from __future__ import annotations

import enum
import os
from typing import Any, ClassVar, Dict, List, Literal, Mapping, Optional, Tuple, Type, Union

import attrs

from flowpack._callers import warn
from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack._validators import (
    at_least,
    copied_json,
    is_filled_text,
    is_flag,
    is_json_list,
    is_json_mapping,
    is_list_of_texts,
    is_text_mapping,
    one_of,
    plain,
    validator,
)
from flowpack.exceptions import DeploymentValidationError, printable, quoted, suggestion
from flowpack.jsonvalues import json_copy, json_problem
from flowpack.models import DEFAULT_IMAGE, FlowRunnerSettings

#: Names and texts; numbers and truth values become text.
Texts = Mapping[str, Union[str, float, enum.Enum]]

#: What a Kubernetes job must hold at least; a run's own values are put into it.
_BASE_JOB: Mapping[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"labels": {}},
    "spec": {"template": {"spec": {"containers": [{"name": "prefect-job", "env": []}]}}},
}


def text_mapping(value: Optional[Texts]) -> Any:
    """Return a copy of a mapping with numbers and truth values as text."""

    def text(item: Any) -> Any:
        item = plain(item)
        return str(item) if isinstance(item, (bool, int, float)) else item

    if not isinstance(value, Mapping):
        return value
    return {text(key): text(item) for key, item in value.items()}


def _policy(value: Union[Literal["IF_NOT_PRESENT", "ALWAYS", "NEVER"], enum.Enum, None]) -> Any:
    return plain(value)


def _job_policy(value: Union[Literal["IfNotPresent", "Always", "Never"], enum.Enum, None]) -> Any:
    return plain(value)


def _texts(value: Texts) -> Any:
    return text_mapping(value)


def _copied_job(value: Mapping[str, Any]) -> Any:
    return copied_json(value)


def _copied_list(value: List[Any]) -> Any:
    return value if json_problem(value) else json_copy(value)


def _text_tuple(value: Union[List[str], Tuple[str, ...]]) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _path_text(value: Union[str, os.PathLike[str], None]) -> Any:
    """Return a path as text, as it is: nothing is expanded."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


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


def _is_list_of_volumes(value: Any) -> List[str]:
    mounts = [item for item in value if isinstance(item, str)] if isinstance(value, tuple) else []
    return is_list_of_texts(value) + [
        f"{quoted(item)} must be HOST-PATH:CONTAINER-PATH" for item in mounts if ":" not in item
    ]


def _is_environment(value: Any) -> List[str]:
    """Check environment variables that a process can have; no problem shows a value."""
    problems = is_text_mapping(value)
    for name, item in {} if problems else value.items():
        if not name or "=" in name or "\0" in name:
            problems.append(f"has the name {quoted(name)}, which no variable can have")
        elif "\0" in item:
            problems.append(f"{quoted(name)} has a NUL in its value, which no variable can hold")
    return problems


# Where a field has a converter, type checkers must see that, and accept what it takes.


def _flag(default: bool) -> Any:
    return attrs.field(default=default, validator=validator(is_flag))


def _text(default: Optional[str] = None) -> Any:
    """Return a field of text, or of None if that is the default."""
    return attrs.field(default=default, validator=validator(is_filled_text))


def _seconds() -> Any:
    return attrs.field(default=5, validator=validator(at_least(0, "seconds")))


@attrs.frozen(kw_only=True)
class FlowRunner(HidesLocals):
    """The base of all flow runners; cannot be deployed itself.

    A runner of one's own is an attrs class that extends one of these and sets
    ``typename``; agents must know that name.

    Attributes:
        typename: The name of the kind on the wire (of the class).

    Example:
        >>> import attrs
        >>> from flowpack import FlowRunner
        >>> @attrs.frozen(kw_only=True)
        ... class BatchRunner(FlowRunner):
        ...     typename = "batch"
        ...     queue: str = "low"
        >>> BatchRunner(queue="high").to_settings().config
        {'queue': 'high'}
    """

    typename: ClassVar[str] = ""
    _kind: ClassVar[str] = "flow runner"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._kind = f"flow runner {printable(cls.typename or cls.__name__)}"

    @hides_locals
    def to_settings(self) -> FlowRunnerSettings:
        """Return the runner as a server keeps it: every field, as JSON values.

        Raises:
            DeploymentValidationError: The class has no ``typename``, or JSON cannot hold a
                field.
        """
        if not self.typename:
            reason = "the class has no typename and cannot be deployed; take one of"
            raise DeploymentValidationError(self._kind, [f"{reason} {', '.join(FLOW_RUNNERS)}"])
        config: Dict[str, Any] = {}
        for field in attrs.fields(type(self)):
            value = _path_text(plain(getattr(self, field.name)))
            problem = json_problem(value)
            if problem is not None:
                raise DeploymentValidationError(self._kind, [f"{field.name}: {problem}"])
            config[field.name] = json_copy(value)
        return FlowRunnerSettings(self.typename, config)

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
        found = cls if name and name == cls.typename else FLOW_RUNNERS.get(name)
        if found is None:
            problem = f"no flow runner has the type {quoted(name)}" if name else "no type"
            known = f"{suggestion(name, FLOW_RUNNERS)}; known: {', '.join(FLOW_RUNNERS)}"
            raise DeploymentValidationError("flow runner", [problem + known])
        config: Any = settings.config or {}
        fields = [field.name for field in attrs.fields(found)]
        if not isinstance(config, Mapping):
            problem = f"the config must be a mapping, not {type(config).__name__}"
            raise DeploymentValidationError(found._kind, [problem])
        unknown = [quoted(key) for key in config if key not in fields]
        if unknown:
            hint = suggestion(unknown[0].strip("'"), fields)
            problem = f"no such field: {', '.join(unknown[:5])}{hint}; it has {', '.join(fields)}"
            raise DeploymentValidationError(found._kind, [problem])
        try:
            return found(**config)
        except TypeError as exc:  # a field of a user's own class is missing
            problem = f"the config does not fit: {printable(exc)}"
            raise DeploymentValidationError(found._kind, [problem]) from exc


@attrs.frozen(kw_only=True)
class UniversalFlowRunner(FlowRunner):
    """Runs wherever the agent thinks fit.

    Attributes:
        env: Environment variables of the run; scalars become text. Values are not
            in the repr.

    Example:
        >>> from flowpack import UniversalFlowRunner
        >>> UniversalFlowRunner(env={"LEVEL": 3}).env
        {'LEVEL': '3'}
    """

    typename: ClassVar[str] = "universal"

    env: Dict[str, str] = attrs.field(
        factory=dict, converter=_texts, validator=validator(_is_environment), repr=_show_names
    )


@attrs.frozen(kw_only=True)
class SubprocessFlowRunner(UniversalFlowRunner):
    """Runs as a child process of the agent.

    Attributes:
        stream_output: Whether the agent shows what the run prints.
        condaenv: Conda environment to run in: a name, or a path that starts with
            ``/`` or ``~``.
        virtualenv: Folder of a virtual environment to run in; not with *condaenv*.

    Example:
        >>> from flowpack import SubprocessFlowRunner
        >>> SubprocessFlowRunner(virtualenv="/opt/etl").virtualenv
        '/opt/etl'
    """

    typename: ClassVar[str] = "subprocess"

    stream_output: bool = _flag(True)
    condaenv: Optional[str] = attrs.field(
        default=None, converter=_path_text, validator=validator(is_filled_text)
    )
    virtualenv: Optional[str] = attrs.field(
        default=None, converter=_path_text, validator=validator(is_filled_text)
    )

    def __attrs_post_init__(self) -> None:
        if self.condaenv is not None and self.virtualenv is not None:
            problem = "condaenv and virtualenv exclude each other; give one"
            raise DeploymentValidationError(self._kind, [problem])


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

    Example:
        >>> from flowpack import DockerFlowRunner
        >>> DockerFlowRunner(image="etl:1.2", networks=["backend"]).networks
        ('backend',)
    """

    typename: ClassVar[str] = "docker"

    image: str = _text(DEFAULT_IMAGE)
    image_pull_policy: Optional[str] = attrs.field(
        default=None,
        converter=_policy,
        validator=validator(one_of("IF_NOT_PRESENT", "ALWAYS", "NEVER")),
    )
    networks: Tuple[str, ...] = attrs.field(
        default=(), converter=_text_tuple, validator=validator(is_list_of_texts)
    )
    network_mode: Optional[str] = _text()
    labels: Optional[Dict[str, str]] = attrs.field(
        default=None, converter=text_mapping, validator=validator(is_text_mapping)
    )
    auto_remove: bool = _flag(False)
    volumes: Tuple[str, ...] = attrs.field(
        default=(), converter=_text_tuple, validator=validator(_is_list_of_volumes)
    )
    stream_output: bool = _flag(True)


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

    Example:
        >>> from flowpack import KubernetesFlowRunner
        >>> KubernetesFlowRunner(image="etl:1.2", namespace="reports").namespace
        'reports'
    """

    typename: ClassVar[str] = "kubernetes"

    image: str = _text(DEFAULT_IMAGE)
    namespace: str = _text("default")
    service_account_name: Optional[str] = _text()
    labels: Dict[str, str] = attrs.field(
        factory=dict, converter=_texts, validator=validator(is_text_mapping)
    )
    image_pull_policy: Optional[str] = attrs.field(
        default=None,
        converter=_job_policy,
        validator=validator(one_of("IfNotPresent", "Always", "Never")),
    )
    restart_policy: None = attrs.field(default=None, converter=_dropped)
    job: Dict[str, Any] = attrs.field(
        factory=lambda: json_copy(_BASE_JOB),
        converter=_copied_job,
        validator=validator(is_json_mapping),
        repr=False,
    )
    customizations: List[Dict[str, Any]] = attrs.field(
        factory=list, converter=_copied_list, validator=validator(is_json_list), repr=False
    )
    job_watch_timeout_seconds: int = _seconds()
    pod_watch_timeout_seconds: int = _seconds()
    stream_output: bool = _flag(True)


#: Each type of runner that a server's settings can name, and its class.
FLOW_RUNNERS: Mapping[str, Type[FlowRunner]] = {
    cls.typename: cls
    for cls in (UniversalFlowRunner, SubprocessFlowRunner, DockerFlowRunner, KubernetesFlowRunner)
}
