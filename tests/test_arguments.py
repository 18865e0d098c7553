"""Arguments are made to fit annotations, and nothing is lost by it."""

from __future__ import annotations

import dataclasses
import enum
import functools
import sys
import typing
from collections import abc, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import (
    Annotated,
    Any,
    Dict,
    FrozenSet,
    List,
    Literal,
    Mapping,
    NamedTuple,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.arguments import ConversionError, bind, convert
from flowpack.exceptions import ParameterError


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int
    y: float = 0.5


@dataclasses.dataclass
class Item:
    name: str
    count: int = 1
    parts: List["Item"] = dataclasses.field(default_factory=list)


@attrs.frozen
class Box:
    _size: int = attrs.field()
    color: Color = Color.RED

    @_size.validator
    def _check(self, attribute, value):
        if value < 0:
            raise KeyError("a negative size")


class Options(TypedDict, total=False):
    depth: int


class Model:
    """Looks like a model of pydantic."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.value == self.value

    @classmethod
    def model_validate(cls, data: Any) -> Model:
        if set(data) != {"value"}:
            raise RuntimeError("1 validation error for Model")
        return cls(data["value"])


class OldModel(Model):
    """Looks like one of pydantic before version 2."""

    model_validate = None  # type: ignore[assignment]

    @classmethod
    def parse_obj(cls, data: Any) -> OldModel:
        return cls(data["value"])


class Unknown:
    """A class that nothing is known of."""


UserId = NewType("UserId", int)
T = TypeVar("T")
UTC = timezone.utc
SOME_UUID = UUID("12345678-1234-5678-1234-567812345678")

FITTING = {
    "int": (5, int),
    "bool for int": (True, int),
    "IntEnum for int": (Level.LOW, int),
    "float": (0.5, float),
    "str": ("5", str),
    "bytes": (b"x", bytes),
    "bool": (False, bool),
    "complex": (1j, complex),
    "None": (None, None),
    "Any": (object(), Any),
    "object": (object(), object),
    "TypeVar": ("5", T),
    "unknown class": ("5", Unknown),
    "unknown generic": ("5", type[int]),
    "callable": (len, typing.Callable[[int], int]),
    "no annotation at all": ("5", "no type"),
    "deque": (deque([1]), Sequence[int]),
    "list": ([1, 2], List[int]),
    "bare list": (["a", 1], list),
    "tuple as sequence": ((1, 2), Sequence[int]),
    "tuple": ((1, "a"), Tuple[int, str]),
    "long tuple": ((1, 2, 3), Tuple[int, ...]),
    "set": ({1, 2}, Set[int]),
    "frozenset as set": (frozenset({1}), abc.Set),
    "dict": ({"a": 1}, Dict[str, int]),
    "mapping": (typing.cast(Any, enum.Enum.__dict__), Mapping[str, Any]),
    "generator": ((each for each in "ab"), typing.Iterable[int]),
    "union, later member": ("5", Union[int, str]),
    "optional": (None, Optional[int]),
    "union with Any": ("5", Union[int, Any]),
    "union with an unknown class": (Unknown(), Union[int, Unknown]),
    "literal": ("a", Literal["a", 1]),
    "enum": (Color.RED, Color),
    "datetime": (datetime(2020, 1, 1), datetime),
    "date": (date(2020, 1, 1), date),
    "time": (time(12), time),
    "timedelta": (timedelta(1), timedelta),
    "UUID": (SOME_UUID, UUID),
    "Path": (Path("a"), Path),
    "Decimal": (Decimal("1.5"), Decimal),
    "dataclass": (Item("a"), Item),
    "attrs": (Box(1), Box),
    "named tuple": (Point(1), Point),
    "TypedDict": ({"depth": 1, "more": 2}, Options),
    "model": (Model(1), Model),
    "not JSON for a model": ("text", Model),
    "NewType": (5, UserId),
    "Annotated": (5, Annotated[int, "positive"]),
}


@pytest.mark.parametrize("value, annotation", FITTING.values(), ids=FITTING)
def test_fitting_value_is_passed_as_it_is(value, annotation):
    """The very same object comes back."""
    assert convert(value, annotation) is value


CONVERTED = {
    "text to int": ("41", int, 41),
    "text with spaces": (" 41 ", int, 41),
    "whole float to int": (3.0, int, 3),
    "int to float": (3, float, 3.0),
    "text to float": ("1e3", float, 1000.0),
    "text to complex": ("1+2j", complex, 1 + 2j),
    "text to true": ("Yes", bool, True),
    "text to false": ("off", bool, False),
    "number to bool": (0, bool, False),
    "text to bytes": ("é", bytes, b"\xc3\xa9"),
    "text to datetime": (
        "2022-06-01T12:30:00Z",
        datetime,
        datetime(2022, 6, 1, 12, 30, tzinfo=UTC),
    ),
    "text to datetime, day only": ("2022-06-01", datetime, datetime(2022, 6, 1)),
    "fraction and offset": (
        "2022-06-01 12:30:00.5+02",
        datetime,
        datetime(2022, 6, 1, 10, 30, 0, 500_000, UTC),
    ),
    "text to date": ("2022-06-01", date, date(2022, 6, 1)),
    "text to time": ("12:30Z", time, time(12, 30, tzinfo=UTC)),
    "ISO duration": ("PT1M30S", timedelta, timedelta(seconds=90)),
    "clock duration": ("01:00:00", timedelta, timedelta(hours=1)),
    "seconds": (1.5, timedelta, timedelta(seconds=1.5)),
    "text to UUID": (str(SOME_UUID), UUID, SOME_UUID),
    "text to Path": ("a/b", Path, Path("a/b")),
    "text to pure path": ("a/b", PurePosixPath, PurePosixPath("a/b")),
    "text to Decimal": ("0.10", Decimal, Decimal("0.10")),
    "float to Decimal": (0.1, Decimal, Decimal("0.1")),
    "enum by value": ("red", Color, Color.RED),
    "enum by name": ("BLUE", Color, Color.BLUE),
    "enum by text of its value": ("2", Color, Color.BLUE),
    "IntEnum": ("1", Level, Level.LOW),
    "literal by text": ("1", Literal["a", 1], 1),
    "items": (["1", 2], List[int], [1, 2]),
    "tuple to list": ((1, 2), list, [1, 2]),
    "tuple's items": (("1",), Sequence[int], (1,)),
    "list to pair": (["1", "b"], Tuple[int, str], (1, "b")),
    "list to long tuple": (["1", 2], Tuple[int, ...], (1, 2)),
    "list to bare tuple": ([1], tuple, (1,)),
    "list to set": (["1", 2], Set[int], {1, 2}),
    "list to frozenset": ([1, 2], FrozenSet[int], frozenset({1, 2})),
    "keys and values": ({"1": "2"}, Dict[int, float], {1: 2.0}),
    "deep": ({"a": [["1"]]}, Dict[str, List[Tuple[int, ...]]], {"a": [(1,)]}),
    "optional": ("5", Optional[int], 5),
    "union in order": ("5", Union[float, int], 5.0),
    "union prefers what fits": (5, Union[float, int, str], 5),
    "union of known and unknown": ("5", Union[Unknown, int], 5),
    "union of collections": (["1"], Union[List[int], str], [1]),
    "dataclass": (
        {"name": "a", "count": "2", "parts": [{"name": "b"}]},
        Item,
        Item("a", 2, [Item("b")]),
    ),
    "attrs": ({"size": "3", "color": "BLUE"}, Box, Box(3, Color.BLUE)),
    "named tuple by name": ({"x": "1"}, Point, Point(1)),
    "named tuple by position": (["1", "2"], Point, Point(1, 2.0)),
    "TypedDict": ({"depth": "1"}, Options, {"depth": 1}),
    "model": ({"value": 3}, Model, Model(3)),
    "old model": ({"value": 3}, OldModel, OldModel(3)),
    "NewType": ("5", UserId, 5),
    "Annotated": ("5", Annotated[Optional[int], "x"], 5),
}


@pytest.mark.parametrize("value, annotation, wanted", CONVERTED.values(), ids=CONVERTED)
def test_converted(value, annotation, wanted):
    """What JSON and command lines can say becomes what the function wants."""
    result = convert(value, annotation)
    assert result == wanted
    assert type(result) is type(wanted)


#: How Python shows ``Union[int, float]``.
INT_OR_FLOAT = "int | float" if sys.version_info >= (3, 14) else "Union[int, float]"

UNFIT = {
    "lossy float": (3.7, int, "3.7 does not fit int"),
    "NaN": (float("nan"), int, "nan does not fit int"),
    "infinity": (float("inf"), int, "inf does not fit int"),
    "words": ("many", int, "'many' does not fit int"),
    "None": (None, int, "None does not fit int"),
    "big int": (2**60 + 1, float, "does not fit float"),
    "huge int": (10**5000, float, "a value of type int does not fit float"),
    "list for float": ([], float, "a value of type list does not fit float"),
    "number for text": (5, str, "5 does not fit str"),
    "number for bytes": (5, bytes, "5 does not fit bytes"),
    "two for bool": (2, bool, "2 does not fit bool"),
    "word for bool": ("maybe", bool, "'maybe' does not fit bool"),
    "text for None": ("null", None, "'null' does not fit None"),
    "text for list": ("abc", List[int], "'abc' does not fit List[int]"),
    "text for sequence": ("abc", Sequence[str], "'abc' does not fit Sequence[str]"),
    "set for list": ({1}, list, "does not fit list"),
    "item": ([1, "x"], List[int], "at [1]: 'x' does not fit int"),
    "short": ([1], Tuple[int, int], "it has 1 items, not 2"),
    "text for tuple": ("ab", tuple, "does not fit tuple"),
    "twice": ([1, 1], Set[int], "it has an item twice"),
    "twice afterwards": (["1", 1], Set[int], "it has an item twice"),
    "unhashable": ([[1]], Set[Any], "does not fit Set[Any]"),
    "text for set": ("ab", set, "does not fit set"),
    "list for dict": ([1], Dict[str, int], "does not fit Dict[str, int]"),
    "value": ({"a b": "x"}, Dict[str, int], "at ['a b']: 'x' does not fit int"),
    "key": ({"x": 1}, Dict[int, int], "at .x: 'x' does not fit int"),
    "key twice": ({"1": 1, 1: 2}, Dict[int, int], "it has a key twice"),
    "union": ("x", Union[int, float], f"'x' does not fit {INT_OR_FLOAT}"),
    "literal": ("2", Literal["a", 1], "'2' does not fit Literal['a', 1]"),
    "enum": ("green", Color, "'green' does not fit Color"),
    "time": ("noon", datetime, "'noon' does not fit datetime"),
    "number for time": (5, datetime, "5 does not fit datetime"),
    "no such day": ("2022-02-30T00:00", datetime, "does not fit datetime"),
    "date": (5, date, "5 does not fit date"),
    "clock": ("25:00", time, "'25:00' does not fit time"),
    "duration": ("soon", timedelta, "'soon' does not fit timedelta"),
    "endless duration": (1e300, timedelta, "does not fit timedelta"),
    "UUID": ("12", UUID, "'12' does not fit UUID"),
    "path": (5, Path, "5 does not fit Path"),
    "Decimal": ("x", Decimal, "'x' does not fit Decimal"),
    "tuple for Decimal": ((0, (1,), 0), Decimal, "does not fit Decimal"),
    "record of text": ("a", Item, "'a' does not fit Item"),
    "field": ({"name": "a", "count": 1.5}, Item, "at .count: 1.5 does not fit int"),
    "deep field": (
        {"name": "a", "parts": [{"name": 1}]},
        Item,
        "at .parts[0].name: 1 does not fit str",
    ),
    "unknown field": ({"nmae": "a"}, Item, "Item refuses it: "),
    "missing field": ({}, Item, "Item refuses it"),
    "validator": ({"size": -1}, Box, "Box refuses it: 'a negative size'"),
    "too many for named tuple": ([1, 2, 3], Point, "it has 3 items, and Point 2"),
    "TypedDict": ({"depth": "x"}, Options, "at .depth: 'x' does not fit int"),
    "list for TypedDict": ([], Options, "does not fit Options"),
    "model": ({"values": 3}, Model, "Model refuses it: 1 validation error"),
    "long text": ("x" * 5000, int, "(5000 characters)' does not fit int"),
    "control characters": ("\x1b[31m", int, "'\\x1b[31m' does not fit int"),
}


@pytest.mark.parametrize("value, annotation, message", UNFIT.values(), ids=UNFIT)
def test_value_that_does_not_fit(value, annotation, message):
    """What cannot be made to fit without loss is an error that says where."""
    with pytest.raises(ConversionError) as caught:
        convert(value, annotation)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_missing_key_of_typed_dict():
    """A key that is required is missed."""
    Whole = TypedDict("Whole", {"depth": int})
    with pytest.raises(ConversionError, match="it has no 'depth'"):
        convert({}, Whole)
    assert convert({"depth": "2"}, Whole) == {"depth": 2}


def test_empty_tuple():
    """``Tuple[()]`` lets the empty tuple pass."""
    assert convert((), Tuple[()]) == ()


def test_hints_that_cannot_be_read():
    """A record whose annotations name what is not there takes its values as is."""

    @dataclasses.dataclass
    class Strange:
        value: "Nowhere"  # type: ignore[name-defined] # noqa: F821

    assert convert({"value": "5"}, Strange) == Strange("5")


def test_fields_of_any_name():
    """A field's name means nothing to what makes the record."""

    @dataclasses.dataclass
    class Maker:
        cls: int
        make: str

    assert convert({"cls": "1", "make": "a"}, Maker) == Maker(1, "a")


@pytest.mark.skipif(sys.version_info < (3, 10), reason="has no X | Y at run time")
def test_unions_by_operator():
    """``int | None`` is ``Optional[int]``."""
    assert convert("5", eval("int | None")) == 5
    assert convert("x", eval("int | str")) == "x"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="has no type statement")
def test_type_aliases():
    """Aliases stand for their values; one that cannot be read lets all pass."""
    scope: dict[str, Any] = {}
    exec("type Number = int\ntype Broken = Nowhere", scope)
    assert convert("5", scope["Number"]) == 5
    assert convert("5", scope["Broken"]) == "5"


def test_qualifiers():
    """``Required`` and its like do not hide the type."""
    typing_extensions = pytest.importorskip("typing_extensions")
    assert convert("5", typing_extensions.Required[int]) == 5
    assert convert("5", typing.Final[int]) == 5


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
ANNOTATIONS: List[Any] = [
    *(int, bool, complex, bytes, UUID, date, datetime, time, timedelta),
    *(Item, Box, Point, Options, Level, Literal[1, "a", None], Union[Path, Decimal]),
    *(List[int], Set[str], Dict[int, Color], Optional[Tuple[int, ...]]),
]


@given(JSON, st.sampled_from(ANNOTATIONS))
def test_any_json(value, annotation):
    """Any JSON fits, is made to fit, and then fits; or does not."""
    try:
        result = convert(value, annotation)
    except ConversionError as exc:
        assert str(exc)
    else:
        assert convert(result, annotation) is result


def takes(
    a: int, /, b: "str" = "x", *rest: float, c: Optional[int] = None, **more: int
):
    """Take arguments of all kinds."""


def test_bind():
    """Each argument is made to fit its own parameter."""
    args, kwargs = bind(takes, ("1", "b", "2", 3), {"c": "4", "d": "5"})
    assert args == (1, "b", 2.0, 3.0)
    assert kwargs == {"c": 4, "d": 5}


def test_bind_without_conversion():
    """Values stay as they are, and are assigned to parameters all the same."""
    assert bind(takes, ("1",), {"b": 2}, converted=False) == (("1", 2), {})


WRONG_CALLS = {
    "missing": ((), {}, "a", "missing a required"),
    "missing, with a list": ((), {"b": "1"}, "a", "; the flow takes a, b, rest, c, more"),
    "does not fit": (("x",), {}, "a", "'x' does not fit int"),
    "does not fit in *args": ((1, "b", 2, "x"), {}, "rest", "at [1]: 'x' does not fit float"),
    "does not fit in **kwargs": ((1,), {"z": "x"}, "z", "'x' does not fit int"),
    "twice": ((1, "b"), {"b": "c"}, "b", "multiple values for argument"),
}


@pytest.mark.parametrize(
    "args, kwargs, parameter, reason", WRONG_CALLS.values(), ids=WRONG_CALLS
)
def test_wrong_calls(args, kwargs, parameter, reason):
    """The error names the parameter; it is a TypeError as well."""
    with pytest.raises(ParameterError) as caught:
        bind(takes, args, kwargs)
    assert caught.value.parameter == parameter
    assert reason in caught.value.reason
    assert isinstance(caught.value, TypeError)


def test_unknown_argument():
    """The error names what was given and lists what there is."""
    with pytest.raises(ParameterError) as caught:
        bind(lambda name, count=1: None, (), {"nmae": 1, "name": 2})
    assert caught.value.parameter == "nmae"
    takes = "got an unexpected keyword argument 'nmae'; the flow takes name, count"
    assert caught.value.reason == takes


def test_positional_argument_by_name():
    """The error names a parameter that cannot be given by name."""

    def function(a, /): ...

    with pytest.raises(ParameterError) as caught:
        bind(function, (), {"a": 1})
    assert caught.value.parameter == "a"


def test_too_many_arguments():
    """The error names no parameter where no single one is wrong."""
    with pytest.raises(ParameterError, match="too many positional arguments") as caught:
        bind(lambda: None, (1,), {})
    assert caught.value.parameter == ""
    assert caught.value.reason.endswith("the flow takes no arguments")


def test_no_annotation_lets_all_pass():
    """Without an annotation there is nothing to fit."""
    assert bind(lambda x: None, ("5",), {}) == (("5",), {})


def test_default_of_none_allows_it():
    """Whatever the annotation says."""
    def function(x: int = None): ...  # type: ignore[assignment]

    assert bind(function, (None,), {}) == ((None,), {})
    assert bind(function, (), {}) == ((), {})


#: As 2.0b7 and today's Prefect have them, but for the records' classes in 2.0b7.
DEFAULTS = {
    "number": (int, "3", 3),
    "date": (date, "2026-01-01", date(2026, 1, 1)),
    "duration": (timedelta, 60, timedelta(minutes=1)),
    "path": (Path, "data", Path("data")),
    "enum": (Color, "red", Color.RED),
    "optional": (Optional[int], "4", 4),
    "list": (List[int], ["1"], [1]),
    "dataclass": (Item, {"name": "a", "count": "2"}, Item("a", 2)),
    "attrs": (Box, {"size": "2"}, Box(2)),
}


@pytest.mark.parametrize("is_given", [False, True], ids=["left out", "given"])
@pytest.mark.parametrize(
    "annotation, default, expected", DEFAULTS.values(), ids=DEFAULTS
)
def test_defaults_are_made_to_fit(annotation, default, expected, is_given):
    """Left out or given, they are as any argument, and made anew for each call."""
    def function(before=0, /, x=default, *, after=None): ...

    function.__annotations__["x"] = annotation
    calls = [bind(function, (0, default) if is_given else (), {}) for _ in range(2)]
    (args, kwargs), (others, _) = calls
    assert args == (0, expected)
    assert kwargs == ({} if is_given else {"after": None})
    if isinstance(default, (list, dict)):
        assert args[1] is not others[1]


def test_default_that_does_not_fit():
    """The error comes with the call, and says where the value stands."""
    def function(x: int = "many"): ...  # type: ignore[assignment]

    with pytest.raises(ParameterError, match="'x': its default: 'many' does not fit"):
        bind(function, (), {})
    assert bind(function, ("5",), {}) == ((5,), {})
    assert bind(function, (), {}, converted=False) == ((), {})


def test_defaults_that_fit_are_left_to_the_function():
    """A decorator may take less than the signature that it shows."""
    def function(x: int, y: int = 1): ...

    @functools.wraps(function)
    def shorter(x): ...

    assert bind(shorter, ("1",), {}) == ((1,), {})


def test_one_unreadable_annotation_spoils_no_other():
    """Each annotation is read by itself."""
    def function(x, y: "int", z): ...

    function.__annotations__.update(x="Nowhere", z="1 / 0")
    assert bind(function, ("1", "2", "3"), {}) == (("1", 2, "3"), {})


def test_builtin_without_signature():
    """What does not say what it takes gets its arguments as they are."""
    assert bind(max, (1, "2"), {"key": 3}) == ((1, "2"), {"key": 3})
