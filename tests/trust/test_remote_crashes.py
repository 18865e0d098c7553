"""Deploys to servers that live on, killed or failing at any step of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.clients import SCRIPT
from tests.source import PACKAGE

#: AT HOW ARGUMENT...: the command line as its own process runs it, struck at its AT-th audit event.
STRUCK = """
import os, signal, sys

at, how = int(sys.argv.pop(1)), sys.argv.pop(1)
count = 0

def watch(event, arguments):
    global count
    count += 1
    if count == at:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise {"KeyboardInterrupt": KeyboardInterrupt, "MemoryError": MemoryError}[how]

from flowpack.cli import run_command

sys.addaudithook(watch)
status = run_command()
at = 0
print(count)
sys.exit(status)
"""


def deploy(world, at=0, how="kill"):
    """Deploy, struck at an event; return how it ended and what it printed."""
    storage = ("--storage", f"{world.store.url}/dav", "--api", f"{world.api.url}/api")
    arguments = ("deploy", world.script, "-n", "first", *storage)
    world.deployed.append(world.script.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", STRUCK, str(at), how, *map(str, arguments)],
        cwd=PACKAGE.parent,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


ENDS = {"kill": -signal.SIGKILL, "KeyboardInterrupt": 130, "MemoryError": 1}


@pytest.mark.parametrize(
    ("how", "count"),
    [
        ("kill", 4),
        pytest.param("kill", 20, marks=pytest.mark.stress),
        pytest.param("KeyboardInterrupt", 8, marks=pytest.mark.stress),
        pytest.param("MemoryError", 8, marks=pytest.mark.stress),
    ],
)
def test_struck_at_events(world, how, count):
    """Nothing points at what is missing; the next deploy makes each thing once."""
    status, printed = deploy(world)
    assert status == 0
    events = int(printed.split()[-1])
    for number in range(1, count + 1):
        world.script.write_text(SCRIPT + f"# {number}\n")
        # A redeploy has fewer of them than the first deploy.
        status, _ = deploy(world, number * (events - 20) // count, how)
        assert status == ENDS[how]
        world.check()
        assert deploy(world)[0] == 0
        world.check((1, 1, 1, 1 + number))
