"""Starts programs that serve on loopback, waits for them, and ends them all."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator, Mapping, Sequence

from tests.peers.environments import PeerUnavailable

#: Longest wait for a program to be ready, in seconds; the first start of a server
#: makes its database, and other tests may keep the machine busy.
READY = 120.0

#: How long a program that was asked to end may take before it is killed.
GRACE = 5.0


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    ready: Callable[[], bool],
    *,
    variables: Mapping[str, str],
    folder: Path,
    log: Path,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run *command* until the block ends, with what it starts itself.

    Args:
        command: The program and its arguments.
        ready: Says whether the program can be used; asked until it says so.
        variables: The whole environment of the program.
        folder: Its working folder.
        log: Gets what it prints.

    Raises:
        PeerUnavailable: It ended, or was not ready in time; says what it printed.
    """
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [os.fspath(word) for word in command],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, ready, log)
        yield process
    finally:
        _end(process)


def _wait(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path
) -> None:
    deadline = time.monotonic() + READY
    while not ready():
        if process.poll() is not None:
            state = f"ended with {process.returncode}"
        elif time.monotonic() > deadline:
            state = f"was not ready within {READY:.0f} seconds"
        else:
            time.sleep(0.1)
            continue
        said = log.read_text("utf-8", "replace")[-4000:]
        raise PeerUnavailable(f"{process.args!r} {state}; it said:\n{said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End *process* and its children: not all of Prefect's end when asked to."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
