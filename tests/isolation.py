"""Keeps tests apart from the machine they run on and from other machines."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

#: Settings and profiles of the person who runs the tests must not reach them.
FOREIGN_PREFIXES = ("AWS_", "AZURE_", "FLOWPACK_", "GOOGLE_", "PREFECT_")
FOREIGN_VARIABLES = frozenset(
    {
        "ALL_PROXY",
        "CURL_CA_BUNDLE",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NETRC",
        "NO_PROXY",
        "PYTHONUNBUFFERED",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)

_refused: list[str] = []


def foreign(variable: str) -> bool:
    """Say whether an environment *variable* would change what flowpack does."""
    name = variable.upper()
    return name.startswith(FOREIGN_PREFIXES) or name in FOREIGN_VARIABLES


@pytest.fixture(autouse=True)
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test, and the processes it starts, an empty home of their own.

    Returns:
        ``$FLOWPACK_HOME``, which does not exist yet; ``$PREFECT_HOME`` and
        ``$HOME`` are beside it.
    """
    for variable in list(os.environ):
        if foreign(variable):
            monkeypatch.delenv(variable)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("FLOWPACK_HOME", str(home / ".flowpack"))
    monkeypatch.setenv("PREFECT_HOME", str(home / ".prefect"))
    return home / ".flowpack"


@pytest.fixture(autouse=True)
def only_loopback() -> Iterator[None]:
    """Fail a test that tried to reach another machine, even if it hid the error."""
    _refused.clear()
    yield
    assert not _refused, f"the test tried to reach other machines: {_refused}"


def refuse_other_machines() -> None:
    """Refuse, for the rest of this process, all sockets but those on loopback."""
    sys.addaudithook(_watch_sockets)


def _watch_sockets(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if host is not None and not _on_loopback(host):
        _refused.append(f"{event} {host!r}")
        raise AssertionError(f"tests reach loopback only, and this is {host!r}")


def _on_loopback(host: str | bytes) -> bool:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return False


def keep_bytecode() -> None:
    """Let the thousands of processes that tests start use what one has compiled."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def keep_files_in_memory() -> None:
    """Put the temporary files of the tests in memory, where the machine has room.

    Thousands of deploys wait for a disk as long as they work. What a test says of syncing
    holds there, too: the calls are the same.
    """
    memory = "/dev/shm"
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or not os.access(memory, os.W_OK):
        return
    status = os.statvfs(memory)
    executable = not status.f_flag & getattr(os, "ST_NOEXEC", 8)
    if executable and status.f_bavail * status.f_frsize > 4 << 30:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = memory


def register_hypothesis_profiles() -> None:
    """Choose how many examples Hypothesis tries: ``HYPOTHESIS_PROFILE=fast``."""
    from hypothesis import settings

    settings.register_profile("normal", deadline=None, max_examples=100)
    settings.register_profile("fast", deadline=None, max_examples=15)
    settings.register_profile("thorough", deadline=None, max_examples=1000)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))
