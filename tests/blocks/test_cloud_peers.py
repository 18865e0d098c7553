"""The storages of clouds against emulators of them, over HTTP.

Each needs its SDK in this environment and its emulator on the PATH: moto for S3,
gcp-storage-emulator for Google, azurite for Azure.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import shutil
import socket
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List

import pytest

from flowpack.blocks.cloud import (
    AzureBlobStorageBlock,
    GoogleCloudStorageBlock,
    S3StorageBlock,
)
from flowpack.blocks.buckets import _status
from flowpack.exceptions import (
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
)
from flowpack.steps import pull
from tests.blocks.servers import serving
from tests.docs.recipes import ROOT, SERVER, play
from tests.peers.environments import add_beside
from tests.peers.fixtures import needed
from tests.peers.prefect import prefect_server, prefect_worker
from tests.peers.processes import free_port, running

pytestmark = [
    pytest.mark.peer,
    # What the SDKs warn of is theirs to mend.
    pytest.mark.filterwarnings("default"),
]

DATA = b"print('hello')\n"
KEY = hashlib.sha256(DATA).hexdigest()
CANARY = "Y2FuYXJ5LTdmM2EtMDEyMzQ1Njc4OQ=="


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def emulator(tmp_path_factory, library, program, *arguments):
    """Run an emulator and yield its port; without one skip, or in CI fail."""
    found = shutil.which(program)
    try:
        importlib.import_module(library)
    except ImportError:
        found = None
    if found is None:
        missing = f"{library} or {program} is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    folder, port = tmp_path_factory.mktemp(program), free_port()
    command = [found, *(argument.format(port=port) for argument in arguments)]
    with running(
        command,
        lambda: listening(port),
        variables=dict(os.environ),
        folder=folder,
        log=folder / "log",
    ):
        yield port


@pytest.fixture(scope="module")
def s3_port(tmp_path_factory):
    arguments = ("-H", "127.0.0.1", "-p", "{port}")
    yield from emulator(tmp_path_factory, "boto3", "moto_server", *arguments)


@pytest.fixture(scope="module")
def gcs_port(tmp_path_factory):
    arguments = ("start", "--host", "127.0.0.1", "--port", "{port}", "--in-memory")
    library, program = "google.cloud.storage", "gcp-storage-emulator"
    yield from emulator(tmp_path_factory, library, program, *arguments)


@pytest.fixture(scope="module")
def azure_port(tmp_path_factory):
    arguments = ["--blobHost", "127.0.0.1", "--blobPort", "{port}"]
    arguments += ["--skipApiVersionCheck", "--inMemoryPersistence"]
    library, program = "azure.storage.blob", "azurite-blob"
    yield from emulator(tmp_path_factory, library, program, *arguments)


def make_s3(port, bucket, monkeypatch):
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    given: Dict[str, Any] = {
        "aws_access_key_id": "me",
        "aws_secret_access_key": CANARY,
        "region_name": "us-east-1",
    }
    boto3.client("s3", **given).create_bucket(Bucket=bucket)
    return S3StorageBlock(bucket, **given)


def make_gcs(port, bucket, monkeypatch):
    from google.cloud import storage

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    storage.Client(project="mine").create_bucket(bucket)
    return GoogleCloudStorageBlock(bucket, "mine")


def make_azure(port, container, monkeypatch):
    from azure.storage.blob import BlobServiceClient

    key = (  # the emulator's own, which everybody knows
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
        "K1SZFPTOtr/KBHBeksoGMGw=="
    )
    connection = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
        f"AccountKey={key};BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )
    service = BlobServiceClient.from_connection_string(connection)
    service.create_container(container)
    return AzureBlobStorageBlock(container, connection)


@pytest.fixture(params=["s3", "gcs", "azure"])
def kind(request):
    return request.param


@pytest.fixture
def storage(kind, request, monkeypatch):
    """A storage in an empty bucket."""
    port = request.getfixturevalue(f"{kind}_port")
    make = {"s3": make_s3, "gcs": make_gcs, "azure": make_azure}[kind]
    return make(port, f"bucket-{uuid.uuid4().hex}", monkeypatch)


def damage(storage, content):
    """Put *content* under the key, whatever is there."""
    store = storage._store()
    store._put(store._open(), KEY, io.BytesIO(content), len(content), True)


def test_keeps_and_gives_back(storage):
    """Objects are named by their content, and come back from it."""
    assert storage.write(DATA) == KEY
    assert storage.read(KEY) == DATA
    assert storage.write(b"other") != KEY
    again = type(storage).from_data(storage.to_document_data())
    assert again.read(KEY) == DATA


def test_holds(storage):
    """An object of that length is there, or not."""
    assert not storage.holds(KEY, KEY, len(DATA))
    storage.write(DATA)
    assert storage.holds(KEY, KEY, len(DATA))
    assert not storage.holds(KEY, KEY, len(DATA) + 1)


def test_what_is_there_is_not_sent_again(storage, monkeypatch):
    """A second write only looks."""
    storage.write(DATA)

    def refuse(*arguments):
        raise AssertionError("it was sent again")

    monkeypatch.setattr(type(storage._store()), "_put", refuse)
    assert storage.write(DATA) == KEY


@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_creates_only_what_is_not_there(storage):
    """The service itself refuses to write over an object."""
    storage.write(DATA)
    store = storage._store()
    with pytest.raises(Exception) as caught:
        store._put(store._open(), KEY, io.BytesIO(b"x"), 1, False)
    assert _status(caught.value) in (409, 412)
    assert storage.read(KEY) == DATA


class Taken(BaseHTTPRequestHandler):
    """Says of each upload that the object is there already."""

    asked: List[str] = []

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(self.path)
        self.send_response(412)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format, *arguments):
        pass


def test_google_creates_only_what_is_not_there(monkeypatch):
    """The condition is sent, which the emulator does not know."""
    pytest.importorskip("google.cloud.storage")
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Taken)) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        store: Any = GoogleCloudStorageBlock("bucket", "mine")._store()
        client = store._open()
        for replace in (False, True):
            with pytest.raises(Exception) as caught:
                store._put(client, KEY, io.BytesIO(DATA), len(DATA), replace)
            assert _status(caught.value) == 412
    first, second = Taken.asked
    assert "ifGenerationMatch=0" in first
    assert "ifGenerationMatch" not in second


class Strict(BaseHTTPRequestHandler):
    """Speaks like S3, and knows none of the checksums that came later."""

    kept: Dict[str, bytes] = {}
    refused: List[str] = []

    def handle_any(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        new = ("x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer")
        found = [name for name in self.headers if name.lower().startswith(new)]
        if found or "aws-chunked" in self.headers.get("Content-Encoding", ""):
            self.refused.append(f"{self.command} {found}")
            return self.respond(400, b"<Error><Code>InvalidArgument</Code></Error>")
        if self.command == "PUT":
            self.kept[self.path] = data
            return self.respond(200, b"")
        there = self.kept.get(self.path)
        self.respond(404 if there is None else 200, there or b"")

    do_GET = do_HEAD = do_PUT = handle_any

    def respond(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


@pytest.fixture
def strict(monkeypatch):
    """A storage on a service that refuses checksums."""
    pytest.importorskip("boto3")
    Strict.kept.clear()
    Strict.refused.clear()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Strict)) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
        yield S3StorageBlock("bucket", "me", CANARY, region_name="us-east-1")


def test_service_that_refuses_checksums(strict, tmp_path, monkeypatch):
    """None are sent: flowpack has a digest of its own. Workers ask for none."""
    assert strict.write(DATA) == KEY
    assert strict.replace_from(io.BytesIO(DATA), KEY) == KEY
    assert strict.read(KEY) == DATA
    assert strict.holds(KEY, KEY, len(DATA))
    monkeypatch.chdir(tmp_path)
    pull(
        storage=strict.to_document_data(),
        sha256=KEY,
        size=len(DATA),
        filename="hello.py",
        flow_data={"storage_type": "S3 Storage", "token": KEY},
    )
    assert (tmp_path / "hello.py").read_bytes() == DATA
    assert Strict.refused == []


@pytest.mark.parametrize("where", ["environment", "profile"])
def test_who_wants_checksums_has_them(strict, tmp_path, monkeypatch, where):
    """AWS's own settings win, as for buckets that demand one."""
    if where == "environment":
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    else:
        config = tmp_path / "config"
        config.write_text("[default]\nrequest_checksum_calculation = when_supported\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(StorageUnavailableError, match="PutObject"):
        strict.write(DATA)
    assert "PUT" in Strict.refused[0]


def test_missing_object(storage):
    """An object that is not there raises ObjectMissingError."""
    with pytest.raises(ObjectMissingError, match="no such object"):
        storage.read(KEY)


def test_damaged_object_is_replaced(storage):
    """A cut object under the key is written over."""
    damage(storage, DATA[:5])
    assert not storage.holds(KEY, KEY, len(DATA))
    storage.write(DATA)
    assert storage.read(KEY) == DATA


def test_damage_of_equal_length_is_overwritten(storage):
    """Only who has read it knows of it, and says so."""
    damage(storage, DATA.upper())
    storage.write(DATA)
    assert storage.read(KEY) == DATA.upper()
    assert storage.replace_from(io.BytesIO(DATA), KEY) == KEY
    assert storage.read(KEY) == DATA


def test_empty_object(storage):
    """No bytes are bytes too."""
    assert storage.read(storage.write(b"")) == b""


def test_large_object(storage):
    """More than one part goes up and down."""
    data = os.urandom(1 << 20) * 20
    file = io.BytesIO()
    storage.read_into(storage.write(data), file)
    assert file.getvalue() == data


def test_limit(storage):
    """No more is read than may be."""
    storage.write(DATA)
    with pytest.raises(StorageError, match="5 bytes"):
        storage.read_into(KEY, io.BytesIO(), limit=5)


def test_threads_that_write_the_same(storage):
    """All of them succeed."""
    failures = []

    def write():
        try:
            assert storage.write(DATA) == KEY
        except Exception as exc:
            failures.append(exc)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_missing_bucket(storage):
    """It must exist; the error names it and shows no credentials."""
    import attrs

    place = "container" if isinstance(storage, AzureBlobStorageBlock) else "bucket"
    other = attrs.evolve(storage, **{place: "no-such-bucket"})
    secrets = [
        str(value)
        for value in storage.to_document_data().values()
        if len(str(value)) > 9
    ]
    with pytest.raises(StorageUnavailableError, match="no-such-bucket") as caught:
        other.write(DATA)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert not [secret for secret in secrets if secret in str(caught.value)]
    with pytest.raises(StorageError):
        other.read(KEY)


@pytest.mark.parametrize("connection", ["", "nonsense", f"AccountKey={CANARY}"])
def test_connection_string_that_cannot_be_read(connection):
    """The SDK's reason is shown, and the string is not."""
    pytest.importorskip("azure.storage.blob")
    with pytest.raises(StorageUnavailableError, match="ValueError") as caught:
        AzureBlobStorageBlock("container", connection).write(DATA)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_recipe(s3_port, tmp_path):
    """The recipe for S3: deployed from here, and run by a worker with credentials of its own."""
    home = tmp_path / "ada"
    home.mkdir()
    address = f"http://127.0.0.1:{s3_port}"
    with needed(prefect_server("3.9.1", tmp_path)) as server:
        beside = add_beside(server.environment, tmp_path / "beside", "boto3")
        reading: Dict[str, Any] = {
            "AWS_ENDPOINT_URL_S3": address,
            "AWS_ACCESS_KEY_ID": "worker",
            "AWS_SECRET_ACCESS_KEY": "reads",
            "AWS_DEFAULT_REGION": "us-east-1",
            "PYTHONPATH": f"{ROOT}:{beside}",
        }
        with prefect_worker(server, "etl", **reading):
            places = {SERVER: server.api.split("/")[2], "127.0.0.1:9000": f"127.0.0.1:{s3_port}"}
            play("s3", home, places)
