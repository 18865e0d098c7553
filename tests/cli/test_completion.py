"""``flowpack completion``: what it prints makes real shells complete."""

import os
import re
import select
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from flowpack.cli.commands import make_parser
from tests.source import ROOT

SHELLS = ["bash", "zsh", "tcsh"]
PACKAGE = Path("/usr/share/bash-completion/bash_completion")

#: Runs a program at a terminal of its own, whose keyboard is standard input.
TERMINAL = "import pty, sys; pty.spawn(sys.argv[1:])"


def guide():
    """Return what the documentation has people type, by what stands above it."""
    page = (ROOT / "docs/reference/cli.rst").read_text("utf-8")
    found = re.findall(r"\n(\w+[^\n]*):\n\n\.\. code-block:: t?c?b?a?sh\n\n((?: +.*\n)+)", page)
    return {words: lines for words, lines in found}


GUIDE = guide()


class Terminal:
    """An interactive shell in the folder *home*, at whose keyboard a test types."""

    def __init__(self, home, *argv):
        self.process = subprocess.Popen(
            [sys.executable, "-c", TERMINAL, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=home,
            env=variables(home),
        )
        assert self.process.stdin and self.process.stdout
        self.keyboard, self.screen = self.process.stdin, self.process.stdout
        self.shown = b""

    def __enter__(self):
        self.expect("READY>")
        return self

    def __exit__(self, *exc_info):
        self.process.kill()
        self.process.communicate()

    def type(self, keys):
        self.shown = b""
        self.keyboard.write(keys.encode())
        self.keyboard.flush()

    def expect(self, text):
        end = time.monotonic() + 20
        while text.encode() not in self.shown:
            left = end - time.monotonic()
            ready = select.select([self.screen], [], [], max(left, 0))[0]
            more = os.read(self.screen.fileno(), 65536) if ready else b""
            assert more, f"no {text!r} in {self.shown!r}"
            self.shown += more


def variables(home):
    scripts = sysconfig.get_path("scripts")
    path = os.pathsep.join([scripts, os.environ["PATH"]])
    found = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    return {"HOME": str(home), "PATH": path, "TERM": "xterm", "LANG": "C.UTF-8", **found}


@pytest.mark.parametrize("words", sorted(GUIDE))
def test_shell_completes(tmp_path, words):
    """What the documentation says is typed; then the shell completes words and paths."""
    pytest.importorskip("shtab")
    shell = words.partition(" ")[0].strip(";,")
    bash_completion = "the package" in words
    if not shutil.which(shell) or (bash_completion and not PACKAGE.exists()):
        message = f"there is no {words}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    rc = tmp_path / f".{shell}rc"
    prompt = "set prompt = 'READY> '" if shell == "tcsh" else "PS1='READY> '"
    rc.write_text(f". {PACKAGE}\n" if bash_completion else "")
    # The prompt comes first: compinit would ask what to do of folders of other users.
    steps = GUIDE[words].replace("&& compinit", "&& compinit -u")
    subprocess.run(["sh", "-ec", steps], check=True, cwd=tmp_path, env=variables(tmp_path))
    with rc.open("a") as file:
        print(prompt, file=file)
    (tmp_path / "unusual.py").touch()
    (tmp_path / "unlike").mkdir()
    with Terminal(tmp_path, shell, "-i") as terminal:
        terminal.type("flowpack dep\t")
        terminal.expect("flowpack deploy")
        terminal.type("unus\t")
        terminal.expect("ual.py")
        terminal.type("--confi\t")
        terminal.expect("rm")
        terminal.type("--storage unl\t")
        terminal.expect("ike")
        terminal.type("\x15flowpack plan --runner kub\t")
        terminal.expect("ernetes")


def test_documentation_has_every_shell():
    """There is a way for each shell that the command knows."""
    assert {words.partition(" ")[0].strip(";,") for words in GUIDE} == set(SHELLS)
    assert len(GUIDE) == 4


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_is_completed(flowpack, shell):
    """The options of all commands are in what is printed."""
    pytest.importorskip("shtab")
    done = flowpack("completion", shell)
    assert (done.status, done.err) == (0, "")
    for word in ("deploy", "storage", "collision-strategy", "watch", "extract", "overwrite"):
        assert word in done.out


def test_without_shtab(flowpack, monkeypatch):
    """An error says what to install."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    done = flowpack("completion", "bash")
    assert (done.status, done.out) == (1, "")
    assert "pip install 'flowpack[completion]'" in done.err


def test_other_shells_are_refused(flowpack):
    """The error lists the shells."""
    done = flowpack("completion", "csh")
    assert done.status == 2
    assert "did you mean 'tcsh'?; choose from bash, zsh, tcsh" in done.err


def test_nobody_else_loads_shtab():
    """A command that completes nothing does not pay for it."""
    code = "import sys; from flowpack.cli import main; main(['config', '-q']);"
    code += " print('shtab' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_whole_parser():
    """Without a command line the parser has the options of every command."""
    storage = make_parser().parse_args(["storage", "save", "/tmp", "name", "--overwrite"])
    assert storage.function == "storage.save"
    assert make_parser().parse_args(["trigger", "a/b", "--wait"]).wait
