"""The root of a project, and the folders in which its modules are searched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping, Sequence

import pytest

from flowpack.analysis.script import Script
from flowpack.exceptions import ProjectError
from flowpack.projects.modules import Tree
from flowpack.projects.search_path import ModuleSearch, find_members, find_root, relative
from tests.projects.trees import missing_from, project_of, write_tree


@pytest.mark.parametrize(
    "mark", ["pyproject.toml", "setup.cfg", "setup.py", "prefect.yaml", ".git/HEAD", ".git"]
)
def test_root_has_a_mark(mark: str, tmp_path: Path):
    """The nearest folder with a mark is the root; packages above the script are no reason."""
    write_tree(tmp_path, {f"top/{mark}": "", "top/a/__init__.py": "", "top/a/b/flow.py": ""})
    assert find_root(str(tmp_path / "top/a/b/flow.py")) == str(tmp_path / "top")


def test_root_is_the_nearest(tmp_path: Path):
    """A project within another one is a project."""
    write_tree(tmp_path, {"setup.py": "", "inner/setup.cfg": "", "inner/flows/flow.py": ""})
    assert find_root(str(tmp_path / "inner/flows/flow.py")) == str(tmp_path / "inner")


def test_root_without_a_mark():
    """Without a mark anywhere it is the script's own folder."""
    assert find_root("/no/such/folder/flow.py") == os.path.abspath("/no/such/folder")


@pytest.mark.parametrize("working", [".", "flows", "elsewhere", "~", "marked"])
@pytest.mark.parametrize("module", ["utils", "beside", "nowhere", "queue"])
def test_root_without_a_mark_may_be_the_working_folder(
    working: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is taken where the script imports what only that has, but for a home folder."""
    write_tree(tmp_path, {"top/flows/etl.py": f"import {module}", "top/flows/beside.py": ""})
    write_tree(tmp_path, {"top/utils.py": "", "top/beside.py": "", "top/queue.py": ""})
    write_tree(tmp_path, {"top/elsewhere/": ""})
    if working == "~":
        monkeypatch.setenv("HOME", str(tmp_path / "top"))
    if working == "marked":
        write_tree(tmp_path, {"top/flows/setup.py": ""})
    monkeypatch.chdir(tmp_path / "top" / working.replace("~", ".").replace("marked", "."))
    script = Script.read(tmp_path / "top/flows/etl.py")
    root = "top" if (working, module) == (".", "utils") else "top/flows"
    assert bool(missing_from(script)) is (module in ("beside", "utils"))
    assert project_of(tmp_path, "top/flows/etl.py").root == str(tmp_path / root)


def test_relative_paths_follow_links(tmp_path: Path):
    """A folder is in the root also where one of them is written with a link."""
    write_tree(tmp_path, {"real/a/": ""})
    (tmp_path / "link").symlink_to("real")
    root = str(tmp_path / "real")
    assert relative(root, str(tmp_path / "link/a")) == "a"
    assert relative(root, f"{root}/a/..") == ""
    assert relative(root, f"{root}beside") is None
    assert relative("/", "/a") == "a"


MEMBERS: Mapping[str, Sequence[str]] = {
    "one/pyproject.toml": ["one/src", "one"],
    "packages/two/setup.py": ["packages/two/src", "packages/two"],
    "libs/group/three/setup.cfg": ["libs/group/three/src", "libs/group/three"],
    "very/deep/libs/four/setup.py": [],
    "folder/requirements.txt": [],
    ".tox/pyproject.toml": [],
    "node_modules/x/setup.py": [],
    "env/lib/x/setup.py": [],
    "pyproject.toml": [],
}


def test_members_of_a_workspace(tmp_path: Path):
    """Members are folders with a project of their own, but in environments and caches."""
    write_tree(tmp_path, {**dict.fromkeys(MEMBERS, ""), "env/pyvenv.cfg": ""})
    expected = {path for paths in MEMBERS.values() for path in paths}
    assert set(find_members(Tree(str(tmp_path)))) == expected


def test_members_beside_links_in_circles(tmp_path: Path):
    """A link to a folder above does not lead round and round."""
    write_tree(tmp_path, {"one/setup.py": ""})
    (tmp_path / "one/again").symlink_to("..")
    assert find_members(Tree(str(tmp_path)))[:2] == ["one/src", "one"]


ORDER = {
    "the script's folder": ["flows/x", "lib", "", "src"],
    "the search path": ["lib", "", "src", "flows", "flows/src"],
    "the root": ["", "src", "flows", "flows/src", "member/src", "member"],
    "src": ["src", "flows", "flows/src", "member/src", "member"],
    "a folder between": ["flows", "flows/src", "member/src", "member"],
    "a member": ["member/src", "member"],
    "a flat member": ["member"],
}


@pytest.mark.parametrize("first", ORDER)
def test_order_of_folders(first: str, tmp_path: Path):
    """The first folder that a run would search has a module."""
    there = ORDER[first]
    write_tree(tmp_path, {f"{each}/helper.py".lstrip("/"): "" for each in there})
    write_tree(tmp_path, {"member/setup.py": "", "flows/x/flow.py": "", "pyproject.toml": ""})
    search = ModuleSearch(Tree(str(tmp_path)), "flows/x", "flows/x", ["lib"])
    assert [each.base for each in search.find("helper")] == [there[0]]
    assert there[0] in search.folders
    assert search.find("missing") == []


def test_folders_of_a_namespace_in_members(tmp_path: Path):
    """Portions of a namespace package come from all members that have some."""
    files = [f"{name}/src/acme/{name}/__init__.py" for name in ("one", "two")]
    files += ["one/pyproject.toml", "two/pyproject.toml"]
    search = ModuleSearch(Tree(str(write_tree(tmp_path, dict.fromkeys(files, "")))), "", "")
    assert [each.path for each in search.find("acme.two")] == [None, "two/src/acme/two/__init__.py"]
    assert search.folders == ["", "src", "two/src"]


ENTRIES = {
    "flat": ("flows/etl.py", "import x", (), "etl", ("flows",)),
    "in a package": ("a/b/etl.py", "", ("a/__init__.py", "a/b/__init__.py"), "a.b.etl", ("",)),
    "in src": ("src/a/etl.py", "", ("src/a/__init__.py",), "a.etl", ("src",)),
    "relative": ("flows/etl.py", "from .x import y", ("flows/x.py",), "flows.etl", ("",)),
    "two dots": ("a/b/etl.py", "from ..x import y", ("a/x.py",), "a.b.etl", ("",)),
    "caught": (
        "flows/etl.py",
        "try:\n    from .x import y\nexcept ImportError:\n    from x import y",
        ("flows/x.py",),
        "etl",
        ("flows",),
    ),
    "a package itself": ("flows/__init__.py", "from .x import y", ("flows/x.py",), "flows", ("",)),
    "imported": ("a/etl.py", "import a.x", ("a/x.py",), "etl", ("a", "")),
    "with a dash": ("my-flows/run-it.py", "", (), "run-it", ("my-flows",)),
    "below a dot": ("v1.2/etl.py", "", (), "etl", ("v1.2",)),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_name_of_the_script(case: str, tmp_path: Path):
    """The script has a name by its package, and its folder or base is searched."""
    script, source, others, module, search_paths = ENTRIES[case]
    write_tree(tmp_path, {"setup.py": "", script: source, **dict.fromkeys(others, "y = 1")})
    project = project_of(tmp_path, script)
    assert (project.module, project.file) == (module, script)
    assert project.search_paths == search_paths


def test_name_by_which_others_import_the_script(tmp_path: Path):
    """A script that others import under a longer name has that one, and no second copy."""
    write_tree(tmp_path, {"setup.py": "", "flows/etl.py": "import shared.x"})
    write_tree(tmp_path, {"shared/x.py": "from flows.etl import y"})
    project = project_of(tmp_path, "flows/etl.py")
    assert (project.module, project.search_paths) == ("flows.etl", ("flows", ""))


@pytest.mark.parametrize(
    ("script", "source", "expected"),
    [
        ("etl.py", "from .x import y", "--project"),
        ("a/etl.py", "from ...x import y", "--project"),
        ("my.flow.py", "", "cannot be imported by name"),
        ("v1.2/etl.py", "from .x import y", "cannot be imported by name"),
        ("__init__.py", "", "cannot be imported by name"),
        ("etl", "", "cannot be imported by name"),
    ],
)
def test_scripts_that_no_name_imports(script: str, source: str, expected: str, tmp_path: Path):
    """What cannot be imported as it stands is an error that says what helps."""
    write_tree(tmp_path, {"setup.py": "", script: source})
    with pytest.raises(ProjectError, match=expected):
        project_of(tmp_path, script)


def test_root_above_the_guessed_one_takes_relative_imports(tmp_path: Path):
    """The root that the error proposes is one with which the script is packed."""
    write_tree(tmp_path, {"top/setup.py": "", "top/etl.py": "from .x import y", "top/x.py": ""})
    with pytest.raises(ProjectError) as caught:
        project_of(tmp_path / "top", "etl.py")
    root = str(caught.value).partition("--project ")[2].partition(",")[0]
    project = project_of(tmp_path / "top", "etl.py", root=root)
    assert (project.module, project.search_paths) == ("top.etl", ("",))


def test_search_paths_that_are_given(tmp_path: Path):
    """They are relative to the root, or absolute inside it; only those used are kept."""
    write_tree(tmp_path, {"setup.py": "", "flow.py": "import x\nimport z", "lib/x.py": ""})
    write_tree(tmp_path, {"other/y.py": "", "third/z.py": ""})
    paths = ["lib", "other", str(tmp_path / "third")]
    project = project_of(tmp_path, "flow.py", paths=paths)
    assert project.search_paths == ("", "lib", "third")


@pytest.mark.parametrize("path", ["nowhere", "..", "/", "flow.py", "a\0b"])
def test_search_paths_outside(path: str, tmp_path: Path):
    """A search path that is no folder of the project is refused by name."""
    write_tree(tmp_path, {"setup.py": "", "flow.py": ""})
    with pytest.raises(ProjectError, match="no folder in the root"):
        project_of(tmp_path, "flow.py", paths=[path])


def test_script_outside_of_the_root(tmp_path: Path):
    """A script must be under the root."""
    write_tree(tmp_path, {"flow.py": "", "other/": ""})
    with pytest.raises(ProjectError, match="not under the root"):
        project_of(tmp_path, "flow.py", root=str(tmp_path / "other"))


SYS_PATH = {
    "sys.path.insert(0, 'lib')": "a relative one is in the root, too",
    "sys.path.append(os.path.join(os.path.dirname(__file__), '..', 'lib'))": "os.path",
    "sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))": "pathlib",
    "sys.path.extend(['./lib'])": "extend",
}


@pytest.mark.parametrize("statement", SYS_PATH)
def test_sys_path_of_the_script(statement: str, tmp_path: Path):
    """What the script adds to sys.path is searched."""
    source = f"import os, sys\nfrom pathlib import Path\n{statement}\nimport helper\n"
    write_tree(tmp_path, {"setup.py": "", "flows/etl.py": source, "lib/helper.py": ""})
    project = project_of(tmp_path, "flows/etl.py")
    assert (project.search_paths, project.notes) == (("flows", "lib"), ())


def test_sys_path_outside_of_the_root(tmp_path: Path):
    """What is added to sys.path from outside is named in a note."""
    source = "import os, sys\nsys.path.append(os.path.join(os.path.dirname(__file__), '../up'))"
    write_tree(tmp_path, {"top/setup.py": "", "top/flow.py": source, "up/x.py": ""})
    (note,) = project_of(tmp_path, "top/flow.py").notes
    assert "flow.py adds" in note and str(tmp_path / "up") in note


def test_folder_between(tmp_path: Path):
    """A folder between script and root that alone has a module is used, and a note names it."""
    write_tree(tmp_path, {".git/": "", "projects/x/flows/etl.py": "import utils\nimport tools"})
    write_tree(tmp_path, {"projects/x/utils.py": "", "projects/x/tools.py": ""})
    project = project_of(tmp_path, "projects/x/flows/etl.py")
    assert project.search_paths == ("projects/x/flows", "projects/x")
    (note,) = project.notes
    assert "searched in projects/x, too" in note and "--path projects/x" in note


def test_folder_above_the_guessed_root(tmp_path: Path):
    """A module that is only above the guessed root is named once, with the root that has it."""
    write_tree(tmp_path, {".git/": "", "sub/setup.py": "", "sub/etl.py": "import shared\nimport x"})
    write_tree(tmp_path, {"shared.py": "", "x.py": ""})
    (problem,) = project_of(tmp_path, "sub/etl.py").problems
    assert "sub" in problem and problem.endswith(f"--project {tmp_path}")
    assert not project_of(tmp_path, "sub/etl.py", root=str(tmp_path)).problems
    assert not project_of(tmp_path, "sub/etl.py", root=str(tmp_path / "sub")).problems
