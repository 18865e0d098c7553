"""The examples in the docstrings of what users call: each public name has one, and it runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

import flowpack

#: Types to take part in, and a value; their modules show how they are used.
WITHOUT = {"Finding", "Transport", "UNSET"}

#: Names of the parts that users call, too.
MORE = {
    "blocks.Secret",
    "deployments.prefect_yaml.load_prefect_yaml",
    "settings.load_settings",
}

NAMES = sorted({*flowpack.__all__, *MORE} - WITHOUT)

#: What the examples start from.
SCRIPT = """\
try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow
def etl(day: str = "today"):
    return f"loaded {day}"
"""


@pytest.mark.parametrize("name", NAMES)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example is there and prints what it says, beside a script ``flows.py``."""
    monkeypatch.chdir(tmp_path)
    Path("flows.py").write_text(SCRIPT, "utf-8")
    module, _, last = f"flowpack.{name}".rpartition(".")
    value: Any = getattr(importlib.import_module(module), last)
    where = importlib.import_module(inspect.unwrap(value).__module__)
    examples = doctest.DocTestFinder(recurse=False).find(value, name, where, globs={})
    assert examples and examples[0].examples, f"{name} has no example in its docstring"
    printed: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed, _ = runner.run(examples[0], out=printed.append)
    assert not failed, "".join(printed)
