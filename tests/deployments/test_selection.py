"""A deployment that exists keeps storage and runner where a spec names none."""

import json

import attrs
import pytest

from flowpack import (
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    LocalStorageBlock,
    Packager,
    ScriptPackager,
    SubprocessFlowRunner,
    UniversalFlowRunner,
    deploy,
    get_client,
    plan,
)
from flowpack.cli import main
from flowpack.exceptions import DeploymentValidationError
from flowpack.models import FlowRunnerSettings
from tests.todays_server import TodaysServer

pytestmark = pytest.mark.filterwarnings("ignore:.*current machine:UserWarning")


@pytest.fixture
def today():
    """A server of today's Prefect with pools."""
    server = TodaysServer()
    with server.client() as client:
        client.create_work_pool("pool", "process")
        client.create_work_pool("docks", "docker")
    return server


@pytest.fixture(params=["embedded", "today"])
def either(request, client, today):
    """A client of either generation of servers."""
    if request.param == "embedded":
        yield client
    else:
        with today.client() as other:
            yield other


@pytest.fixture
def bare(script):
    """A spec that says nothing but which deployment."""
    return DeploymentSpec(name="d", flow_location=script, work_pool="pool")


def store(tmp_path, name="store"):
    return FileStorageBlock(tmp_path / name)


def only(specs, client):
    (action,) = plan(specs, client).actions
    return action


def change(script):
    script.write_text(script.read_text() + "# changed\n")


def test_storage_stays(either, bare, script, tmp_path):
    """Unchanged code stays untouched, changed code goes where it was."""
    first = deploy(attrs.evolve(bare, flow_storage=store(tmp_path)), either)[0]
    action = only(bare, either)
    assert (action.kind, action.notes) == (
        "unchanged",
        only(attrs.evolve(bare, flow_storage=store(tmp_path)), either).notes,
    )
    assert action.kept["storage"]["type"] == "File Storage"
    assert action.kept["storage"]["base_path"] == f"{tmp_path}/store/"
    change(script)
    action = only(bare, either)
    assert [each.field for each in action.changes if each.field != "version"] == [
        "code"
    ]
    done = deploy(bare, either)[0]
    assert (done.storage_type, done.id) == ("File Storage", first.id)
    assert (tmp_path / "store" / done.sha256).read_bytes() == script.read_bytes()
    assert done.document_id == first.document_id


def test_plan_says_what_is_kept(client, bare, tmp_path):
    """As a fact of the action, in text and JSON; of a new one nothing is kept."""
    runner = SubprocessFlowRunner(env={"KEY": "canary"})
    whole = attrs.evolve(bare, flow_storage=store(tmp_path), flow_runner=runner)
    assert only(whole, client).kept == {}
    deploy(whole, client)
    assert only(whole, client).kept == {}
    made = plan(bare, client)
    assert "storage: kept, {" in str(made) and "flow_runner: kept, {" in str(made)
    (action,) = json.loads(made.to_json())["actions"]
    assert action["kept"]["storage"]["base_path"] == f"{tmp_path}/store/"
    assert action["kept"]["flow_runner"]["type"] == "subprocess"
    assert "canary" not in made.to_json() + str(made) + repr(made)


@pytest.mark.parametrize("packager", [False, True], ids=["spec", "packager"])
def test_servers_default_is_asked_for(client, bare, tmp_path, packager):
    """``default:`` moves a deployment to the server's default, nothing else does."""
    deploy(attrs.evolve(bare, flow_storage=store(tmp_path)), client)
    other = store(tmp_path, "other").save("other", client)
    client.set_default_storage_block_document(other.document_id)
    assert only(bare, client).kind == "unchanged"
    assert only(attrs.evolve(bare, packager=ScriptPackager()), client).kind == (
        "unchanged"
    )
    moved = attrs.evolve(bare, flow_storage="default:")
    if packager:
        moved = attrs.evolve(bare, packager=ScriptPackager("default:"))
    done = deploy(moved, client)[0]
    assert (done.action, done.document_id) == ("updated", other.document_id)
    assert only(bare, client).kind == "unchanged"


def test_runner_stays(client, bare, tmp_path):
    """With all its fields."""
    runner = DockerFlowRunner(image="mine:1", env={"A": "1"})
    whole = attrs.evolve(bare, flow_storage=store(tmp_path), flow_runner=runner)
    done = deploy(whole, client)[0]
    other = attrs.evolve(bare, flow_storage=store(tmp_path, "other"), tags=["t"])
    assert deploy(other, client)[0].action == "updated"
    assert client.read_deployment(done.id).flow_runner == runner.to_settings()


@pytest.mark.parametrize(
    "changes",
    [{"env": {"B": "2"}}, {"image": "mine:2"}, {"networks": ["n"], "env": {"B": "2"}}],
    ids=["env", "image", "several"],
)
def test_kept_runner_is_changed(client, bare, tmp_path, changes):
    """A config without a type is laid over what is there; variables are added.

    The runner is not kept then: a plan shows how it changes.
    """
    runner = DockerFlowRunner(image="mine:1", env={"A": "1"})
    whole = attrs.evolve(bare, flow_storage=store(tmp_path), flow_runner=runner)
    done = deploy(whole, client)[0]
    changed = attrs.evolve(bare, flow_runner={"config": changes})
    assert list(only(changed, client).kept) == ["storage"]
    assert deploy(changed, client)[0].action == "updated"
    config = dict(client.read_deployment(done.id).flow_runner.config)
    wanted = {**attrs.asdict(runner), "networks": [], "volumes": [], **changes}
    wanted["env"] = {"A": "1", **changes.get("env", {})}
    assert config == wanted
    assert only(changed, client).kind == "unchanged"


def test_job_variables_are_changed(today, bare, tmp_path):
    """Where there are no runners; what people set in the UI stays."""
    whole = attrs.evolve(bare, work_pool="docks", flow_storage=store(tmp_path))
    with today.client() as client:
        deploy(whole, client)
        today.deployments["d"]["job_variables"] = {"env": {"A": "1"}, "mem": "1g"}
        config = {"image": "mine:2", "env": {"B": "2"}}
        unnamed = attrs.evolve(bare, work_pool=None, flow_runner={"config": config})
        assert deploy(unnamed, client)[0].action == "updated"
        assert today.deployments["d"]["job_variables"] == {
            "env": {"A": "1", "B": "2"},
            "mem": "1g",
            "image": "mine:2",
        }
        action = only(attrs.evolve(bare, work_pool=None), client)
    assert action.kind == "unchanged"
    assert action.kept["flow_runner"]["image"] == "mine:2"
    assert "'1'" not in str(action.kept)


class Delegating(Packager):
    """Leaves the work to another one."""

    def check_compat(self, deployment, client=None):
        """Take any."""

    def package(self, deployment, client=None):
        return ScriptPackager(FileStorageBlock("store")).package(deployment, client)


def test_pool_stays(today, bare, tmp_path, monkeypatch):
    """Also where a packager of a user's own packages, and settings name another."""
    monkeypatch.chdir(tmp_path)
    with today.client() as client:
        spec = attrs.evolve(bare, packager=Delegating())
        deploy(spec, client)
        monkeypatch.setenv("PREFECT_DEFAULT_WORK_POOL_NAME", "docks")
        unnamed = attrs.evolve(spec, work_pool=None)
        deploy(unnamed, client)
        assert today.deployments["d"]["work_pool_name"] == "pool"
        assert unnamed.validate(client).work_pool == "pool"


def test_storage_of_this_machine_and_a_pool_elsewhere(today, bare, tmp_path):
    """The error is about the storage: nobody has named a runner."""
    local = LocalStorageBlock(tmp_path / "local")
    spec = attrs.evolve(bare, work_pool="docks", flow_storage=local)
    with today.client() as client:
        with pytest.raises(DeploymentValidationError, match="needs remote storage"):
            plan(spec, client)
        assert only(attrs.evolve(spec, work_pool="pool"), client).kind == "create"


def test_changes_of_a_new_deployment(client, bare, tmp_path):
    """They change the default, where it has such fields."""
    spec = attrs.evolve(bare, flow_storage=store(tmp_path))
    env = attrs.evolve(spec, flow_runner={"config": {"env": {"A": "1"}}})
    done = deploy(env, client)[0]
    settings = UniversalFlowRunner(env={"A": "1"}).to_settings()
    assert client.read_deployment(done.id).flow_runner == settings
    image = attrs.evolve(spec, flow_runner={"config": {"image": "mine"}}, name="e")
    with pytest.raises(DeploymentValidationError, match="'image'.*--runner"):
        plan(image, client)


def test_unnamed_universal_runner_follows_to_storage_of_this_machine(
    client, bare, tmp_path
):
    """There universal means a subprocess; a docker runner is refused."""
    env = {"config": {"env": {"A": "1"}}}
    first = attrs.evolve(bare, flow_storage=store(tmp_path), flow_runner=env)
    done = deploy(first, client)[0]
    local = LocalStorageBlock(tmp_path / "local")
    assert only(attrs.evolve(bare, flow_storage=local), client).kept == {}
    deploy(attrs.evolve(bare, flow_storage=local), client)
    settings = SubprocessFlowRunner(env={"A": "1"}).to_settings()
    assert client.read_deployment(done.id).flow_runner == settings
    docker = attrs.evolve(first, flow_runner=DockerFlowRunner(), name="e")
    deploy(docker, client)
    with pytest.raises(DeploymentValidationError, match="Docker flow runner needs"):
        plan(attrs.evolve(bare, flow_storage=local, name="e"), client)


def test_storage_that_is_gone_is_not_guessed(client, transport, bare, tmp_path):
    """The error asks for another one, and nothing is written."""
    done = deploy(attrs.evolve(bare, flow_storage=store(tmp_path)), client)[0]
    client.delete_block_document(done.document_id)
    transport.sent.clear()
    with pytest.raises(
        DeploymentValidationError, match="storage cannot be kept.*--storage"
    ):
        deploy(bare, client)
    assert transport.writes() == []
    again = attrs.evolve(bare, flow_storage=store(tmp_path))
    assert deploy(again, client)[0].action == "updated"


def test_runner_of_another_tool_is_not_guessed(client, bare, tmp_path):
    """Its type is not known here: name one."""
    with_storage = attrs.evolve(bare, flow_storage=store(tmp_path))
    deploy(with_storage, client)
    record = client.read_deployment_by_name("hello/d")
    create = ScriptPackager(store(tmp_path)).package(with_storage, client)
    strange = FlowRunnerSettings("strange", {})
    client.create_deployment(attrs.evolve(create, flow_runner=strange))
    with pytest.raises(DeploymentValidationError, match="'strange'.*--runner"):
        plan(bare, client)
    named = attrs.evolve(bare, flow_runner=SubprocessFlowRunner())
    assert deploy(named, client)[0].id == record.id


def test_deployment_of_others_is_treated_as_new(today, bare, tmp_path):
    """Its code is not flowpack's, so there is nothing to keep."""
    with today.client() as client:
        deploy(attrs.evolve(bare, flow_storage=store(tmp_path)), client)
        pull = [{"prefect.deployments.steps.git_clone": {"repository": "x"}}]
        today.deployments["d"]["pull_steps"] = pull
        action = only(bare, client)
        assert (action.kind, action.kept) == ("update", {})
        assert deploy(bare, client)[0].storage_type == "Local Storage"


def test_edited_step_is_not_guessed(today, bare, tmp_path):
    """It is flowpack's and does not say where the script is: name a storage."""
    given = attrs.evolve(bare, flow_storage=store(tmp_path))
    with today.client() as client:
        deploy(given, client)
        ((_, values),) = today.deployments["d"]["pull_steps"][0].items()
        del values["globals"]["flow_data"]
        with pytest.raises(DeploymentValidationError, match="cannot be kept"):
            plan(bare, client)
        assert deploy(given, client)[0].action == "updated"
        assert only(bare, client).kind == "unchanged"


@pytest.mark.parametrize(
    ("options", "config"),
    [
        (["--env", "B=2"], {"env": {"A": "1", "B": "2"}}),
        (["--image", "mine:2"], {"image": "mine:2"}),
        (["--runner-config", '{"networks": ["n"]}'], {"networks": ["n"]}),
    ],
)
def test_command_line(script, tmp_path, capsys, options, config):
    """Options for a part of the runner need no ``--runner``, and move nothing."""
    argv = ["deploy", str(script), "-n", "d"]
    docker = ["--runner", "docker", "--image", "mine:1", "--env", "A=1"]
    assert main([*argv, "--storage", f"file:{tmp_path}/store", *docker]) == 0
    assert main([*argv, *options]) == 0
    with get_client() as client:
        record = client.read_deployment_by_name("hello/d")
    assert list((tmp_path / "store").iterdir())
    assert record.flow_runner is not None and record.flow_runner.type == "docker"
    has = dict(record.flow_runner.config or {})
    start = {"image": "mine:1", "env": {"A": "1"}, "networks": []}
    assert {key: has[key] for key in start} == {**start, **config}
    assert not capsys.readouterr().err.count("Local Storage")


def test_default_on_the_command_line(script, tmp_path, capsys):
    """``--storage default:`` is the server's; it is nothing to save."""
    argv = ["deploy", str(script), "-n", "d"]
    assert main([*argv, "--storage", f"file:{tmp_path}/store"]) == 0
    assert main([*argv, "--storage", "default:"]) == 0
    assert "Local Storage" in capsys.readouterr().out
    assert main(["storage", "save", "default:", "name"]) == 1
