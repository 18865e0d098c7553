"""WHERE: which storage a word means."""

import os
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack import (
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
    TempStorageBlock,
)
from flowpack.blocks.storage_url import AZURE_VARIABLE, parse_storage_url, read_named_block
from flowpack.exceptions import FlowpackError, ObjectNotFound, SpecError
from tests.clients import client, transport

__all__ = ["client", "transport"]

SECRET = "canary-7f3a"
ID = UUID("3f2a4c1e-0000-4000-8000-000000000001")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize(
    "text, path",
    [
        ("store", "{}/store"),
        ("./store/", "{}/store"),
        ("../x", "{}/../x"),
        ("/srv/flows", "/srv/flows"),
        ("~/flows", "~/flows"),
        ("with space", "{}/with space"),
        ("a@b", "{}/a@b"),
    ],
)
def test_folder_is_local_storage(folder, text, path):
    """A folder is Local Storage with an absolute path."""
    expected = os.path.abspath(os.path.expanduser(path.format(folder)))
    assert parse_storage_url(text) == LocalStorageBlock(expected)


@pytest.mark.parametrize(
    "text, path",
    [
        ("file:store", "{}/store"),
        ("file:./store", "{}/store"),
        ("file:/srv/flows", "/srv/flows"),
        ("file:///srv/flows", "/srv/flows"),
        ("FILE://localhost/srv/flows/", "/srv/flows"),
        ("file:///srv/my%20flows", "/srv/my flows"),
        ("file:~/flows", "~/flows"),
    ],
)
def test_file_url_is_file_storage(folder, text, path):
    """A file: URL is File Storage on an absolute folder."""
    expected = os.path.abspath(os.path.expanduser(path.format(folder)))
    assert parse_storage_url(text) == FileStorageBlock(expected)


@pytest.mark.parametrize("text", ["my store", "file:my%20store", "./a/../my store"])
def test_folder_below_another(tmp_path, text):
    """What is relative starts from the folder that is given, not from the working folder."""
    (tmp_path / "a").mkdir()
    kind = FileStorageBlock if text.startswith("file:") else LocalStorageBlock
    assert parse_storage_url(text, folder=str(tmp_path)) == kind(tmp_path / "my store")


@pytest.mark.parametrize("url", ["http://host/flows/", "https://host:8443/a%20b"])
def test_http_is_file_storage(url):
    """An HTTP URL is File Storage below it."""
    assert parse_storage_url(url) == FileStorageBlock(url)


@pytest.mark.parametrize(
    "text, address",
    [
        ("kv+http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("kv+https://host/kv/", "https://host/kv"),
    ],
)
def test_kv_server(text, address):
    """kv+ before an address makes it a KV Server."""
    assert parse_storage_url(text) == KVServerStorageBlock(address)


def test_temp():
    """temp: is Temporary Local Storage."""
    assert parse_storage_url("temp:") == TempStorageBlock()


def test_s3():
    """s3:// names a bucket."""
    cloud = pytest.importorskip("flowpack.blocks.cloud")
    assert parse_storage_url("s3://bucket") == cloud.S3StorageBlock("bucket")


def test_gs():
    """gs:// names a bucket."""
    cloud = pytest.importorskip("flowpack.blocks.cloud")
    assert parse_storage_url("gs://bucket/") == cloud.GoogleCloudStorageBlock("bucket")


def test_azure():
    """azure:// takes its connection string from the environment."""
    cloud = pytest.importorskip("flowpack.blocks.cloud")
    connection = f"AccountName=a;AccountKey={SECRET}"
    found = parse_storage_url("azure://flows", environ={AZURE_VARIABLE: connection})
    assert found == cloud.AzureBlobStorageBlock("flows", connection)
    assert SECRET not in repr(found)


def test_block_by_id():
    """block: with an id is that id; nobody is asked."""
    assert parse_storage_url(f"block:{ID}") == ID
    assert parse_storage_url(f"BLOCK:{ID.hex.upper()}") == ID
    assert parse_storage_url(str(ID)) == ID


def test_block_by_names(client, tmp_path):
    """block: with the names of type and block stays text until it is looked up."""
    saved = FileStorageBlock(str(tmp_path)).save("my flows", client)
    text = str(parse_storage_url("BLOCK:File Storage/my flows"))
    assert text == "block:File Storage/my flows"
    assert read_named_block(text, client).id == saved.document_id


def test_block_by_unknown_name(client):
    """A block that the server does not have is ObjectNotFound."""
    with pytest.raises(ObjectNotFound):
        read_named_block("block:File Storage/none", client)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\0b",
        "temp:x",
        "file:",
        "file://host/x",
        "file:%00",
        "http://",
        "http:host",
        "https://ho st/",
        "http://host/x#y",
        "kv+http:",
        "s3:bucket",
        "s3://",
        "gs://bucket/prefix",
        "azure://",
        "azure://flows",
        "block:",
        "block:3f2a",
        "block:File Storage/",
        "block:a/b/c",
        "ftp://host/x",
        "redis:x",
    ],
    ids=lambda text: text or "empty",
)
def test_errors_name_what_is_allowed(text):
    """What means no storage is refused, with a list of what does."""
    with pytest.raises(SpecError, match="A storage is a folder, file:FOLDER") as caught:
        parse_storage_url(text, environ={})
    assert caught.value.where == "storage"


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@host/flows/",
        f"https://{SECRET}@host/flows/",
        f"https://host/flows/?token={SECRET}",
        f"kv+http://user:{SECRET}@host:80",
        f"ftp://user:{SECRET}@host/",
        f"s3://key:{SECRET}@bucket",
    ],
)
def test_credentials_are_refused_and_not_shown(text):
    """Credentials do not belong on a command line; the error does not repeat them."""
    with pytest.raises(SpecError) as caught:
        parse_storage_url(text)
    assert SECRET not in f"{caught.value} {caught.value!r}"
    assert SECRET not in repr(caught.value.__cause__)


@given(st.text())
def test_any_text_means_a_storage_or_is_our_error(text):
    """No text makes anything else happen."""
    if text.lower().startswith("block:"):
        return  # The law is about what needs no server.
    try:
        parse_storage_url(text, environ={})
    except FlowpackError:
        pass
