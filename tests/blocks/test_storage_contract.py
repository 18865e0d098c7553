"""What every storage does, flowpack's own and users'."""

from __future__ import annotations

import copy
import hashlib
import io
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowpack.blocks.storage import (
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
    StorageBlock,
    TempStorageBlock,
)
from flowpack.exceptions import ObjectMissingError, StorageError
from tests.blocks.blocks import MemoryStorage

KINDS = (
    "local",
    "local-home",
    "temp",
    "file-hash",
    "file-uuid",
    "file-timestamp",
    "http",
    "http-uuid",
    "kv",
    "own",
)
OURS = KINDS[:-1]
CONTENT_ADDRESSED = {"local", "local-home", "temp", "file-hash", "http", "kv"}


def storage_of(kind, tmp_path, request):
    """Return a storage of that kind, empty."""
    if kind == "own":
        return MemoryStorage(str(tmp_path))
    if kind == "temp":
        request.getfixturevalue("temporary")
        return TempStorageBlock()
    if kind == "kv":
        return KVServerStorageBlock(request.getfixturevalue("values").address)
    if kind.startswith("local"):
        folder = None if kind == "local-home" else str(tmp_path / "store")
        return LocalStorageBlock(folder)
    key_type: Any = kind.partition("-")[2] or "hash"
    if kind.startswith("http"):
        address = request.getfixturevalue("files").address
        return FileStorageBlock(f"{address}/deep/folder", key_type=key_type)
    return FileStorageBlock(tmp_path / "store", key_type=key_type)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def storage(kind, tmp_path, request):
    return storage_of(kind, tmp_path, request)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_gives_back_what_it_kept(storage):
    """A token leads to the bytes that were written."""
    token = storage.write(b"print('hello')\r\n")
    assert isinstance(token, str)
    assert storage.read(token) == b"print('hello')\r\n"


def test_keeps_different_things_apart(storage):
    """Each token leads to its own bytes."""
    tokens = [storage.write(f"{number}".encode()) for number in range(5)]
    assert len(set(tokens)) == 5
    assert [storage.read(token) for token in tokens] == [b"0", b"1", b"2", b"3", b"4"]


def test_keeps_equal_things_once(storage, kind):
    """A second write of the same bytes returns the same token."""
    tokens = {storage.write(b"same"), storage.write(b"same")}
    assert len(tokens) == (1 if kind in CONTENT_ADDRESSED | {"own"} else 2)


def test_token_is_known_before_the_write(storage, kind):
    """Content-addressed storage knows the token of bytes that it never saw."""
    token = storage.token_for(sha256(b"data"))
    if kind in CONTENT_ADDRESSED:
        assert token == storage.write(b"data")
        assert token.endswith(sha256(b"data"))
    else:
        assert token is None


def test_writes_from_a_file(storage):
    """A file is read from where it stands, to its end, and left open."""
    file = io.BytesIO(b"skipped, stored")
    file.seek(9)
    token = storage.write_from(file, sha256(b"stored"))
    assert storage.read(token) == b"stored"
    assert not file.closed


def test_replaces_from_a_file(storage):
    """What is there is as good as nothing; the token leads to the bytes."""
    storage.write(b"stored")
    token = storage.replace_from(io.BytesIO(b"stored"), sha256(b"stored"))
    assert storage.read(token) == b"stored"


def test_reads_into_a_file(storage):
    """The bytes come where the file stands."""
    token = storage.write(b"stored")
    file = io.BytesIO(b"there: ")
    file.seek(0, io.SEEK_END)
    storage.read_into(token, file)
    assert file.getvalue() == b"there: stored"


def test_reads_no_more_than_it_may(storage):
    """What is larger than the limit is an error, what is not comes whole."""
    token = storage.write(b"123456")
    whole = io.BytesIO()
    storage.read_into(token, whole, limit=6)
    assert whole.getvalue() == b"123456"
    with pytest.raises(StorageError, match="(than 5)|(5 bytes)"):
        storage.read_into(token, io.BytesIO(), limit=5)


def test_holds_what_it_kept(storage):
    """It holds the bytes that were written and no others under that token."""
    token = storage.write(b"kept")
    assert storage.holds(token, sha256(b"kept"), 4)
    assert not storage.holds(token, sha256(b"other bytes"), 11)


def test_holds_nothing_that_is_missing(storage, kind):
    """A token of bytes that were never written leads nowhere."""
    token = storage.token_for(sha256(b"never")) or "0" * 32
    assert not storage.holds(token, sha256(b"never"), 5)


def test_missing_object(storage):
    """Reading what is not there raises ObjectMissingError."""
    token = storage.token_for(sha256(b"never")) or "0" * 32
    with pytest.raises(ObjectMissingError) as caught:
        storage.read(token)
    assert caught.value.token.endswith(token.rpartition("/")[2])


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("data", ["text", bytearray(b"x"), None, 5], ids=repr)
def test_takes_bytes_only(storage, data):
    """Anything but bytes is wrong use, and nothing is stored."""
    with pytest.raises(TypeError, match="bytes"):
        storage.write(data)


@pytest.mark.parametrize("kind", OURS)
def test_refuses_bytes_other_than_announced(storage):
    """A file with another digest than was announced is not stored."""
    announced = sha256(b"announced")
    with pytest.raises(StorageError, match="Nothing was stored"):
        storage.write_from(io.BytesIO(b"different"), announced)
    token = storage.token_for(announced)
    assert token is None or not storage.holds(token, announced, 9)


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("digest", ["", "x" * 64, "A" * 64, "../x", "0" * 63])
def test_announced_digest_must_be_one(storage, digest):
    """It becomes the key, so it must be 64 digits of hex."""
    with pytest.raises(ValueError, match="64 digits"):
        storage.write_from(io.BytesIO(b""), digest)


def test_location_is_the_object_or_nothing(storage, kind):
    """Where anyone can read it there are the very bytes."""
    location = storage.location(storage.write(b"there"))
    if kind in ("own", "kv"):
        assert location is None
    elif kind.startswith("http"):
        assert location.startswith("http://127.0.0.1:")
    else:
        with open(location, "rb") as file:
            assert file.read() == b"there"


def test_is_a_value(storage):
    """Copies are equal and hash alike; they work like the original."""
    token = storage.write(b"kept")
    for twin in (
        copy.copy(storage),
        copy.deepcopy(storage),
        pickle.loads(pickle.dumps(storage)),
        attrs.evolve(storage),
    ):
        assert twin == storage
        assert hash(twin) == hash(storage)
        assert twin.read(token) == b"kept"


def test_comes_back_from_its_data(storage):
    """The registered data describe a storage that reads the same objects."""
    token = storage.write(b"kept")
    again = type(storage).from_data(storage.to_document_data())
    assert again.read(token) == b"kept"


def test_can_be_a_default_storage(storage):
    """Every storage has the capability that makes it one."""
    assert "storage" in storage.definition().capabilities
    assert isinstance(storage, StorageBlock)


@pytest.mark.parametrize("kind", ["local", "file-hash", "http"])
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.binary(max_size=2000))
def test_any_bytes_come_back(storage, kind, data):
    """What is stored is what was given, byte for byte."""
    assert storage.read(storage.write(data)) == data


@pytest.mark.parametrize("kind", ["kv"])
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(min_size=1, max_size=500))
def test_any_text_comes_back(storage, kind, text):
    """Text in UTF-8 goes through a KV server unchanged."""
    data = text.encode()
    assert storage.read(storage.write(data)) == data
