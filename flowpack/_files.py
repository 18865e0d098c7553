"""Files that people name, read so that none keeps us waiting or fills memory."""

from __future__ import annotations

import errno
import os
import stat
from typing import List, Mapping, Optional, Union

from flowpack.exceptions import printable, quoted

#: What :func:`read_file` may raise.
UNREADABLE = (OSError, ValueError, TypeError)

_BLOCK = 1 << 16


def absolute_path(
    path: str, *, cwd: Optional[str] = None, environ: Mapping[str, str] = os.environ
) -> str:
    """Return *path*, which a person wrote, as an absolute one; links stay.

    Args:
        path: ``~`` at its start is a home folder.
        cwd: The working folder; None for this process's own, which may be gone.
        environ: Where ``HOME`` stands.

    Raises:
        ValueError: It cannot be made absolute; the text does not name it.
    """
    if "\0" in path:
        raise ValueError("it holds a NUL character")
    if path.startswith("~"):
        path = _at_home(path, environ)
    if not os.path.isabs(path):
        try:
            path = os.path.join(os.getcwd() if cwd is None else cwd, path)
        except OSError:
            raise ValueError("it is relative, and the working folder is gone") from None
    plain = os.path.normpath(path)
    if plain.startswith("//"):
        plain = plain[1:]
    # "link/.." is not where it seems to be.
    if os.pardir in path.split(os.sep):
        return plain if os.path.realpath(plain) == os.path.realpath(path) else path
    return plain


def _at_home(path: str, environ: Mapping[str, str]) -> str:
    user, slash, rest = path.partition("/")
    home = environ.get("HOME") if user == "~" else None
    if home is None:
        home = os.path.expanduser(user)
    if home not in ("", user):
        return home + slash + rest
    if user == "~":
        reason = "this user has none" if home else "HOME is empty"
        raise ValueError(f"the home folder is not known, for {reason}")
    raise ValueError(f"there is no user {quoted(user[1:])} with a home folder")


def path_of_file_url(url: str) -> str:
    """Return the path in a ``file:`` URL, relative if there is no slash behind the colon.

    Raises:
        ValueError: It names no path of this machine. The text begins with a verb and does
            not name the URL.
    """
    from urllib.parse import unquote

    rest = url.partition(":")[2]
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            machine = quoted(host.rpartition("@")[2])
            raise ValueError(f"is on another machine, {machine}; write file:///PATH")
        rest = slash + path
    path = unquote(rest)
    if os.name == "nt" and path[:1] == "/" and path[2:3] == ":":
        path = path[1:]
    if not path.strip():
        raise ValueError("names no path")
    return path


def read_file(path: Union[str, os.PathLike[str]], limit: int) -> bytes:
    """Return the content of a regular file.

    Args:
        path: The file; links are followed.
        limit: Longest content that is taken, in bytes.

    Raises:
        OSError: It cannot be read, is no regular file, or too long.
        ValueError: This is no path; TypeError, if it is not even text.
    """
    with open(path, "rb", opener=_open_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        blocks: List[bytes] = []
        left = limit + 1
        # What the kernel makes up has no size before it is read, and may have no end.
        while left > 0 and status.st_size <= limit:
            block = file.read(min(left, _BLOCK))
            if not block:
                return b"".join(blocks)
            blocks.append(block)
            left -= len(block)
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


def _open_without_waiting(path: str, flags: int) -> int:
    """Open *path*; a FIFO must not keep us waiting for its writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
