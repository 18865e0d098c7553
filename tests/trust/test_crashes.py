"""Deploys that are killed, lose their power or fail at any step."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.source import PACKAGE

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/fd") or not hasattr(os, "fork"),
    reason="needs fork and /proc",
)

#: What earlier deploys left: nothing, other bytes, or the same bytes.
STATES = ("fresh", "update", "again")


def tried(program, *arguments):
    """Return what became of the deploys that *program* struck at."""
    done = subprocess.run(
        [sys.executable, "-m", program, *map(str, arguments)],
        cwd=PACKAGE.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def bad(results, state):
    """Return the steps after which something was wrong, or stayed so."""
    counts = [1, 1, 1, 2 if state == "update" else 1]
    return [
        each
        for each in results
        if each["problems"]
        or each["problems_again"]
        or each["counts"] != counts
        or each["again"] not in ("created", "updated", "unchanged")
    ]


def killed(how, state, folder, stride):
    results = tried("tests.trust.crashing", how, state, folder, stride)
    assert bad(results, state) == []
    assert {each["ended"] for each in results} == {"signal 9"}
    steps = 3000 if how == "lines" else 15 if state == "again" else 30
    assert len(results) > steps / stride


@pytest.mark.parametrize(
    ("how", "state", "stride"),
    [
        ("kill", "fresh", 25),
        ("kill", "update", 12),
        ("kill", "again", 9),
        ("data", "update", 12),
        ("entries", "fresh", 25),
        ("lines", "update", 2000),
    ],
)
def test_killed_at_some_steps(in_memory, how, state, stride):
    """Nothing points at what is missing or torn, and the next deploy succeeds."""
    killed(how, state, in_memory / "runs", stride)


@pytest.mark.stress
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("how", ["kill", "data", "entries"])
def test_killed_at_each_step(in_memory, how, state):
    """The same at each step: SIGKILL, lost data, lost data and names."""
    killed(how, state, in_memory / "runs", 1)


@pytest.mark.stress
@pytest.mark.parametrize("state", STATES)
def test_killed_at_many_lines(in_memory, state):
    """The same at some sixty of the lines that are executed."""
    killed("lines", state, in_memory / "runs", 59 if state == "again" else 113)


def raised(what, state, folder, stride):
    results = tried("tests.trust.crashing", what, state, folder, stride)
    assert bad(results, state) == []
    told = "FlowpackError" if what == "OSError" else what
    assert {each["ended"].split(":")[0] for each in results} == {told}


@pytest.mark.parametrize("what", ["KeyboardInterrupt", "MemoryError", "OSError"])
def test_error_at_some_steps(in_memory, what):
    """No draft is left, no transaction is open, no lock is held; it is told cleanly."""
    raised(what, "update", in_memory / "runs", 20)


@pytest.mark.stress
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("what", ["KeyboardInterrupt", "MemoryError", "OSError"])
def test_error_at_each_step(in_memory, what, state):
    """The same at each step."""
    raised(what, state, in_memory / "runs", 1)
