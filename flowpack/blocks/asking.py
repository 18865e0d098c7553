"""Calls of code that may be users' own and raise anything: storages, packagers."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import BinaryIO, Callable, ContextManager, Iterable, Iterator, cast

from flowpack.analysis.script import SIZE_LIMIT
from flowpack.blocks.hashing import Hashing
from flowpack.blocks.storage import StorageBlock
from flowpack.exceptions import FlowpackError, StorageUnavailableError, printable

#: What is raised as it is; a warning is raised where the caller wants it to be.
_OWN = (FlowpackError, MemoryError, Warning)


def asking(storage: StorageBlock, token: str) -> ContextManager[None]:
    """Turn what the class of *storage* raises inside into an error of a storage.

    Args:
        storage: What is asked.
        token: What it is asked about, for the message.

    Raises:
        StorageUnavailableError: It raised something else than a ``FlowpackError``.
    """

    def error(told: str) -> FlowpackError:
        reason = f"the storage's class raised {told}"
        return StorageUnavailableError(storage.block_type_name, token, reason)

    return translating(error)


@contextlib.contextmanager
def translating(error: Callable[[str], FlowpackError]) -> Iterator[None]:
    """Raise *error* of what is told of an exception, in the place of it."""
    try:
        yield
    except _OWN:
        raise
    except Exception as exc:
        raise error(raised(exc)) from exc


def raised(exc: Exception) -> str:
    """Return what *exc* is and where it was raised.

    Not its text, which may quote anything; the system's own words are safe.
    """
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        script = os.path.basename(trace.tb_frame.f_code.co_filename)
        place = f" ({printable(script)}, line {trace.tb_lineno})"
    number = exc.errno if isinstance(exc, OSError) else None
    words = ""
    if number is not None and number in errno.errorcode:
        words = f": {os.strerror(number)}"
    return f"{type(exc).__name__}{words}{place}"


def hash_object(
    storage: StorageBlock, token: str, algorithms: Iterable[str] = ("sha256",)
) -> Hashing:
    """Return the digests of what *storage* keeps under *token*, read once.

    Raises:
        ObjectMissingError: There is nothing.
        StorageError: It cannot be read, or is longer than a script may be.
    """
    found = Hashing(algorithms)
    with asking(storage, token):
        storage.read_into(token, cast(BinaryIO, found), SIZE_LIMIT)
    return found
