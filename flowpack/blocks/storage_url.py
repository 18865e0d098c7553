"""WHERE: a storage in one word, as specs, their files and the command line take it."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Mapping, Optional, Union
from uuid import UUID

from flowpack._files import path_of_file_url
from flowpack._tracebacks import hides_locals
from flowpack.blocks.address import absolute_folder
from flowpack.blocks.storage import DEFAULT_STORAGE, FileStorageBlock, KVServerStorageBlock
from flowpack.blocks.storage import LocalStorageBlock, StorageBlock, TempStorageBlock
from flowpack.client import Client
from flowpack.exceptions import SpecError, printable, quoted
from flowpack.models import BlockDocument
from flowpack.urls import mask_url, parse_url

#: Where the connection string of ``azure://`` is taken from: it is a secret, which does not
#: belong on a command line.
AZURE_VARIABLE = "AZURE_STORAGE_CONNECTION_STRING"

ALLOWED = (
    "a folder, file:FOLDER, http(s)://HOST/PATH, kv+http(s)://HOST:PORT, temp:, s3://BUCKET,"
    " gs://BUCKET, azure://CONTAINER, an id, block:ID, block:TYPE-NAME/NAME or default:"
)

# One letter before a colon without two slashes is a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z](?:[A-Za-z0-9+.-]+|(?=://))):")


@hides_locals
def parse_storage_url(
    text: str, *, folder: Optional[str] = None, environ: Mapping[str, str] = os.environ
) -> Union[StorageBlock, UUID, str]:
    """Return the storage that *text* means; nothing is sent.

    That is a block, the id of a registered one, or ``default:`` for the server's. A folder is
    Local Storage and a ``file:`` URL is File Storage, both made absolute.
    ``block:TYPE-NAME/NAME`` stays as it is, for :func:`read_named_block`.

    Relative paths start from *folder*; *environ* has the credentials that are no part of *text*.

    Raises:
        SpecError: *text* means no storage; says what is allowed.
        BlockError: The folder cannot be one.
    """
    if not text.strip() or "\0" in text:
        raise _error(text, "is no storage")
    if text == DEFAULT_STORAGE:
        return text
    with suppress(ValueError):
        return UUID(text)
    found = _SCHEME.match(text)
    if found is None:
        return LocalStorageBlock(absolute_folder(text, folder))
    scheme, rest = found.group(1).lower(), text[found.end() :]
    if scheme == "block":
        return _registered(text, rest)
    if scheme in ("s3", "gs", "azure"):
        return _cloud_storage(text, scheme, rest, environ)
    if scheme in ("http", "https"):
        return FileStorageBlock(_checked_url(text, text))
    if scheme in ("kv+http", "kv+https"):
        return KVServerStorageBlock(_checked_url(text, text[len("kv+") :]).rstrip("/"))
    if scheme == "file":
        return FileStorageBlock(_folder_of_url(text, folder))
    if scheme == "temp" and not rest:
        return TempStorageBlock()
    raise _error(text, f"is no storage; a folder of that name is ./{printable(mask_url(text))}")


def _error(text: str, problem: str) -> SpecError:
    shown = quoted(mask_url(text))
    return SpecError("storage", [f"{shown} {problem}. A storage is {ALLOWED}"])


def _folder_of_url(text: str, folder: Optional[str]) -> str:
    try:
        path = path_of_file_url(text)
        if "\0" in path:
            raise ValueError("holds a NUL character")
    except ValueError as exc:
        raise _error(text, str(exc)) from exc
    return absolute_folder(path, folder)


def _checked_url(text: str, url: str) -> str:
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
            " {'Authorization': ...}}) from Python, under a name, and give block:File Storage/NAME",
        )
    if "?" in url:
        raise _error(text, "has a query, and the keys of objects come at its end")
    return url


def _cloud_storage(text: str, scheme: str, rest: str, environ: Mapping[str, str]) -> StorageBlock:
    # Imported here because it is slow to load.
    from flowpack.blocks import cloud

    bucket = rest[2:].rstrip("/") if rest.startswith("//") else ""
    if not bucket or set("/@?") & set(bucket):
        problem = "must name a bucket or container and nothing else; objects lie at its top"
        raise _error(text, problem)
    if scheme == "s3":
        return cloud.S3StorageBlock(bucket)
    if scheme == "gs":
        return cloud.GoogleCloudStorageBlock(bucket)
    connection = environ.get(AZURE_VARIABLE)
    if not connection:
        raise _error(text, f"needs a connection string in the environment as {AZURE_VARIABLE}")
    return cloud.AzureBlobStorageBlock(bucket, connection)


def _registered(text: str, rest: str) -> Union[UUID, str]:
    type_name, slash, name = rest.partition("/")
    if slash:
        if not (type_name and name) or "/" in name:
            raise _error(text, "is no block; its names stand around one slash")
        return f"block:{rest}"
    try:
        return UUID(rest)
    except ValueError as exc:
        raise _error(text, "is no id; with names it is block:TYPE-NAME/NAME") from exc


def read_named_block(text: str, client: Client) -> BlockDocument:
    """Return the block that ``block:TYPE-NAME/NAME`` names; ObjectNotFound where there is none."""
    type_name, _, name = text.partition(":")[2].partition("/")
    return client.read_block_document_by_name(name, type_name)
