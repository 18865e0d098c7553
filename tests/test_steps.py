"""Both pull steps, run as a worker runs them: fetch, check, write, or fail loudly."""

import hashlib
import json
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flowpack import FileStorageBlock, KVServerStorageBlock, LocalStorageBlock
from flowpack.exceptions import (
    ObjectMissingError,
    StorageError,
    StorageIntegrityError,
    StorageUnavailableError,
)
from flowpack.models import ScriptSource, StoredObject
from flowpack.steps import pull
from flowpack.transport import Response
from flowpack.wire.pulling import PROGRAM, problems, read_steps, write_steps
from tests.fault_proxy import ENDLESS, FaultProxy, reply
from tests.http_server import serve

DATA = b"print('hello')\r\n# \xc3\xbc\n"
DIGEST = hashlib.sha256(DATA).hexdigest()
TLS = Path(__file__).parent / "data" / "tls"


def drip_in_body(visit):
    visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n")
    visit.drip(b"x" * 400, 1, 0.02)


SLOW = {**ENDLESS, "drip_in_body": drip_in_body}


@pytest.fixture
def working(tmp_path, monkeypatch):
    """A fresh working folder, as a worker gives each run."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def source(location, **more):
    facts = {
        "filename": "x.py",
        "size": len(DATA),
        "location": location,
        "storage_type": "File Storage",
        "storage_data": {"base_path": "/x/"},
    }
    return ScriptSource(**{**facts, **more})


def timeit(location, folder, sha256=DIGEST, longest=None, **more):
    """Run the stock step in a process of its own; return its status and stderr."""
    (step,) = write_steps(StoredObject("key", None, sha256), source(location, **more))
    inputs = json.loads(json.dumps(step))["timeit.timeit"]
    if longest is not None:
        assert "60 + size" in inputs["stmt"]
        inputs["stmt"] = inputs["stmt"].replace("60 + size", f"{longest} + size")
    code = "import json, sys, timeit; timeit.timeit(**json.load(sys.stdin))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.defpath},
    )
    return done.returncode, done.stderr


def test_stock_step_reads_a_folder(working, tmp_path):
    """A file is fetched, checked and written; nothing else is there."""
    stored = tmp_path / "a folder ü" / DIGEST
    stored.parent.mkdir()
    stored.write_bytes(DATA)
    assert timeit(stored.as_uri(), working) == (0, "")
    assert (working / "x.py").read_bytes() == DATA
    assert os.listdir(working) == ["x.py"]


def test_stock_step_reads_http(working):
    """So is what a server has."""
    with serve(lambda request: Response(200, DATA), prefix="") as url:
        assert timeit(f"{url}/{DIGEST}", working) == (0, "")
    assert (working / "x.py").read_bytes() == DATA


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (Response(200, DATA + b"#"), DIGEST),
        (Response(200, DATA[:-1]), DIGEST),
        (Response(200, b""), DIGEST),
        (Response(404, b"gone"), "404"),
        (Response(500, b""), "500"),
    ],
    ids=["longer", "shorter", "empty", "missing", "broken"],
)
def test_stock_step_fails_loudly(working, response, problem):
    """Anything but the right bytes is an error, and nothing is written."""
    with serve(lambda request: response, prefix="") as url:
        status, error = timeit(f"{url}/{DIGEST}", working)
    assert status != 0
    assert problem in error and "nothing of it was run" in error
    assert os.listdir(working) == []


@pytest.mark.parametrize("fault", SLOW)
def test_stock_step_ends_in_time(working, fault):
    """A server that sends a byte now and then holds no worker for ever."""
    with FaultProxy() as server:
        server.plan.append(SLOW[fault])
        started = time.monotonic()
        status, error = timeit(f"{server.url}/x", working, longest=0.5, size=1000)
        assert time.monotonic() - started < 3
    assert (status, os.listdir(working)) == (1, [])
    assert "cannot be fetched: TimeoutError" in error and "0.5" in error


def test_stock_step_fails_without_a_server(working):
    """A server that is not there is an error."""
    status, error = timeit("http://127.0.0.1:1/x", working)
    assert (status, os.listdir(working)) == (1, [])
    assert "cannot be fetched" in error


def test_program_has_nothing_for_templating():
    """Pairs of braces would be taken for placeholders."""
    assert "{{" not in PROGRAM and "}}" not in PROGRAM


def test_braces_in_addresses_are_refused():
    """A worker's templating would remove them."""
    assert problems(source("file:///x/{{y}}/z"))
    assert not problems(source("file:///x/%7B%7By%7D%7D/z"))


@pytest.mark.parametrize(
    ("script", "fits"),
    [
        (source("file:///x"), True),
        (source(None), True),
        (source(None, pull="stock"), False),
        (source("file:///x", pull="flowpack"), True),
        (source(None, storage_type="Attic"), False),
        (source("file:///x", storage_type="Attic"), True),
    ],
)
def test_what_can_be_pulled(script, fits):
    """A storage that neither step can read is refused before anything is sent."""
    assert bool(problems(script)) is not fits


@pytest.mark.parametrize("choice", [None, "stock", "flowpack"])
def test_steps_are_read_back(choice):
    """What was written into a step is read back as it was."""
    stored = StoredObject("a/key", None, DIGEST)
    script = source("file:///x", pull=choice)
    found, read = read_steps(json.loads(json.dumps(write_steps(stored, script))))
    assert found == stored
    assert read is not None
    assert read.pull == (choice or "stock")
    assert (read.filename, read.size) == (script.filename, script.size)


def run(kind, token, storage, sha256=DIGEST, filename="x.py"):
    return pull(
        storage=storage,
        sha256=sha256,
        size=len(DATA),
        filename=filename,
        flow_data={"storage_type": kind, "token": token},
    )


def test_step_reads_what_the_blocks_wrote(working, tmp_path, kv):
    """Each built-in storage that the step knows is read by its data and token."""
    text = DATA.decode().encode()
    for block in (
        LocalStorageBlock(str(tmp_path / "local")),
        FileStorageBlock(str(tmp_path / "files")),
        FileStorageBlock(str(tmp_path / "uuid"), key_type="uuid"),
        KVServerStorageBlock(kv.address),
    ):
        token = block.write(text)
        found = run(block.block_type_name, token, block.to_document_data())
        assert found == {"directory": str(working)}
        assert (working / "x.py").read_bytes() == text
        (working / "x.py").unlink()


def test_step_sends_headers_and_hides_them(working, caplog):
    """Headers of the options are sent, and stand in no error and no log."""
    seen = []

    def respond(request):
        seen.append(request.headers.get("authorization"))
        return Response(401, b"")

    with serve(respond, prefix="") as url:
        storage = {
            "base_path": url + "/",
            "options": {"headers": {"Authorization": "Bearer canary"}},
        }
        with pytest.raises(StorageUnavailableError) as caught:
            run("File Storage", DIGEST, storage)
    assert seen == ["Bearer canary"]
    assert "401" in str(caught.value)
    assert "canary" not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (Response(200, DATA + b"#"), StorageIntegrityError),
        (Response(200, DATA * 100_000), StorageUnavailableError),
        (Response(200, b""), StorageIntegrityError),
        (Response(404, b""), ObjectMissingError),
        (Response(410, b""), ObjectMissingError),
        (Response(204, b""), ObjectMissingError),
        (
            Response(302, b"", {"location": "http://127.0.0.1:1/"}),
            StorageUnavailableError,
        ),
        (Response(500, b""), StorageUnavailableError),
    ],
    ids=["longer", "huge", "empty", "missing", "gone", "none", "redirect", "broken"],
)
def test_step_fails_loudly(working, response, error):
    """Anything but the right bytes is an error, and nothing is written."""
    with serve(lambda request: response, prefix="") as url:
        with pytest.raises(error):
            run("File Storage", DIGEST, {"base_path": url + "/"})
    assert os.listdir(working) == []


@pytest.mark.parametrize("fault", SLOW)
def test_step_ends_in_time(working, monkeypatch, fault):
    """A server that sends a byte now and then holds no worker for ever."""
    monkeypatch.setattr("flowpack.steps.DEADLINE", 0.5)
    with FaultProxy() as server:
        server.plan.append(SLOW[fault])
        started = time.monotonic()
        with pytest.raises(StorageUnavailableError, match="within 0.5 s, all in all"):
            pull(
                storage={"base_path": f"{server.url}/"},
                sha256=DIGEST,
                size=len(DATA) * 1000,
                filename="x.py",
                flow_data={"storage_type": "File Storage", "token": DIGEST},
            )
        assert time.monotonic() - started < 3
    assert os.listdir(working) == []


@pytest.fixture
def encrypted():
    """A storage whose certificate a CA of its own has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "localhost.pem")
    with FaultProxy(context=context, answer=lambda seen: reply(DATA)) as server:
        yield {"base_path": server.url.replace("127.0.0.1", "localhost") + "/"}


@pytest.mark.parametrize(
    "variable",
    [
        "FLOWPACK_API_SSL_CERT_FILE",
        "PREFECT_API_SSL_CERT_FILE",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
    ],
)
def test_step_trusts_whom_a_deploy_trusts(working, encrypted, monkeypatch, variable):
    """A CA of one's own is named by the same variables; the first one counts."""
    monkeypatch.setenv(variable, str(TLS / "ca.pem"))
    run("File Storage", DIGEST, encrypted)
    assert (working / "x.py").read_bytes() == DATA
    monkeypatch.setenv("FLOWPACK_API_SSL_CERT_FILE", str(TLS / "self-signed.pem"))
    with pytest.raises(StorageUnavailableError, match="not trusted"):
        run("File Storage", DIGEST, encrypted)


@pytest.mark.parametrize("value", [None, "", "missing.pem", "empty.pem"])
def test_step_says_whom_to_trust(working, encrypted, monkeypatch, value):
    """A certificate that is not trusted, and CAs that cannot be read, are errors."""
    (working / "empty.pem").touch()
    if value is not None:
        monkeypatch.setenv("SSL_CERT_FILE", value)
    with pytest.raises(
        StorageUnavailableError, match="set PREFECT_API_SSL_CERT_FILE"
    ):
        run("File Storage", DIGEST, encrypted)


BAD_URLS = (
    None,
    "http://[::1/",
    "http://a..b/",
    f"http://{'a' * 70}.example/",
    "http://127.0.0.1:port/",
    "http://canary:canary@a..b/",
)
NO_DATA: Any = (None, {})
BAD_OPTIONS = ([1], {"headers": ["canary"]}, {"headers": {"X": 5}}, {"headers": {"X": "é\n"}})


@pytest.mark.parametrize(
    "kind, storage",
    [
        *(
            (kind, data)
            for kind in ("File Storage", "KV Server Storage", "S3 Storage")
            for data in NO_DATA
        ),
        *(("File Storage", {"base_path": url}) for url in BAD_URLS),
        *(("KV Server Storage", {"api_address": url}) for url in BAD_URLS),
        *(
            ("File Storage", {"base_path": "http://127.0.0.1:1/", "options": options})
            for options in BAD_OPTIONS
        ),
    ],
    ids=str,
)
def test_step_with_odd_block_data(working, monkeypatch, kind, storage):
    """A block document with wrong data is one clean error."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StorageError) as caught:
        run(kind, DIGEST, storage)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("flow_data", [{}, {"storage_type": "File Storage"}, [], None])
def test_step_with_odd_flow_data(working, flow_data):
    """So is what is wrong in the pull step itself."""
    with pytest.raises(StorageError, match="pull step"):
        pull(storage={}, sha256=DIGEST, size=1, filename="x.py", flow_data=flow_data)


@pytest.mark.parametrize("body", [b"", b"null"], ids=repr)
def test_key_that_a_key_value_server_lacks(working, body):
    """So is an empty response, and the error names what puts the bytes back."""
    with serve(lambda request: Response(200, body), prefix="") as url:
        with pytest.raises(ObjectMissingError, match="flowpack deploy"):
            run("KV Server Storage", DIGEST, {"api_address": url})


def test_deep_json_of_a_key_value_server(working):
    """Brackets without end are no text, and no error of Python's."""
    with serve(lambda request: Response(200, b"[" * 100_000), prefix="") as url:
        with pytest.raises(StorageUnavailableError, match="no JSON"):
            pull(
                storage={"api_address": url},
                sha256=DIGEST,
                size=100_000,
                filename="x.py",
                flow_data={"storage_type": "KV Server Storage", "token": DIGEST},
            )


@pytest.mark.parametrize("filename", ["../x.py", "/tmp/x.py", "", "..", "a/b.py"])
def test_step_writes_into_its_folder_only(working, tmp_path, filename):
    """A file name that leads elsewhere is refused."""
    block = FileStorageBlock(str(tmp_path / "files"))
    token = block.write(DATA)
    with pytest.raises(StorageUnavailableError, match="no plain file name"):
        run("File Storage", token, block.to_document_data(), filename=filename)


def test_step_imports_little():
    """On a worker neither cattrs nor the client is loaded."""
    code = (
        "import sys, flowpack.steps\n"
        "print([m for m in ('attr', 'cattrs', 'requests', 'flowpack.client',"
        " 'flowpack.wire', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout.strip() == "[]", done.stderr
