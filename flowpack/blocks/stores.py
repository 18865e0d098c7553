"""What is behind flowpack's own storage blocks: things that keep objects by key."""

from __future__ import annotations

import re
from typing import BinaryIO, Optional, Protocol

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
    return StorageError(
        label,
        key,
        f"the bytes changed while they were read: announced with digest {announced}, found"
        f" {found}. Nothing was stored; try again",
    )


def key_taken(label: str, key: str) -> ObjectExistsError:
    """Return the error of a key that other bytes have."""
    reason = "other bytes have this key already; nothing was stored. Try again"
    return ObjectExistsError(label, key, reason)
