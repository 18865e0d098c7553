"""Hostile input: it works, or is one clean error and nothing was written."""

from __future__ import annotations

import json
import math
import random
import sys
import uuid
from datetime import datetime, timedelta
from typing import Any, Dict, List

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
    deploy,
    get_client,
    load_flow_from_deployment,
)
from flowpack.cli import main
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import FlowpackError
from flowpack.settings import load_settings
from flowpack.transport import Response
from tests.clients import SCRIPT, Counting
from tests.trust.invariants import objects_in

#: What a terminal or a log would obey.
COMMANDS = "\x1b[31m\x07\r\n\u202e\u2028\u200b\ud800"


def clean(error):
    """Assert what every message promises: bounded, and safe to print."""
    told = str(error)
    assert 0 < len(told) < 4000
    lines = told.replace("\n  - ", "").replace("\n", "")
    assert lines.isprintable(), told
    return told


class World:
    """The embedded API, watched, and a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.transport = Counting(EmbeddedTransport(folder / "flowpack.db"))
        self.client = Client(transport=self.transport)
        self.script = folder / "hello.py"
        self.script.write_text(SCRIPT)

    def deploy(self, **fields):
        fields.setdefault("flow_location", self.script)
        fields.setdefault("flow_storage", FileStorageBlock(str(self.folder / "store")))
        fields.setdefault("name", "d")
        return deploy(DeploymentSpec(**fields), self.client)[0]

    def attempt(self, **fields):
        """Deploy; return what came of it, or None after a clean error."""
        before = objects_in(self.folder / "store")
        self.transport.sent.clear()
        try:
            return self.deploy(**fields)
        except FlowpackError as exc:
            clean(exc)
        assert self.transport.writes() == []
        assert objects_in(self.folder / "store") == before
        return None


@pytest.fixture
def here(tmp_path):
    world = World(tmp_path)
    yield world
    world.client.close()


HEAD = b"from flowpack import flow\n"
WORKS = {
    "bom": b"\xef\xbb\xbf" + SCRIPT.encode(),
    "crlf": SCRIPT.replace("\n", "\r\n").encode(),
    "cr": SCRIPT.replace("\n", "\r").encode(),
    "latin-1": b"# -*- coding: latin-1 -*-\n" + SCRIPT.encode() + b"# \xe9\n",
    "no_end": SCRIPT.rstrip("\n").encode(),
    "tabs": SCRIPT.replace("    ", "\t").encode(),
    "form_feed": b"\x0c\n" + SCRIPT.encode(),
    "unicode": SCRIPT.encode() + "# \u202e \U0001f600\n".encode(),
    "long_line": SCRIPT.encode() + b"x = '" + b"x" * 1_000_000 + b"'\n",
    "many_lines": SCRIPT.encode() + b"x = 1\n" * 100_000,
    "exits_when_run": SCRIPT.encode() + b"raise SystemExit(3)\n",
    "loops_when_run": SCRIPT.encode() + b"while True: pass\n",
    "unknown_import": b"import no_such_module_at_all\n" + SCRIPT.encode(),
}
REFUSED = {
    "empty": b"",
    "space": b" \n\t\n",
    "syntax": b"def :\n",
    "nul": SCRIPT.encode() + b"\0",
    "not_text": b"\xff\xfe\x00\x01",
    "wrong_cookie": b"# coding: no-such-codec\n" + SCRIPT.encode(),
    "utf16": SCRIPT.encode("utf-16"),
    "no_flow": b"x = 1\n",
    "deep": HEAD + b"x = " + b"(" * 5000 + b")" * 5000 + b"\n",
    "deep_minus": HEAD + b"x = " + b"-" * 100_000 + b"1\n",
    "deep_list": HEAD + b"x = " + b"[" * 99_000 + b"\n",
    "deep_attributes": HEAD + b"x = a" + b".a" * 100_000 + b"\n",
    "large_int": HEAD + b"x = " + b"9" * 10_000 + b"\n",
    "two_flows": HEAD + b"@flow\ndef a(): pass\n@flow\ndef b(): pass\n",
    "dynamic_name": HEAD + b"import os\n@flow(name=os.name)\ndef a(): pass\n",
    "in_a_function": HEAD + b"def f():\n    @flow\n    def a(): pass\n",
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07",
    "zip": b"PK\x03\x04" + b"\0" * 100,
    "page": b"<html><body>hello</body></html>",
    "escape": b"\x1b[31m = 1\n",
    "bad_name": HEAD + b"@flow(name='a/b')\ndef a(): pass\n",
    "surrogate_name": HEAD + b"@flow(name='\\ud800')\ndef a(): pass\n",
    "number_name": HEAD + b"@flow(name=5)\ndef a(): pass\n",
}


@pytest.mark.parametrize("content", WORKS.values(), ids=WORKS)
def test_odd_script_is_stored_as_it_is(here, content):
    """Byte for byte, and nothing of it is run."""
    here.script.write_bytes(content)
    done = here.attempt()
    assert objects_in(here.folder / "store") == {done.key: content}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_useless_script_is_refused(here, content):
    """Before anything is written; never by a crash of the parser."""
    here.script.write_bytes(content)
    assert here.attempt() is None


@pytest.mark.parametrize(
    "name", ["gone.py", ".", "hello.py/x", "x" * 300, "a\0b", "\ud800"]
)
def test_script_that_cannot_be_read(here, name):
    """The path is told."""
    assert here.attempt(flow_location=f"{here.folder}/{name}") is None


NAMES = [
    "",
    " ",
    "a/b",
    "a%b",
    "a&b",
    "a<b",
    "a>b",
    "a\0b",
    "a\nb",
    COMMANDS,
    "\ud800",
    "..",
    ".",
    "../../etc/passwd",
    "a" * 5000,
    "\u202eevil",
    "\u200b",
    "a\x7fb",
    "/",
    "%2F",
    None,
    5,
    b"d",
    ["d"],
    float("nan"),
    object(),
]
GOOD_NAMES = [
    "d?x=1",
    "d#x",
    "a b",
    "ümläut",
    "\U0001f600",
    "a+b",
    "a;b",
    "'",
    '"',
    "a\\b",
    "{x}",
    "$HOME",
    "`id`",
    "-n",
    "a:b",
    "~",
    "...",
    "a..b",
]


@pytest.mark.parametrize("name", NAMES + GOOD_NAMES, ids=lambda name: ascii(name)[:30])
def test_odd_name(here, name):
    """What is accepted is found again by its name; the rest is refused."""
    try:
        done = here.attempt(name=name)
    except (TypeError, ValueError) as exc:
        clean(exc)
        assert not isinstance(name, str)
        return
    if done is None:
        assert name not in GOOD_NAMES
        return
    assert done.name == (name or "hello")
    assert here.client.read_deployment_by_name(f"hello/{done.name}").id == done.id
    assert here.attempt(name=name).action == "unchanged"


def nest(depth):
    value: List[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def loop():
    value: Dict[str, Any] = {}
    value["x"] = value
    return value


PARAMETERS = {
    "nan": {"name": math.nan},
    "infinity": {"name": [math.inf]},
    "object": {"name": object()},
    "bytes": {"name": b"x"},
    "set": {"name": {1}},
    "tuple_key": {"name": {(1, 2): 3}},
    "number_key": {5: 1},
    "deep": {"name": nest(100_000)},
    "endless": {"name": loop()},
    "surrogate": {"name": "\ud800"},
    "large_int": {"name": 10**5000},
    "datetime": {"name": datetime.now()},
    "class": {"name": int},
    "no_mapping": [1],
    "text": "name=x",
    "commands": {COMMANDS: object()},
}


@pytest.mark.parametrize("value", PARAMETERS.values(), ids=PARAMETERS)
def test_odd_parameters(here, value):
    """JSON only; the path of what is none is told."""
    assert here.attempt(parameters=value) is None


OTHERS = {
    "tags_text": {"tags": "abc"},
    "tags_number": {"tags": [1]},
    "tags_commands": {"tags": [COMMANDS]},
    "tags_nested": {"tags": [["a"]]},
    "schedule_text": {"schedule": "daily"},
    "schedule_number": {"schedule": 60},
    "storage_text": {"flow_storage": "s3:"},
    "storage_class": {"flow_storage": FileStorageBlock},
    "storage_unknown": {"flow_storage": uuid.uuid4()},
    "runner_text": {"flow_runner": "no such runner"},
    "runner_number": {"flow_runner": 5},
    "location_number": {"flow_location": 5},
    "location_scheme": {"flow_location": "ftp://127.0.0.1/x.py"},
    "location_link_local": {"flow_location": "http://127.0.0.1:1\r\n/x.py"},
    "flow_name_unknown": {"flow_name": COMMANDS},
    "description_number": {"description": 5},
    "version_list": {"version": [1]},
}


@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
def test_odd_fields(here, fields):
    """Each other field of a spec is held against its type."""
    try:
        done = here.attempt(**fields)
    except (TypeError, ValueError) as exc:
        clean(exc)
        assert here.transport.writes() == []
    else:
        assert done is None or "commands" in str(fields)


SCHEDULES = {
    "cron_empty": lambda: CronSchedule(""),
    "cron_words": lambda: CronSchedule("every day at noon"),
    "cron_range": lambda: CronSchedule("99 * * * *"),
    "cron_step": lambda: CronSchedule("*/0 * * * *"),
    "cron_long": lambda: CronSchedule("1," * 100_000 + "1 * * * *"),
    "cron_commands": lambda: CronSchedule(COMMANDS),
    "cron_none": lambda: CronSchedule(None),  # type: ignore[arg-type]
    "zone": lambda: CronSchedule("* * * * *", timezone="Mars/Base"),
    "zone_path": lambda: CronSchedule("* * * * *", timezone="../../etc/passwd"),
    "zone_long": lambda: CronSchedule("* * * * *", timezone="x" * 10_000),
    "zone_nul": lambda: CronSchedule("* * * * *", timezone="a\0"),
    "interval_zero": lambda: IntervalSchedule(timedelta(0)),
    "interval_negative": lambda: IntervalSchedule(timedelta(-1)),
    "interval_text": lambda: IntervalSchedule("soon"),
    "interval_nan": lambda: IntervalSchedule(math.nan),
    "rrule_empty": lambda: RRuleSchedule(""),
    "rrule_words": lambda: RRuleSchedule("FREQ=SOMETIMES"),
    "rrule_many": lambda: RRuleSchedule("FREQ=SECONDLY;COUNT=" + "9" * 5000),
    "rrule_commands": lambda: RRuleSchedule(COMMANDS),
}


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_odd_schedule(make):
    """What no server would take is refused where it is written."""
    with pytest.raises((FlowpackError, ValueError, TypeError)) as caught:
        make()
    clean(caught.value)


TOKENS = [
    "",
    ".",
    "..",
    "/etc/hostname",
    "../outside",
    "a/../../outside",
    "%2e%2e%2foutside",
    "..\\outside",
    "\0",
    "a\0b",
    "x" * 5000,
    "\ud800",
    "//etc/hostname",
    "file:///etc/hostname",
    "~/x",
    "$HOME",
    "a\nb",
    "http://127.0.0.1:1/x",
    "C:\\x",
    "/dev/zero",
    "/proc/self/environ",
    "?x",
    "#x",
    "\u2025/x",
    "store/../../outside",
    "./../outside",
    "a//../..",
    "-",
    COMMANDS,
    "0" * 64,
    "/" + "0" * 64,
    "..;/x",
    "%00",
    "..%c0%af",
    "．．/x",
]


@pytest.mark.parametrize("kind", ["local", "file", "http", "kv"])
def test_token_reads_nothing_outside(tmp_path, kind):
    """Every hostile token is refused and opens nothing outside the storage."""
    (tmp_path / "outside").write_text("outside")
    store = tmp_path / "store"
    store.mkdir()
    block = {
        "local": lambda: LocalStorageBlock(str(store)),
        "file": lambda: FileStorageBlock(str(store)),
        "http": lambda: FileStorageBlock("http://127.0.0.1:9/dav"),
        "kv": lambda: KVServerStorageBlock("http://127.0.0.1:9/kv"),
    }[kind]()
    opened: List[Any] = []

    def watch(event, arguments):
        if watching and event == "open" and isinstance(arguments[0], (str, bytes)):
            opened.append(arguments[0])

    watching = False
    sys.addaudithook(watch)
    with pytest.raises(FlowpackError):
        block.read("..")  # Imports what is imported late.
    watching = True
    plain = {"0" * 64, "-"}
    for token in set(TOKENS) - plain:
        with pytest.raises(FlowpackError) as caught:
            block.read(token)
        clean(caught.value)
    watching = False
    assert [path for path in opened if not str(path).startswith(str(store))] == []


URLS = [
    "127.0.0.1:4200/api",
    "ftp://127.0.0.1/api",
    "http://",
    "http:///api",
    "http://127.0.0.1:x/api",
    "http://127.0.0.1:99999/api",
    "http://127.0.0.1:1/api\r\nX: y",
    "http://a b/api",
    "http://\0/",
    "http://[::1/api",
    "http://127.0.0.1/api?x=1",
    "http://127.0.0.1/api#x",
    "javascript:1",
    "http://" + "a" * 5000,
    "http://exa\u202emple/",
    "http://\ud800/",
    "http://..../",
    "file:///etc/passwd",
    "unix:///x",
    "http://127.0.0.1:-1/",
    "http://127.0.0.1:1/%zz",
    "http://xn--\udcff/",
    "://",
    "\x1b[31m",
    "http://127.0.0.1:1\\@evil/",
]


@pytest.mark.parametrize("url", URLS, ids=lambda url: ascii(url)[:30])
def test_odd_api_url(capsys, short_waits, url):
    """It is refused before anything is sent, or nobody is there."""
    assert main(["ls", "--api", url]) in (1, 2)
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert told.replace("\n", "").isprintable()
    assert len(told) < 2000
    for make in (FileStorageBlock, KVServerStorageBlock):
        try:
            repr(make(url))
        except (FlowpackError, ValueError, TypeError) as exc:
            clean(exc)


VALUES = [
    "",
    " ",
    "x",
    "-1",
    "0",
    "1e400",
    "nan",
    "\x1b[31m",
    "true",
    "[]",
    "{",
    "{}",
    "9" * 5000,
    "\udcff",
    "a\nb",
]


@pytest.mark.parametrize(
    "variable",
    [
        "FLOWPACK_API_REQUEST_TIMEOUT",
        "PREFECT_API_KEY",
        "PREFECT_API_AUTH_STRING",
        "PREFECT_CLIENT_CUSTOM_HEADERS",
        "PREFECT_CLIENT_MAX_RETRIES",
        "PREFECT_CLIENT_RETRY_EXTRA_CODES",
        "PREFECT_API_TLS_INSECURE_SKIP_VERIFY",
        "PREFECT_API_SSL_CERT_FILE",
        "SSL_CERT_FILE",
        "FLOWPACK_REQUIRE_SERVER",
        "PREFECT_PROFILE",
        "PREFECT_PROFILES_PATH",
        "FLOWPACK_HOME",
        "HTTP_PROXY",
        "NO_PROXY",
    ],
)
def test_odd_setting(tmp_path, monkeypatch, variable):
    """Each value is of use, or the error names the setting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for value in VALUES:
        monkeypatch.setenv(variable, value)
        try:
            settings = load_settings()
            repr(settings), settings.describe()
            get_client("http://127.0.0.1:9/api").close()
        except FlowpackError as exc:
            clean(exc)


PROFILES = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"active",
    b"active = 5",
    b'active = "gone"',
    b"[profiles]\nx = 5",
    b'active = "p"\n[profiles.p]\nPREFECT_API_URL = 5',
    b'active = "p"\n[profiles.p]\nPREFECT_API_URL = "x"',
    b"[[profiles]]",
    b'profiles = "x"',
    b"a = " + b"[" * 5000,
    b"x = 1\nx = 2",
    b"[profiles.'\\u001b[31m']",
    b"a = 9" + b"9" * 5000,
]


@pytest.mark.parametrize("content", PROFILES, ids=range(len(PROFILES)))
@pytest.mark.parametrize(
    "name", ["profiles.toml", "prefect.toml", "pyproject.toml", ".env"]
)
def test_odd_settings_file(tmp_path, monkeypatch, content, name):
    """A file that is no use is named, and never a traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    try:
        load_settings()
    except FlowpackError as exc:
        assert name in clean(exc)


class Mutating:
    """Answers as another transport does, but for a random change."""

    url = "mutating"
    embedded = False

    def __init__(self, transport, chance):
        self.transport, self.chance = transport, chance

    def send(self, request):
        answer = self.transport.send(request)
        if self.chance.random() < 0.4 and answer.body:
            body = json.dumps(self._changed(json.loads(answer.body))).encode()
            if self.chance.random() < 0.3:
                at = self.chance.randrange(len(body))
                body = body[:at] + bytes([self.chance.randrange(256)]) + body[at + 1 :]
            status = self.chance.choice([answer.status] * 8 + [204, 299, 400, 422, 599])
            return Response(status, body, answer.headers)
        return answer

    def _changed(self, value):
        """Return *value* with one part of it changed, at any depth."""
        chance = self.chance
        if isinstance(value, dict) and value and chance.random() < 0.85:
            key = chance.choice(list(value))
            return {**value, key: self._changed(value[key])}
        if isinstance(value, list) and value and chance.random() < 0.85:
            at = chance.randrange(len(value))
            return [*value[:at], self._changed(value[at]), *value[at + 1 :]]
        return chance.choice(
            [None, "", [], {}, 0, -1, 10**400, True, "x" * 500, COMMANDS, [[]], {"": 1}]
        )

    def close(self):
        """Leave the other one open."""


@pytest.mark.parametrize(
    "count", [150, pytest.param(20_000, marks=pytest.mark.stress)], ids=str
)
def test_mutated_answers(here, count):
    """Whatever an API answers, deploy, load, list and delete are clean."""
    chance = random.Random(count)
    here.deploy()
    transport = Mutating(here.transport, chance)
    spec = DeploymentSpec(
        name="d",
        flow_location=here.script,
        flow_storage=FileStorageBlock(str(here.folder / "store")),
        tags=["x"],
    )
    failed = 0
    for number in range(count):
        client = Client(transport=transport)
        todo = [
            lambda: deploy(spec, client),
            lambda: load_flow_from_deployment("hello/d", client),
            client.read_deployments,
            lambda: client.read_block_documents(anonymous=True),
            client.get_default_storage_block_document,
        ][number % 5]
        try:
            todo()  # type: ignore[operator,unused-ignore]
        except FlowpackError as exc:
            clean(exc)
            failed += 1
    assert failed > count / 10


@pytest.mark.parametrize(
    "count", [300, pytest.param(5000, marks=pytest.mark.stress)], ids=str
)
def test_mutated_profiles(tmp_path, monkeypatch, count):
    """A file of profiles with random damage is read or named."""
    chance = random.Random(count)
    good = b'active = "p"\n[profiles.p]\nPREFECT_API_URL = "http://127.0.0.1/api"\n'
    path = tmp_path / "profiles.toml"
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(path))
    for _ in range(count):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(2)] = bytes([chance.randrange(256)])
        path.write_bytes(bytes(data))
        try:
            load_settings()
        except FlowpackError as exc:
            clean(exc)


ARGUMENTS = [
    [],
    ["deploy"],
    ["deploy", "gone.py"],
    ["deploy", "\0"],
    ["run", "x"],
    ["run", "a/b/c"],
    ["run", "/"],
    ["run", COMMANDS.replace("\0", "")],
    ["inspect", ""],
    ["delete", "a/b"],
    ["pull", "a/b", "-o", "/"],
    ["ls", "--profile", "gone"],
    ["storage", "show", "x"],
    ["storage", "show", COMMANDS],
    ["trigger", "a/b"],
    ["deploy", "{script}", "-n", COMMANDS],
    ["deploy", "{script}", "-n", "d", "-p", "name"],
    ["deploy", "{script}", "-n", "d", "--storage", "x://y"],
    ["deploy", "{script}", "-n", "d", "--cron", "x"],
    ["deploy", "{script}", "-n", "d", "--interval", "nan"],
    ["deploy", "{script}", "-n", "d", "--runner-config", "["],
    ["deploy", "{script}:gone", "-n", "d"],
    ["deploy", "{script}", "-n", "d", "--storage", "block:" + "x" * 5000],
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda each: ascii(each)[:50])
def test_odd_command_line(here, capsys, arguments):
    """Status 1 or 2, one error, and no traceback."""
    given = [each.replace("{script}", str(here.script)) for each in arguments]
    assert main(given) in (1, 2)
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert told.replace("\n", "").replace("\t", "").isprintable(), told
    assert len(told) < 4000
