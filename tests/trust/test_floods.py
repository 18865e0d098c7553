"""Servers that send without end cost neither memory nor time."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from flowpack import DeploymentSpec, KVServerStorageBlock, deploy
from flowpack.deployments.load import fetch_script
from flowpack.deployments.verification import verify_all
from flowpack.exceptions import FlowpackError
from tests.blocks.servers import serving
from tests.fault_proxy import LASTING, FaultProxy
from tests.peers.keyvalue import KeyValueServer

#: Most memory that an answer may cost, in bytes.
MEMORY = 48 * 2**20


def long_text(visit):
    """Answer with JSON that does not end for 300 MB."""
    visit.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[1")
    for _ in range(300):
        visit.send(b"," * 2**20)


def long_chunk(visit):
    """Answer with one chunk that is as long as a chunk may be."""
    visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n")
    while True:
        visit.send(b"x" * 2**20)


FLOODS = {
    "endless_body": LASTING["endless_body"],
    "long_text": long_text,
    "long_chunk": long_chunk,
}


@pytest.fixture(params=FLOODS)
def flood(request):
    return FLOODS[request.param]


@pytest.fixture
def peak():
    """Return how many bytes this process has used at most since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.fixture(params=["files", "texts"])
def stored(request, world):
    """A world with one deployment, and the proxy before its storage."""
    if request.param == "files":
        world.deploy()
        yield world, world.store
        return
    with serving(KeyValueServer()) as values:
        with FaultProxy(("127.0.0.1", values.server_port)) as proxy:
            world.deploy(flow_storage=KVServerStorageBlock(f"{proxy.url}/kv"))
            yield world, proxy


def test_load_of_a_flood(stored, flood, peak):
    """What no script can be is refused before it fills the memory."""
    world, proxy = stored
    proxy.plan.append(flood)
    with world.client() as client, pytest.raises(FlowpackError, match="GET "):
        fetch_script("hello/first", client)
    assert peak() < MEMORY


def test_verify_of_a_flood(stored, flood, peak):
    """A storage that does not stop is told as unreadable, in time."""
    world, proxy = stored
    proxy.plan.append(flood)
    started = time.monotonic()
    with world.client() as client:
        [finding] = verify_all(client)
    assert finding.status == "unreadable"
    assert time.monotonic() - started < 30
    assert peak() < MEMORY


def test_deploy_to_a_flood(stored, flood, peak):
    """What is longer than what was stored is not it, and is not read on."""
    world, proxy = stored
    world.script.write_text(world.script.read_text() + "# more\n")
    proxy.plan.extend([None, None, flood])
    storage = None if proxy is world.store else KVServerStorageBlock(f"{proxy.url}/kv")
    spec = DeploymentSpec(
        name="first",
        flow_location=world.script,
        flow_storage=storage or world.storage,
    )
    with world.client() as client:
        try:
            deploy(spec, client)
        except FlowpackError:
            pass
    assert not proxy.plan
    assert peak() < MEMORY
