"""Fixtures for all tests."""

from tests.peers.fixtures import kv, orion, prefect2, prefect3, prefect214, webdav

__all__ = ["kv", "orion", "prefect2", "prefect3", "prefect214", "webdav"]
