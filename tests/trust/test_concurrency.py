"""Processes, threads and greenlets that deploy, read and die at the same time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from flowpack import DeploymentSpec, FileStorageBlock, deploy, get_client
from flowpack.deployments.load import fetch_script
from tests.clients import SCRIPT
from tests.source import PACKAGE
from tests.trust.deploying import finished, workers
from tests.trust.invariants import objects_in, problems, state_of


def state_in(folder):
    return state_of(folder / "home" / "flowpack.db", objects_in(folder / "store"))


SIZES = [
    pytest.param(3, 3, id="3x3"),
    pytest.param(16, 25, id="16x25", marks=pytest.mark.stress),
]


@pytest.mark.parametrize(("count", "each"), SIZES)
def test_processes_deploy_the_same(tmp_path, count, each):
    """All succeed, in time, and leave one of everything."""
    folder = tmp_path / "shared"
    with workers(folder, count, each, "same") as started:
        assert finished(folder, started) < 20
    assert state_in(folder).counts == (1, 1, 1, 1)
    assert problems(state_in(folder), [SCRIPT.encode()]) == []


@pytest.mark.parametrize(("count", "each"), SIZES)
def test_processes_deploy_different_names(tmp_path, count, each):
    """All deployments are there, with one flow, one storage block and one object."""
    folder = tmp_path / "shared"
    with workers(folder, count, each, "names") as started:
        finished(folder, started)
    assert state_in(folder).counts == (1, 1, count * each, 1)
    assert problems(state_in(folder), [SCRIPT.encode()]) == []


@pytest.mark.parametrize(
    ("count", "rounds"),
    [
        pytest.param(4, 1, id="4"),
        pytest.param(16, 20, id="16", marks=pytest.mark.stress),
    ],
)
def test_first_run_race(tmp_path, count, rounds):
    """Processes that begin at once on a missing home all succeed."""
    for number in range(rounds):
        folder = tmp_path / str(number)
        with workers(folder, count, 1, "same") as started:
            finished(folder, started)
        assert state_in(folder).counts == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("count", "each"),
    SIZES[:1] + [pytest.param(8, 60, id="8x60", marks=pytest.mark.stress)],
)
def test_no_mixing(tmp_path, monkeypatch, count, each):
    """Whoever reads sees bytes, parameters and tags of one writer, never of two."""
    folder = tmp_path / "shared"
    monkeypatch.setenv("FLOWPACK_HOME", str(folder / "home"))
    seen = set()
    with workers(folder, count, each, "tuples") as started, get_client() as client:
        while any(process.is_alive() for process in started):
            for record in client.read_deployments():
                mark = record.tags[0]
                script = fetch_script(record, client)
                assert record.parameters == {"name": mark}
                assert script.content.decode() == SCRIPT + f"# {mark}"
                seen.add(mark)
            time.sleep(0.01)
        finished(folder, started)
    assert len(seen) > 1
    assert state_in(folder).counts == (1, 1, 1, count * each)


@pytest.mark.parametrize(
    "kills", [4, pytest.param(200, marks=pytest.mark.stress)], ids=str
)
def test_kill_storm(tmp_path, monkeypatch, kills):
    """Whoever dies, nothing is torn, and nobody is locked out afterwards."""
    folder = tmp_path / "shared"
    chance = random.Random(kills)
    deployed = set()
    for number in range(1 + kills // 4):
        # One whole deploy first: a slow machine kills the others before theirs.
        count, each = (4, 1000) if number else (1, 1)
        with workers(folder, count, each, "tuples") as started:
            if not number:
                finished(folder, started)
            for process in started if number else ():
                time.sleep(chance.random() * 0.05)
                process.kill()
        deployed |= {path.read_bytes() for path in folder.glob("scripts-*/hello.py")}
        for path in folder.glob("scripts-*"):
            path.rename(tmp_path / f"{path.name}-{number}")
    state = state_in(folder)
    found = problems(state, [*deployed, *state.objects.values()], drafts=4)
    assert found == []
    connection = sqlite3.connect(folder / "home" / "flowpack.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    with workers(folder, 1, 2, "same") as started:
        finished(folder, started)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="has no SIGSTOP")
def test_stopped_writer(tmp_path):
    """Who holds the lock and is stopped makes the others wait, and be told."""
    from flowpack.client import Client
    from flowpack.embedded import EmbeddedTransport
    from flowpack.exceptions import FlowpackError

    database = tmp_path / "flowpack.db"
    with Client(transport=EmbeddedTransport(database, busy_timeout=0.3)) as client:
        client.create_flow("before")
        code = (
            "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1]);"
            "c.isolation_level = None; c.execute('BEGIN IMMEDIATE');"
            "print('held', flush=True); time.sleep(60)"
        )
        holder: Any = subprocess.Popen(
            [sys.executable, "-c", code, database], stdout=subprocess.PIPE
        )
        try:
            holder.stdout.read(5)
            holder.send_signal(signal.SIGSTOP)
            started = time.monotonic()
            with pytest.raises(FlowpackError, match="is busy"):
                client.create_flow("during")
            assert time.monotonic() - started < 5
        finally:
            holder.kill()
            holder.communicate()
        client.create_flow("after")


def in_threads(count, work):
    """Run *work(number)* in threads at once; return what they raised."""
    errors = []
    barrier = threading.Barrier(count)

    def run(number):
        try:
            barrier.wait()
            work(number)
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


THREADS = [
    pytest.param(8, 3, id="8x3"),
    pytest.param(32, 25, id="32x25", marks=pytest.mark.stress),
]


@pytest.mark.parametrize(("count", "each"), THREADS)
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
def test_threads_over_http(world, monkeypatch, shared, count, each):
    """Threads with one client, or with one each, leave one of everything."""
    monkeypatch.setenv("FLOWPACK_API_REQUEST_TIMEOUT", "30")
    world.deployed.append(world.script.read_bytes())
    with world.client() as common:

        def work(number):
            for _ in range(each):
                spec = DeploymentSpec(
                    name="first", flow_location=world.script, flow_storage=world.storage
                )
                with (
                    contextlib.nullcontext(common) if shared else world.client()
                ) as one:
                    deploy(spec, one)

        assert in_threads(count, work) == []
    world.check((1, 1, 1, 1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_fork_over_http(world):
    """A forked process goes on with the client of its parent, on its own sockets."""
    world.deployed.append(world.script.read_bytes())

    def spec(name):
        return DeploymentSpec(
            name=name, flow_location=world.script, flow_storage=world.storage
        )

    with world.client() as client:
        deploy(spec("parent"), client)
        mine = {each.connection for each in world.api.seen}
        world.forget_requests()
        child = os.fork()
        if not child:
            status = 1
            try:
                deploy(spec("child"), client)
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert not mine & {each.connection for each in world.api.seen}
        deploy(spec("again"), client)
    world.check((1, 1, 3, 1))


def test_script_that_changes_all_the_time(tmp_path):
    """The flow that is registered is the one in the bytes that are stored."""
    script = tmp_path / "hello.py"
    stop = threading.Event()

    def rewrite():
        number = 0
        while not stop.is_set():
            number += 1
            text = SCRIPT.replace("@flow", f'@flow(name="flow-{number}")')
            draft = tmp_path / "draft.py"
            draft.write_text(text)
            draft.replace(script)

    script.write_text(SCRIPT)
    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        with get_client() as client:
            for number in range(30):
                storage = FileStorageBlock(str(tmp_path / "store"))
                spec = DeploymentSpec(
                    name=str(number), flow_location=script, flow_storage=storage
                )
                done = deploy(spec, client)[0]
                stored = (tmp_path / "store" / done.key).read_text()
                if done.flow_name != "hello":
                    assert f'@flow(name="{done.flow_name}")' in stored
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize(
    "count", [30, pytest.param(1000, marks=pytest.mark.stress)], ids=str
)
def test_many_deploys_leak_nothing(tmp_path, count):
    """Descriptors and memory of a process stay as they are."""
    import gc
    import resource

    script = tmp_path / "hello.py"

    def run(number):
        script.write_text(f"{SCRIPT}# {number}")
        storage = FileStorageBlock(str(tmp_path / "store"))
        spec = DeploymentSpec(name="d", flow_location=script, flow_storage=storage)
        with get_client() as client:
            deploy(spec, client)

    for number in range(5):
        run(-number)
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    for number in range(1, count):
        run(number)
    gc.collect()
    assert abs(len(os.listdir("/proc/self/fd")) - descriptors) <= 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 20 * 1024
    assert time.monotonic() - started < 60


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent, os, sys
from flowpack import DeploymentSpec, FileStorageBlock, deploy, get_client

script, api, store = sys.argv[1:]

def one(number, client):
    spec = DeploymentSpec(
        name=f"green-{number}",
        flow_location=script,
        flow_storage=FileStorageBlock(store),
    )
    return deploy(spec, client)[0].name

with get_client(api) as client:
    jobs = [gevent.spawn(one, number, client) for number in range(20)]
    gevent.joinall(jobs, timeout=60, raise_error=True)
    assert [job.value for job in jobs] == [f"green-{n}" for n in range(20)]
print("done")
"""


@pytest.mark.gevent
@pytest.mark.parametrize("where", ["http", "embedded"])
def test_greenlets(world, tmp_path, where):
    """Twenty greenlets deploy with one client under gevent's monkey-patching."""
    pytest.importorskip("gevent")
    api = f"{world.api.url}/api" if where == "http" else ""
    environ = {**os.environ, "FLOWPACK_API_REQUEST_TIMEOUT": "30"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GREENLETS]
        + [str(world.script), api, world.storage.base_path],
        cwd=PACKAGE.parent,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert done.stdout == "done\n"
    world.deployed.append(world.script.read_bytes())
    world.check((1, 1, 20, 1) if where == "http" else (0, 0, 0, 1))


@pytest.mark.parametrize("place", range(0, 10, 2))
def test_interrupt_during_a_stall(world, place):
    """Ctrl-C ends a deploy within a second; what is left is whole, a rerun succeeds."""
    from tests.trust.worlds import PLACES

    def interrupt(visit):
        visit.pause(0.05)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        visit.pause(1.5)
        visit.close()

    PLACES[place].break_with(world, interrupt)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        world.deploy()
    assert time.monotonic() - started < 1
    world.check()
    assert world.deploy().action in ("created", "unchanged")
    world.check((1, 1, 1, 1))
