"""``flowpack trigger`` on a server, and on the embedded API that is none."""

import json
import threading
import time
from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import attrs
import pytest

from flowpack import get_client
from flowpack.cli import trigger
from flowpack.cli.parser import time_at, time_in
from flowpack.cli.trigger import LONGEST_PAUSE, wait_for
from flowpack.client import Client
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import DeploymentValidationError
from flowpack.transport import Response
from flowpack.wire.prefect3 import Prefect3
from tests.http_server import serve
from tests.todays_server import TodaysServer


class Agent:
    """A server on which something runs the flow runs that are waited for.

    Each look at a run finds it in the next of *states*, the last one for ever.

    Attributes:
        logs: Level and message of what the runs log, or both and the time, in the order in
            which it arrives; a look at a run has the next come.
        bodies: What runs were made of.
    """

    def __init__(self, transport):
        self.transport = transport
        self.states = ["SCHEDULED"]
        self.logs = []
        self.bodies = []
        self.broken = None
        self._arrived = []
        self._lock = threading.Lock()

    @property
    def keys(self):
        """The idempotency keys of the runs."""
        return [each["idempotency_key"] for each in self.bodies]

    def __call__(self, request):
        with self._lock:
            if self.broken and request.path.startswith(self.broken):
                return Response(500, b"{}")
            if request.path == "/logs/filter":
                return Response(200, json.dumps(self._page(request)).encode())
            answer = self.transport.send(request)
            if request.path.endswith("/create_flow_run"):
                self.bodies.append(json.loads(request.body))
            if not request.path.startswith("/flow_runs/"):
                return answer
            run = json.loads(answer.body)
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            run.update(state_type=state, state_name=state.title())
            if state == "LATE":
                run["state_type"] = "SCHEDULED"
            run["state"]["message"] = "It went \x1b[31mwrong."
            if self.logs:
                level, message, *seconds = self.logs.pop(0)
                now = 100 + len(self._arrived) if not seconds else seconds[0]
                self._arrived.append((now, level, message, str(uuid4()), run["id"]))
            return attrs.evolve(answer, body=json.dumps(run).encode())

    def _page(self, request):
        wanted = json.loads(request.body)
        assert wanted["limit"] <= 200
        (run_id,) = wanted["logs"]["flow_run_id"]["any_"]
        found = sorted(self._arrived, reverse=wanted["sort"] == "TIMESTAMP_DESC")
        least = wanted["logs"]["level"]["ge_"]
        found = [each for each in found if each[1] >= least and each[-1] == run_id]
        start = datetime(2030, 1, 1, tzinfo=timezone.utc)
        return [
            {
                "id": id_,
                "name": "prefect.flow_runs",
                "level": level,
                "message": message,
                "timestamp": (start + timedelta(seconds=seconds)).isoformat(),
                "flow_run_id": run_id,
                "task_run_id": None,
            }
            for seconds, level, message, id_, _ in found[wanted["offset"] :][
                : wanted["limit"]
            ]
        ]


@pytest.fixture
def agent(flowpack, script, tmp_path, monkeypatch):
    """A server that has ``hello/d``, which ``PREFECT_API_URL`` names."""
    monkeypatch.setattr(trigger, "LATE", 0.01)
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE", "WATCH_PAUSE"):
        monkeypatch.setattr(trigger, pause, 0.001)
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
    with get_client() as client:
        run = client.read_flow_run(UUID(done.out.strip()))
    assert (done.status, done.err) == (0, f"created flow run {run.name} ({run.id})\n")
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
    facts = ["id", "name", "deployment", "state", "state_name", "scheduled_time", "url"]
    assert list(shown) == facts
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


def test_wait_for_nobody(flowpack, agent):
    """A run that is late may have nobody to run it, which is said once."""
    agent.states = ["SCHEDULED", "LATE", "LATE", "COMPLETED"]
    done = flowpack("trigger", "hello/d", "--wait")
    assert done.status == 0
    assert done.err.count("is SCHEDULED (Late); does an agent or worker look") == 1


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


def test_waiting_slows_down(agent, capsys, monkeypatch):
    """The pauses between looks grow to a limit, and end with the time-out."""
    monkeypatch.setattr(trigger, "FIRST_PAUSE", 0.5)
    monkeypatch.setattr(trigger, "LONGEST_PAUSE", LONGEST_PAUSE)
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


@pytest.mark.parametrize("option", ["--wait", "--watch"])
def test_logs_of_a_failed_run(flowpack, agent, option):
    """Its last lines are shown, escaped, and why it failed; nothing of it is in the results."""
    agent.states = ["RUNNING"] * 4 + ["FAILED"]
    agent.logs = [(20, "starts"), (30, "odd \x1b[2J\nmore"), (40, "boom"), (20, "ends")]
    done = flowpack("trigger", "hello/d", option)
    assert (done.status, len(done.out.splitlines())) == (1, 1)
    lines = [line[8:] for line in done.err.splitlines() if "|" in line]
    assert lines == [
        " | INFO     | starts",
        " | WARNING  | odd \\x1b[2J",
        " | ERROR    | boom",
        " | INFO     | ends",
    ]
    assert "\nmore\n" in done.err
    assert "ended as FAILED: It went \\x1b[31mwrong; see " in done.err


def test_last_logs_and_warnings(flowpack, agent):
    """With --wait the newest are shown, and older warnings."""
    agent.logs = [(40, "early"), *((20, f"line {n}") for n in range(30))]
    agent.states = ["RUNNING"] * 31 + ["FAILED"]
    done = flowpack("trigger", "hello/d", "--wait")
    shown = [line.rpartition("| ")[2] for line in done.err.splitlines() if "|" in line]
    assert shown == ["early", *(f"line {n}" for n in range(20, 30))]


def test_logs_that_come_late(flowpack, agent):
    """Each line is shown once, also one that is older than those that were there."""
    agent.logs = [(20, f"line {n}") for n in range(240)]
    agent.logs[220] = (20, "late", 1.5)  # Older than all others.
    agent.logs[-1] = (20, "last", 305.5)
    agent.states = ["RUNNING"] * 240 + ["COMPLETED"]
    done = flowpack("trigger", "hello/d", "--watch")
    assert done.status == 0
    shown = [line.rpartition("| ")[2] for line in done.err.splitlines() if "|" in line]
    expected = [f"line {n}" for n in range(239)]
    expected[220] = "late"
    assert shown == [*expected, "last"]


def test_logs_after_the_end(flowpack, agent, monkeypatch):
    """What arrives after the end is waited for."""
    monkeypatch.setattr(trigger, "LATE", 0.2)
    agent.states = ["COMPLETED"]
    agent.logs = [(20, "one"), (20, "two"), (20, "three")]
    done = flowpack("trigger", "hello/d", "--watch")
    assert done.status == 0
    assert done.err.index("| three") < done.err.index("is COMPLETED")


def test_logs_that_cannot_be_read(flowpack, agent):
    """How the run ended is the error all the same."""
    agent.states = ["CRASHED"]
    agent.broken = "/logs"
    done = flowpack("trigger", "hello/d", "--wait", "--json")
    assert (done.status, done.json["state"]) == (1, "CRASHED")
    assert "logs cannot be read" in done.err
    assert "ended as CRASHED" in done.err.splitlines()[-1]


@pytest.mark.parametrize("interruption", ["the user", "the server"])
def test_the_run_goes_on(flowpack, agent, monkeypatch, interruption):
    """Who stops waiting, or must, learns that the run goes on."""
    if interruption == "the user":

        def interrupted(seconds):
            raise KeyboardInterrupt

        monkeypatch.setitem(wait_for.__kwdefaults__, "sleep", interrupted)
    else:
        agent.broken = "/flow_runs"
    done = flowpack("trigger", "hello/d", "--wait", "--name", "mine")
    assert done.status == (130 if interruption == "the user" else 1)
    assert "mine goes on; see http" in done.err
    assert len(done.out.splitlines()) == 1


def test_run_of_tomorrow(flowpack, agent):
    """Time, name and tags are those that were given."""
    options = (
        "--at",
        "2031-05-06T07:08+09:00",
        "--name",
        "mine",
        "-t",
        "a",
        "--tag",
        "b",
    )
    done = flowpack("trigger", "hello/d", *options)
    with get_client() as client:
        run = client.read_flow_run(UUID(done.out.strip()))
    due = datetime(2031, 5, 5, 22, 8, tzinfo=timezone.utc)
    assert (run.expected_start_time, run.name, run.tags) == (due, "mine", ("a", "b"))
    assert f"created flow run mine ({run.id}), due 2031-05-" in done.err


def test_run_in_a_while(flowpack, agent):
    """The time is sent with an offset."""
    earliest = datetime.now(timezone.utc) + timedelta(minutes=90)
    assert flowpack("trigger", "hello/d", "--in", "1h30m").status == 0
    sent = agent.bodies[0]["state"]["state_details"]["scheduled_time"]
    assert (
        timedelta(0) <= datetime.fromisoformat(sent) - earliest < timedelta(minutes=1)
    )


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1d", 86400),
        ("1w2d", 9 * 86400),
        ("1H30M", 5400),
        ("1.5h", 5400),
        ("1 hour", 3600),
        ("2 days, 3 hours", 51 * 3600),
        ("10 mins 5 secs", 605),
        ("PT1H", 3600),
        ("01:30:00", 5400),
        ("0s", 0),
    ],
)
def test_durations(text, seconds):
    """They are read as people write them."""
    now = datetime.now(timezone.utc)
    assert abs((time_in(text) - now).total_seconds() - seconds) < 10


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2030-12-24T18:00Z", "2030-12-24T18:00:00+00:00"),
        ("2030-12-24 18:00:30.5+0100", "2030-12-24T17:00:30.500000+00:00"),
        ("2030-12-24T18:00", "2030-12-24T23:00:00+00:00"),
        ("2030-07-24", "2030-07-24T04:00:00+00:00"),
    ],
)
def test_times(monkeypatch, text, expected):
    """Without a zone they are local."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert time_at(text).astimezone(timezone.utc).isoformat() == expected
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "options",
    [
        ["--in", "soon"],
        ["--in", "1 month"],
        ["--in", "30m1h"],
        ["--in=-5m"],
        ["--in", "999999999999d"],
        ["--in", "9" * 400 + "d"],
        ["--at", "tomorrow"],
        ["--at", "0001-01-01T00:00"],
        ["--at", "9999-12-31T23:59"],
        ["--at", "2030-01-01", "--in", "1m"],
        ["--job-variable", "x"],
    ],
    ids=" ".join,
)
def test_wrong_times(flowpack, agent, options):
    """They are wrong usage, and no run is made."""
    assert flowpack("trigger", "hello/d", *options).status == 2
    assert agent.bodies == []


def test_job_variables_of_an_old_server(flowpack, agent):
    """A server that has no place for them is not asked to make a run."""
    done = flowpack("trigger", "hello/d", "--job-variable", "env.A=1")
    assert (done.status, done.out, agent.bodies) == (1, "", [])
    assert "job_variables: Prefect 2.0b7 takes none for one flow run" in done.err


@pytest.fixture
def todays(flowpack, script, monkeypatch):
    """A server of today's Prefect that has ``hello/d`` in a pool."""
    server = TodaysServer()
    with server.client() as client, serve(server) as url:
        client.create_work_pool("pool", "process")
        monkeypatch.setenv("PREFECT_API_URL", url)
        options = ("-n", "d", "--pool", "pool", "--storage", "file:store")
        assert flowpack("deploy", script, *options).status == 0
        yield server


def test_address_of_the_run(flowpack, todays):
    """It is printed for people, and stands in the JSON."""
    done = flowpack("trigger", "hello/d")
    address = f"/runs/flow-run/{done.out.strip()}"
    assert done.status == 0
    assert done.err.splitlines()[1].endswith(address)
    shown = flowpack("trigger", "hello/d", "--at", "2030-01-01T00:00Z", "--json").json
    assert shown["url"].endswith(f"/runs/flow-run/{shown['id']}")
    assert shown["scheduled_time"] == "2030-01-01T00:00:00+00:00"


def test_job_variables(flowpack, todays):
    """Values are JSON, those of env are nested, and others are refused by name."""
    pool = todays.pools["pool"]
    options = ["--job-variable", "env.A=1", "--job-variable", "stream_output=false"]
    assert flowpack("trigger", "hello/d", *options).status == 0
    sent = todays.records["flow_runs"].pop()["job_variables"]
    assert sent == {"env": {"A": "1"}, "stream_output": False}
    variables = {name: {"type": "x"} for name in ("env", "command", "stream_output")}
    pool["base_job_template"] = {"variables": {"properties": variables}}
    assert flowpack("trigger", "hello/d", *options).status == 0
    todays.records["flow_runs"].clear()
    done = flowpack("trigger", "hello/d", "--job-variable", "comand=x")
    assert (done.status, done.out, todays.records["flow_runs"]) == (1, "", [])
    assert "'comand'; did you mean 'command'? It has env, command" in done.err


def test_job_variables_by_release():
    """Since 2.16.4 servers take them, in the one form that all workers read."""
    taken = Prefect3("2.16.4").run_variables(
        {"env.A": "1", "env": {"B": "2"}, "name": "n"}
    )
    assert taken == {"env": {"A": "1", "B": "2"}, "name": "n"}
    with pytest.raises(DeploymentValidationError, match="2.14.21 takes none"):
        Prefect3("2.14.21").run_variables({"name": "n"})
