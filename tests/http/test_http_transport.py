"""What HTTPTransport puts on the wire, and what it refuses to."""

from __future__ import annotations

import base64
import pytest

import flowpack
from flowpack._http import HTTPOptions, HTTPTransport
from flowpack.exceptions import APIConnectionError, SettingsError
from flowpack.transport import Effect, Request
from tests.fault_proxy import reply, status

READ = Request("GET", "/flows/1")


def basic(text):
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_request_on_the_wire(server, transport):
    """Method, path, query, body and headers arrive as they were given."""
    request = Request(
        "POST",
        "/flows/",
        b'{"name": "a"}',
        Effect.UPSERT,
        query="limit=1&name=%C3%A9",
        headers={"X-Version": "0.6.0"},
    )
    transport.send(request)
    seen = server.seen[0]
    assert (seen.method, seen.target) == ("POST", "/api/flows/?limit=1&name=%C3%A9")
    assert seen.body == b'{"name": "a"}'
    assert seen.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": f"flowpack/{flowpack.__version__}",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "13",
        "x-version": "0.6.0",
    }


def test_request_without_body(server, transport):
    """A read has no body; what changes something says that its body is empty."""
    transport.send(READ)
    transport.send(Request("POST", "/x", None, Effect.UPSERT))
    read, write = server.seen
    assert "content-length" not in read.headers and "content-type" not in read.headers
    assert write.headers["content-length"] == "0"
    assert "content-type" not in write.headers


@pytest.mark.parametrize("size", [1, 16 * 1024, 16 * 1024 + 1, 3 * 2**20])
def test_body_of_any_size(server, transport, size):
    """A body arrives whole, whether it leaves with the head or after it."""
    body = bytes(range(256)) * (size // 256 + 1)
    transport.send(Request("POST", "/x", body[:size], Effect.UPSERT))
    assert server.seen[0].body == body[:size]


@pytest.mark.parametrize(
    "path",
    [
        "/deployments/name/%2E%2E/a%3Fb%23c",
        "/deployments/name/%2E/x",
        "/a/../b",
        "/a//b/",
        "/a%2Fb",
        "/%F0%9F%A6%86/%25",
        "/a;b=c,d:e@f",
    ],
)
def test_path_arrives_as_it_is(server, transport, path):
    """Nothing on the way normalises a path: a flow may be called ``..``."""
    transport.send(Request("GET", path))
    assert server.seen[0].target == f"/api{path}"


@pytest.mark.parametrize(
    ("root", "target"),
    [
        ("", "/flows/1"),
        ("/", "/flows/1"),
        ("/api/", "/api/flows/1"),
        ("/a b/\u00e9", "/a%20b/%C3%A9/flows/1"),
        ("/a%20b", "/a%20b/flows/1"),
    ],
)
def test_root_may_have_any_path(server, connect, root, target):
    """The API may live below any folder, with or without a slash at the end."""
    connect(server.url + root).send(READ)
    assert server.seen[0].target == target


def test_connections_are_kept(server, transport):
    """Calls one after the other share one connection."""
    for _ in range(5):
        transport.send(READ)
    assert server.connections == 1


def test_closed_transport(server, transport):
    """Closing twice is fine; a later call opens a new connection."""
    transport.send(READ)
    transport.close()
    transport.close()
    transport.send(READ)
    assert server.connections == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"api_key": "k3y"}, "Bearer k3y"),
        ({"api_key": ""}, None),
        ({"auth_string": "ann:a:b"}, basic("ann:a:b")),
        ({"api_key": "k3y", "auth_string": "ann:\u00e9"}, basic("ann:\u00e9")),
        ({"api_key": "k3y", "headers": {"authorization": "Own x"}}, "Own x"),
    ],
    ids=["none", "key", "empty_key", "basic", "basic_wins", "own_header_wins"],
)
def test_credentials(server, connect, options, expected):
    """Key, user and password, or a header of the user's."""
    connect(**options).send(READ)
    assert server.seen[0].headers.get("authorization") == expected


def test_credentials_in_the_url(server, connect):
    """They are sent as Basic, decoded, and stand in no URL that is shown."""
    transport = connect(f"http://ann:p%40ss@127.0.0.1:{server.port}/api?")
    transport.send(READ)
    assert server.seen[0].headers["authorization"] == basic("ann:p@ss")
    assert transport.url == f"{server.url}/api"
    assert "p%40ss" not in repr(transport)


def test_netrc_is_not_read(server, connect, tmp_path, monkeypatch):
    """A ``.netrc`` would replace the API key and reveal a password."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    connect(api_key="k3y").send(READ)
    connect().send(READ)
    sent = [seen.headers.get("authorization") for seen in server.seen]
    assert sent == ["Bearer k3y", None]


def test_cookies_are_not_kept(server, transport):
    """What a server sets is not sent back."""
    server.plan.append(status("200 OK", "Set-Cookie: a=b"))
    transport.send(READ)
    transport.send(READ)
    assert "cookie" not in server.seen[1].headers


@pytest.mark.parametrize("bad", ["\r\nX: 1", "\n", "\0", "\u20ac", "\x7f"], ids=ascii)
def test_key_that_cannot_be_sent(bad):
    """Line breaks and foreign characters are refused; the key is not shown."""
    with pytest.raises(SettingsError, match="API key") as caught:
        HTTPTransport("http://127.0.0.1/api", api_key=f"canary{bad}")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "canary\r\nX-B: 1"},
        {"X-A": "canary\0"},
        {"X-A": "canary\u20ac"},
        {"X A": "canary"},
        {"": "canary"},
        {"X-A\n": "canary"},
        {"Host": "canary"},
        {"Content-Length": "7"},
        {"X-A": 7},
    ],
    ids=repr,
)
def test_header_that_cannot_be_sent(headers):
    """What would break the request apart is refused; the value is not shown."""
    with pytest.raises(SettingsError, match="header") as caught:
        HTTPTransport("http://127.0.0.1/api", headers=headers)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("bad", ["a\nb:c", "a\0:b"], ids=repr)
def test_auth_string_that_cannot_be_sent(bad):
    """User and password are without control characters."""
    with pytest.raises(SettingsError, match="user name or the password"):
        HTTPTransport("http://127.0.0.1/api", auth_string=bad)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:4200/api",
        "ftp://127.0.0.1/api",
        "http://",
        "http:///api",
        "http://ann:canary@/api",
        "http://127.0.0.1:port/api",
        "http://127.0.0.1:99999/api",
        "http://127.0.0.1:0/api",
        "http://[::1/api",
        "http://a b/api",
        "http://127.0.0.1/api\r\nX: y",
        " http://127.0.0.1/api",
        "http://127.0.0.1\\@evil/api",
        "http://127.0.0.1/api?token=canary",
        "http://127.0.0.1/#/api",
        "http://\udc80/api",
        "http://-/\0",
    ],
    ids=ascii,
)
def test_url_that_is_no_api(url):
    """It is refused with a reason, and without what may be a secret."""
    with pytest.raises(SettingsError, match="the API URL") as caught:
        HTTPTransport(url)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "request_",
    [Request("GET", "/a", headers={"X-A": "canary\n"}), Request("GET /x", "/a")],
    ids=repr,
)
def test_request_that_cannot_be_sent(server, transport, request_):
    """It is refused before a byte is sent; the value is not shown."""
    with pytest.raises(APIConnectionError, match="cannot be sent") as caught:
        transport.send(request_)
    assert "canary" not in str(caught.value)
    assert server.seen == []


@pytest.mark.parametrize("path", ["/a\r\nX: y", "/a HTTP/1.1\r\nX: y\r\n\r\n"], ids=ascii)
def test_path_is_one_path(server, transport, path):
    """Nothing in it becomes a header or another request."""
    transport.send(Request("GET", path))
    transport.send(Request("GET", "/b", query=path[1:]))
    assert len(server.seen) == 2
    assert not [seen for seen in server.seen if "x" in seen.headers]


@pytest.mark.parametrize("options", [{"timeout": 0}, {"deadline": -1.0}], ids=repr)
def test_time_that_is_none(options):
    """A call needs time."""
    with pytest.raises(ValueError, match="must be > 0"):
        HTTPOptions(**options)


def test_server_is_there(transport):
    """It is not the embedded API."""
    assert not transport.embedded


@pytest.mark.parametrize("body", [b'{"name": "s3cret"}', b'["s3cret"]', b'"s3cret"'])
def test_data_that_holds_a_secret(server, connect, body):
    """It stays as it is, for it may be sent back; errors are not to show it."""
    server.make_answer = lambda seen: reply(body)
    answer = connect(api_key="s3cret").send(READ)
    assert (answer.body, answer.echoes) == (body, True)
    answer = connect(api_key="an0ther").send(READ)
    assert (answer.body, answer.echoes) == (body, False)


def test_version_is_no_secret(server, transport):
    """What a server writes of the version that it was sent can be read."""
    words = b'{"detail": "This server speaks 0.8.0 and got 0.6.0"}'
    server.plan.append(status("400 No", body=words))
    headers = {"X-PREFECT-API-VERSION": "0.6.0", "X-Token": "This server"}
    answer = transport.send(Request("GET", "/x", headers=headers))
    assert answer.body == words.replace(b"This server", b"**********")
