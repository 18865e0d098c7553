"""The border to storages' classes, which may be users' own and raise anything."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import BinaryIO, Callable, ContextManager, Iterable, Iterator, cast

from flowpack.analysis.script import SIZE_LIMIT
from flowpack.blocks.stores import Hashing
from flowpack.blocks.storage import StorageBlock
from flowpack.exceptions import FlowpackError, StorageUnavailableError, printable


def storage_errors(storage: StorageBlock, token: str) -> ContextManager[None]:
    """Raise StorageUnavailableError, about *token*, for what the class of *storage* raises."""

    def error(raised: str) -> FlowpackError:
        reason = f"the storage's class raised {raised}"
        return StorageUnavailableError(storage.block_type_name, token, reason)

    return translate_errors(error)


@contextlib.contextmanager
def translate_errors(error: Callable[[str], FlowpackError]) -> Iterator[None]:
    """Raise *error*, given the description of an exception, in its place.

    Our own errors are raised as they are, and warnings where the caller made them errors.
    """
    try:
        yield
    except (FlowpackError, MemoryError, Warning):
        raise
    except Exception as exc:
        raise error(describe_raised(exc)) from exc


def describe_raised(exc: Exception) -> str:
    """Return what *exc* is and where it was raised, without its text, which may quote anything."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        script = os.path.basename(trace.tb_frame.f_code.co_filename)
        place = f" ({printable(script)}, line {trace.tb_lineno})"
    number = exc.errno if isinstance(exc, OSError) else None
    words = f": {os.strerror(number)}" if number and number in errno.errorcode else ""
    return f"{type(exc).__name__}{words}{place}"


def hash_object(storage: StorageBlock, token: str, names: Iterable[str] = ("sha256",)) -> Hashing:
    """Return the digests of what *storage* keeps under *token*, no longer than a script may be."""
    hashing = Hashing(names)
    with storage_errors(storage, token):
        storage.read_into(token, cast(BinaryIO, hashing), SIZE_LIMIT)
    return hashing
