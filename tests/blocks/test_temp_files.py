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

from flowpack._files import lock_file
from flowpack.blocks import folder as folders
from flowpack.blocks.folder import GIVEN_UP, SLOTS, open_temp_file


def names(folder):
    return sorted(os.listdir(folder))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return str(tmp_path / "folder")


def test_temp_file_is_a_new_private_file(folder):
    """A temporary file is empty, for its owner alone, and gone when it is discarded."""
    temp = open_temp_file(folder)
    status = os.lstat(temp.path)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_size == 0
    temp.discard()
    assert names(folder) == []


def test_published_temp_file_stays(folder):
    """A temporary file that was given its name is not removed with the rest."""
    temp = open_temp_file(folder)
    os.write(temp.descriptor, b"data")
    temp.publish(os.path.join(folder, "final"))
    temp.discard()
    assert names(folder) == ["final"]


def test_living_temp_files_are_left_alone(folder):
    """Each writer gets a name of its own, also beyond those that are set aside."""
    living = [open_temp_file(folder) for _ in range(SLOTS + 3)]
    assert len({temp.path for temp in living}) == SLOTS + 3
    assert len(names(folder)) == SLOTS + 3
    for temp in living:
        temp.discard()
    assert names(folder) == []


def test_temp_files_of_dead_writers_are_removed(folder):
    """What killed processes left is removed by the next writer, all of it."""
    left = [os.path.join(folder, f".flowpack-{slot}.tmp") for slot in ("00", "07", 63)]
    for path in left:
        with open(path, "wb") as file:
            file.write(b"torn")
    temp = open_temp_file(folder)
    assert temp.path == left[0]
    assert os.fstat(temp.descriptor).st_size == 0
    assert names(folder) == [".flowpack-00.tmp"]
    temp.discard()


def test_without_locks_only_old_temp_files_are_removed(folder, monkeypatch):
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
    temp = open_temp_file(folder)
    assert temp.path == old
    temp.discard()
    assert names(folder) == [os.path.basename(young)]


def test_system_without_locks(folder, monkeypatch):
    """Where Python knows no file locks temporary files work all the same."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    first, second = open_temp_file(folder), open_temp_file(folder)
    assert first.path != second.path
    first.discard()
    second.discard()


def test_temp_file_that_was_taken_for_abandoned(folder, monkeypatch):
    """A writer whose new file is removed before it was locked takes another one."""
    real = lock_file
    stolen: List[str] = []

    def steal(descriptor):
        if not stolen:
            stolen.append(os.path.join(folder, ".flowpack-00.tmp"))
            os.unlink(stolen[0])
        return real(descriptor)

    monkeypatch.setattr(folders, "lock_file", steal)
    temp = open_temp_file(folder)
    assert os.path.exists(temp.path)
    temp.discard()
    assert names(folder) == []


def test_discard_spares_the_temp_file_of_another(folder):
    """A temporary file that was published leaves the next one at its old name alone."""
    first = open_temp_file(folder)
    first.publish(os.path.join(folder, "final"))
    second = open_temp_file(folder)
    assert second.path == first.path
    first.discard()
    assert names(folder) == [".flowpack-00.tmp", "final"]
    second.discard()


def test_threads_get_temp_files_of_their_own(folder):
    """Threads that come and go never get one file at the same time."""
    failures = []

    def write(number):
        data = str(number).encode()
        for _ in range(30):
            temp = open_temp_file(folder)
            try:
                os.write(temp.descriptor, data)
                with open(temp.path, "rb") as file:
                    if file.read() != data:
                        failures.append(temp.path)
            finally:
                temp.discard()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(folder) == []


HOLD = """
import sys, time
from flowpack.blocks.folder import open_temp_file
temps = [open_temp_file(sys.argv[1]) for _ in range(3)]
print("ready", flush=True)
time.sleep(60)
"""


def test_temp_files_of_killed_processes_do_not_pile_up(folder):
    """After a kill the next writer takes the first name again."""
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert len(names(folder)) == 3
        mine = open_temp_file(folder)
        assert mine.path.endswith("-03.tmp")
        mine.discard()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert len(names(folder)) == 3
    temp = open_temp_file(folder)
    assert temp.path.endswith("-00.tmp")
    temp.discard()
