"""Flow runs of ``flowpack trigger`` on real servers, by stock workers and an agent."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

import pytest

from flowpack import DeploymentSpec, FileStorageBlock, deploy
from flowpack.cli import main

pytestmark = pytest.mark.peer

SCRIPT = """\
import os

from prefect import flow, get_run_logger


@flow
def work(n: int = 1):
    for number in range(n):
        get_run_logger().info(f"line {number} of {os.environ.get('WHO')}")
    raise ValueError("bo\\x1b[31mom")
"""


@pytest.fixture(params=["orion", "prefect214", "prefect2", "prefect3"])
def server(request):
    """Each of the servers."""
    return request.getfixturevalue(request.param)


def test_trigger(request, server, tmp_path, capsys, monkeypatch):
    """A run has name, time, tags and variables; one that fails ends with its last lines."""
    monkeypatch.setenv("PREFECT_API_URL", server.api)
    name = f"run-{uuid.uuid4().hex[:8]}"
    version = server.request("GET", "/admin/version")
    script = tmp_path / "work.py"
    script.write_text(SCRIPT)
    if version == "2.0b7":
        place: dict[str, Any] = {"tags": [request.getfixturevalue("agent_tag")]}
    else:
        place = {"work_pool": request.getfixturevalue("pool_of")(server), "tags": [name]}
    storage = FileStorageBlock(str(tmp_path / "files"))
    spec = DeploymentSpec(name=name, flow_location=script, flow_storage=storage, **place)
    deploy(spec)
    options = [
        "--at",
        "2099-01-02T03:04+05:00",
        "--name",
        "later",
        "-t",
        "a",
        "-t",
        "b",
    ]
    assert main(["trigger", f"work/{name}", *options, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    run = server.request("GET", f"/flow_runs/{shown['id']}")
    due = run["state"]["state_details"]["scheduled_time"]
    assert run["state"]["type"] == shown["state"] == "SCHEDULED"
    for time in (due, run["expected_start_time"], shown["scheduled_time"]):
        found = datetime.fromisoformat(time.replace("Z", "+00:00"))
        assert found == datetime.fromisoformat("2099-01-02T03:04:00+05:00")
    assert run["name"] == shown["name"] == "later"
    assert {"a", "b"} <= set(run["tags"])

    words = ["trigger", f"work/{name}", "-p", "n=15", "--timeout", "100"]
    variables = ["--job-variable", 'env={"WHO": "me"}']
    if version in ("2.0b7", "2.14.21"):
        assert main([*words, "--wait", *variables]) == 1
        assert "takes none for one flow run" in capsys.readouterr().err
        variables = []
    for option in ("--wait", "--watch"):
        assert main([*words, option, *variables]) == 1
        printed = capsys.readouterr()
        assert f"line 14 of {'me' if variables else None}\n" in printed.err
        assert ("line 0 of" in printed.err) == (option == "--watch")
        assert "ValueError: bo\\x1b[31mom\n" in printed.err
        last = printed.err.splitlines()[-1]
        assert "ended as FAILED: Flow run encountered an exception" in last
        address = f"flow-run/{printed.out.strip()}"
        assert (address in last) == (version != "2.0b7")
