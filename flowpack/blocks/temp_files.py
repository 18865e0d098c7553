"""Temporary files in a folder, which a killed writer leaves to the next one.

Each has one of a few names and is locked for as long as its writer lives. Who finds one
without a lock removes it, so they never pile up, and nobody has to list a folder of a hundred
thousand objects to find them.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Optional

import attrs

from flowpack._files import SAFELY, is_at, lock_file

#: How many there are in a folder at once before their names become random ones.
SLOTS = 64

#: Where the file system has no locks, one is given up after so many seconds.
GIVEN_UP = 3600.0

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY


def open_safely(path: str) -> int:
    """Return a descriptor for reading *path*; links and devices do no harm.

    Raises:
        OSError: It is missing, a link, or cannot be read.
    """
    return os.open(path, os.O_RDONLY | SAFELY)


@attrs.frozen
class TempFile:
    """A new file that only its maker can read, not yet under its final name.

    Attributes:
        descriptor: Open for writing.
        path: Where it is.
    """

    descriptor: int
    path: str

    def publish(self, path: str) -> None:
        """Give it its final name, in the place of what has that name."""
        if os.name == "nt":  # An open file cannot be renamed there.
            os.close(self.descriptor)
        os.replace(self.path, path)

    def discard(self) -> None:
        """Close it, and remove it unless it was published."""
        try:
            # What cannot be removed now is removed by the next writer.
            with contextlib.suppress(OSError):
                if is_at(self.descriptor, self.path):
                    os.unlink(self.path)
        finally:
            # On Windows it may be closed already.
            with contextlib.suppress(*(OSError,) if os.name == "nt" else ()):
                os.close(self.descriptor)


def open_temp_file(folder: str) -> TempFile:
    """Return a new temporary file in *folder*, and remove those that were abandoned.

    Raises:
        OSError: No file can be made there.
    """
    paths = [os.path.join(folder, f".flowpack-{slot:02}.tmp") for slot in range(SLOTS)]
    for path in filter(os.path.lexists, paths):
        _remove_abandoned(path)
    for path in paths:
        file = _create(path)
        if file is not None:
            return file
    path = os.path.join(folder, f".flowpack-{os.urandom(16).hex()}.tmp")
    return TempFile(os.open(path, _NEW, 0o600), path)


def _create(path: str) -> Optional[TempFile]:
    """Return a new, locked file at *path*; None if the name is taken."""
    try:
        file = TempFile(os.open(path, _NEW, 0o600), path)
    except FileExistsError:
        return None
    try:
        # Before the lock, somebody may have taken it for abandoned.
        if lock_file(file.descriptor) is not False and is_at(file.descriptor, path):
            return file
    except BaseException:
        file.discard()
        raise
    os.close(file.descriptor)
    return None


def _remove_abandoned(path: str) -> None:
    """Remove what is at *path* if its writer is gone."""
    with contextlib.suppress(OSError):
        descriptor = open_safely(path)
        try:
            if _is_abandoned(descriptor) and is_at(descriptor, path):
                os.unlink(path)
        finally:
            os.close(descriptor)


def _is_abandoned(descriptor: int) -> bool:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return False
    locked = lock_file(descriptor)
    return time.time() - status.st_mtime > GIVEN_UP if locked is None else locked
