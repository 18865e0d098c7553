"""Processes whose system calls strace writes down, or makes fail."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Iterator, List, Tuple

import attrs
import pytest

WRITES = (
    "openat,open,close,write,pwrite64,ftruncate,rename,renameat,renameat2,unlink,"
    "unlinkat,mkdir,mkdirat,fsync,fdatasync"
)

_CALL = re.compile(r"\d+ +(\w+)\((.*)\) += (\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@attrs.frozen
class Call:
    """A call that succeeded: its name, its strings and numbers, what it returned."""

    name: str
    texts: Tuple[bytes, ...]
    numbers: Tuple[int, ...]
    result: int


@functools.lru_cache(maxsize=None)
def _missing() -> str:
    """Return why nothing can be traced; nothing if it can."""
    if not shutil.which("strace"):
        return "needs strace"
    command = [*strace(Path(os.devnull), "-e", "trace=fsync"), "true"]
    done = subprocess.run(command, capture_output=True, text=True)
    return f"strace does not work here: {done.stderr}" if done.returncode else ""


def require_strace() -> None:
    """Skip the test where nothing can be traced, or in CI fail."""
    if _missing() and os.environ.get("CI"):
        pytest.fail(_missing())
    elif _missing():
        pytest.skip(_missing())


def strace(log: Path, *options: str, quick: bool = True) -> List[str]:
    """Return the command that traces what follows it.

    Args:
        log: Where the calls go.
        options: What to trace, and what to inject.
        quick: Whether the kernel leaves out what is not traced. Signals cannot be
            injected then.
    """
    filters = ["--seccomp-bpf"] if quick else []
    return ["strace", "-f", *filters, "-e", "signal=none", "-o", str(log), *options]


def record(command: List[str], log: Path) -> List[Call]:
    """Run *command* and return its calls that may write something."""
    options = ("-xx", "-s", str(1 << 24), "-e", f"trace={WRITES}")
    traced = [*strace(log, *options), *command]
    done = subprocess.run(traced, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(_parsed(log))


def _parsed(log: Path) -> Iterator[Call]:
    for line in log.read_text().splitlines():
        found = _CALL.match(line)
        if found:
            name, given, result = found.groups()
            texts = tuple(
                bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(given)
            )
            rest = _TEXT.sub("", given).split(", ")
            numbers = tuple(int(each) for each in rest if each.isdecimal())
            yield Call(name, texts, numbers, int(result))
