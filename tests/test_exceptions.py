"""What the texts of errors are made of."""

import pytest

from flowpack.exceptions import suggestion

NAMES = ("deploy", "delete", "ls", "Pool-A")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("depoly", "; did you mean 'deploy'?"),
        ("DEPLOY", "; did you mean 'deploy'?"),
        ("pool-a", "; did you mean 'Pool-A'?"),
        ("frobnicate", ""),
        ("", ""),
        ("deploy" * 100_000, ""),
    ],
)
def test_suggestion(word, meant):
    """The closest name is given, whatever its case; nothing where none is close."""
    assert suggestion(word, NAMES) == meant


def test_suggestion_is_printable():
    """The names may come from a server."""
    assert suggestion("deploy\x1b", ["deploy\x1b[2J"]).isprintable()
