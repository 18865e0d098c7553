"""A process that dies, or is interrupted, at any step of a write."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys

import pytest

from flowpack.blocks.storage import LocalStorageBlock

OLD = b"old" * 1000
NEW = b"new" * 5000

#: Steps are the events of audit hooks, and each call that brings
#: something to the disk. What happens at step ``at`` is up to ``strike``.
STEPS = """
import errno, os, signal, sys
import flowpack.blocks.storage as storage
import flowpack.blocks.folder, flowpack.exceptions, fcntl

step, at = 0, None
EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "fcntl.flock")

def count(*_):
    global step
    if at is not None:
        step += 1
        if step == at:
            strike()

def counted(call):
    def wrapper(*arguments):
        count()
        return call(*arguments)
    return wrapper

def write(folder):
    storage.LocalStorageBlock(folder).write(b"new" * 5000)

os.fsync, os.fchmod = counted(os.fsync), counted(os.fchmod)
sys.addaudithook(lambda event, _: count() if event in EVENTS else None)
"""

KILLED = """
def strike():
    os.kill(os.getpid(), signal.SIGKILL)

at = int(sys.argv[2])
write(sys.argv[1])
"""

RAISING = """
def strike():
    if sys.argv[2] == "OSError":
        raise OSError(errno.EIO, "Input/output error")
    raise {"KeyboardInterrupt": KeyboardInterrupt, "MemoryError": MemoryError}[
        sys.argv[2]
    ]

number = 0
while not number or step >= number:
    number += 1
    folder = os.path.join(sys.argv[1], str(number))
    if sys.argv[3] == "used":
        storage.LocalStorageBlock(folder).write(b"old")
    outcome, step, at = "done", 0, number
    try:
        write(folder)
    except BaseException as exc:
        outcome = type(exc).__name__
    at = None
    left = sorted(os.listdir(folder)) if os.path.exists(folder) else []
    print(outcome, *(name for name in left if name.startswith(".")))
    write(folder)
"""


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", STEPS + code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )


def names(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


def objects(folder):
    return [name for name in names(folder) if not name.startswith(".")]


def damaged_objects(folder):
    return [
        name
        for name in objects(folder)
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != name
    ]


def prepare(folder, state):
    """Make a folder that is not there yet, holds others, or a damaged object."""
    storage = LocalStorageBlock(str(folder))
    if state != "fresh":
        storage.write(OLD)
    if state == "damaged":
        with open(storage.write(NEW), "wb") as file:
            file.write(b"torn")


@pytest.mark.parametrize("state", ["fresh", "used", "damaged"])
def test_killed_at_each_step(tmp_path, state):
    """Whatever the step, objects are whole, and the next write succeeds and tidies."""
    number, survived = 0, False
    while not survived:
        number += 1
        folder = tmp_path / str(number)
        prepare(folder, state)
        before = damaged_objects(folder) if state == "damaged" else []
        done = run(KILLED, folder, number)
        survived = done.returncode == 0
        assert survived or done.returncode == -signal.SIGKILL
        assert damaged_objects(folder) in ([], before)
        storage = LocalStorageBlock(str(folder))
        assert storage.read(storage.write(NEW)) == NEW
        assert damaged_objects(folder) == []
        assert objects(folder) == names(folder)
    assert number > 6


@pytest.mark.parametrize("state", ["fresh", "used"])
@pytest.mark.parametrize("what", ["KeyboardInterrupt", "MemoryError", "OSError"])
def test_interrupted_at_each_step(tmp_path, what, state):
    """Whatever is raised at whatever step, no temporary file is left."""
    done = run(RAISING, tmp_path, what, state)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    error = "StorageUnavailableError" if what == "OSError" else what
    lines = done.stdout.split("\n")[:-1]
    assert set(lines) == {error, "done"}
    assert lines.count(error) > 6


@pytest.mark.parametrize(
    "kills", [6, pytest.param(100, marks=pytest.mark.stress)], ids=str
)
def test_kills_leave_no_growing_litter(tmp_path, kills):
    """After many kills there is at most what one of them leaves."""
    folder = tmp_path / "store"
    LocalStorageBlock(str(folder)).write(OLD)
    left = []
    for _ in range(kills):
        run(KILLED, folder, 7)
        left.append(len(names(folder)) - len(objects(folder)))
    assert max(left) == 1
