"""URLs are read with care and shown without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.urls import mask_text, mask_url, parse_url, ui_root

CANARY = "c4n4ry"


class Disguised(str):
    """Text that prints itself otherwise."""

    def __str__(self):
        return "***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://host", "http://host"),
        ("http://host:80/a/b", "http://host:80/a/b"),
        ("http://ann:secret@host/a", "http://host/a"),
        ("http://ann:s@cret@host/a", "http://host/a"),
        ("http://host/a?token=secret#part", "http://host/a"),
        ("http://host?token=secret", "http://host"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("http://ann:se/cret@host/a", "http://***"),
        ("http://ann:se?cret@host/a", "http://***"),
        ("http://ann:se#cret@host/a", "http://***"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("host:4200/api", "host:4200/api"),
        ("ann:secret@host", "host"),
        ("not a URL", "not a URL"),
        ("", ""),
        (Disguised("http://ann:secret@host/a"), "http://host/a"),
    ],
)
def test_masked(url, shown):
    """Credentials, query and fragment are left out."""
    assert mask_url(url) == shown


@given(
    scheme=st.sampled_from(["http", "https", "ftp"]),
    host=st.sampled_from(["host", "host:80", "[::1]:8080", "a.b-c"]),
    around=st.text(alphabet="ab:@/?#\\ %\n", max_size=6),
)
def test_password_is_never_shown(scheme, host, around):
    """However odd a password is, it is not in what is shown."""
    assert CANARY not in mask_url(f"{scheme}://ann:{around}{CANARY}@{host}/path")


@pytest.mark.parametrize(
    "before",
    ["see ", "https://a/x and ", "https://a/x,", "https://a:80/x,", "http://proxy/"]
    + ["https://a ", "https://a/x?y=1 ", "name @ git+"],
)
def test_password_in_any_url_of_a_text_is_not_shown(before):
    """The first URL may be another one."""
    assert CANARY not in mask_text(f"{before}https://ann:{CANARY}@host/path")


def test_text_without_a_url_stands_as_it_is():
    """An address of mail is none, nor is a question."""
    for text in ("ann@host.example: why?", "flowpack[s3]==1.0", "a/b@c#d"):
        assert mask_text(text) == text


@given(st.text())
def test_masking_never_fails(text):
    """Any text has something to show."""
    assert isinstance(mask_url(text), str)


def test_parts_of_a_url():
    """A URL falls into what is needed to send a request."""
    address = parse_url("HTTPS://Ann:p%40ss@Host.Ex:8443/a%20b/\u00e9 c?d=\u00e9 f")
    assert (address.scheme, address.host, address.port) == ("https", "host.ex", 8443)
    assert address.path == "/a%20b/%C3%A9%20c"
    assert address.query == "d=%C3%A9%20f"
    assert address.credentials == "Ann:p@ss"
    assert address.origin == "https://host.ex:8443"
    assert address.shown == "https://host.ex:8443/a%20b/%C3%A9%20c"
    assert "p@ss" not in repr(address)


@pytest.mark.parametrize(
    ("url", "origin", "host", "port"),
    [
        ("http://host", "http://host", "host", 80),
        ("https://host:443", "https://host", "host", 443),
        ("http://host:443/", "http://host:443", "host", 443),
        ("http://[::1]:42", "http://[::1]:42", "::1", 42),
        ("http://[FE80::1]", "http://[fe80::1]", "fe80::1", 80),
        ("http://my_host", "http://my_host", "my_host", 80),
        ("http://host.", "http://host.", "host.", 80),
        ("http://b\u00fccher.ex", "http://xn--bcher-kva.ex", "xn--bcher-kva.ex", 80),
        ("http://\u00dc\u3002ex", "http://xn--tda.ex", "xn--tda.ex", 80),
        # Of another owner than the name with "ss", which older rules made of it.
        ("http://stra\u00dfe.ex", "http://xn--strae-oqa.ex", "xn--strae-oqa.ex", 80),
        ("http://\u03c3\u03c2.ex.", "http://xn--3xab.ex.", "xn--3xab.ex.", 80),
        ("http://\uff11\uff10.0.0.1", "http://10.0.0.1", "10.0.0.1", 80),
    ],
)
def test_origin(url, origin, host, port):
    """Names, numbers, usual ports."""
    address = parse_url(url)
    assert (address.origin, address.host, address.port) == (origin, host, port)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "does not start with"),
        ("host/api", "does not start with"),
        ("file:///etc/passwd", "does not start with"),
        ("http:/host", "does not start with"),
        ("http://", "no valid host"),
        (f"http://ann:{CANARY}@", "no valid host"),
        (f"http://ann:{CANARY}@host:port", "no valid host"),
        (f"http://ann:{CANARY}@\u2100/", "no valid host"),
        ("http://host:65536", "no valid host"),
        ("http://host:-1", "no valid host"),
        ("http://[::1", "no valid host"),
        ("http://[nonsense]", "no valid host"),
        ("http://[fe80::1%25eth0]", "no valid host"),
        ("http://[127.0.0.1%25eth0]", "no valid host"),
        ("http://a%25eth0/", "no valid host"),
        ("http://a b/", "no valid host"),
        ("http://a..b/", "no valid host"),
        (f"http://{'a' * 64}/", "no valid host"),
        (f"http://{'a.' * 130}/", "no valid host"),
        ("http://a%41/", "no valid host"),
        ("http://a\u200db/", "no valid host"),
        ("http://\u00fc..b/", "no valid host"),
        ("http://\u00ad/", "no valid host"),
        ("http://host:0", "no valid host and port"),
        ("http://host/\n", "line break"),
        ("http://ho\tst", "control character"),
        ("http://host/\x7f", "control character"),
        ("http://host/\u2028", "line break"),
        ("http://host/ ", "spaces"),
        ("http://host\\@other", "backslash"),
        ("http://host/#a", "'#'"),
        ("http://host/\udc80", "not text"),
        (7, "int"),
    ],
    ids=ascii,
)
def test_url_that_cannot_be_sent(url, reason):
    """The error has the reason, and nothing of the URL."""
    with pytest.raises(ValueError, match=reason) as caught:
        parse_url(url)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


@given(st.text(), st.text())
def test_parsing_fails_cleanly(host, path):
    """Any text is a URL that can be sent, or a ValueError."""
    try:
        address = parse_url(f"http://{host}/{path}")
    except ValueError:
        return
    assert (address.origin + address.path + address.query).isascii()
    assert " " not in address.path + address.query
    assert parse_url(address.shown).shown == address.shown


@pytest.mark.parametrize(
    ("api", "ui"),
    [
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200"),
        ("http://h.example/x/api", "http://h.example/x"),
        ("https://p.example/prefect", "https://p.example/prefect"),
        (
            "https://api.prefect.cloud/api/accounts/A/workspaces/W",
            "https://app.prefect.cloud/account/A/workspace/W",
        ),
        ("http://h/api/v1/api", "http://h/v1"),
        ("https://p.example/accounts/ws/api", "https://p.example/account/ws"),
        ("http://h", "http://h"),
    ],
)
def test_ui_root(api, ui):
    """As ``prefect.settings`` of 2.14.21, 2.20.25 and 3.9.1 derives it."""
    assert ui_root(api) == ui


def test_ui_root_of_a_host_that_is_called_api():
    """A service in a network of containers often is."""
    assert ui_root("http://api/api") == "http://api"
    assert ui_root("http://api/prefect/api") == "http://api/prefect"
