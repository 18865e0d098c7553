"""``ls``, ``inspect``, ``pull``, ``delete``, ``pause`` and ``resume``."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys

import pytest

from flowpack import UNSET, FlowRunnerSettings, get_client
from flowpack.blocks.secret import MASK
from flowpack.cli.deployments import describe_schema
from flowpack.flow_runners import KubernetesFlowRunner
from flowpack.models import (
    DataDocument,
    DeploymentCreate,
    OpaqueSchedule,
    StoredObject,
)
from flowpack.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from flowpack.wire.conversion import describe_schedule
from tests.source import ROOT

SECRET = "canary-7f3a"


@pytest.fixture
def hello(flowpack, script):
    """``hello/d``, deployed with all there is to set."""
    options = {
        "--storage": "file:store",
        "--cron": "0 6 * * *",
        "--runner": "universal",
        "--env": f"TOKEN={SECRET}",
        "-p": "name=Ada",
    }
    flat = [word for pair in options.items() for word in pair]
    done = flowpack("deploy", script, "-n", "d", "-t", "x", "-t", "y", *flat, "--json")
    assert done.status == 0, done.err
    return done.json


def register(flow_name, name, document, runner=UNSET):
    """Make a deployment as others do."""
    with get_client() as client:
        new = DeploymentCreate(
            name=name,
            flow_id=client.create_flow(flow_name),
            flow_data=document,
            flow_runner=runner,
        )
        return client.create_deployment(new)


def test_ls_of_nothing(flowpack):
    """Nothing to list is a note; the JSON is an empty list."""
    done = flowpack("ls")
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("no deployments at embedded:")
    assert flowpack("ls", "--json").json == []


def test_ls(flowpack, script, hello):
    """The table has a line for each, sorted by name."""
    flowpack("deploy", script, "-n", "a", "--storage", "file:store", "--paused")
    lines = flowpack("ls").out.splitlines()
    assert lines[0].split() == "NAME SCHEDULE ACTIVE TAGS RUNNER UPDATED".split()
    assert lines[1].split()[:5] == ["hello/a", "-", "no", "-", "universal"]
    assert lines[2].startswith("hello/d  cron 0 6 * * *  yes     x, y  universal  20")


def test_ls_as_json(flowpack, hello):
    """The JSON has the schedule as spec files write it."""
    (shown,) = flowpack("ls", "--json").json
    assert shown["name"] == "hello/d"
    assert (shown["id"], shown["flow_id"]) == (hello["id"], hello["flow_id"])
    schedule = {"cron": "0 6 * * *", "timezone": None, "day_or": True}
    assert shown["schedule"] == schedule
    assert (shown["active"], shown["tags"]) == (True, ["x", "y"])
    assert shown["runner"] == "universal"


def test_ls_of_many_pages(flowpack):
    """More deployments than one answer holds are all listed."""
    document = DataDocument.encode("text", "")
    with get_client() as client:
        for number in range(201):
            flow_id = client.create_flow(f"flow {number:03}")
            new = DeploymentCreate(name="d", flow_id=flow_id, flow_data=document)
            client.create_deployment(new)
    names = [each["name"] for each in flowpack("ls", "--json").json]
    assert names == [f"flow {number:03}/d" for number in range(201)]


def test_names_are_escaped(flowpack):
    """Names that others gave do not reach the terminal raw."""
    name = "a\x1b[31m\nb"
    register(name, name, DataDocument.encode("text", "x"))
    done = flowpack("ls")
    assert "\x1b" not in done.out and len(done.out.splitlines()) == 2
    (shown,) = flowpack("ls", "--json").json
    assert shown["name"] == f"{name}/{name}"
    shown = flowpack("inspect", f"{name}/{name}")
    assert shown.status == 0 and "\x1b" not in shown.out


@pytest.mark.parametrize(
    "schedule, text",
    [
        (None, None),
        (IntervalSchedule(3600), "every 1 h"),
        (IntervalSchedule(90), "every 90 s"),
        (IntervalSchedule(0.5), "every 0.5 s"),
        (IntervalSchedule(172800, timezone="UTC"), "every 2 d (UTC)"),
        (CronSchedule("@daily", timezone="UTC"), "cron @daily (UTC)"),
        (RRuleSchedule("FREQ=DAILY"), "rrule FREQ=DAILY"),
        (OpaqueSchedule({"moon": "full"}), "of an unknown kind"),
    ],
    ids=str,
)
def test_describe_schedule(schedule, text):
    """Schedules are described in a few words."""
    assert describe_schedule(schedule) == text


def test_inspect(flowpack, hello, tmp_path):
    """All there is, with storage and digest and without secrets."""
    done = flowpack("inspect", "hello/d", "--json")
    shown = done.json
    assert shown["id"] == hello["id"]
    assert shown["parameters"] == {"name": "Ada"}
    assert (shown["key"], shown["sha256"]) == (hello["key"], hello["sha256"])
    assert shown["storage"]["id"] == hello["storage"]["document_id"]
    assert shown["storage"]["type"] == "File Storage"
    assert shown["storage"]["data"]["base_path"] == f"{tmp_path}/work/store/"
    assert shown["runner"]["type"] == "universal"
    assert list(shown["runner"]["config"]["env"]) == ["TOKEN"]
    text = flowpack("inspect", "hello/d")
    assert f"\nsha256           {hello['sha256']}\n" in text.out
    assert SECRET not in done.out + text.out


def test_inspect_shows_no_variable_of_a_manifest(flowpack):
    """Nor of a patch of one; what is no variable stands as it is."""
    value = {"name": "A", "value": SECRET}
    patch = {"op": "add", "path": "/spec/env/-", "value": value}
    runner = KubernetesFlowRunner(customizations=[patch], env={"B": SECRET})
    document = DataDocument.encode("text", "x")
    register("f", "k", document, runner.to_settings())
    done = flowpack("inspect", "f/k", "--json")
    config = done.json["runner"]["config"]
    assert SECRET not in done.out + done.err + flowpack("inspect", "f/k").out
    assert (config["namespace"], config["env"]) == ("default", {"B": MASK})
    assert config["customizations"][0]["value"]["name"] == "A"


def test_inspect_what_others_made(flowpack):
    """A deployment that is not ours is inspected as far as it goes."""
    settings = FlowRunnerSettings(None, None)
    register("f", "pickled", DataDocument("cloudpickle", "gAVLAS4=\n"), settings)
    shown = flowpack("inspect", "f/pickled", "--json").json
    assert shown["encoding"] == "cloudpickle"
    assert (shown["storage"], shown["key"], shown["sha256"]) == (None, None, None)
    assert shown["runner"] == {"type": None, "config": {}}
    register("f", "broken", DataDocument("blockstorage", "{"))
    assert flowpack("inspect", "f/broken", "--json").json["key"] is None


def test_inspect_without_a_storage_block(flowpack):
    """Others' temporary storage has a key and no block."""
    register("f", "t", DataDocument.encode("blockstorage", StoredObject("/tmp/x")))
    shown = flowpack("inspect", "f/t", "--json").json
    assert (shown["storage"], shown["key"], shown["sha256"]) == (None, "/tmp/x", None)


def test_inspect_after_the_storage_went(flowpack, hello):
    """A deleted storage block is shown as such."""
    with get_client() as client:
        client.delete_block_document(hello["storage"]["document_id"])
    shown = flowpack("inspect", "hello/d", "--json").json
    assert shown["storage"] == {
        "id": hello["storage"]["document_id"],
        "name": "deleted",
    }


COMMANDS = ["inspect", "pull", "delete", "pause", "resume", "run"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["hello/none", "none/d"])
def test_no_such_deployment(flowpack, hello, command, name):
    """A name that the server does not know is status 1."""
    done = flowpack(command, name)
    assert (done.status, done.out) == (1, "")
    assert "404" in done.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["hello", "a/b/c"])
def test_no_name(flowpack, command, name):
    """The error of what is no FLOW/DEPLOYMENT has how to write one."""
    done = flowpack(command, name)
    assert (done.status, done.out) == (1, "")
    assert "write FLOW/DEPLOYMENT" in done.err


@pytest.mark.parametrize("argv", [[], ["-o", "-"]], ids=["default", "dash"])
def test_pull_to_standard_output(flowpack, script, argv):
    """Without a file the bytes are the output, and nothing else is."""
    script.write_bytes(b"# coding: latin-1\r\n# \xe9\r\n" + script.read_bytes())
    flowpack("deploy", script, "-n", "d", "--storage", "file:store")
    command = [sys.executable, "-m", "flowpack", "pull", "hello/d", *argv]
    done = subprocess.run(
        command,
        capture_output=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.stdout, done.stderr) == (script.read_bytes(), b"")


def test_pull_to_a_file(flowpack, script, hello, tmp_path):
    """The file holds the bytes; pulling again changes nothing."""
    target = tmp_path / "work" / "pulled.py"
    first = flowpack("pull", "hello/d", "-o", "pulled.py")
    size = script.stat().st_size
    assert (first.status, first.out) == (0, f"wrote pulled.py ({size} bytes)\n")
    assert target.read_bytes() == script.read_bytes()
    before = target.stat()
    second = flowpack("pull", "hello/d", "-o", "pulled.py", "--json")
    assert second.json == {
        "name": "hello/d",
        "path": "pulled.py",
        "size": size,
        "sha256": hashlib.sha256(script.read_bytes()).hexdigest(),
        "verified": True,
        "written": False,
    }
    assert target.stat().st_ino == before.st_ino
    assert sorted(os.listdir(target.parent)) == ["pulled.py", "store"]


def test_pull_does_not_replace_other_content(flowpack, script, hello, tmp_path):
    """Another file of that name is kept, unless --force is given."""
    target = tmp_path / "work" / "mine.py"
    target.write_text("mine")
    done = flowpack("pull", "hello/d", "-o", "mine.py")
    assert done.status == 1 and "--force" in done.err
    assert target.read_text() == "mine"
    assert flowpack("pull", "hello/d", "-o", "mine.py", "--force").status == 0
    assert target.read_bytes() == script.read_bytes()


def test_pull_follows_links_and_keeps_modes(flowpack, script, hello, tmp_path):
    """A link stays one, and a new file has the mode of any new file."""
    target, link = tmp_path / "target.py", tmp_path / "work" / "link.py"
    link.symlink_to(target)
    old = os.umask(0o027)
    try:
        assert flowpack("pull", "hello/d", "-o", "link.py").status == 0
    finally:
        os.umask(old)
    assert link.is_symlink()
    assert target.read_bytes() == script.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("where", ["store", "missing/x.py", "x" * 300, "a\0b"])
def test_pull_to_nowhere(flowpack, hello, where, tmp_path):
    """What cannot be written is one clean error and leaves nothing behind."""
    done = flowpack("pull", "hello/d", "-o", where)
    assert (done.status, done.out) == (1, "")
    assert os.listdir(tmp_path / "work") == ["store"]


@pytest.mark.parametrize("option", ["--json", "--force"])
def test_pull_options_need_a_file(flowpack, option):
    """The JSON of bytes on standard output would be a second thing there."""
    assert flowpack("pull", "hello/d", option).status == 2


def damage(hello, tmp_path):
    path = tmp_path / "work" / "store" / hello["key"]
    path.chmod(0o600)
    path.write_text("print('changed')")


@pytest.mark.parametrize("command", ["pull", "run"])
def test_changed_bytes_are_not_used(flowpack, hello, tmp_path, command):
    """Damaged bytes are neither written out nor run."""
    damage(hello, tmp_path)
    done = flowpack(command, "hello/d")
    assert (done.status, done.out) == (1, "")
    assert hello["sha256"] in done.err


def test_unverified(flowpack, tmp_path):
    """Bytes without a digest are only taken with --unverified."""
    register("f", "d", DataDocument.encode("text", "x = 1\n"))
    done = flowpack("pull", "f/d", "-o", "x.py")
    assert (done.status, done.out) == (1, "")
    assert "--unverified" in done.err
    shown = flowpack("pull", "f/d", "-o", "x.py", "--unverified", "--json").json
    assert shown["verified"] is False
    assert (tmp_path / "work" / "x.py").read_text() == "x = 1\n"


def test_delete(flowpack, hello, tmp_path):
    """The deployment goes, what it stored stays."""
    done = flowpack("delete", "hello/d")
    assert (done.status, done.out) == (0, "deleted hello/d\n")
    assert flowpack("delete", "hello/d").status == 1
    assert (tmp_path / "work" / "store" / hello["key"]).exists()


def test_delete_as_json(flowpack, hello):
    """The JSON names what was deleted."""
    shown = flowpack("delete", "hello/d", "--json").json
    assert shown == {"id": hello["id"], "name": "hello/d", "action": "deleted"}


def test_pause_and_resume(flowpack, hello):
    """The schedule is switched off and on again."""
    paused = flowpack("pause", "hello/d")
    assert paused.out == "paused hello/d\n"
    assert "hello/d has the schedule cron 0 6 * * *\n" in paused.err
    assert flowpack("ls", "--json").json[0]["active"] is False
    resumed = flowpack("resume", "hello/d", "--schedules", "--json")
    assert "inactive" not in resumed.err
    shown = resumed.json
    assert shown == {"id": hello["id"], "name": "hello/d", "action": "resumed"}
    assert flowpack("ls", "--json").json[0]["active"] is True


def test_pause_without_a_schedule(flowpack, script):
    """Pausing what has no schedule is done, with a note."""
    flowpack("deploy", script, "-n", "d", "--storage", "file:store")
    done = flowpack("pause", "hello/d")
    assert done.status == 0
    assert "hello/d has no schedule now" in done.err


@pytest.mark.parametrize(
    "command", ["inspect", "delete", "pause", "resume", "run", "pull", "trigger", "verify"]
)
def test_what_deployment_was_meant(flowpack, script, command):
    """A deployment that is not there is refused with the names that are close."""
    done = flowpack("deploy", script, "-n", "nightly", "--storage", "file:store")
    assert done.status == 0
    done = flowpack(command, "hello/nihgtly")
    assert (done.status, done.out) == (1, "")
    assert "did you mean 'hello/nightly'?" in done.err
    assert "did you mean" not in flowpack(command, "some/thing").err


TYPES = """\
import datetime
from typing import Dict, List, Literal, Optional

from flowpack import flow


@flow
def typed(
    a: str,
    n: int = 3,
    when: Optional[datetime.datetime] = None,
    kind: Literal["x", "y"] = "x",
    rows: List[int] = [1],
    more: Dict[str, str] = {},
    any=None,
):
    raise SystemExit
"""


def test_inspect_reads_the_schema_from_the_script(flowpack, tmp_path):
    """The server keeps none; the stored script, verified, says what the parameters are."""
    script = tmp_path / "typed.py"
    script.write_text(TYPES)
    flowpack("deploy", script, "-n", "d", "--storage", "file:store")
    schema = flowpack("inspect", "typed/d", "--json").json["parameter_openapi_schema"]
    assert schema["required"] == ["a"]
    lines = flowpack("inspect", "typed/d").out.splitlines()
    assert [line.split(None, 1)[1] for line in lines if line.startswith("schema.")] == [
        "string, required",
        "integer, default 3",
        "string (date-time) or null, default null",
        'one of ["x", "y"], default "x"',
        "array of integer, default [1]",
        "object, default {}",
        "any, default null",
    ]


def test_inspect_when_the_script_is_gone(flowpack, hello, tmp_path):
    """All else is shown, and a note says why the schema is not."""
    shutil.rmtree(tmp_path / "work" / "store")
    done = flowpack("inspect", "hello/d", "--json")
    assert done.status == 0 and done.json["parameter_openapi_schema"] is None
    assert done.json["pull"] == "agents and flowpack run read it from the storage block"
    assert "note: which parameters it takes is not known: File Storage" in done.err


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        (None, {}),
        ([], {}),
        ({"properties": [1]}, {}),
        ({"properties": {"a": 1, "b": {"type": 7}}, "required": 3}, {"b": "7"}),
        ({"properties": {"a": {"anyOf": [{"$ref": "#/d/Cat"}, {}]}}}, {"a": "Cat or any"}),
        ({"properties": {"a": {"allOf": [{"allOf": [[]]}]}}}, {"a": "any"}),
        ({"properties": {"a": {"type": ["string", "null"]}}}, {"a": "string or null"}),
    ],
    ids=str,
)
def test_describe_schema(schema, shown):
    """Whatever others wrote there."""
    assert describe_schema(schema) == shown
