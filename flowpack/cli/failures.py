"""Tracebacks: of the user's code they are shown, of a defect they are logged."""

from __future__ import annotations

import os
import sys
from traceback import format_exception

from flowpack._files import absolute_path, make_folder

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def user_traceback(exc: BaseException) -> str:
    """Return the traceback of *exc* from the first line of the user's code on."""
    trace = exc.__traceback__
    ours = (_PACKAGE, "<attrs", "<frozen")
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(ours):
        trace = trace.tb_next
    shown = "".join(format_exception(type(exc), exc, trace))
    # Whoever watches for a crash of flowpack's own watches for Python's word.
    return shown.replace("Traceback (most", "In the user's code (most")


def write_log(exc: BaseException) -> str:
    """Write the traceback of *exc* to a private file of its own; return its path.

    It is in ``$FLOWPACK_HOME/logs``, or among the temporary files where that cannot be
    written.
    """
    from tempfile import mkstemp  # Its files have the mode 0600.

    try:
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
    # Settings are not read: they may be what failed.
    home = absolute_path(os.environ.get("FLOWPACK_HOME") or "~/.flowpack")
    folder = os.path.join(home, "logs")
    make_folder(folder)
    return folder


def _log_text(exc: BaseException) -> str:
    """Return the traceback, with what a report of the defect needs besides.

    Of the arguments only the command's name: the others may hold secrets.
    """
    from flowpack import __version__

    python = sys.version.replace("\n", " ")
    traceback = "".join(format_exception(type(exc), exc, exc.__traceback__))
    command = " ".join(sys.argv[1:2])
    return f"flowpack {__version__} {command}\nPython {python}\n{traceback}"
