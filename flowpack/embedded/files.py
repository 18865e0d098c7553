"""Makes the database's file and its folder, for their owner's eyes only."""

from __future__ import annotations

import errno
import os
import stat

_OWNER_ONLY = 0o600
_OWNER_ONLY_FOLDER = 0o700


def prepare(path: str) -> None:
    """See that there is a file at *path*, empty if it is new, for SQLite to open.

    No other thread may open it meanwhile. SQLite's locks belong to process and
    file: when this function closes the file that it has made, it gives up those of
    every connection that the process has to it.

    Raises:
        OSError: It cannot be made, or is no regular file.
    """
    make_folder(os.path.dirname(path))
    try:
        # SQLite would make it with the mode that the umask leaves.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))
    except FileExistsError:
        pass
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    if not found.st_size and _is_ours(found):
        _set_mode(path, _OWNER_ONLY)


def make_folder(folder: str) -> None:
    """Make *folder*, and what is missing above it, so that it survives a crash.

    A folder that exists is left as it is.

    Raises:
        OSError: It cannot be made.
    """
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder)
    if above != folder:
        make_folder(above)
    try:
        os.mkdir(folder, _OWNER_ONLY_FOLDER)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise
    else:
        _set_mode(folder, _OWNER_ONLY_FOLDER)
        _sync_folder(above)


def _set_mode(path: str, mode: int) -> None:
    """Set a mode that the umask, or whoever made the file, left different."""
    if stat.S_IMODE(os.stat(path).st_mode) != mode:
        os.chmod(path, mode)


def _is_ours(found: os.stat_result) -> bool:
    return os.name == "posix" and found.st_uid == os.geteuid()


def _sync_folder(folder: str) -> None:
    if os.name != "posix":
        return  # Folders cannot be opened there.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
