"""Files for bytes whose digest is yet to be known, in constant memory."""

from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO, Iterable, Optional, Union, cast

from flowpack.exceptions import StorageUnavailableError, printable

#: What is longer lies on the disk while it is read, in bytes.
_IN_MEMORY = 8 * 1024 * 1024


class TooLongError(OSError):
    """More came than was to be taken."""

    def __init__(self) -> None:
        super().__init__("more came than there should be")


class ChangedError(OSError):
    """Bytes that were read are not those that were announced; *found* is their digest."""

    def __init__(self, found: str) -> None:
        super().__init__("the bytes changed while they were read")
        self.found = found


class Hashing(io.RawIOBase):
    """A file that keeps nothing of what is written to it but digests and length.

    It can go back to its start, as for another attempt, and nowhere else.
    """

    def __init__(
        self, algorithms: Iterable[str] = ("sha256",), limit: Optional[int] = None
    ) -> None:
        """Make an empty one.

        Args:
            algorithms: Names that :mod:`hashlib` knows.
            limit: Most bytes that are taken; None for any number.
        """
        super().__init__()
        self._algorithms = tuple(algorithms)
        self._limit = limit
        self.seek(0)

    def hexdigest(self, algorithm: str = "sha256") -> str:
        """Return the digest of all that was written, in lower-case hex."""
        return self._digests[algorithm].hexdigest()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, block: Any) -> int:
        """Take some bytes; return how many.

        Raises:
            TooLongError: They are too many.
        """
        length = memoryview(block).nbytes
        self._length += length
        if self._limit is not None and self._length > self._limit:
            raise TooLongError()
        for digest in self._digests.values():
            digest.update(block)
        return length

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._length

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forget what was written, if *offset* is the start.

        Raises:
            UnsupportedOperation: It is elsewhere.
        """
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("what was written was not kept")
        self._length = 0
        self._digests = {
            each: hashlib.new(each, usedforsecurity=False) for each in self._algorithms
        }
        return 0

    def truncate(self, size: Optional[int] = None) -> int:
        """Do nothing: there is never anything behind the end."""
        return self._length


class Spool:
    """A file in memory that moves to the disk when it becomes large.

    So nobody fills the memory with what a digest has yet to judge.
    """

    def __init__(self, storage: str, token: str, limit: Optional[int] = None) -> None:
        """Make an empty one.

        Args:
            storage: What people call the storage that it is read from.
            token: Of what is read.
            limit: Most bytes that are taken; None for any number.
        """
        self._storage = storage
        self._token = token
        self._limit = limit
        self._file: Any = io.BytesIO()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def write(self, block: Any) -> int:
        """Take some bytes.

        Raises:
            TooLongError: They are too many.
            StorageUnavailableError: There is no room for them.
        """
        length = self.tell() + len(block)
        if self._limit is not None and length > self._limit:
            raise TooLongError()
        try:
            if length > _IN_MEMORY and isinstance(self._file, io.BytesIO):
                import tempfile  # Slow to load, and few scripts are so long.

                larger = tempfile.TemporaryFile()
                larger.write(self._file.getvalue())
                self._file = larger
            return int(self._file.write(block))
        except OSError as exc:
            reason = f"what came cannot be kept while it is read: {printable(exc)}"
        raise StorageUnavailableError(self._storage, self._token, reason)

    def tell(self) -> int:
        """Return where the file stands."""
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the file."""
        return int(self._file.seek(offset, whence))

    def truncate(self, size: Optional[int] = None) -> int:
        """Forget what is behind a place, which is usually where the file stands."""
        return int(self._file.truncate(size))

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        content: bytes = self._file.read(size)
        return content


class KnownBytes(io.BytesIO):
    """Bytes in memory, as a file, with the digest that they have.

    Attributes:
        data: The bytes, whatever becomes of the file.
        sha256: Their digest in lower-case hex.
    """

    def __init__(self, data: bytes, sha256: Optional[str] = None) -> None:
        super().__init__(data)
        self.data = data
        self.sha256 = sha256 or hashlib.sha256(data).hexdigest()


def checked(file: BinaryIO, sha256: str, size: int) -> Union[bytes, BinaryIO]:
    """Return the rest of *file* as what may be sent to somebody.

    Bytes that cannot change are not hashed once more; other files are checked while they are
    read.

    Args:
        file: Not closed.
        sha256: What the bytes must have, in lower-case hex.
        size: How many there are.

    Raises:
        ChangedError: They are known to have another digest.
    """
    if isinstance(file, KnownBytes) and not file.tell():
        if file.sha256 != sha256:
            raise ChangedError(file.sha256)
        return file.data
    return cast(BinaryIO, Checked(file, sha256, size))


class Checked:
    """A file to read from that holds back the end of wrong bytes.

    So whoever is sent what is read of it gets all of the right bytes, or not all. Made with
    what is wrong already, it raises at once; see :func:`checked`.
    """

    def __init__(self, file: BinaryIO, sha256: str, size: int) -> None:
        self._file = file
        self._sha256 = sha256
        self._size = size
        self._hash(b"", restart=True)

    def _hash(self, block: bytes, restart: bool = False) -> None:
        if restart:
            self._left = self._size
            self._digest = hashlib.sha256()
        self._digest.update(block)
        self._left -= len(block)
        if not self._left and self._digest.hexdigest() != self._sha256:
            raise ChangedError(self._digest.hexdigest())

    def tell(self) -> int:
        """Return where the file stands."""
        return self._file.tell()

    def seek(self, offset: int) -> int:
        """Go back to the start, for another attempt."""
        self._hash(b"", restart=True)
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            ChangedError: They are the last ones, and all together are not right.
        """
        block = self._file.read(size)
        self._hash(block)
        return block
