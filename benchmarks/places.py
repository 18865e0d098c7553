"""Where things run: a peer's environment beside one with flowpack installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, Mapping

from tests.peers.environments import CACHE, Environment, PeerUnavailable, environment

ROOT = Path(__file__).resolve().parent.parent

#: What an installation of flowpack is made from.
_SOURCE = ("flowpack", "setup.py", "setup.cfg", "README.rst", "LICENSE")

#: A library of 3.9.1 has a file that is for Python 3.12 alone.
_COMPILE = ("-m", "compileall", "-q", "-j", "0", "-x", "_typing_312")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder on the disk that the repository is on; gone afterwards.

    The system's own folder for such things may be in memory, where it costs
    nothing to have something durable.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=CACHE) as name:
        yield Path(name)


def beside(peer: str) -> tuple[Environment, Environment]:
    """Return the environment of *peer*, and one with flowpack on the same Python.

    flowpack is installed anew, with its newest dependencies, and both sides have
    their bytecode compiled.

    Raises:
        PeerUnavailable: One of them cannot be made.
    """
    theirs = environment(peer)
    ours = Environment(f"flowpack-{peer}", CACHE / f"flowpack-beside-{peer}")
    if not ours.python.exists():
        _run(theirs.python, "-m", "venv", "--clear", ours.folder)
    _install(ours)
    for place in (theirs, ours):
        _run(place.python, *_COMPILE, place.folder / "lib")
    return theirs, ours


def _install(place: Environment) -> None:
    """Install the checkout: a copy, since building leaves files behind."""
    with scratch() as folder:
        for name in _SOURCE:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / name)
        # Without PEP 517 an old pip makes scripts that look for their entry point.
        pip = ("-m", "pip", "install", "--quiet", "--use-pep517", "--upgrade")
        _run(place.python, *pip, folder)


def _run(*command: str | Path) -> None:
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if result.returncode:
        said = f"{command!r} ended with {result.returncode}:\n{result.stderr}"
        raise PeerUnavailable(said)


def versions(place: Environment, *names: str) -> str:
    """Return the releases of Python and of some distributions in *place*."""
    code = (
        "import platform, sys; from importlib.metadata import version;"
        "said = [f'{name} {version(name)}' for name in sys.argv[1:]];"
        "print(', '.join([f'Python {platform.python_version()}', *said]))"
    )
    said = subprocess.run(
        [str(place.python), "-c", code, *names],
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()


def variables(place: Environment, home: Path, **more: str) -> Mapping[str, str]:
    """Return the environment of a process in *place* that lives in *home*."""
    return {**place.variables(home), "FLOWPACK_HOME": str(home / ".flowpack"), **more}


def call(*command: str | Path, folder: Path, environ: Mapping[str, str]) -> None:
    """Run a program to its end.

    Raises:
        RuntimeError: It failed; says what it printed.
    """
    result = subprocess.run(
        [os.fspath(word) for word in command],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        raise RuntimeError(f"{command!r} failed:\n{result.stdout[-4000:]}")
