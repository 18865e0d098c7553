"""The APIs that must keep the contract."""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from flowpack.client import Client
from flowpack.embedded import EmbeddedTransport

#: The root of a real 2.0b7 server's API, to hold the suite against. Read here, for
#: tests do not see the variables of the person who runs them.
REAL = os.environ.get("FLOWPACK_TEST_API_URL")


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the embedded API, or of a real server's.

    It is one for all tests, and a real server has a past: tests make names of their
    own and do not expect to find nothing else.
    """
    if REAL:
        with Client(REAL.rstrip("/")) as client:
            yield client
        return
    database = tmp_path_factory.mktemp("api") / "flowpack.db"
    with Client(transport=EmbeddedTransport(database)) as client:
        yield client
