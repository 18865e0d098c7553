"""Where an object waits until it is known to be right."""

from __future__ import annotations

import io
from typing import Any, Optional

from flowpack.blocks.hashing import TooLongError
from flowpack.exceptions import StorageUnavailableError, printable

#: What is longer lies on the disk while it is read, in bytes.
_IN_MEMORY = 8 * 1024 * 1024


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
            if isinstance(self._file, io.BytesIO):
                self._move(length)
            return int(self._file.write(block))
        except OSError as exc:
            reason = f"what came cannot be kept while it is read: {printable(exc)}"
        raise StorageUnavailableError(self._storage, self._token, reason)

    def _move(self, length: int) -> None:
        if length <= _IN_MEMORY:
            return
        import tempfile  # slow to import, and few scripts are so long

        larger = tempfile.TemporaryFile()
        larger.write(self._file.getvalue())
        self._file = larger

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
