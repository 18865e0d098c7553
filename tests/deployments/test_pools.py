"""Work pools that a set would make: one type for each."""

import attrs
import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    KubernetesFlowRunner,
    UniversalFlowRunner,
    deploy,
    plan,
)
from flowpack.exceptions import DeploymentsFailedError, DeploymentValidationError
from flowpack.packaging.script import ScriptPackager
from tests.todays_server import TodaysServer


@pytest.fixture
def server():
    """A server of today's Prefect without pools."""
    return TodaysServer()


@pytest.fixture
def client(server):
    """A client of it."""
    with Client(transport=server) as client:
        yield client


@pytest.fixture
def spec_for(script, tmp_path):
    """Return a spec of a runner whose pool may be made."""

    def make(runner, name="d", **more):
        storage = FileStorageBlock(str(tmp_path / "store"))
        given = more.pop("packager", None)
        return DeploymentSpec(
            name=name,
            flow_location=script,
            flow_storage=None if given else storage,
            packager=given(storage) if given else None,
            flow_runner=runner,
            work_pool=more.pop("work_pool", "new"),
            create_work_pool=True,
        )

    return make


def writes(server):
    """Return the writes that a server got."""
    return [each for each in server.sent if each.effect.name != "READ"]


def test_pool_of_two_types_is_refused(client, server, spec_for):
    """Two runners that need two kinds of pool cannot share one that is made."""
    specs = [
        spec_for(DockerFlowRunner(), "one"),
        spec_for(KubernetesFlowRunner(), "two"),
    ]
    for attempt in (plan, deploy):
        with pytest.raises(DeploymentValidationError) as caught:
            attempt(specs, client)
        (problem,) = caught.value.problems
        assert "'new' would be made of type kubernetes" in problem
        assert "for 'hello/one' of type docker" in problem
    assert writes(server) == []
    specs[1] = attrs.evolve(specs[1], work_pool="newer")
    assert len(deploy(specs, client)) == 2
    types = {each.name: each.type for each in client.read_work_pools()}
    assert types == {"new": "docker", "newer": "kubernetes"}


@pytest.mark.parametrize("jobs", [1, 4])
def test_pool_of_one_type_is_made_once(client, server, spec_for, jobs):
    """Any number of specs share it, and it is there the next time."""
    specs = [spec_for(DockerFlowRunner(), f"d{number}") for number in range(4)]
    for action in ("created", "unchanged"):
        done = deploy(specs, client, jobs=jobs)
        assert [each.action for each in done] == [action] * 4
    assert server.calls().count("POST /work_pools/") == 1
    assert deploy(spec_for(UniversalFlowRunner(), "any"), client)


class OwnPackager(ScriptPackager):
    """A packager whose deployment is known when it is packaged."""

    def prepare(self, deployment, client=None):
        """Tell nothing to a plan."""
        if client is not None and client.dialect and deployment.name != "packaging":
            return None
        return super().prepare(deployment, client)

    def package(self, deployment, client=None):
        """Package as the base does."""
        inner = attrs.evolve(deployment, name="packaging")
        return attrs.evolve(super().package(inner, client), name=deployment.name)


def test_pool_that_a_plan_cannot_see(client, spec_for):
    """What a packager of one's own makes is held against the pool, too."""
    specs = [
        spec_for(DockerFlowRunner(), "one"),
        spec_for(KubernetesFlowRunner(), "two", packager=OwnPackager),
    ]
    with pytest.raises(DeploymentsFailedError) as caught:
        deploy(specs, client, jobs=1)
    ((name, error),) = caught.value.failed
    assert name == "hello/two" and "docker" in str(error)
    assert [each.name for each in client.read_deployments()] == ["one"]


@pytest.fixture
def pools(client):
    """Three pools."""
    for name, kind in (("docks", "docker"), ("here", "process"), ("old", "prefect-agent")):
        client.create_work_pool(name, kind)
    return "'docks' (type docker), 'here' (type process), 'old' (type prefect-agent)"


@pytest.mark.parametrize(
    ("pool", "runner", "words"),
    [
        (None, UniversalFlowRunner(), "no work pool is named."),
        ("dock", UniversalFlowRunner(), "no work pool 'dock'; did you mean 'docks'?"),
        ("far-off", UniversalFlowRunner(), "no work pool 'far-off'."),
        ("here", DockerFlowRunner(), "type process; it fits docker ('here')."),
        ("old", UniversalFlowRunner(), "agents run no deployments with pull steps"),
    ],
)
def test_errors_name_the_pools(client, server, spec_for, pools, pool, runner, words):
    """With their types, before anything is stored."""
    spec = attrs.evolve(spec_for(runner), work_pool=pool, create_work_pool=False)
    before = writes(server)
    for attempt in (plan, deploy):
        with pytest.raises(DeploymentValidationError) as caught:
            attempt(spec, client)
        (problem,) = caught.value.problems
        assert words in problem and f"The server has {pools}" in problem
    assert writes(server) == before


def test_errors_name_some_of_many_pools(client, spec_for):
    """A list of hundreds would hide the message."""
    for number in range(30):
        client.create_work_pool(f"p{number:02}", "process")
    spec = attrs.evolve(spec_for(UniversalFlowRunner()), create_work_pool=False)
    with pytest.raises(DeploymentValidationError, match="'p19' .* and 10 more") as caught:
        plan(spec, client)
    assert "'p20'" not in str(caught.value)
