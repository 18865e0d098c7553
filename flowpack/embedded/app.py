"""The API as a transport: takes a request and gives the answer to it."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping, Optional, Union

from flowpack.embedded.answers import Refused, Reply, broken, encode, refused
from flowpack.embedded.checks import (
    Envelope,
    Invalid,
    Problem,
    identifier,
    missing_field,
)
from flowpack.embedded.records import Call
from flowpack.embedded.routes import Route, Values, find
from flowpack.embedded.store import FAILURES, Store
from flowpack.exceptions import APIConnectionError
from flowpack.transport import Answer, Request

#: The version of Prefect's API that is spoken, for its header.
API_VERSION = (0, 6, 0)

_WITHOUT_BODY = (204, 307)


class EmbeddedTransport:
    """An API of Prefect 2.0b7's kind on an SQLite file, in this process.

    Threads may share it, many processes may use one file, and a process that was
    forked may go on with it. What was answered is on the disk.
    """

    def __init__(
        self, database: Union[str, os.PathLike[str]], *, busy_timeout: float = 60.0
    ) -> None:
        """Nothing is opened or made before the first request.

        Args:
            database: The file. It is made if it is missing, and so is its folder.
            busy_timeout: Longest wait for other writers, in seconds.
        """
        self._store = Store(os.path.abspath(os.fspath(database)), busy_timeout)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._store.path!r})"

    @property
    def url(self) -> str:
        """Where the API is, for people to read."""
        return f"embedded://{self._store.path}"

    @property
    def embedded(self) -> bool:
        """Whether the API lives in this process: it does."""
        return True

    def send(self, request: Request) -> Answer:
        """Answer *request*.

        Raises:
            APIConnectionError: The database cannot be used: it is damaged, busy,
                read-only or not flowpack's, or the disk is full. Nothing of the
                request is done then.
        """
        try:
            return self._answer(request)
        except FAILURES as exc:
            raise APIConnectionError(
                request.method, self.url + request.path, self._store.explain(exc)
            ) from exc

    def close(self) -> None:
        """Close the file. A second call does nothing; a further request opens it."""
        self._store.close()

    def _answer(self, request: Request) -> Answer:
        try:
            try:
                return _render(*self._reply(request))
            except Refused as exc:
                return _render(exc.status, exc.content, exc.headers)
        except (OverflowError, RecursionError, ValueError):
            # NaN, lone surrogates, numbers beyond 64 bits, nests too deep: the
            # reference finds out while it stores or answers, and breaks.
            return _render(broken().status, broken().content)

    def _reply(self, request: Request) -> Reply:
        route, values = find(request.method, request.path, request.query)
        headers = {key.lower(): value for key, value in request.headers.items()}
        body = None if route.body is None else _read_body(request, headers)
        if route.path != "/health":
            _check_version(headers.get("x-prefect-api-version", ""))
        call = _check(route, values, body)
        if isinstance(route.does, (str, bool)):
            return 200, route.does
        handler = route.does
        transaction = self._store.write if route.writes else self._store.read
        return transaction(lambda session: handler(session, call))


def _read_body(request: Request, headers: Mapping[str, str]) -> Any:
    """Return the body's JSON value; the text where the header says it is no JSON."""
    if not request.body:
        return None
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind and not _is_json(kind):
        return request.body.decode("utf-8", "replace")
    try:
        return json.loads(request.body)
    except json.JSONDecodeError as exc:
        raise _unprocessable([_syntax_problem(exc)], exc.doc) from None
    except (RecursionError, ValueError):
        raise refused(400, "There was an error parsing the body") from None


def _is_json(kind: str) -> bool:
    main, _, sub = kind.partition("/")
    return main == "application" and (sub == "json" or sub.endswith("+json"))


def _syntax_problem(exc: json.JSONDecodeError) -> Problem:
    return {
        "loc": ["body", exc.pos],
        "msg": str(exc),
        "type": "value_error.jsondecode",
        "ctx": {
            "msg": exc.msg,
            "doc": exc.doc,
            "pos": exc.pos,
            "lineno": exc.lineno,
            "colno": exc.colno,
        },
    }


def _unprocessable(problems: list[Problem], body: Any) -> Refused:
    content = {
        "exception_message": "Invalid request received.",
        "exception_detail": problems,
        "request_body": body,
    }
    return Refused(422, content)


def _check_version(asked: str) -> None:
    """Refuse a client of another version; one that names none is welcome."""
    if not asked.strip():
        return
    try:
        major, minor, patch = (int(part) for part in asked.split("."))
    except ValueError:
        raise refused(
            400,
            "Invalid X-PREFECT-API-VERSION header format.Expected header in format"
            f" 'x.y.z' but received {asked}",
        ) from None
    if (major, minor) != API_VERSION[:2] or patch > API_VERSION[2]:
        spoken = ".".join(map(str, API_VERSION))
        raise refused(
            400,
            f"Request specified API version {asked} but this server only supports"
            f" version {spoken} and below.",
        )


def _check(route: Route, values: Values, body: Any) -> Call:
    """Return the call that a request makes.

    Raises:
        Refused: Path or body do not hold what they must.
    """
    problems: list[Problem] = []
    path, content = dict(values), {}
    try:
        if "id" in path:
            path["id"] = identifier(path["id"], ("path", "id"))
    except Invalid as exc:
        problems += exc.problems
    try:
        if body is None and route.body and not isinstance(route.body, Envelope):
            raise missing_field(("body",))
        if route.body is not None:
            content = route.body(body, ("body",))
    except Invalid as exc:
        problems += exc.problems
    if problems:
        raise _unprocessable(problems, body)
    return Call(path, content)


def _render(
    status: int, content: Any, headers: Optional[Mapping[str, str]] = None
) -> Answer:
    if status in _WITHOUT_BODY:
        return Answer(status, headers=headers or {})
    kind = {"content-type": "application/json"}
    return Answer(status, encode(content).encode(), {**kind, **(headers or {})})
