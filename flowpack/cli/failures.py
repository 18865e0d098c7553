"""What is told of exceptions: the user's are shown, the unexpected are logged."""

from __future__ import annotations

import os
import sys
from traceback import format_exception
from types import TracebackType
from typing import Optional

from flowpack._files import absolute_path

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def user_traceback(exc: BaseException) -> str:
    """Return the traceback of *exc* from the first line of the user's code on."""
    found = _skip_ours(exc.__traceback__)
    told = "".join(format_exception(type(exc), exc, found))
    # Whoever watches for a crash of flowpack's own watches for Python's word.
    return told.replace("Traceback (most", "In the user's code (most")


def _skip_ours(traceback: Optional[TracebackType]) -> Optional[TracebackType]:
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if not filename.startswith((_PACKAGE, "<attrs", "<frozen")):
            return traceback
        traceback = traceback.tb_next
    return None


def write_log(exc: BaseException) -> str:
    """Write the traceback of *exc* to a private file of its own; return its path.

    It lies under ``$FLOWPACK_HOME/logs``, or among the temporary files where that
    cannot be written.
    """
    from tempfile import mkstemp

    try:
        # Such a file is made with mode 0600.
        number, path = mkstemp(".log", "error-", _log_folder())
    except (OSError, ValueError):
        try:
            number, path = mkstemp(".log", "flowpack-error-")
        except OSError as problem:
            return f"nothing, for no log can be written ({problem.strerror})"
    with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(_log_text(exc))
    return path


def _log_folder() -> str:
    # Settings are not asked: they may be what failed.
    home = absolute_path(os.environ.get("FLOWPACK_HOME") or "~/.flowpack")
    folder = os.path.join(home, "logs")
    for each in (home, folder):
        os.makedirs(each, mode=0o700, exist_ok=True)
    return folder


def _log_text(exc: BaseException) -> str:
    """Return the traceback, and what a report of the defect needs besides.

    Of the arguments only the command's name: the others may hold secrets.
    """
    from flowpack import __version__

    python = sys.version.replace("\n", " ")
    traceback = "".join(format_exception(type(exc), exc, exc.__traceback__))
    command = " ".join(sys.argv[1:2])
    return f"flowpack {__version__} {command}\nPython {python}\n{traceback}"
