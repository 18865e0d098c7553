"""Temporary files: never followed, never shared, never piling up."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from typing import List

import pytest

from flowpack._folders import lock_file
from flowpack.blocks import temp_files as drafts
from flowpack.blocks.temp_files import GIVEN_UP, SLOTS, open_draft


def names(folder):
    return sorted(os.listdir(folder))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return str(tmp_path / "folder")


def test_draft_is_a_new_private_file(folder):
    """A draft is empty, for its owner alone, and gone when it is discarded."""
    draft = open_draft(folder)
    status = os.lstat(draft.path)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_size == 0
    draft.discard()
    assert names(folder) == []


def test_published_draft_stays(folder):
    """A draft that was given its name is not removed with the rest."""
    draft = open_draft(folder)
    os.write(draft.descriptor, b"data")
    draft.publish(os.path.join(folder, "final"))
    draft.discard()
    assert names(folder) == ["final"]


def test_living_drafts_are_left_alone(folder):
    """Each writer gets a name of its own, also beyond those that are set aside."""
    living = [open_draft(folder) for _ in range(SLOTS + 3)]
    assert len({draft.path for draft in living}) == SLOTS + 3
    assert len(names(folder)) == SLOTS + 3
    for draft in living:
        draft.discard()
    assert names(folder) == []


def test_drafts_of_dead_writers_are_removed(folder):
    """What killed processes left is removed by the next writer, all of it."""
    left = [os.path.join(folder, f".flowpack-{slot}.tmp") for slot in ("00", "07", 63)]
    for path in left:
        with open(path, "wb") as file:
            file.write(b"torn")
    draft = open_draft(folder)
    assert draft.path == left[0]
    assert os.fstat(draft.descriptor).st_size == 0
    assert names(folder) == [".flowpack-00.tmp"]
    draft.discard()


def test_without_locks_only_old_drafts_are_removed(folder, monkeypatch):
    """Where the file system has no locks, age decides."""

    def refuse(descriptor, operation):
        raise OSError(95, "not supported")

    import fcntl

    monkeypatch.setattr(fcntl, "flock", refuse)
    young, old = (os.path.join(folder, f".flowpack-0{slot}.tmp") for slot in (0, 1))
    for path in (young, old):
        open(path, "wb").close()
    long_ago = time.time() - GIVEN_UP - 10
    os.utime(old, (long_ago, long_ago))
    draft = open_draft(folder)
    assert draft.path == old
    draft.discard()
    assert names(folder) == [os.path.basename(young)]


def test_system_without_locks(folder, monkeypatch):
    """Where Python knows no file locks drafts work all the same."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    first, second = open_draft(folder), open_draft(folder)
    assert first.path != second.path
    first.discard()
    second.discard()


def test_draft_that_was_taken_for_abandoned(folder, monkeypatch):
    """A writer whose new file is removed before it was locked takes another one."""
    real = lock_file
    stolen: List[str] = []

    def steal(descriptor):
        if not stolen:
            stolen.append(os.path.join(folder, ".flowpack-00.tmp"))
            os.unlink(stolen[0])
        return real(descriptor)

    monkeypatch.setattr(drafts, "lock_file", steal)
    draft = open_draft(folder)
    assert os.path.exists(draft.path)
    draft.discard()
    assert names(folder) == []


def test_discard_spares_the_draft_of_another(folder):
    """A draft that was published leaves the next one at its old name alone."""
    first = open_draft(folder)
    first.publish(os.path.join(folder, "final"))
    second = open_draft(folder)
    assert second.path == first.path
    first.discard()
    assert names(folder) == [".flowpack-00.tmp", "final"]
    second.discard()


def test_threads_get_drafts_of_their_own(folder):
    """Threads that come and go never get one draft at the same time."""
    failures = []

    def write(number):
        data = str(number).encode()
        for _ in range(30):
            draft = open_draft(folder)
            try:
                os.write(draft.descriptor, data)
                with open(draft.path, "rb") as file:
                    if file.read() != data:
                        failures.append(draft.path)
            finally:
                draft.discard()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(folder) == []


HOLD = """
import sys, time
from flowpack.blocks.temp_files import open_draft
drafts = [open_draft(sys.argv[1]) for _ in range(3)]
print("ready", flush=True)
time.sleep(60)
"""


def test_drafts_of_killed_processes_do_not_pile_up(folder):
    """After a kill the next writer takes the first name again."""
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert len(names(folder)) == 3
        mine = open_draft(folder)
        assert mine.path.endswith("-03.tmp")
        mine.discard()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert len(names(folder)) == 3
    draft = open_draft(folder)
    assert draft.path.endswith("-00.tmp")
    draft.discard()
