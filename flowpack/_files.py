"""Files and folders: read without surprises, and made private, safe and lasting."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
from typing import Mapping, Optional, Union

from flowpack.exceptions import printable, quoted

#: What :func:`read_file` may raise.
UNREADABLE = (OSError, ValueError, TypeError)

#: For opening what an attacker may have put there: neither followed nor waited for.
_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
SAFELY = sum(getattr(os, name, 0) for name in _FLAGS)

_BLOCK = 1 << 16


def absolute_path(
    path: str, *, cwd: Optional[str] = None, environ: Mapping[str, str] = os.environ
) -> str:
    """Return *path*, which a person wrote, as an absolute one; links stay, ``~`` is a home folder.

    Raises:
        ValueError: It cannot be made absolute; the text does not name it.
    """
    if "\0" in path:
        raise ValueError("it holds a NUL character")
    if path.startswith("~"):
        user, slash, below = path.partition("/")
        home = environ.get("HOME") if user == "~" else None
        home = os.path.expanduser(user) if home is None else home
        if home in ("", user):
            raise ValueError(f"the home folder of {quoted(user)} is not known; set HOME")
        path = home + slash + below
    if not os.path.isabs(path):
        try:
            path = os.path.join(os.getcwd() if cwd is None else cwd, path)
        except OSError:
            raise ValueError("it is relative, and the working folder is gone") from None
    plain = re.sub("^//", "/", os.path.normpath(path))
    is_same = os.pardir not in path.split(os.sep)  # "link/.." is not where it seems to be.
    return plain if is_same or os.path.realpath(plain) == os.path.realpath(path) else path


def path_of_file_url(url: str) -> str:
    """Return the path in a ``file:`` URL, relative if there is no slash behind the colon.

    Raises:
        ValueError: It names no path of this machine; the text begins with a verb.
    """
    from urllib.parse import unquote

    path = url.partition(":")[2]
    if path.startswith("//"):
        host, slash, below = path[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            machine = quoted(host.rpartition("@")[2])
            raise ValueError(f"is on another machine, {machine}; write file:///PATH")
        path = slash + below
    path = unquote(path)
    if os.name == "nt" and path[:1] == "/" and path[2:3] == ":":
        path = path[1:]
    if not path.strip():
        raise ValueError("names no path")
    return path


def read_file(path: Union[str, os.PathLike[str]], limit: int) -> bytes:
    """Return the content of a regular file, of at most *limit* bytes; links are followed.

    Raises:
        OSError: It cannot be read, is no regular file, or too long.
        ValueError: This is no path; TypeError, if it is not even text.
    """

    def open_without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # A FIFO may have no writer.

    with open(path, "rb", opener=open_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = bytearray()
        # What the kernel makes up has no size before it is read, and may have no end.
        while status.st_size <= limit and len(content) <= limit:
            block = file.read(min(limit + 1 - len(content), _BLOCK))
            if not block:
                return bytes(content)
            content += block
    raise OSError(errno.EFBIG, f"it is too long, with more than {limit} bytes")


def reason(error: BaseException) -> str:
    """Return why a file cannot be read, for a message that names it."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror or type(error).__name__}"
    return f"this is no path: {printable(error)}"


def make_folder(path: str) -> None:
    """Make the folder *path*, absolute, and what is missing above it, for its owner alone."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    if above != path:
        make_folder(above)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    else:
        if stat.S_IMODE(os.stat(path).st_mode) != 0o700:
            os.chmod(path, 0o700)  # The umask may have taken bits away.


def keep_folder(path: str) -> None:
    """Bring to the disk that the folder *path* is there, before the first thing is put into it.

    Whoever made it may have been killed, or stopped, between making it and this.
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
    """Bring to the disk what was made, renamed or removed in the folder *path*."""
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

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


def is_at(descriptor: int, path: str) -> bool:
    """Return True if *path* is the file that *descriptor* has open."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except OSError:
        return False
