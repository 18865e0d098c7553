"""A dotted name is the file that Python imports for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import pytest

from flowpack.projects.modules import Module, Tree, find_chain
from tests.projects.trees import write_tree

#: Trees in which names mean something else than at first sight, the folders that are searched,
#: and the name that is imported.
CASES = {
    "a module": ({"a.py": ""}, ["."], "a"),
    "a package": ({"a/__init__.py": "", "a/b.py": ""}, ["."], "a.b"),
    "a package before a module": ({"a/__init__.py": "", "a.py": ""}, ["."], "a"),
    "a module before a folder": ({"a/b.py": "", "a.py": ""}, ["."], "a"),
    "a folder": ({"a/b.py": ""}, ["."], "a.b"),
    "an empty folder": ({"a/": ""}, ["."], "a"),
    "a folder in a package": ({"a/__init__.py": "", "a/b/c.py": ""}, ["."], "a.b.c"),
    "the first folder": ({"x/a.py": "", "y/a.py": ""}, ["y", "x"], "a"),
    "a module after a folder": ({"x/a/b.py": "", "y/a.py": ""}, ["x", "y"], "a"),
    "a package after a folder": ({"x/a/b.py": "", "y/a/__init__.py": ""}, ["x", "y"], "a"),
    "the second portion": ({"x/a/b.py": "", "y/a/c.py": ""}, ["x", "y"], "a.c"),
    "a portion within": ({"x/a/b/c.py": "", "y/a/b/d.py": ""}, ["x", "y"], "a.b.d"),
    "no portion of a package": ({"x/a/__init__.py": "", "y/a/c.py": ""}, ["x", "y"], "a.c"),
    "a stub": ({"a.pyi": ""}, ["."], "a"),
    "another case": ({"Helper.py": ""}, ["."], "helper"),
    "a file in place of a folder": ({"a": "", "b/a.py": ""}, [".", "b"], "a"),
    "a name with a dash": ({"my-flows/a.py": ""}, ["."], "my-flows.a"),
    "nothing": ({}, ["."], "a"),
    "below a module": ({"a.py": ""}, ["."], "a.b"),
}

_ASK_PYTHON = """
import importlib, os, sys
sys.path[:0] = sys.argv[3:]
try:
    module = importlib.import_module(sys.argv[2])
except ImportError:
    print("missing")
else:
    print(os.path.relpath(module.__file__, sys.argv[1]) if module.__file__ else "a folder")
"""


@pytest.mark.parametrize("case", CASES)
def test_finds_what_python_imports(case: str, tmp_path: Path):
    """The file that is found is the one that this Python imports, and none where it has none."""
    files, folders, name = CASES[case]
    write_tree(tmp_path, files)
    chain = find_chain(Tree(str(tmp_path)), ["" if each == "." else each for each in folders], name)
    found = next((each for each in chain if each.name == name), None)
    places = [os.path.join(tmp_path, each) for each in folders]
    command = [sys.executable, "-I", "-c", _ASK_PYTHON, str(tmp_path), name, *places]
    expected = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert ("missing" if found is None else found.path or "a folder") == expected


@pytest.mark.parametrize(
    ("path", "base", "name", "package"),
    [
        ("a.py", "", "a", ""),
        ("x/a.py", "x", "a", ""),
        ("x/a/b.py", "x", "a.b", "a"),
        ("x/a/__init__.py", "x", "a", "a"),
        ("a/b/__init__.py", "", "a.b", "a.b"),
    ],
)
def test_name_of_a_file(path: str, base: str, name: str, package: str):
    """A file has the name that it has from its base, and back."""
    module = Module.at(path, base)
    assert (module.name, module.package, module.base, module.path) == (name, package, base, path)


@pytest.mark.parametrize(
    ("path", "level", "name", "expected"),
    [
        ("a/b.py", 0, "x", "x"),
        ("a/b.py", 1, "x", "a.x"),
        ("a/b.py", 1, "", "a"),
        ("a/b.py", 2, "x", None),
        ("a/__init__.py", 1, "x", "a.x"),
        ("a/b/__init__.py", 2, "x", "a.x"),
        ("a/b/__init__.py", 3, "x", None),
        ("a.py", 1, "x", None),
        ("a.py", 1, "", None),
    ],
)
def test_relative_imports(path: str, level: int, name: str, expected: Optional[str]):
    """Dots mean what they mean to importlib.util.resolve_name; None is above the package."""
    assert Module.at(path, "").absolute(level, name) == expected


@pytest.mark.parametrize("name", ["", ".", "..", "a..b", "../x", "a/b", "/etc/x", "a\0b", "a.b."])
def test_names_that_are_none(name: str, tmp_path: Path):
    """Text that is no dotted name is no module, whatever files there are."""
    write_tree(tmp_path, {"__init__.py": "", "a/__init__.py": "", "a/b.py": "", "x.py": ""})
    tree = Tree(str(tmp_path / "a"))
    for each in (Tree(str(tmp_path)), tree):
        assert not any(module.name == name for module in find_chain(each, [""], name))


def test_modules_loaded_by_a_from_import(tmp_path: Path):
    """Of the names that are taken, those are modules that are files or folders."""
    write_tree(tmp_path, {"a/__init__.py": "", "a/b.py": "", "a/c/d.py": ""})
    chain = find_chain(Tree(str(tmp_path)), [""], "a", ["b", "c", "value", "*"])
    assert [each.name for each in chain] == ["a", "a.b", "a.c"]


@pytest.mark.parametrize(
    ("folder", "base"), [("a/b", ""), ("x/a", "x"), ("x", "x"), ("", "")]
)
def test_base_of_a_package(folder: str, base: str, tmp_path: Path):
    """A package begins at the first folder without __init__.py."""
    inits = ["a/b", "a", "x/a", ""]
    write_tree(tmp_path, {f"{each}/__init__.py".lstrip("/"): "" for each in inits})
    assert Tree(str(tmp_path)).package_base(folder) == base


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder(tmp_path: Path):
    """What cannot be listed holds nothing."""
    write_tree(tmp_path, {"a/b.py": ""})
    (tmp_path / "a").chmod(0)
    assert not Tree(str(tmp_path)).list("a")


def test_folder_that_is_gone(tmp_path: Path):
    """A folder that is not there, or cannot be, holds nothing."""
    tree: Any = Tree(str(tmp_path))
    assert not tree.list("gone") and not tree.list("a\0b") and not tree.is_file("gone/a.py")
