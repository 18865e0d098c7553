"""What the source does not say is an error that says so, and never a guess."""

from __future__ import annotations

import pytest

from flowpack.analysis.discovery import select_flow
from flowpack.exceptions import (
    DiscoveryError,
    MissingFlowError,
    UnspecifiedFlowError,
)
from tests.analysis.scripts import found, script

PRELUDE = "import os\nfrom prefect import flow\ndef fn(): pass\n"

UNDETERMINED = {
    "call": ("x = flow(fn, name=os.name)", "depends on 'os.name'"),
    "environment": ("x = flow(fn, name=os.environ['N'])", "os.environ['N']"),
    "f-string": ("x = flow(fn, name=f'a-{os.name}')", "depends on 'os.name'"),
    "formatted": ("N = 'a'\nx = flow(fn, name=f'{N!r}')", "N!r"),
    "added number": ("x = flow(fn, name='a' + 1)", "'a' + 1"),
    "unknown name": ("x = flow(fn, name=NAME)", "depends on 'NAME'"),
    "bound too late": ("NAME: str\nx = flow(fn, name=NAME)\nNAME = 'given'", "on 'NAME'"),
    "bound in branches": (
        "if os:\n    N = 'a'\nelse:\n    N = 'b'\nx = flow(fn, name=N)",
        "depends on 'N'",
    ),
    "global": (
        "N = 'a'\ndef change():\n    global N\n    N = 'b'\nx = flow(fn, name=N)",
        "depends on 'N'",
    ),
    "imported too": ("N = 'a'\nfrom os import name as N\nx = flow(fn, name=N)", "'N'"),
    "walrus too": ("N = 'a'\nprint(N := 'b')\nx = flow(fn, name=N)", "'N'"),
    "with too": ("N = 'a'\nwith os as N: pass\nx = flow(fn, name=N)", "'N'"),
    "in itself": ("A = B\nB = A\nx = flow(fn, name=A)", "depends on 'B'"),
    "bytes": ("x = flow(fn, name=b'x')", "b'x'"),
    "unspeakable": ("x = flow(fn, name=" + "-" * 900 + "os)", "on 'an expression'"),
    "options": ("x = flow(fn, **OPTIONS)", "may stand in 'OPTIONS'"),
    "options of the decorator": ("@flow(**OPTIONS)\ndef x(): pass", "'OPTIONS'"),
    "unnamed options": ("x = flow(fn, 'name')", "may stand in"),
    "foreign function": (
        "from lib import g\nx = flow(g)",
        "depends on a function of another module",
    ),
    "flow of a flow": (
        "x = flow(flow(fn), name='n')",
        "what flow(flow(fn), name='n') makes of the flow is not known",
    ),
    "lambda": ("x = flow(lambda: 1)", "a lambda has no name"),
    "wrapped": ("@flow\n@mine(1)\ndef x(): pass", "changed by @mine(1) below @flow"),
    "wrapped by its own": (
        "def mine(f): return lambda: f\n@flow\n@mine\ndef x(): pass",
        "changed by @mine below @flow",
    ),
    "wrapped before": ("@mine\ndef g(): pass\nx = flow(g)", "@mine below @flow"),
    "bad name": ("x = flow(fn, name='a/b')", "contains /"),
    "number as name": ("x = flow(fn, name=5)", "must be text"),
    "version": ("x = flow(fn, name='n', version=os.name)", "the flow's version"),
    "version in options": ("x = flow(fn, name='n', **O)", "the flow's version"),
    "description": ("x = flow(fn, name='n', description=fn())", "flow's description"),
    "in branches": (
        "if os:\n    x = flow(fn, name='a')\nelse:\n    x = flow(fn, name='b')",
        "made differently in lines 5, 7",
    ),
    "in handlers": (
        "try:\n    x = flow(fn, name='a')\nexcept Exception:\n"
        "    x = flow(fn, name='b', description=os.name)",
        "the flow's description",
    ),
    "decorator of a library": (
        "from lib import flow\n@flow\ndef x(): pass",
        "flow (lib.flow) is not known to be Prefect's, and only this script is read",
    ),
    "renamed decorator of a library": (
        "from lib import flow as f\n@f(name='n')\ndef x(): pass",
        "f (lib.flow) is not known to be",
    ),
    "decorator beside the script": (
        "from .lib import flow\n@flow\ndef x(): pass",
        "flow (.lib.flow) is not known to be",
    ),
    "attribute of a library": (
        "import lib.sub as lib\n@lib.flow\ndef x(): pass",
        "lib.flow (lib.sub.flow) is not known to be",
    ),
    "decorator from a star": (
        "del flow\nfrom lib import *\n@lib.flow\ndef x(): pass",
        "lib.flow (lib.lib.flow) is not known to be",
    ),
    "decorator of its own": (
        "def flow(fn): return fn\n@flow\ndef x(): pass",
        "flow is not known to be Prefect's",
    ),
    "decorator that is a value": (
        "flow = fn()\n@flow\ndef x(): pass",
        "flow is not known to be Prefect's",
    ),
    "decorator by importlib": (
        "import importlib\np = importlib.import_module('prefect')\n"
        "@p.flow\ndef x(): pass",
        "p.flow is not known to be Prefect's",
    ),
}


@pytest.mark.parametrize("lines, reason", UNDETERMINED.values(), ids=UNDETERMINED)
@pytest.mark.parametrize("name", [None, "x"], ids=["only", "by name"])
def test_undetermined(lines, reason, name):
    """Selecting such a flow is an error that names the line and the reason."""
    with pytest.raises(DiscoveryError) as caught:
        select_flow(script(PRELUDE + lines), name)
    assert reason in caught.value.reason
    assert caught.value.where.startswith("script.py:")


def test_line_is_that_of_the_flow():
    """The error points at the call or the ``def``."""
    called = "\n\nx = flow(fn, name=os.name)"
    for lines in (called, "@flow(name=os.name)\n\ndef x(): 1"):
        with pytest.raises(DiscoveryError) as caught:
            select_flow(script(PRELUDE + lines))
        assert caught.value.where == "script.py:6"


@pytest.mark.parametrize("name", ["known", "well"])
def test_undetermined_flow_does_not_spoil_others(name):
    """A flow that is known can be chosen beside one that is not."""
    lines = "x = flow(fn, name=os.name)\nknown = flow(fn, name='well')"
    assert select_flow(script(PRELUDE + lines), name).variable == "known"


def test_several_count_those_undetermined():
    """Without a name, an undetermined flow is one of several."""
    lines = "x = flow(fn, name=os.name)\ny = flow(fn, name='why')"
    with pytest.raises(UnspecifiedFlowError) as caught:
        select_flow(script(PRELUDE + lines))
    assert caught.value.reason == (
        "it has 2 flows; say which: 'why' (y), the flow bound to x"
    )


def test_unknown_name_could_be_the_one():
    """A name that no flow has may be that of the flow whose name is not known."""
    lines = "x = flow(fn, name=os.name)\ny = flow(fn, name='why')"
    with pytest.raises(MissingFlowError) as caught:
        select_flow(script(PRELUDE + lines), "posix")
    assert caught.value.where == "script.py:4"
    assert "no flow 'posix'" in caught.value.reason
    assert "os.name" in caught.value.reason


def test_known_name_is_not_the_one():
    """A flow whose name is known, though its version is not, is not suspected."""
    lines = "x = flow(fn, name='known', version=os.name)"
    with pytest.raises(MissingFlowError) as caught:
        select_flow(script(PRELUDE + lines), "other")
    assert caught.value.where == "script.py"
    assert "os.name" not in caught.value.reason
    with pytest.raises(DiscoveryError, match="the flow's version"):
        select_flow(script(PRELUDE + lines), "known")


def test_equal_branches_are_known():
    """Where both branches make the same flow, it is known, with both origins."""
    discovery = found(
        """
        import sys
        try:
            from prefect import flow
            @flow
            def f(x: int): "Doc."
        except ImportError:
            from flowpack import flow
            @flow
            def f(x: "int"): "Doc."
        """
    )
    (flow,) = discovery.flows
    assert flow.origin == {"prefect", "flowpack"}


def test_too_many_alternatives_are_nothing():
    """A name with very many meanings is not followed."""
    branches = "".join(f"if c({i}):\n    f = flow(fn, name='f')\n" for i in range(40))
    assert not found(PRELUDE + branches).undetermined


def test_not_imported():
    """A decorator that nobody imported is an error with the line to write."""
    with pytest.raises(DiscoveryError, match="write: from prefect import flow"):
        select_flow(script("@flow\ndef f(): pass\n"))


def test_result_of_another_call_is_no_flow():
    """What may as well be no flow does not compete, and its name explains itself."""
    code = """
    from lib import thing, graph
    from prefect import flow

    y = thing.with_options(name="y")
    z = graph.flow(3)
    """
    for name, call in (("y", "thing.with_options(name='y')"), ("z", "graph.flow(3)")):
        with pytest.raises(MissingFlowError) as caught:
            select_flow(script(code), name)
        assert f"what {call} returns is not known" in caught.value.reason
    assert select_flow(script(code + "\n    x = flow(len, name='n')")).name == "n"


LATER = {
    "for": "for N in 'ab':\n    x = flow(fn, name=N)",
    "while": "while os:\n    N = os.name\n    x = flow(fn, name=N)",
    "else": "for N in 'ab':\n    pass\nelse:\n    x = flow(fn, name=N)",
    "again": "@flow\ndef x(): pass\nfor N in 'ab':\n    x = x.with_options(name=N)",
    "renamed": "x = flow(fn)\nx.name = 'b'",
    "set": "@flow\ndef x(): pass\nsetattr(x, 'name', 'b')",
}


@pytest.mark.parametrize("lines", LATER.values(), ids=LATER)
def test_flow_of_a_loop_and_changed_flow(lines):
    """A flow that a loop makes, or that is changed later, competes with the script's others."""
    code = f"{PRELUDE}{lines}\n"
    with pytest.raises(DiscoveryError, match="the flow's name (depends on 'N'|may stand in)"):
        select_flow(script(code), "x")
    with pytest.raises(UnspecifiedFlowError, match="the flow bound to x"):
        select_flow(script(f"{code}@flow\ndef y(): pass"))


def test_imported_flow_is_not_of_this_script():
    """Asking for a flow that is imported says where it comes from."""
    with pytest.raises(MissingFlowError, match="it is imported, lib.etl,") as caught:
        select_flow(script("from lib import etl\n"), "etl")
    assert "own bytes" in caught.value.reason


def test_plain_function_is_no_flow():
    """Asking for a function without ``@flow`` says what it lacks."""
    with pytest.raises(MissingFlowError, match=r"plain function \(line 2\)"):
        select_flow(script("import os\ndef etl(): pass\n"), "etl")


def test_function_under_another_decorator_is_no_flow():
    """What an unknown decorator gives may be anything."""
    with pytest.raises(MissingFlowError, match=r"what @mine\(\) makes of it"):
        select_flow(script("@mine()\ndef etl(): pass\n"), "etl")


@pytest.mark.parametrize("text", ["", "\n", "x = 1", "'''docstring'''", "# comment"])
def test_nothing_found(text):
    """A script without flows says what a flow is."""
    with pytest.raises(MissingFlowError, match="under @flow from prefect or flowpack"):
        select_flow(script(text))


def test_text_that_grows_is_not_put_together():
    """Constants made of one another cannot fill the memory."""
    lines = ["C0 = 'x' 'y'"]
    lines += [f"C{i + 1} = C{i} + C{i} + C{i}" for i in range(60)]
    with pytest.raises(DiscoveryError, match="depends on"):
        select_flow(script(PRELUDE + "\n".join([*lines, "x = flow(fn, name=C60)"])))
