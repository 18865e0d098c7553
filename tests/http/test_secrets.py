"""No secret shows, wherever one may look."""

from __future__ import annotations

import base64
import http.client
import io
import logging
import pickle
import traceback

import pytest

from flowpack._http import HTTPOptions, HTTPTransport, RetryPolicy
from flowpack.exceptions import APIConnectionError, SettingsError
from flowpack.transport import Effect, Request
from tests.fault_proxy import LASTING, PASSING, FaultProxy, raw, reply, status
from tests.http.conftest import object_client

CANARY = "c4n4ry"
FAULTS = {**PASSING, **LASTING, "status_500": status("500 Oops")}


class Key(str):
    """A secret as the settings hold it."""

    def __repr__(self):
        return "'***'"


def everything_about(error):
    """Return all that tools print of an exception, variables included."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    chain = [error]
    while chain[-1] is not None:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    texts = [f"{each!r} {each} {getattr(each, 'args', ())}" for each in chain]
    return "".join([*shown.format(), *texts])


@pytest.fixture
def logs(caplog, monkeypatch):
    """All that is logged, and what ``http.client`` prints where a program wants it to."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_shows_of_an_api_call(server, logs, capsys, name):
    """Key, headers, query and body stay out of errors, logs and representations."""
    server.plan.extend([FAULTS[name]] * 2)
    transport = HTTPTransport(
        server.url,
        api_key=Key(CANARY),
        headers={"X-Token": Key(CANARY)},
        options=HTTPOptions(retries=RetryPolicy(attempts=2), sleep=lambda seconds: None),
    )
    body = Key(f'{{"password": "{CANARY}"}}').encode()
    request = Request("POST", "/x", body, Effect.UPSERT, headers={"X-A": CANARY})
    del body
    shown = repr(transport)
    try:
        transport.send(request)
    except APIConnectionError as error:
        shown += everything_about(error)
        assert pickle.loads(pickle.dumps(error)).args == error.args
    transport.close()
    assert CANARY in server.seen[0].headers["x-a"]
    assert CANARY not in shown + logs.text + "".join(capsys.readouterr())


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_shows_of_an_object(server, logs, capsys, name):
    """The same for what storage sends, with credentials in the URL."""
    server.plan.extend([FAULTS[name]] * 2)
    client = object_client(headers={"X-Token": Key(CANARY)}, retries=RetryPolicy(attempts=2))
    url = Key(server.url.replace("//", f"//{CANARY}:{CANARY}@") + f"/a?b={CANARY}")
    shown = repr(client)
    try:
        client.put(url, io.BytesIO(CANARY.encode()), 6)
    except APIConnectionError as error:
        shown += everything_about(error)
    client.close()
    assert CANARY not in shown + logs.text + "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_PROXY": f"socks5://{CANARY}:{CANARY}@127.0.0.1:1"},
        {"HTTP_PROXY": f"http://{CANARY}:{CANARY}@127.0.0.1:1", "X": CANARY},
    ],
    ids=["unusable", "refused"],
)
def test_nothing_shows_of_a_proxy(logs, environ, monkeypatch):
    """Neither its password nor the rest of the environment."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    transport = HTTPTransport(
        "http://127.0.0.1:9", options=HTTPOptions(sleep=lambda seconds: None)
    )
    del environ, name, value
    with pytest.raises((APIConnectionError, SettingsError)) as caught:
        transport.send(Request("GET", "/x"))
    error = caught.value
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next  # The test's own variables.
    assert CANARY not in everything_about(error) + logs.text


@pytest.fixture
def repeating(monkeypatch):
    """A proxy that repeats the credentials that it was sent, and who uses it."""

    def repeat(visit):
        shown = visit.seen.headers["proxy-authorization"]
        raw(reply(f"no: {shown} {CANARY}".encode(), f"407 denied {shown}"))(visit)

    with FaultProxy() as proxy:
        proxy.plan.extend([repeat] * 2)
        url = proxy.url.replace("//", f"//ann:{CANARY}@")
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("HTTPS_PROXY", url)
        yield


SHAPES = (CANARY, base64.b64encode(f"ann:{CANARY}".encode()).decode())


def test_proxy_that_repeats_its_password(repeating):
    """The error shows the number of the status alone."""
    transport = HTTPTransport("https://127.0.0.1:9")
    with pytest.raises(APIConnectionError, match="407 Proxy Auth") as caught:
        transport.send(Request("GET", "/x"))
    assert not [shape for shape in SHAPES if shape in str(caught.value)]


def test_answer_that_repeats_the_password_of_the_proxy(repeating):
    """Where a proxy reads the requests, its answers hold asterisks."""
    transport = HTTPTransport("http://127.0.0.1:9")
    with object_client() as client:
        answers = [
            transport.send(Request("GET", "/x")),
            client.get("http://127.0.0.1:9/x"),
        ]
    transport.close()
    for answer in answers:
        assert answer.body.startswith(b"no: ***")
        assert not [shape for shape in SHAPES if shape.encode() in answer.body]


@pytest.mark.parametrize("line", [f"{CANARY} no HTTP", f"HTTP/{CANARY} 200 OK"])
def test_nothing_shows_of_what_is_no_answer(server, line):
    """A server may repeat a key where its status should be."""
    server.plan.append(raw(f"{line}\r\n\r\n".encode()))
    options = HTTPOptions(retries=RetryPolicy(attempts=1))
    transport = HTTPTransport(server.url, options=options, api_key=Key(CANARY))
    with pytest.raises(APIConnectionError, match="no HTTP response") as caught:
        transport.send(Request("GET", "/x"))
    assert caught.value.__cause__ is None
    assert CANARY not in str(caught.value)
