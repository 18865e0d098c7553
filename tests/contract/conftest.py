"""The APIs that must keep the contract."""

from __future__ import annotations

import os
from typing import Iterator

import pytest

from flowpack.embedded import EmbeddedTransport
from tests.contract.api import Api, OverHTTP
from tests.http_server import serve

#: The root of a real 2.0b7 server's API, to hold the suite against. Read here, for
#: tests do not see the variables of the person who runs them.
REAL = os.environ.get("FLOWPACK_TEST_API_URL")


@pytest.fixture(scope="session", params=["real"] if REAL else ["embedded", "socket"])
def api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """An API: in process, behind a socket, or a real server's.

    It is one for all tests, and a real one has a past: tests make names of their
    own and do not expect to find nothing else.
    """
    if request.param == "real":
        assert REAL is not None
        yield Api(OverHTTP(REAL.rstrip("/")))
        return
    embedded = EmbeddedTransport(tmp_path_factory.mktemp("api") / "flowpack.db")
    if request.param == "embedded":
        yield Api(embedded)
    else:
        with serve(embedded) as url:
            yield Api(OverHTTP(url))
    embedded.close()
