"""What stored bytes must hash to, and what they do hash to."""

from __future__ import annotations

from typing import Optional

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


def check(
    found: str, expected: Digest, where: str, token: str, remedy: str = ""
) -> None:
    """Raise unless bytes hash to what is expected.

    Args:
        found: What they hash to.
        expected: What they must hash to; may come from a server and be no digest.
        where: What people call the storage.
        token: Where in it they are.
        remedy: What to do next; empty for deploying again with ``--confirm``.

    Raises:
        StorageIntegrityError: They do not.
    """
    if found != expected.hexdigest:
        wanted = printable(expected.hexdigest)
        raise StorageIntegrityError(where, token, wanted, found, remedy)
