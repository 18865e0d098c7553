"""File Storage over HTTP, against a real nginx."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowpack import FileStorageBlock
from flowpack.exceptions import (
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
)
from tests.peers.nginx import nginx_webdav

pytestmark = pytest.mark.peer

DATA = b"print('hello')\n"
TLS = Path(__file__).parents[1] / "data" / "tls"
KEY = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def other(tmp_path):
    """A folder for a second nginx on the same files."""
    folder = tmp_path / "other"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "base",
    ["", "/", "/a", "/a/b/c/", "/with space/ü/", "/with%20percent"],
    ids=["root", "slash", "one", "deep", "odd", "encoded"],
)
def test_round_trip(webdav, tmp_path, base):
    """Bytes go up and come down, and the collections are made."""
    storage = FileStorageBlock(webdav + base)
    assert not storage.holds(KEY, KEY, len(DATA))
    assert storage.write(DATA) == KEY
    assert storage.read(KEY) == DATA
    assert storage.holds(KEY, KEY, len(DATA))
    assert not storage.holds(KEY, KEY, len(DATA) + 1)
    (found,) = [each for each in (tmp_path / "webdav").rglob("*") if each.is_file()]
    assert found.name == KEY


def test_what_is_there_is_not_sent_again(webdav, tmp_path):
    """A second write of the same bytes sends nothing."""
    storage = FileStorageBlock(webdav)
    storage.write(DATA)
    file = tmp_path / "webdav" / KEY
    before = file.stat().st_mtime_ns
    assert storage.write(DATA) == KEY
    assert file.stat().st_mtime_ns == before


def test_damaged_object_is_replaced(webdav, tmp_path):
    """An object of the wrong length under our key is put right."""
    storage = FileStorageBlock(webdav)
    (tmp_path / "webdav" / KEY).write_bytes(b"half")
    assert storage.write(DATA) == KEY
    assert storage.read(KEY) == DATA


def test_damage_of_equal_length(webdav, tmp_path):
    """HEAD does not tell it; what is overwritten is never missing meanwhile."""
    storage = FileStorageBlock(webdav)
    file = tmp_path / "webdav" / KEY
    file.write_bytes(DATA.upper())
    assert storage.write(DATA) == KEY
    assert storage.read(KEY) == DATA.upper()
    before = file.open("rb")
    assert storage.replace_from(io.BytesIO(DATA), KEY) == KEY
    assert storage.read(KEY) == DATA
    with before:  # nginx puts another file in its place.
        assert before.read() == DATA.upper()


@pytest.mark.parametrize("key_type", ["uuid", "timestamp"])
def test_other_keys(webdav, key_type):
    """Keys of the other types can be read back too."""
    storage = FileStorageBlock(webdav, key_type=key_type)
    one, two = storage.write(DATA), storage.write(DATA)
    assert one != two
    assert storage.read(one) == storage.read(two) == DATA


def test_missing_object(webdav):
    """404 is an object that is missing."""
    with pytest.raises(ObjectMissingError):
        FileStorageBlock(webdav).read(KEY)


def test_server_that_wants_a_header(webdav, tmp_path, other):
    """The header comes from the options; without it the error says what to give."""
    rule = 'if ($http_authorization != "Bearer right") { return 401; }'
    with nginx_webdav(tmp_path / "webdav", other, rules=rule) as url:
        headers = {"Authorization": "Bearer right"}
        allowed = FileStorageBlock(url, options={"headers": headers})
        assert allowed.read(allowed.write(DATA)) == DATA
        assert allowed.location(KEY) is None
        assert "right" not in repr(allowed)
        with pytest.raises(StorageUnavailableError, match="401: it wants credentials"):
            FileStorageBlock(url).read(KEY)
        wrong = FileStorageBlock(url, options={"headers": {"Authorization": "canary"}})
        with pytest.raises(StorageUnavailableError) as caught:
            wrong.write(DATA)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"methods": "off"}, "405"),
        ({"largest": "4"}, "413"),
        ({"rules": "if ($request_method = PUT) { return 507; }"}, "507"),
        ({"rules": "if ($request_method = PUT) { return 403; }"}, "403"),
        (
            {"rules": "if ($request_method = PUT) { return 302 http://127.0.0.1:1/; }"},
            "302",
        ),
    ],
    ids=["read-only", "too-large", "full", "forbidden", "redirect"],
)
def test_server_that_refuses(tmp_path, other, options, status):
    """Any other status of a write is an error, and nothing is there afterwards."""
    files = tmp_path / "files"
    files.mkdir()
    with nginx_webdav(files, other, **options) as url:
        with pytest.raises(StorageUnavailableError, match=status):
            FileStorageBlock(url).write(DATA)
    assert list(files.iterdir()) == []


def test_server_that_says_it_is_there(tmp_path, other):
    """412 means that somebody was faster; it counts only if the bytes are there."""
    files = tmp_path / "files"
    files.mkdir()
    rule = "if ($request_method = PUT) { return 412; }"
    with nginx_webdav(files, other, rules=rule) as url:
        with pytest.raises(StorageError, match="not there"):
            FileStorageBlock(url).write(DATA)


@pytest.mark.parametrize(
    "variable", ["REQUESTS_CA_BUNDLE", "PREFECT_API_SSL_CERT_FILE", "SSL_CERT_FILE"]
)
def test_tls(tmp_path, other, monkeypatch, variable):
    """A CA of one's own is trusted where the environment or Prefect's setting says."""
    files = tmp_path / "files"
    files.mkdir()
    own = TLS / "localhost.pem"
    with nginx_webdav(files, other, certificate=(own, own)) as url:
        storage = FileStorageBlock(url)
        with pytest.raises(StorageUnavailableError, match="certificate"):
            storage.write(DATA)
        monkeypatch.setenv(variable, "")
        with pytest.raises(StorageUnavailableError, match="certificate"):
            storage.write(DATA)
        monkeypatch.setenv(variable, str(TLS / "ca.pem"))
        assert storage.read(storage.write(DATA)) == DATA


LARGE = """
import hashlib, sys
from flowpack import FileStorageBlock

size = 200 * 1024 * 1024
storage = FileStorageBlock(sys.argv[1])
block = bytes(range(256)) * 4096
digest = hashlib.sha256()
with open(sys.argv[2], "wb") as file:
    for _ in range(size // len(block)):
        file.write(block)
        digest.update(block)
digest = digest.hexdigest()
with open(sys.argv[2], "rb") as file:
    token = storage.write_from(file, digest)
back = hashlib.sha256()
with open(sys.argv[2], "wb+") as file:
    storage.read_into(token, file)
    file.seek(0)
    for part in iter(lambda: file.read(2**20), b""):
        back.update(part)
assert back.hexdigest() == digest == token
# Not ru_maxrss, which counts the process that started this one.
status = open("/proc/self/status").read()
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


def test_large_object_in_little_memory(webdav, tmp_path):
    """200 MB go up and come down in less than 64 MB, the interpreter included."""
    said = subprocess.run(
        [sys.executable, "-c", LARGE, webdav + "/large", tmp_path / "large"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert said.returncode == 0, said.stderr
    assert int(said.stdout) < 64
