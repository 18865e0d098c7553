"""Stored bytes that were changed are never run, wherever they are stored."""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from typing import List

import pytest

from flowpack import (
    DeploymentSpec,
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
    deploy,
    get_client,
    load_flow_from_deployment,
)
from flowpack.cli import main
from flowpack.exceptions import FlowpackError, StorageIntegrityError
from tests.clients import SCRIPT
from tests.fault_proxy import reply
from tests.peers.keyvalue import kv_server

#: Changed bytes would leave this file behind if they were run.
MARK = "import pathlib; pathlib.Path({!r}).touch()\n"

DAMAGES = {
    "flipped": lambda data, evil: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
    "cut": lambda data, evil: data[: len(data) // 2],
    "longer": lambda data, evil: data + evil,
    "stale": lambda data, evil: evil + data.replace(b"Hello", b"Hallo"),
    "null": lambda data, evil: b"null",
    "empty": lambda data, evil: b"",
    "page": lambda data, evil: b"<html><body>503</body></html>",
    "packed": lambda data, evil: gzip.compress(data),
    "other": lambda data, evil: evil,
}


class Local:
    """A folder of this machine, through the class that *make* gives."""

    def __init__(self, folder, make):
        self.storage = make(str(folder / "store"))
        self.folder = folder / "store"

    def damage(self, key, data):
        (self.folder / key.rpartition("/")[2]).write_bytes(data)


@pytest.fixture(params=["local", "file", "http", "kv"])
def place(request, tmp_path, world):
    """A storage, and a way to change what is in it."""
    if request.param in ("local", "file"):
        make = LocalStorageBlock if request.param == "local" else FileStorageBlock
        yield Local(tmp_path, make)
    elif request.param == "http":
        yield Web(world)
    else:
        with kv_server() as server:
            yield KeyValue(server)


class Web:
    def __init__(self, world):
        self.storage = world.storage
        self.files = world.files.files

    def damage(self, key, data):
        self.files[f"/dav/{key}"] = data


class KeyValue:
    def __init__(self, server):
        self.storage = KVServerStorageBlock(server.address)
        self.values = server.values

    def damage(self, key, data):
        text = data.decode("latin-1")
        self.values[key] = None if text == "null" else text


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.filterwarnings("ignore:.*only usable from the current machine")
def test_damaged_bytes_are_never_run(place, tmp_path, capsys, damage):
    """By no way of loading; the error names the digest that was expected."""
    script = tmp_path / "flow.py"
    script.write_text(SCRIPT)
    mark = tmp_path / "was-run"
    evil = MARK.format(str(mark)).encode()
    with get_client() as client:
        spec = DeploymentSpec(
            name="d", flow_location=script, flow_storage=place.storage
        )
        done = deploy(spec, client)[0]
        place.damage(done.key, damage(script.read_bytes(), evil))
        for options in ({}, {"unverified": True}, {"sha256": done.sha256}):
            with pytest.raises(FlowpackError) as caught:
                load_flow_from_deployment("hello/d", client, **options)
            error = caught.value
            missing = type(error).__name__ == "ObjectMissingError"
            assert missing or isinstance(error, StorageIntegrityError)
            assert str(done.sha256) in str(error)
    assert main(["run", "hello/d"]) == 1
    assert main(["pull", "hello/d", "-o", str(tmp_path / "out.py")]) == 1
    assert main(["run", "hello/d", "--unverified"]) == 1
    assert not mark.exists()
    assert not (tmp_path / "out.py").exists()
    assert "Traceback" not in capsys.readouterr().err


def test_a_pin_holds_whatever_the_server_says(world, tmp_path):
    """Who says which digest it must be is not fooled by a consistent lie."""
    world.deploy()
    wanted = hashlib.sha256(world.script.read_bytes()).hexdigest()
    world.script.write_text(SCRIPT + "# theirs\n")
    world.deploy()
    with world.client() as client:
        assert load_flow_from_deployment("hello/first", client)
        with pytest.raises(StorageIntegrityError) as caught:
            load_flow_from_deployment("hello/first", client, sha256=wanted)
    assert caught.value.expected == wanted


@pytest.mark.parametrize("where", ["deployment", "storage"])
def test_nothing_from_outside_is_unpickled(world, where):
    """Not the deployment's data, not a block's, not the bytes."""
    world.deploy()
    events: List[str] = []

    def watch(event, arguments):
        if event in ("pickle.find_class", "marshal.loads") and watching:
            events.append(event)

    watching = True
    sys.addaudithook(watch)
    pickled = "gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAVlY2hvIJSFlFKULg=="

    def lie(visit):
        head, _, body = visit.answer().partition(b"\r\n\r\n")
        content = json.loads(body)
        content["flow_data"] = {"encoding": "cloudpickle", "blob": pickled}
        data = json.dumps(content).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d" % len(data)
        visit.send(head + b"\r\n\r\n" + data)

    if where == "deployment":
        world.api.plan.extend([None, lie])
    else:
        key = next(iter(world.files.files))
        world.files.files[key] = pickled.encode()
    with world.client() as client, pytest.raises(FlowpackError):
        load_flow_from_deployment("hello/first", client, unverified=True)
    watching = False
    assert events == []


def lying(data):
    """Answer as the server does, but with other data for block documents."""

    def lie(visit):
        head, _, body = visit.answer().partition(b"\r\n\r\n")
        if "/block_documents/" in visit.seen.target:
            body = json.dumps({**json.loads(body), "data": data}).encode()
        visit.send(reply(body, head.decode().split(" ", 1)[1].split("\r")[0]))

    return lie


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/",
        "http://[fe80::1]/x/",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/x/",
        "http://127.0.0.1:1\r\nX: y/",
        "javascript:alert(1)",
        "http://0xA9FEA9FE/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
    ],
)
def test_block_data_that_lead_elsewhere(world, address):
    """A server's block data lead to no link-local address and no odd scheme."""
    world.deploy()
    data = {"base_path": address, "key_type": "hash", "options": {}}
    world.api.plan.extend([lying(data)] * 9)
    with world.client() as client, pytest.raises(FlowpackError) as caught:
        load_flow_from_deployment("hello/first", client)
    assert str(caught.value).isprintable()
