"""What the command line shows of what only today's servers have."""

import os

import pytest

from flowpack import DeploymentSpec, FileStorageBlock, deploy
from tests.http_server import serve
from tests.todays_server import TodaysServer


@pytest.fixture
def server():
    """A server of today's Prefect with a pool."""
    server = TodaysServer()
    with server.client() as client:
        client.create_work_pool("pool", "process")
    return server


def test_inspect_shows_the_concurrency_limit(flowpack, server, script, tmp_path):
    """Since 3.0.3 it stands in an object of its own."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    spec = DeploymentSpec(
        name="d", flow_location=script, flow_storage=storage, work_pool="pool"
    )
    with server.client() as client:
        deploy(spec, client)
    server.deployments["d"].update(
        concurrency_limit=None, global_concurrency_limit={"limit": 2}
    )
    with serve(server) as url:
        shown = flowpack("inspect", "hello/d", "--api", url, "--json").json
    assert shown["concurrency_limit"] == 2


def test_storage_by_its_name_is_shown(flowpack, server):
    """It is read by its id, for the masks of a list stand in for more than secrets."""
    options = {"headers": {"A": "canary"}}
    storage = FileStorageBlock("https://files.example/", options=options)
    with server.client() as client:
        storage.save("team", client)
    with serve(server) as url:
        shown = flowpack("storage", "show", "team", "--api", url).out
    assert "https://files.example/" in shown and "hash" in shown
    assert "canary" not in shown


def test_script_whose_name_is_not_utf8(flowpack, server, script, tmp_path):
    """Workers get the name, so it is refused before anything is stored."""
    odd = os.fsdecode(bytes(tmp_path) + b"/caf\xe9.py")
    os.rename(script, odd)
    with serve(server) as url:
        options = ("--api", url, "--pool", "pool", "--storage", f"file:{tmp_path}/s")
        done = flowpack("deploy", odd, *options)
    assert done.status == 1
    assert "not UTF-8" in done.err and "rename the script" in done.err
    assert not server.deployments and not (tmp_path / "s").exists()
