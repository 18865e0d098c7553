"""Requests and answers as bytes."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib.parse import unquote

from flowpack.exceptions import (
    APIStatusError,
    ObjectAlreadyExists,
    ObjectNotFound,
    WireError,
)
from flowpack.models import Deployment
from flowpack.transport import Response, Request
from flowpack.wire import dialect_for
from flowpack.wire.encoding import decode, encode, error_for, path, server_words

SENT = Request("POST", "/flows/")
URL = "http://127.0.0.1:4200/api"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param({"detail": "Flow not found"}, "Flow not found", id="detail"),
        pytest.param(
            {
                "exception_message": "Invalid request received.",
                "exception_detail": [
                    {"loc": ["body", "name"], "msg": "field required", "type": "x"}
                ],
                "request_body": {"data": {"aws_secret_access_key": "canary"}},
            },
            "Invalid request received. body.name: field required",
            id="validation",
        ),
        pytest.param(
            {"exception_message": "Internal Server Error"},
            "Internal Server Error",
            id="exception",
        ),
        pytest.param(
            {"message": "Block document not found"},
            "Block document not found",
            id="message",
        ),
        pytest.param([1], "[1]", id="not-an-object"),
        pytest.param({"other": "x"}, "", id="none-of-them"),
    ],
)
def test_server_words_of_each_shape(content, words):
    """The four shapes of errors give the server's words, never the request."""
    assert server_words(json.dumps(content).encode()) == words


REFUSED = json.loads((Path(__file__).parent / "data" / "refused_schedules.json").read_text())


@pytest.mark.parametrize(
    "release, refused",
    [(release, each) for release, recorded in REFUSED.items() for each in recorded],
    ids=lambda value: value if isinstance(value, str) else str(value["schedule"]),
)
def test_refused_schedule_in_one_sentence(release, refused):
    """Servers list what each kind of schedule lacks; only the kind that was sent counts."""
    schedule = refused["schedule"]
    sent = {"schedule": schedule} if release == "2.0b7" else {"schedules": [{"schedule": schedule}]}
    answer = Response(422, json.dumps(refused["json"]).encode())
    detail = error_for(answer, Request("POST", "/deployments/", encode(sent)), URL).detail
    kind = next(iter(schedule))
    field = "timezone" if schedule.get("timezone") == "Mars/X" else kind
    assert detail.startswith(f"schedule, {field}: ")
    words = {"cron": "Invalid cron string|Random and Hashed", "rrule": "Invalid RRule string"}
    assert re.search(words.get(field, "Invalid timezone: ") + f'.*"{schedule[field]}', detail)
    assert len(re.findall("Invalid|unsupported", detail)) == 1
    assert not re.search("required|permitted|Value error", detail)


def test_server_words_of_html_are_bounded():
    """An answer that is no JSON is shown, cut and in one line."""
    words = server_words(b"<html>\n" + b"x" * 100_000)
    assert words.startswith("<html>\\n")
    assert len(words) < 300


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, ObjectNotFound), (409, ObjectAlreadyExists), (422, APIStatusError)],
)
def test_status_becomes_its_class(status, kind):
    """404 and 409 have classes of their own, and every error names the request."""
    error = error_for(Response(status, b'{"detail": "no"}'), SENT, URL)
    assert type(error) is kind
    assert (error.status, error.method, error.detail) == (status, "POST", "no")
    assert str(error) == f"POST {URL}/flows/ answered {status}: no"


def test_redirect_says_where_it_pointed():
    """A redirect is an error that names its target without the query."""
    answer = Response(307, b"", {"location": "http://other/flows/?token=canary"})
    assert "http://other/flows/" in str(error_for(answer, SENT, URL))
    assert "canary" not in str(error_for(answer, SENT, URL))


BODIES = {
    "orion": {"flow_runner": {"config": {"env": {"A": "canary"}, "image": "abcd"}}},
    "variables": {"job_variables": {"env": {"A": "canary"}, "image": "abcd"}},
    "overrides": {"infra_overrides": {"env.A": "canary", "image": "abcd"}},
    "manifest": {
        "job_variables": {
            "job": [{"env": [{"name": "abcd", "value": "canary"}]}],
            "env": {"NUMBER": 123456},
        }
    },
    "parameters": {"parameters": {"table": "abcd", "url": "http://u:canary@host"}},
    "nested": {"parameters": {"a": [{"env": "abcd"}]}, "data": {"x": ["canary"]}},
    "document": {"data": {"x": "canary"}, "name": "abcd"},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_only_what_is_secret_is_masked(body):
    """Values of variables and of blocks are; parameters and the rest are shown."""
    words = "'abcd', 'http://u:canary@host' and 123456 do not fit"
    answer = Response(422, json.dumps({"detail": words}).encode())
    sent = Request("POST", "/deployments/", json.dumps(body).encode())
    detail = error_for(answer, sent, URL).detail
    assert detail.startswith("'abcd', '") and detail.endswith(" do not fit")
    assert "canary" not in detail
    assert ("123456" in detail) == ("NUMBER" not in str(body))


@pytest.mark.parametrize("body", [b"<html>", b"{", b"\xff", b"[" * 100_000])
def test_answer_that_is_no_json_is_a_wire_error(body):
    """A body that cannot be read names method, address and status."""
    with pytest.raises(WireError, match="POST .*/flows/ answered 200"):
        decode(Response(200, body), SENT, URL)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), "\udce9"], ids=type)
def test_what_is_not_json_is_not_sent(value):
    """Values that JSON cannot say are refused before they are sent."""
    with pytest.raises(WireError, match="JSON"):
        encode({"x": value})


@given(st.text().filter(lambda text: text.isprintable() and text.strip()))
def test_path_segments_survive_encoding(segment):
    """Whatever a name holds, it stays one segment and decodes to itself."""
    encoded = path("flows", "name", segment)
    assert encoded.count("/") == 3
    assert encoded.split("/")[3] not in (".", "..")
    assert unquote(encoded.split("/")[3]) == segment


@pytest.mark.parametrize("version", ["2.0b6", "2.0.0", "2.9.1", "1.4"])
def test_unsupported_release_says_what_is_supported(version):
    """A release without a dialect is named, and so is what is supported."""
    with pytest.raises(WireError, match=f"'{version}'.*2.0b7"):
        dialect_for(version)


@pytest.mark.parametrize("version", [None, {}, "hello", 3])
def test_what_is_no_release_is_no_prefect(version):
    """An answer that is no version asks for the right address."""
    with pytest.raises(WireError, match="It ends in /api"):
        dialect_for(version)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "expected an object"),
        ([], "expected an object"),
        ({}, "missing"),
        ({"id": "x", "name": 1, "flow_id": None, "flow_data": None}, "expected str"),
    ],
    ids=["null", "list", "empty", "ill-typed"],
)
def test_bad_record_is_a_wire_error(value, words):
    """Missing and ill-typed fields are named with their paths."""
    with pytest.raises(WireError, match=words):
        dialect_for("2.0b7").structure(value, Deployment)
