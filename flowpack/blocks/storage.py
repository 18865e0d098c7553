"""Storage blocks: they keep bytes and give them back."""

from __future__ import annotations

import hashlib
import io
import os
import re
from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, BinaryIO, ClassVar, Dict, Literal, Mapping, Optional, Tuple
from uuid import uuid4

import attrs

from flowpack._validators import one_of
from flowpack.blocks.address import absolute_folder, api_address, base_path, is_web, storage_path
from flowpack.blocks.block import Block
from flowpack.blocks.folder import Folder
from flowpack.blocks.secret import SecretMapping, without_credentials, without_secrets
from flowpack.blocks.stores import Store
from flowpack.exceptions import BlockArgumentError, BlockError, ObjectMissingError, StorageError
from flowpack.exceptions import StorageUnavailableError, printable
from flowpack.urls import URL, as_address, url_of

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")

#: Asks for the server's default storage, also where a deployment has another one.
DEFAULT_STORAGE = "default:"


@attrs.frozen
class StorageBlock(Block, ABC):
    """A place that keeps bytes.

    Derive an attrs class from it and write :meth:`write` and :meth:`read`; the other methods
    have defaults that use these two.

    Attributes:
        only_this_machine: Whether other machines cannot read what it keeps.

    Example:
        >>> import hashlib
        >>> import pathlib
        >>> import attrs
        >>> from flowpack import StorageBlock
        >>> @attrs.frozen
        ... class Shelf(StorageBlock):
        ...     folder: str
        ...
        ...     def write(self, data: bytes) -> str:
        ...         path = pathlib.Path(self.folder, hashlib.sha256(data).hexdigest())
        ...         path.write_bytes(data)
        ...         return str(path)
        ...
        ...     def read(self, token: str) -> bytes:
        ...         return pathlib.Path(token).read_bytes()
        >>> shelf = Shelf(".")
        >>> shelf.read(shelf.write(b"print(1)"))
        b'print(1)'
    """

    capabilities: ClassVar[Tuple[str, ...]] = ("writeable", "readable", "storage")
    only_this_machine: ClassVar[bool] = False

    @abstractmethod
    def write(self, data: bytes) -> str:
        """Keep *data* and return the token by which :meth:`read` finds them.

        Raises:
            StorageUnavailableError: The storage cannot be reached, or refuses.
        """

    @abstractmethod
    def read(self, token: str) -> bytes:
        """Return what :meth:`write` kept under *token*; it is not verified.

        Raises:
            ObjectMissingError: There is nothing. ``FileNotFoundError`` means the same; any other
                exception means that the storage cannot be asked.
        """

    def write_from(self, file: BinaryIO, sha256: str) -> str:
        """Keep what *file* holds and return its token.

        Args:
            file: Read to its end from where it stands; not closed.
            sha256: Digest of the bytes in lower-case hex.
        """
        return self.write(file.read())

    def replace_from(self, file: BinaryIO, sha256: str) -> str:
        """Keep what *file* holds, also where other bytes have its key, and return its token.

        Called after :meth:`write_from`, where what is kept was read and is damaged. Here it is
        written once more.
        """
        return self.write_from(file, sha256)

    def read_into(self, token: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """Copy what was kept under *token* to *file*.

        Raises:
            ObjectMissingError: There is nothing.
            StorageError: There are more than *limit* bytes.
        """
        data = self._kept(token)
        if limit is not None and len(data) > limit:
            reason = f"it is larger than {limit} bytes"
            raise StorageError(self.block_type_name, token, reason)
        file.write(data)

    def token_for(self, sha256: str) -> Optional[str]:
        """Return the token of bytes with that digest; None if it is known after a write only."""
        return None

    def holds(self, token: str, sha256: str, size: int) -> bool:
        """Return True if *token* leads to *size* bytes with that digest.

        Here they are read and hashed.

        Raises:
            StorageUnavailableError: The storage cannot be asked.
        """
        try:
            data = self._kept(token)
        except ObjectMissingError:
            return False
        return hashlib.sha256(data).hexdigest() == sha256

    def _kept(self, token: str) -> bytes:
        """Read *token*; a user's class may raise what files do where there is nothing."""
        try:
            return self.read(token)
        except FileNotFoundError as exc:
            reason = "the storage's class found no file"
            raise ObjectMissingError(self.block_type_name, token, reason) from exc

    def location(self, token: str) -> Optional[str]:
        """Return the path or URL where anyone can read it without credentials, or None."""
        return None

    def public_data(self) -> Dict[str, Any]:
        """Return the block's data as JSON, without secrets and credentials in URLs."""
        data, secret = self.to_document_data(), self.definition().secret_fields
        return dict(without_credentials(without_secrets(data, secret)))


@attrs.frozen
class OwnStorageBlock(StorageBlock):
    """Base of flowpack's own storages: content-addressed, in constant memory."""

    @abstractmethod
    def _store(self) -> Store:
        """Return what keeps new objects."""

    def _find(self, token: str) -> Tuple[Store, str]:
        """Return what keeps the object of *token*, and its key there."""
        return self._store(), token

    def _new_key(self, sha256: str) -> str:
        return sha256

    def _token(self, key: str) -> str:
        return key

    def write(self, data: bytes) -> str:
        """Keep *data* and return the token; what is there already is left alone."""
        if not isinstance(data, bytes):
            raise TypeError(f"a storage keeps bytes, not {type(data).__name__}")
        return self.write_from(io.BytesIO(data), hashlib.sha256(data).hexdigest())

    def read(self, token: str) -> bytes:
        """Return what was kept under *token*, which must lead into the storage; not verified."""
        file = io.BytesIO()
        self.read_into(token, file)
        return file.getvalue()

    def write_from(self, file: BinaryIO, sha256: str) -> str:
        """Keep what *file* holds, if it has that digest, and return its token."""
        return self._write(file, sha256, replace=False)

    def replace_from(self, file: BinaryIO, sha256: str) -> str:
        """Keep what *file* holds, also where other bytes have its key, and return its token."""
        return self._write(file, sha256, replace=True)

    def _write(self, file: BinaryIO, sha256: str, replace: bool) -> str:
        if not _DIGEST.match(sha256):
            raise ValueError("a SHA-256 is 64 digits of lower-case hex")
        key = self._new_key(sha256)
        self._store().write_from(file, key, sha256, replace)
        return self._token(key)

    def read_into(self, token: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """Copy what was kept under *token* to *file*; which must lead into the storage."""
        store, key = self._find(token)
        store.read_into(key, file, limit)

    def token_for(self, sha256: str) -> Optional[str]:
        """Return the token of bytes with that digest."""
        return self._token(sha256)

    def holds(self, token: str, sha256: str, size: int) -> bool:
        """Return True if *token* leads to those bytes; False if it leads elsewhere."""
        try:
            store, key = self._find(token)
            return store.holds(key, sha256, size)
        except StorageUnavailableError:
            raise
        except StorageError:
            return False

    def location(self, token: str) -> Optional[str]:
        """Return the path or URL where anyone can read it without credentials, or None."""
        store, key = self._find(token)
        return store.location(key)


@attrs.frozen
class _FolderStorageBlock(OwnStorageBlock):
    """Base of storages whose tokens are absolute paths of files."""

    only_this_machine: ClassVar[bool] = True

    @abstractmethod
    def _folders(self) -> Tuple[Folder, ...]:
        """Return where objects may be, first where new ones go."""

    def _store(self) -> Folder:
        return self._folders()[0]

    def _find(self, token: str) -> Tuple[Store, str]:
        folders = self._folders()
        folder = next((each for each in folders if each.has(token)), folders[0])
        return folder, folder.name_of(token)

    def _token(self, key: str) -> str:
        return self._store().location(key)


@attrs.frozen
class LocalStorageBlock(_FolderStorageBlock):
    """Keeps bytes as files in a folder of this machine.

    Attributes:
        storage_path: The folder; made where it is missing. None is ``storage``
            in flowpack's home.

    Example:
        >>> from flowpack import LocalStorageBlock
        >>> storage = LocalStorageBlock("store")
        >>> token = storage.write(b"print('hello')")
        >>> storage.read(token)
        b"print('hello')"
    """

    block_type_name = "Local Storage"

    storage_path: Optional[str] = attrs.field(default=None, converter=storage_path)

    def to_document_data(self) -> Dict[str, Any]:
        """Return the data, with the path where it was None: others read from there, too."""
        data = super().to_document_data()
        data["storage_path"] = self._store().path
        return data

    def _folders(self) -> Tuple[Folder, ...]:
        paths = [self.storage_path]
        if self.storage_path is None:
            from flowpack.settings import load_settings

            # Documents that others made without a folder mean Prefect's.
            settings = load_settings()
            homes = (settings.known_home(), settings.prefect_home)
            paths = [home and os.path.join(home, "storage") for home in homes]
        return tuple(Folder(path, self.block_type_name) for path in paths if path is not None)


@attrs.frozen
class TempStorageBlock(_FolderStorageBlock):
    """Keeps bytes as files in the system's temporary folder.

    They are gone when the system cleans up. The folder is ``prefect`` in the
    system's temporary folder, as ``TMPDIR`` says.

    Example:
        >>> from flowpack import TempStorageBlock
        >>> TempStorageBlock().only_this_machine
        True
    """

    block_type_name = "Temporary Local Storage"

    def _folders(self) -> Tuple[Folder, ...]:
        import tempfile  # Slow to load, and few use this storage.

        try:
            path = absolute_folder(os.path.join(tempfile.gettempdir(), "prefect"))
        except (OSError, BlockError) as exc:
            reason = f"{printable(exc)}. Set TMPDIR"
            raise StorageUnavailableError(self.block_type_name, "", reason) from exc
        return (Folder(path, self.block_type_name, private=True),)


def _as_options(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take a mapping with text as keys, and ``headers`` of text in it."""
    if not isinstance(value, Mapping):
        raise BlockArgumentError(f"options must be a mapping, not {type(value).__name__}")
    headers = value.get("headers", {})
    texts = [*value, *headers, *headers.values()] if isinstance(headers, Mapping) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise BlockError("options must have text as keys, and as 'headers' a mapping of text")
    return SecretMapping(value)


def _check_key_type(_: object, __: object, value: object) -> None:
    problem = one_of("hash", "uuid", "timestamp")(value)
    if problem:
        raise BlockArgumentError(f"key_type {problem}")


@attrs.frozen
class FileStorageBlock(OwnStorageBlock):
    """Keeps bytes as files in a folder, or behind an HTTP address.

    An address is written to with PUT, as WebDAV servers take it.

    Attributes:
        base_path: A folder, which is made where it is missing, or an address that
            begins with ``http://`` or ``https://``; with credentials in it, it is
            kept as an :class:`~flowpack.urls.Address`.
        key_type: ``hash`` names each file by its content, so that nothing is kept
            twice; ``uuid`` and ``timestamp`` make a new file each time.
        options: For an address, ``headers`` are sent with each request. Others are
            kept for those who read the block with fsspec.

    Example:
        >>> from flowpack import FileStorageBlock
        >>> storage = FileStorageBlock("store")
        >>> storage.read(storage.write(b"print('hello')"))
        b"print('hello')"
        >>> shared = FileStorageBlock(
        ...     "https://files.example/flows", options={"headers": {"X-Key": "s3cret"}}
        ... )
        >>> shared.base_path
        'https://files.example/flows/'
    """

    block_type_name = "File Storage"
    secret_fields: ClassVar[Tuple[str, ...]] = ("options",)

    base_path: URL = attrs.field(
        converter=base_path,
        metadata=dict(description="The folder or HTTP address to keep files in.", schema_type=str),
    )
    key_type: Literal["hash", "uuid", "timestamp"] = attrs.field(
        default="hash", validator=_check_key_type, metadata={"description": "How files are named."}
    )
    options: Mapping[str, Any] = attrs.field(
        factory=dict,
        converter=_as_options,
        hash=False,
        metadata={"description": "Passed to the file system, such as HTTP headers."},
    )

    def token_for(self, sha256: str) -> Optional[str]:
        """Return the key of bytes with that digest; None unless keys are digests."""
        return sha256 if self.key_type == "hash" else None

    def _store(self) -> Store:
        base = self.base_path
        if isinstance(base, str) and not is_web(base):
            return Folder(base.rstrip(os.sep) or os.sep, self.block_type_name)
        from flowpack.blocks.web import WebFolder

        headers = self.options.get("headers", {})
        return WebFolder(base, self.block_type_name, headers)

    def _new_key(self, sha256: str) -> str:
        if self.key_type == "uuid":
            return uuid4().hex
        if self.key_type == "timestamp":
            now = datetime.now().astimezone().isoformat(timespec="microseconds")
            return now.replace(":", "_") if os.name == "nt" else now
        return sha256


@attrs.frozen
class KVServerStorageBlock(OwnStorageBlock):
    """Keeps text on a key-value server that speaks JSON over HTTP.

    Attributes:
        api_address: What stands before ``/KEY``; with credentials in it, it is kept
            as an :class:`~flowpack.urls.Address`.

    Example:
        >>> from flowpack import KVServerStorageBlock
        >>> KVServerStorageBlock("http://kv.example:8080").api_address
        'http://kv.example:8080'
    """

    block_type_name = "KV Server Storage"

    api_address: URL = attrs.field(converter=api_address, metadata={"schema_type": str})

    def _store(self) -> Store:
        from flowpack.blocks.web import KeyValueServer

        address = as_address(f"{url_of(self.api_address)}/")
        return KeyValueServer(address, self.block_type_name)
