"""Requests and responses as bytes: paths, JSON, and what an error response says."""

from __future__ import annotations

import json
from typing import Any, Iterator, Set
from urllib.parse import quote

from flowpack.exceptions import APIStatusError, IdentifierError, WireError, printable, quoted
from flowpack.exceptions import status_error
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
        return "%2E" * len(text)  # Who normalises paths would take dots for a step up.
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as exc:
        raise IdentifierError(f"{quoted(text)} holds half a surrogate pair") from exc


def request(
    method: str, target: str, body: Json = UNSET, effect: Effect = Effect.READ, query: str = ""
) -> Request:
    """Return a request; *body* is any JSON value, UNSET for none."""
    content = None if body is UNSET else encode(body)
    return Request(method, target, content, effect, query)


def encode(value: Json) -> bytes:
    """Return *value* as JSON in UTF-8; raise a WireError where that cannot be."""
    problem = json_problem(value)
    if problem:
        raise WireError(f"this cannot be sent as JSON: {problem}")
    return json.dumps(value).encode()


def decode(response: Response, sent: Request, url: str) -> Json:
    """Return the JSON that *response* holds, None for no body; raise a WireError for others."""
    if not response.body.strip():
        return None
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        shown = quoted(response.body[:80].decode("utf-8", "replace"))
    if response.echoes:
        shown = "what repeats a secret that was sent"
    raise WireError(  # Not from the other error, which holds the body.
        f"{sent.method} {printable(url)}{sent.path} answered {response.status} with {shown},"
        " which is not JSON. Is this the address of a Prefect API? It ends in /api"
    )


def error_for(response: Response, sent: Request, url: str, credential: str = "") -> APIStatusError:
    """Return the error that stands for a *response* whose status is not success.

    *credential* names the one that was sent, and its source.
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
    """Return the reason in an error response, without the request that it may echo."""
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
        message = printable(content["exception_message"], _LONGEST)
        words = _schedule_problem(details) or f"{message} {_join(details)}"
    else:
        words = printable(content.get("message", ""), _LONGEST)
    return printable(words.strip(), _LONGEST)


def _schedule_problem(details: Json) -> str:
    """Return what is wrong with a schedule, empty where nothing is.

    Servers list what it lacks to be of each kind; what else they list is wrong in itself.
    """
    for detail in details if isinstance(details, list) else ():
        location = detail.get("loc") if isinstance(detail, dict) else None
        if not isinstance(location, list) or "schedule" not in location:
            return ""  # Something else is wrong, too.
        if str(detail.get("type")).rpartition(".")[2] not in _OF_ANOTHER_KIND:
            reason = printable(detail.get("msg"), _LONGEST).replace("Value error, ", "", 1)
            return f"schedule, {printable(location[-1])}: {reason}"
    return ""


def _join(details: Json) -> str:
    """Return *details* with field and reason of each, one after the other."""
    if not isinstance(details, list):
        return printable(details or "", _LONGEST)
    words = []
    for detail in details[:20]:
        if isinstance(detail, dict):
            location = detail.get("loc")
            field = ".".join(map(printable, location)) if isinstance(location, list) else ""
            detail = f"{field}: {printable(detail.get('msg', ''), _LONGEST)}"
        words.append(printable(detail, _LONGEST))
    return "; ".join(words)
