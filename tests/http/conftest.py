"""A server that fails as its plan asks, and transports to it."""

from __future__ import annotations

import ssl

import pytest

from flowpack._http import HTTPOptions, HTTPTransport, ObjectClient
from tests.fault_proxy import FaultProxy
from tests.source import PACKAGE

CERTIFICATES = PACKAGE.parent / "tests" / "data" / "tls"

OPTIONS = ("timeout", "deadline", "verify", "session", "retries", "sleep")


def split(options):
    """Return the arguments of a constructor, with those that are options under that name."""
    given = {name: options.pop(name) for name in OPTIONS if name in options}
    given.setdefault("sleep", lambda seconds: None)
    given.setdefault("timeout", 5.0)
    return {**options, "options": HTTPOptions(**given)}


def object_client(**options):
    """Return a client that does not really wait between attempts."""
    return ObjectClient(**split(options))


@pytest.fixture
def server():
    """Answers ``{"id": "1"}`` unless its plan says otherwise."""
    with FaultProxy() as proxy:
        yield proxy


@pytest.fixture
def connect(server, monkeypatch):
    """Make transports to the server that do not really wait between attempts."""
    made = []

    def make(url=None, **options):
        for name, value in options.pop("environ", {}).items():
            monkeypatch.setenv(name, value)
        made.append(HTTPTransport(url or f"{server.url}/api", **split(options)))
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
