"""Reads the code blocks of a page, and runs its shell sessions in a real shell."""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import select
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping

#: Directives whose content is code.
_DIRECTIVE = re.compile(r"^( *)\.\. (?:code-block|code|sourcecode):: *(\S*) *$")
_OPTION = re.compile(r"^:([\w-]+): *(.*)$")


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        language: ``console``, ``python`` and so on.
        caption: Its ``:caption:``, the name of the file that it shows; or ``""``.
        text: Its lines without their indentation, the last with its newline.
        line: Number of its directive's line, from 1.
        classes: Its ``:class:`` words.
    """

    language: str
    caption: str
    text: str
    line: int
    classes: tuple[str, ...] = ()

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Each command of a shell session, after ``$``, with the output under it.

        Lines that start with ``>`` right after a command continue it.
        """
        found: list[tuple[list[str], list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(([line[2:]], []))
            elif not found:
                raise ValueError(f"line {self.line}: a session starts with '$ ', not {line!r}")
            elif line.startswith("> ") and not found[-1][1]:
                found[-1][0].append(line[2:])
            else:
                found[-1][1].append(line)
        return [("\n".join(command), _lines(output)) for command, output in found]


def read_page(path: str | Path) -> list[Block]:
    """Return the code blocks of the page *path*, in order."""
    lines = Path(path).read_text("utf-8").splitlines()
    blocks = []
    for number, line in enumerate(lines):
        if match := _DIRECTIVE.match(line):
            body = _body(lines[number + 1 :], len(match[1]))
            options = {}
            while body and (option := _OPTION.match(body[0])):
                options[option[1]] = option[2].strip()
                del body[0]
            classes = tuple(options.get("class", "").split())
            text = _lines(body).lstrip("\n")
            blocks.append(Block(match[2], options.get("caption", ""), text, number + 1, classes))
    return blocks


def _body(lines: list[str], indent: int) -> list[str]:
    """Return those first *lines* that are indented by more than *indent*, without it."""
    body = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        body.append(line)
    depth = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
    return [line[depth:] for line in body]


def _lines(lines: Iterable[str]) -> str:
    """Join *lines*, without spaces at their ends and empty lines after the last."""
    text = "\n".join(line.rstrip() for line in lines).rstrip("\n")
    return text + "\n" if text else ""


def difference(expected: str, printed: str) -> str:
    """Return how *printed* differs from *expected*, or ``""``.

    ``...`` in *expected* stands for any text in its line, and alone for any number of lines.
    Spaces at the end of lines, and empty lines at the end, do not count.
    """
    expected, printed = _lines(expected.splitlines()), _lines(printed.splitlines())
    pattern = re.sub(r"(?m)^\\.\\.\\.\n", "(?:.*\n)*?", re.escape(expected).replace("\\\n", "\n"))
    if re.fullmatch(pattern.replace(r"\.\.\.", ".*"), printed):
        return ""
    checker, example = doctest.OutputChecker(), doctest.Example("", expected)
    return checker.output_difference(example, printed, doctest.ELLIPSIS | doctest.REPORT_NDIFF)


class Session:
    """One bash whose folder, variables and background programs stay between commands.

    Use it in a ``with`` statement: at its end the shell and all it started are ended.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Start the shell.

        Args:
            folder: Its working folder.
            variables: Its whole environment.
        """
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # As in a terminal: each background job is a group of its own, and heeds Ctrl-C.
        self.run("set -m")

    def __enter__(self) -> Session:
        """Return the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the shell and all that still runs in its session."""
        deadline = time.monotonic() + 5
        number = signal.SIGTERM
        # Jobs first: while the shell is there its number is not another session's.
        while running := [each for each in _processes(self._bash.pid) if each != self._bash.pid]:
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
            time.sleep(0.2)
            number = signal.SIGKILL if time.monotonic() > deadline else number
        self._bash.kill()
        self._bash.wait()
        for stream in (self._bash.stdin, self._bash.stdout):
            assert stream is not None
            stream.close()

    def run(self, command: str, timeout: float = 120) -> tuple[str, int]:
        """Run *command*; return what it printed, errors included, and its exit status.

        Raises:
            TimeoutError: It takes longer than *timeout* seconds.
            RuntimeError: The shell ended.
        """
        assert self._bash.stdin is not None
        mark = uuid.uuid4().hex
        # In a group, so that the command does not read what the shell is to run next.
        line = f"{{ {command}\n}} < /dev/null\nprintf '%s:%s\\n' {mark} $?\n"
        self._bash.stdin.write(line.encode())
        self._bash.stdin.flush()
        printed, status = self._read_to(mark, time.monotonic() + timeout, command)
        return printed, status

    def _read_to(self, mark: str, deadline: float, command: str) -> tuple[str, int]:
        assert self._bash.stdout is not None
        output = self._bash.stdout.fileno()
        ending = re.compile(rf"{mark}:(\d+)\n".encode())
        read = b""
        while not (end := ending.search(read)):
            if not select.select([output], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"{command} does not end; it printed:\n{read.decode()}")
            more = os.read(output, 1 << 16)
            if not more:
                raise RuntimeError(f"{command} ended the shell; it printed:\n{read.decode()}")
            read += more
        return read[: end.start()].decode("utf-8", "replace"), int(end[1])

    @property
    def folder(self) -> Path:
        """The folder that the shell is in now."""
        return Path(self.run("pwd")[0].rstrip("\n"))

    def play(self, blocks: Iterable[Block], replace: Mapping[str, str] | None = None) -> int:
        """Do what a reader of *blocks* does, and check that the output is the page's.

        A block with a caption is written to the file of that name, in the folder that
        the shell is in. The commands of ``console`` blocks are run. A command without
        output must succeed. Blocks of the class ``setup`` are left out.

        Args:
            blocks: As :func:`read_page` returns them.
            replace: Texts of the page, such as a port, and what to put in their place in
                files, commands and outputs alike.

        Returns:
            How many commands were run.

        Raises:
            AssertionError: A command prints something else, or fails.
        """
        count = 0
        for block in blocks:
            if "setup" in block.classes:
                continue
            if block.caption:
                file = self.folder / block.caption
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(_replaced(block.text, replace), "utf-8")
            elif block.language == "console":
                for command, output in block.commands:
                    self._check(_replaced(command, replace), _replaced(output, replace), block)
                    count += 1
        return count

    def _check(self, command: str, output: str, block: Block) -> None:
        printed, status = self.run(command)
        problem = difference(output, printed)
        assert not problem, f"block at line {block.line}: $ {command}\n{problem}"
        failed = status and not output
        assert not failed, f"block at line {block.line}: $ {command}\nended with {status}"


def _processes(session: int) -> list[int]:
    """Return the processes of a *session*."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True)
    found = []
    for process, state in map(str.split, listed.stdout.splitlines()):
        with contextlib.suppress(OSError):
            if not state.startswith("Z") and os.getsid(int(process)) == session:
                found.append(int(process))
    return found


def _replaced(text: str, replace: Mapping[str, str] | None) -> str:
    for old, new in (replace or {}).items():
        text = text.replace(old, new)
    return text
