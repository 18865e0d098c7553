"""Proxies and certificates."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import threading
import time

import pytest

from flowpack.exceptions import APIConnectionError, SettingsError
from flowpack.transport import Effect, Request
from flowpack.urls import CA_VARIABLES
from tests.fault_proxy import FaultProxy, raw, status
from tests.http.conftest import CERTIFICATES

READ = Request("GET", "/flows/1")
CREATE = Request("POST", "/runs/", b"{}", Effect.CREATE)
CA = str(CERTIFICATES / "ca.pem")


@pytest.fixture
def proxy():
    """A proxy that answers by itself."""
    with FaultProxy() as server:
        yield server


@pytest.mark.parametrize("bad", ["http://u:canary@", "http://u:canary@p:port", "ftp://u:canary@p"])
def test_proxy_that_cannot_be_used(connect, bad):
    """The error names the variable and shows no credentials."""
    with pytest.raises(SettingsError, match="the proxy.*HTTP_PROXY") as caught:
        connect(environ={"HTTP_PROXY": bad}).send(READ)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_socks_proxy(connect):
    """It wants what requests wants for it."""
    with pytest.raises(APIConnectionError, match="PySocks") as caught:
        connect(environ={"HTTP_PROXY": "socks5://u:canary@p"}).send(READ)
    assert "canary" not in str(caught.value)


def test_request_through_a_proxy(server, proxy, connect):
    """The proxy gets the whole URL and its own credentials."""
    environ = {"HTTP_PROXY": f"http://ann:secret@127.0.0.1:{proxy.port}"}
    transport = connect(environ=environ, api_key="k3y")
    transport.send(Request("GET", "/a/%2E%2E", query="b=c"))
    seen = proxy.seen[0]
    assert seen.target == f"{server.url}/api/a/%2E%2E?b=c"
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    expected = base64.b64encode(b"ann:secret").decode()
    assert seen.headers["proxy-authorization"] == f"Basic {expected}"
    assert seen.headers["authorization"] == "Bearer k3y"
    assert server.seen == []


def test_request_past_the_proxy(server, proxy, connect):
    """NO_PROXY goes straight to the server."""
    environ = {"HTTP_PROXY": proxy.url, "NO_PROXY": "127.0.0.0/8"}
    connect(environ=environ).send(READ)
    assert (len(server.seen), proxy.seen) == (1, [])


def tunnel_to(server):
    """Return what a proxy does that connects to *server*."""

    def tunnel(visit):
        visit.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        visit.join(("127.0.0.1", server.port))

    return tunnel


def test_tls_through_a_proxy(tls_server, proxy, connect):
    """The proxy sees where to, its own credentials, and nothing else."""
    server = tls_server()
    proxy.plan.append(tunnel_to(server))
    environ = {"HTTPS_PROXY": f"http://ann:secret@127.0.0.1:{proxy.port}"}
    transport = connect(server.url, environ=environ, verify=CA, api_key="k3y")
    assert [transport.send(READ).status for _ in range(2)] == [200, 200]
    assert proxy.targets == [f"CONNECT 127.0.0.1:{server.port}"]
    assert "proxy-authorization" in proxy.seen[0].headers
    assert "authorization" not in proxy.seen[0].headers
    assert "proxy-authorization" not in server.seen[0].headers
    assert server.seen[0].headers["authorization"] == "Bearer k3y"


@pytest.mark.parametrize("proxied", ["plain", "tls"])
def test_proxy_that_drips(proxy, tls_server, connect, proxied):
    """The deadline holds while a tunnel is opened; nothing has been sent to the server yet."""
    proxy = proxy if proxied == "plain" else tls_server()
    for _ in range(3):
        proxy.plan.append(lambda visit: visit.drip(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 99, 1, 0.1))
    environ = {"HTTPS_PROXY": proxy.url}
    options = {"environ": environ, "verify": CA, "timeout": 0.5, "deadline": 1.0}
    transport = connect("https://127.0.0.1:1", **options)
    started = time.monotonic()
    with pytest.raises(APIConnectionError, match="no complete response within 1 s, all in all"):
        transport.send(READ)
    assert time.monotonic() - started < 3


def test_creation_after_a_tunnel_that_failed(tls_server, proxy, connect):
    """It was not sent, so it is repeated."""
    server = tls_server()
    proxy.plan.extend([status("503 Busy"), tunnel_to(server)])
    transport = connect(server.url, environ={"HTTPS_PROXY": proxy.url}, verify=CA)
    assert transport.send(CREATE).status == 200
    assert len(server.seen) == 1


def test_tls_through_a_proxy_with_tls(tls_server, connect):
    """One within the other; both certificates are checked."""
    server, proxy = tls_server(), tls_server()
    proxy.plan.append(tunnel_to(server))
    transport = connect(server.url, environ={"HTTPS_PROXY": proxy.url}, verify=CA)
    assert [transport.send(READ).status for _ in range(2)] == [200, 200]
    assert (len(proxy.seen), len(server.seen)) == (1, 2)
    proxy.plan.append(tunnel_to(tls_server("self-signed")))
    environ = {"HTTPS_PROXY": proxy.url}
    other = connect("https://127.0.0.1:1", environ=environ, verify=CA)
    with pytest.raises(APIConnectionError, match="certificate is not trusted"):
        other.send(READ)


def test_large_body_within_two_layers_of_tls(tls_server, connect):
    """It arrives."""
    server, proxy = tls_server(), tls_server()
    proxy.plan.append(tunnel_to(server))
    transport = connect(server.url, environ={"HTTPS_PROXY": proxy.url}, verify=CA)
    body = bytes(range(256)) * 4096
    transport.send(Request("GET", "/x", body))
    assert server.seen[0].body == body


def test_plain_request_through_a_proxy_with_tls(server, tls_server, connect):
    """The proxy reads the request; nobody else on the way to it does."""
    proxy = tls_server()
    environ = {"HTTP_PROXY": proxy.url.replace("//", "//ann:secret@")}
    transport = connect(environ=environ, verify=CA)
    assert transport.send(READ).status == 200
    assert proxy.targets == [f"GET {server.url}/api/flows/1"]
    assert "proxy-authorization" in proxy.seen[0].headers


@pytest.mark.parametrize(
    ("line", "attempts"), [("407 Proxy Authentication", 1), ("503 Busy", 2)]
)
def test_proxy_that_refuses(proxy, connect, line, attempts):
    """The error names the status; one that may pass is waited for."""
    proxy.plan.append(raw(f"HTTP/1.1 {line}\r\n\r\n".encode()))
    proxy.plan.append(raw(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
    environ = {"HTTPS_PROXY": proxy.url}
    with pytest.raises(APIConnectionError, match="the proxy refused: 40[37]"):
        connect("https://127.0.0.1:1", environ=environ).send(READ)
    assert len(proxy.seen) == attempts


def test_address_that_this_machine_cannot_use(server, connect, monkeypatch):
    """Where there is no IPv6, a host that has both is reached by the other."""
    found = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
    unknown = (9999, *found[0][1:])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [unknown, *found])
    assert connect().send(READ).status == 200
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [unknown])
    with pytest.raises(APIConnectionError, match="the connection failed while connecting"):
        connect().send(READ)


def test_trusted_server(tls_server, connect):
    """A certificate of the CA that is trusted, by name or number."""
    server = tls_server()
    transport = connect(server.url, verify=CA)
    assert [transport.send(READ).status for _ in range(2)] == [200, 200]
    assert server.connections == 1
    by_name = connect(f"https://localhost:{server.port}", verify=CA)
    assert by_name.send(READ).status == 200


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_trust_from_the_environment(tls_server, connect, variable):
    """The variables of other programs name the CA, too."""
    transport = connect(tls_server().url, environ={variable: CA})
    assert transport.send(READ).status == 200


@pytest.mark.parametrize("certificate", ["elsewhere", "expired", "self-signed"])
@pytest.mark.parametrize("verify", [CA, True, None], ids=["ca", "true", "none"])
def test_untrusted_server(tls_server, connect, certificate, verify):
    """It gets no request, is not asked again, and the error says what to set."""
    server = tls_server(certificate)
    environ = {"SSL_CERT_FILE": "", "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": ""}
    with pytest.raises(APIConnectionError, match="PREFECT_API_SSL_CERT_FILE"):
        connect(server.url, verify=verify, environ=environ).send(READ)
    assert (server.connections, server.seen) == (1, [])


def test_unchecked_server(tls_server, connect):
    """Who says so in so many words may do without."""
    transport = connect(tls_server("self-signed").url, verify=False)
    assert transport.send(READ).status == 200


def test_large_body_over_tls(tls_server, connect):
    """Bodies of many records arrive."""
    server = tls_server()
    body = bytes(range(256)) * 4096
    connect(server.url, verify=CA).send(Request("GET", "/x", body))
    assert server.seen[0].body == body


def test_drip_over_tls(tls_server, connect):
    """The deadline holds there, too."""
    server = tls_server()
    server.plan.append(lambda visit: visit.drip(b"HTTP/1.1 200 OK\r\n" * 99, 1, 0.02))
    with pytest.raises(APIConnectionError, match="within 0.4 s, all in all"):
        connect(server.url, verify=CA, deadline=0.4).send(READ)


def test_idle_tls_connection_that_was_closed(tls_server, connect):
    """As without TLS the request goes again."""
    server = tls_server()
    transport = connect(server.url, verify=CA)
    transport.send(READ)
    server.plan.append(raw(b""))
    assert transport.send(READ).status == 200


def test_server_without_tls(connect):
    """A plain server where TLS is expected is named, and not asked again."""
    came: list[socket.socket] = []

    def refuse():
        with contextlib.suppress(OSError):
            while True:
                sock, _ = plain.accept()
                with sock:
                    came.append(sock)
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    while sock.recv(4096):
                        pass

    with socket.create_server(("127.0.0.1", 0)) as plain:
        threading.Thread(target=refuse, daemon=True).start()
        with pytest.raises(APIConnectionError, match="does the server speak https"):
            connect(f"https://127.0.0.1:{plain.getsockname()[1]}").send(READ)
        plain.shutdown(socket.SHUT_RDWR)
    assert len(came) == 1


@pytest.mark.parametrize("content", [None, "no certificate", os.mkfifo], ids=ascii)
def test_trust_file_that_cannot_be_read(tls_server, connect, tmp_path, content):
    """The error names the file and what to set."""
    path = tmp_path / "ca.pem"
    if content is os.mkfifo:
        os.mkfifo(path)
    elif content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="ca.pem.*PREFECT_API_SSL_CERT_FILE"):
        connect(tls_server().url, verify=str(path)).send(READ)


def test_status_of_a_proxy(server, proxy, connect):
    """A proxy that cannot reach the server is asked again."""
    proxy.plan.append(status("502 Bad Gateway"))
    assert connect(environ={"HTTP_PROXY": proxy.url}).send(READ).status == 200
