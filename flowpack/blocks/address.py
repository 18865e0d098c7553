"""Where storages are: folders made absolute, URLs checked."""

from __future__ import annotations

import os
import re

from flowpack._files import absolute_path
from flowpack.exceptions import (
    BlockArgumentError,
    BlockError,
    printable,
    quoted,
)
from flowpack.jsonvalues import json_problem
from flowpack.urls import (
    URL,
    ParsedURL,
    as_address,
    mask_text,
    parse_url,
    url_of,
)

# One letter is a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)(?:::.*)?://")

_OTHER_BLOCKS = {
    "s3": "S3StorageBlock",
    "s3a": "S3StorageBlock",
    "gs": "GoogleCloudStorageBlock",
    "gcs": "GoogleCloudStorageBlock",
    "az": "AzureBlobStorageBlock",
    "abfs": "AzureBlobStorageBlock",
    "azure": "AzureBlobStorageBlock",
}


def as_text(value: object, what: str) -> str:
    """Return a path or text as text.

    Raises:
        BlockArgumentError: It is neither, or empty and so nowhere.
    """
    text = os.fspath(value) if isinstance(value, os.PathLike) else url_of(value)
    if not isinstance(text, str):
        kind = type(value).__name__
        raise BlockArgumentError(f"{what} must be text or a path, not {kind}")
    if not text.strip():
        raise BlockArgumentError(f"{what} is empty")
    return text[:] if type(text) is not str else text


def is_web(address: str) -> bool:
    """Return whether *address* is spoken to by HTTP."""
    return address[:8].lower().startswith(("http://", "https://"))


def absolute_folder(path: str) -> str:
    """Return *path* as an absolute one, links not resolved.

    Raises:
        BlockError: It cannot be made so, or is not UTF-8, as servers want it.
    """
    try:
        whole = absolute_path(path)
        if json_problem(whole):
            raise ValueError("its path is not UTF-8, and servers take no other")
    except ValueError as exc:
        raise BlockError(
            f"the folder {quoted(path)} cannot be used: {exc}; write the absolute path"
            " of another"
        ) from None
    return whole


def storage_path(value: object) -> str:
    """Return the folder of Local Storage, absolute.

    Raises:
        BlockError: It is none that can be used.
    """
    text = as_text(value, "storage_path")
    if _SCHEME.match(text):
        raise BlockError(
            "storage_path is a URL, and Local Storage takes a folder; use"
            " FileStorageBlock for http://, https:// and file://"
        )
    return absolute_folder(text)


def base_path(value: object) -> URL:
    """Return the base path of File Storage as it is registered.

    A folder, also as ``file:`` URL, is made absolute. A separator is appended.

    Raises:
        BlockError: It is nowhere that File Storage can be.
    """
    text = as_text(value, "base_path")
    if is_web(text):
        return as_address(_web_base(text))
    if text[:5].lower() == "file:":
        text = _path_in(text)
    elif _SCHEME.match(text):
        raise _unsupported(text)
    folder = absolute_folder(text)
    return folder if folder.endswith(os.sep) else folder + os.sep


def _web_base(text: str) -> str:
    address = web_address(text, "base_path")
    if address.query:
        raise BlockError(
            f"base_path {quoted(address.shown)} has a query, after which no key can"
            " stand; give tokens as options={'headers': {...}}"
        )
    return text if text.endswith("/") else text + "/"


def api_address(value: object) -> URL:
    """Return the address of a KV server, as it is.

    Raises:
        BlockError: It is no address.
    """
    text = as_text(value, "api_address")
    if web_address(text, "api_address").query:
        raise BlockError("api_address has a query, after which no key can stand")
    return as_address(text)


def web_address(text: str, what: str) -> ParsedURL:
    """Return the URL *text*, taken apart.

    Raises:
        BlockError: It cannot be sent, or leads where no storage should be.
    """
    try:
        address = parse_url(text)
    except ValueError as exc:
        raise BlockError(f"{what} {printable(exc)}") from None
    if _is_link_local(address.host):
        raise BlockError(
            f"{what} {quoted(address.shown)} is a link-local address, where clouds keep"
            " the credentials of machines, not storages"
        )
    return address


def _is_link_local(host: str) -> bool:
    """Return whether *host* is such an address, in any of its spellings."""
    if not host[:1].isdigit() and ":" not in host:
        return False
    import ipaddress
    import socket

    try:
        if ":" not in host:  # Resolvers take 2852039166 and 0xa9fe0001 too.
            host = socket.inet_ntoa(socket.inet_aton(host))
        address = ipaddress.ip_address(host)
    except (OSError, ValueError):
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_link_local


def _path_in(url: str) -> str:
    """Return the path in a ``file:`` URL."""
    from urllib.parse import unquote

    rest = url[5:]
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            raise BlockError(
                f"base_path {quoted(mask_text(url))} names the machine"
                f" {quoted(host.rpartition('@')[2])}; write file:///folder for one of"
                " this machine"
            )
        rest = slash + path
    if not rest:
        raise BlockError(f"base_path {quoted(url)} names no folder")
    return unquote(rest)


def _unsupported(text: str) -> BlockError:
    found = _SCHEME.match(text)
    scheme = found.group(1).lower() if found else ""
    other = _OTHER_BLOCKS.get(scheme)
    hint = f". For {scheme}:// use {other}" if other else ""
    return BlockError(
        f"base_path begins with {quoted(scheme)}://, which File Storage does not speak"
        f" here. It takes a folder, file:///folder, http:// and https://{hint}"
    )
