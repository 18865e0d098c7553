"""``flowpack config``, ``--api`` and ``--profile``."""

from flowpack.embedded import EmbeddedTransport
from tests.http_server import serve

SECRET = "canary-7f3a"


def test_each_setting_with_its_source(flowpack, fresh_home, monkeypatch):
    """Values come with where they are from."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    done = flowpack("config", "--json")
    assert done.status == 0
    assert done.json["api_url"] == {
        "value": "http://127.0.0.1:4200/api",
        "source": "environment variable PREFECT_API_URL",
    }
    assert done.json["home"]["value"] == str(fresh_home)
    lines = flowpack("config").out.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "SOURCE"]
    assert len(lines) == 1 + len(done.json)


def test_secrets_are_masked(flowpack, monkeypatch):
    """Keys and credentials do not show."""
    monkeypatch.setenv("PREFECT_API_KEY", SECRET)
    monkeypatch.setenv("PREFECT_API_URL", f"http://user:{SECRET}@host/api")
    text, document = flowpack("config"), flowpack("config", "--json")
    assert SECRET not in f"{text}{document}"
    assert text.status == document.status


def test_api_and_profile(flowpack, fresh_home):
    """--profile chooses a profile, and --api wins over it."""
    prefect = fresh_home.parent / ".prefect"
    prefect.mkdir()
    (prefect / "profiles.toml").write_text(
        '[profiles.staging]\nPREFECT_API_URL = "http://127.0.0.1:1/api"\n'
    )
    shown = flowpack("config", "--profile", "staging", "--json").json
    assert shown["api_url"]["value"] == "http://127.0.0.1:1/api"
    assert shown["profile"]["value"] == "staging"
    argv = ("--profile", "staging", "--api", "http://127.0.0.1:2/api")
    shown = flowpack("config", *argv, "--json").json
    assert shown["api_url"]["value"] == "http://127.0.0.1:2/api"


def test_unknown_profile(flowpack):
    """A profile that is not there is status 1."""
    done = flowpack("config", "--profile", "none")
    assert (done.status, done.out) == (1, "")
    assert "'none'" in done.err


def test_api_of_a_command(flowpack, script, tmp_path):
    """--api sends a command to that server, and nothing to the embedded API."""
    transport = EmbeddedTransport(tmp_path / "server.db")
    with serve(transport) as url:
        done = flowpack("deploy", script, "--storage", "file:s", "--api", url, "--json")
        assert (done.status, done.json["api"]) == (0, url)
        (listed,) = flowpack("ls", "--json", "--api", url).json
        assert listed["name"] == "hello/hello"
    transport.close()
    assert flowpack("ls", "--json").json == []
    assert flowpack("ls").err.startswith("no deployments at embedded:")


def test_server_that_is_not_there(flowpack, monkeypatch):
    """A refused connection is one clean error."""
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    done = flowpack("ls", "--api", "http://127.0.0.1:9/api")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("flowpack: error: GET http://127.0.0.1:9/api/")


def test_server_is_required(flowpack, script, monkeypatch):
    """FLOWPACK_REQUIRE_SERVER refuses the embedded API."""
    monkeypatch.setenv("FLOWPACK_REQUIRE_SERVER", "1")
    done = flowpack("deploy", script, "--storage", "file:s")
    assert (done.status, done.out) == (1, "")
    assert "PREFECT_API_URL" in done.err
