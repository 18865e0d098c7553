"""Values of fields to JSON and back."""

from __future__ import annotations

import datetime
import enum
import json
import pathlib
from collections import OrderedDict
from decimal import Decimal
from typing import Any, Dict, List, Literal, Optional, Set, Tuple, Union
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowpack.blocks.secret import Secret
from flowpack.blocks.fields import from_json, to_json
from flowpack.exceptions import BlockError
from tests.blocks.blocks import EVERYTHING, Colour, Everything, Inner


def test_every_kind_of_field_to_json():
    """The data of a block are JSON, in declared order, secrets in clear."""
    data = EVERYTHING.to_document_data()
    assert data == {
        "text": "é",
        "whole": -1,
        "number": 1.5,
        "flag": True,
        "choice": "two",
        "colour": "blue",
        "maybe": None,
        "either": [1, 2],
        "texts": ["b", "a"],
        "places": [1, "x"],
        "many": [3, 2, 1],
        "unique": [1, 2],
        "mapping": {"a": 2, "z": 1},
        "inner": {"a": 1, "token": "inner secret"},
        "moment": "2024-02-29T12:00:00+00:00",
        "day": "2024-02-29",
        "hour": "12:30:00",
        "span": 86400.000005,
        "path": "/x/y",
        "id": "00000000-0000-0000-0000-000000000007",
        "price": 1.1,
        "secret": "outer secret",
        "anything": {"a": {}, "b": [None, 1]},
        "raw": "raw",
        "defaulted": 3,
    }
    assert list(data) == [field for field in Everything.schema()["properties"]]
    assert list(data["mapping"]) == ["a", "z"]
    assert list(data["anything"]) == ["a", "b"]


def test_every_kind_of_field_there_and_back():
    """A block comes back from its data as they travel."""
    data = json.loads(json.dumps(EVERYTHING.to_document_data()))
    assert Everything.from_data(data) == EVERYTHING


def test_order_of_a_mapping_does_not_matter():
    """Equal mappings give equal text, however they were made."""
    one = to_json(OrderedDict([("b", 1), ("a", {"y": 1, "x": 2})]))
    other = to_json({"a": {"x": 2, "y": 1}, "b": 1})
    assert json.dumps(one) == json.dumps(other)


def test_enum_as_key():
    """An enum with text as value is a key like others."""
    assert to_json({Colour.RED: 1}) == {"red": 1}


class Odd(enum.Enum):
    """An enum with a member that is no JSON."""

    STRANGE = 1j
    PLAIN = "x"


def test_enum_with_strange_members():
    """Members that JSON cannot hold are skipped."""
    assert from_json("x", Odd) is Odd.PLAIN


def test_order_of_a_set_does_not_matter():
    """A set comes out in one order, also one of unlike things."""
    assert to_json({3, 1, 2}) == [1, 2, 3]
    assert to_json(frozenset({"b", 1, None})) == to_json(frozenset({None, "b", 1}))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcé/"), inner),
    max_leaves=8,
)


@given(value=JSON)
def test_any_json_stays_as_it_is(value):
    """What is JSON already is not changed."""
    assert to_json(value) == value
    assert from_json(value, Any) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        ("\ud800", "surrogate"),
        ({"\ud800": 1}, "surrogate"),
        ({1: 2}, "key of type int"),
        ({None: 2}, "key of type NoneType"),
        (object(), "type object"),
        (b"\xff", "UTF-8"),
        (Secret("\udfff"), "surrogate"),
        (Decimal("NaN"), "finite"),
        (Decimal("1.00000000000000000001"), "digits"),
        (1j, "type complex"),
        ([{"x": print}], "type builtin_function_or_method"),
    ],
    ids=repr,
)
def test_what_json_cannot_hold(value, message):
    """Such a value is refused, with what it is and not with itself."""
    with pytest.raises(BlockError, match=message):
        to_json(value)


def test_field_that_json_cannot_hold_is_named():
    """The error of a block names the field."""
    with pytest.raises(BlockError, match="field 'anything': an object"):
        attrs.evolve(EVERYTHING, anything=object()).to_document_data()


def test_endless_value_is_reported():
    """A value that contains itself is an error like others."""
    endless: List[Any] = []
    endless.append(endless)
    with pytest.raises(BlockError, match="field 'anything' is nested too deep"):
        attrs.evolve(EVERYTHING, anything=endless).to_document_data()


class Number(enum.IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (3, float, 3.0),
        (1, Number, Number.ONE),
        ("red", Colour, Colour.RED),
        ("red", Optional[Colour], Colour.RED),
        (None, Optional[int], None),
        (5, Union[str, int], 5),
        ("5", Union[int, str], "5"),
        ({"a": 1}, Union[int, Inner], Inner(1)),
        ([1, 2], Tuple[int, ...], (1, 2)),
        ([[1], []], List[Set[int]], [{1}, set()]),
        ({"a": [1]}, Dict[str, Tuple[int, ...]], {"a": (1,)}),
        (
            "2024-02-29T12:00:00Z",
            datetime.datetime,
            datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc),
        ),
        (90, datetime.timedelta, datetime.timedelta(seconds=90)),
        ("/x", pathlib.Path, pathlib.Path("/x")),
        ("/x", pathlib.PurePosixPath, pathlib.PurePosixPath("/x")),
        (str(UUID(int=1)), UUID, UUID(int=1)),
        (1.1, Decimal, Decimal("1.1")),
        ("text", bytes, b"text"),
        (True, Literal["a", True], True),
    ],
    ids=repr,
)
def test_value_that_fits(value, annotation, expected):
    """JSON becomes a value of the annotated type."""
    found = from_json(value, annotation)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        ("5", int, "expected a whole number, not text"),
        (5, str, "expected text, not a whole number"),
        (3.0, int, "expected a whole number, not a number"),
        (True, int, "expected a whole number, not a boolean"),
        (True, float, "expected a number, not a boolean"),
        (1, bool, "expected a boolean, not a whole number"),
        (None, int, "expected a whole number, not null"),
        ("no", Colour, "expected one of 'red', 'blue'"),
        ("c", Literal["a", "b"], "expected one of 'a', 'b'"),
        (1, Literal[True], "expected one of 'True'"),
        ("abc", List[str], "expected an array, not text"),
        ({}, List[str], "expected an array, not an object"),
        ([], Dict[str, int], "expected an object, not an array"),
        ([1], Tuple[int, int], "expected 2 items, not 1"),
        ("x", datetime.datetime, "no date-time that can be read"),
        ("x", datetime.date, "no date that can be read"),
        (1e300, datetime.timedelta, "out of range"),
        ("x", UUID, "no uuid that can be read"),
        ("x", Decimal, "expected a number"),
        (5, Secret, "expected text, not a whole number"),
        (5, Inner, "expected an object, not a whole number"),
        ({}, Inner, "its field 'a' is missing"),
        ([], Union[int, str], "a whole number.*; or .*text"),
        (5, type(None), "expected null, not a whole number"),
        (5, object.__class__, "type .*type.* has no counterpart in JSON"),
    ],
    ids=repr,
)
def test_value_that_does_not_fit(value, annotation, message):
    """Nothing is turned into something else; the error names what was expected."""
    with pytest.raises(BlockError, match=message):
        from_json(value, annotation)


@settings(max_examples=20)
@given(value=JSON)
def test_any_data_are_a_block_or_a_clean_error(value):
    """Whatever stands in a document, reading it never raises another error."""
    for name in EVERYTHING.to_document_data():
        data = {**EVERYTHING.to_document_data(), name: value}
        try:
            Everything.from_data(data)
        except BlockError as exc:
            assert len(str(exc)) < 600
