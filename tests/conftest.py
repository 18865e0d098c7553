"""Fixtures for all tests."""

from tests.peers.fixtures import (
    kv,
    orion,
    prefect2,
    prefect3,
    prefect34,
    prefect214,
    webdav,
)

__all__ = [
    "kv",
    "orion",
    "prefect2",
    "prefect3",
    "prefect34",
    "prefect214",
    "webdav",
]
