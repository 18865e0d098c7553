"""Requests, for tests and for the processes that they start."""

from __future__ import annotations

import json
from typing import Any, List, Tuple

from flowpack.transport import Request, Transport

#: What asks for a list, all in one page.
PAGE = {"limit": 1000, "offset": 0}


def call(
    transport: Transport, method: str, path: str, body: Any = None
) -> Tuple[int, Any]:
    """Send a request; return the status and the JSON of the answer."""
    content = None if body is None else json.dumps(body).encode()
    answer = transport.send(Request(method, path, content))
    return answer.status, json.loads(answer.body) if answer.body else None


def create_flow(transport: Transport, name: str) -> Tuple[int, Any]:
    """Create a flow, as the client does; return the status and the JSON of the answer."""
    return call(transport, "POST", "/flows/", {"name": name, "tags": []})


def names(transport: Transport, kind: str = "flows") -> List[str]:
    """Return the names of the flows, or of the deployments."""
    return [each["name"] for each in done(transport, "POST", f"/{kind}/filter", PAGE)]


def deploy(transport: Transport, flow: str, name: str, **fields: Any) -> Any:
    """Make a deployment as packaging does, with four requests; return its JSON."""
    checksum = "f74b9cc237a54c0ad8f269f2d0f770ea29c1252c96a47ce3c5a9ddbbd4e722d8"
    flow_id = create_flow(transport, flow)[1]["id"]
    schema = done(transport, "GET", f"/block_schemas/checksum/sha256:{checksum}")
    document = {
        "data": {"base_path": "/x/", "key_type": "hash", "options": {}},
        "block_schema_id": schema["id"],
        "block_type_id": schema["block_type_id"],
        "is_anonymous": True,
    }
    document_id = done(transport, "POST", "/block_documents/", document)["id"]
    deployment = {
        "name": name,
        "flow_id": flow_id,
        "flow_data": {"encoding": "blockstorage", "blob": document_id},
        "schedule": None,
        "is_schedule_active": True,
        "parameters": {},
        "tags": [],
        "flow_runner": None,
        **fields,
    }
    return done(transport, "POST", "/deployments/", deployment)


def done(transport: Transport, method: str, path: str, body: Any = None) -> Any:
    """Send a request that must succeed; return the JSON of the answer."""
    status, parsed = call(transport, method, path, body)
    assert status in (200, 201, 204), (method, path, status, parsed)
    return parsed
