"""Virtual environments of the peers, made once and kept for the next run.

They are made from the lists beside this file, whose releases were seen working
together. ``python -m tests.peers.environments NAME...`` makes them ahead of time.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from tests.peers.interpreters import find_interpreter

HERE = Path(__file__).resolve().parent

#: The caller's settings, which tests hide later: proxies and certificates are among
#: them, and the installer needs those.
CALLER = dict(os.environ)

#: Where the environments are kept.
CACHE = Path(
    CALLER.get("FLOWPACK_PEERS") or HERE.parent.parent / ".ci" / "work" / "peers"
)

#: The releases of Python that each peer runs on, the best tried first.
PYTHONS = {
    "prefect-2.0b7": ("3.9", "3.10"),
    "prefect-2.14.21": ("3.11",),
    "prefect-2.20.25": ("3.11",),
    "prefect-3.4.13": ("3.11",),
    "prefect-3.9.1": ("3.11", "3.12", "3.10", "3.13"),
}


class PeerUnavailable(Exception):
    """A peer cannot be installed or started on this machine."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with one peer in it."""

    name: str
    folder: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    def variables(self, home: Path) -> dict[str, str]:
        """Return the environment variables of a process that lives in *home*.

        Nothing of the caller's own settings is in them. The programs start others
        by name, so that the environment's ``bin`` is first in PATH.
        """
        return {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{self.folder / 'bin'}:{os.defpath}",
            "PREFECT_HOME": str(home / ".prefect"),
            "PYTHONUNBUFFERED": "1",
        }


def environment(name: str) -> Environment:
    """Return the environment of the peer *name*, made if it is not there yet.

    Processes that need one at the same time wait for the first to make it. One
    that was left half made, or whose list has changed, is made again.

    Raises:
        PeerUnavailable: It could not be made.
    """
    wanted = HERE / f"{name}.txt"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    made = Environment(name, CACHE / name)
    complete = made.folder / "complete"
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked(CACHE / f"{name}.lock"):
        if not complete.exists() or complete.read_text() != digest:
            shutil.rmtree(made.folder, ignore_errors=True)
            _make(made, wanted)
            complete.write_text(digest)
    return made


def add_beside(place: Environment, folder: Path, *wanted: str) -> Path:
    """Install packages for the Python of *place* into *folder*, for a PYTHONPATH.

    The environment itself stays as it is.

    Raises:
        PeerUnavailable: They could not be installed.
    """
    target = ["--python", str(place.python), "--target", str(folder)]
    _run([_find_uv(), "pip", "install", "--quiet", *target, *wanted])
    return folder


def _make(made: Environment, wanted: Path) -> None:
    releases = PYTHONS[made.name]
    found = next(filter(None, map(find_interpreter, releases)), None)
    uv = _find_uv()
    # Of a release that the machine lacks, the installer may know where to get one.
    python = str(found or releases[0])
    _run([uv, "venv", "--quiet", "--python", python, str(made.folder)])
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--compile-bytecode"]
    _run([*install, "--python", str(made.python), "-r", str(wanted)])


def _find_uv() -> str:
    """Return the installer's path; it gets an environment of its own if missing."""
    if (on_path := shutil.which("uv")) is not None:
        return on_path
    folder = CACHE / "installer"
    with _locked(CACHE / "installer.lock"):
        if not (folder / "bin" / "uv").exists():
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            _run([str(folder / "bin" / "pip"), "install", "--quiet", "uv"])
    return str(folder / "bin" / "uv")


def _run(command: list[str]) -> None:
    result = subprocess.run(
        command, env=CALLER, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if result.returncode:
        raise PeerUnavailable(
            f"{' '.join(command)} ended with {result.returncode}:\n{result.stderr}"
        )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock at *path*; the system frees it when this process ends."""
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    for each in sys.argv[1:] or PYTHONS:
        print(environment(each).folder, flush=True)
