"""A server that fails as it is told, and transports to it."""

from __future__ import annotations

import ssl

import pytest

from flowpack._http import HTTPTransport
from tests.fault_proxy import FaultProxy
from tests.source import PACKAGE

CERTIFICATES = PACKAGE.parent / "tests" / "data" / "tls"


@pytest.fixture
def server():
    """Answers ``{"id": "1"}`` unless its plan says otherwise."""
    with FaultProxy() as proxy:
        yield proxy


@pytest.fixture
def connect(server):
    """Make transports to the server that do not really wait between attempts."""
    made = []

    def make(url=None, **options):
        options.setdefault("sleep", lambda seconds: None)
        options.setdefault("timeout", 5.0)
        options.setdefault("environ", {})
        made.append(HTTPTransport(url or f"{server.url}/api", **options))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def transport(connect):
    """A transport to the server."""
    return connect()


@pytest.fixture
def tls_server():
    """Make servers that speak TLS with one of the test's certificates."""
    open_servers = []

    def make(certificate="localhost"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / f"{certificate}.pem")
        open_servers.append(FaultProxy(context=context).__enter__())
        return open_servers[-1]

    yield make
    for server in open_servers:
        server.close()
