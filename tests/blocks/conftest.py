"""Fixtures of these tests."""

from __future__ import annotations

import tempfile

import pytest

from tests.blocks.servers import FileServer, serving
from tests.clients import client, transport
from tests.peers.keyvalue import KeyValueServer

__all__ = ["client", "transport"]


@pytest.fixture
def files():
    """A file server over HTTP."""
    with serving(FileServer()) as server:
        yield server


@pytest.fixture
def values():
    """A key-value server."""
    with serving(KeyValueServer()) as server:
        yield server


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder, for this test alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    tempfile.tempdir = None
