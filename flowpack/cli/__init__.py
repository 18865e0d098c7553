"""The command line: parses, runs one command and says how it went."""

from __future__ import annotations

import errno
import sys
from argparse import Namespace
from importlib import import_module
from typing import Optional, Sequence, Union

from flowpack.cli import output
from flowpack.cli.parser import UsageError, make_parser
from flowpack.exceptions import FlowpackError, ScriptError, printable

#: Statuses of the process.
DONE, FAILED, USAGE, UNEXPECTED, INTERRUPTED = 0, 1, 2, 3, 130

#: What the operating system says when it has no more of something, or breaks.
_REFUSALS = {
    getattr(errno, name)
    for name in ("EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC")
    if hasattr(errno, name)
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command as :func:`run_command` does, and put standard output back."""
    with output.put_back():
        return run_command(argv)


def run_command(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command and return the status that the process should end with.

    Where user code ran whose prints are no results, they stay on standard error.

    Args:
        argv: What follows the program's name; None takes it from the process.

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
        arguments = _parse(argv)
        if isinstance(arguments, int):
            return arguments
        import_module(f"flowpack.cli.{arguments.module}").run(arguments)
    except output.OutputClosed:
        return DONE
    except KeyboardInterrupt:
        output.error("interrupted")
        return INTERRUPTED
    except BaseException as exc:
        return _status_of(exc)
    return DONE


def _parse(argv: Sequence[str]) -> Union[Namespace, int]:
    """Return the arguments, or a status where there is nothing left to do."""
    try:
        with output.guarded():
            return make_parser(argv).parse_args(argv)
    except SystemExit as exc:  # After --help and --version, and after an error.
        return exc.code if isinstance(exc.code, int) else DONE


def _status_of(exc: BaseException) -> int:
    """Tell of an error, and return the status that it stands for."""
    if isinstance(exc, UsageError):
        output.error(exc)
        return USAGE
    if isinstance(exc, FlowpackError):
        if isinstance(exc, ScriptError):
            from flowpack.cli.failures import user_traceback

            output.lines_aside(user_traceback(exc.user_exc))
        output.error(exc)
        return FAILED
    if isinstance(exc, UserWarning):  # Somebody wants warnings to be errors.
        output.error(exc)
        return FAILED
    if isinstance(exc, MemoryError):
        output.error("there is not enough memory; give it more and try again")
        return FAILED
    if isinstance(exc, OSError) and exc.errno in _REFUSALS:
        # Anywhere: while a module is imported, say.
        output.error(f"the operating system refused: {printable(exc)}")
        return FAILED
    from flowpack.cli.failures import write_log

    where = write_log(exc)
    output.error(f"{type(exc).__name__}: a defect of flowpack; see {where}")
    return UNEXPECTED
