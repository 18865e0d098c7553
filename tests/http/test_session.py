"""A session of the user's is used with all that it brings."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import ssl
import time
import types

import pytest
import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import HTTPDigestAuth

from flowpack import get_client
from flowpack._http import HTTPOptions, HTTPTransport, RetryPolicy
from flowpack.client import Client
from flowpack.exceptions import APIConnectionError
from flowpack.transport import Effect, Request
from tests.fault_proxy import PASSING, FaultProxy, drip, raw, reply, status
from tests.http.conftest import CERTIFICATES

READ = Request("GET", "/flows/1")
UPSERT = Request("POST", "/flows/", b'{"name": "a"}', Effect.UPSERT)
CREATE = Request("POST", "/runs/", b'{"name": "a"}', Effect.CREATE)
CA = str(CERTIFICATES / "ca.pem")


@pytest.fixture
def session():
    """As a user makes one."""
    with requests.Session() as made:
        yield made


class Canned(BaseAdapter):
    """Answers without a server, as libraries for tests do."""

    def __init__(self, make):
        super().__init__()
        self.make = make
        self.sent = []

    def send(self, request, *args, **options):
        self.sent.append(request)
        return self.make(request)

    def close(self):
        pass


def made_by_hand(request):
    """Return a response that was never on a wire."""
    response = requests.Response()
    response.status_code = 200
    response._content = b'"2.0b7"'
    response.request, response.url = request, request.url
    return response


def made_of_a_file(request):
    """Return a response whose body is a plain file."""
    response = made_by_hand(request)
    response._content = False
    response.raw = io.BytesIO(b'"2.0b7"')
    return response


def made_by_urllib3(request):
    """Return a response as requests-mock and responses make them."""
    raw_response = urllib3.HTTPResponse(
        body=io.BytesIO(b'"2.0b7"'), headers={"A": "b"}, status=200, preload_content=False
    )
    return HTTPAdapter().build_response(request, raw_response)


def made_by_responses(request):
    """Return a response as the library ``responses`` makes them."""
    response = made_by_urllib3(request)
    shim = types.SimpleNamespace(msg=response.raw.headers, isclosed=lambda: True)
    response.raw._original_response = shim
    return response


MADE = [made_by_hand, made_of_a_file, made_by_urllib3, made_by_responses]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("connect", [Client, get_client])
def test_adapter_of_a_test(session, make, connect):
    """No server is needed where an adapter answers."""
    adapter = Canned(make)
    session.mount("http://api.example", adapter)
    with connect("http://api.example/api", session=session, api_key="k3y") as client:
        assert client.dialect.name == "orion"
    (sent,) = adapter.sent
    assert (sent.method, sent.url) == ("GET", "http://api.example/api/admin/version")
    assert sent.headers["Authorization"] == "Bearer k3y"
    assert sent.headers["Accept-Encoding"] == "identity"


def test_creation_through_the_adapter_of_a_test(session):
    """An adapter that knows no retries is used as it is."""
    adapter = Canned(made_by_hand)
    session.mount("http://", adapter)
    transport = HTTPTransport("http://api.example", options=HTTPOptions(session=session))
    assert transport.send(CREATE).status == 200
    assert adapter.sent[0].body == CREATE.body


class Own(HTTPAdapter):
    """An adapter of the user's, with a word of its own for the server."""

    word = "none"

    def send(self, request, *args, **options):
        request.headers["X-Own"] = self.word
        return super().send(request, *args, **options)


@pytest.mark.parametrize("kind", [HTTPAdapter, Own])
@pytest.mark.parametrize("fault", ["status_503", "lost_answer", "reset_in_head"])
def test_creation_is_sent_once(server, session, connect, kind, fault):
    """Whatever the user's retries say."""
    retries = urllib3.Retry(3, status_forcelist={503}, allowed_methods=None, backoff_factor=0)
    session.mount("http://", kind(max_retries=retries))
    transport = connect(session=session)
    transport.send(READ)
    server.plan.append(PASSING[fault])
    try:
        assert transport.send(CREATE).status == 503
    except APIConnectionError:
        assert fault != "status_503"
    assert server.targets == ["GET /api/flows/1", "POST /api/runs/"]


def test_adapter_of_ones_own_is_used(server, session, connect):
    """With what it was given, for creations, too."""
    own = Own()
    own.word = "mine"
    session.mount("http://", own)
    transport = connect(session=session)
    for request in (READ, UPSERT, CREATE):
        transport.send(request)
    assert [seen.headers["x-own"] for seen in server.seen] == ["mine"] * 3
    assert session.get_adapter("http://") is own


def test_deadline_with_an_adapter_of_ones_own(server, session, connect):
    """It holds between reads."""
    session.mount("http://", Own())
    server.make_answer = lambda seen: reply(b" " * 2**20)
    server.plan.append(drip(2**16, 0.1))
    transport = connect(session=session, deadline=0.5, retries=RetryPolicy(attempts=1))
    started = time.monotonic()
    with pytest.raises(APIConnectionError, match="within 0.5 s, all in all"):
        transport.send(READ)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("name", PASSING)
def test_passing_fault_with_an_adapter_of_ones_own(server, session, connect, name):
    """It is survived as with ours."""
    session.mount("http://", Own())
    server.plan.append(PASSING[name])
    assert connect(session=session).send(UPSERT).body == b'{"id": "1"}'


def test_plain_adapters_are_replaced(server, session, connect):
    """They keep the deadline, under the prefixes that the user chose."""
    session.mount(server.url, HTTPAdapter(max_retries=3))
    server.plan.extend([drip(1, 0.02)] * 5)
    with pytest.raises(APIConnectionError, match="within 0.3 s, all in all"):
        connect(session=session, deadline=0.3).send(READ)
    assert server.url in session.adapters
    assert not [each for each in session.adapters.values() if type(each) is HTTPAdapter]


def test_session_is_left_open(server, session):
    """Who made it closes it; what it does for the user is as it was."""
    with Client(f"{server.url}/api", session=session):
        pass
    server.plan.append(status("302 Found", f"Location: {server.url}/there"))
    assert session.get(f"{server.url}/here").json() == {"id": "1"}
    assert server.targets == ["GET /here", "GET /there"]


def test_headers_and_cookies_of_the_session(server, session, connect):
    """They are sent; ours win."""
    session.headers.update({"X-Own": "1", "User-Agent": "other", "Authorization": "Own x"})
    session.cookies.set("a", "b")
    connect(session=session).send(READ)
    connect(session=session, api_key="k3y").send(READ)
    first, second = (seen.headers for seen in server.seen)
    assert (first["x-own"], first["cookie"], first["authorization"]) == ("1", "a=b", "Own x")
    assert first["user-agent"].startswith("flowpack/")
    assert second["authorization"] == "Bearer k3y"


def test_basic_auth_of_the_session(server, session, connect):
    """It wins over an API key."""
    session.auth = ("ann", "p\u00e4ss")
    connect(session=session, api_key="k3y").send(UPSERT)
    expected = base64.b64encode("ann:p\u00e4ss".encode("latin-1")).decode()
    assert server.seen[0].headers["authorization"] == f"Basic {expected}"
    assert server.seen[0].body == UPSERT.body


def test_netrc_is_not_read(server, session, connect, tmp_path, monkeypatch):
    """Nor is it through a session that would."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    connect(session=session).send(READ)
    assert "authorization" not in server.seen[0].headers


def digest(method, target, nonce):
    """Return the response that Digest wants of ann, whose password is ``pass``."""

    def md5(text):
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    return md5(f"{md5('ann:api:pass')}:{nonce}:{md5(f'{method}:{target}')}")


def test_digest_auth(session, connect):
    """The server asks first, and the same request goes again; a flow may be called ``..``."""

    def answer(seen):
        found = re.search(r'nonce="(\w+)".*response="(\w+)"', seen.headers.get("authorization", ""))
        if found and found[2] == digest(seen.method, seen.target, found[1]):
            return reply(seen.body)
        challenge = 'WWW-Authenticate: Digest realm="api", nonce="n0nce"'
        return reply(b"no", "401 Unauthorized", challenge)

    session.auth = HTTPDigestAuth("ann", "pass")
    # Hooks of the session see what is left when the challenge has been met.
    session.hooks["response"].append(lambda response, **_: response.raise_for_status())
    with FaultProxy(answer=answer) as server:
        transport = connect(f"{server.url}/api", session=session)
        for effect in (Effect.UPSERT, Effect.CREATE):
            sent = Request("POST", "/flows/%2E%2E", b"body", effect)
            response = transport.send(sent)
            assert (response.status, response.body) == (200, b"body")
    assert {seen.target for seen in server.seen} == {"/api/flows/%2E%2E"}
    assert len(server.seen) == 4


def test_long_challenge(session, connect):
    """What requests reads by itself has a limit, too."""
    session.auth = HTTPDigestAuth("ann", "pass")
    challenge = 'WWW-Authenticate: Digest realm="api", nonce="n0nce"'
    with FaultProxy() as server:
        server.plan.append(raw(reply(bytes(2**20), "401 Unauthorized", challenge)))
        with pytest.raises(APIConnectionError, match="size limit"):
            connect(server.url, session=session).send(READ)


@pytest.mark.parametrize("trust_env", [True, False])
def test_proxies_of_the_session(server, session, connect, trust_env):
    """They are used; those of the environment only where the session trusts it."""
    session.trust_env = trust_env
    with FaultProxy() as own, FaultProxy() as named:
        connect(session=session, environ={"HTTP_PROXY": named.url}).send(READ)
        assert (len(named.seen), len(server.seen)) == ((1, 0) if trust_env else (0, 1))
        session.proxies["http"] = own.url.replace("//", "//ann:secret@")
        session.trust_env = False
        connect(session=session).send(READ)
    assert own.targets == [f"GET {server.url}/api/flows/1"]
    assert "proxy-authorization" in own.seen[0].headers


def test_certificates_of_the_session(tls_server, session, connect):
    """Its CA is trusted, in place of what the environment names, and no other."""
    server = tls_server()
    session.verify = CA
    other = {"SSL_CERT_FILE": str(CERTIFICATES / "self-signed.pem")}
    transport = connect(server.url, session=session, environ=other, verify=True)
    assert [transport.send(READ).status for _ in range(2)] == [200, 200]
    assert server.connections == 1
    with pytest.raises(APIConnectionError, match="not trusted"):
        connect(tls_server("self-signed").url, session=session).send(READ)
    session.verify = False
    assert connect(tls_server("self-signed").url, session=session).send(READ).status == 200


def test_certificates_that_change(tls_server, session, connect):
    """What the session trusts now counts, not what it trusted first."""
    transport = connect(tls_server().url, session=session)
    with pytest.raises(APIConnectionError, match="not trusted"):
        transport.send(READ)
    session.verify = False
    assert transport.send(READ).status == 200
    session.verify = str(CERTIFICATES / "self-signed.pem")
    session.close()
    with pytest.raises(APIConnectionError, match="not trusted"):
        transport.send(READ)


@pytest.mark.parametrize("kind", [HTTPAdapter, Own])
def test_certificates_of_the_settings(tls_server, session, connect, kind):
    """They hold where the session says nothing; for an adapter of one's own, too."""
    session.mount("https://", kind())
    assert connect(tls_server().url, session=session, verify=CA).send(READ).status == 200


def test_client_certificate_of_the_session(session, connect):
    """It is shown to a server that wants one; this one is not for clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem")
    context.load_verify_locations(CA)
    context.verify_mode = ssl.CERT_REQUIRED
    session.cert = str(CERTIFICATES / "localhost.pem")
    with FaultProxy(context=context) as server:
        with pytest.raises(APIConnectionError, match="ALERT_UNSUPPORTED_CERTIFICATE"):
            connect(server.url, session=session, verify=CA).send(READ)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_process_with_a_session(server, session, connect):
    """It has connections of its own there, too."""
    transport = connect(session=session)
    transport.send(READ)
    child = os.fork()
    if child == 0:
        result = 1
        try:
            result = transport.send(Request("GET", "/child")).status != 200
        finally:
            os._exit(result)
    assert os.waitpid(child, 0)[1] == 0
    transport.send(Request("GET", "/parent"))
    first, forked, last = server.seen
    assert first.connection == last.connection != forked.connection


def test_hook_that_reads_the_response(server, session, connect):
    """What a hook of the session has read is there all the same."""
    seen = []
    session.hooks["response"].append(lambda response, **_: seen.append(response.json()))
    transport = connect(session=session)
    assert [transport.send(each).body for each in (READ, CREATE)] == [b'{"id": "1"}'] * 2
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.plan.append(raw(head + b"1\r\n7\r\n0\r\n\r\n"))
    assert transport.send(READ).body == b"7"
    assert seen == [{"id": "1"}, {"id": "1"}, 7]


def test_hook_that_refuses_statuses(server, session, connect):
    """It is named: flowpack itself has to see what a server answers."""
    session.hooks["response"].append(lambda response, **_: response.raise_for_status())
    server.plan.append(status("404 Not Found"))
    with pytest.raises(APIConnectionError, match="a hook of the session refused status 404"):
        connect(session=session).send(READ)


def test_adapter_that_gives_up(server, session, connect):
    """The error gives its reason."""
    retries = urllib3.Retry(1, status_forcelist={503}, allowed_methods=None, backoff_factor=0)
    session.mount("http://", Own(max_retries=retries))
    server.plan.extend([status("503 Busy")] * 2)
    with pytest.raises(APIConnectionError, match="too many 503 error responses"):
        connect(session=session).send(READ)


def failing(error):
    """Return what an adapter does that fails once, and then answers."""
    errors = [error]

    def make(request):
        if errors:
            raise errors.pop()
        return made_by_hand(request)

    return make


@pytest.mark.parametrize("name", ["ConnectTimeout", "ReadTimeout", "ConnectionError"])
def test_failure_that_a_test_makes_up(session, connect, name):
    """It may pass, as a real one; what is created is not created again."""
    for request, attempts in ((READ, 2), (CREATE, 1)):
        adapter = Canned(failing(getattr(requests, name)("token=s3cret")))
        session.mount("http://", adapter)
        try:
            connect("http://api.example", session=session).send(request)
        except APIConnectionError as exc:
            assert attempts == 1
            assert "connection failed" in str(exc) or "nothing came" in str(exc)
            assert "s3cret" not in str(exc)
        assert len(adapter.sent) == attempts


def test_session_without_an_adapter(session, connect):
    """The error names that."""
    session.adapters.clear()
    with pytest.raises(APIConnectionError, match="the session has no adapter for this URL"):
        connect("http://api.example", session=session).send(READ)


def test_client_certificate_that_is_not_there(session, connect):
    """It is named at once."""
    session.cert = "/no/such.pem"
    with pytest.raises(APIConnectionError, match="TLS certificate file.*/no/such.pem") as caught:
        connect("https://127.0.0.1:9", session=session).send(READ)
    assert "attempts" not in str(caught.value)


def test_parameters_of_the_session(server, session, connect):
    """They follow those of the request, whose path stays as it is."""
    session.params = {"k": "a b"}
    transport = connect(session=session)
    transport.send(Request("GET", "/flows/name/%2E%2E"))
    transport.send(Request("GET", "/flows/1", query="x=%2F"))
    assert server.targets == ["GET /api/flows/name/%2E%2E?k=a+b", "GET /api/flows/1?x=%2F&k=a+b"]


def test_authorization_in_the_query(server, session, connect):
    """Some services want their token there."""

    def authorize(prepared):
        prepared.prepare_url(prepared.url, {"key": "k"})
        return prepared

    session.auth = authorize
    connect(session=session).send(READ)
    assert server.targets == ["GET /api/flows/1?key=k"]


def test_creation_does_not_close_an_adapter_of_the_session(server, session, connect):
    """What that holds beside connections, such as a cache, is used again."""

    class Caching(HTTPAdapter):
        def init_poolmanager(self, *args, **options):
            super().init_poolmanager(1, 1, options["block"])

        def close(self):
            raise AssertionError("closed")

    session.mount("http://", Caching())
    assert connect(session=session).send(CREATE).status == 200
    session.adapters.clear()
