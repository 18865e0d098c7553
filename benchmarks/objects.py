"""Large objects over HTTP, beside curl, to one nginx."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import attrs

from benchmarks.places import ROOT
from benchmarks.timing import Figure, Side, at_least, at_most, faster, paired
from flowpack import FileStorageBlock
from tests.peers.environments import PeerUnavailable
from tests.peers.nginx import nginx_webdav

MIB = 1024 * 1024
_SIZE = 256 * MIB

#: Run in a process of its own, which then says how much memory it ever had.
_MEMORY = """\
import resource, sys
from pathlib import Path
from benchmarks.objects import fetch, store
from flowpack import FileStorageBlock
storage, path = FileStorageBlock(sys.argv[1]), Path(sys.argv[2])
fetch(storage, store(storage, path), path.with_suffix(".back"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@attrs.frozen
class Depot:
    """An nginx with a file to move there and back.

    Attributes:
        url: Its address.
        root: The folder that it serves.
        local: The file.
    """

    url: str
    root: Path
    local: Path

    @property
    def storage(self) -> FileStorageBlock:
        """The server as a storage."""
        return FileStorageBlock(self.url)

    def clear(self) -> None:
        """Remove all that is on the server."""
        for path in self.root.iterdir():
            path.unlink()


def store(storage: FileStorageBlock, path: Path) -> str:
    """Hash the file at *path*, store it, and return its token."""
    with open(path, "rb") as file:
        sha256 = _digest(file)
        file.seek(0)
        return storage.write_from(file, sha256)


def fetch(storage: FileStorageBlock, token: str, path: Path) -> None:
    """Fetch what is under *token* into the file at *path*."""
    with open(path, "w+b") as file:
        storage.read_into(token, file)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(MIB):
        digest.update(block)
    return digest.hexdigest()


def figures(parent: Path, rounds: int) -> list[Figure]:
    """Measure upload, download and memory.

    Raises:
        PeerUnavailable: nginx or curl is not installed.
    """
    if shutil.which("curl") is None:
        raise PeerUnavailable("curl is not installed")
    folder = parent / "objects"
    root, prefix, local = folder / "root", folder / "nginx", folder / "local"
    for each in (root, prefix):
        each.mkdir(parents=True)
    _write(local, _SIZE)
    with nginx_webdav(root, prefix) as url:
        depot = Depot(url, root, local)
        return [
            _upload(depot, rounds),
            _download(depot, rounds),
            _memory(depot, folder),
        ]


def _write(path: Path, size: int) -> None:
    with open(path, "wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))


def _curl(*words: str | Path) -> None:
    subprocess.run(["curl", "--silent", "--fail", *words], check=True)


def _upload(depot: Depot, rounds: int) -> Figure:
    target = f"{depot.url}/object"
    pairs = paired(
        Side(lambda: store(depot.storage, depot.local), depot.clear),
        Side(lambda: _curl("-T", depot.local, target), depot.clear),
        rounds=rounds,
    )
    return faster(
        f"{_SIZE // MIB} MiB to nginx, the pass that hashes included",
        "``curl -T``",
        pairs,
        at_least(0.7),
    )


def _download(depot: Depot, rounds: int) -> Figure:
    token = store(depot.storage, depot.local)
    back = depot.local.with_suffix(".back")
    pairs = paired(
        Side(lambda: fetch(depot.storage, token, back)),
        Side(lambda: _curl("-o", back, f"{depot.url}/{token}")),
        rounds=rounds,
    )
    what = f"{_SIZE // MIB} MiB from nginx"
    return faster(what, "``curl -o``", pairs, at_least(1.0))


def _memory(depot: Depot, folder: Path) -> Figure:
    small = folder / "small"
    _write(small, MIB)
    more = _peak(depot, depot.local) - _peak(depot, small)
    return Figure(
        what=f"peak memory for {_SIZE // MIB} MiB there and back",
        against="the same for 1 MiB",
        unit="MiB",
        goal=at_most(8),
        values=[more],
    )


def _peak(depot: Depot, path: Path) -> float:
    """Return the most memory of a process that moved *path* there and back."""
    depot.clear()
    result = subprocess.run(
        [sys.executable, "-c", _MEMORY, depot.url, path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    return int(result.stdout) * unit / MIB
