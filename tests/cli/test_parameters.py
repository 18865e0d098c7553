"""The options for parameters: ``-p``, ``--params``, ``--no-params`` and their checks."""

import io
import json
import sys

import pytest

from tests.http_server import serve
from tests.todays_server import TodaysServer

SCRIPT = """\
from typing import List, Optional
from datetime import date
try:
    from prefect import flow
except ImportError:
    from flowpack import flow

@flow
def f(
    n: int,
    s: str = "",
    o: Optional[str] = None,
    day: date = date(2020, 1, 1),
    names: List[str] = [],
    *rows: int,
    **more: int,
):
    return [n, s, o, str(day), list(names), list(rows), more]

@flow
def old(x: str = None):
    return x

@flow
def plain(s: str = "a"):
    return s
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "f.py"
    path.write_text(SCRIPT)
    return f"{path}:f"


@pytest.fixture
def deployed(flowpack, script):
    """Deploy ``f/d`` to the embedded API, and return its parameters."""

    def deploy(*options):
        done = flowpack("deploy", script, "-n", "d", "--storage", "file:s", *options)
        if done.status:
            return done.err
        return flowpack("inspect", "f/d", "--json").json["parameters"]

    return deploy


TEXTS = ["-p", "n=1", "-p", "s=12", "-p", "o=13", "-p", "day=2026-01-31"]
LISTS = ["-p", 'names=["a"]', "-p", "rows=[1]", "-p", 'more={"n": 1, "z": 2}']
READ = {"n": 1, "s": "12", "o": "13", "day": "2026-01-31", "names": ["a"], "rows": [1]}


def test_deploy_and_run_read_by_the_schema(flowpack, deployed):
    """Text for text, numbers for numbers; ``run`` spreads lists and objects."""
    assert deployed(*TEXTS, *LISTS[:4], "-p", 'more={"z": 2}') == {**READ, "more": {"z": 2}}
    result = [1, "12", "13", "2026-01-31", ["a"], [1], {"z": 2}]
    assert flowpack("run", "f/d", "--json").json == result
    assert flowpack("run", "f/d", "-p", "s=7", "-p", "rows=[]", "--json").json == [
        *(1, "7", "13", "2026-01-31", ["a"], [], {"z": 2})
    ]


def test_unknown_names(flowpack, deployed):
    """What is for ``**more`` is an error that shows how to give it."""
    text = deployed("-p", "n=1", "-p", "a=1")
    assert "the flow has no parameter 'a'; it takes n, s, o, day, names, rows, more;" in text
    assert """-p 'more={"a": 1}'""" in text
    deployed("-p", "n=1")
    done = flowpack("run", "f/d", "-p", "a=1")
    assert (done.status, """-p 'more={"a": 1}'""" in done.err) == (1, True)


def test_all_problems_at_once(flowpack, deployed):
    """Each names the parameter, the place and what is expected; nothing is written."""
    text = deployed("-p", "n=x", "-p", "day=soon", "-p", 'names=["a", 1]', "-p", "a=1")
    assert "parameter n: expected an integer, not 'x'" in text
    assert "parameter day: expected a date such as 2026-01-31, not 'soon'" in text
    assert "parameter names[1]: expected text, not 1" in text
    assert "no parameter 'a'" in text
    assert flowpack("ls", "--json").json == []


def test_names_are_checked_without_types(deployed):
    """``--no-enforce-parameters`` skips types, and no names."""
    assert deployed("--no-enforce-parameters", "-p", "n=x") == {"n": "x"}
    assert "no parameter 'a'" in deployed("--no-enforce-parameters", "-p", "a=1")


def test_null_for_a_default_of_none(flowpack, script, server, monkeypatch):
    """Flows take it, and servers of today do not."""
    script = script.replace(":f", ":old")
    given = ("deploy", script, "-n", "d", "--storage", "file:s", "--params", '{"x": null}')
    done = flowpack(*given, "--pool", "pool")
    assert "parameter x: expected text, not null" in done.err
    monkeypatch.delenv("PREFECT_API_URL")
    assert flowpack(*given).status == 0
    assert flowpack("run", "old/d", "--json").json is None


def test_schedule_needs_values(deployed):
    """A schedule that would start runs without a required one is refused, a paused one not."""
    text = deployed("--cron", "0 6 * * *")
    assert "parameter n has no value, and the flow no default: the schedule" in text
    assert deployed("--cron", "0 6 * * *", "--paused") == {}
    assert deployed("--cron", "0 6 * * *", "-p", "n=1", "--active") == {"n": 1}


def test_kept_parameters(flowpack, deployed, script, tmp_path):
    """Those that the function does not take any more are an error that says what clears them."""
    deployed("-p", "n=1", "-p", "s=a")
    path = tmp_path / "f.py"
    path.write_text(SCRIPT.replace('s: str = "", s', "s").replace('s: str = "",', ""))
    text = deployed()
    assert "no parameter 's'" in text and "--no-params" in text
    assert deployed("--no-params") == {}


@pytest.mark.parametrize("source", ["text", "file", "-"])
def test_params(flowpack, deployed, tmp_path, monkeypatch, source):
    """They are an object as text, in a file or on standard input; ``-p`` wins."""
    text = '{"n": 5, "s": "7"}'
    path = tmp_path / "params.json"
    path.write_text(text)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    given = {"text": text, "file": path, "-": "-"}[source]
    assert deployed("--params", given, "-p", "n=6") == {"n": 6, "s": "7"}


WRONG = {
    "a list": ("[1]", "there is no such file"),
    "no JSON": ("{a: 1}", "it is not JSON"),
    "NaN": ('{"n": NaN}', "it is not JSON"),
    "deep": ('{"n": ' + "[" * 100_000, "it is not JSON"),
    "nothing there": ("none.json", "there is no such file; give a file or a JSON object"),
    "folder": (".", "it is a folder"),
    "NUL": ("a\0b", "this is no path"),
    "not UTF-8": (b"{\xff}", "it is not JSON"),
    "a number": (b"3", "must be a JSON object"),
    "empty file": (b"", "it is not JSON"),
}


@pytest.mark.parametrize(("source", "reason"), WRONG.values(), ids=WRONG)
def test_wrong_params(flowpack, script, tmp_path, source, reason):
    """What is no JSON object is an error."""
    if isinstance(source, bytes):
        path = tmp_path / "params.json"
        path.write_bytes(source)
        source = path
    done = flowpack("deploy", script, "--params", source)
    assert (done.status, done.out) == (1, "")
    assert reason in done.err


def test_no_params_alone(flowpack, script):
    """It contradicts what gives parameters."""
    for given in (["-p", "n=1"], ["--params", "{}"]):
        assert flowpack("deploy", script, "--no-params", *given).status == 2


@pytest.fixture
def server(flowpack, script, monkeypatch):
    """A server of today's Prefect with ``f/d`` and ``plain/p``, which the settings name."""
    server = TodaysServer()
    with server.client() as client:
        client.create_work_pool("pool", "process")
    with serve(server) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        options = ["--storage", "file:s", "--pool", "pool"]
        assert flowpack("deploy", script, "-n", "d", *options).status == 0
        plain = f"{script.rpartition(':')[0]}:plain"
        assert flowpack("deploy", plain, "-n", "p", *options).status == 0
        yield server


def sent(server):
    return [body["parameters"] for path, body in server.bodies if "create_flow_run" in path]


def test_trigger_reads_by_the_schema(flowpack, server):
    """It sends what the deployment's schema makes of the texts."""
    assert flowpack("trigger", "f/d", *TEXTS, *LISTS).status == 0
    assert sent(server) == [{**READ, "more": {"n": 1, "z": 2}}]


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (["-p", "n=1", "-p", "a=1"], ["specified but not found on the deployment: 'a'", "more={"]),
        (["-p", "n=x"], ["parameter n: expected an integer, not 'x'"]),
        ([], ["parameter n has no value"]),
        (["--params", '{"n": 1, "names": [1]}'], ["parameter names[0]: expected text"]),
    ],
)
def test_trigger_refuses(flowpack, server, given, texts):
    """Before anything is sent, as the stock client does with names, and the server with types."""
    done = flowpack("trigger", "f/d", *given)
    assert (done.status, done.out, sent(server)) == (1, "", [])
    assert all(text in done.err for text in texts)


def test_trigger_without_enforcement(flowpack, server):
    """Where the server looks at no types, names are what is left."""
    server.deployments["d"]["enforce_parameter_schema"] = False
    assert flowpack("trigger", "f/d", "-p", "n=x").status == 0
    assert flowpack("trigger", "f/d", "-p", "n=1", "-p", "a=1").status == 1
    assert sent(server) == [{"n": "x"}]


def test_trigger_names_what_there_is(flowpack, server):
    """The parameters that the deployment has are listed."""
    done = flowpack("trigger", "plain/p", "-p", "x=1")
    assert "'x'; it takes s" in done.err


def test_what_stands_before_rows(flowpack, server, script):
    """Workers before 3.9 would not run it well without; the embedded API's ``run`` does."""
    given = ("plan", script, "-n", "d", "-p", "n=1", "-p", "rows=[1]")
    done = flowpack(*given)
    assert "parameter rows: give s, o, day, names a value, too" in done.err
    assert flowpack(*given, *TEXTS[2:], "-p", "names=[]").status == 0


def test_kept_schedules_count(flowpack, server, script):
    """A schedule that others made would start runs, too, and has parameters of its own."""
    schedule = {"schedule": {"cron": "0 6 * * *"}, "active": True, "slug": "theirs"}
    server.deployments["d"]["schedules"] = [{**schedule, "parameters": {"x": 1}}]
    done = flowpack("plan", script, "-n", "d")
    assert done.status == 1
    assert "no parameter 'x'" in done.err and "schedule 'theirs'" in done.err
    assert "parameter n has no value" in done.err
    server.deployments["d"]["schedules"] = [{**schedule, "parameters": {"n": 1}}]
    assert flowpack("plan", script, "-n", "d").status == 0
    json.dumps(server.deployments)


def test_names_that_prefect_refuses(flowpack, tmp_path):
    """Where the types cannot be known, as of a parameter with an underscore, names still are."""
    path = tmp_path / "g.py"
    path.write_text("from flowpack import flow\n@flow\ndef g(_x: int = 1): return _x\n")
    deploy = ("deploy", path, "--storage", "file:s")
    assert flowpack(*deploy, "-p", "_x=3").status == 0
    assert flowpack("run", "g/g", "--json").json == 3
    assert "no parameter 'z'" in flowpack(*deploy, "-p", "z=3").err
