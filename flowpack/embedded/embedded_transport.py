"""The embedded API as a transport: takes a request, finds the function that answers it."""

from __future__ import annotations

import json
import os
import re
import time
from functools import partial
from typing import Callable, List, Optional, Tuple, Union
from urllib.parse import unquote

import attrs

from flowpack._logs import DEBUG, log
from flowpack.embedded import api
from flowpack.embedded.session import Refused, encode
from flowpack.embedded.store import FAILURES, Store
from flowpack.exceptions import APIConnectionError
from flowpack.transport import Effect, Request, Response


class EmbeddedTransport:
    """An API like that of Prefect 2.0b7, on an SQLite file, in this process.

    Threads may share it, many processes may use one file, and a process that was
    forked may go on with it. A write is on the disk when its response is returned.
    """

    embedded = True

    def __init__(
        self,
        database: Union[str, os.PathLike[str]],
        *,
        busy_timeout: float = 60.0,
        before_write: Optional[Callable[[], object]] = None,
    ) -> None:
        """Make a transport; nothing is opened before the first request.

        Args:
            database: The file. It is made if it is missing, and so is its folder.
            busy_timeout: Longest wait for other writers, in seconds.
            before_write: Called before each request that changes something; may raise.
        """
        self._before_write = before_write
        self._store = Store(os.path.abspath(os.fspath(database)), busy_timeout)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._store.path!r})"

    @property
    def url(self) -> str:
        """Where the API is, for people to read."""
        return f"embedded://{self._store.path}"

    def send(self, request: Request) -> Response:
        """Return the response; an APIConnectionError, with nothing done, if the database fails."""
        started = time.monotonic()
        if self._before_write is not None and request.effect is not Effect.READ:
            self._before_write()
        try:
            status, content = self._respond(request)
            body = b"" if status == 204 else encode(content).encode()
        except Refused as exc:
            status, body = exc.status, encode({"detail": exc.detail}).encode()
        except FAILURES as exc:
            reason = self._store.explain(exc)
            raise APIConnectionError(request.method, self.url + request.path, reason) from exc
        took = 1000 * (time.monotonic() - started)
        log(__name__, DEBUG, "%s %s: %d in %.0f ms", request.method, request.path, status, took)
        return Response(status, body, {"content-type": "application/json"} if body else {})

    def close(self) -> None:
        """Close the file. A second call does nothing; a further request opens it."""
        self._store.close()

    def _respond(self, request: Request) -> api.StatusAndJson:
        route, values = find_route(request.method, request.path)
        handler = route.handler
        if isinstance(handler, str):
            return 200, handler
        body = json.loads(request.body or b"{}")
        run = self._store.write if route.writes else self._store.read
        return run(lambda db: handler(db, body, *values))


@attrs.frozen
class Route:
    """A kind of request, and what answers it, or the answer where that is always the same."""

    method: str
    path: str
    handler: Union[Callable[..., api.StatusAndJson], str]
    writes: bool = False


_SCHEDULE_ON = partial(api.set_schedule, active=True)
_SCHEDULE_OFF = partial(api.set_schedule, active=False)
_BY_CHECKSUM = partial(api.read, table="block_schema", by="checksum")
_DOCUMENTS = "/block_documents"
_DEFAULT_STORAGE = "default_storage_block_document"

ROUTES = (
    Route("GET", "/admin/version", "2.0b7"),
    Route("POST", "/flows/", api.create_flow, writes=True),
    Route("GET", "/flows/{id}", partial(api.read, table="flow")),
    Route("GET", "/flows/name/{name}", partial(api.read, table="flow", by="name")),
    Route("POST", "/flows/filter", api.read_flows),
    Route("POST", "/deployments/", api.create_deployment, writes=True),
    Route("GET", "/deployments/{id}", partial(api.read, table="deployment")),
    Route("GET", "/deployments/name/{flow_name}/{name}", api.read_deployment_by_name),
    Route("POST", "/deployments/filter", api.read_deployments),
    Route("DELETE", "/deployments/{id}", partial(api.delete, table="deployment"), writes=True),
    Route("POST", "/deployments/{id}/set_schedule_active", _SCHEDULE_ON, writes=True),
    Route("POST", "/deployments/{id}/set_schedule_inactive", _SCHEDULE_OFF, writes=True),
    Route("POST", "/deployments/{id}/create_flow_run", api.create_flow_run, writes=True),
    Route("GET", "/flow_runs/{id}", partial(api.read, table="flow_run")),
    Route("POST", "/logs/filter", lambda db, body: (200, [])),  # No flow runs here.
    Route("POST", "/block_types/", api.create_block_type, writes=True),
    Route("GET", "/block_types/name/{name}", partial(api.read, table="block_type", by="name")),
    Route(
        "GET",
        f"/block_types/name/{{kind}}{_DOCUMENTS}/name/{{name}}",
        api.read_block_document_by_name,
    ),
    Route("POST", "/block_schemas/", api.create_block_schema, writes=True),
    Route("GET", "/block_schemas/checksum/{checksum}", _BY_CHECKSUM),
    Route("POST", f"{_DOCUMENTS}/", api.create_block_document, writes=True),
    Route("GET", f"{_DOCUMENTS}/{{id}}", partial(api.read, table="block_document")),
    Route("POST", f"{_DOCUMENTS}/filter", api.read_block_documents),
    Route("PATCH", f"{_DOCUMENTS}/{{id}}", api.update_block_document, writes=True),
    # If it was the default storage, there is none then.
    Route(
        "DELETE", f"{_DOCUMENTS}/{{id}}", partial(api.delete, table="block_document"), writes=True
    ),
    Route("POST", f"{_DOCUMENTS}/get_{_DEFAULT_STORAGE}", api.get_default_storage),
    Route(
        "POST", f"{_DOCUMENTS}/{{id}}/set_{_DEFAULT_STORAGE}", api.set_default_storage, writes=True
    ),
    Route("POST", f"{_DOCUMENTS}/clear_{_DEFAULT_STORAGE}", api.clear_default_storage, writes=True),
)


def find_route(method: str, path: str) -> Tuple[Route, List[str]]:
    """Return the route of a request and the variable parts of its *path*, decoded."""
    for route in ROUTES:
        if route.method == method:
            found = re.fullmatch(re.sub(r"\{\w+\}", "([^/]*)", route.path), path)
            if found:
                return route, [unquote(value) for value in found.groups()]
    raise Refused(404, "Not Found")
