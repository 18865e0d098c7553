"""The least that a deployment can cost: its requests, sent raw over one socket."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from flowpack import FileStorageBlock

#: What the reference's client sends; the server checks the version.
_HEADERS = {"Content-Type": "application/json", "X-PREFECT-API-VERSION": "0.6.0"}

_DIGEST = "0" * 64


class Raw:
    """One kept-alive connection to an API, and nothing around it."""

    def __init__(self, api: str) -> None:
        """Make one to the root *api*; it is opened by the first request."""
        parts = urlsplit(api)
        self._root = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=60)

    def send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send one request and return the answer's body.

        Raises:
            RuntimeError: The status was not success.
        """
        self._connection.request(method, self._root + path, body, _HEADERS)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300 and answer.status != 404:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {content!r}")
        return content

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """Send *body* as JSON and return the answer's."""
        content = None if body is None else json.dumps(body).encode()
        return json.loads(self.send(method, path, content))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def first_deployment(raw: Raw, flow: str, name: str, store: str) -> None:
    """Send the four requests of the reference's client: flow to deployment."""
    made_flow = raw.json("POST", "/flows/", {"name": flow, "tags": []})
    checksum = FileStorageBlock.schema_checksum()
    schema = raw.json("GET", f"/block_schemas/checksum/{checksum}")
    document = raw.json("POST", "/block_documents/", _document(schema, name, store))
    stored = {"data": json.dumps(_DIGEST), "block_document_id": document["id"]}
    body = {
        "name": name,
        "flow_id": made_flow["id"],
        "flow_data": {"encoding": "blockstorage", "blob": json.dumps(stored)},
        "schedule": None,
        "is_schedule_active": True,
        "parameters": {},
        "tags": [],
        "flow_runner": {"type": "universal", "config": {"env": {}}},
    }
    raw.json("POST", "/deployments/", body)


def _document(schema: Any, name: str, store: str) -> dict[str, Any]:
    return {
        "name": f"{name}-0",
        "data": {"base_path": f"{store}/", "key_type": "hash", "options": {}},
        "block_schema_id": schema["id"],
        "block_type_id": schema["block_type_id"],
        "is_anonymous": False,
    }
