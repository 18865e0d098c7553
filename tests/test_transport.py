"""A snapshot: each thing is read once, and what is no answer to it is asked again."""

import json

import pytest

from flowpack.client import Client
from flowpack.deployments.verification import verify_all
from flowpack.exceptions import APIStatusError, PackagingError
from flowpack.transport import Effect, Request, Response, Snapshot
from tests.http_server import serve

REFUSED = Response(403, b'{"detail": "Missing CSRF token."}')


class Canned:
    """A transport that gives these answers, one after the other."""

    url, embedded = "canned", False

    def __init__(self, *answers):
        self.answers = list(answers)

    def send(self, request):
        return self.answers.pop(0)

    def close(self):
        pass


@pytest.mark.parametrize("status", [200, 204, 404])
def test_what_a_server_has_is_asked_once(status):
    """What is there, and that there is nothing, stays so for the snapshot."""
    snapshot = Snapshot(Canned(Response(status)))
    sent = Request("GET", "/flows/name/f")
    assert [snapshot.send(sent).status for _ in "12"] == [status, status]


@pytest.mark.parametrize("status", [302, 401, 403, 422, 500, 503])
def test_failures_are_not_remembered(status):
    """They say nothing of the thing itself, and pass."""
    snapshot = Snapshot(Canned(Response(status), Response(200)))
    sent = Request("POST", "/flows/filter", b"{}")
    assert [snapshot.send(sent).status for _ in "123"] == [status, 200, 200]


def test_writes_are_refused():
    """Nothing is sent for them."""
    with pytest.raises(PackagingError, match="a plan only reads"):
        Snapshot(Canned()).send(Request("POST", "/flows/", b"{}", Effect.UPSERT))


class Protected:
    """A server of today's Prefect with CSRF protection, and nothing on it."""

    def __init__(self, token='{"token": "t0ken"}'):
        self.token = token

    def __call__(self, request):
        if request.path == "/admin/version":
            return Response(200, b'"3.4.0"')
        if request.path == "/csrf-token":
            return Response(200, self.token.encode())
        if request.method == "GET":
            return Response(404, b'{"detail": "Not found"}')
        if request.headers.get("prefect-csrf-token") != "t0ken":
            return REFUSED
        return Response(200, b"[]")


def test_reads_that_want_a_token():
    """A snapshot fetches one as its client does, and once."""
    with serve(Protected()) as url, Client(url) as client:
        snapshot = client.snapshot()
        assert snapshot.read_block_documents() == ()
        assert snapshot.read_block_documents() == ()
        assert snapshot.read_work_pools() == ()
        assert verify_all(client) == ()
    asked = [each.path for each in url.requests]
    assert asked.count("/csrf-token") == 1
    assert asked.count("/work_pools/filter") == 1


@pytest.mark.parametrize(
    "token",
    [
        "[" * 200_000,
        '{"token": %s1%s}' % ("[" * 900, "]" * 900),
        '{"token": null}',
        "{}",
        "[]",
        "",
    ],
    ids=["deep", "deep_token", "null", "missing", "list", "empty"],
)
def test_token_that_is_none(token):
    """The error is the server's refusal, and does not ask for a credential."""
    with serve(Protected(token)) as url, Client(url) as client:
        with pytest.raises(APIStatusError) as caught:
            client.create_flow("f")
    assert caught.value.status == 403
    assert caught.value.detail == json.loads(REFUSED.body)["detail"]
