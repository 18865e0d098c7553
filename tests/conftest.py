"""Fixtures for all tests."""

from tests.peers.fixtures import (
    agent_tag,
    kv,
    orion,
    pool_of,
    prefect2,
    prefect3,
    prefect34,
    prefect214,
    webdav,
)

__all__ = [
    "agent_tag",
    "kv",
    "orion",
    "pool_of",
    "prefect2",
    "prefect3",
    "prefect34",
    "prefect214",
    "webdav",
]
