"""Flows and the decorator that makes them."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import linecache
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from flowpack.exceptions import ParameterError
from flowpack.flows import Flow, calls_skipped, flow


@flow
def add_up(x: int, *, y: float = 0.5) -> float:
    """Add two numbers.

    Both may be text.
    """
    return x + y


@flow(name="Slow One", version=3, description="Takes long.", retries=2, log_prints=True)
async def slow(x: int) -> int:
    """Not this."""
    return x


def test_defaults():
    """Name, version and description are the function's."""
    content = Path(__file__).read_bytes()
    assert add_up.name == "add-up"
    assert add_up.version == hashlib.md5(content).hexdigest()
    assert add_up.description == "Add two numbers.\n\nBoth may be text."
    assert not add_up.is_async


def test_given():
    """What is given is taken; the version as text."""
    assert (slow.name, slow.version, slow.description) == (
        "Slow One",
        "3",
        "Takes long.",
    )
    assert slow.options == {"retries": 2, "log_prints": True}
    assert slow.is_async


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_given(nothing):
    """What is empty counts as not given."""
    made = flow(add_up.fn, name=nothing, version=nothing, description=nothing)
    assert made == add_up


def test_spellings():
    """With and without arguments, above a function or called with it."""
    spellings = [flow(add_up.fn), flow()(add_up.fn), flow(name="add-up")(add_up.fn)]
    assert spellings == [add_up] * 3
    assert Flow(add_up.fn) == add_up
    assert len({*spellings, add_up}) == 1


def test_shows_the_function():
    """Help, signature and names are those of the function."""
    for shown in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(add_up, shown) == getattr(add_up.fn, shown)
    assert inspect.getdoc(add_up) == "Add two numbers.\n\nBoth may be text."
    assert inspect.signature(add_up) == inspect.signature(add_up.fn)
    assert inspect.unwrap(add_up) is add_up.fn
    assert list(add_up.parameters) == ["x", "y"]
    assert add_up.parameters["y"].default == 0.5
    assert repr(add_up) == "<Flow 'add-up'>"
    assert (Flow.__doc__ or "").startswith("A function that can be deployed")


def test_flow_is_frozen():
    """A flow cannot be changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        add_up.name = "other"  # type: ignore[misc]


def test_call():
    """Calling calls the function, with arguments made to fit."""
    assert add_up("1", y="2") == 3.0  # type: ignore[arg-type]
    assert add_up(1) == 1.5


def test_wrong_call():
    """The error names the parameter."""
    with pytest.raises(ParameterError, match="parameter 'x': 'one' does not fit int"):
        add_up("one")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="parameter 'x': missing"):
        add_up()  # type: ignore[call-arg]


def test_error_of_the_function():
    """What the function raises comes out as it is."""
    with pytest.raises(ZeroDivisionError):
        flow(lambda: 1 // 0, name="fails")()


def test_validation_can_be_switched_off():
    """As with Prefect, values are then passed as they are."""

    @flow(validate_parameters=False)
    def same(x: int) -> int:
        return x

    assert same("1") == "1"  # type: ignore[arg-type, comparison-overlap]


def test_coroutine():
    """An async function's flow gives the coroutine, made with fitting arguments."""
    assert asyncio.run(slow("5")) == 5  # type: ignore[arg-type]


def test_generator():
    """A generator function's flow gives the generator."""

    @flow
    def numbers(count: int):
        yield from range(count)

    assert list(numbers("3")) == [0, 1, 2]  # type: ignore[arg-type]


def test_with_options():
    """The copy has what was given; the rest is the original's."""
    copied = slow.with_options(name="other", version="4", retries=5)
    assert (copied.name, copied.version, copied.description) == (
        "other",
        "4",
        "Takes long.",
    )
    assert copied.options == {"retries": 5, "log_prints": True}
    assert copied.fn is slow.fn
    assert slow.name == "Slow One"
    assert slow.with_options() == slow
    assert add_up.with_options(name="b").version == add_up.version


@pytest.mark.parametrize("name", ["a/b", "a%b", "a&b", "a>b", "a<b", "\0", "\ud800"])
def test_refused_names(name):
    """Names that servers refuse are refused at once."""
    with pytest.raises(ValueError, match="the name"):
        flow(add_up.fn, name=name)
    with pytest.raises(ValueError, match="the name"):
        add_up.with_options(name=name)


@pytest.mark.parametrize(
    "function",
    [lambda: 1, functools.partial(print, "x")],
    ids=["lambda", "partial"],
)
def test_nameless(function):
    """What has no name needs one."""
    with pytest.raises(ValueError, match=r"give one: flow\(..., name='...'\)"):
        flow(function)
    assert flow(function, name="n").name == "n"


@pytest.mark.parametrize("wrong", [5, "text"])
def test_wrong_types(wrong):
    """Wrong use is a TypeError."""
    with pytest.raises(TypeError, match="must be callable"):
        flow(wrong)
    with pytest.raises(TypeError, match="^a name must be text, not int$"):
        flow(add_up.fn, name=5)  # type: ignore[call-overload]


def test_version_without_a_file():
    """A function that was not defined in a file has no version."""
    scope: dict[str, object] = {}
    exec("def f(): pass", scope)
    assert flow(scope["f"]).version is None  # type: ignore[call-overload]
    assert flow(print).version is None


def test_version_follows_the_file(tmp_path):
    """It is computed when asked for, from the file as it is then."""
    path = tmp_path / "script.py"
    path.write_text("def f(): pass\n")
    scope: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    made = flow(scope["f"])  # type: ignore[call-overload]
    path.write_text("def f(): return 1\n")
    assert made.version == hashlib.md5(path.read_bytes()).hexdigest()
    path.unlink()
    linecache.checkcache()
    assert made.version is None


def test_call_while_loading():
    """Then a flow does nothing, and warns once for each call."""
    with calls_skipped("script.py"):
        with pytest.warns(UserWarning, match="'add-up' was not called") as caught:
            assert add_up("nonsense") is None  # type: ignore[arg-type]
    assert [warning.filename for warning in caught] == [__file__]
    assert add_up(1) == 1.5


def test_async_call_while_loading():
    """An async flow gives a coroutine of nothing, for whoever runs it."""
    with calls_skipped("script.py"), pytest.warns(UserWarning, match="was not called"):
        skipped = slow(1)
    assert asyncio.run(skipped) is None


def test_without_asyncio():
    """Neither defining nor calling a flow needs asyncio."""
    code = """
import sys
sys.modules["asyncio"] = None
from flowpack.flows import flow
@flow
async def f(x: int): return x
try:
    f("3").send(None)
except StopIteration as exc:
    print(exc.value)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("3\n", "")


def test_decorating_reads_no_file():
    """Making flows costs no I/O."""
    code = """
import sys
from flowpack.flows import flow
opened = []
sys.addaudithook(lambda event, _: opened.append(event) if event == "open" else None)
@flow
def f(): pass
print(opened, "flowpack.arguments" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("[] False\n", "")
