"""What code that is run may change in this process, restored afterwards."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

#: Begins the names of modules that come and go by themselves: loaded scripts.
SCRIPT_PREFIX = "_flowpack_script_"

#: Copies of descriptors begin here, beyond those that code closes in a row.
_FIRST_COPY = 512

_STREAMS = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")


@contextmanager
def restored(folder: Optional[str] = None) -> Iterator[None]:
    """Run the body, then restore what it changed.

    That is: the working folder, ``sys.argv``, ``sys.path``, the standard streams (also
    those that were closed, and their descriptors), signal handlers (in the main thread,
    which alone can set them), a lowered recursion limit and ``sys.modules``, where modules
    that were imported stay.

    Args:
        folder: Where the body may import from as well, as a script may from beside itself.
            Modules from there do not stay: another script may have others of the same
            names.
    """
    cwd = _getcwd()
    argv, path = sys.argv, sys.path
    argv_items, path_items = argv[:], path[:]
    limit = sys.getrecursionlimit()
    modules = dict(sys.modules)
    handlers = _signal_handlers()
    streams = {name: getattr(sys, name) for name in _STREAMS}
    copies = _copy_descriptors(streams)
    known = [os.path.join(cwd or os.sep, os.fsdecode(each)) for each in path]
    if folder is not None and folder in map(os.path.normpath, known):
        folder = None
    if folder is not None:
        path.insert(0, folder)
    try:
        yield
    finally:
        # A higher one is kept: a script sets it for its flow.
        sys.setrecursionlimit(max(limit, sys.getrecursionlimit()))
        argv[:], path[:] = argv_items, path_items
        sys.argv, sys.path = argv, path
        _restore_modules(modules, folder)
        for number, handler in handlers.items():
            if signal.getsignal(number) != handler:
                signal.signal(number, handler)
        _restore_streams(streams, copies)
        if cwd is not None and _getcwd() != cwd:
            with suppress(OSError):  # It may be gone.
                os.chdir(cwd)


def _getcwd() -> Optional[str]:
    try:
        return os.getcwd()
    except OSError:
        return None


def _signal_handlers() -> Dict[int, Any]:
    """Return the handlers that this thread can set."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    # None is a handler that was not set from Python; it cannot be set again.
    return {number: each for number, each in handlers.items() if each is not None}


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


#: A descriptor, its copy, and what both are.
_Copied = Tuple[int, int, os.stat_result]


def _copy_descriptors(streams: Mapping[str, Any]) -> Dict[int, _Copied]:
    """Return a copy of the descriptor of each stream that has one, by the stream's id."""
    copies: Dict[int, _Copied] = {}
    for stream in streams.values():
        if id(stream) not in copies:  # One stream has two names, as a rule.
            with suppress(Exception):  # It may be of any class.
                number = stream.fileno()
                copy = copy_descriptor(number)
                copies[id(stream)] = number, copy, os.fstat(copy)
    return copies


def _restore_streams(streams: Mapping[str, Any], copies: Mapping[int, _Copied]) -> None:
    restored: Dict[int, Any] = {}
    for name, stream in streams.items():
        if id(stream) not in restored:
            copied = copies.get(id(stream))
            restored[id(stream)] = stream if copied is None else _reopen(stream, *copied)
        setattr(sys, name, restored[id(stream)])


def _reopen(stream: Any, number: int, copy: int, status: os.stat_result) -> Any:
    """Return *stream*, or one like it where it was closed, at its old descriptor."""
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


def _restore_modules(before: Mapping[str, ModuleType], folder: Optional[str]) -> None:
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
    """Return True if a new module comes from *folder*, or was put there by hand."""
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
    return (
        folder is not None and isinstance(file, str) and file.startswith(os.path.join(folder, ""))
    )
