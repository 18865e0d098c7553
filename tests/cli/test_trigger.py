"""``flowpack trigger`` on a server, and on the embedded API that is none."""

import json
import threading
from uuid import UUID

import attrs
import pytest

from flowpack import get_client
from flowpack.cli.trigger import LONGEST_PAUSE, wait_for
from flowpack.client import Client
from flowpack.embedded import EmbeddedTransport
from tests.http_server import serve


class Agent:
    """A server on which something runs the flow runs that are waited for.

    Each look at a run finds it in the next of *states*, the last one for ever.
    """

    def __init__(self, transport):
        self.transport = transport
        self.states = ["SCHEDULED"]
        self.keys = []
        self._lock = threading.Lock()

    def __call__(self, request):
        with self._lock:
            answer = self.transport.send(request)
            if request.path.endswith("/create_flow_run"):
                self.keys.append(json.loads(request.body)["idempotency_key"])
            if not request.path.startswith("/flow_runs/"):
                return answer
            run = json.loads(answer.body)
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            run.update(state_type=state, state_name=state.title())
            return attrs.evolve(answer, body=json.dumps(run).encode())


@pytest.fixture
def agent(flowpack, script, tmp_path, monkeypatch):
    """A server that has ``hello/d``, which ``PREFECT_API_URL`` names."""
    agent = Agent(EmbeddedTransport(tmp_path / "server.db"))
    with serve(agent) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        done = flowpack("deploy", script, "-n", "d", "--storage", "file:store")
        assert (done.status, done.err) == (0, "")
        yield agent
    agent.transport.close()


def test_trigger_prints_the_id(flowpack, agent):
    """The id alone is on standard output, and the run has the parameters."""
    done = flowpack("trigger", "hello/d", "-p", "name=Ada", "-p", 'more={"a": 1}')
    assert (done.status, done.err) == (0, "")
    with get_client() as client:
        run = client.read_flow_run(UUID(done.out.strip()))
    assert run.parameters == {"name": "Ada", "more": {"a": 1}}


def test_each_trigger_has_its_own_key(flowpack, agent):
    """A request that is repeated makes one run; another trigger makes another."""
    ids = {flowpack("trigger", "hello/d").out for _ in range(2)}
    assert len(ids) == 2
    assert len(set(agent.keys)) == 2
    assert all(len(key) == 32 for key in agent.keys)


def test_trigger_as_json(flowpack, agent):
    """The JSON names run and deployment."""
    shown = flowpack("trigger", "hello/d", "--json").json
    assert list(shown) == ["id", "name", "deployment", "state", "state_name"]
    assert (shown["deployment"], shown["state"]) == ("hello/d", "SCHEDULED")


def test_wait_until_completed(flowpack, agent):
    """A run that completes is status 0."""
    agent.states = ["PENDING", "COMPLETED"]
    done = flowpack("trigger", "hello/d", "--wait", "--timeout", "30")
    assert done.status == 0
    assert len(done.out.splitlines()) == 1
    assert "is PENDING" in done.err and "is COMPLETED" in done.err


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "CRASHED"])
def test_wait_until_failed(flowpack, agent, state):
    """A run that ends otherwise is status 1; the JSON is printed all the same."""
    agent.states = [state]
    done = flowpack("trigger", "hello/d", "--wait", "--json")
    assert done.status == 1
    assert done.json["state"] == state
    assert f"ended as {state}" in done.err


def test_wait_too_long(flowpack, agent):
    """A run that nobody takes is an error when the time is over."""
    done = flowpack("trigger", "hello/d", "--wait", "--timeout", "0")
    assert done.status == 1
    assert "still SCHEDULED" in done.err
    assert len(done.out.splitlines()) == 1


def test_timeout_needs_wait(flowpack):
    """A time-out of nothing is wrong usage."""
    assert flowpack("trigger", "hello/d", "--timeout", "1").status == 2


def test_unknown_deployment(flowpack, agent):
    """No run is made of a deployment that is not there."""
    done = flowpack("trigger", "hello/none")
    assert (done.status, done.out, agent.keys) == (1, "", [])


def test_embedded_api_names_run(flowpack, script):
    """Without a server the error has what to do instead."""
    flowpack("deploy", script, "-n", "d", "--storage", "file:store")
    done = flowpack("trigger", "hello/d")
    assert (done.status, done.out) == (1, "")
    assert "flowpack run hello/d" in done.err


def test_waiting_slows_down(agent, capsys):
    """The pauses between looks grow to a limit, and end with the time-out."""
    agent.states = ["RUNNING"]
    now, pauses = [0.0], []

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds

    with Client(transport=agent.transport) as client:
        deployment = client.read_deployment_by_name("hello/d")
        run = client.create_flow_run_from_deployment(deployment.id)
    with get_client() as client:
        found = wait_for(run.id, client, timeout=20, sleep=sleep, clock=lambda: now[0])
    assert found.state_type == "RUNNING"
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(pauses) == LONGEST_PAUSE
    assert sum(pauses) == 20
    assert capsys.readouterr().err.count("is RUNNING") == 1
