"""Where storages are: folders made absolute, URLs held against what can be a storage."""

from __future__ import annotations

import os
import re
from typing import Optional, Union

from flowpack._files import absolute_path, path_of_file_url
from flowpack.exceptions import BlockArgumentError, BlockError, printable, quoted
from flowpack.jsonvalues import json_problem
from flowpack.urls import URL, as_address, mask_text, parse_url, url_of

# One letter is a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)(?:::.*)?://")

_OTHER_BLOCKS = {
    "s3": "S3StorageBlock",
    "gs": "GoogleCloudStorageBlock",
    "az": "AzureBlobStorageBlock",
    "abfs": "AzureBlobStorageBlock",
}


def is_web(address: str) -> bool:
    """Return True if *address* is spoken to by HTTP."""
    return address[:8].lower().startswith(("http://", "https://"))


def absolute_folder(path: str, cwd: Optional[str] = None) -> str:
    """Return *path*, below *cwd* if relative, as an absolute one in UTF-8; else a BlockError."""
    try:
        whole = absolute_path(path, cwd=cwd)
        if json_problem(whole):
            raise ValueError("its path is not UTF-8, and servers take no other")
    except ValueError as exc:
        problem = f"the folder {quoted(path)} cannot be used: {exc}"
        raise BlockError(f"{problem}; write the absolute path of another") from None
    return whole


def storage_path(value: Union[str, os.PathLike[str], None]) -> Optional[str]:
    """Return the folder of Local Storage, absolute; None stays None."""
    if value is None:
        return None
    text = _text(value, "storage_path")
    if _SCHEME.match(text):
        problem = "storage_path is a URL, and Local Storage takes a folder"
        raise BlockError(f"{problem}; use FileStorageBlock for http://, https:// and file://")
    return absolute_folder(text)


def base_path(value: Union[URL, os.PathLike[str]]) -> URL:
    """Return the base path of File Storage, a folder absolute, ending in a separator."""
    text = _text(value, "base_path")
    if is_web(text):
        return _web_address(text if text.endswith("/") else text + "/", "base_path")
    if text[:5].lower() == "file:":
        try:
            text = path_of_file_url(text)
        except ValueError as exc:
            raise BlockError(f"base_path {quoted(mask_text(text))} {exc}") from None
    found = _SCHEME.match(text)
    if found:
        scheme = found[1].lower()
        other = _OTHER_BLOCKS.get(scheme)
        hint = f". For {scheme}:// use {other}" if other else ""
        raise BlockError(
            f"base_path begins with {quoted(scheme)}://, which File Storage does not speak"
            f" here. It takes a folder, file:///folder, http:// and https://{hint}"
        )
    return os.path.join(absolute_folder(text), "")


def api_address(value: URL) -> URL:
    """Return the address of a KV server, as it is."""
    return _web_address(_text(value, "api_address"), "api_address")


def _text(value: object, what: str) -> str:
    """Return a path, an address or text as text that is not empty."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else url_of(value)
    if not isinstance(text, str):
        raise BlockArgumentError(f"{what} must be text or a path, not {type(value).__name__}")
    if not text.strip():
        raise BlockArgumentError(f"{what} is empty")
    return text[:]


def _web_address(text: str, what: str) -> URL:
    """Return the URL *text*, if keys can be put behind it."""
    try:
        address = parse_url(text)
    except ValueError as exc:
        raise BlockError(f"{what} {printable(exc)}") from None
    shown = quoted(address.shown)
    if address.query:
        advice = "give tokens as options={'headers': {...}} of a File Storage"
        raise BlockError(f"{what} {shown} has a query, after which no key can stand; {advice}")
    if _is_link_local(address.host):
        problem = f"{what} {shown} is a link-local address"
        raise BlockError(f"{problem}, where clouds keep the credentials of machines, not storages")
    return as_address(text)


def _is_link_local(host: str) -> bool:
    """Return True if *host* is a link-local address, in any of its spellings."""
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
