"""Objects on HTTP servers: files behind a base address, and texts of a KV server."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, BinaryIO, Iterator, Mapping, Optional, cast

import attrs

from flowpack.blocks.stores import ChangedError, Checked, Hashing, TooLongError
from flowpack.blocks.stores import changed_while_read, check_key, key_taken
from flowpack.exceptions import APIConnectionError, ObjectMissingError, StorageError
from flowpack.exceptions import StorageUnavailableError, printable, quoted
from flowpack.transport import Response
from flowpack.urls import URL, as_address, mask_url, parse_url, url_of

if TYPE_CHECKING:
    from flowpack._http import ObjectClient

#: Longest text that is taken from a KV server, as JSON, in bytes.
LONGEST_TEXT = 200 * 1024 * 1024

#: A longer response of a KV server lies on the disk while it is read, and is read as JSON only
#: if it begins as a text does, in bytes.
_BRIEF = 1024 * 1024

_MISSING = (404, 410)

#: What servers answer to a PUT into a folder that is not there; nginx says 500.
_NO_FOLDER = (404, 409, 500)

_NEXT_STEPS: Mapping[int, str] = {
    401: "it wants credentials; give them as options={'headers': {...}}",
    403: "it refuses this address or these credentials",
    404: "is the address right, and does the server let files be stored there?",
    405: "does it let files be stored there (nginx: dav_methods PUT MKCOL)?",
    409: "a folder above is missing there and could not be made",
    411: "it wants no bodies like these; is there a proxy between?",
    413: "the object is larger than it takes (nginx: client_max_body_size)",
    507: "its disk is full",
}

_NOT_KEPT = (
    "afterwards the object is not there, or is not what was sent. See the server's log and its"
    " disk; if it keeps an old object, delete that. Then deploy again"
)


@attrs.frozen
class _Server(ABC):
    """What both kinds of server share; see :class:`~flowpack.blocks.stores.Store`.

    The *address* stands before a key and may hold credentials; *kind* is for messages.
    """

    address: URL
    kind: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def label(self) -> str:
        """The storage as messages name it."""
        return f"{self.kind} {mask_url(self.address)}"

    def holds(self, key: str, sha256: str, size: int) -> bool:
        """Return True if the object is there."""
        with self._client(key) as client:
            return bool(self._find(client, key, sha256, size))

    @abstractmethod
    def _find(self, client: ObjectClient, key: str, sha256: str, size: int) -> Optional[bool]:
        """Return True if the object there is the right one; None if there is none."""

    @contextlib.contextmanager
    def _client(self, key: str) -> Iterator[ObjectClient]:
        """Give a client for some requests about *key*; translate its errors."""
        from flowpack.connect import object_client

        check_key(key, self.label)
        try:
            with object_client(headers=self.headers) as client:
                yield client
        except APIConnectionError as exc:
            raise StorageUnavailableError(self.label, key, str(exc)) from exc

    def _url(self, key: str) -> URL:
        return as_address(url_of(self.address) + key)

    def _failed(
        self, key: str, method: str, response: Response, step: str = "", url: URL = ""
    ) -> StorageError:
        """Return the error of a response that is no success, with the next step."""
        status, usual = response.status, "is it the right server?"
        if 300 <= status < 400:
            target = mask_url(response.headers.get("location", "nowhere"))
            step = f"redirects are not followed; if {quoted(target)} is right, use that address"
            if target.endswith(f"/{key}/"):
                step = "a folder is in its place; delete it there, and deploy again"
        elif status >= 500:
            usual = "the server failed; try again later, or see its log"
        step = step or _NEXT_STEPS.get(status, usual)
        reason = f"{method} {mask_url(url or self._url(key))} answered {status}: {step}"
        return StorageUnavailableError(self.label, key, reason)

    def _missing(self, key: str) -> ObjectMissingError:
        reason = "the server has no such object. It was deleted, or is on another server"
        return ObjectMissingError(self.label, key, reason)


@attrs.frozen
class WebFolder(_Server):
    """Files behind a base address that takes GET, HEAD and PUT (RFC 9110).

    Missing folders of it are made, where the server knows WebDAV (RFC 4918).
    """

    def write_from(self, file: BinaryIO, key: str, sha256: str, replace: bool = False) -> None:
        """Keep what *file* holds."""
        start = file.tell()
        size = file.seek(0, io.SEEK_END) - start
        with self._client(key) as client:
            is_damaged = replace and key == sha256
            is_right = False if is_damaged else self._find(client, key, sha256, size)
            if is_right:
                return
            if is_right is False and key != sha256:
                raise key_taken(self.label, key)
            file.seek(start)
            try:
                response = self._put(client, key, file, sha256, size, replace=is_right is False)
            except ChangedError as exc:
                raise changed_while_read(self.label, key, sha256, exc.found) from exc
            except OSError as exc:
                reason = f"the bytes to store cannot be read: {printable(exc)}"
                raise StorageError(self.label, key, reason) from exc
            is_right = self._find(client, key, sha256, size)
            # These are our own bytes where the response to a first PUT was lost.
            if is_right is False and response.status == 412 and key != sha256:
                raise key_taken(self.label, key)
            if not is_right:
                raise self._failed(key, "PUT", response, _NOT_KEPT)

    def _put(
        self, client: ObjectClient, key: str, file: BinaryIO, sha256: str, size: int, replace: bool
    ) -> Response:
        """Send the object; a response 412 says that something has the key already."""
        url, headers = self._url(key), {} if replace else {"if-none-match": "*"}
        body, start = cast(BinaryIO, Checked(file, sha256, size)), file.tell()
        response = client.put(url, body, size, headers)
        if response.status in _NO_FOLDER and self._make_folder(client, key, self.address):
            body.seek(start)
            response = client.put(url, body, size, headers)
        if not (_is_success(response) or response.status == 412):
            raise self._failed(key, "PUT", response)
        return response

    def _make_folder(self, client: ObjectClient, key: str, url: URL) -> bool:
        """Make the folder *url* and those above; return False if the server knows no folders."""
        if url_of(url).count("/") == 3:  # The root of the server.
            return False
        response = client.mkcol(url)
        if response.status in (404, 409):
            above = as_address(url_of(url).rstrip("/").rpartition("/")[0] + "/")
            if not self._make_folder(client, key, above):
                return False
            response = client.mkcol(url)
        if response.status == 501:
            return False
        if not (_is_success(response) or response.status == 405):  # It is there.
            raise self._failed(key, "MKCOL", response, url=url)
        return True

    def read_into(self, key: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """Copy the object to *file*, which must be able to seek."""
        with self._client(key) as client:
            response = client.get(self._url(key), into=file, limit=limit)
        if response.status in _MISSING:
            raise self._missing(key)
        if response.status != 200:
            raise self._failed(key, "GET", response)

    def _find(self, client: ObjectClient, key: str, sha256: str, size: int) -> Optional[bool]:
        """Return True if the object there is the right one; None if there is none.

        The length decides where the digest is the key. Under any other key, or where the server
        names another length or none, what is there is read.
        """
        url = self._url(key)
        if key == sha256:
            response = client.head(url)
            if response.status in _MISSING:
                return None
            if not _is_success(response):
                raise self._failed(key, "HEAD", response)
            if response.headers.get("content-length", "") == str(size):
                return True
        file = Hashing(limit=size)
        try:
            response = client.get(url, into=cast(BinaryIO, file))
        except TooLongError:
            return False
        if response.status in _MISSING:
            return None
        if response.status != 200:
            raise self._failed(key, "GET", response)
        return (file.tell(), file.hexdigest()) == (size, sha256)

    def location(self, key: str) -> Optional[str]:
        """Return the URL; None where headers or credentials are needed for it."""
        check_key(key, self.label)
        address = parse_url(self._url(key))
        return None if self.headers or address.credentials else address.shown


@attrs.frozen
class KeyValueServer(_Server):
    """Texts behind ``ADDRESS/KEY``, as in Prefect 2.0b7: POST and GET of a JSON string."""

    def write_from(self, file: BinaryIO, key: str, sha256: str, replace: bool = False) -> None:
        """Keep what *file* holds: text that is not empty."""
        data = file.read()
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise changed_while_read(self.label, key, sha256, found)
        body = json.dumps(self._text(data, key)).encode()
        with self._client(key) as client:
            response = client.post(self._url(key), body)
            if not _is_success(response):
                raise self._failed(key, "POST", response)
            # There are servers that say yes and keep nothing.
            if not self._find(client, key, sha256, len(data)):
                raise self._failed(key, "POST", response, _NOT_KEPT)

    def _text(self, data: bytes, key: str) -> str:
        if not data:
            raise StorageError(self.label, key, "a KV server cannot keep empty data")
        try:
            return data.decode()
        except UnicodeDecodeError as exc:
            problem = f"byte {exc.start} of these {len(data)} is not UTF-8"
            reason = f"a KV server keeps text only, and {problem}. Use another storage"
        raise StorageError(self.label, key, reason)

    def read_into(self, key: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """Copy the text to *file*."""
        with self._client(key) as client:
            data = self._get(client, key, limit)
        if data is None:
            raise self._missing(key)
        if limit is not None and len(data) > limit:
            raise StorageError(self.label, key, f"it is larger than {limit} bytes")
        file.write(data)

    def _find(self, client: ObjectClient, key: str, sha256: str, size: int) -> bool:
        """Return True if the text is there; it is read and hashed."""
        data = self._get(client, key, max(size, _BRIEF))
        return data is not None and hashlib.sha256(data).hexdigest() == sha256

    def location(self, key: str) -> None:
        """Return None: what is there is JSON, not the object."""

    def _get(self, client: ObjectClient, key: str, limit: Optional[int]) -> Optional[bytes]:
        """Return the text, of at most about *limit* bytes; None where the server has none."""
        import tempfile  # Imported here because it is slow to load, and few use such a server.

        url = self._url(key)
        # JSON may take six characters for one.
        most = LONGEST_TEXT if limit is None else min(6 * limit + 1024, LONGEST_TEXT)
        with tempfile.SpooledTemporaryFile(_BRIEF) as file:
            try:
                response = client.get(url, into=cast(BinaryIO, file), limit=most)
            except OSError as exc:
                reason = f"the response cannot be kept while it is read: {printable(exc)}"
                raise StorageUnavailableError(self.label, key, reason) from exc
            if response.status in _MISSING or response.status == 204:
                return None
            if response.status != 200:
                raise self._failed(key, "GET", response)
            length = file.tell()
            file.seek(0)
            body = file.read(_BRIEF)
            value: Any = ...
            with contextlib.suppress(ValueError, RecursionError):
                if length <= _BRIEF or body.lstrip()[:1] == b'"':
                    body += file.read()
                    value = json.loads(body) if body else None
                if isinstance(value, str):
                    return value.encode()
        if value is None:
            return None
        reason = f"GET {mask_url(url)} answered with what is no JSON text; is it a KV server?"
        raise StorageUnavailableError(self.label, key, reason)


def _is_success(response: Response) -> bool:
    return 200 <= response.status < 300
