"""No secret shows, wherever it came from and wherever one may look."""

from __future__ import annotations

import base64
import gc
import http.client
import json
import logging
import traceback
import warnings
from uuid import UUID

import attrs
import pytest

from flowpack import (
    AzureBlobStorageBlock,
    DeploymentSpec,
    FileStorageBlock,
    GoogleCloudStorageBlock,
    KVServerStorageBlock,
    S3StorageBlock,
    deploy,
    get_client,
)
from flowpack.cli import main
from flowpack.exceptions import FlowpackError, WireError
from flowpack.settings import load_settings
from flowpack.transport import Response
from tests.fault_proxy import FaultProxy, reply, status
from tests.http_server import serve
from tests.trust.invariants import CANARY, places_of

BASIC = base64.b64encode(f"{CANARY}:{CANARY}".encode()).decode()

#: The canary as it may stand in text: as it is, or packed into a header.
FORMS = (CANARY, BASIC, BASIC.rstrip("="))


def shown(*texts):
    """Return which forms of the secret stand in *texts*."""
    return [form for form in FORMS for text in texts if form in str(text)]


def everything_about(error):
    """Return all that tools print of an exception, its chain and its variables."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    texts = list(told.format())
    chain = [error]
    seen = set()
    while chain:
        each = chain.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        texts += [repr(each), str(each), repr(each.args), repr(vars(each))]
        chain += [each.__cause__, each.__context__]
    return "".join(texts)


@pytest.fixture
def watched(caplog, monkeypatch, capsys):
    """Collects logs of every level, warnings and what is printed."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")

        def collected():
            captured = capsys.readouterr()
            spoken = [str(each.message) for each in told]
            return "".join([caplog.text, captured.out, captured.err, *spoken])

        yield collected


BLOCKS = {
    "file_headers": lambda url: FileStorageBlock(
        f"{url}/dav", options={"headers": {"Authorization": f"Bearer {CANARY}"}}
    ),
    "file_userinfo": lambda url: FileStorageBlock(
        url.replace("//", f"//{CANARY}:{CANARY}@") + "/dav"
    ),
    "kv_userinfo": lambda url: KVServerStorageBlock(
        url.replace("//", f"//{CANARY}:{CANARY}@") + "/kv"
    ),
    "s3": lambda url: S3StorageBlock(
        bucket="b",
        aws_access_key_id=CANARY,
        aws_secret_access_key=CANARY,
        aws_session_token=CANARY,
    ),
    "gcs": lambda url: GoogleCloudStorageBlock(
        bucket="b", service_account_info={"private_key": CANARY}
    ),
    "azure": lambda url: AzureBlobStorageBlock(
        container="c", connection_string=f"AccountKey={CANARY}"
    ),
}


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)
def test_blocks_show_nothing(make):
    """Neither do specs, which hold them, whichever way they are printed."""
    block = make("http://127.0.0.1:9")
    spec = DeploymentSpec(name="d", flow_location="x.py", flow_storage=block)
    as_dict = attrs.asdict(spec)
    assert shown(repr(block), str(block), f"{block}", "%s" % block) == []
    assert shown(repr(spec), str(spec), f"{spec}", repr(as_dict)) == []
    assert shown(repr(block.definition()), repr(block.public_data())) == []
    assert shown(repr(attrs.asdict(block)), repr(attrs.astuple(block))) == []


SOURCES = {
    "key": {"PREFECT_API_KEY": CANARY},
    "auth_string": {"PREFECT_API_AUTH_STRING": f"{CANARY}:{CANARY}"},
    "headers": {"PREFECT_CLIENT_CUSTOM_HEADERS": json.dumps({"X-Token": CANARY})},
    "userinfo": {"PREFECT_API_URL": f"http://{CANARY}:{CANARY}@127.0.0.1:9/api"},
}


@pytest.mark.parametrize("environ", SOURCES.values(), ids=SOURCES)
def test_settings_show_nothing(monkeypatch, capsys, environ):
    """``flowpack config`` included."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    client = get_client()
    assert main(["config"]) == 0
    assert main(["config", "--json"]) == 0
    printed = capsys.readouterr()
    assert shown(repr(settings), str(settings), settings.describe()) == []
    assert shown(repr(client), client.url, printed.out, printed.err) == []
    client.close()


UNUSABLE = {
    "key": {"PREFECT_API_KEY": f"{CANARY}\r\nX: y"},
    "auth_string": {"PREFECT_API_AUTH_STRING": f"{CANARY}\n:{CANARY}"},
    "headers": {"PREFECT_CLIENT_CUSTOM_HEADERS": f'{{"X-Token": ["{CANARY}"]}}'},
    "headers_no_json": {"PREFECT_CLIENT_CUSTOM_HEADERS": f"X-Token: {CANARY}"},
    "header_value": {"PREFECT_CLIENT_CUSTOM_HEADERS": f'{{"X": "{CANARY}\\n"}}'},
    "userinfo": {"PREFECT_API_URL": f"ftp://{CANARY}:{CANARY}@127.0.0.1:9/api"},
    "query": {"PREFECT_API_URL": f"http://127.0.0.1:9/api?token={CANARY}"},
    "port": {"PREFECT_API_URL": f"http://u:{CANARY}@127.0.0.1:x/api"},
    "timeout": {"PREFECT_API_KEY": CANARY, "PREFECT_API_REQUEST_TIMEOUT": "x"},
    "proxy": {
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "HTTP_PROXY": f"socks9://u:{CANARY}@127.0.0.1:1",
    },
}


@pytest.mark.parametrize("environ", UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_settings_show_nothing(monkeypatch, watched, environ):
    """An error names the setting and never a secret value."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert main(["ls"]) == 1
    assert shown(watched()) == []


@pytest.mark.parametrize(
    "text",
    [
        f"api_key = {CANARY}",
        f'[profiles.p]\nPREFECT_API_KEY = "{CANARY}',
        f'active = "p"\n[profiles.p]\nPREFECT_API_KEY = ["{CANARY}"]',
    ],
)
def test_broken_profiles_show_nothing(tmp_path, monkeypatch, watched, text):
    """Neither a file that cannot be parsed nor a value of a wrong type."""
    profiles = tmp_path / "profiles.toml"
    profiles.write_text(text)
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(profiles))
    assert main(["ls"]) == 1
    assert shown(watched()) == []


def echo(line, shape):
    """Response an error that tells everything that was sent."""

    def fault(visit):
        sent = json.dumps(visit.seen.headers) + visit.seen.body.decode()
        content = {
            "detail": {"detail": sent},
            "message": {"exception_message": sent},
            "list": {"detail": [{"loc": ["body", sent], "msg": sent, "input": sent}]},
            "validation": {
                "exception_message": "Invalid request received.",
                "exception_detail": [{"loc": ["body"], "msg": sent}],
                "request_body": sent,
            },
        }.get(shape, sent)
        body = sent if shape == "page" else json.dumps(content)
        visit.send(reply(body.encode(), line))

    return fault


@pytest.fixture
def secretive(monkeypatch):
    """Every credential that the API gets holds the secret."""
    monkeypatch.setenv("PREFECT_API_KEY", CANARY)
    headers = {"X-Token": CANARY}
    monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", json.dumps(headers))


@pytest.mark.parametrize("shape", ["detail", "message", "list", "validation", "page"])
@pytest.mark.parametrize("index", [0, 1, 2, 4, 5])
def test_server_that_echoes_shows_nothing(world, secretive, watched, shape, index):
    """An error shows the server's words, but not what it was told in confidence."""
    headers = {"Authorization": f"Bearer {CANARY}"}
    storage = FileStorageBlock(f"{world.store.url}/dav", options={"headers": headers})
    world.api.plan.extend([None] * index + [echo("422 No", shape)])
    with pytest.raises(FlowpackError) as caught:
        world.deploy(flow_storage=storage)
    assert CANARY in repr([each.headers for each in world.api.seen])
    error = caught.value
    error.__traceback__ = None  # Of the test's own variables.
    assert shown(everything_about(error), watched()) == []


MIRROR = json.dumps({"headers": {"Authorization": f"Bearer {CANARY}"}})

#: Answers of success that hold the key, and are not what was asked for.
MIRRORS = {
    "object": MIRROR,
    "list": f"[{MIRROR}]",
    "text": json.dumps(CANARY),
    "cut": json.dumps("x" * (200 - len(CANARY) // 2) + CANARY),
    "name": json.dumps({"id": str(UUID(int=1)), "name": CANARY, "tags": []}),
    "id": json.dumps({"id": CANARY, "name": "x", "tags": []}),
    "member": json.dumps({"value": CANARY}),
    "no_json": f"{{Authorization: Bearer {CANARY}}}",
    "cut_no_json": f"{{{'x' * (79 - len(CANARY) // 2)}{CANARY}",
    "bare": f"token {CANARY}",
    "in_json": json.dumps({"sent": MIRROR}),
    "deep": "[" * 100_000 + f'"{CANARY}"',
}

ASKING = {
    "version": lambda client: client.dialect,
    "one": lambda client: client.read_flow_by_name("x"),
    "all": lambda client: client.read_flows(),
    "pools": lambda client: client.snapshot().read_work_pools(),
    "deployment": lambda client: client.read_deployment(UUID(int=1)),
    "default": lambda client: client.get_default_storage_block_document(),
    "flow": lambda client: client.create_flow("x"),
    "document": lambda client: client.create_block_document(
        name="x", data={}, block_schema_id=UUID(int=1), block_type_id=UUID(int=2)
    ),
}


@pytest.mark.parametrize("mirror", MIRRORS.values(), ids=MIRRORS)
@pytest.mark.parametrize("ask", ASKING)
def test_mirror_shows_nothing(monkeypatch, secretive, watched, ask, mirror):
    """An answer of success that repeats the key is no answer, and is not shown."""

    def answer(request):
        is_version = request.path == "/admin/version" and ask != "version"
        return Response(200, b'"3.4.0"' if is_version else mirror.encode())

    with serve(answer) as url, get_client(url) as client:
        with pytest.raises(WireError) as caught:
            ASKING[ask](client)
    error = caught.value
    error.__traceback__ = caught.tb.tb_next  # Not the test's own variables.
    assert shown(everything_about(error), watched()) == []


def test_what_is_not_as_it_must_be_is_told_all_the_same():
    """Only of what repeats a secret the errors are silent."""
    seen = []

    def answer(request):
        seen.append(request)
        is_version = request.path == "/admin/version"
        return Response(200, b'"3.4.0"' if is_version else b'["other"]')

    with serve(answer) as url, get_client(url, api_key=CANARY) as client:
        with pytest.raises(WireError, match="no FlowRecord.*not str") as caught:
            client.read_flows()
    assert seen[-1].headers["authorization"] == f"Bearer {CANARY}"
    assert caught.value.__cause__ is not None


def test_deploy_shows_nothing(world, secretive, watched, tmp_path):
    """Commands with secrets in all that they use, and what they leave behind."""
    headers = {"Authorization": f"Bearer {CANARY}"}
    with world.client() as client:
        FileStorageBlock(f"{world.store.url}/dav", options={"headers": headers}).save(
            "main", client
        )
    url = world.api.url.replace("//", f"//{CANARY}:{CANARY}@")
    api = ["--api", f"{url}/api"]
    storage = ["--storage", "block:File Storage/main"]
    for command in (
        ["deploy", str(world.script), "-n", "d", *storage],
        ["deploy", str(world.script), "-n", "d", "--json", *storage],
        ["deploy", str(world.script), "-n", "e", "--plan", *storage],
        ["ls"],
        ["inspect", "hello/d", "--json"],
        ["storage", "ls"],
        ["storage", "show", "File Storage/main", "--json"],
        ["run", "hello/d"],
    ):
        assert main([*command, *api]) == 0, watched()
    assert CANARY in repr([each.headers for each in world.store.seen])
    assert BASIC in repr([each.headers for each in world.api.seen])
    assert shown(watched()) == []
    # The API keeps the block with the storage's credentials, as it must.
    left = {path.rpartition("/")[2] for path in places_of(CANARY, tmp_path)}
    assert left <= {"flowpack.db", "flowpack.db-wal"}


@pytest.mark.parametrize("line", ["401 No", "403 No", "404 No", "500 No", "302 Found"])
@pytest.mark.parametrize("kind", ["file_headers", "file_userinfo", "kv_userinfo"])
def test_storage_that_refuses_shows_nothing(world, watched, kind, line):
    """Nor does a storage that answers with what it was sent."""
    world.store.plan.extend([status(line, f"Location: http://{CANARY}@x/")] * 9)
    block = BLOCKS[kind](world.store.url)
    with pytest.raises(FlowpackError) as caught:
        block.write(b"data")
    error = caught.value
    error.__traceback__ = caught.tb.tb_next  # Not the test's own variables.
    assert shown(everything_about(error), watched()) == []


def test_dead_proxy_shows_nothing(monkeypatch, watched, short_waits):
    """A proxy's password stays out of errors, whatever fails on the way."""
    monkeypatch.setenv("HTTP_PROXY", f"http://u:{CANARY}@127.0.0.1:9")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:8/api")
    assert main(["ls"]) == 1
    assert shown(watched()) == []


def test_unexpected_error_logs_no_secret(monkeypatch, watched, tmp_path, fresh_home):
    """The log of a defect holds a traceback, not the arguments and not the settings."""
    from flowpack.cli import deployments

    monkeypatch.setenv("PREFECT_API_KEY", CANARY)
    monkeypatch.setattr(deployments, "ls", lambda arguments: 1 / 0)
    assert main(["ls", "--api", f"http://u:{CANARY}@127.0.0.1:9/api"]) == 3
    assert shown(watched()) == []
    assert list((fresh_home / "logs").iterdir())
    assert places_of(CANARY, fresh_home) == []


def test_netrc_is_not_read(world, monkeypatch, tmp_path, fresh_home):
    """An entry for the host replaces no key and is sent nowhere."""
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login u password {CANARY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("PREFECT_API_KEY", "mine")
    world.deploy()
    sent = [each.headers for each in world.api.seen + world.store.seen]
    assert {each.get("authorization") for each in sent} == {"Bearer mine", None}


def test_credentials_stay_with_their_server(world, monkeypatch):
    """The API's key is not sent to the storage, and the other way round."""
    monkeypatch.setenv("PREFECT_API_KEY", CANARY)
    headers = {"X-Storage": "storage-secret"}
    options = {"headers": headers}
    world.deploy(
        flow_storage=FileStorageBlock(f"{world.store.url}/dav", options=options)
    )
    assert CANARY not in repr([each.headers for each in world.store.seen])
    assert "x-storage" not in repr([each.headers for each in world.api.seen])


def test_objects_in_memory_show_nothing(world, secretive):
    """No object of flowpack's that a deploy leaves alive prints the secret."""
    others = gc.get_objects()  # Other tests may have left some that have no end.
    before = set(map(id, others))
    with world.client() as client:
        spec = DeploymentSpec(
            name="d", flow_location=world.script, flow_storage=world.storage
        )
        deployed = deploy(spec, client)
        alive = [
            each
            for each in gc.get_objects()
            if str(type(each).__dict__.get("__module__", "")).startswith("flowpack.")
            and id(each) not in before
        ]
        assert len(alive) > 10
        assert shown(repr(world.storage)) == []
        assert [type(each) for each in alive if shown(repr(each))] == []
        assert shown(repr(deployed)) == []
    with FaultProxy():
        pass
