"""Which request is answered by whom."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Optional, Tuple, Union
from urllib.parse import quote, unquote

import attrs

from flowpack.embedded import (
    block_documents,
    block_schemas,
    block_types,
    bodies,
    deployments,
    filters,
    flow_runs,
    flows,
)
from flowpack.embedded.answers import Refused, Reply, refused
from flowpack.embedded.checks import Envelope, Shape
from flowpack.embedded.records import Call
from flowpack.embedded.store import Session

Handler = Callable[[Session, Call], Reply]
#: The variable parts of a path, by name.
Values = Dict[str, str]


@attrs.frozen
class Route:
    """An endpoint.

    Attributes:
        method: HTTP method.
        path: With variable parts in braces; ``{id}`` is checked to be an id.
        does: What answers it, or the answer itself where it is always the same.
        body: What the body must be; None if nobody reads it.
        writes: Whether it changes anything.
    """

    method: str
    path: str
    does: Union[Handler, str, bool]
    body: Union[Shape, Envelope, None] = None
    writes: bool = False

    def match(self, segments: List[str]) -> Optional[Values]:
        """Return the variable parts if this is the path, else None."""
        wanted = self.path.split("/")
        if len(wanted) != len(segments):
            return None
        values: Values = {}
        for part, segment in zip(wanted, segments):
            if part.startswith("{") and segment:
                values[part[1:-1]] = segment
            elif part != segment:
                return None
        return values


def _write(
    method: str, path: str, does: Handler, body: Union[Shape, Envelope, None] = None
) -> Route:
    return Route(method, path, does, body, writes=True)


_DEFAULT_STORAGE = "default_storage_block_document"

ROUTES = (
    Route("GET", "/health", True),
    Route("GET", "/hello", "👋"),
    Route("GET", "/admin/version", "2.0b7"),
    # Flows
    _write("POST", "/flows/", flows.create, bodies.FLOW),
    Route("POST", "/flows/filter", flows.read_many, filters.FLOWS),
    Route("POST", "/flows/count", flows.count, filters.COUNT),
    Route("GET", "/flows/name/{name}", flows.read_by_name),
    _write("PATCH", "/flows/{id}", flows.update, bodies.FLOW_CHANGES),
    Route("GET", "/flows/{id}", flows.read),
    _write("DELETE", "/flows/{id}", flows.delete),
    # Flow runs
    Route("GET", "/flow_runs/{id}", flow_runs.read),
    # Deployments
    _write("POST", "/deployments/", deployments.create, bodies.DEPLOYMENT),
    Route("POST", "/deployments/filter", deployments.read_many, filters.DEPLOYMENTS),
    Route("POST", "/deployments/count", deployments.count, filters.COUNT),
    Route("GET", "/deployments/name/{flow_name}/{name}", deployments.read_by_name),
    Route("GET", "/deployments/{id}", deployments.read),
    _write("DELETE", "/deployments/{id}", deployments.delete),
    Route(
        "POST", "/deployments/{id}/schedule", deployments.schedule, bodies.SCHEDULING
    ),
    _write(
        "POST",
        "/deployments/{id}/set_schedule_active",
        deployments.set_schedule_active,
    ),
    _write(
        "POST",
        "/deployments/{id}/set_schedule_inactive",
        deployments.set_schedule_inactive,
    ),
    _write(
        "POST",
        "/deployments/{id}/create_flow_run",
        flow_runs.create,
        bodies.FLOW_RUN,
    ),
    # Block types
    _write("POST", "/block_types/", block_types.create, bodies.BLOCK_TYPE),
    Route("POST", "/block_types/filter", block_types.read_many, filters.BLOCK_TYPES),
    Route("GET", "/block_types/name/{name}", block_types.read_by_name),
    Route(
        "GET", "/block_types/name/{name}/block_documents", block_documents.read_of_type
    ),
    Route(
        "GET",
        "/block_types/name/{type_name}/block_documents/name/{name}",
        block_documents.read_by_name,
    ),
    Route("GET", "/block_types/{id}", block_types.read),
    _write(
        "PATCH", "/block_types/{id}", block_types.update, bodies.BLOCK_TYPE_CHANGES
    ),
    _write("DELETE", "/block_types/{id}", block_types.delete),
    # Block schemas
    _write("POST", "/block_schemas/", block_schemas.create, bodies.BLOCK_SCHEMA),
    Route(
        "POST", "/block_schemas/filter", block_schemas.read_many, filters.BLOCK_SCHEMAS
    ),
    Route("GET", "/block_schemas/checksum/{checksum}", block_schemas.read_by_checksum),
    Route("GET", "/block_schemas/{id}", block_schemas.read),
    _write("DELETE", "/block_schemas/{id}", block_schemas.delete),
    # Block documents
    _write("POST", "/block_documents/", block_documents.create, bodies.BLOCK_DOCUMENT),
    Route(
        "POST",
        "/block_documents/filter",
        block_documents.read_many,
        filters.BLOCK_DOCUMENTS,
    ),
    Route(
        "POST",
        f"/block_documents/get_{_DEFAULT_STORAGE}",
        block_documents.read_default_storage,
    ),
    _write(
        "POST",
        f"/block_documents/clear_{_DEFAULT_STORAGE}",
        block_documents.clear_default_storage,
    ),
    _write(
        "POST",
        f"/block_documents/{{raw_id}}/set_{_DEFAULT_STORAGE}",
        block_documents.set_default_storage,
    ),
    Route("GET", "/block_documents/{id}", block_documents.read),
    _write(
        "PATCH",
        "/block_documents/{raw_id}",
        block_documents.update,
        bodies.BLOCK_DOCUMENT_CHANGES,
    ),
    _write("DELETE", "/block_documents/{raw_id}", block_documents.delete),
)


def find(method: str, path: str, query: str = "") -> Tuple[Route, Values]:
    """Return the route of a request and the variable parts of its *path*.

    Raises:
        Refused: The path is not known (404), or only to other methods (405), or
            only with, or without, a slash at its end (307; the header names the
            other path, below the API's root).
    """
    decoded = unquote(path)
    others = []
    for route, values in _matches(decoded):
        if route.method == method:
            return route, values
        others.append(route.method)
    if others:
        raise Refused(405, {"detail": "Method Not Allowed"}, {"allow": others[0]})
    other = decoded.rstrip("/") if decoded.endswith("/") else decoded + "/"
    if any(True for _ in _matches(other)):
        location = quote(other) + (f"?{query}" if query else "")
        raise Refused(307, None, {"location": location})
    raise refused(404, "Not Found")


def _matches(path: str) -> Iterator[Tuple[Route, Values]]:
    segments = path.split("/")
    for route in ROUTES:
        values = route.match(segments)
        if values is not None:
            yield route, values
