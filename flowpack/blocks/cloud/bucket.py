"""What the stores of all clouds do alike."""

from __future__ import annotations

import contextlib
import io
import shutil
from abc import ABC, abstractmethod
from typing import Any, BinaryIO, Callable, Iterable, Optional, cast

import attrs

from flowpack.blocks.hashing import Hashing
from flowpack.blocks.secret import MASK
from flowpack.blocks.stores import changed_while_read, check_key
from flowpack.exceptions import (
    FlowpackError,
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
    printable,
)

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
    def put(self, client: Any, key: str, file: BinaryIO, size: int, replace: bool) -> None:
        """Send the object.

        Raises:
            TakenError: There is one, and it was not to be replaced.
        """

    @abstractmethod
    def get(self, client: Any, key: str, file: BinaryIO) -> bool:
        """Copy the object to *file*; return False if there is none."""

    @abstractmethod
    def secrets(self) -> Iterable[str]:
        """Return what no message may show."""

    def write_from(self, file: BinaryIO, key: str, sha256: str, replace: bool = False) -> None:
        """See :meth:`Store.write_from`."""
        check_key(key, self.label)
        start = file.tell()
        digest = Hashing()
        shutil.copyfileobj(file, cast(BinaryIO, digest), CHUNK)
        size, found = digest.tell(), digest.hexdigest()
        if found != sha256:
            raise changed_while_read(self.label, key, sha256, found)

        def send() -> bool:
            client = self.open_client()
            there = self.size_of(client, key)
            if there == size and not replace:
                return True
            file.seek(start)
            with contextlib.suppress(TakenError):
                self.put(client, key, file, size, there is not None)
            return self.size_of(client, key) == size

        if not self._run(key, send):
            reason = "the object was sent, but afterwards it is not there, or not all of it"
            raise StorageUnavailableError(self.label, key, reason)

    def read_into(self, key: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """See :meth:`Store.read_into`."""
        check_key(key, self.label)
        target: Any = file if limit is None else _Limited(file, limit, self.label, key)
        if not self._run(key, lambda: self.get(self.open_client(), key, target)):
            reason = "there is no such object. It was deleted, or is in another bucket"
            raise ObjectMissingError(self.label, key, reason)

    def holds(self, key: str, sha256: str, size: int) -> bool:
        """Return True if the object is there with that size."""
        check_key(key, self.label)
        return self._run(key, lambda: self.size_of(self.open_client(), key) == size)

    def location(self, key: str) -> None:
        """Return None: credentials are needed."""
        return None

    def _run(self, key: str, action: Callable[[], bool]) -> bool:
        """Do something with the SDK and translate its errors."""
        try:
            return action()
        except FlowpackError:
            raise
        except ImportError as exc:
            raise StorageUnavailableError(self.label, key, str(exc)) from exc
        except Exception as exc:  # Each SDK raises from several trees.
            reason = f"{type(exc).__name__}: {self._without_secrets(str(exc))}"
        # Raised here, without the error of the SDK: its text, its request and its frames may
        # hold credentials.
        raise StorageUnavailableError(self.label, key, reason)

    def _without_secrets(self, text: str) -> str:
        for secret in self.secrets():
            text = text.replace(secret, MASK)
        return printable(text, 400)


def not_installed(library: str, extra: str) -> ImportError:
    """Return the error of an SDK that an extra of flowpack brings."""
    needs = f"pip install 'flowpack[{extra}]'"
    return ImportError(f"{library} is not installed, which this storage needs: {needs}")


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
        """Pass a block on, or raise a StorageError where there is more than the limit."""
        self._left -= len(block)
        if self._left < 0:
            raise self._error
        return self._file.write(block)
