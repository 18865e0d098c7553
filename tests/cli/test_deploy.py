"""``flowpack deploy`` and ``plan`` on the embedded API."""

import hashlib
import json
import os
import subprocess
import sys
import warnings
from uuid import UUID

import pytest

from flowpack import UNSET, get_client
from flowpack.cli.commands import make_parser
from flowpack.cli.parser import UsageError
from flowpack.cli.specs import make_specs, read_targets
from flowpack.schedules import CronSchedule, RRuleSchedule
from flowpack.transport import Response
from tests.http_server import serve
from tests.source import ROOT

TWO_FLOWS = '''\
from flowpack import flow


@flow
def first(name: str, count: int = 1, code: "str" = ""):
    return name


@flow
def second():
    pass
'''

SPECS = '''\
from flowpack import DeploymentSpec, LocalStorageBlock

for name in ("b", "a"):
    DeploymentSpec(
        name=name,
        flow_location="flows.py",
        flow_name="second",
        flow_storage=LocalStorageBlock("store"),
    )
'''


DOCKER = ["flows.py:first", "--runner", "docker"]


@pytest.fixture
def deployed(flowpack):
    """Read a deployment by its name."""

    def read(name):
        with get_client() as client:
            return client.read_deployment_by_name(name)

    return read


@pytest.fixture
def files(flowpack, tmp_path):
    """``flows.py`` with two flows and ``specs.py`` with two specs."""
    folder = tmp_path / "work"
    (folder / "flows.py").write_text(TWO_FLOWS)
    (folder / "specs.py").write_text(SPECS)
    return folder


def test_first_and_second_deploy(flowpack, script, fresh_home):
    """One line has the action; where it was stored is a note."""
    digest = hashlib.sha256(script.read_bytes()).hexdigest()[:12]
    first = flowpack("deploy", script, "-n", "d", "--storage", "store")
    assert first.status == 0
    assert first.out.startswith(f"created hello/d (Local Storage, {digest}, ")
    assert len(first.out.splitlines()) == 1
    assert "only usable from the current machine" in first.err
    assert "embedded API" in first.err
    second = flowpack("deploy", script, "-n", "d", "--storage", "store")
    assert second.out == first.out.replace("created", "unchanged")
    script.write_text(script.read_text() + "# more\n")
    third = flowpack("deploy", script, "-n", "d", "--storage", "store")
    assert third.out.startswith("updated hello/d ")


def test_warning_is_one_line(flowpack, script):
    """The warning about local storage has no file name and no source line."""
    done = flowpack("deploy", script, "--storage", "store")
    warned = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert "hello/hello" in warned[0] and ".py" not in warned[0]


def test_json(flowpack, script, tmp_path):
    """--json prints one document of the fields that are promised."""
    shown = flowpack("deploy", script, "-n", "d", "--storage", "store", "--json").json
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    assert list(shown) == [
        *("id", "flow_id", "name", "action", "storage", "key", "sha256", "api", "url")
    ]
    assert shown["name"] == "hello/d"
    assert shown["action"] == "created"
    assert shown["sha256"] == digest
    assert shown["key"] == str(tmp_path / "work" / "store" / digest)
    assert shown["storage"]["type"] == "Local Storage"
    for each in (shown["id"], shown["flow_id"], shown["storage"]["document_id"]):
        UUID(each)


def test_options_reach_the_deployment(flowpack, files, deployed):
    """Parameters, tags, schedule and runner are what the options say."""
    options = {
        "--cron": "0 6 * * *",
        "--timezone": "Europe/Paris",
        "--runner": "subprocess",
        "--runner-config": '{"stream_output": false, "env": {"A": "0", "B": "1"}}',
        "--env": "A=2=3",
    }
    flat = [word for pair in options.items() for word in pair]
    pairs = ["-p", "name=007", "-p", "count=3", "-p", "code=42"]
    tags = ["-t", "x", "-t", "y", "--paused"]
    done = flowpack(
        "deploy", "flows.py:first", "--storage", "s", *flat, *pairs, *tags
    )
    assert (done.status, done.out.split(" (")[0]) == (0, "created first/first")
    found = deployed("first/first")
    assert found.parameters == {"name": "007", "count": 3, "code": "42"}
    assert found.tags == ("x", "y")
    assert found.schedule == CronSchedule("0 6 * * *", timezone="Europe/Paris")
    assert not found.is_schedule_active
    assert found.flow_runner.type == "subprocess"
    assert found.flow_runner.config["env"] == {"A": "2=3", "B": "1"}
    assert found.flow_runner.config["stream_output"] is False


@pytest.mark.parametrize(
    "options, reason",
    [
        (["--replace-schedules"], "--replace-schedules needs schedules"),
        (["--timezone", "UTC"], "--timezone can only be given with a schedule"),
        (["--timezone", "UTC", "--no-schedule"], "--timezone can only be given"),
    ],
    ids=" ".join,
)
def test_options_that_need_a_schedule(flowpack, files, options, reason):
    """They are wrong usage without one."""
    done = flowpack("deploy", "flows.py:first", "--storage", "s", *options)
    assert done.status == 2
    assert reason in done.err


def test_two_schedules_on_the_embedded_api(flowpack, files, deployed):
    """It keeps one, as 2.0b7 does."""
    base = ("deploy", "flows.py:first", "--storage", "s")
    done = flowpack(*base, "--cron", "@daily", "--interval", "60")
    assert done.status == 1
    assert "keeps one schedule for each deployment, and 2 are given" in done.err
    done = flowpack(*base, "--cron", "@daily", "--cron", "0 0 * * *", "--cron", "@daily")
    assert "items 1 and 3 are equal" in done.err


def test_what_is_not_given_is_kept(flowpack, files, deployed):
    """A redeploy without options changes nothing; --no-... clears."""
    base = ("deploy", "flows.py:second", "--storage", "s")
    flowpack(*base, "--rrule", "FREQ=DAILY", "-t", "x")
    assert flowpack(*base).out.startswith("unchanged")
    assert deployed("second/second").schedule == RRuleSchedule(
        "FREQ=DAILY", timezone="UTC"
    )
    flowpack(*base, "--no-schedule", "--no-tags")
    found = deployed("second/second")
    assert (found.schedule, found.tags) == (None, ())


def test_description_and_version(files):
    """They are part of the spec; which servers keep them does not matter here."""

    def fields(*options):
        argv = ["deploy", "flows.py:second", *options]
        arguments = make_parser(argv).parse_args(argv)
        ((spec,), _) = make_specs(read_targets(arguments), arguments)
        return spec.description, spec.version

    assert fields("--description", "", "--version", "1.0") == ("", "1.0")
    assert fields() == (UNSET, UNSET)


def test_options_of_work_pools(files):
    """They are part of the spec; where there are no pools they do not matter."""
    options = {
        "--pool": "main",
        "--queue": "high",
        "--pull": "flowpack",
        "--pull-requires": "flowpack==1.0",
        "--concurrency-limit": "3",
    }
    flat = [word for pair in options.items() for word in pair]
    labels = ["--label", "team=data", "--label", "tier=1", "--create-pool"]

    def specs(*options):
        argv = ["deploy", "flows.py:second", *options]
        arguments = make_parser(argv).parse_args(argv)
        return make_specs(read_targets(arguments), arguments)[0]

    (spec,) = specs(*flat, *labels)
    assert (spec.work_pool, spec.work_queue) == ("main", "high")
    assert spec.create_work_pool is True
    assert (spec.pull, spec.pull_requires) == ("flowpack", "flowpack==1.0")
    assert spec.concurrency_limit == 3
    assert spec.labels == {"team": "data", "tier": "1"}
    (plain,) = specs()
    assert (plain.work_pool, plain.create_work_pool, plain.pull) == (None, False, None)
    assert (plain.work_queue, plain.concurrency_limit) == (UNSET, UNSET)
    assert plain.labels is UNSET


def test_job_variables_and_limits(script):
    """VALUE is JSON where it is, but for ``env.NAME``; a limit may have more than a number."""

    def options(*argv):
        arguments = make_parser(["plan"]).parse_args(["plan", str(script), *argv])
        return make_specs(read_targets(arguments), arguments)[0][0]

    given = ("env.A=1", "env.B=true", 'env={"C": "3"}', "n=2", "s=x", "m={}", "t=a=b")
    flat = (word for each in given for word in ("--job-variable", each))
    assert options(*flat).job_variables == {
        "env": {"A": "1", "B": "true", "C": "3"},
        **{"n": 2, "s": "x", "m": {}, "t": "a=b"},
    }
    whole = ("--job-variable", '{"env.A": "1", "env": {"B": 2}, "n": "2"}')
    assert options(*whole).job_variables == {"env": {"A": "1", "B": "2"}, "n": "2"}
    assert options(*whole, "--job-variable", "s=x").job_variables["s"] == "x"
    for wrong in ('{"a"', '{"a": NaN}', '{"a": 1}x', "x", '{"": 1}'):
        with pytest.raises(SystemExit):
            options("--job-variable", wrong)
    with pytest.raises(SystemExit):
        options(*whole, "--job-variable", "n=1")
    limit = options("--concurrency-limit", "3", "--collision-strategy", "CANCEL_NEW")
    assert limit.concurrency_limit == {"limit": 3, "collision_strategy": "CANCEL_NEW"}
    limit = options("--concurrency-limit", "3", "--grace-period", "90")
    assert limit.concurrency_limit == {"limit": 3, "grace_period_seconds": 90}
    assert options().job_variables is UNSET
    for alone in (("--grace-period", "90"), ("--collision-strategy", "ENQUEUE")):
        with pytest.raises(UsageError, match="with --concurrency-limit"):
            options(*alone)


def test_options_of_work_pools_here(flowpack, files):
    """A plan notes which of them the server has no place for, and so does deploy."""
    base = ("flows.py:second", "--storage", "file:s", "--pool", "p", "--label", "a=b")
    assert "no place for work_pool, labels" in flowpack("plan", *base).out
    done = flowpack("deploy", *base)
    assert done.out.startswith("created")
    assert "note: second/second: this server has no place for work_pool" in done.err
    assert "no place for work_pool" in flowpack("deploy", *base, "--json").err
    assert flowpack("deploy", *base).out.startswith("unchanged")


def test_image(flowpack, files, deployed):
    """--image is the image of a Docker runner."""
    base = ("deploy", "flows.py:second", "--storage", "file:s", "--runner", "docker")
    assert flowpack(*base, "--image", "mine:1").status == 0
    assert deployed("second/second").flow_runner.config["image"] == "mine:1"


def test_schedule_warns_on_the_embedded_api(flowpack, script):
    """Nobody follows a schedule there, which is a warning of one line."""
    done = flowpack("deploy", script, "--storage", "file:s", "--interval", "60")
    warned = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1 and "no server runs" in warned[0]
    assert done.status == 0


def test_warnings_may_be_errors(flowpack, script, monkeypatch):
    """Then they end a command as any error does, before it has written anything."""
    monkeypatch.setattr("sys.warnoptions", ["error"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = flowpack("deploy", script, "--storage", "file:s", "--interval", "60")
    assert (done.status, done.out) == (1, "")
    assert "no server runs" in done.err and "defect" not in done.err


def test_spec_file(flowpack, files):
    """Every deployment of a spec file, in its order; a note has that it is run."""
    done = flowpack("deploy", "specs.py")
    assert done.status == 0
    names = [line.split()[1] for line in done.out.splitlines()]
    assert names == ["second/b", "second/a"]
    assert "running specs.py" in done.err


def test_prints_of_a_spec_file_go_aside(flowpack, files):
    """What a spec file prints does not spoil the JSON."""
    (files / "specs.py").write_text(f"print('making')\n{SPECS}")
    done = flowpack("deploy", "specs.py", "--json")
    assert len(done.json) == 2
    assert "making" in done.err.splitlines()


@pytest.mark.parametrize("filters", ["error", "ignore"])
def test_spec_file_that_breaks_what_it_finds(files, filters):
    """Streams and filters of warnings are the command's own again, to the end."""
    (files / "specs.py").write_text(
        f"""{SPECS}
import atexit, os, sys, warnings
atexit.register(print, "late")
warnings.simplefilter("{filters}")
os.close(1), sys.stdout.close(), sys.__stdout__.close()
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", "flowpack", "deploy", "specs.py", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 2
    assert b"warning: " in done.stderr and done.stderr.endswith(b"late\n")


def test_spec_files_and_scripts(flowpack, files):
    """Several targets are one set, and --json is a list."""
    (files / "more.json").write_text(
        json.dumps({"name": "c", "flow_location": "flows.py", "flow_name": "first"})
    )
    done = flowpack("deploy", "more.json", "specs.py", "flows.py:second", "--json")
    assert [each["name"] for each in done.json] == [
        *("first/c", "second/b", "second/a", "second/second")
    ]


def test_storage_of_a_spec_file_by_its_name(flowpack, files):
    """The server of the command is asked for it, by plan too."""
    saved = flowpack("storage", "save", "store", "prod", "--json").json
    spec = {
        "flow_location": "flows.py",
        "flow_name": "second",
        "flow_storage": "block:Local Storage/prod",
    }
    (files / "more.json").write_text(json.dumps(spec))
    assert flowpack("plan", "more.json").status == 0
    done = flowpack("deploy", "more.json", "--json")
    assert done.json["storage"]["document_id"] == saved["id"]


def test_one_bad_spec_writes_nothing(flowpack, files):
    """Everything is validated before the first write."""
    (files / "more.json").write_text(json.dumps({"flow_location": "none.py"}))
    done = flowpack("deploy", "specs.py", "more.json", "--json")
    assert (done.status, done.out) == (1, "")
    assert "none.py" in done.err
    assert flowpack("ls", "--json").json == []


def test_failures_do_not_lose_the_others(flowpack, files):
    """What was deployed is a result, what failed is an error, and the status is 1."""
    (files / "taken").write_text("a file where a folder should be")
    specs = SPECS.replace('"store"', '{"a": "taken", "b": "store"}[name]')
    (files / "specs.py").write_text(specs)
    done = flowpack("deploy", "specs.py", "--json")
    assert done.status == 1
    assert [each["name"] for each in done.json] == ["second/b"]
    assert "1 of the deployments failed" in done.err
    assert "second/a: " in done.err


def test_confirm_and_jobs(flowpack, files):
    """--confirm reads back, --jobs takes threads; the result is the same."""
    done = flowpack("deploy", "specs.py", "--confirm", "--jobs", "2", "--fail-fast")
    assert done.status == 0
    assert len(done.out.splitlines()) == 2


@pytest.mark.parametrize(
    "argv, reason",
    [
        (["flows.py:none", "--storage", "s"], "it defines no flow 'none'"),
        (["flows.py:fisrt", "--storage", "s"], "'fisrt'; did you mean 'first'?"),
        (["flows.py", "--storage", "s"], "it has 2 flows"),
        (["missing.py"], "there is no such file"),
        (["flows.py:first", "--storage", "ftp://x"], "A storage is a folder"),
        (["flows.py:first", "--cron", "at noon"], "cron"),
        (["flows.py:first", "--timezone", "Mars/X", "--cron", "@daily"], "Mars/X"),
        (["flows.py:first", "--runner", "docker", "--storage", "s"], "remote storage"),
        (["flows.py:first", "-n", "a/b", "--storage", "s"], "a/b"),
        (["nothing.yaml"], "nothing.yaml"),
        (
            [*DOCKER, "--runner-config", '{"x": 1}'],
            "no such field: 'x'",
        ),
        ([*DOCKER, "--runner-config", '{"imaeg": 1}'], "did you mean 'image'?"),
        (
            [*DOCKER, "--runner-config", '{"env": [1]}', "--env", "A=1"],
            "env",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors(flowpack, files, argv, reason):
    """What cannot be deployed is status 1 with the reason, and nothing is written."""
    done = flowpack("deploy", *argv)
    assert (done.status, done.out) == (1, "")
    assert reason in done.err
    assert "Traceback" not in done.err
    assert flowpack("ls", "--json").json == []


@pytest.mark.parametrize(
    "argv, reason",
    [
        (["specs.py", "-n", "x"], "--name cannot be given with a spec file"),
        (["specs.py", "--version", "1"], "--version cannot be given"),
        (["specs.py", "--pool", "p", "--create-pool"], "--pool, --create-pool cannot"),
        (["specs.py", "--label", "a=b"], "--label cannot be given with a spec file"),
        (["flows.py:second", "--label", "a=b", "--label", "a=c"], "'a' is given twice"),
        (["specs.py", "--active", "-t", "x"], "--tag, --paused, --active cannot"),
        (["flows.py", "--runner", "subprocess", "--image", "x"], "--image cannot"),
        (["flows.py", "--runner", "docker", "--runner-config", "[]"], "JSON object"),
        (["flows.py", "--runner", "docker", "--runner-config", "{"], "JSON object"),
        (["flows.py", "--timezone", "UTC"], "--timezone can only be given with"),
        (["flows.py:second", "-p", "a=1", "-p", "a=2"], "'a' is given twice"),
        (
            ["flows.py", "--runner", "docker", "--env", "A=1", "--env", "A=2"],
            "'A' is given twice",
        ),
        (["flows.py:"], "is no SCRIPT[:FLOW]"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("command", ["deploy", "plan"])
def test_wrong_usage(flowpack, files, command, argv, reason):
    """Options that do not go together are status 2."""
    done = flowpack(command, *argv)
    assert (done.status, done.out) == (2, "")
    assert reason in done.err


def test_plan_writes_nothing(flowpack, files, fresh_home):
    """A plan is printed on standard output and leaves no file behind."""
    argv = ("flows.py:second", "--storage", "store")
    shown = flowpack("plan", *argv)
    assert shown.status == 0
    assert shown.out.startswith("create     second/second")
    assert flowpack("deploy", *argv, "--plan").out == shown.out
    assert not (files / "store").exists()
    assert flowpack("ls", "--json").json == []


def test_plan_as_json(flowpack, files):
    """The JSON of equal plans is equal; it has what would change."""
    argv = ("flows.py:second", "--storage", "store", "--json")
    first = flowpack("plan", *argv)
    assert first.json["actions"][0]["kind"] == "create"
    assert flowpack("deploy", *argv, "--plan").out == first.out
    flowpack("deploy", *argv)
    changed = flowpack("plan", *argv, "-t", "x").json["actions"][0]
    assert changed["kind"] == "update"
    assert [each["field"] for each in changed["changes"]] == ["tags"]


def test_script_from_a_url(flowpack):
    """A script can be fetched; a flow of it is named after a colon."""
    answer = Response(200, TWO_FLOWS.encode())
    with serve(lambda request: answer, prefix="") as url:
        target = f"{url}/flows.py:second"
        done = flowpack("deploy", target, "--storage", "store")
    assert (done.status, done.out.split(" (")[0]) == (0, "created second/second")


@pytest.fixture
def set_of(script, tmp_path):
    """Return the options for a spec file of deployments with these names."""

    def write(*names, **fields):
        path = tmp_path / "set.json"
        spec = {"flow_location": str(script), **fields}
        path.write_text(json.dumps([{"name": name, **spec} for name in names]))
        return path

    return write


def test_summary_of_a_set(flowpack, set_of):
    """One line on standard error says how many were created, updated and left alone."""
    flowpack("deploy", set_of("a"))
    done = flowpack("deploy", set_of("a", "b", "c"))
    assert done.err.splitlines()[-1] == "2 created, 1 unchanged"
    shown = flowpack("plan", set_of("a", "b", "d", tags=["x"]))
    assert shown.err.splitlines()[-1] == "would create 1, update 2"
    done = flowpack("deploy", set_of("a", "b", "d", tags=["x"]))
    assert done.err.splitlines()[-1] == "1 created, 2 updated"
    shown = flowpack("plan", set_of("a", "e"))
    assert shown.err.splitlines()[-1] == "would create 1, leave 1 unchanged"
    assert "unchanged" not in flowpack("deploy", set_of("a", "b"), "--json").err
    assert flowpack("deploy", set_of("a", "b"), "-q").err.count("unchanged") == 0
    assert "unchanged" not in flowpack("deploy", set_of("a")).err
