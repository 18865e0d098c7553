"""Everything that the command line prints.

Results go to standard output, the rest to standard error. Text from outside is escaped
where it stands in a line of ours.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, TextIO

from flowpack.exceptions import FlowpackError, printable

#: Longest line of an error or a note, in characters.
LINE = 4000
#: Longest cell of a table: nothing is cut but on a terminal, to the column's width.
_CELL = 1 << 30
#: No column of a table is made narrower than this before the first one is, in characters.
_NARROWEST = 10

#: Whether no notes are printed.
_quiet = False

#: What :func:`status` shows now.
_status = ""

#: Where results go, once standard output is left to user code; see :func:`user_code`.
_results: Optional[TextIO] = None

#: The flow that ran. Threads and exit functions that it leaves need its script to the end of the
#: process.
_kept: object = None


class OutputClosed(Exception):
    """Nobody reads standard output any more, as in ``| head``."""


def result(document: object, lines: Sequence[str], *, as_json: bool, if_empty: str = "") -> None:
    """Print the *document* as JSON, or its *lines* for people; without lines *if_empty*, aside."""
    for line in [in_json(document, 2)] if as_json else lines:
        text(line)
    if if_empty and not (lines or as_json):
        note(if_empty)


def text(line: str) -> None:
    """Print *line*, a result, as it is."""
    with guarded():
        _write(_stream(), f"{line}\n")


def returned(value: object, *, as_json: bool) -> None:
    """Print *value*, which a flow returned: as some JSON, or as text unless it is None."""
    if value is None and not as_json:
        return
    try:
        words = value if isinstance(value, str) else repr(value)
    except Exception:  # It may be of the user's own classes.
        words = f"a {type(value).__name__} that cannot be shown"
    if as_json:
        try:
            words = in_json(value, 2)
        except Exception:  # As above.
            words = in_json(words)
    text(words)


def content(data: bytes) -> None:
    """Print *data*, the result, byte for byte."""
    stream = _stream()
    if stream is not None:
        with guarded():
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()


def escaped(block: object) -> List[str]:
    """Return the lines of *block*, escaped."""
    return [printable(line, LINE) for line in str(block).rstrip("\n").split("\n")]


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> List[str]:
    """Return the lines of a table, as wide as the terminal if they go to one; none without rows."""
    lines = [[cell(value) for value in row] for row in rows]
    lines = [list(headings), *lines] if lines else []
    widths = [max(map(_width, column)) for column in zip(*lines)]
    stream = _stream()
    excess = sum(widths) + 2 * len(widths) - 2 - columns(stream) if _is_terminal(stream) else 0
    while excess > 0 and max(widths) > 1:
        # The first column has the name, and is cut when all are narrow.
        narrow = max(widths[1:], default=0) <= _NARROWEST
        widest = max(range(0 if narrow else 1, len(widths)), key=widths.__getitem__)
        widths[widest] -= 1
        excess -= 1
    return ["  ".join(map(_fitted, line, widths)).rstrip() for line in lines]


def _width(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # Few texts need them.

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _fitted(text: str, width: int) -> str:
    """Return *text* cut or filled up to *width* columns of a terminal."""
    if _width(text) > width:
        text = text[: width - 1]
        while _width(text) >= width:
            text = text[:-1]
        text += "\u2026"
    return text + " " * (width - _width(text))


def counted(number: int, noun: str) -> str:
    """Return ``1 file``, ``2 files``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def facts(values: Mapping[str, object]) -> List[str]:
    """Return names and values, one a line; a mapping among them by its items."""
    flat: Dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat.update((f"{name}.{key}", item) for key, item in value.items())
        else:
            flat[name] = value
    shown = {printable(name): cell(value) for name, value in flat.items()}
    width = max(map(len, shown), default=0)
    return [f"{name.ljust(width)}  {value}" for name, value in shown.items()]


def cell(value: object) -> str:
    """Return *value* as it stands in a table; a dash for None and empty."""
    if value in (None, "", [], (), {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(printable(item, _CELL) for item in value)
    if isinstance(value, dict):
        return printable(in_json(value), _CELL)
    return printable(value, _CELL)


def in_json(value: object, indent: Optional[int] = None) -> str:
    """Return *value* as JSON, in one line or with *indent*."""
    import json  # Imported here because few commands need it.

    return json.dumps(_plain(value), indent=indent)


def _plain(value: Any) -> Any:
    """Return *value* as JSON has it, what it lacks as text."""
    if isinstance(value, dict):
        return {k if isinstance(k, str) else str(k): _plain(item) for k, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return str(value)  # NaN and infinity.
    if value is None or isinstance(value, (str, int, float)):
        return value
    from datetime import date  # Imported here because few commands need them.
    from uuid import UUID

    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else repr(value)


def note(line: str) -> None:
    """Print *line* on standard error, unless only results are wanted."""
    if not _quiet:
        _write_aside(printable(line, LINE))


def notes(block: str) -> None:
    """Print *block*, which has lines, on standard error."""
    _write_aside("\n".join(escaped(block)))


def error(message: object) -> None:
    """Print *message*, an error's text, on standard error; it may have lines."""
    notes(f"flowpack: error: {message}")


@contextmanager
def verbosity(verbose: int, *, quiet: bool) -> Iterator[None]:
    """Print what flowpack logs in the block: writes, from 2 on requests; no notes with *quiet*."""
    global _quiet
    before, _quiet = _quiet, quiet
    try:
        with _shown_logs(verbose) if verbose else nullcontext():
            yield
    finally:
        _quiet = before


@contextmanager
def _shown_logs(verbose: int) -> Iterator[None]:
    import logging  # Imported here because it is slow to load.

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            _write_aside(printable(f"{record.levelname.lower()}: {record.getMessage()}", LINE))

    logger, handler = logging.getLogger("flowpack"), Lines()
    before = logger.level
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print every UserWarning as one line while the block runs."""
    with warnings.catch_warnings():
        show_others = warnings.showwarning

        def show(message: Any, category: type[Warning], *args: Any, **kwargs: Any) -> None:
            if issubclass(category, UserWarning):
                _write_aside(printable(f"warning: {message}", LINE))
            else:
                show_others(message, category, *args, **kwargs)

        warnings.showwarning = show
        if not sys.warnoptions:
            warnings.simplefilter("always", UserWarning)
        yield


def is_watched() -> bool:
    """Return True if standard error is a terminal where somebody wants to see progress."""
    return _is_terminal(sys.stderr) and not _quiet


def _is_terminal(stream: Optional[TextIO]) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # It is closed.
        return False


def status(line: str) -> None:
    """Show *line* on a terminal in place of the last one; empty to remove it."""
    global _status
    shown = printable(line, LINE)[: max(columns() - 1, 20)]
    blank = " " * (len(_status) - len(shown))
    _status = shown
    _write_error(f"\r{shown}{blank}" if shown else f"\r{blank}\r")


def columns(stream: Optional[TextIO] = None) -> int:
    """Return the width of the terminal behind *stream*, or standard error; 80 if not known."""
    try:
        return os.get_terminal_size((stream or sys.stderr).fileno()).columns or 80
    except (AttributeError, OSError, ValueError):
        return 80


def _write_aside(block: str) -> None:
    if _status:
        status("")
    # In a file or pipe that has both streams, what was said before comes first.
    with suppress(AttributeError, OSError, ValueError):  # What fails is told at the end.
        _stream().flush()  # type: ignore[union-attr]
    _write_error(f"{block}\n")


def _write_error(block: str) -> None:
    with suppress(OSError, ValueError):  # Nobody is left to read it; the status remains.
        _write(sys.stderr, block)
        if sys.stderr is not None:
            sys.stderr.flush()


def flush() -> None:
    """Write out what is still in a buffer, while a failure can be reported."""
    stream = _stream()
    if stream is not None:
        with guarded():
            stream.flush()


def discard() -> None:
    """Drop the results that are still in a buffer, and all that follow."""
    stream = _stream()
    if stream is None:
        return
    # Without a file of its own nothing is left to fail at the end of the process.
    with suppress(OSError, ValueError):
        nowhere, number = os.open(os.devnull, os.O_WRONLY), stream.fileno()
        if nowhere != number:  # User code may have closed that one.
            os.dup2(nowhere, number)
            os.close(nowhere)


@contextmanager
def guarded() -> Iterator[None]:
    """Raise OutputClosed or a FlowpackError for errors of standard output in the block."""
    try:
        yield
    except BrokenPipeError as exc:
        raise OutputClosed from exc
    except (OSError, ValueError) as exc:
        if not isinstance(exc, OSError) and not getattr(_stream(), "closed", False):
            raise
        reason = getattr(exc, "strerror", None) or exc
        raise FlowpackError(f"standard output cannot be written: {reason}") from exc


@contextmanager
def user_code(*, aside: bool) -> Iterator[None]:
    """Run user code in the block; streams and warnings are restored afterwards.

    With *aside* all that it prints goes to standard error, up to the end of the process: it may
    leave threads and exit functions.
    """
    # Imported here because few commands run any.
    from flowpack._interpreter import restored

    flush()
    if aside:
        _separate_results()
    with restored(), warnings.catch_warnings():
        yield


@contextmanager
def restored_output() -> Iterator[None]:
    """Restore standard output after the block, and keep nothing."""
    from flowpack._interpreter import restored

    global _results, _kept
    before = _results, _kept
    with restored():
        try:
            yield
        finally:
            _results, _kept = before


def keep(flow: object) -> None:
    """Keep *flow* alive to the end of the process, or until another one is kept."""
    global _kept
    _kept = flow


def _separate_results() -> None:
    """Send what is printed from now on, by child processes too, to standard error.

    Results go where standard output was, by a stream of their own.
    """
    from flowpack._interpreter import copy_descriptor

    global _results
    stream = sys.stdout
    if _results is not None or stream is None:
        return
    _results = stream
    try:
        number, aside = stream.fileno(), sys.stderr.fileno()
        _results = open(
            copy_descriptor(number), "w", encoding=stream.encoding, errors=stream.errors
        )
        os.dup2(aside, number)
        # Unbuffered: a thread that prints while the process ends would hold the buffer's lock.
        raw = io.FileIO(number, "w", closefd=False)
        sys.stdout = io.TextIOWrapper(raw, stream.encoding, stream.errors, write_through=True)
    except (AttributeError, OSError, ValueError):  # One of them is no file.
        sys.stdout = sys.stderr


def _stream() -> Optional[TextIO]:
    """Return where results go."""
    return sys.stdout if _results is None else _results


def _write(stream: Optional[TextIO], block: str) -> None:
    if stream is None:
        return
    try:
        stream.write(block)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(block.encode(encoding, "backslashreplace").decode(encoding))
