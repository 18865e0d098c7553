"""A server of today's Prefect, as far as a deploy asks for it, that forgets nothing."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, List, Tuple
from uuid import uuid4

from flowpack.client import Client
from flowpack.transport import Answer, Request

_NOW = "2026-01-01T00:00:00Z"


def _checksum(fields: Any) -> str:
    content = json.dumps([[_public(fields)], {}], sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def _public(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _public(value[key]) for key in value if key != "secret_fields"}


class PoolServer:
    """A transport that answers like release 3.4.13.

    Attributes:
        bodies: Path and JSON of all that was sent with a body, in order.
        deployments: What it keeps, by name.
        refusal: What it answers a new deployment with, in place of making it.
    """

    url = "http://pools/api"
    embedded = False

    def __init__(self) -> None:
        self.bodies: List[Tuple[str, Any]] = []
        self.deployments: Dict[str, Any] = {}
        self.refusal: Any = None
        self._made: Dict[Tuple[str, str], Any] = {}

    def client(self) -> Client:
        """Return a client of this server."""
        return Client(transport=self)

    def sent(self, path: str) -> List[Any]:
        """Return the bodies that came to *path*."""
        return [body for to, body in self.bodies if to == path]

    def close(self) -> None:
        """Keep nothing open."""

    def send(self, request: Request) -> Answer:
        """Answer *request*."""
        body = json.loads(request.body) if request.body else None
        if body is not None:
            self.bodies.append((request.path, body))
        status, content = self._answer(request.method, request.path, body)
        return Answer(status, json.dumps(content).encode())

    def _answer(self, method: str, path: str, body: Any) -> Tuple[int, Any]:
        if path == "/admin/version":
            return 200, "3.4.13"
        _, kind, *rest = path.rstrip("/").split("/")
        if kind == "deployments":
            return self._deployment(method, rest, body)
        if method == "POST" and not rest:
            key = kind, str(body.get("name") or body)
            made = {"id": str(uuid4()), "created": _NOW, "updated": _NOW, **body}
            if kind == "block_schemas":
                made["checksum"] = _checksum(body["fields"])
            if kind == "block_documents":
                for part in ("block_schema", "block_type"):
                    made[part] = self._found(f"{part}s", [body[f"{part}_id"]])[1]
            return 201, self._made.setdefault(key, made)
        return self._found(kind, rest)

    def _found(self, kind: str, rest: List[str]) -> Tuple[int, Any]:
        same_kind = {key[1]: made for key, made in self._made.items() if key[0] == kind}
        by_id = {made["id"]: made for made in same_kind.values()}
        found = {**same_kind, **by_id}.get(rest[-1]) if rest else None
        return (200, found) if found else (404, {"detail": "not found"})

    def _deployment(self, method: str, rest: List[str], body: Any) -> Tuple[int, Any]:
        if method == "POST" and self.refusal is not None:
            return 422, self.refusal(body)
        if method == "POST":
            kept = self.deployments.get(body["name"], {"id": str(uuid4())})
            kept.update(body, created=_NOW, updated=_NOW)
            self.deployments[body["name"]] = kept
            return 201, kept
        found = self.deployments.get(rest[-1]) if rest else None
        return (200, found) if found else (404, {"detail": "not found"})
