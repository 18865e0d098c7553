"""The files of a project that a flow needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping, Tuple

import pytest

from flowpack.analysis.script import Script
from flowpack.exceptions import DiscoveryError, ProjectError
from flowpack.projects.closure import find_project
from flowpack.projects.selection import Selection
from tests.projects.trees import own, project_of, write_tree

PACKAGE = {
    "pkg/__init__.py": "from .base import Base",
    "pkg/base.py": "Base = object",
    "pkg/helper.py": "value = 1",
    "pkg/sub/__init__.py": "__all__ = ['one', 'name']\nname = 1",
    "pkg/sub/one.py": "import pkg.helper",
    "pkg/sub/two.py": "from ..base import Base",
    "beside.py": "",
}
_INIT = {"pkg/__init__.py", "pkg/base.py"}
_SUB = _INIT | {"pkg/sub/__init__.py"}

#: What a script beside the package imports, and the other files that it needs.
IMPORTS: Mapping[str, set[str]] = {
    "import beside": {"beside.py"},
    "import pkg": _INIT,
    "import pkg.helper as h": _INIT | {"pkg/helper.py"},
    "from pkg import helper": _INIT | {"pkg/helper.py"},
    "from pkg import Base": _INIT,
    "from pkg.helper import value": _INIT | {"pkg/helper.py"},
    "import pkg.sub.two": _SUB | {"pkg/sub/two.py"},
    "from pkg.sub import *": _SUB | {"pkg/sub/one.py", "pkg/helper.py"},
    "def f():\n    import beside": {"beside.py"},
    "with open('x'):\n    import beside": {"beside.py"},
    "if x:\n    import beside\nelse:\n    import pkg": {"beside.py"} | _INIT,
    "class A:\n    from pkg import helper": _INIT | {"pkg/helper.py"},
    "try:\n    import beside\nexcept ImportError:\n    import pkg.nothing": {"beside.py"} | _INIT,
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import beside": {"beside.py"},
    "import importlib\nimportlib.import_module('pkg.helper')": _INIT | {"pkg/helper.py"},
    "from importlib import import_module as i\ni('beside')": {"beside.py"},
    "__import__('beside')": {"beside.py"},
    "import json, prefect, requests": set(),
    "": set(),
}


@pytest.mark.parametrize("source", IMPORTS)
def test_files_that_imports_need(source: str, tmp_path: Path):
    """Each import brings its module, the packages above it, and what these import."""
    write_tree(tmp_path, {"setup.py": "", **PACKAGE, "flow.py": source})
    project = project_of(tmp_path, "flow.py")
    assert own(project) == {"flow.py"} | IMPORTS[source]
    assert (project.notes, project.hints) == ((), ())
    assert list(project.files) == sorted(project.files)


def test_reasons(tmp_path: Path):
    """Each file is there for the import that brought it first."""
    source = "import pkg.sub.two\nfrom pkg import helper\nfrom .near import x"
    write_tree(tmp_path, {**PACKAGE, "setup.py": "", "flows/etl.py": source, "flows/near.py": ""})
    write_tree(tmp_path, {"flows/near.py": "from . import far", "flows/far.py": ""})
    project = project_of(tmp_path, "flows/etl.py")
    assert {each.path: each.reason for each in project.taken if not each.added} == {
        "flows/etl.py": "the script",
        "flows/near.py": "flows/etl.py:3 imports .near",
        "flows/far.py": "flows/near.py:1 imports .far",
        "pkg/__init__.py": "flows/etl.py:1 imports pkg.sub.two",
        "pkg/base.py": "pkg/__init__.py:1 imports .base",
        "pkg/helper.py": "flows/etl.py:2 imports pkg.helper",
        "pkg/sub/__init__.py": "flows/etl.py:1 imports pkg.sub.two",
        "pkg/sub/two.py": "flows/etl.py:1 imports pkg.sub.two",
    }
    assert all(each.size == len(project.files[each.path]) for each in project.taken)


def test_bytes_are_those_of_the_script_that_was_read(tmp_path: Path):
    """The script's bytes are those in which its flow was found, and the others as they are."""
    write_tree(tmp_path, {"setup.py": "", "flow.py": "import helper"})
    (tmp_path / "helper.py").write_bytes(b"# -*- coding: latin-1 -*-\r\nx = '\xe9'\r\n")
    script = Script.read(tmp_path / "flow.py")
    (tmp_path / "flow.py").write_text("raise SystemExit", encoding="utf-8")
    project = find_project(script)
    assert project.files["flow.py"] == b"import helper"
    assert project.files["helper.py"] == (tmp_path / "helper.py").read_bytes()


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("import pkg.gone", "flow.py:1 imports pkg.gone, which is no Python file of the project"),
        ("from pkg.gone import x", "flow.py:1 imports pkg.gone, which is no Python file"),
        ("import pkg.fast", "imports pkg.fast, which is no Python file of the project"),
        ("import pkg.wrong", "pkg/wrong.py:1 imports ..., which is no Python file of the project"),
        ("import loose", "loose.py:1 imports .x, which is no Python file of the project"),
        ("import importlib as i\ni.import_module(input())", "(flow.py:2 i.import_module(input()))"),
    ],
)
def test_notes(source: str, note: str, tmp_path: Path):
    """What is missing or not known is named with its place."""
    write_tree(tmp_path, {"setup.py": "", "pkg/__init__.py": "", "flow.py": source})
    write_tree(tmp_path, {"pkg/wrong.py": "from ... import x", "loose.py": "from .x import y"})
    write_tree(tmp_path, {"pkg/fast.cpython-39-darwin.so": "", "pkg/fast.pyi": ""})
    project = project_of(tmp_path, "flow.py")
    (found,) = (*project.problems, *project.notes)
    assert note in found


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import pkg.gone\nexcept ImportError:\n    pass",
        "from contextlib import suppress\nwith suppress(ImportError):\n    import pkg.gone",
        "if __name__ == '__main__':\n    import pkg.gone",
        "import nowhere",
        "import distutils.core, tomllib, _thread",
    ],
)
def test_no_note_where_runs_go_on(source: str, tmp_path: Path):
    """What is optional may be missing; what is not the project's is a matter of installing."""
    write_tree(tmp_path, {"setup.py": "", "pkg/__init__.py": "", "flow.py": source})
    project = project_of(tmp_path, "flow.py")
    assert (project.problems, project.notes) == ((), ())


def test_module_in_a_folder_that_is_not_searched(tmp_path: Path):
    """A module that nothing meets is looked for in the whole project, and its folder is named."""
    write_tree(tmp_path, {"setup.py": "", "flow.py": "import common.x\nimport single\nimport far"})
    write_tree(tmp_path, {"lib/common/x.py": "", "lib/single.py": "", "tests/more.py": ""})
    problems = project_of(tmp_path, "flow.py").problems
    assert len(problems) == 2 and all("--path lib" in each for each in problems)
    write_tree(tmp_path, {"flow.py": "import common.y\nimport single.x\nimport inner"})
    write_tree(tmp_path, {"pkg/__init__.py": "", "pkg/inner.py": ""})  # It is pkg.inner.
    assert project_of(tmp_path, "flow.py").problems == ()
    write_tree(tmp_path, {"flow.py": "import common.x\nimport single"})
    project = project_of(tmp_path, "flow.py", paths=["lib"])
    assert own(project) == {"flow.py", "lib/common/x.py", "lib/single.py"}
    assert project.problems == ()


@pytest.mark.parametrize("kind", ["imported", "optional", "included"])
def test_modules_that_this_python_cannot_read(kind: str, tmp_path: Path):
    """Only what is imported must be readable; otherwise a note says so."""
    sources = {
        "imported": "import pkg.old",
        "optional": "try:\n    import pkg.old\nexcept ImportError:\n    pass",
        "included": "",
    }
    write_tree(tmp_path, {"setup.py": "", "pkg/__init__.py": "", "pkg/old.py": "x = 1\nprint x"})
    write_tree(tmp_path, {"flow.py": sources[kind]})
    selection = Selection(("pkg/old.py",) if kind == "included" else ())
    if kind in ("imported", "optional"):
        with pytest.raises(DiscoveryError, match=r"pkg/old\.py:2"):
            project_of(tmp_path, "flow.py", selection=selection)
        return
    project = project_of(tmp_path, "flow.py", selection=selection)
    assert "pkg/old.py" in project.files
    assert any("pkg/old.py are not followed" in note for note in project.notes)


def test_imports_that_only_running_shows(tmp_path: Path):
    """They are named in one note, and nothing is taken for them."""
    source = "from importlib import import_module\n" + "import_module(input())\n" * 7
    files = {"setup.py": "", "flow.py": "import pkg.load", "pkg/__init__.py": "", "pkg/x.py": ""}
    write_tree(tmp_path, {**files, "pkg/load.py": source})
    project = project_of(tmp_path, "flow.py")
    assert own(project) == {"flow.py", "pkg/__init__.py", "pkg/load.py"}
    (note,) = project.notes
    assert "pkg/load.py:6 import_module(input()) and 2 more)" in note and "--include" in note


FOLDERS = {
    "a folder": ({"lib/x.py": ""}, "import lib.x", ["lib/__init__.py"]),
    "a folder in src": ({"src/lib/x.py": ""}, "import lib.x", ["src/lib/__init__.py"]),
    "a folder in a folder": ({"lib/a/x.py": ""}, "import lib.a.x", ["lib/__init__.py"]),
    "the script's": ({"flows/x.py": ""}, "from . import x", ["flows/__init__.py"]),
    "a folder that has one": ({"lib/__init__.py": "", "lib/x.py": ""}, "import lib.x", []),
    "a folder without modules": ({"lib/x.txt": ""}, "import lib", []),
    "a folder of an installed name": ({"attr/x.py": ""}, "from attr import define", []),
    "several": ({"lib/x.py": "", "src/lib/y.py": ""}, "import lib.x, lib.y", []),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_folders_become_the_projects_own(case: str, tmp_path: Path):
    """A top-level folder that is imported from gets an __init__.py; else one on a worker wins."""
    files, source, added = FOLDERS[case]
    write_tree(tmp_path, {**files, "setup.py": "", "flows/etl.py": source})
    project = project_of(tmp_path, "flows/etl.py")
    assert [each.path for each in project.taken if each.added] == added
    assert all(project.files[path] == b"" for path in added)
    assert project.notes == ()


def test_shared_namespaces_stay_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A namespace of which other parts are installed gets no __init__.py."""
    write_tree(tmp_path, {"site/google/cloud/y.py": "", "site/taken/__init__.py": ""})
    top = write_tree(tmp_path / "top", {"setup.py": "", "google/x.py": "", "taken/x.py": ""})
    write_tree(top, {"flow.py": "import google.x, taken.x"})
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    project = project_of(top, "flow.py")
    assert [each.path for each in project.taken if each.added] == ["taken/__init__.py"]
    assert project.notes == ("taken is installed, too; the project's is used",)


def test_an_install_of_the_project_itself_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """An editable install leads to the same files, so it changes nothing."""
    write_tree(tmp_path, {"setup.py": "", "src/lib/x.py": "", "src/pkg/__init__.py": ""})
    write_tree(tmp_path, {"flow.py": "import lib.x, pkg"})
    before = project_of(tmp_path, "flow.py")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "src")])
    assert project_of(tmp_path, "flow.py") == before
    assert before.notes == ()


RESERVED: List[Tuple[Dict[str, str], str, str]] = [
    ({"flows/etl.py": "import queue", "flows/queue.py": ""}, "flows/etl.py", "flows/queue.py"),
    ({"flows/etl.py": "import prefect", "flows/prefect.py": ""}, "flows/etl.py", "'prefect'"),
    ({"calendar.py": ""}, "calendar.py", "calendar.py"),
    ({"prefect/__init__.py": "", "prefect/etl.py": ""}, "prefect/etl.py", "prefect/__init__.py"),
    ({"flow.py": "import email", "email/__init__.py": ""}, "flow.py", "email/__init__.py"),
    (
        {"a/__init__.py": "", "a/etl.py": "import near", "a/near.py": "from a import types"}
        | {"a/types.py": ""},
        "a/etl.py",
        "a/types.py",
    ),
]


@pytest.mark.parametrize(("files", "script", "name"), RESERVED)
def test_names_that_all_code_needs(files: Dict[str, str], script: str, name: str, tmp_path: Path):
    """What would hide a module of the standard library or Prefect is refused by name."""
    write_tree(tmp_path, {"setup.py": "", **files})
    with pytest.raises(ProjectError, match="rename it") as caught:
        project_of(tmp_path, script)
    assert name in str(caught.value)


ALLOWED: List[Tuple[Dict[str, str], str]] = [
    ({"a/__init__.py": "", "a/etl.py": "import queue", "a/queue.py": ""}, "a/etl.py"),
    ({"flows/etl.py": "import queue", "queue.py": ""}, "flows/etl.py"),
    ({"flow.py": "import site, code", "site/x.py": "", "code/y.py": ""}, "flow.py"),
    ({"prefect/etl.py": "import prefect\nimport utils", "prefect/utils.py": ""}, "prefect/etl.py"),
    ({"flow.py": "import pkg.types", "pkg/__init__.py": "", "pkg/types.py": ""}, "flow.py"),
    ({"flow.py": "import parser, tomllib", "parser.py": "", "tomllib.py": ""}, "flow.py"),
]


@pytest.mark.parametrize(("files", "script"), ALLOWED)
def test_names_that_hide_nothing(files: Dict[str, str], script: str, tmp_path: Path):
    """Such names are no problem where Python would not take them for the others."""
    write_tree(tmp_path, {"setup.py": "", **files})
    project = project_of(tmp_path, script)
    assert script in project.files and "queue.py" not in project.files


def test_names_that_some_pythons_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is packed is the same on all Pythons, whatever is standard in the one at hand."""
    write_tree(tmp_path, {"setup.py": "", "flow.py": "import imp, tomllib, parser, cgi, json"})
    write_tree(tmp_path, {"imp.py": "", "tomllib.py": "", "parser.py": ""})
    made = []
    for names in ({"imp", "cgi"}, {"tomllib", "parser"}):
        monkeypatch.setattr(sys, "stdlib_module_names", names, raising=False)
        monkeypatch.setattr(sys, "builtin_module_names", tuple(names))
        project = project_of(tmp_path, "flow.py")
        made.append((project.files, project.search_paths, project.module))
    assert made[0] == made[1]
    assert set(made[0][0]) == {"flow.py", "imp.py", "tomllib.py", "parser.py"}


def test_included_modules(tmp_path: Path):
    """A module that is included brings its packages and imports, and its folder is searched."""
    files = {"setup.py": "", "flow.py": "", "src/jobs/__init__.py": "", "src/jobs/a.py": "import b"}
    write_tree(tmp_path, {**files, "src/b.py": "", "notes/x.py": "", "notes/y.txt": ""})
    selection = Selection(("src/jobs/a.py", "notes/"))
    project = project_of(tmp_path, "flow.py", selection=selection)
    assert own(project) == {*files, "src/b.py", "notes/x.py", "notes/y.txt"} - {"setup.py"}
    assert not any(each.added for each in project.taken)  # Nothing imports notes.
    assert project.search_paths == ("", "src")
    reasons = {each.path: each.reason for each in project.taken}
    assert reasons["src/jobs/__init__.py"] == "include src/jobs/a.py"


def test_excluded_modules(tmp_path: Path):
    """A module that is needed and excluded is left out, and a note says who needs it."""
    write_tree(tmp_path, {"setup.py": "", "flow.py": "import pkg.a", "pkg/__init__.py": ""})
    write_tree(tmp_path, {"pkg/a.py": "import pkg.b", "pkg/b.py": ""})
    project = project_of(tmp_path, "flow.py", selection=Selection((), ("pkg/a.py",)))
    assert own(project) == {"flow.py", "pkg/__init__.py"}
    assert project.problems == ("pkg/a.py is excluded, but flow.py:1 imports pkg.a",)


def test_modules_are_taken_whatever_their_names(tmp_path: Path):
    """A module that an import needs is code, also where its name sounds like a secret."""
    write_tree(tmp_path, {"setup.py": "", ".gitignore": "credentials.py", ".git/": ""})
    write_tree(tmp_path, {"flow.py": "import credentials", "credentials.py": ""})
    project = project_of(tmp_path, "flow.py")
    assert own(project) == {"flow.py", "credentials.py"} and project.notes == ()


def test_needed_modules_that_git_ignores(tmp_path: Path):
    """They are taken, and a note says so where git is asked for other files anyway."""
    write_tree(tmp_path, {"setup.py": "", ".gitignore": "made.py", "made.py": "", "a.csv": ""})
    write_tree(tmp_path, {"flow.py": "import made"})
    subprocess.run(["git", "init", str(tmp_path)], check=True, capture_output=True)
    assert project_of(tmp_path, "flow.py").notes == ()
    project = project_of(tmp_path, "flow.py", selection=Selection(("*.csv",)))
    assert own(project) == {"flow.py", "made.py", "a.csv"}
    assert project.notes == ("made.py is ignored by git, and taken, for flow.py:1 imports made",)


def test_exclude_never_takes_the_script(tmp_path: Path):
    """The script goes along, also where a pattern excludes what is in its folder."""
    write_tree(tmp_path, {"setup.py": "", "flows/etl.py": "import near", "flows/near.py": ""})
    project = project_of(tmp_path, "flows/etl.py", selection=Selection((), ("flows/",)))
    assert own(project) == {"flows/etl.py"} and len(project.problems) == 1


def test_data_that_the_code_names(tmp_path: Path):
    """Data files that any of the modules names are hinted at, and are not taken."""
    write_tree(tmp_path, {"setup.py": "", "flow.py": "import near", "conf/a.yaml": ""})
    write_tree(tmp_path, {"near.py": "def load():\n    return open('conf/a.yaml')"})
    project = project_of(tmp_path, "flow.py")
    assert "conf/a.yaml" not in project.files
    (hint,) = project.hints
    assert hint.startswith("near.py:2 ") and "--include conf/a.yaml" in hint
    selection = Selection(("conf/a.yaml",))
    assert project_of(tmp_path, "flow.py", selection=selection).hints == ()


def test_modules_that_are_run_as_processes(tmp_path: Path):
    """A module of the project that a process runs is named, with what takes it."""
    source = "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'jobs.load'])\n"
    source += "subprocess.run([sys.executable, '-m', 'pip', 'list'])"
    write_tree(tmp_path, {"setup.py": "", "flow.py": source, "jobs/load.py": ""})
    (hint,) = project_of(tmp_path, "flow.py").hints
    text = "flow.py:2 names the file jobs/load.py, which is not stored; --include jobs/load.py"
    assert hint == f"{text} stores it"
    project = project_of(tmp_path, "flow.py", selection=Selection(("jobs.load",)))
    assert own(project) == {"flow.py", "jobs/load.py"} and project.hints == ()


def test_links(tmp_path: Path):
    """What a link inside the root leads to is taken, and what leads outside is refused."""
    write_tree(tmp_path, {"top/setup.py": "", "top/real.py": "", "out/x.py": ""})
    write_tree(tmp_path, {"top/flow.py": "import inner", "top/bad.py": "import lib.x"})
    (tmp_path / "top/inner.py").symlink_to("real.py")
    (tmp_path / "top/lib").symlink_to("../out")
    assert own(project_of(tmp_path, "top/flow.py")) == {"flow.py", "inner.py"}
    with pytest.raises(ProjectError, match="lib/x.py"):
        project_of(tmp_path, "top/bad.py")


def test_size_limit(tmp_path: Path):
    """Too many bytes are an error that names the largest files."""
    write_tree(tmp_path, {"setup.py": "", "flow.py": "import big", "big.py": "#" * 2000})
    with pytest.raises(ProjectError, match=r"big\.py"):
        project_of(tmp_path, "flow.py", selection=Selection(size_limit=1000))


def test_circular_imports_and_two_names(tmp_path: Path):
    """Modules may import each other, and one file may have two names."""
    write_tree(tmp_path, {"setup.py": "", "src/__init__.py": "", "flow.py": "import src.a, b"})
    write_tree(tmp_path, {"src/a.py": "import src.b", "src/b.py": "from a import x"})
    project = project_of(tmp_path, "flow.py")
    assert own(project) == {"flow.py", "src/__init__.py", "src/a.py", "src/b.py"}
    assert project.search_paths == ("", "src")


@pytest.mark.parametrize("name", ["'my-pkg'", '"my_pkg"', "__name__"])
def test_modules_that_ask_for_their_own_version(name: str, tmp_path: Path):
    """What asks for the version of its own distribution needs that installed."""
    source = f"from importlib.metadata import version, PackageError\nv = version({name})"
    write_tree(tmp_path, {"setup.py": "", "flow.py": "import my_pkg", "my_pkg/__init__.py": source})
    (note,) = project_of(tmp_path, "flow.py").notes
    assert note.startswith("my_pkg/__init__.py asks for its own version")
    caught = source.replace("PackageError", "PackageNotFoundError")
    (tmp_path / "my_pkg/__init__.py").write_text(caught, encoding="utf-8")
    assert project_of(tmp_path, "flow.py").notes == ()


def test_script_without_a_file():
    """A script from elsewhere has no project."""
    with pytest.raises(ProjectError, match="no file"):
        find_project(Script(b"", "https://x/flow.py"))
