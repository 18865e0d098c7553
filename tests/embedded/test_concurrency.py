"""Many processes and threads on one file."""

from __future__ import annotations

import os
import sqlite3
import threading
import time

import pytest

from tests.embedded.calls import PAGE, call, deploy, done, names
from tests.embedded.conftest import run_python, start_python

PROCESSES = 8

RACE = """
import sys
from flowpack.embedded import EmbeddedTransport
from tests.embedded.calls import deploy

folder, own, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for number in range(rounds):
    sys.stdin.readline()
    api = EmbeddedTransport(f"{folder}/{number}/deep/flowpack.db")
    deploy(api, "flow", "same")
    deploy(api, "flow", own)
    api.close()
    print("done", flush=True)
"""


@pytest.fixture
def processes():
    """Starts processes that run together, line by line; ends them all."""
    started = []

    def start(code, *arguments):
        for own in range(PROCESSES):
            started.append(start_python(code, arguments[0], own, *arguments[1:]))
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()


def everybody(processes, line):
    """Wait until each process has printed *line*."""
    for process in processes:
        printed = process.stdout.readline().strip()
        assert printed == line, process.stderr.read()


def test_first_run_race(tmp_path, processes):
    """Processes that begin at once on nothing make one database, and no errors."""
    rounds = 3
    running = processes(RACE, tmp_path, rounds)
    everybody(running, "ready")
    for _ in range(rounds):
        for process in running:
            process.stdin.write("go\n")
            process.stdin.flush()
        everybody(running, "done")
    for number in range(rounds):
        connection = sqlite3.connect(tmp_path / str(number) / "deep" / "flowpack.db")
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("flow", "block_type", "block_document", "deployment")
        }
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()
        assert counts == {
            "flow": 1,
            "block_type": 8,
            "block_document": 1,
            "deployment": PROCESSES + 1,
        }


UPSERTS = """
import sys
from flowpack.embedded import EmbeddedTransport
from tests.embedded.calls import deploy

api = EmbeddedTransport(sys.argv[1])
for number in range(10):
    tuple_of_own = {"parameters": {"by": sys.argv[2]}, "tags": [sys.argv[2]]}
    made = deploy(api, "flow", "same", **tuple_of_own)
    assert made["tags"] == [made["parameters"]["by"]], made
api.close()
print("done")
"""


def test_upserts_of_one_name(api, database, processes):
    """Everybody succeeds, one deployment is left, and it is one writer's whole."""
    running = processes(UPSERTS, database)
    seen = set()
    while any(process.poll() is None for process in running):
        for deployment in done(api, "POST", "/deployments/filter", PAGE):
            assert deployment["tags"] == [deployment["parameters"]["by"]]
            seen.add(deployment["id"])
        time.sleep(0.01)
    everybody(running, "done")
    (left,) = done(api, "POST", "/deployments/filter", PAGE)
    assert seen <= {left["id"]}
    assert len(names(api)) == 1


def test_threads_share_a_transport(api):
    """Threads that write at once all succeed, and each reads what it wrote."""
    errors = []

    def work(own):
        try:
            for number in range(10):
                made = deploy(api, "flow", f"{own} {number}")
                assert done(api, "GET", f"/deployments/{made['id']}") == made
                deploy(api, "flow", "same", tags=[str(own)])
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(own,)) for own in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(names(api, "deployments")) == 81
    assert len(names(api)) == 1


def test_threads_with_transports_of_their_own(open_api, database):
    """Threads that begin at once on nothing make one database."""
    barrier, errors = threading.Barrier(8), []
    transports = [open_api() for _ in range(8)]

    def work(transport):
        try:
            barrier.wait()
            deploy(transport, "flow", "same")
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(each,)) for each in transports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(names(transports[0], "deployments")) == 1


FORK = """
import os, sys, threading, warnings
from flowpack.embedded import EmbeddedTransport
from tests.embedded.calls import deploy, names

warnings.simplefilter("ignore", DeprecationWarning)  # Of forking with threads.
api = EmbeddedTransport(sys.argv[1])
deploy(api, "flow", "before")
stop = threading.Event()

def write():
    number = 0
    while not stop.is_set():
        deploy(api, "flow", f"thread {number % 10}")
        number += 1

thread = threading.Thread(target=write)
thread.start()
children = []
for child in range(10):
    pid = os.fork()
    if not pid:
        status = 1
        try:
            for number in range(3):
                deploy(api, "flow", f"child {child} {number}")
            if child % 2:
                api.close()
            status = 0
        finally:
            os._exit(status)
    children.append(pid)
print([os.waitpid(pid, 0)[1] for pid in children])
stop.set()
thread.join()
print(len(names(api, "deployments")) >= 1 + 30 + 1)
api.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_fork(database):
    """Children go on with the transport of their parent, which writes all the time."""
    assert run_python(FORK, database).split("\n")[:2] == [str([0] * 10), "True"]
    assert integrity(database) == "ok"


FORK_AND_LEAVE = """
import os, sys, warnings
from flowpack.embedded import EmbeddedTransport
from tests.embedded.calls import deploy, names

# The child must leave its parent's connection alone, open as it is.
warnings.simplefilter("ignore", ResourceWarning)
api = EmbeddedTransport(sys.argv[1])
deploy(api, "flow", "before")
if not os.fork():
    if sys.argv[2] == "used":
        deploy(api, "flow", "child")
        api.close()
    sys.exit(0)
for number in range(20):
    deploy(api, "flow", f"{number}")
os.wait()
for number in range(20, 40):
    deploy(api, "flow", f"{number}")
print(len(names(api, "deployments")))
api.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.parametrize(("use", "count"), [("used", 42), ("unused", 41)])
def test_child_that_ends(database, use, count):
    """A child that ends takes nothing of its parent's with it."""
    assert run_python(FORK_AND_LEAVE, database, use).strip() == str(count)
    assert integrity(database) == "ok"


WRITE_ON = """
import sys
from flowpack.embedded import EmbeddedTransport
from tests.embedded.calls import deploy

api = EmbeddedTransport(sys.argv[1])
number = 0
while True:
    made = deploy(api, f"flow {sys.argv[2]}", f"{number % 20}", tags=[str(number)])
    print(made["id"], number, flush=True)
    number += 1
"""


def test_killed_writers(api, database):
    """What was answered before a SIGKILL is there; nobody is locked out."""
    answered = {}
    for round_ in range(3):
        process = start_python(WRITE_ON, database, round_)
        assert process.stdout is not None
        for _ in range(30 + 7 * round_):
            deployment_id, number = process.stdout.readline().split()
            answered[deployment_id] = int(number)
        process.kill()
        process.communicate()
    for deployment_id, last in answered.items():
        _, found = call(api, "GET", f"/deployments/{deployment_id}")
        assert int(found["tags"][0]) >= last
    assert len(names(api)) == 3
    assert integrity(database) == "ok"


def integrity(database):
    """Return what SQLite says about the file."""
    connection = sqlite3.connect(database)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        connection.close()
