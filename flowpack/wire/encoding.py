"""requests and responses as bytes: paths, JSON, and what an error response says."""

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
from flowpack.transport import Response, Effect, Request
from flowpack.urls import mask_text, mask_url

Json = Any

#: What is wrong with a schedule in the eyes of the kinds that it is not.
_OF_ANOTHER_KIND = ("missing", "extra", "extra_forbidden")

#: Longest part of a server's words that an error shows, in characters.
SERVER_WORDS = 1000


def path(*segments: object) -> str:
    """Return a path of *segments*, each percent-encoded as a whole."""
    return "/" + "/".join(map(_segment, segments))


def _segment(segment: object) -> str:
    text = str(segment)
    if not text.strip():
        raise IdentifierError("an empty text names nothing on a server")
    if not text.strip("."):
        # Dots would be taken for a step up by whoever normalises paths.
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
        WireError: It holds what JSON cannot say.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise WireError(f"this cannot be sent as JSON: {printable(exc)}") from exc
    problem = json_problem(value) if "\\ud" in text else None  # half of a pair, say
    if problem:
        raise WireError(f"this cannot be sent as JSON: {problem}")
    return text.encode()


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
    said = quoted(response.body[:80].decode("utf-8", "replace"))
    if response.echoes:
        said = "what repeats a secret that was sent"
    raise WireError(
        f"{sent.method} {printable(url)}{sent.path} answered {response.status} with"
        f" {said}, which is not JSON. Is this the address of a Prefect API? It ends in"
        " /api"
    ) from cause


#: What to do where the server does not have what a path names.
_NOT_FOUND = {
    "/admin/version": "is this the address of a Prefect API? It ends in /api",
    "/deployments/name/": "flowpack ls lists the deployments",
}

#: Members of a request's body that hold environment variables.
_WITH_ENV = ("flow_runner", "infra_overrides", "job_variables")


def _private(sent: Request) -> Set[str]:
    """Return the texts in *sent* that an error must not show."""
    content = json.loads(sent.body) if sent.body else None
    if not isinstance(content, dict):
        return set()
    # What is secret in the data of a block only its class says.
    private = set(_texts(content.get("data")))
    for name in _WITH_ENV:
        replaced_env(content.get(name), lambda text: private.add(str(text)))
    return private.union(each for each in _texts(content) if mask_text(each) != each)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def server_words(body: bytes) -> str:
    """Return what an error response says, without the request that it may echo.

    The servers have four shapes: ``detail``; ``exception_message`` with
    ``exception_detail``; ``exception_message`` alone; ``message``.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return printable(body[: 4 * SERVER_WORDS].decode("utf-8", "replace"), 200)
    if not isinstance(content, dict):
        return printable(json.dumps(content), 200)
    if "detail" in content:
        return _detail_words(content["detail"])
    if "exception_message" in content:
        words = printable(content["exception_message"], SERVER_WORDS)
        details = content.get("exception_detail")
        about_schedule = _schedule_words(details)
        if about_schedule:
            return about_schedule
        return f"{words} {_detail_words(details)}" if details else words
    return printable(content.get("message", ""), SERVER_WORDS)


def _schedule_words(details: Json) -> str:
    """Return what is wrong with a schedule, empty where nothing is.

    Servers try each kind of schedule and tell what all of them lack; what counts is the one
    thing that is neither missing nor too much.
    """
    for detail in details if isinstance(details, list) else ():
        location = detail.get("loc") if isinstance(detail, dict) else None
        if not isinstance(location, list) or "schedule" not in location:
            return ""  # Something else is wrong, too.
        if str(detail.get("type")).rpartition(".")[2] not in _OF_ANOTHER_KIND:
            reason = str(detail.get("msg")).replace("Value error, ", "", 1)
            return printable(f"schedule, {location[-1]}: {reason}", SERVER_WORDS)
    return ""


def _detail_words(details: Json) -> str:
    """Return *details* with field and reason of each, one after the other."""

    def words(detail: Json) -> str:
        if not isinstance(detail, dict):
            return str(detail)
        location = detail.get("loc")
        field = ".".join(map(str, location)) if isinstance(location, list) else ""
        return f"{field}: {detail.get('msg', '')}"

    if isinstance(details, list):
        details = "; ".join(map(words, details[:20]))
    return printable(details, SERVER_WORDS)


def wants_csrf_token(response: Response) -> bool:
    """Return True if a request was refused for want of a CSRF token."""
    return response.status == 403 and b"CSRF token" in response.body


def error_for(response: Response, sent: Request, url: str, credential: str = "") -> APIStatusError:
    """Return the error that stands for an *response* whose status is not success.

    Args:
        response: What came back.
        sent: What was asked.
        url: The API's root, without credentials.
        credential: Which credential was sent, and where it came from.
    """
    response = response.without(_private(sent))
    words = server_words(response.body)
    if response.status in (401, 403) and not wants_csrf_token(response):
        used = credential or "no credential (set PREFECT_API_KEY or its like)"
        words = f"{words}; sent was {used}"
    for start, step in _NOT_FOUND.items():
        if response.status == 404 and sent.path.startswith(start):
            words = f"{words}; {step}"
    if 300 <= response.status < 400:
        target = mask_url(response.headers.get("location", "nowhere"))
        words = f"redirects are not followed; it pointed to {quoted(target)}"
    return status_error(response.status, sent.method, url + sent.path, words)
