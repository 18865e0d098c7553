"""The process: statuses, streams, signals, and what is loaded for what."""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowpack import __version__
from flowpack.cli import deployments, main
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import FlowpackError, ScriptError
from tests.http_server import serve

COMMAND = [sys.executable, "-m", "flowpack"]
MARK = "\x1b[31m"


def process(stdout, *argv):
    return subprocess.run(
        [*COMMAND, *argv], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60
    )


def loaded(*argv):
    """Return the modules that a command loads."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flowpack", *argv],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = [line.split("|") for line in done.stderr.splitlines()]
    return {parts[2].strip() for parts in found if parts[0].startswith("import time:")}


def raising(monkeypatch, error):
    """Let ``flowpack ls`` fail in a way of its own."""

    def ls(arguments):
        raise error

    monkeypatch.setattr(deployments, "ls", ls)


def test_version(flowpack):
    """--version names the release."""
    assert flowpack("--version") == (0, f"flowpack {__version__}\n", "")


def test_arguments_of_the_process(flowpack, monkeypatch):
    """Without arguments given, those of the process are taken."""
    monkeypatch.setattr(sys, "argv", ["flowpack", "--version"])
    assert main() == 0


def test_our_errors_are_status_1(flowpack, monkeypatch):
    """A FlowpackError is one escaped message on standard error."""
    raising(monkeypatch, FlowpackError(f"no {MARK} way"))
    assert flowpack("ls") == (1, "", "flowpack: error: no \\x1b[31m way\n")


def test_script_errors_come_with_a_traceback(flowpack, monkeypatch):
    """Of the user's code the traceback is shown, of ours it is not."""
    try:
        exec(compile("def f():\n    1 / 0\nf()", "their.py", "exec"), {})
    except ZeroDivisionError as exc:
        raising(monkeypatch, ScriptError("their.py", exc))
    done = flowpack("ls")
    assert (done.status, done.out) == (1, "")
    assert 'File "their.py", line 2, in f' in done.err
    assert done.err.splitlines()[-1].startswith("flowpack: error: the script their.py")


EXHAUSTED = {
    MemoryError(): "there is not enough memory",
    OSError(errno.EMFILE, "Too many open files", "\x1b[31m"): "Too many open files",
    OSError(errno.EIO, "Input/output error"): "Input/output error",
}


@pytest.mark.parametrize(("error", "reason"), EXHAUSTED.items(), ids=repr)
def test_system_that_gives_no_more(flowpack, monkeypatch, fresh_home, error, reason):
    """Where memory or files end is no defect of ours, whoever met it."""
    raising(monkeypatch, error)
    done = flowpack("ls", "--json")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("flowpack: error: ")
    assert reason in done.err
    assert MARK not in done.err
    assert not fresh_home.exists()


ODD = (RuntimeError("odd"), OSError("odd"), SystemExit(0))


@pytest.mark.parametrize("error", ODD, ids=repr)
def test_unexpected_is_status_3(flowpack, monkeypatch, fresh_home, error):
    """What nobody foresaw is a short text; the traceback goes to a private log."""
    raising(monkeypatch, error)
    done = flowpack("ls", "--json")
    assert (done.status, done.out) == (3, "")
    (log,) = (fresh_home / "logs").iterdir()
    kind = type(error).__name__
    assert done.err == f"flowpack: error: {kind}: a defect of flowpack; see {log}\n"
    assert "in ls\n    raise error" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(fresh_home.stat().st_mode) == 0o700


def test_log_goes_elsewhere_if_it_must(flowpack, monkeypatch, tmp_path, fresh_home):
    """A home that cannot be written does not lose the traceback."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    fresh_home.write_text("in the way")
    raising(monkeypatch, RuntimeError("odd"))
    assert flowpack("ls").status == 3
    (log,) = tmp_path.glob("flowpack-error-*.log")
    assert "odd" in log.read_text()


def test_no_log_at_all(flowpack, monkeypatch, tmp_path, fresh_home):
    """Even then the error is printed."""
    fresh_home.write_text("in the way")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    raising(monkeypatch, RuntimeError("odd"))
    done = flowpack("ls")
    assert done.status == 3
    assert "no log can be written" in done.err


def test_interrupted_is_status_130(flowpack, monkeypatch):
    """Ctrl-C is no traceback."""
    raising(monkeypatch, KeyboardInterrupt())
    assert flowpack("ls") == (130, "", "flowpack: error: interrupted\n")


def test_reader_that_goes_is_no_error():
    """``flowpack --help | head -0`` ends in silence."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = process(write, "--help")
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_reported():
    """A result that cannot be written is an error."""
    with open("/dev/full", "w") as full:
        done = process(full, "config")
    assert done.returncode == 1
    assert done.stderr == (
        "flowpack: error: standard output cannot be written: No space left on device\n"
    )


def test_ctrl_c_of_a_process(tmp_path):
    """SIGINT ends a process that waits, quickly and with status 130."""
    started = tmp_path / "started"
    specs = tmp_path / "slow.py"
    specs.write_text(f"import time\nopen({str(started)!r}, 'w')\ntime.sleep(60)\n")
    child = subprocess.Popen(
        [*COMMAND, "deploy", "--spec", str(specs)], stderr=subprocess.PIPE, text=True
    )
    while not started.exists() and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=10)
    assert (child.returncode, err.splitlines()[-1:]) == (
        130,
        ["flowpack: error: interrupted"],
    )


LIGHT = [["--help"], ["deploy", "--help"], ["config"], ["config", "--json"]]


@pytest.mark.parametrize("argv", LIGHT, ids=" ".join)
def test_light_commands_stay_light(argv):
    """Help and config load no library that speaks to anyone."""
    modules = loaded(*argv)
    assert "flowpack.cli.parser" in modules
    heavy = {"requests", "urllib3", "cattrs", "cattr", "sqlite3", "http.client", "uuid"}
    heavy |= {"logging", "tempfile"}
    if "--help" in argv:
        heavy |= {"attr", "json", "subprocess", "flowpack.settings"}
    assert sorted(heavy & modules) == []
    assert "flowpack.client" not in modules


def test_embedded_deploy_stays_light(tmp_path):
    """The cold path of the embedded API loads what it uses and no more."""
    script = tmp_path / "hello.py"
    script.write_text("from flowpack import flow\n\n@flow\ndef hello():\n    pass\n")
    modules = loaded("deploy", str(script), "--storage", str(tmp_path / "store"))
    assert "sqlite3" in modules
    unused = {
        *("requests", "urllib3", "http.client", "email", "ssl", "asyncio"),
        *("concurrent.futures", "importlib.metadata", "yaml", "tqdm"),
        *("logging", "random", "shutil", "tempfile", "urllib.request"),
        *("flowpack.loading", "flowpack.flows", "flowpack.deployments._yaml_nodes"),
        *("flowpack.deployments.load", "flowpack.deployments.moves"),
    }
    if sys.version_info >= (3, 11):  # Before, uuid imports it.
        unused.add("subprocess")
    assert sorted(unused & modules) == []


COUNTING = """\
import gc
from flowpack.__main__ import program

rounds = []
gc.collect()
gc.callbacks.append(lambda *_: rounds.append(1))
try:
    program()
finally:
    print("rounds:", len(rounds))
"""


def test_garbage_is_not_looked_for_while_modules_load(tmp_path):
    """One round takes 10 to 20 ms and finds next to nothing in a first deploy over HTTP."""
    script = tmp_path / "hello.py"
    script.write_text("from flowpack import flow\n\n@flow\ndef hello():\n    pass\n")
    transport = EmbeddedTransport(str(tmp_path / "server.db"))
    with contextlib.closing(transport), serve(transport) as url:
        done = subprocess.run(
            [sys.executable, "-c", COUNTING, "deploy", str(script)],
            env={**os.environ, "PREFECT_API_URL": url},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stdout.splitlines()[-1] == "rounds: 0", done


KEEPER = """\
from pathlib import Path
from flowpack import flow


class Node:
    def __del__(self):
        Path({path!r}).write_text("kept")


@flow
def keep():
    node = Node()
    node.itself = node
"""


def test_what_user_code_left_is_collected(tmp_path):
    """The finalizer of an object that a flow left in a cycle runs at the end."""
    path, script = tmp_path / "left.txt", tmp_path / "keeper.py"
    script.write_text(KEEPER.format(path=str(path)))
    store = str(tmp_path / "store")
    deploy = ("deploy", str(script), "--name", "it", "--storage", store)
    for command in (deploy, ("run", "keep/it")):
        done = process(subprocess.PIPE, *command)
        assert (done.returncode, path.exists()) == (0, command is not deploy), done
    assert path.read_text() == "kept"
