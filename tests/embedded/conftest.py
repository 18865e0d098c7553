"""The embedded API on a file of the test's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from flowpack.embedded import EmbeddedTransport

ROOT = Path(__file__).resolve().parents[2]


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start *code* in a Python of its own, from the checkout's root."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_python(code: str, *arguments: object) -> str:
    """Run *code* in a Python of its own; return what it printed."""
    process = start_python(code, *arguments)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, ""), errors
    return printed


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database will be; neither it nor its folder exists."""
    return tmp_path / "new" / "flowpack.db"


@pytest.fixture
def open_api(database: Path) -> Iterator[Callable[..., EmbeddedTransport]]:
    """Opens the API on the database, any number of times, and closes it at the end."""
    opened = []

    def open_api(**options: Any) -> EmbeddedTransport:
        opened.append(EmbeddedTransport(database, **options))
        return opened[-1]

    yield open_api
    for transport in opened:
        transport.close()


@pytest.fixture
def api(open_api: Callable[..., EmbeddedTransport]) -> EmbeddedTransport:
    """The API on an empty database."""
    return open_api()
