"""Ids, names, schedules, tags and files of specs of a hostile kind, as tables."""

from __future__ import annotations

import json
import math
import uuid
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any
from urllib.parse import unquote

import pytest

from flowpack import (
    Client,
    CronSchedule,
    DeploymentSpec,
    FileStorageBlock,
    IntervalSchedule,
    KVServerStorageBlock,
    LocalStorageBlock,
    RRuleSchedule,
    S3StorageBlock,
    deploy,
    get_client,
    load_flow_from_deployment,
    plan,
)
from flowpack.cli import main
from flowpack.deployments.specfiles import load_specs
from flowpack.exceptions import (
    DeploymentValidationError,
    FlowpackError,
    IdentifierError,
    ObjectNotFound,
    SettingsError,
    StorageIntegrityError,
    printable,
)
from flowpack.transport import Response
from tests.trust.invariants import objects_in
from tests.trust.test_bad_input import COMMANDS, World, clean, nest


@pytest.fixture
def here(tmp_path):
    world = World(tmp_path)
    yield world
    world.client.close()


class Mute:
    """Cannot say what it is."""

    def __repr__(self):
        raise RuntimeError("no")


UTC = timezone.utc
MUTE: Any = Mute()
DEEP = nest(100_000)

CRON = """
    * * * *|* * * * * * * *|60 * * * *|* 24 * * *|* * 0 * *|* * 32 * *|* * * 13 *|
    * * * 0 *|* * * * 8|*/-1 * * * *|*/x * * * *|1- * * * *|-1 * * * *|
    , * * * *|1,,2 * * * *|1/ * * * *|* * * foo *|* * * * funday|1-2-3 * * * *|
    1/2/3 * * * *|@never|@reboot|@|@daily x|* * * * mon#6|* * * * #1|* * 99W * *|
    H * * * *|* * * * *\0|\ud800 * * * *
""".replace("\n", "").split("|")
RULES = """
    FREQ=|INTERVAL=1|FREQ=DAILY;INTERVAL=0|FREQ=DAILY;INTERVAL=-1|FREQ=DAILY;COUNT=0|
    FREQ=DAILY;UNTIL=never|FREQ=DAILY;UNTIL=20201301|FREQ=DAILY;BYHOUR=24|
    FREQ=DAILY;BYDAY=XX|FREQ=DAILY;BYDAY=99MO|FREQ=DAILY;FOO=1|RRULE:|DTSTART:20200101|EXRULE:FREQ=DAILY|
    FREQ=DAILY;;|FREQ=DAILY;BYDAY=,|X:Y|RDATE:x|
    DTSTART;TZID=Mars/X:20200101T000000 FREQ=DAILY|FREQ=DAILY;INTERVAL=99999999999
""".replace("\n", "").split("|")
SCHEDULES = {
    **{f"cron {text}": partial(CronSchedule, text.strip()) for text in CRON},
    **{f"rrule {text}": partial(RRuleSchedule, text.strip()) for text in RULES},
    "cron_all_wrong": lambda: CronSchedule(" ".join([COMMANDS[0] * 150] * 6)),
    "cron_thing": lambda: CronSchedule(MUTE),
    "rrule_many_lines": lambda: RRuleSchedule("X:Y\n" * 2000),
    "rrule_many_parts": lambda: RRuleSchedule("FREQ=DAILY;" * 900),
    "interval_infinite": lambda: IntervalSchedule(math.inf),
    "interval_large": lambda: IntervalSchedule(10**400),
    "interval_tiny": lambda: IntervalSchedule(timedelta(microseconds=1)),
    "interval_huge_iso": lambda: IntervalSchedule("P" + "9" * 50 + "D"),
    "interval_true": lambda: IntervalSchedule(True),
    "interval_deep": lambda: IntervalSchedule(DEEP),
    "interval_thing": lambda: IntervalSchedule(MUTE),
    "anchor_no_date": lambda: IntervalSchedule(60, anchor_date="2020-02-30T00:00:00Z"),
    "anchor_no_hour": lambda: IntervalSchedule(60, anchor_date="2020-01-01T25:00:00Z"),
    "anchor_offset": lambda: IntervalSchedule(60, anchor_date="2020-01-01T00:00+99"),
    "anchor_naive": lambda: IntervalSchedule(60, anchor_date=datetime(2020, 1, 1)),
    "anchor_first": lambda: IntervalSchedule(
        60,
        anchor_date=datetime.min.replace(tzinfo=UTC),
        timezone="America/New_York",
    ),
    "anchor_last": lambda: IntervalSchedule(
        60, anchor_date=datetime.max.replace(tzinfo=UTC), timezone="Asia/Tokyo"
    ),
    "zone_folder": lambda: CronSchedule("* * * * *", timezone="Europe"),
    "zone_table": lambda: CronSchedule("* * * * *", timezone="zone.tab"),
    "zone_above": lambda: CronSchedule("* * * * *", timezone="Etc/../UTC"),
    "zone_bytes": lambda: CronSchedule(
        "* * * * *", timezone=b"UTC"  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=map(ascii, SCHEDULES))
def test_schedule_that_never_could_be(make):
    """It is refused where it is written, in few words."""
    with pytest.raises(DeploymentValidationError) as caught:
        make()
    assert len(clean(caught.value).encode()) <= 2048


def endless():
    while True:
        yield "a"


FIELDS = {
    "tags_mixed": {"tags": {"a", 1}},
    "tags_none": {"tags": frozenset({"a", None})},
    "tags_endless": {"tags": endless()},
    "tags_range": {"tags": range(10**12)},
    "tags_mute": {"tags": [MUTE]},
    "schedule_two_kinds": {"schedule": {"cron": "* * * * *", "interval": 5}},
    "schedule_no_kind": {"schedule": {}},
    "schedule_key": {"schedule": {"cron": "* * * * *", "x" * 5000: 1}},
    "schedule_mute_key": {"schedule": {"cron": "* * * * *", MUTE: 1}},
    "schedule_deep": {"schedule": {"interval": DEEP}},
    "schedule_deep_flag": {"schedule": {"cron": "* * * * *", "day_or": DEEP}},
    "runner_keys": {"flow_runner": {f"key {i}" * 20: 1 for i in range(500)}},
    "runner_fields": {
        "flow_runner": {
            "type": "docker",
            "config": {f"key {i}" * 20: 1 for i in range(500)},
        }
    },
    "runner_env": {
        "flow_runner": {"type": "docker", "config": {"env": {"a\0": "b"}}}
    },
    "limit_true": {"concurrency_limit": True},
    "limit_zero": {"concurrency_limit": 0},
    "labels_deep": {"labels": {"a": [DEEP]}},
    "labels_nan": {"labels": {"a": math.nan}},
    "paused_text": {"paused": "yes"},
    "flow_function": {"flow": lambda: 1},
    "packager_text": {"packager": "script"},
    "entrypoint": {"entrypoint": "hello", "flow_location": None},
    "parameters_mute": {"parameters": {"a": MUTE}},
    "parameters_below": {"parameters": {"a": [{"b": {1: 2}}]}},
    "parameters_nan_below": {"parameters": {"a": [0, {"b": math.nan}]}},
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_field_that_cannot_be(here, fields):
    """The error names the field and is bounded; nothing is written."""
    before = objects_in(here.folder / "store")
    with pytest.raises(DeploymentValidationError) as caught:
        here.deploy(**fields)
    told = clean(caught.value)
    assert len(told.encode()) <= 2048
    assert any(name.split("_")[-1] in told for name in fields)
    assert here.transport.writes() == [] and objects_in(here.folder / "store") == before


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": math.nan}, "at a: nan is not JSON"),
        ({"a": {"b": [1, -math.inf]}}, "at a.b[1]: -inf is not JSON"),
        ({"a": [{"b": {1: 2}}]}, "at a[0].b: a key of type int is not JSON"),
        ({"a": [0, {1, 2}]}, "at a[1]: a value of type set is not JSON"),
        ({"a": "\ud800"}, "at a: the text holds half a surrogate pair"),
    ],
)
def test_value_that_is_not_json(here, value, where):
    """The error says which value it is, and its path."""
    with pytest.raises(DeploymentValidationError, match="parameters: ") as caught:
        here.deploy(parameters=value)
    assert where in str(caught.value)


BLOCKS = {
    "folder": lambda value: LocalStorageBlock(value),
    "base_path": lambda value: FileStorageBlock(value),
    "key_type": lambda value: FileStorageBlock("/x", key_type=value),
    "options": lambda value: FileStorageBlock("/x", options=value),
    "api_address": lambda value: KVServerStorageBlock(value),
    "bucket": lambda value: S3StorageBlock(bucket=value),
    "secret": lambda value: S3StorageBlock(bucket="b", aws_secret_access_key=value),
}


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("value", [5, [1], True, MUTE], ids=["5", "[]", "t", "m"])
def test_value_that_no_block_has(make, value):
    """It is an error of ours, and of Python's kind for wrong arguments, too."""
    with pytest.raises(FlowpackError) as caught:
        make(value)
    assert isinstance(caught.value, TypeError)
    clean(caught.value)


@pytest.mark.parametrize("specs", [5, "abc", [None], b"x", [{}]], ids=ascii)
def test_what_is_no_spec(here, specs):
    """Deploying and planning something else is told as that."""
    for do in (deploy, plan):
        with pytest.raises(DeploymentValidationError, match="expected deployment"):
            do(specs, here.client)


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, "soon", [], True])
def test_timeout_that_is_none(timeout):
    """The argument is held against the rule of the setting."""
    with pytest.raises(SettingsError, match="timeout .* number of seconds"):
        get_client("http://127.0.0.1:9/api", timeout=timeout)


NO_NAMES = ["", "x", "a/", "/b", "a/b/c", None, 5, b"a/b", "a/\ud800", MUTE]


@pytest.mark.parametrize("name", NO_NAMES, ids=lambda name: printable(name))
def test_what_names_no_deployment(here, name):
    """It is told before anything is asked for it."""
    for ask in (
        lambda: load_flow_from_deployment(name, here.client),
        lambda: here.client.read_deployment_by_name(name),
    ):
        with pytest.raises(IdentifierError) as caught:
            ask()
        clean(caught.value)
    assert here.transport.calls() == []


IDS = ["", "x", None, 5, b"x", "\0", "\ud800", "x" * 100_000, "../..", COMMANDS, MUTE]
BY_ID = """
    read_flow read_deployment delete_deployment read_flow_run read_block_document
    delete_block_document set_default_storage_block_document
""".split()


@pytest.mark.parametrize("method", BY_ID)
def test_what_is_no_id(here, method):
    """It is told before anything is sent."""
    for value in IDS:
        with pytest.raises(IdentifierError, match="is no id") as caught:
            getattr(here.client, method)(value)
        clean(caught.value)
    assert here.transport.calls() == []


@pytest.mark.parametrize(
    "digest",
    ["", "abc", "z" * 64, "0" * 65, "sha256:" + "0" * 64, " " + "0" * 64, 5, b"0" * 64],
    ids=ascii,
)
def test_pin_that_is_no_digest(here, digest):
    """What cannot be a SHA-256 is told, and is no matter of changed bytes."""
    here.deploy()
    with pytest.raises(IdentifierError, match="64 hexadecimal digits"):
        load_flow_from_deployment("hello/d", here.client, sha256=digest)


def test_pin(here):
    """Only the bytes of the digest that is asked for are run, in any case of it."""
    done = here.deploy()
    for digest in (done.sha256, done.sha256.upper()):
        flow = load_flow_from_deployment("hello/d", here.client, sha256=digest)
        assert flow() == "Hello world!"
    for unverified in (False, True):
        with pytest.raises(StorageIntegrityError, match="f" * 64):
            load_flow_from_deployment(
                "hello/d", here.client, sha256="f" * 64, unverified=unverified
            )


class Listening:
    """A server of some release that knows nothing, and keeps what it was asked."""

    url, embedded = "http://127.0.0.1/api", False

    def __init__(self, version):
        self.version, self.paths = version, []

    def send(self, request):
        self.paths.append(request.path)
        if request.path == "/admin/version":
            return Response(200, json.dumps(self.version).encode())
        return Response(404, b'{"detail": "not found"}')

    def close(self):
        """There is nothing to close."""


ODD_NAMES = (
    "a b|d?x=1|d#x|..|.|...|a..b|\u00fcml\u00e4ut|\U0001f600|a+b|a;b|'|\"|a\\b|{x}|"
    "$HOME|-n|a:b|~|*|[x]|%41|a\u00a0b|\x1b[31m|\u202e|a\nb|a=b|a@b|a,b"
).split("|")


@pytest.mark.parametrize("version", ["2.0b7", "3.8.8"])
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_name_in_a_path(version, name):
    """Each name is one segment, percent-encoded, which says the name again."""
    server = Listening(version)
    client = Client(transport=server)
    with pytest.raises(ObjectNotFound) as caught:
        client.read_deployment_by_name(f"{name}/{name}")
    clean(caught.value)
    _, flow_name, deployment_name = server.paths[-1].rsplit("/", 2)
    assert (unquote(flow_name), unquote(deployment_name)) == (name, name)
    assert flow_name.isascii() and not set(flow_name) & set(" ?#/\\\n\x1b")
    assert flow_name.strip(".")


GOOD = {"name": "d", "flow_location": "hello.py", "flow_storage": "file:store"}


def spec(**fields):
    return json.dumps({**GOOD, **fields})


def spec_with(text):
    """Return a spec with *text*, which need not be JSON, as a parameter."""
    return spec()[:-1] + ', "parameters": {"a": ' + text + "}}"


YAML = "name: d\nflow_location: hello.py\nflow_storage: file:store\n"
BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 30)
)
SPECS = {
    "json": {
        "empty": "",
        "null": "null",
        "numbers": "[1, 2]",
        "many_numbers": json.dumps([5] * 100_000),
        "lists": "[[{}]]",
        "cut": spec()[:-2],
        "two": spec() + spec(),
        "comma": f"[{spec()},]",
        "nul": spec() + "\0",
        "nan": spec_with("NaN"),
        "infinite": spec_with("[1, -Infinity]"),
        "large": spec_with("1e999"),
        "digits": spec_with("9" * 5000),
        "twice": spec_with('1, "a": 2'),
        "deep_value": spec_with("[" * 5000 + "]" * 5000),
        "deep": "[" * 100_000,
        "deep_objects": '{"a":' * 100_000,
        "surrogate": spec(name="\ud800"),
        "unknown_key": spec(nmae="x"),
        "long_key": spec(**{"k" * 100_000: 1}),
        "many_keys": spec(**{f"key {i}" * 9: 1 for i in range(500)}),
        "many_specs": json.dumps([{**GOOD, "name": "a/b" * 99}] * 300),
        "commands": spec(**{COMMANDS: 1}),
        "zeroes": spec(flow_location="/dev/zero"),
        "above": spec(flow_location="../../../../../etc/passwd"),
        "storage": spec(flow_storage="x://y"),
        "block": spec(flow_storage="block:a/b"),
        "runner": spec(flow_runner="x"),
        "page": "<html>",
        "long": " " * 3_000_000,
        "backslashes": '{"a":"' + "\\" * 1_000_001,
        "same_names": f"[{spec()}, {spec()}]",
    },
    "yaml": {
        "empty": "",
        "scalar": "x",
        "cut": "a: [",
        "tab": "a:\n\t- x",
        "twice": YAML + "name: x\n",
        "object": YAML + "description: !!python/object/apply:os.system ['touch x']\n",
        "function": YAML + "description: !!python/name:os.system\n",
        "own_tag": YAML + "description: !foo x\n",
        "bomb": BOMB + YAML,
        "bomb_below": YAML + "parameters:\n  " + BOMB.replace("\n", "\n  "),
        "loop": YAML + "parameters: &a {x: *a}\n",
        "merged_loop": YAML + "parameters: &a\n  <<: *a\n",
        "no_anchor": YAML + "parameters: *nope\n",
        "deep": "[" * 100_000,
        "deep_objects": "{a: " * 5000,
        "deep_lists": "- " * 5000 + "x",
        "deep_lines": "".join(" " * i + "a:\n" for i in range(1500)),
        "nan": YAML + "parameters: {a: .nan}\n",
        "octal": YAML + "parameters: {a: 010}\n",
        "minutes": YAML + "parameters: {a: 1:30}\n",
        "no": YAML + "parameters: {a: no}\n",
        "date": YAML + "parameters: {a: 2020-01-01}\n",
        "number_key": YAML + "parameters: {1: a}\n",
        "list_key": YAML + "parameters:\n  ? [a, b]\n  : 1\n",
        "digits": YAML + f"parameters: {{a: {'9' * 5000}}}\n",
        "directive": "%FOO\n---\n",
        "long_key": f"{YAML}{'k' * 100_000}: x\n",
        "questions": "? " * 3000,
        "dashes": "-" * 100_000,
        "same_names": f"{YAML}---\n{YAML}",
    },
    "py": {
        "none": "from flowpack import DeploymentSpec\n",
        "exits": "raise SystemExit(0)\n",
        "leaves": "raise GeneratorExit\n",
        "any": "raise BaseException('x')\n",
        "recursion": "def f(): f()\nf()\n",
        "long_error": "raise ValueError('x\\x1b' * 1_000_000)\n",
        "many_facts": "raise ValueError(*range(100_000))\n",
        "mute_error": "class E(Exception):\n    def __str__(self): 1 / 0\nraise E\n",
        "no_import": "import no_such_module_at_all\n",
        "syntax": "def :\n",
        "many_specs": (
            "from flowpack import DeploymentSpec\nfor i in range(300):\n"
            "    DeploymentSpec(name='d', flow_location='gone%d.py' % i)\n"
        ),
    },
}
FILES = [
    pytest.param(f"specs.{kind}", text, id=f"{kind}-{name}")
    for kind, texts in SPECS.items()
    for name, text in texts.items()
]


@pytest.mark.parametrize(("name", "text"), FILES)
def test_file_of_specs(here, monkeypatch, capsys, name, text):
    """What it gets wrong is told in little, from Python and on the command line."""
    if name.endswith("yaml"):
        pytest.importorskip("yaml")
    monkeypatch.chdir(here.folder)
    (here.folder / name).write_text(text)
    with pytest.raises(FlowpackError) as caught:
        deploy(load_specs(name), here.client)
    assert len(clean(caught.value).encode()) <= 2048
    assert here.transport.writes() == [] and not (here.folder / "store").exists()
    assert main(["deploy", name, *(["--spec"] if name.endswith("py") else [])]) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert len(told[told.rindex("flowpack: error:") :].encode()) <= 2048
    assert not (here.folder / "store").exists()


def plan_with(**fields):
    return json.dumps(
        {"actions": [{"flow_name": "hello", "name": "d", "kind": "create", **fields}]}
    )


PLANS = {
    "empty": "",
    "null": "null",
    "object": "{}",
    "cut": '{"actions": [',
    "numbers": '{"actions": [5]}',
    "no_fields": '{"actions": [{}]}',
    "deep": "[" * 100_000,
    "deep_value": plan_with()[:-3] + ', "x": ' + "[" * 900 + "]" * 900 + "}]}",
    "nan": plan_with(kind=math.nan),
    "digits": plan_with()[:-3] + ', "x": ' + "9" * 5000 + "}]}",
    "names": plan_with(flow_name=5, name=[]),
    "commands": plan_with(flow_name=COMMANDS),
    "changes": plan_with(changes=[5, {"field": []}, {"field": {"a": 1}}]),
    "long_values": plan_with(kind="x" * 100_000, upload="y" * 100_000),
    "many_fields": plan_with(**{f"k{i}" * 9: "v" * 500 for i in range(2000)}),
    "many_actions": json.dumps(
        {
            "actions": [
                {"flow_name": f"f{i}" * 9, "name": "d", "kind": "create"}
                for i in range(2000)
            ]
        }
    ),
}


@pytest.mark.parametrize("text", PLANS.values(), ids=PLANS)
def test_plan_file(here, monkeypatch, capsys, text):
    """A plan that is none, or of something else, stops the deploy in few words."""
    monkeypatch.chdir(here.folder)
    (here.folder / "plan").write_text(text)
    arguments = ["deploy", "hello.py", "-n", "d", "--storage", "store"]
    assert main([*arguments, "--plan-file", "plan"]) == 1
    told = capsys.readouterr().err
    assert len(told.encode()) <= 2048
    assert told.replace("\n", "").isprintable() and "Traceback" not in told
    assert not (here.folder / "store").exists()


@pytest.mark.parametrize("planned", [5, b"x", [], {}, "x"], ids=ascii)
def test_plan_of_another_kind(here, planned):
    """From Python, too."""
    with pytest.raises(FlowpackError, match="this is no plan"):
        spec = DeploymentSpec(flow_location=here.script, name="d")
        deploy(spec, here.client, planned=planned)


def test_every_id_is_taken():
    """An id in any spelling of a UUID is one, so that what is none is told apart."""
    server = Listening("2.0b7")
    client = Client(transport=server)
    for text in (str(uuid.UUID(int=5)), uuid.UUID(int=5).hex, uuid.UUID(int=5)):
        with pytest.raises(ObjectNotFound):
            client.read_flow(text)
    assert len(set(server.paths[1:])) == 1
