"""The command line: parses the arguments, runs one command, ends with a status."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import Optional, Sequence

from flowpack import __version__
from flowpack.cli import output
from flowpack.cli.commands import make_parser
from flowpack.cli.parser import UsageError
from flowpack.exceptions import FlowpackError, ScriptError, printable

#: Statuses of the process.
DONE, FAILED, USAGE, UNEXPECTED, INTERRUPTED = 0, 1, 2, 3, 130

#: The operating system has no more of something, or a disk is broken.
_EXHAUSTED = {errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command as :func:`run_command` does, and restore standard output."""
    with output.restored_output():
        return run_command(argv)


def run_command(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command and return the status that the process should end with.

    After user code whose prints are no results, prints stay on standard error.

    Returns:
        0 done, 1 a :class:`~flowpack.exceptions.FlowpackError`, 2 wrong usage,
        3 unexpected, 130 interrupted.
    """
    with output.warnings_as_lines():
        status = _run(sys.argv[1:] if argv is None else argv)
        try:
            output.flush()
        except output.OutputClosed:
            output.discard()
        except FlowpackError as exc:
            output.error(exc)
            output.discard()
            status = status or FAILED
    return status


def _run(argv: Sequence[str]) -> int:
    try:
        try:
            with output.guarded():
                arguments = make_parser(argv).parse_args(argv)
        except SystemExit as exc:  # After --help, --version and wrong usage.
            return int(exc.code or DONE)
        module, _, function = arguments.function.partition(".")
        with output.verbosity(arguments.verbose or 0, quiet=bool(arguments.quiet)):
            getattr(import_module(f"flowpack.cli.{module}"), function)(arguments)
    except output.OutputClosed:
        return DONE
    except KeyboardInterrupt:
        output.error("interrupted")
        return INTERRUPTED
    except BaseException as exc:
        return _report(exc)
    return DONE


def _report(exc: BaseException) -> int:
    """Print an error and return its status."""
    if isinstance(exc, UsageError):
        output.error(exc)
        return USAGE
    if isinstance(exc, (FlowpackError, UserWarning)):  # Warnings may be made errors.
        if isinstance(exc, ScriptError):
            output.notes(_user_traceback(exc.user_exc))
        output.error(exc)
    elif isinstance(exc, MemoryError):
        output.error("there is not enough memory; give it more and try again")
    elif isinstance(exc, OSError) and exc.errno in _EXHAUSTED:
        output.error(f"the operating system refused: {printable(exc)}")
    else:
        path = _write_log(exc)
        output.error(f"{type(exc).__name__}: a defect of flowpack; see {path}")
        return UNEXPECTED
    return FAILED


def _user_traceback(exc: BaseException) -> str:
    """Return the traceback of *exc* from the first line of the user's code on."""
    from traceback import format_exception  # Imported here because it is slow to load.

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    trace = exc.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(
        (package, "<attrs", "<frozen")
    ):
        trace = trace.tb_next
    shown = "".join(format_exception(type(exc), exc, trace))
    # Whoever watches for a crash of flowpack's own watches for Python's word.
    return shown.replace("Traceback (most", "In the user's code (most")


def _write_log(exc: BaseException) -> str:
    """Write the traceback of *exc* to a private file of its own; return its path.

    It is in ``$FLOWPACK_HOME/logs``, else among the temporary files, and has no arguments but
    the command's name: they may hold secrets.
    """
    # Imported here because they are slow to load.
    from tempfile import mkstemp  # Its files have the mode 0600.
    from traceback import format_exception

    from flowpack._files import absolute_path, make_folder

    try:
        # Settings are not read: they may be what failed.
        home = absolute_path(os.environ.get("FLOWPACK_HOME") or "~/.flowpack")
        folder = os.path.join(home, "logs")
        make_folder(folder)
        number, path = mkstemp(".log", "error-", folder)
    except (OSError, ValueError):
        try:
            number, path = mkstemp(".log", "flowpack-error-")
        except OSError as problem:
            return f"nothing, for no log can be written ({problem.strerror})"
    with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:
        print("flowpack", __version__, *sys.argv[1:2], file=file)
        print("Python", sys.version.replace("\n", " "), file=file)
        file.writelines(format_exception(type(exc), exc, exc.__traceback__))
    return path
