"""Job variables, pools and concurrency limits against real servers and stock workers."""

from __future__ import annotations

import json
from typing import Any, Dict

import attrs
import pytest

from flowpack import Client, DeploymentSpec, FileStorageBlock, SubprocessFlowRunner, deploy, plan
from flowpack.cli import main
from flowpack.exceptions import DeploymentValidationError
from tests.clients import Counting
from tests.peers.prefect import prefect_worker
from tests.peers.test_prefect3 import unique

pytestmark = pytest.mark.peer

SERVERS = {
    "prefect214": "2.14.21",
    "prefect2": "2.20.25",
    "prefect34": "3.4.13",
    "prefect3": "3.9.1",
}

SCRIPT = '''\
import os

from prefect import flow, get_run_logger


@flow
def show():
    seen = {key: value for key, value in os.environ.items() if key.startswith("SHOWN_")}
    get_run_logger().info(f"seen {sorted(seen.items())}")
'''


@pytest.fixture(params=SERVERS, ids=list(SERVERS.values()))
def server(request):
    """Each of the servers."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def client(server):
    """A client of the server, which is watched."""
    with Client(server.api) as real:
        yield Client(transport=Counting(real._transport))


@pytest.fixture
def spec(client, tmp_path):
    """A spec of a flow that shows its environment, for a pool of its own."""
    script = tmp_path / "show.py"
    script.write_text(SCRIPT)
    pool = unique("pool")
    client.create_work_pool(pool, "process")
    return DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "store")),
        work_pool=pool,
    )


def has(server, done) -> Dict[str, Any]:
    """Return the job variables that the server has."""
    record = server.request("GET", f"/deployments/{done.id}")
    found: Dict[str, Any] = record.get("job_variables", record.get("infra_overrides"))
    return found


def test_runs_see_them(server, client, spec):
    """Those of the runner, of ``env`` and of ``env.NAME``; then names are checked, too."""
    given = {"env": {"SHOWN_C": 3}, "env.SHOWN_D": "4"}
    runner = SubprocessFlowRunner(env={"SHOWN_A": "1", "SHOWN_C": "2"})
    full = attrs.evolve(spec, flow_runner=runner, job_variables=given)
    notes = plan(full, client).actions[0].notes
    assert any("no job template before its first worker" in each for each in notes)
    done = deploy(full, client)[0]
    env = {"SHOWN_A": "1", "SHOWN_C": "3", "SHOWN_D": "4"}
    assert has(server, done) == {"env": env}
    for same in (full, spec):
        assert deploy(same, client)[0].action == "unchanged"
    with prefect_worker(server, spec.work_pool):
        run = client.create_flow_run_from_deployment(done.id, idempotency_key=unique("run"))
        expected = f"seen {sorted(env.items())}"
        state, said = server.outcome(str(run.id), expected)
        assert (state, expected in said) == ("COMPLETED", True), said
        assert not any("online" in each for each in plan(spec, client).actions[0].notes)
    wrong = attrs.evolve(spec, job_variables={"working-dir": "/"})
    client._transport.sent.clear()
    with pytest.raises(DeploymentValidationError, match="did you mean 'working_dir'.*stream_out"):
        deploy(wrong, client)
    assert client._transport.writes() == []
    lenient = attrs.evolve(wrong, check_job_variables=False)
    assert deploy(lenient, client)[0].action == "updated"
    assert has(server, done) == {"working-dir": "/"}


def test_replaced_and_cleared(server, client, spec):
    """What is given is the whole; empty clears on every release, once."""
    first = attrs.evolve(spec, job_variables={"env": {"A": "1"}, "stream_output": False})
    done = deploy(first, client)[0]
    assert deploy(attrs.evolve(spec, job_variables={"command": "c"}), client)
    assert has(server, done) == {"command": "c"}
    cleared = attrs.evolve(spec, job_variables={})
    (change,) = plan(cleared, client).actions[0].changes
    assert (change.field, change.old) == ("job_variables", {"command": "c"})
    assert deploy(cleared, client, confirm=True)[0].action == "updated"
    assert has(server, done) in ({}, {"env": {}})
    for same in (cleared, spec):
        assert deploy(same, client)[0].action == "unchanged"


def test_concurrency_limit(server, client, spec):
    """Where the release has it; else it is an error before any write."""
    limit = {"limit": 2, "collision_strategy": "CANCEL_NEW"}
    full = attrs.evolve(spec, concurrency_limit=limit)
    if server.environment.name.startswith("prefect-2"):
        client._transport.sent.clear()
        with pytest.raises(DeploymentValidationError, match="keeps no concurrency_limit"):
            deploy(full, client)
        assert client._transport.writes() == []
        return
    done = deploy(full, client, confirm=True)[0]
    for same in (full, spec):
        assert deploy(same, client)[0].action == "unchanged"
    record = server.request("GET", f"/deployments/{done.id}")
    assert record["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert record["global_concurrency_limit"]["limit"] == 2
    assert deploy(attrs.evolve(spec, concurrency_limit=3), client)[0].action == "updated"
    record = server.request("GET", f"/deployments/{done.id}")
    assert (record["global_concurrency_limit"]["limit"], record["concurrency_options"]) == (3, None)
    assert deploy(attrs.evolve(spec, concurrency_limit=None), client)[0].action == "updated"
    record = server.request("GET", f"/deployments/{done.id}")
    assert record["global_concurrency_limit"] is None


@pytest.mark.parametrize("limit", [2, None])
def test_shared_limit_is_left_alone(prefect3, spec_of_newest, limit, capsys):
    """Giving another limit, or none, changes nothing for those who share the old one."""
    client, spec = spec_of_newest
    server, name = prefect3, unique("team")
    server.request("POST", "/v2/concurrency_limits/", {"name": name, "limit": 5})
    shared = server.request("GET", f"/v2/concurrency_limits/{name}")
    done = deploy(spec, client)[0]
    body = {"global_concurrency_limit_id": shared["id"]}
    server.request("PATCH", f"/deployments/{done.id}", body)
    assert deploy(attrs.evolve(spec, tags=["t"], concurrency_limit=5), client)
    assert main(["inspect", done.full_name, "--json", "--api", server.api]) == 0
    assert json.loads(capsys.readouterr().out)["shared_concurrency_limit"] == name
    (changed,) = deploy(attrs.evolve(spec, concurrency_limit=limit), client, confirm=True)
    assert any(f"'{name}' stays" in each for each in changed.notes)
    record = server.request("GET", f"/deployments/{done.id}")
    assert (record["global_concurrency_limit"] or {}).get("limit") == limit
    assert server.request("GET", f"/v2/concurrency_limits/{name}")["limit"] == 5


@pytest.fixture
def spec_of_newest(prefect3, tmp_path):
    """A client of the newest server, and a spec for it."""
    script = tmp_path / "show.py"
    script.write_text(SCRIPT)
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "store")),
        work_pool=unique("pool"),
        create_work_pool=True,
    )
    with Client(prefect3.api) as client:
        yield client, spec
