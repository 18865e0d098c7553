"""Settings: where they come from, what they may be, how they are shown."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import traceback
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.exceptions import SettingsError
from flowpack.settings import load_settings
from flowpack.settings.sources import parse_toml

CANARY = "c4n4ry"
INSECURE = "PREFECT_API_TLS_INSECURE_SKIP_VERIFY"

DEFAULTS: dict[str, object] = {
    "api_url": None,
    "api_key": None,
    "api_auth_string": None,
    "profile": "default",
    "request_timeout": 30.0,
    "custom_headers": {},
    "ssl_cert_file": None,
    "tls_insecure_skip_verify": False,
    "max_retries": None,
    "retry_extra_codes": frozenset(),
    "csrf_support_enabled": True,
    "ui_url": None,
    "default_work_pool": None,
    "require_server": False,
}


@pytest.fixture
def folder(tmp_path):
    """The working folder; its parent is the user's home."""
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def load(folder, tmp_path):
    """Load the settings of an environment, in the folder."""

    def load(environ=None, **arguments):
        environ = {"HOME": str(tmp_path), **(environ or {})}
        return load_settings(environ=environ, cwd=str(folder), **arguments)

    return load


@pytest.fixture
def profiles(tmp_path):
    """Write Prefect's file of profiles."""

    def write(text):
        path = tmp_path / ".prefect" / "profiles.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    return write


def test_defaults(load, tmp_path):
    """Without any source each setting has its default as its source."""
    settings = load()
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS
    assert settings.home == str(tmp_path / ".flowpack")
    assert settings.prefect_home == str(tmp_path / ".prefect")
    assert settings.profiles_path == str(tmp_path / ".prefect" / "profiles.toml")
    assert set(settings.sources.values()) == {"default"}


def test_every_source_in_its_turn(load, folder, profiles):
    """The first source that has a setting wins; taken away, the next one does."""
    path = profiles('active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://p"\n')
    project = folder / "pyproject.toml"
    project.write_text('[tool.prefect.api]\nurl = "http://pyproject"\n')
    own = folder / "prefect.toml"
    own.write_text('api.url = "http://prefect-toml"\n')
    dot_env = folder / ".env"
    dot_env.write_text("PREFECT_API_URL=http://dot-env\n")
    environ = {"FLOWPACK_API_URL": "http://own", "PREFECT_API_URL": "http://theirs"}

    def found(**arguments):
        settings = load(environ, **arguments)
        return settings.api_url, settings.sources["api_url"]

    assert found(api="http://argument") == ("http://argument", "argument")
    assert found() == ("http://own", "environment variable FLOWPACK_API_URL")
    del environ["FLOWPACK_API_URL"]
    assert found() == ("http://theirs", "environment variable PREFECT_API_URL")
    del environ["PREFECT_API_URL"]
    assert found() == ("http://dot-env", f"PREFECT_API_URL in {dot_env}")
    dot_env.unlink()
    assert found() == ("http://prefect-toml", f"api.url in {own}")
    own.unlink()
    place = f"api.url in [tool.prefect] of {project}"
    assert found() == ("http://pyproject", place)
    project.unlink()
    place = f"PREFECT_API_URL in profile 'work' of {path}"
    assert found() == ("http://p", place)
    path.unlink()
    assert found() == (None, "default")


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("PREFECT_API_URL", "https://h:1/api/", "api_url", "https://h:1/api"),
        ("PREFECT_API_KEY", "key", "api_key", "key"),
        ("FLOWPACK_API_KEY", "key", "api_key", "key"),
        ("PREFECT_API_AUTH_STRING", "ann:b:c", "api_auth_string", "ann:b:c"),
        ("FLOWPACK_HOME", "/a/b", "home", "/a/b"),
        ("PREFECT_HOME", "/a/b", "prefect_home", "/a/b"),
        ("PREFECT_HOME", "/a/b", "profiles_path", "/a/b/profiles.toml"),
        ("PREFECT_API_REQUEST_TIMEOUT", "7.5", "request_timeout", 7.5),
        ("PREFECT_CLIENT_CUSTOM_HEADERS", '{"A": "b"}', "custom_headers", {"A": "b"}),
        ("PREFECT_API_SSL_CERT_FILE", "/ca", "ssl_cert_file", "/ca"),
        ("SSL_CERT_FILE", "/ca", "ssl_cert_file", "/ca"),
        ("REQUESTS_CA_BUNDLE", "/ca", "ssl_cert_file", "/ca"),
        ("CURL_CA_BUNDLE", "/ca", "ssl_cert_file", "/ca"),
        (INSECURE, "True", "tls_insecure_skip_verify", True),
        (INSECURE, "0", "tls_insecure_skip_verify", False),
        ("PREFECT_CLIENT_MAX_RETRIES", "0", "max_retries", 0),
        ("PREFECT_CLIENT_RETRY_EXTRA_CODES", "522", "retry_extra_codes", {522}),
        ("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED", "off", "csrf_support_enabled", False),
        ("PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME", "p", "default_work_pool", "p"),
        ("PREFECT_DEFAULT_WORK_POOL_NAME", "p", "default_work_pool", "p"),
        ("PREFECT_UI_URL", "https://ui/", "ui_url", "https://ui/"),
        ("FLOWPACK_REQUIRE_SERVER", "1", "require_server", True),
        ("prefect_api_url", "http://h", "api_url", "http://h"),
    ],
)
def test_environment(load, variable, text, name, value):
    """Each setting has its variable, in capitals or not."""
    settings = load({variable: text})
    assert getattr(settings, name) == value
    if variable == "PREFECT_HOME" and name == "profiles_path":
        return  # Follows from it; nobody set it.
    assert settings.sources[name] == f"environment variable {variable.upper()}"


def test_capitals_win(load):
    """Of two spellings the usual one is meant."""
    environ = {"prefect_api_key": "b", "PREFECT_API_KEY": "a", "Prefect_Api_Key": "c"}
    assert load(environ).api_key == "a"


def test_alias_comes_second(load):
    """Where a setting has two names the newer one wins."""
    environ = {
        "PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME": "new",
        "PREFECT_DEFAULT_WORK_POOL_NAME": "old",
    }
    assert load(environ).default_work_pool == "new"


def test_certificates_of_prefect_come_first(load, profiles):
    """Its own setting wins over those for all programs; empty, it means none."""
    common = {"SSL_CERT_FILE": "/b", "REQUESTS_CA_BUNDLE": "/c", "CURL_CA_BUNDLE": "/d"}
    assert load({"PREFECT_API_SSL_CERT_FILE": "/a", **common}).ssl_cert_file == "/a"
    assert load(common).ssl_cert_file == "/b"
    settings = load({"PREFECT_API_SSL_CERT_FILE": "", **common})
    assert (settings.ssl_cert_file, settings.verify) == (None, True)
    profiles('[profiles.default]\nPREFECT_API_SSL_CERT_FILE = "/p"')
    assert load(common).ssl_cert_file == "/p"


@pytest.mark.parametrize(
    ("environ", "verify"),
    [
        ({}, True),
        ({"SSL_CERT_FILE": "/ca"}, "/ca"),
        ({INSECURE: "true", "SSL_CERT_FILE": "/ca"}, False),
        ({INSECURE: ""}, True),
        ({INSECURE: "false"}, True),
    ],
)
def test_verification(load, environ, verify):
    """It is on unless a setting switches it off."""
    assert load(environ).verify == verify


@pytest.mark.parametrize("name", sorted(set(DEFAULTS) - {"profile"}))
def test_empty_value_beats_lower_sources(load, folder, profiles, name):
    """A variable that is set to nothing means the default, whatever a profile has."""
    everything = {
        "PREFECT_API_URL": "http://p",
        "PREFECT_API_KEY": "k",
        "PREFECT_API_AUTH_STRING": "a:b",
        "PREFECT_API_REQUEST_TIMEOUT": "1",
        "PREFECT_CLIENT_CUSTOM_HEADERS": "{'A': 'b'}",
        "PREFECT_API_SSL_CERT_FILE": "/ca",
        "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": "1",
        "PREFECT_CLIENT_MAX_RETRIES": "1",
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "522",
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "0",
        "PREFECT_DEFAULT_WORK_POOL_NAME": "p",
        "PREFECT_UI_URL": "https://ui",
        "FLOWPACK_REQUIRE_SERVER": "1",
    }
    lines = "".join(f'{key} = "{value}"\n' for key, value in everything.items())
    profiles(f'active = "p"\n[profiles.p]\n{lines}')
    settings = load(dict.fromkeys(everything, ""))
    assert getattr(settings, name) == DEFAULTS[name]
    assert settings.sources[name].startswith("environment variable")


def test_empty_argument_means_no_server(load):
    """``--api ''`` is a choice, too."""
    settings = load({"PREFECT_API_URL": "http://h"}, api="")
    assert (settings.api_url, settings.sources["api_url"]) == (None, "argument")


def test_folders(load, folder, tmp_path):
    """Folders are absolute: from the home of the user, or from the working folder."""
    assert load({"FLOWPACK_HOME": "~/x"}).home == str(tmp_path / "x")
    assert load({"FLOWPACK_HOME": "x"}).home == str(folder / "x")
    assert load({"FLOWPACK_HOME": ""}).home == str(tmp_path / ".flowpack")
    assert load({"FLOWPACK_HOME": ""}).sources["home"] == "default"
    path = tmp_path / "p.toml"
    path.touch()
    for text in ("${PREFECT_HOME}/p.toml", "~/p.toml", str(path)):
        environ = {"PREFECT_HOME": str(tmp_path), "PREFECT_PROFILES_PATH": text}
        assert load(environ).profiles_path == str(path)


def test_prefect_home_is_not_taken_from_files(load, folder, tmp_path):
    """``PREFECT_HOME`` counts in the environment only."""
    (folder / ".env").write_text("PREFECT_HOME=/elsewhere\nPREFECT_PROFILE=none\n")
    settings = load()
    assert settings.prefect_home == str(tmp_path / ".prefect")
    assert settings.profile == "default"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PREFECT_API_KEY=k", "k"),
        ("export PREFECT_API_KEY = k  # mine", "k"),
        ("PREFECT_API_KEY=a#b", "a#b"),
        ("PREFECT_API_KEY=", None),
        ("PREFECT_API_KEY='a # ${X} \\' b' # c", "a # ${X} ' b"),
        ('PREFECT_API_KEY="a\\"b\\tc"', 'a"b\tc'),
        ("prefect_api_key=k", "k"),
        ("X=1\nPREFECT_API_KEY=a${X}b", "a1b"),
        ("PREFECT_API_KEY=${NONE:-d}${NONE}", "d"),
        ("PREFECT_API_KEY=${HOST}", "from-environment"),
        ("\ufeffPREFECT_API_KEY=k\r\n", "k"),
        ("OTHER='open\nPREFECT_API_KEY=k", "k"),
        ("nonsense\n=x\n#PREFECT_API_KEY=a\n\nPREFECT_API_KEY=k", "k"),
    ],
    ids=ascii,
)
def test_dot_env(load, folder, text, expected):
    """Quotes, comments, exports, references; what is of no concern is skipped."""
    (folder / ".env").write_bytes(text.encode())
    assert load({"HOST": "from-environment"}).api_key == expected


def test_folder_called_dot_env(load, folder):
    """Some keep a virtual environment there."""
    (folder / ".env").mkdir()
    assert load().api_url is None


def test_toml_files(load, folder):
    """Tables and dotted keys, values of their own types; capitals mean nothing."""
    (folder / "p.toml").touch()
    (folder / "prefect.toml").write_text(
        textwrap.dedent(
            """
            profiles_path = "p.toml"
            PREFECT_API_KEY = "ignored"
            [api]
            key = "k"
            request_timeout = 7
            tls_insecure_skip_verify = true
            [client]
            custom_headers = {"X-A" = "b"}
            retry_extra_codes = [522, 524]
            max_retries = 2
            csrf_support_enabled = false
            [deployments]
            default_work_pool_name = "pool"
            """
        )
    )
    settings = load()
    assert settings.profiles_path == str(folder / "p.toml")
    assert (settings.api_key, settings.request_timeout) == ("k", 7.0)
    assert settings.tls_insecure_skip_verify is True
    assert settings.custom_headers == {"X-A": "b"}
    assert (settings.retry_extra_codes, settings.max_retries) == ({522, 524}, 2)
    assert settings.csrf_support_enabled is False
    assert settings.default_work_pool == "pool"


def test_file_of_another_project(load, folder):
    """A pyproject.toml without settings for Prefect is not even parsed."""
    (folder / "pyproject.toml").write_text("[project\nname = broken")
    assert load().api_url is None
    (folder / "pyproject.toml").write_text('[tool]\nother = "prefect"\n')
    assert load().api_url is None


def test_no_search_upwards(load, folder, tmp_path):
    """Only the working folder counts."""
    (tmp_path / "prefect.toml").write_text('api.key = "k"\n')
    (tmp_path / ".env").write_text("PREFECT_API_KEY=k\n")
    assert load().api_key is None


def test_profile_in_force(load, profiles):
    """Argument, variable, the file's own choice, ``default``."""
    path = profiles(
        """
        active = "b"
        [profiles.a]
        PREFECT_API_KEY = "of-a"
        [profiles.b]
        PREFECT_API_KEY = "of-b"
        [profiles.default]
        PREFECT_API_KEY = "of-default"
        """
    )
    assert load({"PREFECT_PROFILE": "b"}, profile="a").api_key == "of-a"
    settings = load({"PREFECT_PROFILE": "a"})
    assert (settings.profile, settings.api_key) == ("a", "of-a")
    assert settings.sources["profile"] == "environment variable PREFECT_PROFILE"
    settings = load()
    assert (settings.profile, settings.api_key) == ("b", "of-b")
    assert settings.sources["profile"] == f"'active' in {path}"
    path.write_text(path.read_text().replace('active = "b"', ""))
    settings = load()
    assert (settings.profile, settings.api_key) == ("default", "of-default")


def test_profile_of_any_prefect(load, profiles):
    """Settings that are unknown here are no error, nor are values of other types."""
    profiles(
        """
        active = "a"
        [profiles.a]
        PREFECT_API_REQUEST_TIMEOUT = 7
        PREFECT_LOGGING_LEVEL = "DEBUG"
        PREFECT_SERVER = {nested = true}
        """
    )
    assert load().request_timeout == 7.0


@pytest.mark.parametrize("name", ["default", "ephemeral", "local", "cloud", "test"])
def test_built_in_profile(load, profiles, name):
    """Prefect's own profiles need no entry; one names the server of this machine."""
    url = "http://127.0.0.1:4200/api" if name == "local" else None
    path = profiles(f'active = "{name}"\n')
    assert (load().profile, load().api_url) == (name, url)
    path.unlink()
    assert load({"PREFECT_PROFILE": name}).api_url == url
    profiles(f'[profiles.{name}]\nPREFECT_API_URL = "http://mine"\n')
    assert load(profile=name).api_url == "http://mine"


@pytest.mark.parametrize(
    ("arguments", "environ", "place"),
    [
        ({"profile": "nope"}, {}, "argument"),
        ({}, {"PREFECT_PROFILE": "nope"}, "environment variable PREFECT_PROFILE"),
    ],
)
def test_unknown_profile(load, profiles, arguments, environ, place):
    """The error has who chose it, where it is missing, and which there are."""
    path = profiles("[profiles.a]\n[profiles.b]\n")
    with pytest.raises(SettingsError) as caught:
        load(environ, **arguments)
    assert str(caught.value) == (
        f"{place}: there is no profile 'nope' in {path}; it has 'a', 'b'"
    )


def test_unknown_profile_of_the_file(load, profiles):
    """The same where the file itself names it, and where there is no file."""
    path = profiles('active = "nope"\n')
    with pytest.raises(SettingsError, match="'active' in .*: there is no profile"):
        load()
    path.unlink()
    with pytest.raises(SettingsError, match="it has no profiles"):
        load(profile="nope")


@pytest.mark.parametrize(
    "text",
    [
        "active = 7\n",
        "profiles = 7\n",
        'active = "a"\nprofiles.a = 7\n',
        "[profiles\n",
        "\ufffe".encode("utf-16-le").decode("latin-1"),
    ],
    ids=ascii,
)
def test_broken_file_of_profiles(load, profiles, text):
    """The error names the file and what is wrong with it."""
    path = profiles("")
    path.write_bytes(text.encode("latin-1", "replace"))
    with pytest.raises(SettingsError, match=r"profiles\.toml"):
        load()


@pytest.mark.parametrize("file", ["prefect.toml", "pyproject.toml"])
def test_broken_toml(load, folder, file):
    """The error names the file."""
    (folder / file).write_text("[tool.prefect]\nurl = \n")
    with pytest.raises(SettingsError, match=rf"{file} is not valid TOML: "):
        load()


@pytest.mark.parametrize("depth", [1000, 100_000])
@pytest.mark.parametrize("text", ["x = {}", '[prefect]\na = "]"\nx = [1, {}', "{}"])
def test_deep_toml(load, folder, text, depth):
    """The parser gives up, and the error has flowpack's own words."""
    for opening in ("[", "{a="):
        (folder / "prefect.toml").write_text(text.format(opening * depth))
        with pytest.raises(SettingsError, match="toml(: it is nested too| is not valid)"):
            load()


def test_long_number_in_toml(load, folder):
    """Python has a limit to digits of its own."""
    (folder / "prefect.toml").write_text(f"x = {'9' * 5000}")
    with pytest.raises(SettingsError, match="toml is not valid TOML"):
        load()


def test_long_key_in_toml(load, folder):
    """A key of very many parts would take the parser minutes."""
    (folder / "prefect.toml").write_text(f"{'a.' * 200_000}a = 1")
    with pytest.raises(SettingsError, match="toml: it is nested too deep"):
        load()


@pytest.mark.parametrize("quotes", ["'", '"', "'''", '"""', "#"])
@pytest.mark.parametrize("many", ["." * 1000, "[" * 1000, "\\\\{" * 1000])
def test_toml_that_looks_deep(load, folder, quotes, many):
    """What stands in texts and comments is not counted."""
    end = "" if quotes == "#" else quotes
    text = f"x = {quotes}{many}{end}".replace("x = #", "#")
    (folder / "prefect.toml").write_text(f"{text}\napi.url = 'http://h/api'")
    assert load().api_url == "http://h/api"


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("PREFECT_API_URL", "localhost:4200", "does not start with http://"),
        ("PREFECT_API_URL", "ftp://host", "does not start with http://"),
        ("PREFECT_API_URL", f"http://ann:{CANARY}@", "no valid host"),
        ("PREFECT_API_URL", f"http://h/api?k={CANARY}", "has a query"),
        ("PREFECT_API_URL", "http://h/\n", "line break"),
        ("PREFECT_API_REQUEST_TIMEOUT", "soon", "number of seconds"),
        ("PREFECT_API_REQUEST_TIMEOUT", "0", "number of seconds"),
        ("PREFECT_API_REQUEST_TIMEOUT", "-1", "number of seconds"),
        ("PREFECT_API_REQUEST_TIMEOUT", "nan", "number of seconds"),
        ("PREFECT_API_REQUEST_TIMEOUT", "inf", "number of seconds"),
        ("PREFECT_CLIENT_CUSTOM_HEADERS", CANARY, "JSON object"),
        ("PREFECT_CLIENT_CUSTOM_HEADERS", f'["{CANARY}"]', "JSON object"),
        ("PREFECT_CLIENT_CUSTOM_HEADERS", '{"A": 7}', "JSON object"),
        ("PREFECT_CLIENT_CUSTOM_HEADERS", "[" * 100_000, "JSON object"),
        ("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "maybe", "true or false"),
        ("PREFECT_CLIENT_MAX_RETRIES", "-1", "from 0 to 100"),
        ("PREFECT_CLIENT_MAX_RETRIES", "101", "from 0 to 100"),
        ("PREFECT_CLIENT_MAX_RETRIES", "9" * 5000, "from 0 to 100"),
        ("PREFECT_CLIENT_RETRY_EXTRA_CODES", "5xx", "HTTP statuses"),
        ("PREFECT_CLIENT_RETRY_EXTRA_CODES", "600", "HTTP statuses"),
        ("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED", "2", "true or false"),
        ("FLOWPACK_REQUIRE_SERVER", "please", "true or false"),
        ("FLOWPACK_HOME", "a\0b", "NUL"),
        ("PREFECT_API_SSL_CERT_FILE", "a\0b", "NUL"),
        ("PREFECT_PROFILES_PATH", "a\0b", "NUL"),
    ],
)
def test_value_that_cannot_be_used(load, variable, text, words):
    """The error names the variable and what is allowed, and no secret."""
    with pytest.raises(SettingsError) as caught:
        load({variable: text})
    message = str(caught.value)
    assert message.startswith(f"environment variable {variable}: ")
    assert words in message
    assert CANARY not in message
    assert len(message) < 600


@pytest.mark.parametrize(
    "text", ["api = 7", "api.url = 7", "api.key = ['c4n4ry']", "profiles_path = 7"]
)
def test_toml_of_another_type(load, folder, text):
    """A table that is none, a text that is none."""
    (folder / "prefect.toml").write_text(text)
    if text == "api = 7":
        assert load().api_url is None
        return
    with pytest.raises(SettingsError, match=r"prefect\.toml: .* must be") as caught:
        load()
    assert CANARY not in str(caught.value)


def test_open_quote_in_dot_env(load, folder):
    """A value that is cut off is no value; the error has the line, not its content."""
    (folder / ".env").write_text(f"A=b\nPREFECT_API_KEY='{CANARY}\n")
    with pytest.raises(SettingsError, match=r"\.env, line 2: PREFECT_A") as caught:
        load()
    assert CANARY not in str(caught.value)


def test_all_problems_are_reported_at_once(load, folder):
    """One reading finds all that is wrong."""
    (folder / "prefect.toml").write_text("[broken")
    environ = {"PREFECT_API_URL": "x", "PREFECT_CLIENT_MAX_RETRIES": "x"}
    with pytest.raises(SettingsError, match="^3 settings cannot be used:") as caught:
        load(environ)
    assert str(caught.value).count("\n  - ") == 3


def test_file_that_cannot_be_read(load, folder):
    """The error names it and the reason."""
    path = folder / "prefect.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"prefect\.toml is not UTF-8"):
        load()
    path.write_bytes(b" " * (5 * 2**20))
    with pytest.raises(SettingsError, match="too long"):
        load()


def test_settings_are_shown_without_secrets(load, folder):
    """repr, str, attrs.asdict and describe show names and places, never values."""
    settings = load(
        {
            "PREFECT_API_URL": f"http://ann:{CANARY}@host/api",
            "PREFECT_UI_URL": f"http://ann:{CANARY}@ui/",
            "PREFECT_API_KEY": CANARY,
            "PREFECT_API_AUTH_STRING": f"ann:{CANARY}",
            "PREFECT_CLIENT_CUSTOM_HEADERS": f'{{"X-Token": "{CANARY}"}}',
        }
    )
    described = settings.describe()
    shown = f"{settings!r} {settings} {described} {attrs.asdict(settings)}"
    assert CANARY not in shown
    rows = {name: (value, place) for name, value, place in described}
    assert rows["api_url"][0] == "http://host/api"
    assert rows["api_key"] == ("********", "environment variable PREFECT_API_KEY")
    assert rows["custom_headers"][0] == "X-Token: ********"
    assert [name for name, *_ in described] == [
        field.name for field in attrs.fields(type(settings)) if field.name != "sources"
    ]


def test_shown_values(load):
    """The others are shown as one would write them."""
    environ = {
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "524,522",
        "PREFECT_API_REQUEST_TIMEOUT": "7.0",
        "FLOWPACK_REQUIRE_SERVER": "yes",
    }
    rows = {name: value for name, value, _ in load(environ).describe()}
    assert (rows["retry_extra_codes"], rows["request_timeout"]) == ("522,524", "7")
    assert (rows["require_server"], rows["api_key"]) == ("true", "")


def test_error_shows_no_secret_of_the_environment(load, folder, profiles, monkeypatch):
    """Not even to tools that print the variables of a traceback."""
    profiles(f'[profiles.default]\nPREFECT_API_KEY = "{CANARY}"\n')
    (folder / ".env").write_text(f"PREFECT_API_AUTH_STRING={CANARY}\n[\n")
    monkeypatch.setenv("PREFECT_API_KEY", CANARY)
    monkeypatch.setenv("PREFECT_API_URL", f"http://ann:{CANARY}@:x/")
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "x")
    monkeypatch.chdir(folder)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    error = caught.value
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert CANARY not in "".join(trace.format())
    assert caught.value.__context__ is None


@given(st.text(max_size=60), st.sampled_from(sorted(DEFAULTS)))
def test_any_value_is_used_or_refused(text, name):
    """No text in a variable brings anything but settings or a SettingsError."""
    variables = {f"PREFECT_API_{name.upper()}": text, f"PREFECT_{name.upper()}": text}
    try:
        load_settings(environ={"HOME": "/none", **variables}, cwd="/none")
    except SettingsError:
        pass


@given(st.text(max_size=200))
def test_any_dot_env_is_read_or_refused(tmp_path_factory, text):
    """No .env brings anything but settings or a SettingsError."""
    folder = tmp_path_factory.mktemp("work")
    (folder / ".env").write_bytes(f"PREFECT_API_KEY={text}".encode("utf-8", "replace"))
    try:
        load_settings(environ={"HOME": "/none"}, cwd=str(folder))
    except SettingsError:
        pass


def test_deleted_working_folder(tmp_path, monkeypatch):
    """A process whose folder is gone still has an environment."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    monkeypatch.setenv("PREFECT_API_URL", "http://host")
    assert load_settings().api_url == "http://host"
    os.chdir(tmp_path)


def test_deleted_working_folder_and_relative_paths(tmp_path, monkeypatch):
    """Only what is relative needs the folder; what stands in / is of no concern."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(SettingsError, match="FLOWPACK_HOME: .* working folder is gone"):
        load_settings(environ={"HOME": str(tmp_path), "FLOWPACK_HOME": "here"})
    os.chdir(tmp_path)


@pytest.mark.parametrize(
    ("home", "reason"),
    [
        (None, "the home folder of '~' is not known; set HOME"),
        ("", "the home folder of '~' is not known; set HOME"),
        ("/caf\udce9", "is not UTF-8"),
    ],
    ids=["none", "empty", "bytes"],
)
def test_unknown_home(monkeypatch, folder, home, reason):
    """Only for whoever needs a home it is an error that there is none."""
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    environ = {} if home is None else {"HOME": home}
    settings = load_settings(environ=environ, cwd=str(folder))
    assert settings.home is None
    (row,) = (row for row in settings.describe() if row[0] == "home")
    assert (row[1], reason in row[2]) == ("", True)
    with pytest.raises(SettingsError, match=f"{reason}.*set FLOWPACK_HOME"):
        settings.known_home()
    named = {"FLOWPACK_HOME": "/a", "PREFECT_HOME": "/b"}
    assert load_settings(environ={**environ, **named}).known_home() == "/a"


@pytest.mark.parametrize(
    "name", ["FLOWPACK_HOME", "PREFECT_HOME", "PREFECT_PROFILES_PATH"]
)
@pytest.mark.parametrize("home", ["", "/none"])
def test_empty_path_is_not_given(folder, name, home):
    """A variable that is set to nothing names no folder and no file to be there."""
    known = load_settings(environ={"HOME": home}, cwd=str(folder))
    assert load_settings(environ={"HOME": home, name: ""}, cwd=str(folder)) == known


@pytest.mark.parametrize("text", ["~", "~/x", "~nobody-here/x", "/caf\udce9"])
def test_home_that_cannot_be(folder, text):
    """A home that somebody names must be one."""
    with pytest.raises(SettingsError, match="environment variable FLOWPACK_HOME: home"):
        load_settings(environ={"HOME": "", "FLOWPACK_HOME": text}, cwd=str(folder))
    with pytest.raises(SettingsError, match="PREFECT_PROFILES_PATH"):
        environ = {"HOME": "", "PREFECT_PROFILES_PATH": "${PREFECT_HOME}/p.toml"}
        load_settings(environ=environ, cwd=str(folder))


# Files that are there and cannot be read


@pytest.fixture
def places(folder, tmp_path):
    """Where settings are looked for without being named."""
    (tmp_path / ".prefect").mkdir()
    return {
        "profiles.toml": tmp_path / ".prefect" / "profiles.toml",
        ".env": folder / ".env",
        "prefect.toml": folder / "prefect.toml",
        "pyproject.toml": folder / "pyproject.toml",
    }


def bind_socket(path):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        before = os.getcwd()
        os.chdir(path.parent)  # Addresses are short.
        server.bind(path.name)
        os.chdir(before)


ODD_FILES = {
    "folder": (os.mkdir, "it is a folder"),
    "FIFO": (os.mkfifo, "it cannot be read: it is no regular file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "it cannot be read: it is"),
    "socket": (bind_socket, "it cannot be read"),
    "loop": (lambda path: path.symlink_to(path), "it cannot be read"),
    "dangling link": (lambda path: path.symlink_to("no"), "it is a link that leads no"),
}


@pytest.mark.parametrize(("make", "reason"), ODD_FILES.values(), ids=ODD_FILES)
@pytest.mark.parametrize(
    "name", ["profiles.toml", ".env", "prefect.toml", "pyproject.toml"]
)
def test_unreadable_file(load, places, name, make, reason):
    """What stands where settings may be is read, or an error that names it."""
    path = places[name]
    make(path)
    if name == ".env" and make is os.mkdir:
        assert load().api_url is None
        return
    with pytest.raises(SettingsError) as caught:
        load()
    message = str(caught.value)
    assert message.startswith(f"{path}: {reason}")
    assert "a file that this user can read" in message
    assert ("set PREFECT_HOME or" in message) == (name == "profiles.toml")


@pytest.mark.parametrize("variable", ["FLOWPACK_", "PREFECT_"])
def test_missing_file_that_is_named(load, tmp_path, variable):
    """A file of profiles that somebody names is there."""
    path = tmp_path / "p.toml"
    with pytest.raises(SettingsError) as caught:
        load({f"{variable}PROFILES_PATH": str(path)})
    start = f"environment variable {variable}PROFILES_PATH: {path}: there is no such"
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize(
    "variable", ["PREFECT_PROFILES_PATH", "FLOWPACK_PROFILES_PATH"]
)
def test_empty_path_of_profiles(load, variable):
    """It names no file, so the usual one may be missing."""
    assert load({variable: ""}).profile == "default"


def test_missing_file_that_a_file_names(load, folder):
    """It does not matter where it is named."""
    (folder / "prefect.toml").write_text('profiles_path = "p.toml"')
    with pytest.raises(SettingsError, match="profiles_path in .*: there is no such"):
        load()


@pytest.mark.parametrize("link", [".prefect", "up/.prefect"])
def test_home_of_prefect_that_leads_nowhere(load, tmp_path, link):
    """A home on a disk that is not mounted is not the same as none."""
    path = tmp_path / link
    assert load({"PREFECT_HOME": str(path)}).api_url is None
    (tmp_path / link.partition("/")[0]).symlink_to("not-mounted")
    with pytest.raises(SettingsError, match="profiles.toml: it is a link that leads"):
        load({"PREFECT_HOME": str(path)})


def test_home_of_prefect_that_is_a_link(load, tmp_path):
    """A home without a file of profiles may be a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / ".prefect").symlink_to("real")
    assert load().profile == "default"


@pytest.mark.parametrize(
    "home", ["file", "x" * 300, "/" + "x/" * 5000], ids=["file", "name", "path"]
)
def test_home_of_prefect_that_is_no_folder(load, tmp_path, home):
    """Nor is a home that no file can be in."""
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="it cannot be read: .*set PREFECT_HOME"):
        load({"PREFECT_HOME": str(tmp_path / home)})


@pytest.fixture
def others_folder():
    """A folder that others may look into, unlike those of pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    "name", ["profiles.toml", ".env", "prefect.toml", "pyproject.toml"]
)
@pytest.mark.parametrize("above", [False, True], ids=["file", "folder"])
def test_forbidden_file(others_folder, name, above):
    """What may not be read, or is in a folder that may not be, is an error."""
    path = others_folder / "inner" / name
    path.parent.mkdir()
    path.write_text("")
    path.parent.chmod(0o755)
    (path.parent if above else path).chmod(0o600)
    elsewhere, inner = str(others_folder), str(path.parent)
    home, cwd = elsewhere, inner
    if name == "profiles.toml":
        home, cwd = inner, elsewhere
    parse_toml(b"", "")  # While the library can be imported.
    os.seteuid(65534)
    try:
        with pytest.raises(SettingsError, match="it cannot be read: Perm") as caught:
            load_settings(environ={"PREFECT_HOME": home}, cwd=cwd)
    finally:
        os.seteuid(0)
    # Without access to the working folder, the first files are named.
    named = path.parent if name == "pyproject.toml" else path
    assert str(named) in str(caught.value)


def modules_after(code, folder):
    """Return the modules that a fresh interpreter has loaded after *code*."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        cwd=folder,
        env={"HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_loading_is_light(tmp_path):
    """Without files and URLs nothing slow is imported beside attrs."""
    loading = "from flowpack.settings import load_settings; load_settings()"
    added = modules_after(loading, tmp_path) - modules_after("import attrs", tmp_path)
    heavy = {"asyncio", "email", "http.client", "ipaddress", "logging", "pathlib"}
    heavy |= {"requests", "sqlite3", "tempfile", "tomli", "tomllib", "urllib.parse"}
    assert not added & heavy


def test_working_folder_that_is_not_known(monkeypatch):
    """There may be settings in it, so it is not passed over."""

    def refused():
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.getcwd", refused)
    with pytest.raises(SettingsError, match="working folder.*Permission denied"):
        load_settings()
