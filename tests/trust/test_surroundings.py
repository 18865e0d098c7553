"""Full disks, folders that cannot be used, odd environments, tight limits."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List

import pytest

from flowpack import (
    Client,
    FileStorageBlock,
    LocalStorageBlock,
    get_client,
    load_flow_from_deployment,
)
from flowpack.cli import main
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import FlowpackError
from tests.clients import SCRIPT
from tests.fault_proxy import LASTING, drip, raw
from tests.http_server import serve
from tests.source import PACKAGE
from tests.trust.invariants import objects_in, problems, state_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")


@pytest.fixture
def place(tmp_path):
    """A folder with a script, and a home below it that is not there yet."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "hello.py").write_text(SCRIPT + "# more\n" * 3000)
    return folder


def command(place, *arguments, before=None, environ=None, program=None):
    """Run the command line in a process of its own; never may it be surprised."""
    base = {
        "PATH": os.environ["PATH"],
        "FLOWPACK_HOME": str(place / "home" / "flowpack"),
        "PYTHONPATH": str(PACKAGE.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    given = {**base, **(environ or {})}
    done = subprocess.run(
        [sys.executable, *(program or ["-m", "flowpack"]), *map(str, arguments)],
        env={name: value for name, value in given.items() if value is not None},
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        preexec_fn=before,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert ("flowpack: error: " in done.stderr) == done.returncode
    return done


@pytest.fixture
def command_here(place, monkeypatch, capsys):
    """Run the command line in this process; never may it be surprised."""

    def run(*arguments, environ=None):
        given = {"FLOWPACK_HOME": str(place / "home" / "flowpack"), **(environ or {})}
        with monkeypatch.context() as patch:
            patch.chdir(place)
            for name, value in given.items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            status = main([str(each) for each in arguments])
        done = subprocess.CompletedProcess(arguments, status, *capsys.readouterr())
        assert status in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        assert ("flowpack: error: " in done.stderr) == status
        return done

    return run


def deploys(place, *more, **options):
    return command(
        place,
        "deploy",
        "hello.py",
        "-n",
        "d",
        "--storage",
        place / "store",
        *more,
        **options,
    )


def check(place, counts=None):
    state = state_of(
        place / "home" / "flowpack" / "flowpack.db", objects_in(place / "store")
    )
    deployed = [(place / "hello.py").read_bytes()]
    assert problems(state, [*deployed, SCRIPT.encode()]) == []
    if counts:
        assert state.counts == counts


def stress(*cases):
    return [pytest.param(case, marks=pytest.mark.stress) for case in cases]


@pytest.mark.parametrize("limit", [0, 512, 65536, 10**9, *stress(1, 100, 1024, 4096)])
def test_file_size_limit(place, limit):
    """Where files may not grow there is a clean error; with room a rerun succeeds."""

    def before():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = deploys(place, before=before)
    assert done.returncode == (limit < 10**9)
    check(place)
    assert deploys(place).returncode == 0
    check(place, (1, 1, 1, 1))


@pytest.mark.parametrize("size", ["16k", "200k", *stress("4k", "8k", "32k", "64k")])
def test_small_disk(place, size):
    """A disk that is full is told, the old version still loads, room mends it."""
    disk = place / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        environ = {"FLOWPACK_HOME": str(disk / "home")}
        arguments = ["deploy", "hello.py", "-n", "d", "--storage", disk / "store"]
        for number in range(12):
            (place / "hello.py").write_text(SCRIPT + f"# {number}\n" * 2000)
            done = command(place, *arguments, environ=environ)
            if done.returncode:
                break
        assert done.returncode == 1
        assert "full" in done.stderr or "space" in done.stderr
        if number:
            assert command(place, "run", "hello/d", environ=environ).returncode == 0
        remount = ["mount", "-o", "remount,size=4m", str(disk)]
        subprocess.run(remount, check=True, capture_output=True)
        assert command(place, *arguments, environ=environ).returncode == 0
        assert command(place, "run", "hello/d", environ=environ).returncode == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_modes(place, umask):
    """What flowpack makes is its owner's alone, whatever the umask."""
    done = deploys(place, before=lambda: os.umask(umask))
    assert done.returncode == 0, done.stderr
    check(place, (1, 1, 1, 1))
    made = [place / "home", *(place / "home").rglob("*"), place / "store"]
    made += (place / "store").iterdir()
    for path in made:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def _file(place, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("occupied")


def _loop(place, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path)


def _nowhere(place, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(place / "gone")


@pytest.mark.parametrize(
    "occupy", [_file, _loop, _nowhere], ids=lambda each: each.__name__
)
@pytest.mark.parametrize(
    "name", ["home", "home/flowpack", "home/flowpack/flowpack.db", "store"]
)
def test_occupied_places(place, command_here, name, occupy):
    """A file, a loop of links or a dangling link where something is to be made."""
    occupy(place, place / name)
    done = command_here("deploy", "hello.py", "-n", "d", "--storage", place / "store")
    assert done.returncode == 1 or occupy is _nowhere
    if done.returncode:
        assert "flowpack: error: " in done.stderr
    if occupy is _file:
        assert (place / name).read_text() == "occupied"


@pytest.mark.parametrize(
    "environ",
    [
        {"FLOWPACK_HOME": None, "HOME": None},
        {"FLOWPACK_HOME": None, "HOME": "/nonexistent/home"},
        {"FLOWPACK_HOME": None, "HOME": ""},
        {"FLOWPACK_HOME": "/proc/flowpack"},
        {"FLOWPACK_HOME": "/dev/null"},
        {"FLOWPACK_HOME": "relative/home"},
        {"FLOWPACK_HOME": "~nobody-of-that-name/x"},
        {"FLOWPACK_HOME": "x" * 5000},
    ],
    ids=lambda environ: " ".join(f"{k}={v and v[:20]}" for k, v in environ.items()),
)
def test_odd_environment(command_here, environ):
    """It works, or says which setting is of no use."""
    done = command_here("ls", environ=environ)
    assert done.returncode == 0 or done.stderr.startswith("flowpack: error: ")


@pytest.mark.parametrize(
    "environ",
    [
        {"TMPDIR": "/nonexistent"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda environ: " ".join(f"{k}={v}" for k, v in environ.items()),
)
def test_odd_environment_of_a_process(place, environ):
    """The same for what Python reads when it starts."""
    done = command(place, "ls", environ=environ)
    assert done.returncode == 0 or done.stderr.startswith("flowpack: error: ")


NO_HOMES = {"none": None, "empty": "", "bytes": os.fsdecode(b"/tmp/caf\xe9")}


@pytest.mark.parametrize("home", NO_HOMES.values(), ids=NO_HOMES)
@pytest.mark.parametrize("storage", [True, False], ids=["storage", "default"])
def test_no_home(place, command_here, monkeypatch, home, storage):
    """What needs a home says so before anything is written; the rest works.

    The user is one whom the system does not know, as in containers that run under any id.
    """

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    environ = {"HOME": home, "FLOWPACK_HOME": None}
    deploy = ["deploy", "hello.py", "-n", "d"]
    deploy += ["--storage", "store"] if storage else []

    run = functools.partial(command_here, environ=environ)
    done = run(*deploy)
    assert done.returncode == 1
    assert "set FLOWPACK_HOME" in done.stderr
    assert [path.name for path in place.iterdir()] == ["hello.py"]
    transport = EmbeddedTransport(place / "server.db")
    with contextlib.closing(transport), serve(transport) as url:
        environ["PREFECT_API_URL"] = url
        with Client(url) as client:
            schema = LocalStorageBlock.register(client)
            client.create_block_document(
                data={"storage_path": None},
                block_schema_id=schema.id,
                block_type_id=schema.block_type_id,
                is_anonymous=True,
            )
            del url.requests[:]
        done = run(*deploy)
        for words in ["config"], ["ls"], ["verify"]:
            assert run(*words).returncode == 0
        if storage:
            assert done.returncode == 0
            assert run("run", "hello/d").returncode == 0
        else:
            assert "set FLOWPACK_HOME" in done.stderr
            posts = {request.path for request in url.requests if request.body}
            assert not posts - {"/deployments/filter", "/block_documents/filter"}


@pytest.mark.parametrize("where", [b"st\xe9re", b"file:st\xe9re", b"~no-such/store"])
def test_folder_that_no_storage_can_be(place, command_here, where):
    """A storage that servers cannot be told of is refused before anything is made."""
    done = command_here("deploy", "hello.py", "--storage", os.fsdecode(where))
    assert done.returncode == 1
    assert "cannot be used: " in done.stderr
    assert [path.name for path in place.iterdir()] == ["hello.py"]


#: Enters a folder that goes, and runs the commands that standard input says.
GONE = """
import json, os, sys

os.mkdir("gone"), os.chdir("gone"), os.rmdir("../gone")
from flowpack.cli import main

statuses = [main(words) for words in json.load(sys.stdin)]
print(json.dumps(statuses))
"""


def test_working_folder_that_is_gone(place):
    """What is named by absolute paths needs no working folder."""
    (place / "specs.json").write_text(
        '{"name": "s", "flow_location": "./hello.py", "flow_storage": "./store"}'
    )
    (place / "specs.py").write_text(
        "from flowpack import DeploymentSpec, FileStorageBlock\n"
        f"DeploymentSpec(name='p', flow_location={str(place / 'hello.py')!r},"
        f" flow_storage=FileStorageBlock({str(place / 'store')!r}))\n"
    )
    cases = [
        (["deploy", place / "hello.py", "--storage", place / "store"], 0),
        (["deploy", place / "specs.json"], 0),
        (["deploy", place / "specs.py"], 0),
        (["run", "hello/s"], 0),
        (["pull", "hello/p", "-o", place / "out.py"], 0),
        (["verify"], 0),
        (["config"], 0),
        (["deploy", "hello.py"], 1),
        (["deploy", "specs.json"], 1),
        (["deploy", place / "hello.py", "--storage", "store"], 1),
        (["deploy", place / "hello.py", "--storage", "file:store"], 1),
        (["pull", "hello/p", "-o", "out.py"], 1),
    ]
    done = subprocess.run(
        [sys.executable, "-c", GONE],
        input=json.dumps([[*map(str, words)] for words, _ in cases]),
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    statuses = json.loads(done.stdout.splitlines()[-1])
    assert statuses == [status for _, status in cases], done.stderr
    assert "Traceback" not in done.stderr and "defect" not in done.stderr


@pytest.fixture
def others_folder():
    """A folder that others may look into."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("mode", [0o555, 0o700], ids=["read-only", "unreadable"])
@pytest.mark.parametrize("name", ["home", "store"])
def test_folders_of_others(others_folder, capsys, monkeypatch, name, mode):
    """Folders that may not be written, or not be looked into, are told."""
    (others_folder / "hello.py").write_text(SCRIPT)
    for each in ("home", "store", "warm"):
        (others_folder / each).mkdir()
        (others_folder / each).chmod(mode if each == name else 0o777)
    script = str(others_folder / "hello.py")
    deploy = ["deploy", script, "-n", "d", "--storage"]
    # What is imported late may not be readable for others.
    monkeypatch.setenv("FLOWPACK_HOME", str(others_folder / "warm" / "home"))
    assert main([*deploy, str(others_folder / "warm" / "store")]) == 0
    monkeypatch.setenv("FLOWPACK_HOME", str(others_folder / "home"))
    capsys.readouterr()
    os.seteuid(65534)
    try:
        status = main([*deploy, str(others_folder / "store")])
    finally:
        os.seteuid(0)
    told = capsys.readouterr().err
    assert status == 1, told
    assert "flowpack: error: " in told
    assert list((others_folder / name).iterdir()) == []


@pytest.mark.parametrize("descriptors", [8, 20, *stress(4, 5, 6, 7, 12)])
def test_few_descriptors(place, descriptors):
    """It works, or is one clean error."""

    def before():
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    done = deploys(place, before=before)
    assert done.returncode == 0 or "flowpack: error: " in done.stderr
    assert deploys(place).returncode == 0
    check(place, (1, 1, 1, 1))


LIMITED = """
import resource, signal, sys
from flowpack.cli import main
import flowpack.cli.deploy, flowpack.embedded, flowpack.blocks.folder

if sys.argv[1] == "signals":
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
else:
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    size += int(sys.argv[1]) << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
status = main(sys.argv[2:])
signal.setitimer(signal.ITIMER_REAL, 0)
sys.exit(status)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="looks into /proc")
@pytest.mark.parametrize("limit", ["signals", "64", "12", *stress("4", "2")])
def test_little_memory_or_many_signals(place, limit):
    """With so many megabytes, or a signal each millisecond, it works or is told."""
    done = deploys(place, program=["-c", LIMITED, limit])
    assert done.returncode == 0 or limit == "2", done.stderr
    check(place)
    assert deploys(place).returncode == 0
    check(place, (1, 1, 1, 1))


MEASURED = """
import resource, sys, time
from flowpack import get_client
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import FlowpackError
import flowpack._http, flowpack.wire.dialect, flowpack.embedded, ssl
client = get_client(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.monotonic()
try:
    client.read_flows()
except FlowpackError as exc:
    print(f"{type(exc).__name__}: {exc}")
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert used < 64 * 1024, used
assert time.monotonic() - started < 5
"""


def _large_body(visit):
    visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        visit.send(b"10000\r\n" + b" " * 65536 + b"\r\n")


HUGE = {**LASTING, "large_body": _large_body}


@pytest.mark.parametrize("fault", HUGE.values(), ids=HUGE)
def test_huge_answers_need_little(world, fault):
    """However much comes, it is refused in time and in little memory."""
    world.api.plan.append(fault)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, f"{world.api.url}/api"],
        cwd=PACKAGE.parent,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("APIConnectionError"), done.stdout
    assert len(done.stdout) < 2000


def test_script_that_never_ends(world):
    """A storage that sends more than a script may have is refused."""
    world.deploy()
    announced = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n" + b"x" * 99)
    world.store.plan.append(announced)
    with world.client() as client, pytest.raises(FlowpackError, match="more than 1048"):
        load_flow_from_deployment("hello/first", client)


@pytest.mark.parametrize("name", ["drip", "endless_chunks"])
def test_deadline_of_a_call(world, monkeypatch, name):
    """A peer that gives a byte now and then does not hold a deploy for ever."""
    from flowpack import connect

    fault = drip(1, 0.02) if name == "drip" else _slow_chunks
    monkeypatch.setattr(connect, "_DEADLINE", 1.0)
    monkeypatch.setenv("FLOWPACK_API_REQUEST_TIMEOUT", "0.5")
    world.api.plan.extend([None, None] + [fault] * 9)
    started = time.monotonic()
    with pytest.raises(FlowpackError, match="within 1 s, all in all"):
        world.deploy()
    assert time.monotonic() - started < 3
    world.check()


def _slow_chunks(visit):
    visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        visit.send(b"1\r\n \r\n")
        visit.pause(0.02)


def test_dead_server_ends_within_a_minute(tmp_path, monkeypatch):
    """All waits of a deploy against nobody are bounded."""
    waits: List[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    (tmp_path / "hello.py").write_text(SCRIPT)
    with get_client("http://127.0.0.1:9/api") as client:
        from flowpack import DeploymentSpec, deploy

        storage = FileStorageBlock(str(tmp_path / "store"))
        spec = DeploymentSpec(
            name="d", flow_location=tmp_path / "hello.py", flow_storage=storage
        )
        with pytest.raises(FlowpackError, match="5 attempts"):
            deploy(spec, client)
    assert len(waits) == 4
    assert sum(waits) < 10
    assert not (tmp_path / "store").exists()
