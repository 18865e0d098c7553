"""Which values are JSON, and what is wrong with others."""

import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.jsonvalues import json_copy, json_problem, same_json

RECURSIVE: Any = []
RECURSIVE.append(RECURSIVE)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        pytest.param({"x": [1, {"y": float("nan")}]}, "at x[1].y: nan", id="nan"),
        pytest.param([float("inf")], "at [0]: inf", id="infinity"),
        pytest.param(
            {"d": datetime.date(2026, 1, 1)}, "at d: a value of type date", id="date"
        ),
        pytest.param({"a": {1: 2}}, "at a: a key of type int", id="key"),
        pytest.param({"a": "\ud800"}, "at a: the text holds half", id="surrogate"),
        pytest.param({"a": {"\ud800": 1}}, "half a surrogate", id="surrogate-key"),
        pytest.param({"s": {1, 2}}, "at s: a value of type set", id="set"),
        pytest.param(b"x", "a value of type bytes", id="bytes"),
        pytest.param(RECURSIVE, "nested more than", id="recursive"),
    ],
)
def test_problem_says_what_and_where(value, where):
    """The path of the first value that is not JSON is named."""
    assert where in str(json_problem(value))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner)
    | st.tuples(inner)
    | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_no_problem_means_that_it_travels(value):
    """What has no problem is what json writes and UTF-8 carries."""
    if json_problem(value) is None:
        json.dumps(value, allow_nan=False).encode()
        assert json.loads(json.dumps(value)) == json_copy(value)
    else:
        with pytest.raises((TypeError, ValueError)):
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


def test_copy_is_its_own():
    """A copy shares no container with the original, and tuples become lists."""
    original = {"a": [1, (2, 3)]}
    copy = json_copy(original)
    original["a"].append(4)
    assert copy == {"a": [1, [2, 3]]}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        ({"a": [1, {"b": False}]}, {"a": (1, {"b": False})}, True),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1], [1, 2], False),
        (None, {}, False),
    ],
)
def test_same(one, other, same):
    """Numbers are compared as numbers, and a boolean is none."""
    assert same_json(one, other) is same
