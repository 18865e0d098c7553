"""What stored bytes must hash to, and what they do hash to; in constant memory."""

from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO, Iterable, Optional, cast

import attrs

from flowpack.blocks.storage import FileStorageBlock, StorageBlock
from flowpack.exceptions import StorageIntegrityError, printable
from flowpack.models import StoredObject


@attrs.frozen
class Digest:
    """What some bytes must hash to.

    Attributes:
        algorithm: ``sha256``, or ``md5`` for what the stock client stored.
        hexdigest: In lower-case hex.
    """

    algorithm: str
    hexdigest: str


def expected_digest(
    stored: StoredObject, storage: StorageBlock
) -> Optional[Digest]:
    """Return what the bytes of a deployment must hash to; None if nothing says it.

    flowpack's deployments carry a SHA-256 and name the object by it. Of others',
    the stock client's File Storage names objects by their MD5.
    """
    key = stored.token.replace("\\", "/").rpartition("/")[2].lower()
    if stored.sha256 is not None:
        return Digest("sha256", stored.sha256.lower())
    if _is_hex(key, 64):
        return Digest("sha256", key)
    hashed = isinstance(storage, FileStorageBlock) and storage.key_type == "hash"
    return Digest("md5", key) if hashed and _is_hex(key, 32) else None


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(each in "0123456789abcdef" for each in text)


class Hashing(io.RawIOBase):
    """A file that keeps nothing of what is written to it but digests and length.

    It can go back to its start, as for another attempt, and nowhere else.
    """

    def __init__(self, algorithms: Iterable[str]) -> None:
        super().__init__()
        self._algorithms = tuple(algorithms)
        self._restart()

    def _restart(self) -> None:
        self._length = 0
        self._digests = {
            each: hashlib.new(each, usedforsecurity=False) for each in self._algorithms
        }

    def hexdigest(self, algorithm: str) -> str:
        """Return the digest of all that was written, in lower-case hex."""
        return self._digests[algorithm].hexdigest()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, block: Any) -> int:
        """Take some bytes; return how many."""
        length = memoryview(block).nbytes
        for digest in self._digests.values():
            digest.update(block)
        self._length += length
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
        self._restart()
        return 0

    def truncate(self, size: Optional[int] = None) -> int:
        """Do nothing: there is never anything behind the end."""
        return self._length


def hash_object(
    storage: StorageBlock, token: str, algorithms: Iterable[str] = ("sha256",)
) -> Hashing:
    """Return the digests of what *storage* keeps under *token*, read once.

    Raises:
        ObjectMissingError: There is nothing.
        StorageError: It cannot be read.
    """
    found = Hashing(algorithms)
    storage.read_into(token, cast(BinaryIO, found))
    return found


def check(found: str, expected: Digest, where: str, token: str) -> None:
    """Raise unless bytes hash to what is expected.

    Args:
        found: What they hash to.
        expected: What they must hash to; may come from a server and be no digest.
        where: What people call the storage.
        token: Where in it they are.

    Raises:
        StorageIntegrityError: They do not.
    """
    if found != expected.hexdigest:
        raise StorageIntegrityError(where, token, printable(expected.hexdigest), found)
