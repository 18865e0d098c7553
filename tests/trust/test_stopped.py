"""A writer that is stopped, not ended, wherever it happens to be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from flowpack.client import Client
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import FlowpackError
from tests.source import PACKAGE
from tests.trust.crashing import NEW
from tests.trust.invariants import objects_in, problems, state_of

pytestmark = pytest.mark.skipif(
    not hasattr(os, "waitid"), reason="cannot wait for one that stops"
)

#: AT FOLDER: deploys, and stops at the AT-th line of what writes.
STOPPING = """
import os, signal, sys
from pathlib import Path
from tests.trust.crashing import NEW, deploy_here
import flowpack.blocks.folder, flowpack.embedded.store

at, folder = int(sys.argv[1]), sys.argv[2]
parts = os.path.dirname(flowpack.__file__)
writing = (parts + "/embedded/", parts + "/blocks/folder.")
count = 0

def trace(frame, event, _):
    global count
    if not frame.f_code.co_filename.startswith(writing):
        return None
    if event == "line":
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGSTOP)
    return trace

sys.settrace(trace)
deploy_here(Path(folder), NEW)
sys.settrace(None)
print(count)
"""


def start(folder, at):
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", STOPPING, str(at), str(folder)],
        cwd=PACKAGE.parent,
        env={**os.environ, "FLOWPACK_HOME": str(folder / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )


def try_point(folder, at):
    """Let a writer stop at *at*; return whether others were told that it is busy."""
    writer = start(folder, at)
    try:
        os.waitid(os.P_PID, writer.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        started, busy = time.monotonic(), False
        database = folder / "home" / "flowpack.db"
        with Client(transport=EmbeddedTransport(database, busy_timeout=0.1)) as client:
            try:
                client.create_flow("hello")
            except FlowpackError as exc:
                busy = "is busy" in str(exc)
                assert busy, exc
        assert time.monotonic() - started < 10
        writer.send_signal(signal.SIGCONT)
        assert writer.wait(60) == 0
    finally:
        writer.kill()
        writer.communicate()
    state = state_of(database, objects_in(folder / "new" / "store"))
    assert problems(state, [NEW]) == []
    assert state.counts == (1, 1, 1, 1)
    return busy


@pytest.mark.parametrize(
    "count", [3, pytest.param(25, marks=pytest.mark.stress)], ids=str
)
def test_stopped_anywhere(in_memory, count):
    """Others go on, or are told that it is busy; when it goes on, it succeeds."""
    whole = start(in_memory / "whole", 0)
    lines = int(whole.communicate(timeout=60)[0])
    assert whole.returncode == 0
    points = [number * lines // (count + 1) for number in range(1, count + 1)]
    busy = [try_point(in_memory / str(at), at) for at in points]
    assert count < 10 or any(busy)
