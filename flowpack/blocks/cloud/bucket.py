"""What the stores of all clouds do alike."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from typing import Any, BinaryIO, Callable, Iterable, Optional, Tuple, TypeVar

import attrs

from flowpack.blocks.secret import MASK
from flowpack.blocks.stores import changed_while_read, check_key
from flowpack.exceptions import (
    FlowpackError,
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
    printable,
)

Result = TypeVar("Result")

#: Objects are read and hashed in steps of this size, in bytes.
CHUNK = 1 << 20

#: Larger objects are sent in parts of this size, in bytes.
PART = 8 << 20


class TakenError(Exception):
    """The object was there already when it was to be created."""


@attrs.frozen
class Bucket(ABC):
    """What the three have in common.

    Attributes:
        label: The storage as messages name it.
        block: Its configuration.
    """

    label: str
    block: Any

    @abstractmethod
    def open_client(self) -> Any:
        """Return the SDK's client."""

    @abstractmethod
    def size_of(self, client: Any, key: str) -> Optional[int]:
        """Return how long the object is; None if there is none."""

    @abstractmethod
    def put(
        self, client: Any, key: str, file: BinaryIO, size: int, replace: bool
    ) -> None:
        """Send the object.

        Raises:
            TakenError: There is one, and it was not to be replaced.
        """

    @abstractmethod
    def get(self, client: Any, key: str, file: BinaryIO) -> bool:
        """Copy the object to *file*; return whether there is one."""

    @abstractmethod
    def secrets(self) -> Iterable[str]:
        """Return what no message may show."""

    def write_from(
        self, file: BinaryIO, key: str, sha256: str, replace: bool = False
    ) -> None:
        """See :meth:`Store.write_from`."""
        check_key(key, self.label)
        start = file.tell()
        size, found = _measure(file)
        if found != sha256:
            raise changed_while_read(self.label, key, sha256, found)
        client = self._ask(key, self.open_client)
        there = self._ask(key, lambda: self.size_of(client, key))
        if there == size and not replace:
            return
        file.seek(start)
        try:
            self._ask(
                key, lambda: self.put(client, key, file, size, there is not None)
            )
        except TakenError:
            pass
        if self._ask(key, lambda: self.size_of(client, key)) != size:
            raise StorageUnavailableError(
                self.label,
                key,
                "the object was sent, but afterwards it is not there, or not all of it",
            )

    def read_into(
        self, key: str, file: BinaryIO, limit: Optional[int] = None
    ) -> None:
        """See :meth:`Store.read_into`."""
        check_key(key, self.label)
        client = self._ask(key, self.open_client)
        target: Any = file if limit is None else _Limited(file, limit, self.label, key)
        if not self._ask(key, lambda: self.get(client, key, target)):
            raise ObjectMissingError(
                self.label,
                key,
                "there is no such object. It was deleted, or is in another bucket",
            )

    def holds(self, key: str, sha256: str, size: int) -> bool:
        """Return whether the object is there with that size."""
        check_key(key, self.label)
        client = self._ask(key, self.open_client)
        return self._ask(key, lambda: self.size_of(client, key)) == size

    def location(self, key: str) -> None:
        """Return None: credentials are needed."""
        return None

    def _ask(self, key: str, action: Callable[[], Result]) -> Result:
        """Do something with the SDK and translate its errors."""
        try:
            return action()
        except (FlowpackError, TakenError):
            raise
        except ImportError as exc:
            raise StorageUnavailableError(self.label, key, str(exc)) from exc
        except Exception as exc:  # each SDK raises from several trees
            said = f"{type(exc).__name__}: {self._without_secrets(str(exc))}"
        # Raised here, without the error of the SDK: its text, its request and its
        # frames may hold credentials.
        raise StorageUnavailableError(self.label, key, said)

    def _without_secrets(self, text: str) -> str:
        for secret in self.secrets():
            text = text.replace(secret, MASK)
        return printable(text, 400)


def not_installed(library: str, extra: str) -> ImportError:
    """Return the error of an SDK that an extra of flowpack brings."""
    return ImportError(
        f"{library} is not installed, which this storage needs: pip install"
        f" 'flowpack[{extra}]'"
    )


def _measure(file: BinaryIO) -> Tuple[int, str]:
    """Return how long *file* is from here to its end, and the digest of that."""
    digest = hashlib.sha256()
    size = 0
    for chunk in iter(lambda: file.read(CHUNK), b""):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


class _Limited(io.RawIOBase):
    """Passes on to a file what is written, up to a limit."""

    def __init__(self, file: BinaryIO, limit: int, label: str, key: str) -> None:
        super().__init__()
        self._file = file
        self._left = limit
        self._error = StorageError(label, key, f"it is larger than {limit} bytes")

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, block: Any) -> int:
        """Pass a block on.

        Raises:
            StorageError: There is more than the limit.
        """
        self._left -= len(block)
        if self._left < 0:
            raise self._error
        return self._file.write(block)
