"""The pull step that a Prefect worker runs: fetch the script, check it, write it.

Beyond the standard library it imports only what the storage needs: requests and attrs over HTTP,
boto3 for S3.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any, Callable, Dict, Mapping

from flowpack._tracebacks import hides_locals
from flowpack.exceptions import (
    APIConnectionError,
    FlowpackError,
    ObjectMissingError,
    SettingsError,
    StorageIntegrityError,
    StorageUnavailableError,
    printable,
)

#: Longest that a fetch may take, in seconds; one more for each MiB.
DEADLINE = 60.0


@hides_locals
def pull(
    *,
    storage: Mapping[str, Any],
    sha256: str,
    size: int,
    filename: str,
    flow_data: Mapping[str, Any],
) -> Dict[str, str]:
    """Fetch a deployment's script, check it and write it into the working folder.

    Args:
        storage: Data of the storage block, secrets included.
        sha256: Digest that the bytes must have, in lower-case hex.
        size: Their length, in bytes.
        filename: Name to write them under.
        flow_data: ``storage_type`` and ``token``.

    Returns:
        A mapping; its ``directory`` is the absolute folder that the script is in.

    Raises:
        StorageError: The bytes cannot be had, or are not those that were deployed.
    """
    try:
        kind, token = str(flow_data["storage_type"]), str(flow_data["token"])
    except (KeyError, TypeError) as exc:
        reason = "flow_data names no storage_type and token; deploy again"
        raise StorageUnavailableError("pull step", filename, reason) from exc
    _log("info", f"pulling {filename} ({size} bytes) from {kind}, key {token}")
    try:
        content = _fetch(kind, token, storage, size)
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise StorageIntegrityError(kind, token, sha256, found)
        folder = _write(content, filename)
    except FlowpackError as exc:
        _log("error", f"{exc}. Nothing of the script was run")
        raise
    _log("info", f"{filename} is as it was deployed (SHA-256 {sha256[:12]})")
    return {"directory": folder}


def _log(level: str, message: str) -> None:
    """Write to the flow run's own log, where people look first."""
    import logging

    run = os.environ.get("PREFECT__FLOW_RUN_ID")
    logger = logging.getLogger("prefect.flow_runs" if run else __name__)
    # The worker's console wants a name, the server an id.
    facts = {"flow_run_id": run, "flow_run_name": run, "flow_name": "flowpack"}
    getattr(logger, level)("flowpack: %s", printable(message, 2000), extra=facts)


def _write(content: bytes, filename: str) -> str:
    """Write the script into the working folder, and return that."""
    folder = os.getcwd()
    if filename != os.path.basename(filename) or filename in ("", ".", ".."):
        raise StorageUnavailableError("pull step", filename, "is no plain file name")
    try:
        with open(os.path.join(folder, filename), "wb") as file:
            file.write(content)
    except OSError as exc:
        reason = f"the script cannot be written: {exc.strerror}"
        raise StorageUnavailableError(folder, filename, reason) from exc
    return folder


def _fetch(kind: str, token: str, storage: Mapping[str, Any], size: int) -> bytes:
    """Return the object, or its first bytes if it is longer than *size*."""
    fetch = _FETCHERS.get(kind)
    if fetch is None:
        reason = f"this flowpack can pull from {', '.join(_FETCHERS)} only"
        raise StorageUnavailableError(kind, token, reason)
    try:
        return fetch(token, storage, size)
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        lacks = f" {exc}" if isinstance(exc, KeyError) else ""
        reason = f"the storage block's data cannot be used: {type(exc).__name__}{lacks}"
        raise StorageUnavailableError(kind, token, reason) from None


def _from_folder(token: str, storage: Mapping[str, Any], size: int) -> bytes:
    try:
        with open(token, "rb") as file:
            return file.read(size + 1)
    except FileNotFoundError as exc:
        reason = "there is no such file on the worker's machine"
        raise ObjectMissingError("Local Storage", token, reason) from exc
    except (OSError, ValueError) as exc:
        raise StorageUnavailableError("Local Storage", token, printable(exc)) from exc


def _from_files(token: str, storage: Mapping[str, Any], size: int) -> bytes:
    base = str(storage["base_path"])
    if not base.lower().startswith(("http://", "https://")):
        return _from_folder(os.path.join(base, token), storage, size)
    headers = (storage.get("options") or {}).get("headers") or {}
    return _get("File Storage", base + token, headers, size)


def _from_key_value_server(token: str, storage: Mapping[str, Any], size: int) -> bytes:
    import json

    where = "KV Server Storage"
    # JSON escapes make the text longer than the bytes: at most six for each.
    text = _get(where, f"{storage['api_address']}/{token}", {}, 6 * size + 2)
    try:
        value = json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        value = ...
    if value is None:
        raise ObjectMissingError(where, token, "the server has no such key")
    if not isinstance(value, str):
        reason = "the response is no JSON text; is it a KV server?"
        raise StorageUnavailableError(where, token, reason)
    return value.encode("utf-8", "surrogatepass")


def _get(where: str, url: str, headers: Mapping[str, str], size: int) -> bytes:
    """Return what *url* has, if that is at most one byte more than *size*."""
    # Imported here because few workers fetch over HTTP.
    from flowpack._http import HTTPOptions, ObjectClient
    from flowpack.urls import CA_VARIABLES, mask_url

    # The variables are those that a deploy heeds.
    own = ("FLOWPACK_API_SSL_CERT_FILE", "PREFECT_API_SSL_CERT_FILE")
    trusted = next(filter(None, map(os.environ.get, own + CA_VARIABLES)), "")
    options = HTTPOptions(deadline=DEADLINE, verify=os.path.expanduser(trusted) or True)
    try:
        with ObjectClient(headers=headers, options=options) as client:
            response = client.get(url, limit=size + 1)
    except (APIConnectionError, SettingsError) as exc:
        reason = getattr(exc, "reason", str(exc))
        raise StorageUnavailableError(where, mask_url(url), reason) from exc
    if response.status == 200:
        return response.body
    missing = response.status in (204, 404, 410)
    error = ObjectMissingError if missing else StorageUnavailableError
    raise error(where, mask_url(url), f"the server answered {response.status}")


def _from_s3(token: str, storage: Mapping[str, Any], size: int) -> bytes:
    # Imported here because few workers have what it needs.
    from flowpack.blocks.buckets import open_s3

    where = f"S3 Storage {storage['bucket']}"
    try:
        found = open_s3(storage).get_object(Bucket=storage["bucket"], Key=token)
        content: bytes = found["Body"].read(size + 1)
        return content
    except ImportError as exc:
        reason = "this worker lacks boto3; install flowpack[s3] there"
        raise StorageUnavailableError(where, token, reason) from exc
    except Exception as exc:  # Its text, and what it holds, may show credentials.
        code = getattr(exc, "response", {}).get("Error", {}).get("Code", type(exc).__name__)
    if code in ("NoSuchKey", "404"):
        raise ObjectMissingError(where, token, "there is no such object")
    raise StorageUnavailableError(where, token, f"S3 refused: {code}")


_FETCHERS: Mapping[str, Callable[[str, Mapping[str, Any], int], bytes]] = {
    "Local Storage": _from_folder,
    "Temporary Local Storage": _from_folder,
    "File Storage": _from_files,
    "KV Server Storage": _from_key_value_server,
    "S3 Storage": _from_s3,
}
