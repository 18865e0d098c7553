"""KEY=VALUE: what is JSON and what is text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.jsonvalues import parse_json
from flowpack.parameters import read_pairs

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(JSON)
def test_json_is_read(value):
    """What JSON can hold comes out as it was."""
    assert read_pairs({"key": json.dumps(value)}, {}) == {"key": value}


@pytest.mark.parametrize(
    "text",
    ["Ada", "", "007", "NaN", "Infinity", "-Infinity", "1e999", "[1", "'a'", "True"]
    + [" ", "1_000", "2020-01-01", "[" * 100_000, '"\\ud800"', "[NaN]"]
    + ["9" * 5000 + "x"],
    ids=lambda text: text[:12] or "empty",
)
def test_other_text_stays_text(text):
    """What is not JSON, NaN and infinity included, is taken as it is."""
    assert read_pairs({"key": text}, {}) == {"key": text}


@given(st.text())
def test_parse_json_raises_nothing_else(text):
    """Any text is JSON or a ValueError."""
    try:
        parse_json(text)
    except ValueError:
        pass
