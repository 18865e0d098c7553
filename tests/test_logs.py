"""What is logged: each write, each request, and no secrets."""

import logging
import subprocess
import sys

import attrs
import pytest

from flowpack import DeploymentSpec, FileStorageBlock, SubprocessFlowRunner, deploy
from flowpack.client import get_client
from tests.clients import client, script, transport
from tests.http_server import serve
from tests.todays_server import TodaysServer

__all__ = ["client", "script", "transport"]

SECRET = "canary-5d1c"


@pytest.fixture
def spec(script, tmp_path):
    """A deployment of hello.py."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    return DeploymentSpec(name="d", flow_location=script, flow_storage=storage)


def lines(caplog, level):
    """Return the lines of flowpack at a level."""
    own = (each for each in caplog.records if each.name.startswith("flowpack."))
    return [each.getMessage() for each in own if each.levelno == level]


def test_each_write_is_logged(client, spec, caplog):
    """At INFO: bytes, flow, block and deployment; and none where nothing is written."""
    caplog.set_level(logging.INFO, "flowpack")
    (done,) = deploy(spec, client)
    shown = lines(caplog, logging.INFO)
    size = spec.find_flow().script.size
    assert shown[0].startswith(f"stored {size} bytes in File Storage: ")
    assert shown[0].endswith(f"/{done.key}")
    assert f"created flow 'hello' {done.flow_id}" in shown
    assert any(line.startswith("created block document ") for line in shown)
    assert shown[-1] == f"created deployment 'd' {done.id}"
    caplog.clear()
    deploy(spec, client)
    assert lines(caplog, logging.INFO) == []
    client.delete_deployment(done.id)
    assert lines(caplog, logging.INFO) == [f"DELETE /deployments/{done.id}"]


def test_each_request_is_logged(spec, caplog, monkeypatch):
    """At DEBUG: method, address, status and time, without credentials and bodies."""
    server = TodaysServer()
    runner = SubprocessFlowRunner(env={"TOKEN": SECRET})
    caplog.set_level(logging.DEBUG, "flowpack")
    with serve(server) as url:
        address = url.replace("//", f"//ann:{SECRET}@")
        monkeypatch.setenv("PREFECT_API_URL", address)
        with get_client() as api:
            api.create_work_pool("pool", "process")
            caplog.clear()
            deploy(attrs.evolve(spec, flow_runner=runner, work_pool="pool"), api)
    shown = lines(caplog, logging.DEBUG)
    assert len(shown) == len(server.sent) - 2
    assert any(line.startswith(f"POST {url}/deployments/: 201 in ") for line in shown)
    assert all(line.endswith("attempts: 1") for line in shown)
    assert SECRET not in caplog.text


def test_logging_is_not_loaded():
    """A program that does not listen does not pay, and hears nothing when it does load it."""
    program = (
        "import sys\n"
        "from flowpack import get_client\n"
        "with get_client(notify=str) as client:\n"
        "    client.create_flow('a')\n"
        "    assert 'logging' not in sys.modules\n"
        "    import logging\n"
        "    client.create_flow('b')\n"
        "assert logging.getLogger('flowpack').handlers\n"
        "assert not logging.getLogger().handlers\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == done.stderr == ""
