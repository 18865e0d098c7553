"""Everything blocks and returns values: no asyncio, and at home wherever it runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.clients import SCRIPT
from tests.http_server import serve

#: Deploys, sees that nothing changed, loads and runs; prints what came back.
PATH = """
import sys
from flowpack import DeploymentSpec, FileStorageBlock, deploy, get_client
from flowpack import load_flow_from_deployment

def whole_path(name, script, store, api):
    with get_client(api) as client:
        spec = DeploymentSpec(
            name=name, flow_location=script, flow_storage=FileStorageBlock(store)
        )
        actions = [deploy(spec, client)[0].action for _ in range(2)]
        flow = load_flow_from_deployment(f"hello/{name}", client)
        return actions, flow(name=name)
"""

BLOCKED = (
    """
import sys
sys.modules["asyncio"] = None
"""
    + PATH
    + """
print(whole_path("blocked", *sys.argv[1:]))
"""
)

IN_A_LOOP = PATH + """
import asyncio

async def main():
    return whole_path("looped", *sys.argv[1:])

print(asyncio.run(main()))
"""

UNDER_GEVENT = (
    """
from gevent import monkey
monkey.patch_all()
import gevent
"""
    + PATH
    + """
def run(index):
    return whole_path(f"g{index}", *sys.argv[1:])

jobs = [gevent.spawn(run, index) for index in range(20)]
gevent.joinall(jobs, raise_error=True)
print(sorted({str(job.value[0]) for job in jobs}), len(jobs))
"""
)


@pytest.fixture(params=["embedded", "http"])
def place(request, tmp_path, transport):
    """Arguments of the script, for both transports: script, store, API."""
    script = tmp_path / "hello.py"
    script.write_text(SCRIPT)
    where = [str(script), str(tmp_path / "store")]
    if request.param == "embedded":
        yield [*where, ""]
        return
    with serve(transport) as url:
        yield [*where, str(url)]


@pytest.fixture
def transport(fresh_home):
    from flowpack.embedded import EmbeddedTransport

    transport = EmbeddedTransport(fresh_home / "served.db")
    yield transport
    transport.close()


def said_by(code: str, arguments: list[str]) -> str:
    """Run *code* in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("code", "name"),
    [(BLOCKED, "blocked"), (IN_A_LOOP, "looped")],
    ids=["blocked", "loop"],
)
def test_without_asyncio_and_inside_a_loop(place, code, name):
    """asyncio may be missing, and a loop may be running: nothing changes."""
    expected = (["created", "unchanged"], f"Hello {name}!")
    assert said_by(code, place) == str(expected)


@pytest.mark.gevent
def test_twenty_greenlets(place):
    """Under gevent's monkey-patching twenty greenlets deploy side by side."""
    pytest.importorskip("gevent")
    assert said_by(UNDER_GEVENT, place) == "[\"['created', 'unchanged']\"] 20"


def test_eight_threads(place, fresh_home):
    """Eight threads deploy side by side, each with a client of its own."""
    space: dict[str, Any] = {}
    exec(PATH, space)
    found: dict[int, Any] = {}

    def run(index: int) -> None:
        found[index] = space["whole_path"](f"t{index}", *place)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {i: (["created", "unchanged"], f"Hello t{i}!") for i in range(8)}
    assert found == expected
