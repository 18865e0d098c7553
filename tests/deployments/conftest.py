"""Fixtures of these tests."""

from tests.clients import client, script, transport

__all__ = ["client", "script", "transport"]
