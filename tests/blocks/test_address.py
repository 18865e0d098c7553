"""Where storages are: made absolute, checked, refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack import get_client
from flowpack.blocks.cloud import (
    AzureBlobStorageBlock,
    GoogleCloudStorageBlock,
    S3StorageBlock,
)
from flowpack.blocks.storage import (
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
)
from flowpack.exceptions import BlockError, FlowpackError, IdentifierError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("given_path", "below"),
    [
        ("store", "store"),
        ("./store/", "store"),
        ("a//b/./c", "a/b/c"),
        ("a/../b", "b"),
        (".", ""),
        ("with space/é", "with space/é"),
    ],
)
def test_relative_folder_is_made_absolute(folder, given_path, below):
    """A folder below the working folder is registered with its whole path."""
    expected = os.path.join(folder, below).rstrip("/")
    assert LocalStorageBlock(given_path).storage_path == expected
    assert FileStorageBlock(given_path).base_path == expected + "/"


@pytest.mark.parametrize("text", ["", "  ", "\t\n"], ids=ascii)
@pytest.mark.parametrize(
    "make",
    [
        LocalStorageBlock,
        FileStorageBlock,
        KVServerStorageBlock,
        S3StorageBlock,
        GoogleCloudStorageBlock,
        lambda text: S3StorageBlock("bucket", profile_name=text),
        lambda text: S3StorageBlock("bucket", region_name=text),
        lambda text: GoogleCloudStorageBlock("bucket", project=text),
        lambda text: AzureBlobStorageBlock(text, "connection"),
    ],
    ids="local file kv s3 gcs profile region project azure".split(),
)
def test_empty_address(make, text):
    """A place that is empty is one that was not set, and not another place."""
    with pytest.raises(BlockError, match="empty"):
        make(text)


@pytest.mark.parametrize("name", ["", "  "])
def test_empty_name(fresh_home, name):
    """Nothing is saved under no name, or asked for."""
    storage = FileStorageBlock("store")
    with get_client() as client:
        with pytest.raises(BlockError, match="the name is empty"):
            storage.save(name, client)
        for read in (client.read_work_pool, client.read_flow_by_name):
            with pytest.raises(IdentifierError, match="empty"):
                read(name)
        for full_name in (f"{name}/x", f"x/{name}"):
            with pytest.raises(IdentifierError, match="FLOW/DEPLOYMENT"):
                client.read_deployment_by_name(full_name)


def test_home_is_expanded(fresh_home):
    """``~`` is the home of whoever runs this."""
    home = str(fresh_home.parent)
    assert LocalStorageBlock("~/store").storage_path == f"{home}/store"
    assert FileStorageBlock("~/store").base_path == f"{home}/store/"


def test_unknown_home():
    """A user who is not there has no home."""
    with pytest.raises(BlockError, match="home folder"):
        LocalStorageBlock("~nobody-of-this-name/store")


def test_paths_are_taken_too(folder):
    """Path objects are as good as text."""
    assert LocalStorageBlock(Path("x")).storage_path == f"{folder}/x"
    assert FileStorageBlock(Path(folder)).base_path == f"{folder}/"


def test_folder_of_a_moved_process_stays(tmp_path, monkeypatch):
    """A relative folder is that of the time when the block was made."""
    monkeypatch.chdir(tmp_path)
    storage = LocalStorageBlock("store")
    monkeypatch.chdir("/")
    assert storage.storage_path == str(tmp_path / "store")


def test_folder_behind_a_link_is_not_confused(tmp_path, monkeypatch):
    """``link/..`` is the parent of what the link leads to."""
    (tmp_path / "deep" / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "real")
    monkeypatch.chdir(tmp_path)
    storage = LocalStorageBlock("link/../store")
    token = storage.write(b"x")
    assert (tmp_path / "deep" / "store").is_dir()
    assert storage.read(token) == b"x"
    assert not (tmp_path / "store").exists()


def test_working_folder_that_is_gone(tmp_path, monkeypatch):
    """A relative folder cannot be made absolute there."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(BlockError, match="working folder is gone"):
        LocalStorageBlock("store")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///x/y", "/x/y/"),
        ("file:///x/y/", "/x/y/"),
        ("file:/x", "/x/"),
        ("FILE:///x", "/x/"),
        ("file://localhost/x", "/x/"),
        ("file:///with%20space/%C3%A9", "/with space/é/"),
        ("file:///", "/"),
        ("/", "/"),
        ("//x", "/x/"),
    ],
)
def test_file_url_is_a_folder(url, path):
    """A ``file:`` URL is registered as the folder that it names."""
    assert FileStorageBlock(url).base_path == path


def test_relative_file_url(folder):
    """Without a slash it is below the working folder."""
    assert FileStorageBlock("file:x").base_path == f"{folder}/x/"


@pytest.mark.parametrize(
    ("address", "registered"),
    [
        ("http://host", "http://host/"),
        ("http://1host.example/", "http://1host.example/"),
        ("http://10.0.0.1", "http://10.0.0.1/"),
        ("http://[2001:db8::1]:80/x", "http://[2001:db8::1]:80/x/"),
        ("http://host/", "http://host/"),
        ("https://host:8443/a b/é", "https://host:8443/a b/é/"),
        ("HTTP://host/x", "HTTP://host/x/"),
    ],
)
def test_web_address_gets_a_slash(address, registered):
    """Keys come right after the base path, as stock agents join them."""
    assert FileStorageBlock(address).base_path == registered


def test_address_of_a_kv_server_is_left_as_it_is():
    """Stock agents put a slash and the key after it, whatever it ends in."""
    for address in ("http://localhost:1", "http://localhost:1/x/", "http://127.0.0.1/"):
        assert KVServerStorageBlock(address).api_address == address


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("", "empty"),
        ("s3://bucket/x", "S3StorageBlock"),
        ("gs://bucket", "GoogleCloudStorageBlock"),
        ("abfs://container", "AzureBlobStorageBlock"),
        ("memory://x", "'memory'"),
        ("ftp://host/x", "'ftp'"),
        ("simplecache::s3://bucket", "'simplecache'"),
        ("file://host/x", "another machine, 'host'"),
        ("file:", "no path"),
        ("x\0y", "NUL"),
        ("file:///x%00y", "NUL"),
        ("http://", "host"),
        ("http://host:port/", "host and port"),
        ("http://host/x?y=1", "query"),
        ("http://host/x#y", "#"),
        ("http://host/x\r\nX: y", "control"),
        ("http://ho st/", "host"),
        ("http://169.254.169.254/latest", "link-local"),
        ("http://169.254.169.254:80", "link-local"),
        ("http://[fe80::1]/", "link-local"),
        ("http://[::ffff:169.254.1.1]/", "link-local"),
        ("http://2852039166/", "link-local"),
        ("http://0xa9fea9fe/", "link-local"),
        ("http://169.254.43518/", "link-local"),
    ],
)
def test_base_path_that_cannot_be(base, problem):
    """A base path is checked when the block is made, and the error names the problem."""
    with pytest.raises(BlockError, match=problem) as caught:
        FileStorageBlock(base)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "address",
    ["", "x", "/x", "ftp://x", "http://", "http://h/?x", "http://169.254.169.254"],
)
def test_api_address_that_cannot_be(address):
    """A KV server is at an HTTP address."""
    with pytest.raises(BlockError, match="api_address"):
        KVServerStorageBlock(address)


@pytest.mark.parametrize(
    "make",
    [LocalStorageBlock, FileStorageBlock, KVServerStorageBlock],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("value", [5, b"x", ["x"], {}], ids=repr)
def test_wrong_type_is_wrong_use(make, value):
    """Anything but text and paths is a TypeError."""
    with pytest.raises(TypeError, match="text"):
        make(value)


@pytest.mark.parametrize("key_type", ["md5", "", None, 5])
def test_unknown_key_type(key_type):
    """Only the reference's key types are taken."""
    with pytest.raises(ValueError, match="key_type"):
        FileStorageBlock("/x", key_type=key_type)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (None, TypeError),
        ([], TypeError),
        ({1: 2}, BlockError),
        ({"headers": []}, BlockError),
        ({"headers": {"A": 5}}, BlockError),
        ({"headers": {5: "A"}}, BlockError),
    ],
    ids=repr,
)
def test_options_that_cannot_be(options, error):
    """Options have text as keys, and headers are text."""
    with pytest.raises(error):
        FileStorageBlock("http://h/", options=options)


@given(text=st.text())
def test_any_text_is_a_storage_or_a_clean_error(text):
    """Making a block of any text never raises another error than ours."""
    for make in (LocalStorageBlock, FileStorageBlock, KVServerStorageBlock):
        try:
            made = make(text)
        except FlowpackError as exc:
            assert str(exc).isprintable()
        else:
            assert type(made).from_data(_data_or_path(made)) == made


def _data_or_path(block):
    try:
        return block.to_document_data()
    except BlockError:  # half a surrogate pair, which is a path but no JSON
        return {field: getattr(block, field) for field in block.schema()["properties"]}
