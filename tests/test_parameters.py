"""Parameters: values against schemas, KEY=VALUE by them, and calls with them."""

import ast
import json
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.analysis.discovery import select_flow
from flowpack.analysis.script import Script
from flowpack.exceptions import ParameterError
from flowpack.packaging.script import known_schema
from flowpack.parameters import (
    missing_problems,
    read_pairs,
    spread,
    unknown_names,
    value_problems,
)

HEAD = """\
import datetime, enum, uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Dict, List, Literal, Optional, Set, Tuple, Union
from pydantic import BaseModel, Field
from typing_extensions import Annotated, TypedDict
from prefect import flow
from prefect.blocks.system import Secret

class Color(enum.Enum):
    RED = "1"
    BLUE = "b"

@dataclass
class Item:
    name: str
    count: int = 1

class Tree(BaseModel):
    value: int
    children: List["Tree"] = []

class Closed(BaseModel):
    model_config = {"extra": "forbid"}
    a: int

class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int

class Dog(BaseModel):
    kind: Literal["dog"]
    name: str

Pet = Annotated[Union[Cat, Dog], Field(discriminator="kind")]
"""


def schema_of(annotation, default=""):
    """Return the schema of ``f(p: annotation)``, as flowpack reads it."""
    text = f"{HEAD}\n@flow\ndef f(p: {annotation}{default}):\n    pass\n"
    return known_schema(select_flow(Script(text.encode(), "f.py")))


FITTING: Dict[str, List[Any]] = {
    "int": [0, -5, 3.0, 10**30],
    "float": [1, 1.5, -0.0],
    "str": ["", "a"],
    "bool": [True, False],
    "None": [None],
    "Any": [None, 1, "a", [1], {"a": 1}],
    "Optional[int]": [None, 1],
    "Union[int, str]": [1, "a"],
    "List[int]": [[], [1, 2]],
    "List[Item]": [[{"name": "a"}, {"name": "b", "count": 2}]],
    "Set[int]": [[], [1, 2]],
    "Tuple[int, str]": [[1, "a"]],
    "Tuple[int, ...]": [[], [1, 2, 3]],
    "Dict[str, int]": [{}, {"a": 1}],
    "Literal['a', 2]": ["a", 2],
    "Color": ["1", "b"],
    "Decimal": [1, 1.5, "1.5"],
    "datetime.date": ["2026-01-31", "2026-01-31T00:00:00", "1577836800"],
    "datetime.datetime": [
        "2026-01-31",
        "2026-01-31T06:00:00Z",
        "2026-01-31 06:00+0200",
        "0",
    ],
    "datetime.time": ["06:00", "06:00:00.5", "06:00:00Z"],
    "datetime.timedelta": ["PT1H", "P1D", "1 day, 02:03:04", "-12:00:00", "90"],
    "uuid.UUID": [
        "12345678123456781234567812345678",
        "{12345678-1234-5678-1234-567812345678}",
    ],
    "Item": [{"name": "a"}, {"name": "a", "more": 1}],
    "Tree": [{"value": 1, "children": [{"value": 2, "children": []}]}],
    "Closed": [{"a": 1}],
    "Pet": [{"kind": "cat", "lives": 9}, {"kind": "dog", "name": "Rex"}],
    "Annotated[int, Field(ge=1, lt=5)]": [1, 4],
    "Annotated[str, Field(min_length=1, max_length=2, pattern='^a')]": ["a", "ab"],
    "Annotated[List[int], Field(min_length=1)]": [[1]],
    "Dict[Literal['a', 'b'], int]": [{"a": 1}],
    "Secret": [
        {"$ref": {"block_document_slug": "secret/x"}},
        {"$ref": "12345678-1234-5678-1234-567812345678"},
        {"value": "inline"},
    ],
    "Unheard": [1, None, "a"],
}

REFUSED: Dict[str, Dict[Any, str]] = {
    "int": {
        "3": "p: expected an integer, not '3'",
        1.5: "1.5",
        True: "not true",
        None: "null",
    },
    "float": {"x": "expected a number"},
    "str": {1: "expected text, not 1"},
    "bool": {1: "expected true or false, not 1"},
    "Optional[int]": {"a": "expected an integer or null, not 'a'"},
    "List[int]": {
        "[1, 'a']": "p[1]: expected an integer, not 'a'",
        "{}": "expected a list",
    },
    "List[Item]": {
        "[{}]": "p[0].name: it is required",
        "[{'name': 1}]": "p[0].name: expected text",
    },
    "Optional[Item]": {
        "{'name': 1}": "p.name: expected text, not 1",
        "3": "an object (Item) or null",
    },
    "Set[int]": {"[1, 1]": "p[1]: it is there twice"},
    "Tuple[int, str]": {
        "[1]": "at least 2 items",
        "['a', 'b']": "p[0]: expected an integer",
    },
    "Dict[str, int]": {"{'a b': 'x'}": "p['a b']: expected an integer, not 'x'"},
    "Literal['a', 2]": {"'b'": "expected 'a' or 2, not 'b'"},
    "Color": {"1": "expected '1' or 'b', not 1"},
    "datetime.date": {
        "'2026-02-30'": "a date such as",
        "'2026-01-31T10:00:00'": "a date such as",
    },
    "datetime.datetime": {
        "'soon'": "a time such as",
        "'2026-01-31T25:00'": "a time such as",
    },
    "datetime.time": {"'25:00'": "a time of day"},
    "datetime.timedelta": {
        "'1 hour'": "a duration such as",
        "''": "a duration",
        "'31.01.2026'": "a duration",
    },
    "uuid.UUID": {"'abc'": "expected a UUID, not 'abc'"},
    "Tree": {
        "{'value': 1, 'children': [{'value': 'x'}]}": "p.children[0].value: expected an integer"
    },
    "Closed": {"{'a': 1, 'b': 2}": "p.b: it is unknown; known is a"},
    "Pet": {
        "{'kind': 'dog', 'name': 1}": "p.name: expected text, not 1",
        "{'kind': 'cow'}": "p.kind: expected 'cat' or 'dog'",
    },
    "Annotated[int, Field(ge=1, lt=5)]": {
        "0": "at least 1, not 0",
        "5": "less than 5, not 5",
    },
    "Annotated[float, Field(multiple_of=0.5)]": {"0.3": "a multiple of 0.5"},
    "Annotated[str, Field(min_length=1, pattern='a')]": {"'b'": "matches a, not 'b'"},
    "Dict[Literal['a', 'b'], int]": {"{'c': 1}": "p.c: its name: expected 'a' or 'b'"},
    "Set[float]": {"[1, 1.0]": "p[1]: it is there twice"},
    "Secret": {"{'$ref': 'x'}": '{"block_document_slug": "secret/NAME"}'},
}


@pytest.mark.parametrize("annotation", FITTING)
def test_fitting_values(annotation):
    """What the flow and the servers take passes."""
    schema = schema_of(annotation)
    for value in FITTING[annotation]:
        assert value_problems({"p": value}, schema) == []


@pytest.mark.parametrize("annotation", REFUSED)
def test_refused_values(annotation):
    """The error says where, and what is expected."""
    schema = schema_of(annotation)
    for source, expected in REFUSED[annotation].items():
        value = source
        if isinstance(source, str):
            value = source if source in ("3", "x", "a") else ast.literal_eval(source)
        (problem,) = value_problems({"p": value}, schema)
        assert expected in problem and problem.startswith("parameter p")


def test_placeholders_pass():
    """The server fills them in, so they may stand anywhere."""
    value = {"__prefect_kind": "json", "value": "3"}
    assert value_problems({"p": [value]}, schema_of("List[int]")) == []


@pytest.mark.parametrize(
    ("default", "fits"), [("", False), (" = 1", False), (" = object()", True)]
)
def test_null(default, fits):
    """As on servers null may stand for what need not be given and has no default."""
    assert (value_problems({"p": None}, schema_of("int", default)) == []) is fits


def test_all_problems_at_once():
    """Ten are listed, and whether there are more."""
    problems = value_problems({"p": ["x"] * 100_000}, schema_of("List[int]"))
    assert problems[0] == "parameter p[0]: expected an integer, not 'x'"
    assert problems[10:] == ["and more"]


DEEP = {"value": 1, "children": []}
for _ in range(150):
    DEEP = {"value": 1, "children": [DEEP]}

SENSELESS = [
    {
        "properties": {"p": {"$ref": "#/definitions/p"}},
        "definitions": {"p": {"$ref": "#/definitions/p"}},
    },
    {"properties": {"p": {"$ref": "#/nowhere"}}},
    {
        "properties": {
            "p": {"minimum": "x", "pattern": "(", "type": ["strange", {}], "enum": 3}
        }
    },
    {"properties": {"p": {"anyOf": 3, "items": 3, "oneOf": [{}], "$ref": 3}}},
    {"properties": [], "required": 3},
    {"properties": {"p": 3}},
]


@pytest.mark.parametrize("schema", SENSELESS)
@pytest.mark.parametrize("value", [1, "x", [1], {"a": 1}, None], ids=repr)
def test_schemas_that_make_no_sense(schema, value):
    """What a schema does not say passes."""
    assert value_problems({"p": value}, schema) == []


def test_deep_values():
    """Values as deep as may be sent are read in no time, or pass."""
    assert value_problems({"p": DEEP}, schema_of("Tree")) == []
    unions = {"anyOf": [{"type": "array", "items": {"$ref": "#/definitions/U"}}] * 8}
    schema = {
        "properties": {"p": {"$ref": "#/definitions/U"}},
        "definitions": {"U": unions},
    }
    value: Any = 1
    for _ in range(60):
        value = [value]
    assert value_problems({"p": value}, schema)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES, VALUES)
def test_nothing_else_is_raised(schema, value):
    """Any value, NaN and half surrogates included, and any schema will do."""
    value_problems({"p": value}, {"properties": {"p": schema}})
    value_problems(
        {"p": value}, {"properties": {"p": {"enum": schema, "items": schema}}}
    )


PAIRS: Dict[str, Dict[str, Any]] = {
    "str": {"12": "12", "null": "null", "": "", '"a"': '"a"', "[1]": "[1]"},
    "Optional[str]": {"12": "12", "null": None, "a": "a", "true": "true"},
    "Union[int, str]": {"12": 12, "1.5": "1.5", "a": "a"},
    "int": {"12": 12, "007": 7, "+5": 5, "a": "a", "1.5": 1.5, "NaN": "NaN"},
    "float": {".5": 0.5, "1": 1, "nan": "nan", "1e999": "1e999"},
    "bool": {"true": True, "True": True, "FALSE": False, "1": 1},
    "Color": {"1": "1", "b": "b"},
    "Literal[1, 'a', '2']": {"1": 1, "2": "2", "a": "a"},
    "datetime.date": {"2026-01-31": "2026-01-31", '"2026-01-31"': "2026-01-31"},
    "datetime.timedelta": {"90": "90"},
    "uuid.UUID": {"1" * 32: "1" * 32},
    "List[str]": {'["a"]': ["a"], "[1]": [1], "a": "a"},
    "Dict[str, int]": {'{"a": 1}': {"a": 1}},
    "Any": {"1": 1, "a": "a", "null": None},
    "Decimal": {"1.5": 1.5},
    "Item": {'{"name": "a"}': {"name": "a"}},
}


@pytest.mark.parametrize("annotation", PAIRS)
def test_read_pairs(annotation):
    """Texts are read as the parameter's type has them."""
    schema = schema_of(annotation)
    for text, value in PAIRS[annotation].items():
        (read,) = read_pairs({"p": text}, schema).values()
        assert (read, type(read)) == (value, type(value))


@given(st.text())
def test_read_pairs_of_any_text(text):
    """Whatever the text, what comes out is JSON or the text."""
    (value,) = read_pairs({"p": text}, schema_of("int")).values()
    json.dumps(value, allow_nan=False)


def test_names():
    """Unknown names are listed with those that there are, or with the form for ``**more``."""
    assert unknown_names({"a": 1}, ["a", "b"]) is None
    assert str(unknown_names({"x": 1}, ["a", "b"])).endswith(
        "no parameter 'x'; it takes a, b"
    )
    assert str(unknown_names({"x": 1}, [])).endswith("; it takes none")
    text = unknown_names({"a": 1, "b": "x"}, ["more"], "more")
    assert """-p 'more={"a": 1, "b": "x"}'""" in str(text)


def test_missing():
    """What is required and has no value is listed."""
    (problem,) = missing_problems({}, schema_of("int"))
    assert problem.startswith("parameter p has no value")
    assert missing_problems({}, schema_of("int", " = 1")) == []


def takes(a, /, b=2, *rows, c=3, **more):
    return a, b, rows, c, more


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"a": 1}, (1, 2, (), 3, {})),
        ({"a": 1, "rows": [4, 5]}, (1, 2, (4, 5), 3, {})),
        ({"c": 6, "a": 1, "more": {"x": 1, "a": 2}}, (1, 2, (), 6, {"x": 1, "a": 2})),
        ({"a": 1, "b": 7, "rows": [], "more": {}}, (1, 7, (), 3, {})),
    ],
)
def test_spread(parameters, expected):
    """``*rows`` and ``**more`` take their values under their own names."""
    args, kwargs = spread(takes, parameters)
    assert takes(*args, **kwargs) == expected


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"a": 1, "x": 2}, """-p 'more={"x": 2}'"""),
        ({}, "'a': it has no value"),
        ({"a": 1, "rows": "ab"}, "'rows': expected a list, not 'ab'"),
        ({"a": 1, "more": [1]}, "'more': expected an object, not a list"),
        ({"a": 1, "more": {"c": 1}}, "'c' is a parameter of its own"),
    ],
)
def test_spread_refuses(parameters, text):
    """What cannot be spread is an error that names the parameter."""
    with pytest.raises(ParameterError) as caught:
        spread(takes, parameters)
    assert text in str(caught.value)


def test_spread_without_signature():
    """A builtin that has no signature is called as before."""
    assert spread(min, {"a": 1}) == ((), {"a": 1})


def test_long_texts():
    """They are looked through in no time, whatever the format."""
    for annotation in ("date", "datetime", "time", "timedelta"):
        (problem,) = value_problems(
            {"p": "1" * 100_000 + "x"}, schema_of(f"datetime.{annotation}")
        )
        assert len(problem) < 200


def test_many_choices():
    """Ten of them are listed."""
    schema = {"properties": {"p": {"enum": list(range(1000))}}}
    (problem,) = value_problems({"p": "x"}, schema)
    assert problem.endswith(" or 9 or others, not 'x'")
