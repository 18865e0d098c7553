"""What is behind flowpack's own storage blocks: things that keep objects by key, and hash them."""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any, BinaryIO, Iterable, Optional, Protocol

from flowpack.exceptions import ObjectExistsError, StorageError

# Digests, UUIDs and time stamps; nothing that means something in a URL.
_PLAIN_KEY = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._:+-]{0,254}\Z")


class Store(Protocol):
    """Keeps objects by key.

    Methods raise a :class:`~flowpack.exceptions.StorageUnavailableError` where the store cannot
    be reached or refuses, and a :class:`~flowpack.exceptions.StorageError` for a key that it does
    not take.
    """

    def write_from(self, file: BinaryIO, key: str, sha256: str, replace: bool = False) -> object:
        """Keep what *file* holds, from where it stands, under *key*; it is not closed.

        What is there already is left alone. Where *key* is its digest, it is replaced if it has
        another length, or if *replace* is true because it is known to be damaged.

        Raises:
            ObjectExistsError: *key* is no digest, and taken by other bytes.
            StorageError: The bytes have another digest than *sha256*.
        """

    def read_into(self, key: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """Copy what is under *key* to *file*.

        Raises:
            ObjectMissingError: There is nothing.
            StorageError: There are more than *limit* bytes.
        """

    def holds(self, key: str, sha256: str, size: int) -> bool:
        """Return True if such bytes are under *key*."""

    def location(self, key: str) -> Optional[str]:
        """Return where anyone can read it without credentials, or None."""


def check_key(key: str, label: str) -> None:
    """Raise a StorageError unless *key* is a plain one, which cannot lead elsewhere."""
    if not _PLAIN_KEY.match(key):
        reason = "this token is refused: it is no plain key of letters, digits and ._:+-"
        raise StorageError(label, key, reason)


def changed_while_read(label: str, key: str, announced: str, found: str) -> StorageError:
    """Return the error of bytes that have another digest than was announced."""
    reason = f"the bytes changed while they were read: digest {announced} announced, {found} found"
    return StorageError(label, key, f"{reason}. Nothing was stored; try again")


def key_taken(label: str, key: str) -> ObjectExistsError:
    """Return the error of a key that other bytes have."""
    reason = "other bytes have this key already; nothing was stored. Try again"
    return ObjectExistsError(label, key, reason)


# --- files that hash what goes through them, in constant memory ----------------------------


class TooLongError(OSError):
    """More bytes came than were to be taken."""


class ChangedError(OSError):
    """Bytes that were read are not those that were announced; *found* is their digest."""

    def __init__(self, found: str) -> None:
        super().__init__("the bytes changed while they were read")
        self.found = found


class Hashing(io.RawIOBase):
    """A file that keeps nothing of what is written to it but digests and length.

    It can go back to its start, as for another attempt, and nowhere else.
    """

    def __init__(self, names: Iterable[str] = ("sha256",), limit: Optional[int] = None) -> None:
        """Make an empty one, with the algorithms of these *names*, for *limit* bytes at most."""
        super().__init__()
        self._names, self._limit = tuple(names), limit
        self.seek(0)

    def hexdigest(self, algorithm: str = "sha256") -> str:
        """Return the digest of all that was written, in lower-case hex."""
        return self._digests[algorithm].hexdigest()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, block: Any) -> int:
        """Take some bytes and return how many; raise TooLongError if they are too many."""
        length = memoryview(block).nbytes
        self._length += length
        if self._limit is not None and self._length > self._limit:
            raise TooLongError
        for digest in self._digests.values():
            digest.update(block)
        return length

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._length

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forget what was written; *offset* must be the start."""
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("what was written was not kept")
        self._length = 0
        self._digests = {each: hashlib.new(each, usedforsecurity=False) for each in self._names}
        return 0

    def truncate(self, size: Optional[int] = None) -> int:
        """Do nothing: there is never anything behind the end."""
        return self._length


class Checked:
    """A file to read from that raises ChangedError in the place of the end of wrong bytes.

    So whoever is sent what is read of it gets all of the right bytes, or not all.
    """

    def __init__(self, file: BinaryIO, sha256: str, size: int) -> None:
        self._file, self._sha256, self._size = file, sha256, size
        self.seek(file.tell())

    def tell(self) -> int:
        """Return where the file stands."""
        return self._file.tell()

    def seek(self, offset: int) -> int:
        """Go back to the start, for another attempt."""
        self._left, self._digest = self._size, hashlib.sha256()
        self._check()
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        block = self._file.read(size)
        self._digest.update(block)
        self._left -= len(block)
        self._check()
        return block

    def _check(self) -> None:
        if not self._left and self._digest.hexdigest() != self._sha256:
            raise ChangedError(self._digest.hexdigest())
