"""KV Server Storage, on real sockets."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Optional

import pytest

from flowpack.blocks.storage import KVServerStorageBlock
from flowpack.exceptions import (
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
)
from tests.blocks.servers import serving

DATA = "print('é')\r\n".encode()
KEY = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def storage(values):
    return KVServerStorageBlock(values.address)


def test_text_is_posted_and_looked_at(storage, values):
    """A write is a POST of a JSON string, and a GET that sees it there."""
    assert storage.write(DATA) == KEY
    assert values.log == [f"POST /storage/{KEY}", f"GET /storage/{KEY}"]
    assert values.values == {KEY: DATA.decode()}


def test_lost_response_to_a_post(storage, values):
    """The text is sent once more, and read to see that it is there."""
    values.lost = 2
    assert storage.write(DATA) == KEY
    assert values.values == {KEY: DATA.decode()}
    assert [entry.split()[0] for entry in values.log] == ["POST"] * 3 + ["GET"]


def test_asking_reads_and_hashes(storage, values):
    """There is no HEAD: the text is fetched."""
    storage.write(DATA)
    values.log.clear()
    assert storage.holds(KEY, KEY, len(DATA))
    values.values[KEY] += "x"
    assert not storage.holds(KEY, KEY, len(DATA))
    assert values.log == [f"GET /storage/{KEY}"] * 2


def test_longer_text_is_not_it_and_is_replaced(storage, values):
    """Of what is far too long only the beginning is read."""
    values.values[KEY] = "x" * 100_000
    assert not storage.holds(KEY, KEY, len(DATA))
    storage.write(DATA)
    assert storage.read(KEY) == DATA


def test_no_room_for_a_long_text(storage, values, monkeypatch):
    """A full disk while a long text is read is a clean error."""
    values.values[KEY] = "x" * 2**21

    def refuse(*arguments, **named):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(StorageUnavailableError, match="No space left"):
        storage.read(KEY)


def test_address_is_used_as_it_is(values):
    """A slash at its end stays, as stock agents ask."""
    storage = KVServerStorageBlock(f"{values.address}/")
    storage.write(DATA)
    assert values.log[0] == f"POST /storage//{KEY}"
    assert storage.read(KEY) == DATA


def test_loopback_is_not_rewritten(values):
    """127.0.0.1 stays what it is, in a container too."""
    address = values.address.replace("localhost", "127.0.0.1")
    storage = KVServerStorageBlock(address)
    assert storage.read(storage.write(DATA)) == DATA
    assert storage.to_document_data() == {"api_address": address}


@pytest.mark.parametrize("data", [b"\xff", b"PK\x03\x04\x80", "é".encode("latin-1")])
def test_bytes_that_are_no_text(storage, values, data):
    """They are refused before anything is sent."""
    with pytest.raises(StorageError, match="text only.*Use another storage"):
        storage.write(data)
    assert values.log == []


def test_empty_data(storage, values):
    """The reference's clients cannot read them back, so they are refused."""
    with pytest.raises(StorageError, match="empty"):
        storage.write(b"")
    assert values.log == []


def test_missing_key_is_never_the_text_none(storage):
    """The server answers null; that is no text."""
    with pytest.raises(ObjectMissingError):
        storage.read(KEY)


@pytest.mark.parametrize("status", [300, 302, 400, 401, 403, 405, 413, 422])
def test_refused_write_is_no_success(storage, values, status):
    """Any status but 2xx means that nothing was stored."""
    values.status = status
    with pytest.raises(StorageUnavailableError, match=f"POST .* answered {status}"):
        storage.write(DATA)


class Bad(ThreadingHTTPServer):
    """Gives the same response to each request."""

    daemon_threads = True

    def __init__(self, status, body):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status: int = status
        self.body: bytes = body
        self.authorization: Optional[str] = None

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    wbufsize = -1  # Headers and body in one packet.
    server: Bad
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.authorization = self.headers.get("Authorization")
        self.send_response(self.server.status)
        if self.server.status != 204:
            self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_POST = do_GET

    def log_message(self, format, *arguments):
        pass


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b""), (410, b"gone"), (204, b""), (200, b""), (200, b"null")],
    ids=str,
)
def test_responses_that_mean_missing(status, body):
    """There are several ways to say that there is nothing."""
    with serving(Bad(status, body)) as server:
        storage = KVServerStorageBlock(server.address)
        with pytest.raises(ObjectMissingError):
            storage.read(KEY)
        assert not storage.holds(KEY, KEY, 1)


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"5", b"true", b"[]", b'{"a": 1}', b'"\\ud800"', b'"x', b"\xff"]
    + [b"[" * 100_000],
    ids=lambda body: repr(body[:12]),
)
def test_responses_that_are_no_text(body):
    """Anything but a JSON string is a clean error."""
    with serving(Bad(200, body)) as server:
        storage = KVServerStorageBlock(server.address)
        with pytest.raises(StorageUnavailableError, match="GET .* answered with"):
            storage.read(KEY)


@pytest.mark.parametrize("body", [b"null", b'"other"', b"<html>"])
def test_server_that_says_yes_and_keeps_nothing(body):
    """What was posted is looked for, whatever the response was."""
    with serving(Bad(200, body)) as server:
        with pytest.raises(StorageUnavailableError):
            KVServerStorageBlock(server.address).write(DATA)


@pytest.mark.parametrize("token", ["", "../x", "a/b", "a?b", "a%2fb", "é", "a\n"])
def test_no_token_leads_elsewhere(storage, values, token):
    """Only plain keys are asked for."""
    with pytest.raises(StorageError, match="refused"):
        storage.read(token)
    assert values.log == []


def test_credentials_in_the_address():
    """They are sent, and shown nowhere."""
    with serving(Bad(403, json.dumps("x").encode())) as server:
        address = server.address.replace("http://", "http://me:canary@")
        storage = KVServerStorageBlock(address)
        with pytest.raises(StorageUnavailableError) as caught:
            storage.read(KEY)
        encoded = base64.b64encode(b"me:canary").decode()
        assert server.authorization == f"Basic {encoded}"
    assert "canary" not in str(caught.value)
    assert storage.to_document_data() == {"api_address": address}


def test_it_has_no_location(storage):
    """What is there is JSON, which is not the object."""
    assert storage.location(storage.write(DATA)) is None
