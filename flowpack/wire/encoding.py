"""Requests and responses as bytes: paths, JSON, and what an error response says."""

from __future__ import annotations

import json
from typing import Any, Iterator, Set
from urllib.parse import quote

from flowpack.exceptions import (
    APIStatusError,
    IdentifierError,
    WireError,
    printable,
    quoted,
    status_error,
)
from flowpack.jsonvalues import json_problem, replaced_env
from flowpack.models import UNSET
from flowpack.transport import Effect, Request, Response
from flowpack.urls import mask_text, mask_url

Json = Any

#: Longest part of a server's words that an error shows, in characters.
_LONGEST = 1000

#: Types of errors in a schedule that is of another kind than the server's model.
_OF_ANOTHER_KIND = ("missing", "extra", "extra_forbidden")

#: What to do where the server does not have what a path names.
_NOT_FOUND = {
    "/admin/version": "is this the address of a Prefect API? It ends in /api",
    "/deployments/name/": "flowpack ls lists the deployments",
}

#: Members of a request's body that hold environment variables.
_WITH_ENV = ("flow_runner", "infra_overrides", "job_variables")


def path(*segments: object) -> str:
    """Return a path of *segments*, each percent-encoded as a whole."""
    return "/" + "/".join(map(_segment, segments))


def _segment(segment: object) -> str:
    text = str(segment)
    if not text.strip():
        raise IdentifierError("an empty text names nothing on a server")
    if not text.strip("."):
        # Who normalises paths would take dots for a step up.
        return "%2E" * len(text)
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as exc:
        raise IdentifierError(
            f"{quoted(text)} holds half a surrogate pair, which no name has"
        ) from exc


def request(
    method: str, target: str, body: Json = UNSET, effect: Effect = Effect.READ, query: str = ""
) -> Request:
    """Return a request; *body* is any JSON value, UNSET for none.

    Raises:
        WireError: *body* is not JSON.
    """
    content = None if body is UNSET else encode(body)
    return Request(method, target, content, effect, query)


def encode(value: Json) -> bytes:
    """Return *value* as JSON in UTF-8.

    Raises:
        WireError: It is no JSON.
    """
    problem = json_problem(value)
    if problem:
        raise WireError(f"this cannot be sent as JSON: {problem}")
    return json.dumps(value).encode()


def decode(response: Response, sent: Request, url: str) -> Json:
    """Return the JSON value that *response* holds; None where it has no body.

    Raises:
        WireError: The body is not JSON.
    """
    if not response.body.strip():
        return None
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError) as exc:
        cause = None if response.echoes else exc  # It holds the body.
    shown = quoted(response.body[:80].decode("utf-8", "replace"))
    if response.echoes:
        shown = "what repeats a secret that was sent"
    raise WireError(
        f"{sent.method} {printable(url)}{sent.path} answered {response.status} with {shown},"
        " which is not JSON. Is this the address of a Prefect API? It ends in /api"
    ) from cause


def error_for(response: Response, sent: Request, url: str, credential: str = "") -> APIStatusError:
    """Return the error that stands for a *response* whose status is not success.

    Args:
        response: What came back.
        sent: What was asked.
        url: The API's root, without credentials.
        credential: Which credential was sent, and where it came from.
    """
    response = response.without(_secrets_in(sent))
    words = server_words(response.body)
    if response.status in (401, 403) and not wants_csrf_token(response):
        words += f"; sent was {credential or 'no credential (set PREFECT_API_KEY or its like)'}"
    for start, step in _NOT_FOUND.items():
        if response.status == 404 and sent.path.startswith(start):
            words += f"; {step}"
    if 300 <= response.status < 400:
        target = mask_url(response.headers.get("location", "nowhere"))
        words = f"redirects are not followed; it pointed to {quoted(target)}"
    return status_error(response.status, sent.method, url + sent.path, words)


def wants_csrf_token(response: Response) -> bool:
    """Return True if a request was refused for want of a CSRF token."""
    return response.status == 403 and b"CSRF token" in response.body


def _secrets_in(sent: Request) -> Set[str]:
    """Return the texts in *sent* that an error must not show."""
    content = json.loads(sent.body) if sent.body else None
    if not isinstance(content, dict):
        return set()
    # Only the class of a block knows which of its data are secret.
    secrets = set(_texts(content.get("data")))
    for name in _WITH_ENV:
        replaced_env(content.get(name), lambda text: secrets.add(str(text)))
    return secrets.union(each for each in _texts(content) if mask_text(each) != each)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def server_words(body: bytes) -> str:
    """Return the reason in an error response, without the request that it may echo.

    The servers have four shapes: ``detail``; ``exception_message`` with ``exception_detail``;
    ``exception_message`` alone; ``message``.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return printable(body[: 4 * _LONGEST].decode("utf-8", "replace"), 200)
    if not isinstance(content, dict):
        return printable(json.dumps(content), 200)
    if "detail" in content:
        words = _join(content["detail"])
    elif "exception_message" in content:
        details = content.get("exception_detail")
        words = _schedule_problem(details) or f"{content['exception_message']} {_join(details)}"
    else:
        words = str(content.get("message", ""))
    return printable(words.strip(), _LONGEST)


def _schedule_problem(details: Json) -> str:
    """Return what is wrong with a schedule, empty where nothing is.

    Servers try each kind of schedule and list what all of them lack; what counts is the one
    thing that is neither missing nor too much.
    """
    for detail in details if isinstance(details, list) else ():
        location = detail.get("loc") if isinstance(detail, dict) else None
        if not isinstance(location, list) or "schedule" not in location:
            return ""  # Something else is wrong, too.
        if str(detail.get("type")).rpartition(".")[2] not in _OF_ANOTHER_KIND:
            reason = str(detail.get("msg")).replace("Value error, ", "", 1)
            return f"schedule, {location[-1]}: {reason}"
    return ""


def _join(details: Json) -> str:
    """Return *details* with field and reason of each, one after the other."""
    if not isinstance(details, list):
        return str(details or "")
    words = []
    for detail in details[:20]:
        if isinstance(detail, dict):
            location = detail.get("loc")
            field = ".".join(map(str, location)) if isinstance(location, list) else ""
            detail = f"{field}: {detail.get('msg', '')}"
        words.append(str(detail))
    return "; ".join(words)
