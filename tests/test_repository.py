"""Rules that the whole repository keeps."""

from __future__ import annotations

import ast
import configparser
import importlib
import re
import typing

import attrs
import pytest

import flowpack
from tests.source import (
    PACKAGE,
    ROOT,
    STANDARD_LIBRARY,
    Documented,
    definitions,
    imports,
    modules,
    parse,
    public,
)

MODULES = modules()

#: What a distribution is called where its name is not that of its import.
IMPORT_NAMES = {
    "azure-storage-blob": "azure",
    "boto3": "boto3 botocore",
    "google-cloud-storage": "google",
    "pyyaml": "yaml",
}


def metadata() -> configparser.ConfigParser:
    """Return ``setup.cfg``, read."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", "utf-8")
    return parser


def declared_imports() -> set[str]:
    """Return the import names of all that ``setup.cfg`` says the package may use."""
    config = metadata()
    lines = [config["options"]["install_requires"]]
    for extra, wanted in config["options.extras_require"].items():
        if extra not in ("dev", "test"):
            lines.append(wanted)
    names = re.findall(r"^[\w.-]+", "\n".join(lines), re.MULTILINE)
    return {found for name in names for found in IMPORT_NAMES.get(name, name).split()}


def is_bare(node: Documented) -> bool:
    """Say whether the module, class or function has no docstring."""
    return ast.get_docstring(node) is None


def attrs_classes() -> list[type]:
    """Return every attrs class that the package defines."""
    classes = []
    for name in sorted(MODULES):
        if name != "flowpack.__main__":
            module = importlib.import_module(name)
            classes += [
                value
                for value in vars(module).values()
                if isinstance(value, type)
                and value.__module__ == name
                and attrs.has(value)
            ]
    return classes


def test_metadata_has_one_home():
    """``setup.cfg`` is the only file that describes the distribution."""
    assert not (ROOT / "pyproject.toml").exists()
    assert metadata()["metadata"]["version"] == "attr: flowpack.__version__"


def test_package_is_typed():
    """Type checkers read the annotations of an installed flowpack."""
    assert (PACKAGE / "py.typed").exists()
    assert metadata()["options.package_data"]["flowpack"] == "py.typed"


def test_changelog_is_up_to_date():
    """On top stands what the next release brings or, when it is out, what it brought."""
    text = (ROOT / "CHANGELOG.rst").read_text("utf-8")
    sections = re.findall(r"^(.+)\n-{3,}$", text, re.MULTILINE)
    released = rf"{re.escape(flowpack.__version__)} \(\d{{4}}-\d{{2}}-\d{{2}}\)"
    assert re.fullmatch(rf"Unreleased|{released}", sections[0])


@pytest.mark.skipif(not STANDARD_LIBRARY, reason="Python 3.9 has no list of it")
def test_dependencies_are_declared():
    """What the package imports is its own, the standard library's or declared."""
    newer = {"tomllib"}  # Of Python 3.11; before, tomli stands for it.
    known = declared_imports() | STANDARD_LIBRARY | newer | {"flowpack", "attr"}
    for name, path in MODULES.items():
        for found in imports(name, path):
            top = found.module.split(".")[0]
            assert top in known, f"{name}, line {found.line} imports {top}"


def test_docstrings():
    """Every public module, class, function and method says what it is for."""
    bare = []
    for module, path in MODULES.items():
        if public(module):
            found = [("", parse(path)), *definitions(path)]
            bare += [f"{module} {name}" for name, node in found if is_bare(node)]
    assert not bare


def test_type_hints_resolve():
    """Field types of every attrs class exist at run time, as cattrs needs them."""
    classes = attrs_classes()
    assert classes
    for cls in classes:
        typing.get_type_hints(cls)


def test_no_utils():
    """A module is named for what it knows."""
    names = {module.rpartition(".")[2].strip("_") for module in MODULES}
    assert not names & {"common", "helpers", "utils"}


def test_test_folders_are_packages():
    """Two test modules of the same name in two folders stay two modules."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert not [path for path in folders if not (path / "__init__.py").exists()]
