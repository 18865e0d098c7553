"""Where the runs of a deployment are executed.

The classes, their fields and what the fields may hold are those of Prefect 2.0b7;
the field order is the order on the wire.
"""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple, Type

import attrs

from flowpack import _runner_fields as rules
from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack.exceptions import DeploymentValidationError, printable, quoted
from flowpack.jsonvalues import json_copy, json_problem
from flowpack.models import FlowRunnerSettings

#: The image that 2.0b7 itself would name. It says nothing of the Python that
#: happens to run here, so that one spec deploys the same from everywhere.
DEFAULT_IMAGE = "prefecthq/prefect:2.0b7-python3.9"


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
            raise rules.refusal(
                self,
                "the class has no typename and cannot be deployed; take one of"
                f" {', '.join(FLOW_RUNNERS)}",
            )
        config: Dict[str, Any] = {}
        for field in attrs.fields(cls):
            value = rules.path_text(rules.plain(getattr(self, field.name)))
            problem = json_problem(value)
            if problem is not None:
                raise rules.refusal(self, f"{field.name}: {problem}")
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
            raise rules.refusal(found, said)
        fields = [field.name for field in attrs.fields(found)]
        unknown = [quoted(key) for key in config if key not in fields]
        if unknown:
            said = f"no such field: {', '.join(unknown[:5])}"
            raise rules.refusal(found, f"{said}; it has {', '.join(fields)}")
        try:
            return found(**config)
        except TypeError as exc:  # a field of a user's own class is missing
            said = f"the config does not fit: {printable(exc)}"
            raise rules.refusal(found, said) from exc


@attrs.frozen(kw_only=True)
class UniversalFlowRunner(FlowRunner):
    """Runs wherever the agent thinks fit.

    Attributes:
        env: Environment variables of the run; scalars become text. Values are not
            in the repr.
    """

    typename: ClassVar[str] = "universal"

    env: Dict[str, str] = attrs.field(
        factory=dict,
        converter=rules.text_mapping,
        validator=rules.rule(rules.environment),
        repr=rules.names_only,
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

    stream_output: bool = attrs.field(default=True, validator=rules.rule(rules.flag))
    condaenv: Optional[str] = attrs.field(
        default=None, converter=rules.path_text, validator=rules.optional(rules.text)
    )
    virtualenv: Optional[str] = attrs.field(
        default=None, converter=rules.path_text, validator=rules.optional(rules.text)
    )

    def __attrs_post_init__(self) -> None:
        if self.condaenv is not None and self.virtualenv is not None:
            said = "condaenv and virtualenv exclude each other; give one"
            raise rules.refusal(self, said)


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

    image: str = attrs.field(default=DEFAULT_IMAGE, validator=rules.rule(rules.text))
    image_pull_policy: Optional[str] = attrs.field(
        default=None,
        converter=rules.plain,
        validator=rules.optional(rules.one_of("IF_NOT_PRESENT", "ALWAYS", "NEVER")),
    )
    networks: Tuple[str, ...] = attrs.field(
        default=(), converter=rules.text_tuple, validator=rules.rule(rules.texts)
    )
    network_mode: Optional[str] = attrs.field(
        default=None, validator=rules.optional(rules.text)
    )
    labels: Optional[Dict[str, str]] = attrs.field(
        default=None,
        converter=attrs.converters.optional(rules.text_mapping),
        validator=rules.optional(rules.mapped_texts),
    )
    auto_remove: bool = attrs.field(default=False, validator=rules.rule(rules.flag))
    volumes: Tuple[str, ...] = attrs.field(
        default=(), converter=rules.text_tuple, validator=rules.rule(rules.volumes)
    )
    stream_output: bool = attrs.field(default=True, validator=rules.rule(rules.flag))


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

    image: str = attrs.field(default=DEFAULT_IMAGE, validator=rules.rule(rules.text))
    namespace: str = attrs.field(default="default", validator=rules.rule(rules.text))
    service_account_name: Optional[str] = attrs.field(
        default=None, validator=rules.optional(rules.text)
    )
    labels: Dict[str, str] = attrs.field(
        factory=dict,
        converter=rules.text_mapping,
        validator=rules.rule(rules.mapped_texts),
    )
    image_pull_policy: Optional[str] = attrs.field(
        default=None,
        converter=rules.plain,
        validator=rules.optional(rules.one_of("IfNotPresent", "Always", "Never")),
    )
    restart_policy: None = attrs.field(default=None, converter=rules.dropped)
    job: Dict[str, Any] = attrs.field(
        factory=rules.base_job,
        converter=rules.as_json,
        validator=rules.rule(rules.job),
        repr=False,
    )
    customizations: List[Dict[str, Any]] = attrs.field(
        factory=list,
        converter=rules.as_json,
        validator=rules.rule(rules.customizations),
        repr=False,
    )
    job_watch_timeout_seconds: int = attrs.field(
        default=5, validator=rules.rule(rules.seconds)
    )
    pod_watch_timeout_seconds: int = attrs.field(
        default=5, validator=rules.rule(rules.seconds)
    )
    stream_output: bool = attrs.field(default=True, validator=rules.rule(rules.flag))


#: Each type of runner that a server's settings can name, and its class.
FLOW_RUNNERS: Mapping[str, Type[FlowRunner]] = {
    cls.typename: cls
    for cls in (
        UniversalFlowRunner,
        SubprocessFlowRunner,
        DockerFlowRunner,
        KubernetesFlowRunner,
    )
}
