"""The peers start, answer, and take and run work; nothing of flowpack is needed."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

import pytest

from tests.peers import interpreters
from tests.peers.nginx import nginx_webdav
from tests.peers.prefect import Server, orion_agent, prefect_worker

peer = pytest.mark.peer
SCRIPT = """\
from prefect import flow, get_run_logger


@flow
def hello():
    get_run_logger().info("Hello!")
"""

#: Deploys the flow with the stock client of 2.0b7.
SPEC = """
from prefect.deployments import DeploymentSpec
from prefect.flow_runners import SubprocessFlowRunner

DeploymentSpec(
    flow=hello, name="peers", tags=["peers"], flow_runner=SubprocessFlowRunner()
)
"""
SERVERS = [
    ("orion", "2.0b7"),
    ("prefect214", "2.14.21"),
    ("prefect2", "2.20.25"),
    ("prefect3", "3.9.1"),
]


def send(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Send one request and return status and body of the answer."""
    request = urllib.request.Request(url, body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """The server whose fixture the test's parameter names."""
    found: Server = request.getfixturevalue(request.param)
    return found


@peer
@pytest.mark.parametrize(
    ("server", "version"), SERVERS, indirect=["server"], ids=[v for _, v in SERVERS]
)
def test_server_answers(server, version):
    """A server is healthy and says its version."""
    assert server.request("GET", "/health") is True
    assert server.request("GET", "/admin/version") == version


@peer
def test_orion_agent_runs_work(orion, tmp_path):
    """A stock 2.0b7 agent runs what the stock client has deployed."""
    script = tmp_path / "hello.py"
    script.write_text(SCRIPT + SPEC)
    orion.run("prefect", "deployment", "create", script)
    deployment = orion.request("GET", "/deployments/name/hello/peers")
    path = f"/deployments/{deployment['id']}/create_flow_run"
    with orion_agent(orion, "peers"):
        run = orion.request("POST", path, {"state": {"type": "SCHEDULED"}})
        state, said = orion.outcome(run["id"], "Hello!")
    assert state == "COMPLETED"
    assert "Hello!" in said


@peer
@pytest.mark.parametrize(
    "server", ["prefect2", "prefect3"], indirect=True, ids=["2.20.25", "3.9.1"]
)
def test_worker_runs_work(server, tmp_path):
    """A stock process worker makes its pool, and runs a script of a folder."""
    (tmp_path / "hello.py").write_text(SCRIPT)
    step = "prefect.deployments.steps.set_working_directory"
    with prefect_worker(server, "peers"):
        assert server.request("GET", "/work_pools/peers")["type"] == "process"
        deployment = server.request(
            "POST",
            "/deployments/",
            {
                "name": "peers",
                "flow_id": server.request("POST", "/flows/", {"name": "hello"})["id"],
                "entrypoint": "hello.py:hello",
                "work_pool_name": "peers",
                "parameter_openapi_schema": {"type": "object", "properties": {}},
                "pull_steps": [{step: {"directory": str(tmp_path)}}],
            },
        )
        path = f"/deployments/{deployment['id']}/create_flow_run"
        run = server.request("POST", path, {})
        state, said = server.outcome(run["id"], "Hello!")
    assert state == "COMPLETED"
    assert "Hello!" in said


@peer
def test_nginx_keeps_files(webdav, tmp_path):
    """nginx takes a file and gives it back, but its collection must be there."""
    assert send("PUT", f"{webdav}/new/key", b"bytes")[0] == 500
    assert send("MKCOL", f"{webdav}/new/")[0] == 201
    assert send("PUT", f"{webdav}/new/key", b"bytes")[0] == 201
    assert send("GET", f"{webdav}/new/key") == (200, b"bytes")
    assert (tmp_path / "webdav" / "new" / "key").read_bytes() == b"bytes"


@peer
def test_nginx_options(webdav, tmp_path):
    """A second server on the same files may be read-only, or small, or closed."""
    assert send("PUT", f"{webdav}/key", b"bytes")[0] == 201
    (tmp_path / "other").mkdir()
    closed = 'if ($http_authorization != "Bearer right") { return 401; }'
    files = tmp_path / "webdav"
    with nginx_webdav(files, tmp_path / "other", methods="off") as url:
        assert send("GET", f"{url}/key") == (200, b"bytes")
        assert send("PUT", f"{url}/key", b"other")[0] == 405
    with nginx_webdav(files, tmp_path / "other", largest="4", rules=closed) as url:
        assert send("GET", f"{url}/key")[0] == 401
    with nginx_webdav(files, tmp_path / "other", largest="4") as url:
        assert send("PUT", f"{url}/key", b"other")[0] == 413


def test_key_value_server(kv):
    """The key-value server answers as recorded; what is missing is ``null``."""
    url = f"{kv.address}/key"
    assert send("GET", url) == (200, b"null")
    assert send("POST", url, b'"text"') == (200, b"null")
    assert send("GET", url) == (200, b'"text"')
    kv.status = 500
    assert send("POST", url, b'"other"')[0] == 500
    assert kv.values == {"key": "text"}
    assert kv.log[:2] == ["GET /storage/key", "POST /storage/key"]


def test_own_interpreter_is_found():
    """The interpreter that runs this is one of those that are found."""
    release = "{}.{}".format(*sys.version_info)
    assert interpreters.find_interpreter(release) is not None
    assert interpreters.find_interpreter("3.0") is None
