"""A small server of today's Prefect in memory: what deploying asks of it.

The tests marked ``peer`` run the real ones; this one is for what they cannot be made
to do, and for cases by the hundred.
"""

from __future__ import annotations

import hashlib
import json
from uuid import uuid4

from flowpack.client import Client
from flowpack.transport import Response


class TodaysServer:
    """A transport that answers as today's servers do, without their checks.

    Attributes:
        sent: The requests, in order.
        refusal: Makes of a new deployment what it is refused with; None takes it.
        version: Before 3.2.0 schedules have no slugs and no parameters.
    """

    url = "http://today/api"
    embedded = False

    def __init__(self, version="3.4.13"):
        self.version = version
        self.records = {}
        self.sent = []
        self.refusal = None

    def client(self):
        """Return a client of this server."""
        return Client(transport=self)

    @property
    def bodies(self):
        """Path and JSON of all that was sent with a body, in order."""
        return [(each.path, json.loads(each.body)) for each in self.sent if each.body]

    @property
    def deployments(self):
        """Those that it has, by name."""
        return {record["name"]: record for record in self._all("deployments")}

    @property
    def pools(self):
        """Its work pools, by name."""
        return {record["name"]: record for record in self._all("work_pools")}

    def close(self):
        """Do nothing."""

    def calls(self):
        """Return method and path of what was sent, the version request aside."""
        calls = [f"{each.method} {each.path}" for each in self.sent]
        return [call for call in calls if call != "GET /admin/version"]

    def send(self, request):
        """Response a request."""
        self.sent.append(request)
        parts = request.path.strip("/").split("/")
        if parts == ["admin", "version"]:
            return _answer(200, self.version)
        if parts[0] == "csrf-token":
            return _answer(422, {"detail": "disabled"})
        if request.method == "GET":
            return self._found(parts)
        if parts[-1] == "filter":
            found = [self._whole(parts[0], each) for each in self._all(parts[0])]
            flows = json.loads(request.body).get("flows", {}).get("name", {}).get("any_")
            if flows is not None:
                found = [each for each in found if self._flow_name(each) in flows]
            return _answer(200, [_without_secrets(each) for each in found])
        body = json.loads(request.body) if request.body else {}
        if parts[2:3] == ["schedules"]:
            return self._scheduled(request.method, parts, body)
        if request.method == "PATCH":
            if parts[0] == "deployments" and self.refusal is not None:
                return _answer(422, self.refusal(body))
            self._one(parts[0], id=parts[1]).update(body)
            return Response(204, b"")
        if parts[-1] == "create_flow_run":
            return _answer(201, self._flow_run(parts[1], body))
        return self._made(parts[0], body)

    def _flow_run(self, deployment_id, body):
        state = body["state"]
        due = state.get("state_details", {}).get("scheduled_time")
        record = {
            **body,
            "id": str(uuid4()),
            "name": body.get("name", "able-ant"),
            "deployment_id": deployment_id,
            "state_type": state["type"],
            "state_name": state["type"].title(),
            "expected_start_time": due or "2026-01-01T00:00:00Z",
        }
        self._all("flow_runs").append(record)
        return record

    def _all(self, kind):
        return self.records.setdefault(kind, [])

    def _one(self, kind, **fields):
        for record in self._all(kind):
            if all(record.get(name) == value for name, value in fields.items()):
                return record
        return None

    def _flow_name(self, record):
        flow = self._one("flows", id=record.get("flow_id", record["id"]))
        return flow and flow["name"]

    def _found(self, parts):
        kind, last = parts[0], parts[-1]
        if "block_documents" in parts[1:]:
            kind = "block_documents"
        key = "name" if "name" in parts or kind == "work_pools" else "id"
        key = parts[-2] if parts[-2] in ("checksum", "slug") else key
        record = self._one(kind, **{key: last})
        if record is None:
            return _answer(404, {"detail": "not found"})
        return _answer(200, self._whole(kind, record))

    def _whole(self, kind, record):
        if kind == "block_schemas":
            of_type = self._one("block_types", id=record["block_type_id"])
            return {**record, "block_type": of_type}
        if kind == "block_documents":
            schema = self._one("block_schemas", id=record["block_schema_id"])
            whole = self._whole("block_schemas", schema)
            return {**record, "block_schema": whole, "block_type": whole["block_type"]}
        return record

    def _scheduled(self, method, parts, body):
        """Respond to a request for the schedules of a deployment."""
        listed = self._one("deployments", id=parts[1])["schedules"]
        slugs = {each.get("slug") for each in listed} - {None}
        if method == "POST":
            if slugs.intersection(each.get("slug") for each in body):
                return _answer(409, {"detail": "Data integrity conflict"})
            made = [self._schedule(each) for each in body]
            listed[:0] = made  # The newest first.
            return _answer(201, made)
        found = next((each for each in listed if each["id"] == parts[3]), None)
        if found is None:
            return _answer(404, {"detail": "Schedule not found."})
        if body.get("slug") in slugs - {found.get("slug")}:
            return _answer(409, {"detail": "Data integrity conflict"})
        if method == "DELETE":
            listed.remove(found)
        else:
            # Parameters that are left out are cleared.
            if "parameters" in found:
                found["parameters"] = {}
            found.update(body)
        return Response(204, b"")

    def _schedule(self, sent, **fields):
        known: dict[str, object] = {}
        if self.version >= "3.2":
            known = {"slug": None, "parameters": {}}
        unknown = set(sent) - {"schedule", "active", "max_scheduled_runs", *known}
        assert not unknown, f"422: {unknown}"
        defaults = {"id": str(uuid4()), "active": True, "max_scheduled_runs": None}
        return {**defaults, **known, **sent, **fields}

    def _made(self, kind, body):
        if kind == "deployments" and self.refusal is not None:
            return _answer(422, self.refusal(body))
        if kind == "deployments" and "schedules" in body:
            # All are made anew, and none remembers how many runs it makes ahead.
            made = [
                self._schedule(each, max_scheduled_runs=None)
                for each in reversed(body["schedules"])
            ]
            body = {**body, "schedules": made}
        named = None if kind == "block_schemas" else self._one(kind, name=body["name"])
        if named is not None and kind in ("flows", "deployments"):
            named.update(body)
            return _answer(200, named)
        if named is not None:
            return _answer(409, {"detail": "it is there already"})
        now = "2026-01-01T00:00:00Z"
        record = {"id": str(uuid4()), "created": now, "updated": now, **body}
        if kind == "block_schemas":
            record["checksum"] = _checksum(body)
        self._all(kind).append(record)
        return _answer(201, self._whole(kind, record))


def _without_secrets(record):
    """Return *record* as lists have it; of a block, the secret fields masked."""
    fields = record.get("block_schema", {}).get("fields", {})
    hidden = {name.partition(".")[0] for name in fields.get("secret_fields", ())}
    if not hidden:
        return record
    data = {**record["data"], **dict.fromkeys(hidden, "*" * 8)}
    return {**record, "data": data}


def _checksum(body):
    """Return the checksum that a server computes of a schema's fields."""
    content = json.dumps([[_public(body["fields"])], {}], sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def _public(value):
    if not isinstance(value, dict):
        return value
    return {key: _public(value[key]) for key in value if key != "secret_fields"}


def _answer(status, value):
    return Response(status, json.dumps(value).encode())
