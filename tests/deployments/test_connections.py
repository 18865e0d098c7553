"""How many requests and connections a storage over HTTP costs."""

import pytest

from flowpack import DeploymentSpec, FileStorageBlock
from flowpack.deployments.applying import deploy
from flowpack.deployments.planning import plan
from flowpack.deployments.verification import verify_all
from tests.blocks.servers import FileServer, serving
from tests.clients import SCRIPT


@pytest.fixture
def files():
    """A WebDAV server."""
    with serving(FileServer()) as server:
        yield server


@pytest.fixture
def specs(tmp_path, files):
    """Deployments of some scripts, all stored on the server."""
    made = []
    for number in range(12):
        script = tmp_path / f"script{number}.py"
        script.write_text(f"{SCRIPT}# {number}\n")
        storage = FileStorageBlock(f"{files.address}/new")
        made.append(
            DeploymentSpec(
                name=f"name{number}", flow_location=script, flow_storage=storage
            )
        )
    return made


def test_one_deploy_uses_one_connection(client, files, specs):
    """It asks, makes the folder, sends and asks again, all on one connection."""
    deploy(specs[0], client)
    assert files.methods() == "HEAD PUT MKCOL PUT HEAD HEAD"
    assert files.connections == 1
    deploy(specs[1], client)
    assert (files.methods().split()[6:], files.connections) == (
        ["HEAD", "PUT", "HEAD", "HEAD"],
        2,
    )


def test_unchanged_deploy_asks_once(client, files, specs):
    """Whether the bytes are there is one request."""
    deploy(specs[0], client)
    files.log.clear()
    deploy(specs[0], client)
    assert files.methods() == "HEAD"


def test_plan_and_verify_use_one_connection_each(client, files, specs):
    """However many deployments there are."""
    deploy(specs, client, jobs=1)
    assert files.connections == 1
    plan(specs, client)
    assert files.connections == 2
    verify_all(client)
    assert files.connections == 3


@pytest.mark.parametrize("jobs", [2, 4])
def test_set_uses_one_connection_for_each_worker(client, files, specs, jobs):
    """At most so many, whichever thread takes which deployment."""
    deploy(specs, client, jobs=jobs)
    assert len(files.files) == len(specs)
    assert files.connections <= jobs
