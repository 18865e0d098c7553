"""SCRIPT[:FLOW] and SPECFILE: which is which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.cli.parser import UsageError
from flowpack.cli.specs import find_target, split_target

SPECS = "from flowpack import DeploymentSpec\nDeploymentSpec(flow_location='x.py')\n"


@pytest.mark.parametrize(
    "text, location, flow_name",
    [
        ("flows.py", "flows.py", None),
        ("flows.py:hello", "flows.py", "hello"),
        ("flows.py:my flow: nightly", "flows.py", "my flow: nightly"),
        ("dir/flows.py:hello", "dir/flows.py", "hello"),
        ("c:hello", "c", "hello"),
        ("http://host:8000/x.py", "http://host:8000/x.py", None),
        ("http://host:8000/x.py:hello", "http://host:8000/x.py", "hello"),
        ("https://host/a:b/x.py", "https://host/a:b/x.py", None),
        ("https://host/x.py:a:b", "https://host/x.py", "a:b"),
        ("https://host:8000", "https://host:8000", None),
        ("https://host/x.py?sig=a:b", "https://host/x.py?sig=a:b", None),
        ("https://host/x.py?to=/x:b", "https://host/x.py?to=/x:b", None),
        ("https://u:p@host/x.py", "https://u:p@host/x.py", None),
    ],
)
def test_split(text, location, flow_name):
    """Without such files, the first colon that can be one divides."""
    assert split_target(text) == (location, flow_name)


@pytest.mark.parametrize("name", ["a:b.py", "a:b:c", "x.py:hello"])
def test_existing_file_wins(tmp_path, monkeypatch, name):
    """A file whose name has a colon is meant before a flow of another one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    (tmp_path / "x.py").touch()
    assert split_target(name) == (name, None)
    assert split_target(f"{name}:flow: x") == (name, "flow: x")


@given(st.text())
def test_split_loses_nothing(text):
    """Location and flow name are the text, whatever it is."""
    location, flow_name = split_target(text)
    assert (location if flow_name is None else f"{location}:{flow_name}") == text


@pytest.mark.parametrize(
    "text", ["", ":hello", " :hello", "flows.py:", "flows.py: ", "https://h/x.py:"]
)
def test_nothing_is_wrong_usage(text):
    """A target without a file, or with a colon and no flow, is refused."""
    with pytest.raises(UsageError):
        find_target(text)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A script, a Python file of specs and a YAML file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows.py").write_text("from flowpack import flow\n")
    (tmp_path / "specs.py").write_text(SPECS)
    (tmp_path / "specs.yaml").write_text("flow_location: x.py\n")


def kinds(*texts, **options):
    return [find_target(text, **options).is_spec_file for text in texts]


def test_kinds_are_read_from_the_files(files):
    """A Python file that makes specs is a spec file; so are YAML and JSON."""
    assert kinds("flows.py", "specs.py", "specs.yaml", "x.json", "missing.py") == [
        *(False, True, True, True, False)
    ]


def test_flow_name_means_a_script(files):
    """Only scripts have flows to choose from."""
    assert kinds("specs.py:hello") == [False]


def test_spec_and_script_decide(files):
    """--spec and --script decide for Python files; YAML stays YAML."""
    assert kinds("flows.py", "specs.yaml", spec=True) == [True, True]
    assert kinds("specs.py", "specs.yaml", script=True) == [False, True]


@pytest.mark.parametrize("text", ["flows.py:hello", "https://host/x.py"])
def test_spec_does_not_suit_scripts(text):
    """--spec for what can only be a script is wrong usage."""
    with pytest.raises(UsageError, match="--spec"):
        find_target(text, spec=True)
