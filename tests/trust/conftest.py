"""Fixtures of these tests."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from flowpack import get_client
from tests.trust import worlds


@pytest.fixture
def short_waits(monkeypatch):
    """Wait a hundredth of a second where flowpack would wait longer."""
    wait = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: wait(min(seconds, 0.01)))


@pytest.fixture
def client(fresh_home):
    """A client of the embedded API."""
    with get_client() as client:
        yield client


@pytest.fixture
def world(tmp_path, monkeypatch, short_waits):
    """An API and a storage over HTTP, each behind a proxy, and a short time-out."""
    monkeypatch.setenv("FLOWPACK_API_REQUEST_TIMEOUT", "2")
    with worlds.world(tmp_path) as made:
        yield made


@pytest.fixture
def in_memory(tmp_path):
    """A folder for tests that sync often: in memory where that can be."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="flowpack-"))
    yield folder
    shutil.rmtree(folder)
