"""Flow runners: their settings, both ways, and what their fields may hold."""

from __future__ import annotations

import enum
import json
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Dict, Optional, Tuple

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowpack.exceptions import DeploymentValidationError
from flowpack.flow_runners import (
    FLOW_RUNNERS,
    DockerFlowRunner,
    FlowRunner,
    KubernetesFlowRunner,
    SubprocessFlowRunner,
    UniversalFlowRunner,
)
from flowpack.models import DEFAULT_IMAGE, UNSET, FlowRunnerSettings

#: A Kubernetes job with no more than it must have.
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"labels": {}},
    "spec": {
        "template": {"spec": {"containers": [{"name": "prefect-job", "env": []}]}}
    },
}

#: What the reference sends for a runner without arguments, in its order.
DEFAULTS = {
    UniversalFlowRunner: {"type": "universal", "config": {"env": {}}},
    SubprocessFlowRunner: {
        "type": "subprocess",
        "config": {
            "env": {},
            "stream_output": True,
            "condaenv": None,
            "virtualenv": None,
        },
    },
    DockerFlowRunner: {
        "type": "docker",
        "config": {
            "env": {},
            "image": "prefecthq/prefect:2.0b7-python3.9",
            "image_pull_policy": None,
            "networks": [],
            "network_mode": None,
            "labels": None,
            "auto_remove": False,
            "volumes": [],
            "stream_output": True,
        },
    },
    KubernetesFlowRunner: {
        "type": "kubernetes",
        "config": {
            "env": {},
            "image": "prefecthq/prefect:2.0b7-python3.9",
            "namespace": "default",
            "service_account_name": None,
            "labels": {},
            "image_pull_policy": None,
            "restart_policy": None,
            "job": JOB,
            "customizations": [],
            "job_watch_timeout_seconds": 5,
            "pod_watch_timeout_seconds": 5,
            "stream_output": True,
        },
    },
}

#: Bodies that the reference was seen to send, and the calls that made them.
RECORDED: Dict[str, Tuple[FlowRunner, Dict[str, Any]]] = {
    "subprocess": (
        SubprocessFlowRunner(env={"A": 1}, stream_output=False, virtualenv="/opt/venv"),
        {
            "type": "subprocess",
            "config": {
                "env": {"A": "1"},
                "stream_output": False,
                "condaenv": None,
                "virtualenv": "/opt/venv",
            },
        },
    ),
    "docker": (
        DockerFlowRunner(
            env={"K": "V"},
            image="repo/img:1",
            image_pull_policy="ALWAYS",
            networks=["net1"],
            labels={"a": "b"},
            auto_remove=True,
            volumes=["/h:/c"],
        ),
        {
            "type": "docker",
            "config": {
                "env": {"K": "V"},
                "image": "repo/img:1",
                "image_pull_policy": "ALWAYS",
                "networks": ["net1"],
                "network_mode": None,
                "labels": {"a": "b"},
                "auto_remove": True,
                "volumes": ["/h:/c"],
                "stream_output": True,
            },
        },
    ),
    "kubernetes": (
        KubernetesFlowRunner(
            env={"K": "V"},
            image="repo/img:1",
            namespace="ns",
            service_account_name="svc",
            labels={"a": "b"},
            image_pull_policy="IfNotPresent",
            customizations=[{"op": "add", "path": "/metadata/labels/x", "value": "y"}],
        ),
        {
            "type": "kubernetes",
            "config": {
                "env": {"K": "V"},
                "image": "repo/img:1",
                "namespace": "ns",
                "service_account_name": "svc",
                "labels": {"a": "b"},
                "image_pull_policy": "IfNotPresent",
                "restart_policy": None,
                "job": JOB,
                "customizations": [
                    {"op": "add", "path": "/metadata/labels/x", "value": "y"}
                ],
                "job_watch_timeout_seconds": 5,
                "pod_watch_timeout_seconds": 5,
                "stream_output": True,
            },
        },
    ),
}


def as_json(settings_: FlowRunnerSettings) -> str:
    """Return *settings_* as they travel."""
    return json.dumps({"type": settings_.type, "config": settings_.config})


def config_of(runner: FlowRunner) -> Dict[str, Any]:
    """Return the config that *runner* sends."""
    config = runner.to_settings().config
    assert isinstance(config, dict)
    return config


def problems(call, *arguments, **keywords) -> str:
    """Return what is wrong with a call, all of it."""
    with pytest.raises(DeploymentValidationError) as caught:
        call(*arguments, **keywords)
    assert caught.value.where.startswith("flow runner")
    return "\n".join(caught.value.problems)


# Settings


@pytest.mark.parametrize("cls", DEFAULTS, ids=lambda cls: cls.typename)
def test_defaults(cls):
    """Without arguments all is sent that the reference sends, in its order."""
    assert as_json(cls().to_settings()) == json.dumps(DEFAULTS[cls])


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_body(name):
    """A runner sends what the reference was recorded to send, and reads it back."""
    runner, body = RECORDED[name]
    assert as_json(runner.to_settings()) == json.dumps(body)
    read = FlowRunner.from_settings(FlowRunnerSettings(body["type"], body["config"]))
    assert read == runner
    assert type(read) is type(runner)


@pytest.mark.parametrize("config", [UNSET, None, {}], ids=["unset", "null", "empty"])
@pytest.mark.parametrize("name", FLOW_RUNNERS)
def test_settings_without_config(name, config):
    """No config means the defaults."""
    runner = FlowRunner.from_settings(FlowRunnerSettings(name, config))
    assert runner == FLOW_RUNNERS[name]()


@pytest.mark.parametrize("name", ["bogus", "", None, UNSET, "Universal", "\x1b[0m", 5])
def test_unknown_type(name):
    """A type without a runner is refused, and the known ones are listed."""
    message = problems(FlowRunner.from_settings, FlowRunnerSettings(name, {}))
    assert "known: universal, subprocess, docker, kubernetes" in message
    assert message.isprintable()


def test_unknown_fields():
    """Fields that the runner has not are refused by name, and its own are listed."""
    found = FlowRunnerSettings("subprocess", {"image": "x", "env": {}, "typename": "x"})
    message = problems(FlowRunner.from_settings, found)
    assert "no such field: 'image', 'typename'; it has env, stream_output" in message


def test_config_of_another_shape():
    """A config that is no mapping is refused."""
    config: Any = ["env"]
    found = FlowRunnerSettings("universal", config)
    assert "must be a mapping, not list" in problems(FlowRunner.from_settings, found)


def test_settings_share_nothing():
    """Changing what was given, or what came out, changes no runner."""
    env = {"A": "1"}
    runner = KubernetesFlowRunner(env=env)
    env["B"] = "2"
    config_of(runner)["job"]["kind"] = "Changed"
    assert runner.env == {"A": "1"}
    assert runner.job == KubernetesFlowRunner().job == JOB


def test_base_cannot_be_deployed():
    """The base can be made, as in the reference, and has no settings."""
    assert "cannot be deployed" in problems(FlowRunner().to_settings)


def test_family():
    """Subprocess, docker and kubernetes extend universal."""
    for cls in FLOW_RUNNERS.values():
        assert issubclass(cls, UniversalFlowRunner)
        assert issubclass(cls, FlowRunner)


# Classes of users


@attrs.frozen(kw_only=True)
class MeshRunner(UniversalFlowRunner):
    """A user's own runner."""

    typename: ClassVar[str] = "mesh"

    zone: str
    folder: Path = Path("/srv")
    sizes: Tuple[int, ...] = (1, 2)
    extra: Optional[Dict[str, object]] = None


def test_own_runner():
    """A user's runner has settings, and its class reads them back."""
    found = MeshRunner(zone="z", env={"A": True}).to_settings()
    assert found.type == "mesh"
    assert json.dumps(found.config) == (
        '{"env": {"A": "True"}, "zone": "z", "folder": "/srv", "sizes": [1, 2],'
        ' "extra": null}'
    )
    read = MeshRunner.from_settings(found)
    assert isinstance(read, MeshRunner)
    assert read.to_settings() == found
    assert "no flow runner has the type 'mesh'" in problems(
        FlowRunner.from_settings, found
    )


def test_own_runner_reads_the_others():
    """Called on a user's class, the built-in types are known, too."""
    found = FlowRunnerSettings("docker", {})
    assert MeshRunner.from_settings(found) == DockerFlowRunner()


def test_own_runner_without_a_field():
    """A config that lacks a field of the user's class is refused."""
    found = FlowRunnerSettings("mesh", {})
    assert "zone" in problems(MeshRunner.from_settings, found)


def test_own_runner_with_what_json_cannot_hold():
    """A field that JSON cannot hold is named."""
    runner = MeshRunner(zone="z", extra={"a": object()})
    assert "extra: at a: a value of type object" in problems(runner.to_settings)


# Environment


class Stage(enum.Enum):
    """A value as settings in code often have it."""

    TEST = "test"


def test_scalars_become_text():
    """Numbers, booleans and enum members are cast, as the reference does."""
    env: Any = {"A": 1, "B": True, "C": 1.5, "D": Stage.TEST, 5: "E", "F": ""}
    runner = UniversalFlowRunner(env=env)
    expected = {"A": "1", "B": "True", "C": "1.5", "D": "test", "5": "E", "F": ""}
    assert runner.env == expected


@pytest.mark.parametrize(
    "env, message",
    [
        (None, "must be a mapping, not NoneType"),
        ([("A", "B")], "must be a mapping, not list"),
        ("A=B", "must be a mapping, not str"),
        ({"A": None}, "'A' must be text, not NoneType"),
        ({"A": ["s3cret"]}, "'A' must be text, not list"),
        ({"A": b"s3cret"}, "'A' must be text, not bytes"),
        ({None: "s3cret"}, "a name of type NoneType"),
        ({"": "s3cret"}, "the name '', which no variable can have"),
        ({"A=B": "s3cret"}, "the name 'A=B'"),
        ({"A\0": "s3cret"}, "the name 'A\\x00'"),
        ({"A": "s3cret\0"}, "'A' has a NUL in its value"),
        ({"A": "s3cret\ud800"}, "'A' holds half a surrogate pair"),
    ],
    ids=range(12),
)
def test_environment_refused(env, message):
    """What no process could be given is refused, and no value is shown."""
    found = problems(UniversalFlowRunner, env=env)
    assert message in found
    assert "s3cret" not in found


@pytest.mark.parametrize("cls", FLOW_RUNNERS.values(), ids=FLOW_RUNNERS)
def test_repr_hides_values(cls):
    """The values of the environment may be secret; only the names are shown."""
    runner = cls(env={"TOKEN": "s3cret"})
    for shown in (repr(runner), str(runner), repr(runner.to_settings())):
        assert "s3cret" not in shown
    assert "TOKEN" in repr(runner)


# Rules of each kind


@pytest.mark.parametrize("name", ["condaenv", "virtualenv"])
@pytest.mark.parametrize("value", ["my-env", "~/env", "/opt/env", PurePosixPath("/e")])
def test_environment_folders(name, value):
    """A name or a path is sent as it is, not expanded."""
    runner = SubprocessFlowRunner(**{name: value})
    assert config_of(runner)[name] == str(value)


@pytest.mark.parametrize(
    "cls, config, message",
    [
        (SubprocessFlowRunner, {"condaenv": "a", "virtualenv": "b"}, "exclude each"),
        (SubprocessFlowRunner, {"condaenv": ""}, "condaenv: must not be empty"),
        (SubprocessFlowRunner, {"virtualenv": 5}, "virtualenv: must be text, not int"),
        (SubprocessFlowRunner, {"stream_output": "yes"}, "must be true or false"),
        (DockerFlowRunner, {"image": None}, "image: must be text, not NoneType"),
        (DockerFlowRunner, {"image_pull_policy": "always"}, "one of IF_NOT_PRESENT"),
        (DockerFlowRunner, {"image_pull_policy": "Always"}, "not 'Always'"),
        (DockerFlowRunner, {"volumes": ["/data"]}, "'/data' must be HOST-PATH:"),
        (DockerFlowRunner, {"volumes": "/a:/b"}, "must be a list of texts, not str"),
        (DockerFlowRunner, {"networks": [1]}, "networks: item 1 must be text, not int"),
        (DockerFlowRunner, {"labels": {"a": None}}, "labels: 'a' must be text"),
        (DockerFlowRunner, {"auto_remove": 1}, "auto_remove: must be true or false"),
        (KubernetesFlowRunner, {"image_pull_policy": "ALWAYS"}, "one of IfNotPresent"),
        (KubernetesFlowRunner, {"namespace": ""}, "namespace: must not be empty"),
        (KubernetesFlowRunner, {"labels": None}, "labels: must be a mapping"),
        (
            KubernetesFlowRunner,
            {"pod_watch_timeout_seconds": -1},
            "pod_watch_timeout_seconds: must be a whole number",
        ),
        (KubernetesFlowRunner, {"job_watch_timeout_seconds": True}, "whole number"),
        (KubernetesFlowRunner, {"customizations": {}}, "a list of JSON values"),
        (KubernetesFlowRunner, {"job": {1: 2}}, "a key of type int"),
        (KubernetesFlowRunner, {"job": []}, "job: must be a mapping, not list"),
    ],
    ids=range(20),
)
def test_field_refused(cls, config, message):
    """A field that breaks its rule is named, made directly or from settings."""
    assert message in problems(cls, **config)
    found = FlowRunnerSettings(cls.typename, config)
    assert message in problems(FlowRunner.from_settings, found)


@pytest.mark.parametrize(
    "cls, policy",
    [
        (DockerFlowRunner, "IF_NOT_PRESENT"),
        (DockerFlowRunner, "ALWAYS"),
        (DockerFlowRunner, "NEVER"),
        (KubernetesFlowRunner, "IfNotPresent"),
        (KubernetesFlowRunner, "Always"),
        (KubernetesFlowRunner, "Never"),
    ],
)
def test_pull_policies(cls, policy):
    """Each kind has spellings of its own; an enum of them will do."""
    make: Any = enum.Enum
    for given_ in (policy, make("Policy", {"ONE": policy}).ONE):
        runner = cls(image_pull_policy=given_)
        assert config_of(runner)["image_pull_policy"] == policy


def test_job_with_more_than_it_must_have():
    """A manifest may hold more than the default."""
    job = json.loads(json.dumps(JOB))
    job["metadata"]["labels"]["team"] = "a"
    job["spec"]["backoffLimit"] = 0
    containers = job["spec"]["template"]["spec"]["containers"]
    containers[0]["env"].append({"name": "A", "value": "1"})
    containers.append({"name": "sidecar"})
    assert KubernetesFlowRunner(job=job).job == job


def test_server_has_the_last_word_on_manifests():
    """Manifests and JSON patches are sent as they are."""
    job, patch = {"kind": "Pod"}, [{"op": "add"}, "x"]
    runner = KubernetesFlowRunner(job=job, customizations=patch)
    assert (config_of(runner)["job"], config_of(runner)["customizations"]) == (job, patch)


def test_all_problems_of_a_field_at_once():
    """All problems of a field are reported."""
    found = problems(DockerFlowRunner, volumes=["/a", "/b", "/c:/d", ""])
    assert "'/a'" in found
    assert "'/b'" in found
    assert "'/c:/d'" not in found


def test_restart_policy_is_dropped():
    """It is taken with a warning and sent as null, as the reference does."""
    with pytest.warns(UserWarning, match="restart_policy 'Never' is not") as warned:
        runner = KubernetesFlowRunner(restart_policy="Never")
    assert runner == KubernetesFlowRunner()
    assert warned[0].filename == __file__


def test_image_does_not_depend_on_this_python():
    """One spec deploys the same from every machine."""
    assert DockerFlowRunner().image == KubernetesFlowRunner().image == DEFAULT_IMAGE


# Laws

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=3),
    ),
    max_leaves=6,
)
FIELDS = sorted(
    {field.name for cls in FLOW_RUNNERS.values() for field in attrs.fields(cls)}
)


@pytest.mark.filterwarnings("ignore:the flow runner's restart_policy")
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(FLOW_RUNNERS)),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4),
)
def test_any_config_is_read_or_refused(name, config):
    """Whatever a config holds, only our error comes out; what is taken comes back."""
    known = {field.name for field in attrs.fields(FLOW_RUNNERS[name])}
    config = {key: value for key, value in config.items() if key in known}
    try:
        runner = FlowRunner.from_settings(FlowRunnerSettings(name, config))
    except DeploymentValidationError as exc:
        assert all(message.isprintable() for message in exc.problems)
    else:
        found = runner.to_settings()
        json.dumps(found.config, allow_nan=False)
        assert FlowRunner.from_settings(found) == runner


def test_runner_with_a_base_that_registers_its_subclasses():
    """Both bases hear of the class."""

    class Registered:
        names: ClassVar[set[str]] = set()

        def __init_subclass__(cls) -> None:
            cls.names.add(cls.__name__)

    @attrs.frozen(kw_only=True)
    class Mesh(FlowRunner, Registered):
        typename: ClassVar[str] = "mesh"

    assert Registered.names == {"Mesh"}
