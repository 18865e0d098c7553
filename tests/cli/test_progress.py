"""Progress on standard error, where it is a terminal and nowhere else."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from flowpack.cli import output
from tests.source import ROOT

SPECS = """\
from flowpack import DeploymentSpec, FileStorageBlock

for number in range({count}):
    DeploymentSpec(
        name=f"d{{number}}",
        flow_location={script!r},
        flow_storage=FileStorageBlock({store!r}),
    )
"""

NO_TQDM = "import sys; sys.modules['tqdm'] = None; "
MAIN = "from flowpack.cli import main; sys.exit(main())"


@pytest.fixture
def specs(script, tmp_path):
    """Return a file of so many specs."""

    def write(count):
        path = tmp_path / "specs.py"
        store = str(tmp_path / "store")
        path.write_text(SPECS.format(count=count, script=str(script), store=store))
        return path

    return write


def counted(shown):
    """Return the steps that say how far it has come, like "1/3 created a/b"."""
    steps = [step.strip() for step in re.split("[\r\n]", shown)]
    return [step for step in steps if re.match(r"\d+/\d+ ", step)]


def watched(program, *argv, size=(24, 80)):
    """Run a command whose standard error is a terminal; return what it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, argv)],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
            text=True,
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 4096)
            except OSError:  # The other side is closed: on Linux that is an error.
                block = b""
            if not block:
                break
            shown += block
        out, _ = child.communicate(timeout=60)
    finally:
        os.close(ours)
    assert child.returncode == 0, shown
    return out, shown.decode()


def test_plain_line(specs):
    """Without tqdm one line shows how many are done, and goes at the end."""
    out, shown = watched(NO_TQDM + MAIN, "deploy", "--spec", specs(3))
    assert len(out.splitlines()) == 3
    assert counted(shown) == [
        *("1/3 created hello/d0", "2/3 created hello/d1", "3/3 created hello/d2")
    ]
    last = shown.rstrip("\n").split("\r")
    assert [each.strip() for each in last[-3:]] == ["", "3 created", ""]


@pytest.mark.parametrize("size", [(24, 80), (0, 0)])
def test_bar(specs, size):
    """With tqdm it shows its bar, also where a terminal has no size."""
    pytest.importorskip("tqdm")
    program = "import sys; " + MAIN
    out, shown = watched(program, "deploy", "--spec", specs(3), size=size)
    assert len(out.splitlines()) == 3
    assert "/3 [" in shown


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_for_one(specs, count):
    """A single deployment, and a plan, show no progress."""
    argv = ("plan", "--spec", specs(3)) if count == 0 else ("deploy", specs(1))
    _, shown = watched(NO_TQDM + MAIN, *argv)
    assert not counted(shown)


def test_nothing_where_nobody_watches(flowpack, specs):
    """In a file or a pipe there is no progress."""
    done = flowpack("deploy", "--spec", specs(3))
    assert done.status == 0
    assert not counted(done.err) and "\r" not in done.err


def test_message_between(capsys):
    """A message takes the line away first, so that it stands alone."""
    output.status("1/3 created hello/d0")
    output.status("2/3 x\x1b[31m\n")
    output.note("something else")
    output.status("3/3")
    output.status("")
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert shown.count("\n") == 1
    before, after = shown.split("something else\n")
    assert before.endswith(" \r")
    assert after == "\r3/3\r   \r"
