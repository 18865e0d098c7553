"""What code that is run may change in this process, put back afterwards."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Dict, Iterator, Optional, Tuple

#: Begins the names of modules that come and go by themselves: loaded scripts.
SCRIPT_PREFIX = "_flowpack_script_"

#: Copies of descriptors begin here, beyond those that code closes in a row.
_FIRST_COPY = 512

_STREAMS = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")


@contextmanager
def restored(folder: Optional[str] = None) -> Iterator[None]:
    """Run the body, then put back what it changed.

    That is: the working folder, ``sys.argv``, ``sys.path``, the standard streams
    (also those that were closed, and their descriptors), signal handlers (in the main
    thread, which alone can set them), a lowered recursion limit and ``sys.modules``,
    where modules that were imported stay.

    Args:
        folder: Where the body may import from as well, as a script may from beside
            itself. Modules from there do not stay: another script may have others
            of the same names.
    """
    with ExitStack() as stack:
        stack.enter_context(_working_folder())
        stack.enter_context(_streams())
        stack.enter_context(_signal_handlers())
        cwd = _getcwd() or os.sep
        places = (os.path.join(cwd, os.fsdecode(each)) for each in sys.path)
        known = folder is None or folder in map(os.path.normpath, places)
        extra = None if known else folder
        stack.enter_context(_modules(extra))
        stack.enter_context(_lists())
        stack.enter_context(_recursion_limit())
        if extra is not None:
            sys.path.insert(0, extra)
        yield


@contextmanager
def _working_folder() -> Iterator[None]:
    before = _getcwd()
    try:
        yield
    finally:
        if before is not None and _getcwd() != before:
            with suppress(OSError):  # It may be gone.
                os.chdir(before)


def _getcwd() -> Optional[str]:
    try:
        return os.getcwd()
    except OSError:
        return None


@contextmanager
def _streams() -> Iterator[None]:
    before = {name: getattr(sys, name) for name in _STREAMS}
    # One stream has two names, as a rule.
    streams = {id(stream): stream for stream in before.values()}
    copies = {key: _duplicated(stream) for key, stream in streams.items()}
    try:
        yield
    finally:
        after = {key: _reopened(streams[key], copies[key]) for key in streams}
        for name, stream in before.items():
            setattr(sys, name, after[id(stream)])


def copy_descriptor(number: int) -> int:
    """Return a copy of a descriptor, which no child process inherits.

    Raises:
        OSError: It is closed, or there are too many.
    """
    try:
        import fcntl

        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _FIRST_COPY)
    except (ImportError, OSError):  # It may be Windows, or a low limit.
        return os.dup(number)


def _duplicated(stream: Any) -> Optional[Tuple[int, int, os.stat_result]]:
    """Return the descriptor of *stream*, a copy, and what it is, if it has one."""
    try:
        number = stream.fileno()
        copy = copy_descriptor(number)
        return number, copy, os.fstat(copy)
    except Exception:  # It may be of any class.
        return None


def _reopened(stream: Any, copied: Optional[Tuple[int, int, os.stat_result]]) -> Any:
    """Return *stream*, or one like it where it was closed, at its old descriptor."""
    if copied is None:
        return stream
    number, copy, status = copied
    with suppress(Exception):  # It may be closed.
        stream.flush()  # To where its prints were to go.
    with suppress(OSError):  # Both may be closed, and the number another file's.
        if os.path.samestat(os.fstat(copy), status):
            os.dup2(copy, number)
            os.close(copy)
    try:
        if not getattr(stream, "closed", False):
            return stream
    except ValueError:  # It was detached.
        pass
    with suppress(AttributeError, OSError):
        mode, buffering = stream.mode[:1], 1 if stream.line_buffering else -1
        kept = {"encoding": stream.encoding, "errors": stream.errors}
        return open(number, mode, buffering, closefd=False, **kept)
    return stream


@contextmanager
def _recursion_limit() -> Iterator[None]:
    before = sys.getrecursionlimit()
    try:
        yield
    finally:
        # A higher one is kept: a script sets it for its flow.
        sys.setrecursionlimit(max(before, sys.getrecursionlimit()))


@contextmanager
def _signal_handlers() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None is a handler that was not set from Python; it cannot be set again.
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)


@contextmanager
def _lists() -> Iterator[None]:
    argv, path = sys.argv, sys.path
    arguments, entries = argv[:], path[:]
    try:
        yield
    finally:
        argv[:], path[:] = arguments, entries
        sys.argv, sys.path = argv, path


@contextmanager
def _modules(folder: Optional[str]) -> Iterator[None]:
    before = dict(sys.modules)
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if name not in before and _is_stray(name, module, folder):
                sys.modules.pop(name, None)
        for name, module in before.items():
            # A loaded script's may have gone in between, for good.
            if not name.startswith(SCRIPT_PREFIX):
                sys.modules[name] = module
        if folder is not None:
            sys.path_importer_cache.pop(folder, None)


def _is_stray(name: str, module: object, folder: Optional[str]) -> bool:
    """Say whether a new module comes from *folder*, or was put there by hand."""
    if name.startswith(SCRIPT_PREFIX):
        return False
    # Past the module's own __getattribute__: a lazy one would load itself.
    try:
        attributes: Dict[str, object] = object.__getattribute__(module, "__dict__")
    except AttributeError:
        attributes = {}
    if attributes.get("__spec__") is None:
        return "." not in name
    file = attributes.get("__file__")
    if folder is None or not isinstance(file, str):
        return False
    return file.startswith(os.path.join(folder, ""))
