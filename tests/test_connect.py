"""From settings to a client."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
import requests

from flowpack.client import Client
from flowpack.connect import get_client, object_client, shared_connections, using
from flowpack.exceptions import (
    APIConnectionError,
    EmbeddedAPIWarning,
    SettingsError,
)
from flowpack.settings import load_settings
from tests.fault_proxy import FaultProxy, reply, status
from tests.http.conftest import CERTIFICATES


@pytest.fixture
def server():
    """Answers as Prefect 2.0b7, and has a flow of any name."""
    with FaultProxy(answer=lambda seen: reply(b'"2.0b7"')) as proxy:
        yield proxy


def test_api_of_the_settings(server, monkeypatch):
    """URL, key, headers come from the environment."""
    monkeypatch.setenv("PREFECT_API_URL", f"{server.url}/api/")
    monkeypatch.setenv("PREFECT_API_KEY", "k3y")
    monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", '{"X-Team": "blue"}')
    with get_client() as client:
        assert client.url == f"{server.url}/api"
        assert not client.embedded
        assert client.dialect is not None
    seen = server.seen[0]
    assert seen.target == "/api/admin/version"
    assert seen.headers["authorization"] == "Bearer k3y"
    assert seen.headers["x-team"] == "blue"


def test_arguments_win(server):
    """Address and key that are given win over the environment."""
    environ = {"PREFECT_API_URL": "http://127.0.0.1:1", "PREFECT_API_KEY": "other"}
    with get_client(server.url, api_key="k3y", timeout=5, environ=environ) as client:
        assert client.dialect is not None
    assert server.seen[0].headers["authorization"] == "Bearer k3y"


def test_arguments_win_over_given_settings(server):
    """The same where the settings are handed in."""
    environ = {"PREFECT_API_URL": "http://127.0.0.1:1", "PREFECT_API_KEY": "other"}
    settings = load_settings(environ=environ)
    with get_client(server.url, api_key="", settings=settings) as client:
        assert client.dialect is not None
    assert "authorization" not in server.seen[0].headers
    with get_client(settings=settings) as client:
        assert client.url == "http://127.0.0.1:1"
    with get_client("", settings=settings) as client:
        assert client.embedded


def test_profile(server, monkeypatch, fresh_home):
    """A profile is chosen by name."""
    folder = fresh_home.parent / ".prefect"
    folder.mkdir()
    text = f'[profiles.work]\nPREFECT_API_URL = "{server.url}"\n'
    (folder / "profiles.toml").write_text(text)
    with get_client(profile="work") as client:
        assert client.url == server.url


def test_retries_of_the_settings(server):
    """Retries and time-outs are the user's."""
    server.plan.extend([status("522 Oops", "Retry-After: 0")] * 2)
    environ = {
        "PREFECT_API_URL": server.url,
        "PREFECT_CLIENT_MAX_RETRIES": "1",
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "522",
        "PREFECT_API_REQUEST_TIMEOUT": "90",
    }
    with get_client(environ=environ) as client:
        with pytest.raises(Exception, match="answered 522"):
            client.read_flow_by_name("x")
    assert len(server.seen) == 2


def test_embedded_api(fresh_home):
    """Without an address it is the database in flowpack's home."""
    with get_client() as client:
        assert client.embedded
        client.create_flow("hello")
    assert (fresh_home / "flowpack.db").is_file()


def test_embedded_api_speaks_no_http(fresh_home):
    """Its path imports neither requests nor a socket's library."""
    program = (
        "import sys; from flowpack import get_client\n"
        "with get_client(notify=print) as client: client.create_flow('hello')\n"
        "slow = {'requests', 'urllib3', 'http.client', 'logging'}\n"
        "assert not slow & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_writes_to_the_embedded_api_are_announced(fresh_home):
    """In one line, once for a client, and not for reads."""
    lines: list[str] = []
    with get_client(notify=lines.append) as client:
        client.read_flows()
        assert lines == []
        client.create_flow("a")
        client.create_flow("b")
    assert lines == [
        "no PREFECT_API_URL is set: writing to the embedded API, in"
        f" {fresh_home / 'flowpack.db'}"
    ]


def test_threads_announce_once():
    """Those that share a client and write at the same time, too."""
    lines: list[str] = []
    start = threading.Barrier(4)

    def notify(line):
        time.sleep(0.05)
        lines.append(line)

    with get_client(notify=notify) as client:

        def write(name):
            start.wait()
            client.create_flow(name)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, "abcd"))
    assert len(lines) == 1


#: Writes to the embedded API in two ways and prints the lines of the warnings.
WARNED = """\
import sys, warnings, flowpack
{filters}
with warnings.catch_warnings(record=True) as caught:
    for name in "ab":
        with flowpack.get_client() as client:
            client.read_flows()
            client.create_flow(name)
            client.create_flow(name)
for each in caught:
    print(each.category.__name__, each.filename, each.lineno, each.message)
"""


def warned(*filters: str) -> list[str]:
    """Return what a new process prints that writes to the embedded API."""
    program = WARNED.format(filters="\n".join(filters))
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_write_to_the_embedded_api_is_a_warning(fresh_home):
    """Once a process, at the caller's line, with the path of the file."""
    assert warned("warnings.simplefilter('always')") == [
        "EmbeddedAPIWarning <string> 7 no PREFECT_API_URL is set: writing to the"
        f" embedded API, in {fresh_home / 'flowpack.db'}"
    ]


def test_the_warning_is_silenced_by_its_class():
    """Who wants the embedded API ignores it."""
    silence = "warnings.simplefilter('ignore', flowpack.EmbeddedAPIWarning)"
    assert warned(silence) == []


def test_the_warning_as_an_error_refuses_every_write(fresh_home, monkeypatch):
    """Nothing is written, at the first try and at the next."""
    monkeypatch.setattr("flowpack.connect._has_warned", False)
    with warnings.catch_warnings(), get_client() as client:
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(EmbeddedAPIWarning):
                client.create_flow("a")
    assert not (fresh_home / "flowpack.db").exists()


def test_server_is_required(monkeypatch):
    """In CI nobody wants a database that is thrown away."""
    monkeypatch.setenv("FLOWPACK_REQUIRE_SERVER", "1")
    with pytest.raises(SettingsError, match="FLOWPACK_REQUIRE_SERVER.*PREFECT_API_URL"):
        get_client()
    with get_client("http://127.0.0.1:1") as client:
        assert not client.embedded


def test_api_that_is_none():
    """The error names the argument."""
    with pytest.raises(SettingsError, match=r"argument: api_url \('x'\)"):
        get_client("x")


@pytest.mark.parametrize("arguments", [{"api": ""}, {}], ids=["argument", "settings"])
def test_session_without_a_server(arguments):
    """The embedded API speaks no HTTP, so a session is not dropped in silence."""
    with requests.Session() as session:
        with pytest.raises(SettingsError, match="session= is for a server.*embedded API"):
            get_client(**arguments, session=session)


def test_using_a_client(server):
    """One that is given stays open; one of the settings is closed."""
    with Client(server.url) as given:
        with using(given) as client:
            assert client is given
    with using(None) as client:
        assert client.embedded


def test_objects_under_the_settings(monkeypatch):
    """Storage trusts what the API's settings trust, and gets none of its secrets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem")
    monkeypatch.setenv("PREFECT_API_KEY", "k3y")
    monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", '{"X-Team": "blue"}')
    with FaultProxy(context=context) as store:
        monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", str(CERTIFICATES / "ca.pem"))
        with object_client(headers={"X-Own": "1"}) as client:
            assert client.get(f"{store.url}/a").status == 200
        sent = store.seen[0].headers
        assert sent["x-own"] == "1"
        assert not {"authorization", "x-team"} & sent.keys()
        monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", "")
        monkeypatch.setenv("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "1")
        with object_client() as client:
            with pytest.raises(APIConnectionError, match="not trusted"):
                client.get(f"{store.url}/a")


def test_objects_over_shared_connections():
    """Clients that follow each other use one connection, and it ends with the block."""
    with FaultProxy() as store:
        with object_client() as client:
            client.get(store.url)
        with shared_connections():
            for secret in "ab":
                with shared_connections():
                    with object_client(headers={"X-Own": secret}) as client:
                        client.get(store.url)
            with object_client() as client:
                client.get(store.url)
        assert [each.connection for each in store.seen] == [1, 2, 2, 2]
        assert [each.headers.get("x-own") for each in store.seen] == [
            *(None, "a", "b", None)
        ]
        with object_client() as client:
            client.get(store.url)
        assert store.seen[-1].connection == 3


def test_threads_over_shared_connections():
    """Threads share them in a copy of the context, without mixing up responses."""
    with FaultProxy(answer=lambda seen: reply(seen.target.encode())) as store:

        def get(number):
            with object_client() as client:
                return client.get(f"{store.url}/{number}").body

        with shared_connections(), ThreadPoolExecutor(8) as pool:
            contexts = [copy_context() for _ in range(200)]
            jobs = [
                pool.submit(context.run, get, number)
                for number, context in enumerate(contexts)
            ]
            assert [job.result() for job in jobs] == [b"/%d" % n for n in range(200)]
        assert store.connections <= 8
