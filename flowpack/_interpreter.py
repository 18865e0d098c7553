"""Restores what code that is run changes in this process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, Iterator, Mapping, Optional, Tuple

#: Begins the names of modules that come and go by themselves: loaded scripts.
SCRIPT_PREFIX = "_flowpack_script_"

#: Copies of descriptors begin here, beyond those that code closes in a row.
_FIRST_COPY = 512

#: How each packed project begins, and the module in which they note where their files are.
BUNDLE_MARK = b"# A flow and the files that it needs, packed by flowpack as one Python script.\n"
BUNDLES = "_flowpack_bundles"

_STREAMS = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")

#: A descriptor, its copy, and the status of both.
_Copied = Tuple[int, int, os.stat_result]


@contextmanager
def restored(folder: Optional[str] = None, *, bundles_last: bool = False) -> Iterator[None]:
    """Run the body, then restore what it changed.

    Imported modules stay, but for those from *folder*: the body may import from there, as a script
    may from beside itself, and another may have others of those names. With *bundles_last* those of
    packed projects, whose flows may run in other threads, are hidden only where there are others of
    their names. If the body loads such a project, all are left as they are then, for its flow.
    """
    cwd = _getcwd()
    argv, path = sys.argv, sys.path
    argv_items, path_items = argv[:], path[:]
    limit, modules = sys.getrecursionlimit(), dict(sys.modules)
    in_main = threading.current_thread() is threading.main_thread()
    numbers = signal.valid_signals() if in_main else ()
    handlers = {number: signal.getsignal(number) for number in numbers}
    known = [os.path.join(cwd or os.sep, os.fsdecode(each)) for each in path]
    if folder is not None and folder in map(os.path.normpath, known):
        folder = None
    if folder is not None:
        path.insert(0, folder)
    bundles = list(filter(in_bundle, path))
    if bundles_last:
        path[:] = [each for each in path if each not in bundles]
        own = {k.partition(".")[0] for k, module in modules.items() if in_bundle(module)}
        others = {name for name in own if PathFinder.find_spec(name, path)}
        for name in [name for name in modules if name.partition(".")[0] in others]:
            sys.modules.pop(name, None)
        path += bundles
    with _streams_restored():
        try:
            yield
        finally:
            # A higher one is kept: a script sets it for its flow.
            sys.setrecursionlimit(max(limit, sys.getrecursionlimit()))
            argv[:], sys.argv = argv_items, argv
            # Others than before were loaded by the body.
            if list(filter(in_bundle, getattr(sys, "path", None) or ())) in ([], bundles):
                path[:], sys.path = path_items, path
                _restore_modules(modules, folder)
            for number, handler in handlers.items():
                # None was not set from Python, and cannot be set again.
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)
            if cwd is not None and _getcwd() != cwd:
                with suppress(OSError):  # It may be gone.
                    os.chdir(cwd)


def _getcwd() -> Optional[str]:
    with suppress(OSError):
        return os.getcwd()
    return None


def copy_descriptor(number: int) -> int:
    """Return a copy of a descriptor, which no child inherits; an OSError where it is closed."""
    try:
        import fcntl

        return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _FIRST_COPY)
    except (ImportError, OSError):  # It may be Windows, or a low limit.
        return os.dup(number)


@contextmanager
def _streams_restored() -> Iterator[None]:
    streams = {name: getattr(sys, name) for name in _STREAMS}
    distinct = {id(stream): stream for stream in streams.values()}
    copies = {key: _copy(stream) for key, stream in distinct.items()}
    try:
        yield
    finally:
        after = {key: _reopen(stream, copies[key]) for key, stream in distinct.items()}
        for name, stream in streams.items():
            setattr(sys, name, after[id(stream)])


def _copy(stream: Any) -> Optional[_Copied]:
    """Return the descriptor of *stream*, if it has one, and a copy."""
    with suppress(Exception):  # It may be of any class.
        number = stream.fileno()
        copy = copy_descriptor(number)
        return number, copy, os.fstat(copy)
    return None


def _reopen(stream: Any, copied: Optional[_Copied]) -> Any:
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
    with suppress(ValueError):  # It was detached.
        if not getattr(stream, "closed", False):
            return stream
    with suppress(AttributeError, OSError):
        mode, buffering = getattr(stream, "mode", "w")[:1], 1 if stream.line_buffering else -1
        kept = {"encoding": stream.encoding, "errors": stream.errors}
        return open(number, mode, buffering, closefd=False, **kept)
    return stream


def _restore_modules(before: Mapping[str, ModuleType], folder: Optional[str]) -> None:
    for name, module in [each for each in list(sys.modules.items()) if each[0] not in before]:
        parent = before.get(name.partition(".")[0])
        is_mixed = in_bundle(parent) and not in_bundle(module)
        if is_mixed or _is_stray(name, module, folder):
            sys.modules.pop(name, None)
    for name, module in before.items():
        # A loaded script's may have gone in between, for good.
        if not name.startswith(SCRIPT_PREFIX):
            sys.modules[name] = module
    if folder is not None:
        sys.path_importer_cache.pop(folder, None)


def in_bundle(place: object) -> bool:
    """Return True if a path, or a module's file, is of a packed project in this process."""
    path = place if isinstance(place, str) else str(_attributes(place).get("__file__"))
    folders = getattr(sys.modules.get(BUNDLES), "folders", {}).values()
    return os.path.join(path, "").startswith(tuple(os.path.join(each, "") for each in folders))


def _is_stray(name: str, module: object, folder: Optional[str]) -> bool:
    """Return True if a new module comes from *folder*, or was put there by hand."""
    if name.startswith(SCRIPT_PREFIX) or name == BUNDLES:
        return False
    if _attributes(module).get("__spec__") is None:
        return "." not in name
    file = str(_attributes(module).get("__file__"))
    return folder is not None and file.startswith(os.path.join(folder, ""))


def _attributes(module: object) -> Mapping[str, object]:
    with suppress(AttributeError):
        # Past the module's own __getattribute__: a lazy one would load itself.
        attributes: Mapping[str, object] = object.__getattribute__(module, "__dict__")
        return attributes
    return {}
