"""What a script alone cannot import, and what is never the project's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flowpack.analysis.script import Script
from flowpack.projects.single import STANDARD, installed, is_standard
from tests.projects.trees import missing_from, write_tree

SOURCES = {
    "import helper": ["helper"],
    "from helper import x": ["helper"],
    "def f():\n    import helper": ["helper"],
    "import lib.deep": ["lib.deep"],
    "from lib import deep": ["lib"],
    "import in_src": ["in_src"],
    "import lib.missing": ["lib.missing"],
    "import json, pytest, attr, nowhere, prefect": [],
    "import flowpack.flows": [],
    "try:\n    import helper\nexcept ImportError:\n    helper = None": [],
    "try:\n    from .helper import x\nexcept ImportError:\n    from helper import x": ["helper"],
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import helper": [],
    "from . import helper": [],
    "import queue": [],
    "": [],
}


@pytest.mark.parametrize("source", SOURCES)
def test_modules_that_only_the_project_has(source: str, tmp_path: Path):
    """Named is what is beside the script or below the root and not installed."""
    files = ["setup.py", "flows/helper.py", "flows/queue.py", "lib/deep.py", "lib/__init__.py"]
    write_tree(tmp_path, {**dict.fromkeys(files, ""), "src/in_src.py": "", "flows/etl.py": source})
    script = Script.read(tmp_path / "flows/etl.py")
    assert [each.module for each in missing_from(script)] == SOURCES[source]


def test_an_editable_install_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What follows the standard library in sys.path is installed, and not what precedes it."""
    write_tree(tmp_path, {"setup.py": "", "src/helper.py": "", "etl.py": "import helper"})
    script = Script.read(tmp_path / "etl.py")
    src = str(tmp_path / "src")
    monkeypatch.setattr(sys, "path", [src, str(tmp_path), *sys.path])
    assert len(missing_from(script)) == 1
    monkeypatch.setattr(sys, "path", [*sys.path, src])
    assert missing_from(script) == {}
    assert installed("helper") is not None
    assert installed("helper", str(tmp_path)) is None  # It is the project's own.
    assert installed("sys") and installed("json", str(tmp_path))


def test_a_script_without_a_file():
    """A script from elsewhere has nothing beside it."""
    assert missing_from(Script(b"import helper", "https://x/flow.py")) == {}


def test_most_scripts_load_no_more_modules(tmp_path: Path):
    """A script that imports what is installed is checked without the search of projects."""
    write_tree(tmp_path, {"etl.py": "import json, attr", "helper.py": ""})
    code = (
        "import sys; from flowpack.projects.single import missing_modules as check\n"
        "from flowpack.analysis.imports import read_imports\n"
        "from flowpack.analysis.script import Script; script = Script.read(sys.argv[1])\n"
        "check(script, read_imports(script).found)\n"
        "print(*sorted(name for name in sys.modules if name.startswith('flowpack.projects')))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "etl.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["flowpack.projects", "flowpack.projects.single"]


def test_standard_library_of_all_releases():
    """The list holds no more than what this Python has, and nothing that some release lacks."""
    known = getattr(sys, "stdlib_module_names", None)
    if known is not None:
        assert STANDARD <= known
        public = {name for name in known if not name.startswith("_")}
        assert all(map(is_standard, public))
    assert {"queue", "json", "zoneinfo", "__future__"} <= STANDARD
    assert not {"tomllib", "distutils", "pipes", "parser", "test"} & STANDARD
    assert is_standard("queue") and not is_standard("helper")


def test_files_that_imports_mean(tmp_path: Path):
    """Named are all modules that an import takes, and those above what looks like the root."""
    write_tree(tmp_path, {".git/": "", "pkg/prefect.yaml": "", "pkg/__init__.py": ""})
    write_tree(tmp_path, {"pkg/lib/a.py": "", "pkg/lib/b.py": "", "pkg/lib/__init__.py": ""})
    source = "from pkg.lib import a, b, C\nfrom lib import C\nimport nowhere\n"
    write_tree(tmp_path, {"pkg/main.py": source})
    missing = missing_from(Script.read(tmp_path / "pkg/main.py"))
    assert list(missing.values()) == ["pkg/lib/a.py, pkg/lib/b.py", "lib/__init__.py"]
