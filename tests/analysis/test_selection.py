"""Which flow a name means."""

from __future__ import annotations

import pytest

from flowpack.analysis.discovery import find_flows, select_flow
from flowpack.exceptions import MissingFlowError, UnspecifiedFlowError
from tests.analysis.scripts import script

SEVERAL = """
from prefect import flow

@flow
def load_all(): pass

@flow(name="Second Flow")
def second(): pass

def _third(): pass
third = flow(_third, name="other")
"""


@pytest.mark.parametrize(
    "name, variable",
    [
        ("load_all", "load_all"),
        ("load-all", "load_all"),
        ("second", "second"),
        ("Second Flow", "second"),
        ("third", "third"),
        ("_third", "third"),
        ("other", "third"),
    ],
)
def test_name_means_flow(name, variable):
    """A flow answers to its name, its variable and its function's name."""
    assert select_flow(script(SEVERAL), name).variable == variable


def test_discovery_can_be_asked_again():
    """What was found once serves many questions."""
    discovery = find_flows(script(SEVERAL))
    chosen = {discovery.select(flow.name) for flow in discovery.flows}
    assert chosen == set(find_flows(script(SEVERAL)).flows)


def test_only_flow_needs_no_name():
    """One flow alone is the one."""
    assert select_flow(script("import prefect\nx = prefect.flow(len, name='n')")).name


def test_several_need_a_name():
    """The error counts the flows and lists their names, sorted."""
    with pytest.raises(UnspecifiedFlowError) as caught:
        select_flow(script(SEVERAL))
    assert caught.value.where == "script.py"
    assert caught.value.reason == (
        "it has 3 flows; say which: 'Second Flow' (second), 'load-all', 'other' (third)"
    )


def test_unknown_name():
    """The error lists what there is."""
    with pytest.raises(MissingFlowError) as caught:
        select_flow(script(SEVERAL), "nope\x1b[31m")
    assert "no flow 'nope\\x1b[31m'; its flows are" in caught.value.reason


def test_long_lists_are_cut():
    """A script with very many flows does not fill the screen."""
    flows = "".join(f"f{i:03} = flow(len, name='{i:03}')\n" for i in range(90))
    with pytest.raises(UnspecifiedFlowError, match="it has 90 flows") as caught:
        select_flow(script(f"from prefect import flow\n{flows}"))
    assert caught.value.reason.endswith("'019' (f019) and 70 more")


def test_two_matches_are_an_error():
    """A name that means two flows says which."""
    code = "from prefect import flow\n@flow(name='b')\ndef a(): 1\n@flow(name='c')\n"
    code += "def b(): 1\n"
    with pytest.raises(UnspecifiedFlowError, match=r"'b' means 2 flows: 'b' \(a\)"):
        select_flow(script(code), "b")
    assert select_flow(script(code), "a").name == "b"
    assert select_flow(script(code), "c").variable == "b"


def test_equal_names_are_an_error():
    """Two flows of one name are told apart by their variables only."""
    code = "from prefect import flow\n@flow(name='x')\ndef a(): 1\n@flow(name='x')\n"
    code += "def b(): 1\n"
    with pytest.raises(UnspecifiedFlowError, match="'x' means 2 flows"):
        select_flow(script(code), "x")
    assert select_flow(script(code), "b").variable == "b"


def test_variable_decides_between_equal_names():
    """Of two flows of one name, the variable of that name is meant."""
    code = "from prefect import flow\n@flow\ndef run(): 1\nfirst = run\n@flow\ndef run(x): 2\n"
    assert select_flow(script(code), "run").variable == "run"
    assert select_flow(script(code), "first").variable == "first"


def test_function_gives_way_to_variable():
    """The function's name of a derived flow does not hide the flow it was made of."""
    code = "from prefect import flow\n@flow\ndef a(): 1\nb = a.with_options(name='b')\n"
    assert select_flow(script(code), "a").variable == "a"


def test_function_of_two_flows():
    """One function in two flows is not enough to choose."""
    code = "from prefect import flow\ndef f(): 1\na = flow(f, name='A')\nb = flow(f)\n"
    with pytest.raises(UnspecifiedFlowError, match=r"'A' \(a\), 'f' \(b\)"):
        select_flow(script(code), "f")
