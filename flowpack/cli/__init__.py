"""The command line: parses the arguments, runs one command, ends with a status."""

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

#: The operating system has no more of something, or a disk is broken.
_EXHAUSTED = {
    getattr(errno, name)
    for name in ("EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC")
    if hasattr(errno, name)
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command as :func:`run_command` does, and restore standard output."""
    with output.restored_output():
        return run_command(argv)


def run_command(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command and return the status that the process should end with.

    After user code whose prints are no results, prints stay on standard error.

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
        module, _, function = arguments.function.partition(".")
        getattr(import_module(f"flowpack.cli.{module}"), function)(arguments)
    except output.OutputClosed:
        return DONE
    except KeyboardInterrupt:
        output.error("interrupted")
        return INTERRUPTED
    except BaseException as exc:
        return _report(exc)
    return DONE


def _parse(argv: Sequence[str]) -> Union[Namespace, int]:
    """Return the arguments, or the status after ``--help`` and wrong usage."""
    try:
        with output.guarded():
            return make_parser(argv).parse_args(argv)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else DONE


def _report(exc: BaseException) -> int:
    """Print an error and return its status."""
    status = FAILED
    if isinstance(exc, UsageError):
        output.error(exc)
        status = USAGE
    elif isinstance(exc, (FlowpackError, UserWarning)):  # Warnings may be made errors.
        if isinstance(exc, ScriptError):
            from flowpack.cli.failures import user_traceback

            output.notes(user_traceback(exc.user_exc))
        output.error(exc)
    elif isinstance(exc, MemoryError):
        output.error("there is not enough memory; give it more and try again")
    elif isinstance(exc, OSError) and exc.errno in _EXHAUSTED:
        output.error(f"the operating system refused: {printable(exc)}")
    else:
        from flowpack.cli.failures import write_log

        path = write_log(exc)
        output.error(f"{type(exc).__name__}: a defect of flowpack; see {path}")
        status = UNEXPECTED
    return status
