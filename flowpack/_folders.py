"""Folders and files that flowpack makes: for their owner alone, safe, and lasting."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from typing import Optional

#: For opening what an attacker may have put there: neither followed nor waited for.
SAFELY = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)

_OWNER_ONLY = 0o700


def make_folder(path: str) -> None:
    """Make the folder *path*, and what is missing above it, for its owner alone.

    A folder that exists is left as it is. *path* is absolute. See :func:`keep_folder`, too.

    Raises:
        OSError: It cannot be made.
    """
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    if above != path:
        make_folder(above)
    try:
        os.mkdir(path, _OWNER_ONLY)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    else:
        if stat.S_IMODE(os.stat(path).st_mode) != _OWNER_ONLY:
            os.chmod(path, _OWNER_ONLY)  # The umask may have taken bits away.


def keep_folder(path: str) -> None:
    """Bring to the disk that the folder *path* is there.

    Call it before the first thing is put into the folder, whoever made it: another process
    may have been killed, or stopped, between making it and this.

    Raises:
        OSError: The disk failed.
    """
    above = os.path.dirname(path)
    with contextlib.suppress(PermissionError):  # Who may not read it did not make it.
        while above != path:
            sync_folder(above)
            if not holds_at_most(above, 1):
                return  # It is older than what was made now.
            path, above = above, os.path.dirname(above)


def holds_at_most(path: str, count: int) -> bool:
    """Return True if there are no more than *count* names in the folder *path*."""
    with os.scandir(path) as entries:
        return next(itertools.islice(entries, count, None), None) is None


def sync_folder(path: str) -> None:
    """Bring to the disk what was made, renamed or removed in the folder *path*.

    Raises:
        OSError: The disk failed.
    """
    if os.name != "posix":
        return  # Folders cannot be opened there.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    except OSError as exc:
        # Some network file systems cannot, and need not.
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def lock_file(descriptor: int) -> Optional[bool]:
    """Return True if this process has the file's lock now; None where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_at(descriptor: int, path: str) -> bool:
    """Return True if *path* is the file that *descriptor* has open."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except OSError:
        return False
