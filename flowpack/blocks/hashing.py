"""Files that hash what goes through them, in constant memory."""

from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO, Iterable, Optional


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
