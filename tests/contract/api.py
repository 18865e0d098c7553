"""Speaks to an API of the reference's kind, wherever it is."""

from __future__ import annotations

import enum
import http.client
import json as json_module
import uuid
from typing import Any, Dict, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from flowpack.transport import Answer, Request, Transport


class _Absent(enum.Enum):
    NOTHING = enum.auto()


NOTHING = _Absent.NOTHING


class Api:
    """Sends requests through a transport and reads the answers."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = NOTHING,
        text: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Answer:
        """Send one request: with *json*, with raw *text*, or without a body."""
        body = None if text is None else text.encode()
        kinds: Dict[str, str] = {}
        if json is not NOTHING:
            body = json_module.dumps(json, separators=(",", ":")).encode()
        if body is not None:
            kinds = {"content-type": "application/json"}
        target, _, query = path.partition("?")
        request = Request(
            method, target, body, query=query, headers={**kinds, **(headers or {})}
        )
        return self.transport.send(request)

    def call(self, method: str, path: str, **parts: Any) -> Tuple[int, Any]:
        """Send one request; return the status and the JSON of the answer."""
        answer = self.send(method, path, **parts)
        parsed = json_module.loads(answer.body) if answer.body else None
        return answer.status, parsed

    def done(self, method: str, path: str, **parts: Any) -> Any:
        """Send one request that must succeed; return the JSON of the answer."""
        status, parsed = self.call(method, path, **parts)
        assert status in (200, 201, 204), (method, path, status, parsed)
        return parsed

    # What most tests begin with.

    def flow(self, **fields: Any) -> Any:
        """Make a flow with a name of its own."""
        return self.done("POST", "/flows/", json={"name": unique("flow"), **fields})

    def deployment(self, **fields: Any) -> Any:
        """Make a deployment, of a flow of its own unless one is given."""
        flow_id = fields.pop("flow_id", None) or self.flow()["id"]
        body = {
            "name": unique("deployment"),
            "flow_id": flow_id,
            "flow_data": {"encoding": "text", "blob": "x"},
            **fields,
        }
        return self.done("POST", "/deployments/", json=body)

    def block_type(self, **fields: Any) -> Any:
        """Make a block type with a name of its own."""
        body = {"name": unique("Type"), **fields}
        return self.done("POST", "/block_types/", json=body)

    def block_schema(self, **fields: Any) -> Any:
        """Make a block schema of a type of its own, for blocks that store."""
        block_type = self.block_type()
        body = {
            "fields": {"title": "Own", "block_type_name": block_type["name"]},
            "block_type_id": block_type["id"],
            "capabilities": ["storage"],
            **fields,
        }
        return self.done("POST", "/block_schemas/", json=body)

    def block_document(self, schema: Any = None, **fields: Any) -> Any:
        """Make a block document with a name of its own."""
        schema = schema or self.block_schema()
        body = {
            "name": unique("document"),
            "data": {},
            "block_schema_id": schema["id"],
            "block_type_id": schema["block_type_id"],
            **fields,
        }
        return self.done("POST", "/block_documents/", json=body)


class OverHTTP:
    """A transport that speaks plain HTTP, without any of flowpack's own."""

    embedded = False

    def __init__(self, url: str) -> None:
        self.url = url

    def send(self, request: Request) -> Answer:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        target = parts.path + request.path + (f"?{request.query}" * bool(request.query))
        try:
            connection.request(
                request.method, target, request.body, dict(request.headers)
            )
            answer = connection.getresponse()
            headers = {key.lower(): value for key, value in answer.getheaders()}
            return Answer(answer.status, answer.read(), headers)
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing is kept open."""


def unique(prefix: str) -> str:
    """Return a name that no other test, and no other run of it, uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def nobody() -> str:
    """Return the id of nothing."""
    return str(uuid.uuid4())


def problems(answer: Any) -> list[Tuple[Tuple[Any, ...], str]]:
    """Return where a refused request is wrong, and the kinds of its problems."""
    details = answer["exception_detail"]
    return sorted((tuple(detail["loc"]), detail["type"]) for detail in details)
