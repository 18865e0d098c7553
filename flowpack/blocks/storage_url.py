"""WHERE: a storage in one word, as the command line takes it."""

from __future__ import annotations

import os
import re
from typing import Callable, Mapping, Optional, Union
from uuid import UUID

from flowpack._files import path_of_file_url
from flowpack._tracebacks import hides_locals
from flowpack.blocks.address import absolute_folder
from flowpack.blocks.storage import (
    DEFAULT_STORAGE,
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
    StorageBlock,
    TempStorageBlock,
)
from flowpack.client import Client
from flowpack.connect import using
from flowpack.exceptions import SpecError, printable, quoted
from flowpack.urls import mask_url, parse_url

#: Where the connection string of ``azure://`` is taken from: it is a secret, which does not
#: belong on a command line.
AZURE_VARIABLE = "AZURE_STORAGE_CONNECTION_STRING"

ALLOWED = (
    "a folder, file:FOLDER, http(s)://HOST/PATH, kv+http(s)://HOST:PORT, temp:, s3://BUCKET,"
    " gs://BUCKET, azure://CONTAINER, block:ID, block:TYPE-NAME/NAME or default:"
)

# One letter before a colon without two slashes is a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z](?:[A-Za-z0-9+.-]+|(?=://))):")


@hides_locals
def parse_storage_url(
    text: str, client: Optional[Client] = None, *, environ: Mapping[str, str] = os.environ
) -> Union[StorageBlock, UUID, str]:
    """Return the storage that *text* means, as a ``flow_storage`` takes it.

    That is a block, the id of a registered one, or ``default:`` for the server's. A folder is
    Local Storage and a ``file:`` URL is File Storage, both made absolute.
    ``block:TYPE-NAME/NAME`` is looked up on the server.

    Args:
        text: One of :data:`ALLOWED`.
        client: None connects to what the settings say, where that is needed.
        environ: Where credentials are taken from that are no part of *text*.

    Raises:
        SpecError: *text* means no storage; says what is allowed.
        BlockError: The folder cannot be one.
        ObjectNotFound: The server has no such block.
    """
    if not text.strip() or "\0" in text:
        raise _error(text, "is no storage")
    if text == DEFAULT_STORAGE:
        return text
    found = _SCHEME.match(text)
    if found is None:
        return LocalStorageBlock(text)
    scheme, rest = found.group(1).lower(), text[found.end() :]
    if scheme == "block":
        return _registered(text, rest, client)
    if scheme == "azure":
        return _azure(text, rest, environ)
    make = _KINDS.get(scheme)
    if make is None:
        raise _error(
            text,
            f"is of a kind that is not known, {printable(scheme)}; a folder of that name is"
            f" ./{printable(mask_url(text))}",
        )
    return make(text, rest)


def _error(text: str, problem: str) -> SpecError:
    shown = quoted(mask_url(text))
    return SpecError("storage", [f"{shown} {problem}. A storage is {ALLOWED}"])


def _temporary(text: str, rest: str) -> StorageBlock:
    if rest:
        raise _error(text, "has something after temp:, which takes nothing")
    return TempStorageBlock()


def _file(text: str, rest: str) -> StorageBlock:
    try:
        path = path_of_file_url(text)
        if "\0" in path:
            raise ValueError("holds a NUL character")
    except ValueError as exc:
        raise _error(text, str(exc)) from exc
    return FileStorageBlock(absolute_folder(path))


def _http(text: str, rest: str) -> StorageBlock:
    return FileStorageBlock(_url(text, text))


def _kv(text: str, rest: str) -> StorageBlock:
    return KVServerStorageBlock(_url(text, text[len("kv+") :]).rstrip("/"))


def _url(text: str, url: str) -> str:
    """Return *url* if objects can lie below it and it holds no credentials."""
    try:
        address = parse_url(url)
    except ValueError as exc:
        raise _error(text, str(exc)) from exc
    if address.credentials is not None:
        raise _error(
            text,
            "holds credentials, which others can read in the list of processes and the shell's"
            " history. Save a File Storage with them in its options ({'headers':"
            " {'Authorization': ...}}) from Python, under a name, and give block:File"
            " Storage/NAME",
        )
    if address.query or "?" in url:
        raise _error(text, "has a query, and the keys of objects come at its end")
    return url


def _bucket(text: str, rest: str) -> str:
    """Return the name after ``//``, which is all there may be."""
    name = rest[2:].rstrip("/") if rest.startswith("//") else ""
    if not name or "/" in name or "@" in name or "?" in name:
        problem = "must name a bucket or container and nothing else; objects lie at its top"
        raise _error(text, problem)
    return name


def _s3(text: str, rest: str) -> StorageBlock:
    from flowpack.blocks.cloud import S3StorageBlock

    return S3StorageBlock(_bucket(text, rest))


def _gcs(text: str, rest: str) -> StorageBlock:
    from flowpack.blocks.cloud import GoogleCloudStorageBlock

    return GoogleCloudStorageBlock(_bucket(text, rest))


def _azure(text: str, rest: str, environ: Mapping[str, str]) -> StorageBlock:
    container = _bucket(text, rest)
    connection = environ.get(AZURE_VARIABLE)
    if not connection:
        raise _error(text, f"needs a connection string in the environment as {AZURE_VARIABLE}")
    from flowpack.blocks.cloud import AzureBlobStorageBlock

    return AzureBlobStorageBlock(container, connection)


def _registered(text: str, rest: str, client: Optional[Client]) -> UUID:
    type_name, slash, name = rest.partition("/")
    if slash:
        if not (type_name and name) or "/" in name:
            raise _error(text, "is no block; its names stand around one slash")
        with using(client) as api:
            return api.read_block_document_by_name(name, type_name).id
    try:
        return UUID(rest)
    except ValueError as exc:
        raise _error(text, "is no id; with names it is block:TYPE-NAME/NAME") from exc


_KINDS: Mapping[str, Callable[[str, str], StorageBlock]] = {
    "temp": _temporary,
    "file": _file,
    "http": _http,
    "https": _http,
    "kv+http": _kv,
    "kv+https": _kv,
    "s3": _s3,
    "gs": _gcs,
}
