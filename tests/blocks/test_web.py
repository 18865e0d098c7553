"""File Storage behind an HTTP address, on real sockets."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from typing import Dict

import pytest

from flowpack.blocks.storage import FileStorageBlock
from flowpack.blocks.web import WebFolder
from flowpack.exceptions import (
    APIConnectionError,
    ObjectExistsError,
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
)

DATA = b"print('hello')\n"
KEY = hashlib.sha256(DATA).hexdigest()
CANARY = "canary-7f3a"
TIME = "2024-02-29T12:00:00.000000+00:00"


@pytest.fixture
def storage(files):
    """A storage at the root of the server."""
    return FileStorageBlock(files.address)


# What is sent


def test_requests_of_a_first_write(storage, files):
    """The object is looked for, put where there is none, and looked for again."""
    assert storage.write(DATA) == KEY
    assert files.log == [f"HEAD /{KEY}", f"PUT /{KEY}", f"HEAD /{KEY}"]
    assert files.headers[1]["if-none-match"] == "*"
    assert files.headers[1]["content-length"] == str(len(DATA))
    assert files.files == {f"/{KEY}": DATA}


def test_requests_of_a_second_write(storage, files):
    """What is there is not sent again."""
    storage.write(DATA)
    files.log.clear()
    assert storage.write(DATA) == KEY
    assert files.log == [f"HEAD /{KEY}"]


def test_asking_is_one_request(storage, files):
    """One HEAD shows that an object is there; one of another length is read."""
    storage.write(DATA)
    files.log.clear()
    assert storage.holds(KEY, KEY, len(DATA))
    assert not storage.holds("0" * 64, "0" * 64, 1)
    assert files.methods() == "HEAD HEAD"
    assert not storage.holds(KEY, KEY, len(DATA) + 1)
    assert not storage.holds(KEY, KEY, len(DATA) - 1)
    assert files.methods() == "HEAD HEAD HEAD GET HEAD GET"


def test_length_that_is_wrong(storage, files):
    """A wrong length in the response to HEAD is not believed."""
    storage.write(DATA)
    files.behaviour.length_error = 10
    assert storage.holds(KEY, KEY, len(DATA))
    assert storage.write(DATA) == KEY
    assert files.methods().count("PUT") == 1


def test_object_of_another_length_is_replaced(storage, files):
    """A cut object under the key is written over."""
    files.files[f"/{KEY}"] = DATA[:5]
    assert not storage.holds(KEY, KEY, len(DATA))
    storage.write(DATA)
    assert files.files == {f"/{KEY}": DATA}
    assert "if-none-match" not in files.headers[-2]


class Faster(Dict[str, bytes]):
    """Files of which none is there yet when the first one is asked for."""

    asked = 0

    def get(self, path, default=None):
        self.asked += 1
        return None if self.asked == 1 else super().get(path, default)


def test_another_was_faster(storage, files):
    """412 means that it is there already; its length is looked at."""

    files.files = Faster({f"/{KEY}": DATA})
    assert storage.write(DATA) == KEY
    assert files.methods() == "HEAD PUT HEAD"


def test_server_that_ignores_the_condition(storage, files):
    """nginx writes over what is there, with the same bytes."""
    files.behaviour.conditional = False
    storage.write(DATA)
    assert storage.write(DATA) == KEY
    assert storage.read(KEY) == DATA


def test_uuid_keys_are_new_each_time(files):
    """Other key types put a new object each time."""
    storage = FileStorageBlock(files.address, key_type="uuid")
    keys = {storage.write(DATA), storage.write(DATA)}
    assert {path[1:] for path in files.files} == keys


def test_timestamp_keys(files):
    """A time stamp with its colons and plus is a key like others."""
    storage = FileStorageBlock(files.address, key_type="timestamp")
    key = storage.write(DATA)
    assert list(files.files) == [f"/{key}"]
    assert storage.read(key) == DATA


@pytest.mark.parametrize("other", [b"other", DATA[::-1]], ids=["length", "content"])
@pytest.mark.parametrize("kind", [dict, Faster], ids=["before", "meanwhile"])
def test_taken_key_that_is_no_digest(files, kind, other):
    """Two writers in one microsecond do not write over each other."""
    folder = WebFolder(f"{files.address}/", "File Storage")
    files.files = kind({f"/{TIME}": other})
    with pytest.raises(ObjectExistsError, match="Try again"):
        folder.write_from(io.BytesIO(DATA), TIME, KEY)
    assert files.files == {f"/{TIME}": other}
    assert files.methods() == ("GET" if kind is dict else "GET PUT GET")


@pytest.mark.parametrize("key_type", ["hash", "uuid", "timestamp"])
@pytest.mark.parametrize("lost", [1, 2])
def test_lost_response_to_a_put(files, key_type, lost):
    """The repeated PUT finds the key taken: by the bytes of the first."""
    storage = FileStorageBlock(files.address, key_type=key_type)
    files.behaviour.lost = lost
    key = storage.write(DATA)
    assert files.files == {f"/{key}": DATA}
    assert files.methods().count("PUT") == 1 + lost


def test_lost_response_of_half_an_object(files):
    """What the first PUT left is looked at, and these are not the bytes."""
    storage = FileStorageBlock(files.address, key_type="uuid")
    files.behaviour.lost = 1
    files.behaviour.kept = "half"
    with pytest.raises(ObjectExistsError):
        storage.write(DATA)


def test_taken_key_under_which_nothing_is(files):
    """A server that has nothing under a key that it called taken kept nothing."""
    storage = FileStorageBlock(files.address, key_type="uuid")
    files.behaviour.statuses["PUT"] = 412
    with pytest.raises(StorageUnavailableError, match="412: afterwards"):
        storage.write(DATA)


def test_key_that_is_no_digest_is_read(files):
    """Its length alone does not identify the bytes."""
    folder = WebFolder(f"{files.address}/", "File Storage")
    files.files[f"/{TIME}"] = DATA
    assert folder.holds(TIME, KEY, len(DATA))
    folder.write_from(io.BytesIO(DATA), TIME, KEY)
    files.files[f"/{TIME}"] = DATA[::-1]
    assert not folder.holds(TIME, KEY, len(DATA))
    files.files[f"/{TIME}"] = DATA + DATA
    assert not folder.holds(TIME, KEY, len(DATA))
    del files.files[f"/{TIME}"]
    assert not folder.holds(TIME, KEY, len(DATA))
    assert files.methods() == "GET " * 4 + "GET"
    files.behaviour.statuses["GET"] = 403
    with pytest.raises(StorageUnavailableError, match="GET .* answered 403"):
        folder.holds(TIME, KEY, len(DATA))


# Folders


def test_missing_folders_are_made(files):
    """WebDAV collections are made from the top down, the existing ones left."""
    files.folders.add("/dav/")
    storage = FileStorageBlock(f"{files.address}/dav/flows/new")
    storage.write(DATA)
    assert files.folders == {"/", "/dav/", "/dav/flows/", "/dav/flows/new/"}
    assert files.files == {f"/dav/flows/new/{KEY}": DATA}
    assert [entry for entry in files.log if entry.startswith("MKCOL")] == [
        "MKCOL /dav/flows/new/",
        "MKCOL /dav/flows/",
        "MKCOL /dav/flows/new/",
    ]
    files.log.clear()
    storage.write(b"other")
    assert files.methods() == "HEAD PUT HEAD"


@pytest.mark.parametrize("folder", ["a b", "é/ü", "100%25", "a+b", "ö%20x", "日本"])
def test_odd_characters_in_the_address(files, folder):
    """Spaces and other characters are percent-encoded once."""
    storage = FileStorageBlock(f"{files.address}/{folder}")
    storage.write(DATA)
    assert storage.read(KEY) == DATA
    assert storage.holds(KEY, KEY, len(DATA))
    assert len(files.files) == 1
    assert all(entry.isascii() and entry.count(" ") == 1 for entry in files.log)


def test_folders_made_at_once(files):
    """Two that make the same folders both succeed."""
    failures = []

    def write(number):
        try:
            FileStorageBlock(f"{files.address}/x/y/z").write(b"%d" % number)
        except StorageError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(files.files) == 6


def test_server_that_makes_no_folders(files):
    """The error has the method, the address and the status."""
    files.behaviour.statuses["MKCOL"] = 403
    with pytest.raises(StorageUnavailableError, match="MKCOL .*/x/ answered 403"):
        FileStorageBlock(f"{files.address}/x").write(DATA)


def test_folder_that_cannot_be_made(files):
    """A folder above exists, and still the one below is refused."""
    files.folders = {"/", "/x/"}
    files.behaviour.new_folder = 403
    with pytest.raises(StorageUnavailableError, match="MKCOL .*/x/y/ answered 403"):
        FileStorageBlock(f"{files.address}/x/y/z").write(DATA)


@pytest.mark.parametrize("status", [405, 501])
def test_server_that_knows_no_folders(files, status):
    """Where there is no MKCOL, the error is that of the PUT."""
    files.behaviour.statuses["MKCOL"] = status
    with pytest.raises(StorageUnavailableError, match="PUT .* answered 409"):
        FileStorageBlock(f"{files.address}/x").write(DATA)


# Responses that are no success


STATUSES = [300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 409, 411, 413, 507]


@pytest.mark.parametrize("status", STATUSES)
def test_refused_put_is_no_success(storage, files, status):
    """Any status but 2xx means that nothing was stored."""
    files.behaviour.statuses["PUT"] = status
    with pytest.raises(StorageUnavailableError) as caught:
        storage.write(DATA)
    assert f"PUT {files.address}/{KEY} answered {status}" in str(caught.value)
    assert files.files == {}


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (401, "options={'headers'"),
        (403, "refuses"),
        (405, "dav_methods"),
        (413, "client_max_body_size"),
        (507, "full"),
        (505, "the server failed"),
    ],
)
def test_next_step(storage, files, status, step):
    """The error names the next step."""
    files.behaviour.statuses["PUT"] = status
    with pytest.raises(StorageUnavailableError) as caught:
        storage.write(DATA)
    assert step in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["HEAD", "PUT", "GET"])
def test_redirects_are_not_followed(storage, files, method, status):
    """The error names the target, without secrets; nothing is sent there."""
    files.files[f"/{KEY}"] = DATA if method == "GET" else DATA[:3]
    files.behaviour.statuses[method] = status
    with pytest.raises(StorageUnavailableError, match="not followed") as caught:
        storage.read(KEY) if method == "GET" else storage.write(DATA)
    assert "http://elsewhere.example/stolen" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_folder_in_the_place_of_an_object(storage, files, method):
    """Servers point to it with a slash at its end; the error asks to delete it."""
    files.behaviour.statuses[method] = 301
    files.behaviour.location = f"{files.address}/{KEY}/"
    with pytest.raises(StorageUnavailableError, match="a folder.*delete it"):
        storage.read(KEY) if method == "GET" else storage.write(DATA)


@pytest.mark.parametrize("status", [400, 401, 403, 405])
def test_refused_head(storage, files, status):
    """Whether an object is there must be known before it is sent."""
    files.behaviour.statuses["HEAD"] = status
    with pytest.raises(StorageUnavailableError, match=f"HEAD .* answered {status}"):
        storage.write(DATA)
    with pytest.raises(StorageUnavailableError):
        storage.holds(KEY, KEY, len(DATA))
    assert files.files == {}


@pytest.mark.parametrize("kept", ["none", "half"])
def test_server_that_says_yes_and_keeps_less(storage, files, kept):
    """What was sent is looked for, whatever the response was."""
    files.behaviour.kept = kept
    with pytest.raises(StorageUnavailableError, match="answered 201: afterwards"):
        storage.write(DATA)


@pytest.mark.parametrize("kept", ["all", "none", "half"])
def test_server_that_tells_no_length(storage, files, kept):
    """Then the object is read and hashed."""
    files.behaviour.tells_length = False
    files.behaviour.kept = kept
    if kept == "all":
        assert storage.write(DATA) == KEY
        assert storage.holds(KEY, KEY, len(DATA))
    else:
        with pytest.raises(StorageUnavailableError):
            storage.write(DATA)


@pytest.mark.parametrize("status", [404, 410])
def test_missing_object(storage, files, status):
    """Both statuses mean that there is nothing."""
    files.behaviour.statuses["GET"] = status
    with pytest.raises(ObjectMissingError, match="flowpack deploy .* --confirm"):
        storage.read(KEY)


@pytest.mark.parametrize("status", [204, 206, 301, 401, 403])
def test_read_that_is_no_success(storage, files, status):
    """Only a complete response gives bytes."""
    files.behaviour.statuses["GET"] = status
    with pytest.raises(StorageUnavailableError, match=f"GET .* answered {status}"):
        storage.read(KEY)


def test_nobody_listens(monkeypatch):
    """The error of a refused connection has the address."""
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    storage = FileStorageBlock("http://127.0.0.1:9/x")
    for use in (lambda: storage.read(KEY), lambda: storage.holds(KEY, KEY, 1)):
        with pytest.raises(StorageUnavailableError, match="127.0.0.1:9") as caught:
            use()
        assert isinstance(caught.value.__cause__, APIConnectionError)


# Tokens


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/x",
        "%2e%2e",
        "a?b",
        "a#b",
        "a\\b",
        "a b",
        "a\n",
        "a\0",
        "é",
        "http://other/x",
        "@other/x",
        "-x",
        "x" * 300,
    ],
)
def test_no_token_leads_elsewhere(storage, files, token):
    """Only plain keys are asked for."""
    with pytest.raises(StorageError, match="refused"):
        storage.read(token)
    assert storage.holds(token, KEY, 1) is False
    with pytest.raises(StorageError, match="refused"):
        storage.location(token)
    assert files.log == []


# Credentials


def test_headers_are_sent_with_each_request(files):
    """A server that wants them gets them, also for its folders."""
    files.behaviour.authorization = f"Bearer {CANARY}"
    headers = {"Authorization": f"Bearer {CANARY}", "X-More": "x"}
    storage = FileStorageBlock(f"{files.address}/x", options={"headers": headers})
    assert storage.read(storage.write(DATA)) == DATA
    assert {sent["x-more"] for sent in files.headers} == {"x"}


def test_credentials_in_the_address_are_sent(files):
    """User and password of the address become basic authentication."""
    encoded = base64.b64encode(f"me:{CANARY}".encode()).decode()
    files.behaviour.authorization = f"Basic {encoded}"
    address = files.address.replace("http://", f"http://me:{CANARY}@")
    storage = FileStorageBlock(f"{address}/x")
    assert storage.read(storage.write(DATA)) == DATA
    assert CANARY not in "".join(files.log)


@pytest.mark.parametrize("where", ["headers", "address"])
def test_errors_show_no_credentials(files, where):
    """Whatever goes wrong, nobody reads them."""
    options = {"headers": {"Authorization": f"Bearer {CANARY}"}}
    address = files.address
    if where == "address":
        options = {}
        address = address.replace("http://", f"http://me:{CANARY}@")
    storage = FileStorageBlock(address, options=options)
    for method, status in (("PUT", 403), ("HEAD", 401), ("GET", 302)):
        files.behaviour.statuses = {method: status}
        with pytest.raises(StorageError) as caught:
            storage.read(KEY) if method == "GET" else storage.write(DATA)
        assert CANARY not in str(caught.value) + repr(caught.value)
    assert CANARY not in repr(storage._store())


def test_location(files):
    """The URL is the location where nobody needs credentials for it."""
    address = files.address
    storage = FileStorageBlock(f"{address}/a b/é")
    assert storage.location(KEY) == f"{address}/a%20b/%C3%A9/{KEY}"
    with_headers = FileStorageBlock(address, options={"headers": {"A": "b"}})
    assert with_headers.location(KEY) is None
    other_options = FileStorageBlock(address, options={"block_size": 5})
    assert other_options.location(KEY) == f"{address}/{KEY}"
    with_user = FileStorageBlock(address.replace("http://", "http://me@"))
    assert with_user.location(KEY) is None


def test_header_that_cannot_be_sent(files):
    """A line break in a header never reaches a server."""
    from flowpack.exceptions import FlowpackError

    headers = {"A": f"{CANARY}\r\nX: y"}
    storage = FileStorageBlock(files.address, options={"headers": headers})
    with pytest.raises(FlowpackError) as caught:
        storage.write(DATA)
    assert CANARY not in str(caught.value)
    assert files.log == []


# Content


def test_wrong_bytes_are_never_completed(storage, files):
    """A file that changed since it was hashed is broken off, not stored."""
    with pytest.raises(StorageError, match="Nothing was stored"):
        storage.write_from(io.BytesIO(DATA), "0" * 64)
    assert files.files == {}


def test_file_that_shrinks(storage, files):
    """A file that becomes shorter while it is sent is a clean error."""

    class Shrinking(io.BytesIO):
        def read(self, size=-1):
            return b""

    with pytest.raises(StorageError, match="cannot be read|shorter"):
        storage.write_from(Shrinking(DATA), KEY)
    assert files.files == {}


def test_empty_object(storage, files):
    """No bytes are bytes too."""
    token = storage.write(b"")
    assert storage.read(token) == b""
    with pytest.raises(StorageError, match="Nothing was stored"):
        storage.write_from(io.BytesIO(b""), KEY)


def test_only_the_rest_of_a_file_is_sent(storage, files):
    """A file is sent from where it stands, also after folders were made."""
    storage = FileStorageBlock(f"{files.address}/new")
    file = io.BytesIO(b"skipped" + DATA)
    file.seek(7)
    storage.write_from(file, KEY)
    assert files.files == {f"/new/{KEY}": DATA}


def test_large_object(storage, files):
    """Megabytes go up and down in blocks."""
    data = bytes(range(256)) * 20_000
    file = io.BytesIO()
    storage.read_into(storage.write(data), file)
    assert file.getvalue() == data
