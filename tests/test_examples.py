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
    """The script is deployed, and runs from the storage."""
    assert main(["deploy", str(examples / "hello.py"), "--name", "first"]) == 0
    (examples / "hello.py").unlink()
    assert main(["run", "hello/first", "-p", "name=Ada"]) == 0
    assert "Hello, Ada!" in capsys.readouterr().out


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
