"""What ``import flowpack`` gives, and what it must not cost."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from typing import Any

import pytest

import flowpack
from tests.source import PACKAGE, modules, parse

#: Too slow to load for those who only import flowpack.
HEAVY = ("asyncio", "attr", "cattrs", "http.client", "requests", "sqlite3", "urllib3")


def type_checking_homes(module: str = "flowpack") -> dict[str, str]:
    """Return name to module as the source of *module* has it for type checkers."""
    homes = {}
    for node in parse(MODULES[module]).body:
        if isinstance(node, ast.If) and node.orelse:
            for statement in node.body:
                assert isinstance(statement, ast.ImportFrom)
                for alias in statement.names:
                    assert statement.module is not None
                    homes[alias.asname or alias.name] = statement.module
    return homes


def literal(name: str) -> Any:
    """Return what is assigned to *name*, which must be a literal in the source."""
    for node in parse(PACKAGE / "__init__.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"flowpack/__init__.py assigns no {name}")


MODULES = modules()
PUBLIC_NAMES = literal("__all__")
HOMES = type_checking_homes()
PARTS = {home.split(".")[1] for home in HOMES.values() if home != "flowpack"}


def test_three_lists_agree():
    """``__all__``, the imports for type checkers and ``_NAMES`` name the same."""
    parts = {name for name, home in HOMES.items() if home == "flowpack"}
    public = {name: home for name, home in HOMES.items() if name not in parts}
    assert parts == PARTS
    names = vars(flowpack)["_NAMES"]
    assert public == {name: home for home, listed in names.items() for name in listed.split()}
    assert PUBLIC_NAMES == sorted(public)
    assert flowpack.__all__ == PUBLIC_NAMES


@pytest.mark.parametrize("part", sorted(PARTS))
def test_part_hands_on_its_names(part):
    """After a bare ``import flowpack`` each part is there, with the names it has."""
    names = [name for name in PUBLIC_NAMES if HOMES[name].split(".")[1] == part]
    lines = [f"flowpack.{part}.{name} is flowpack.{name} or 1/0" for name in names]
    loaded_after("import flowpack", *lines)


@pytest.mark.parametrize("part", ["blocks", "client", "deployments"])
def test_lists_of_a_part_agree(part):
    """What a part hands on is what type checkers see, and completion shows it."""
    module = importlib.import_module(f"flowpack.{part}")
    homes = type_checking_homes(f"flowpack.{part}")
    for name, home in homes.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)
    assert set(homes) <= set(dir(module))
    with pytest.raises(AttributeError, match="'deplyo'"):
        getattr(module, "deplyo")  # noqa: B009 - a literal attribute fails mypy


def test_names_where_the_reference_has_them():
    """Who comes from ``prefect.packaging`` finds the same names below flowpack."""
    loaded_after(
        "from flowpack.packaging import Packager, ScriptPackager",
        "from flowpack.client import get_client",
        "from flowpack.blocks.storage import FileStorageBlock",
        "from flowpack.deployments import DeploymentSpec",
        "from flowpack.flow_runners import SubprocessFlowRunner",
        "import flowpack",
        "flowpack.exceptions.FlowpackError",
    )


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_name_resolves(name):
    """Every public name is there and is what its home defines."""
    home = importlib.import_module(HOMES[name])
    assert getattr(flowpack, name) is getattr(home, name)


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_name_is_defined_at_home(name):
    """The home of a public class or function is the module that defines it."""
    value = getattr(flowpack, name)
    module = getattr(value, "__module__", None)
    if isinstance(value, type) or callable(value):
        assert module == HOMES[name]


def test_dir_lists_public_names():
    """Completion shows the public names before they are loaded."""
    assert set(flowpack.__all__) <= set(dir(flowpack))


def test_unknown_name_is_an_attribute_error():
    """A misspelt name fails like on any other module."""
    with pytest.raises(AttributeError, match="'deplyo'"):
        getattr(flowpack, "deplyo")  # noqa: B009 - a literal attribute fails mypy
    with pytest.raises(ImportError):
        from flowpack import deplyo  # type: ignore[attr-defined] # noqa: F401


def test_no_module_is_called_like_a_public_name():
    """A submodule that is imported sets an attribute of the package."""
    stems = {path.stem for path in PACKAGE.iterdir()}
    assert not stems & set(flowpack.__all__)


def loaded_after(*lines: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after these *lines*."""
    code = "\n".join(("import sys", *lines, "print()", "print(*sys.modules)"))
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(result.stdout.splitlines()[-1].split())


def test_import_is_light():
    """``import flowpack`` loads of it only what loads the rest, and nothing slow."""
    added = loaded_after("import flowpack") - loaded_after("pass")
    assert not added & set(HEAVY)
    assert {name for name in added if name.startswith("flowpack.")} == {
        "flowpack._lazy"
    }


def test_help_is_light():
    """``flowpack --help`` reads no database and speaks no HTTP."""
    loaded = loaded_after("from flowpack.cli import main", "main(['--help'])")
    assert not loaded & {"asyncio", "requests", "sqlite3", "urllib3"}


def test_version_is_a_literal():
    """``setup.cfg`` reads the version without importing the package."""
    assert literal("__version__") == flowpack.__version__


def test_names_of_earlier_builds_stay():
    """Scripts that use them go on working."""
    from flowpack import transport

    assert flowpack.Finding is flowpack.VerifyResult
    assert transport.Answer is transport.Response
