"""KEY=VALUE: what is JSON and what is text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.cli.parser import is_str, parse_json, read_values

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
    assert read_values({"key": json.dumps(value)}) == {"key": value}


@pytest.mark.parametrize(
    "text",
    ["Ada", "", "007", "NaN", "Infinity", "-Infinity", "1e999", "[1", "'a'", "True"]
    + [" ", "1_000", "2020-01-01", "[" * 100_000, '"\\ud800"', "[NaN]"]
    + ["9" * 5000 + "x"],
    ids=lambda text: text[:12] or "empty",
)
def test_other_text_stays_text(text):
    """What is not JSON, NaN and infinity included, is taken as it is."""
    assert read_values({"key": text}) == {"key": text}


def test_str_parameters_take_text():
    """A parameter annotated str gets the text even if it is JSON."""
    texts = {"code": "42", "count": "42", "name": "Ada"}
    values = read_values(texts, lambda: {"code": "str", "count": "int"})
    assert values == {"code": "42", "count": 42, "name": "Ada"}


def test_annotations_are_not_read_for_text():
    """Where no text is JSON they do not matter, and reading them takes time."""

    def load():
        raise AssertionError("not needed")

    assert read_values({"name": "Ada"}, load) == {"name": "Ada"}


@pytest.mark.parametrize("annotation", [str, "str", "'str'", '"str"', " str "])
def test_is_str(annotation):
    """A class, its source, and its source in quotes all mean str."""
    assert is_str(annotation)


@pytest.mark.parametrize("annotation", [int, "Optional[str]", "string", None, list])
def test_is_not_str(annotation):
    """What may be something else than text is not str."""
    assert not is_str(annotation)


@given(st.text())
def test_parse_json_raises_nothing_else(text):
    """Any text is JSON or a ValueError."""
    try:
        parse_json(text)
    except ValueError:
        pass
