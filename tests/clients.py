"""Clients of the embedded API, and scripts to deploy, for tests that need them."""

import json

import pytest

from flowpack.client import Client
from flowpack.transport import Effect

SCRIPT = '''\
try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow
def hello(name="world"):
    """Greet."""
    return f"Hello {name}!"
'''


class Counting:
    """A transport that keeps what was sent through another one."""

    def __init__(self, transport):
        self.transport = transport
        self.sent = []
        self.answer_with = {}

    url = property(lambda self: self.transport.url)
    embedded = property(lambda self: self.transport.embedded)

    def send(self, request):
        self.sent.append(request)
        return self.transport.send(request)

    def close(self):
        self.transport.close()

    def calls(self):
        """Return method and path of what was sent, the version request aside."""
        calls = [f"{each.method} {each.path}" for each in self.sent]
        return [call for call in calls if call != "GET /admin/version"]

    def writes(self):
        """Return method and path of what was not a read."""
        return [
            f"{each.method} {each.path}"
            for each in self.sent
            if each.effect is not Effect.READ
        ]

    def body(self, path):
        """Return the JSON of the last request to *path*."""
        return json.loads([each for each in self.sent if each.path == path][-1].body)


@pytest.fixture
def transport(fresh_home):
    """The embedded API, watched."""
    from flowpack.embedded import EmbeddedTransport

    counting = Counting(EmbeddedTransport(fresh_home / "flowpack.db"))
    yield counting
    counting.close()


@pytest.fixture
def client(transport):
    """A client of the embedded API."""
    with Client(transport=transport) as client:
        yield client


@pytest.fixture
def script(tmp_path):
    """A script with one flow, ``hello``."""
    path = tmp_path / "hello.py"
    path.write_text(SCRIPT)
    return path
