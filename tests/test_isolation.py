"""Tests run apart from the machine's settings and from other machines."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests import isolation

ELSEWHERE = ("192.0.2.1", 80)


@pytest.fixture
def unsuspected():
    """Forget, before the automatic fixture looks, what this test tried."""
    yield
    isolation._refused.clear()


def test_other_machines_are_refused(unsuspected):
    """A connection to another machine fails before a packet is sent."""
    with socket.socket() as endpoint:
        with pytest.raises(AssertionError, match="loopback only"):
            endpoint.connect(ELSEWHERE)


def test_names_of_other_machines_are_refused(unsuspected):
    """No name server is asked."""
    with pytest.raises(AssertionError, match="loopback only"):
        socket.getaddrinfo("example.org", 80)


def test_hidden_attempts_are_remembered(unsuspected):
    """Code that swallows the refusal does not make the test pass."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        with pytest.raises(AssertionError):
            endpoint.sendto(b"?", ELSEWHERE)
    assert isolation._refused == ["socket.sendto '192.0.2.1'"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host):
    """Servers of the test's own are reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection((host, server.getsockname()[1]), timeout=5):
            pass


def test_processes_get_the_fresh_home(fresh_home):
    """A process that a test starts works in the test's home too."""
    code = "import os; print(os.environ['FLOWPACK_HOME'])"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    assert result.stdout.strip() == str(fresh_home)


def test_foreign_settings_are_gone():
    """No setting of the person who runs the tests is left but the homes."""
    left = {name for name in os.environ if isolation.foreign(name)}
    assert left == {"FLOWPACK_HOME", "PREFECT_HOME"}
