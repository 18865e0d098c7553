"""Job variables of specs: laid over the runner's, checked against the pool, shown by name."""

import json

import attrs
import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    FileStorageBlock,
    UniversalFlowRunner,
    deploy,
    plan,
)
from flowpack.deployments.actions import parse_plan, plan_diff
from flowpack.exceptions import DeploymentValidationError
from flowpack.models import UNSET
from tests.todays_server import TodaysServer

SECRET = "canary-91ab"
NAMES = ("name", "env", "labels", "command", "stream_output", "working_dir")
TEMPLATE = {"variables": {"type": "object", "properties": dict.fromkeys(NAMES, {})}}


@pytest.fixture
def server():
    """A server of today's Prefect with a pool that a worker has filled in."""
    server = TodaysServer()
    with server.client() as client:
        client.create_work_pool("pool", "process")
    server.pools["pool"].update(base_job_template=TEMPLATE, status="READY", is_paused=False)
    return server


@pytest.fixture
def client(server):
    """A client of it."""
    with Client(transport=server) as client:
        yield client


@pytest.fixture
def spec(script, tmp_path):
    """A spec that says nothing of job variables."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    return DeploymentSpec(name="d", flow_location=script, flow_storage=storage, work_pool="pool")


def variables(server):
    return server.deployments["d"]["job_variables"]


def only(spec, client):
    (action,) = plan(spec, client).actions
    return action


def test_nested_and_as_text(spec):
    """``env.NAME`` is one of ``env``, where numbers are text and null stays."""
    given = {"env.A": 1, "env": {"B": True, "C": None}, "labels": {"n": 1}}
    assert attrs.evolve(spec, job_variables=given).job_variables == {
        "env": {"A": "1", "B": "True", "C": None},
        "labels": {"n": 1},
    }
    assert attrs.evolve(spec, job_variables=None).job_variables == {}
    assert spec.job_variables is UNSET
    for wrong in ({1: "x"}, {"a": float("nan")}, ["a"], "a=b", {"env": object()}):
        with pytest.raises(DeploymentValidationError, match="job_variables"):
            attrs.evolve(spec, job_variables=wrong)


def test_over_the_runner(client, server, spec):
    """The runner's stand below, ``env`` is merged by name; a redeploy writes nothing."""
    runner = UniversalFlowRunner(env={"A": "1", "B": "2"})
    given = {"env": {"B": "3"}, "stream_output": False}
    both = attrs.evolve(spec, flow_runner=runner, job_variables=given)
    assert deploy(both, client)[0].action == "created"
    assert variables(server) == {"env": {"A": "1", "B": "3"}, "stream_output": False}
    for same in (both, spec):
        assert deploy(same, client)[0].action == "unchanged"


def test_given_is_the_whole(client, server, spec):
    """Others that the server has go, and the plan shows what is sent."""
    deploy(attrs.evolve(spec, job_variables={"env": {"A": "1"}, "command": "c"}), client)
    other = attrs.evolve(spec, job_variables={"env": {"B": "2"}})
    action = only(other, client)
    assert [each.field for each in action.changes] == ["job_variables"]
    assert "flow_runner" not in action.kept
    deploy(other, client)
    assert variables(server) == {"env": {"B": "2"}}
    assert deploy(attrs.evolve(spec, job_variables={}), client)[0].action == "updated"
    assert variables(server) == {"env": {}}  # 3.4.13 keeps what it has for {}.
    assert deploy(attrs.evolve(spec, job_variables={}), client)[0].action == "unchanged"


def test_shown_by_name(client, spec):
    """One line for each that differs; values in ``env`` are masked, and marked."""
    first = attrs.evolve(
        spec, job_variables={"env": {"A": SECRET, "B": SECRET, "C": SECRET}, "name": "n"}
    )
    created = str(plan(first, client))
    assert 'job_variables.env.A: "**********"\n' in created
    assert 'job_variables.name: "n"\n' in created
    deploy(first, client)
    env = {"A": SECRET, "B": f"{SECRET}-2", "D": SECRET}
    second = attrs.evolve(spec, job_variables={"env": env, "name": "m", "command": "c"})
    found = plan(second, client)
    lines = [each.strip() for each in str(found).splitlines() if "job_variables" in each]
    assert sorted(lines) == [
        'job_variables.command: null -> "c"',
        'job_variables.env.B: "**********" -> "********** (changed)"',
        'job_variables.env.C: "**********" -> null',
        'job_variables.env.D: null -> "**********"',
        'job_variables.name: "n" -> "m"',
    ]
    assert SECRET not in created + str(found) + found.to_json()


def test_runner_shown_by_name(client, spec):
    """Where the runner alone is what changes them, the field is called by it."""
    deploy(attrs.evolve(spec, flow_runner=UniversalFlowRunner(env={"A": "1"})), client)
    other = attrs.evolve(spec, flow_runner={"config": {"env": {"B": SECRET}}})
    found = str(plan(other, client))
    assert 'flow_runner.env.B: null -> "**********"' in found and "env.A" not in found


def test_unknown_name(client, server, spec):
    """It is an error that lists the known ones, before any write, and shows no value."""
    wrong = attrs.evolve(spec, job_variables={"working-dir": SECRET, "x.y": SECRET, "name": "n"})
    before = len(server.records.get("deployments", ()))
    for attempt in (plan, deploy):
        with pytest.raises(DeploymentValidationError) as caught:
            attempt(wrong, client)
        first, second = caught.value.problems
        assert "no job variable 'working-dir'; did you mean 'working_dir'?" in first
        assert f"'x.y'. It has {', '.join(NAMES)}" in second
        assert SECRET not in str(caught.value)
    assert len(server.records.get("deployments", ())) == before
    assert not any(each.effect.name != "READ" for each in server.sent[-5:])
    lenient = attrs.evolve(wrong, check_job_variables=False)
    assert "no job variables 'working-dir', 'x.y'" in str(only(lenient, client).notes)
    assert deploy(lenient, client)[0].action == "created"


def test_value_that_the_pool_does_not_take(client, server, spec):
    """It is an error before any write; what workers fill in is left to them."""
    properties = {"env": {"type": "object"}, "cpu": {"$ref": "#/definitions/Cpu"}}
    definitions = {"Cpu": {"type": "integer"}}
    template = {"variables": {"properties": properties, "definitions": definitions}}
    server.pools["pool"]["base_job_template"] = template
    for lenient in (True, False):
        wrong = attrs.evolve(spec, job_variables={"cpu": "x"}, check_job_variables=lenient)
        with pytest.raises(DeploymentValidationError) as caught:
            deploy(wrong, client)
        assert "work pool 'pool': job variable cpu: expected an integer" in str(caught.value)
    assert not server.deployments
    for right in (1, "{{ prefect.variables.cpu }}"):
        assert deploy(attrs.evolve(spec, job_variables={"cpu": right}), client)


def test_unknown_name_that_is_kept(client, server, spec):
    """What others have set is a note, where there is something to do."""
    deploy(spec, client)
    server.deployments["d"]["job_variables"] = {"memory": 5}
    assert "memory" not in str(only(spec, client).notes)
    (note,) = [
        each for each in only(attrs.evolve(spec, tags=["t"]), client).notes if "memory" in each
    ]
    assert note == "the work pool 'pool' has no job variables 'memory'; its workers pass over them"


@pytest.mark.parametrize(
    "template",
    [{}, {"variables": None}, {"variables": {}}, {"variables": {"properties": []}}],
    ids=str,
)
def test_pool_that_cannot_be_checked(client, server, spec, template):
    """Nobody knows what its workers will take, and a note says so."""
    server.pools["pool"]["base_job_template"] = template
    given = attrs.evolve(spec, job_variables={"anything": 1})
    assert "no job template before its first worker" in str(only(given, client).notes)
    assert "template" not in str(only(spec, client).notes)


def test_state_of_the_pool_is_no_part_of_a_plan(client, server, spec):
    """It is noted where something is deployed; a plan holds when a worker comes and goes."""
    server.pools["pool"]["status"] = "NOT_READY"
    planned = plan(spec, client).to_json()
    assert "no worker is online in the work pool 'pool'" in planned
    server.pools["pool"].update(status="PAUSED", is_paused=True)
    found = plan(spec, client).to_json()
    assert "the work pool 'pool' is paused" in found
    assert plan_diff(parse_plan(planned), parse_plan(found)) == ()
    assert "paused" in str(deploy(spec, client, planned=planned)[0].notes)
    assert "paused" not in str(deploy(spec, client)[0].notes)
    server.pools["pool"].update(status="NOT_READY", is_paused=False, type="ecs:push")
    assert "online" not in plan(attrs.evolve(spec, tags=["t"]), client).to_json()
    assert json.loads(planned)["actions"][0]["notes"]
