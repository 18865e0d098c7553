"""Fixtures that give running peers, each started once for a session."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterator, TypeVar

import pytest

from tests.peers.environments import PeerUnavailable
from tests.peers.keyvalue import KeyValueServer, kv_server
from tests.peers.nginx import nginx_webdav
from tests.peers.prefect import (
    Server,
    orion_agent,
    orion_server,
    prefect_server,
    prefect_worker,
)

T = TypeVar("T")

#: Under continuous integration a peer that is missing is a failure.
_CI = bool(os.environ.get("CI"))


@contextlib.contextmanager
def needed(peer: ContextManager[T]) -> Iterator[T]:
    """Enter *peer*; where it is not available the test is skipped, in CI it fails."""
    with contextlib.ExitStack() as stack:
        try:
            entered = stack.enter_context(peer)
        except PeerUnavailable as exc:
            if _CI:
                raise
            pytest.skip(str(exc))
        yield entered


@pytest.fixture(scope="session")
def orion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect 2.0b7 server."""
    with needed(orion_server(tmp_path_factory.mktemp("orion"))) as server:
        yield server


@pytest.fixture(scope="session")
def prefect214(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An older server of Prefect 2, before several schedules and slugs."""
    with needed(prefect_server("2.14.21", tmp_path_factory.mktemp("p214"))) as server:
        yield server


@pytest.fixture(scope="session")
def prefect2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The last server of Prefect 2, with work pools."""
    with needed(prefect_server("2.20.25", tmp_path_factory.mktemp("p2"))) as server:
        yield server


@pytest.fixture(scope="session")
def prefect34(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An older server of Prefect 3, whose client sends all schedules always."""
    with needed(prefect_server("3.4.13", tmp_path_factory.mktemp("p34"))) as server:
        yield server


@pytest.fixture(scope="session")
def prefect3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of Prefect 3."""
    with needed(prefect_server("3.9.1", tmp_path_factory.mktemp("p3"))) as server:
        yield server


# Agents and workers that wait for work take as much of the machine as others that start,
# so that they do not stay for the whole session.


@pytest.fixture(scope="module")
def agent_tag(orion: Server) -> Iterator[str]:
    """The tag of deployments whose flow runs a stock 2.0b7 agent takes."""
    tag = f"shared-{uuid.uuid4().hex[:8]}"
    with orion_agent(orion, tag):
        yield tag


@pytest.fixture(scope="module")
def pool_of() -> Iterator[Callable[[Server], str]]:
    """Return the name of a server's work pool that has a stock worker, one for all tests."""
    pools: Dict[str, str] = {}
    with contextlib.ExitStack() as workers:

        def start(server: Server) -> str:
            if server.api not in pools:
                pool = f"shared-{uuid.uuid4().hex[:8]}"
                workers.enter_context(prefect_worker(server, pool))
                pools[server.api] = pool
            return pools[server.api]

        yield start


@pytest.fixture
def webdav(tmp_path: Path) -> Iterator[str]:
    """The address of an nginx whose files are in ``tmp_path / "webdav"``."""
    root, prefix = tmp_path / "webdav", tmp_path / "nginx"
    root.mkdir()
    prefix.mkdir()
    with needed(nginx_webdav(root, prefix)) as url:
        yield url


@pytest.fixture
def kv() -> Iterator[KeyValueServer]:
    """An empty key-value server."""
    with kv_server() as server:
        yield server
