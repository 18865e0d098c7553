"""The examples deploy and run as they are."""

import shutil
from pathlib import Path

import pytest

from flowpack.cli import main

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def examples(tmp_path):
    """A copy of the examples, since they store beside themselves."""
    return shutil.copytree(EXAMPLES, tmp_path / "examples")


def test_hello(examples, capsys):
    """The script is deployed, and runs from the storage; it greets once."""
    assert main(["deploy", str(examples / "hello.py"), "--name", "first"]) == 0
    (examples / "hello.py").unlink()
    capsys.readouterr()
    assert main(["run", "hello/first", "-p", "name=Ada"]) == 0
    assert capsys.readouterr().out == "Hello, Ada!\n"


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("deployments.yaml", ["every-morning", "by-hand"]),
        ("specs.py", ["for-ada", "for-grace"]),
    ],
)
def test_spec_files(examples, capsys, file, names):
    """Every deployment of a spec file is made, and is unchanged the second time."""
    assert main(["deploy", str(examples / file)]) == 0
    said = capsys.readouterr().out
    assert all(f"created hello/{name}" in said for name in names)
    assert main(["deploy", str(examples / file)]) == 0
    said = capsys.readouterr().out
    assert all(f"unchanged hello/{name}" in said for name in names)
    assert main(["run", f"hello/{names[0]}"]) == 0
    assert "Hello, Ada!" in capsys.readouterr().out


def test_project(examples, capsys, monkeypatch):
    """A project is explained, deployed and run, and comes back as it was."""
    monkeypatch.chdir(examples.parent)
    script, root = "examples/shop/flows/orders.py", "examples/shop"
    assert main(["explain", script]) == 0
    assert "shop/pricing.py" in capsys.readouterr().out
    options = ["--project", "--name", "daily", "--include", "flows/prices.csv"]
    assert main(["deploy", script, *options]) == 0
    Path(root, "pyproject.toml").unlink()
    before = {path: path.read_bytes() for path in Path(root).rglob("*.*")}
    shutil.rmtree(root)
    assert main(["run", "orders/daily", "-p", "item=milk"]) == 0
    assert "2.4" in capsys.readouterr().out
    assert main(["pull", "orders/daily", "--extract", root]) == 0
    assert {path: path.read_bytes() for path in Path(root).rglob("*.*")} == before
