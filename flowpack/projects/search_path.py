"""Where a project begins, and in which of its folders imports are searched."""

from __future__ import annotations

import os
from typing import Iterator, List, Optional, Sequence, Tuple

from flowpack.exceptions import ProjectError, printable
from flowpack.projects.modules import Tree, find_imported, join, parent

#: A folder with one of these is the root of a project.
MARKS = ("pyproject.toml", "setup.cfg", "setup.py", "prefect.yaml", ".git")
#: A folder with one of these is installed as a member of a workspace.
_MEMBER_MARKS = ("pyproject.toml", "setup.py", "setup.cfg")
#: How deep members are looked for below the root, and in how many folders at most.
_DEPTH = 3
_FOLDERS = 2_000
_NEVER = frozenset(("__pycache__", "node_modules", "site-packages", "build", "dist"))


def find_root(script: str) -> str:
    """Return the nearest folder of *script* or above that looks like a project's.

    Where there is none, it is the script's own folder.
    """
    start = os.path.dirname(os.path.abspath(script))
    return next((each for each in _upwards(start) if has_mark(each, MARKS)), start)


def has_mark(folder: str, marks: Sequence[str]) -> bool:
    """Return True if one of *marks* is in *folder*."""
    return any(os.path.lexists(os.path.join(folder, mark)) for mark in marks)


def _upwards(folder: str) -> Iterator[str]:
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def relative(root: str, place: str) -> Optional[str]:
    """Return the path of *place* below *root* with ``/``; None if it is not below it.

    Where the absolute paths as they are written do not tell, links are followed.
    """
    for top, path in ((root, place), (os.path.realpath(root), os.path.realpath(place))):
        try:
            inner = os.path.relpath(path, top).replace(os.sep, "/")
        except ValueError:  # Another drive.
            return None
        if inner != ".." and not inner.startswith("../"):
            return "" if inner == "." else inner
    return None


def check_path(tree: Tree, path: str) -> str:
    """Return the folder that ``--path`` names, relative to the root.

    Raises:
        ProjectError: It is no folder of the project.
    """
    place = os.path.join(tree.root, path)
    inner = relative(tree.root, place)
    if inner is None:
        raise ProjectError(
            f"the search path {printable(path)} is not under the root {printable(tree.root)};"
            " choose a root above both with --project"
        )
    if not os.path.isdir(place):
        raise ProjectError(
            f"the search path {printable(path)} is no folder under {printable(tree.root)};"
            " paths are relative to the root"
        )
    return inner


class SearchPath:
    """The folders in which absolute imports are searched, relative to the root, in order.

    It is the order of a run. Prefect loads a script with its folder and then the working
    folder, the root, in front of all (``load_script_as_module`` of ``prefect.utilities.
    importtools``, from 2.0 to 3.x); ``python script.py`` searches its folder alone; an
    editable install adds ``src`` at the end.

    Attributes:
        folders: Always searched: where the script has its name, what was given, the root
            and its ``src``; and further ones, once an import was found in them.
        between: Those between the script and the root, which no run has on its path unless
            it is put there: a note says so.
    """

    def __init__(self, tree: Tree, base: str, own: str, paths: Sequence[str]) -> None:
        self._tree = tree
        self._own = own
        self.between: List[str] = []
        folder = parent(own)
        while own and folder:
            self.between += [folder, join(folder, "src")]
            folder = parent(folder)
        self.folders = list(dict.fromkeys([base, *paths, "", "src"]))
        self._others: Optional[Tuple[str, ...]] = None

    def add(self, folder: str) -> None:
        """Search *folder* always from now on, after the others."""
        if folder not in self.folders:
            self.folders.append(folder)

    @property
    def others(self) -> Tuple[str, ...]:
        """Folders for imports that are in no other: the script's own, those between, members."""
        if self._others is None:
            self._others = (self._own, *self.between, *find_members(self._tree))
        return tuple(each for each in self._others if each not in self.folders)


def find_members(tree: Tree) -> List[str]:
    """Return the folders that the members of a workspace are imported from.

    Members are folders that can be installed. They are searched for, and not read from a
    ``[tool.uv.workspace]``: most projects of several distributions name them nowhere.
    """
    found: List[str] = []
    waiting = [("", 0)]
    for folder, depth in waiting:  # It grows: nearest folders first.
        names = tree.list(folder)
        if "pyvenv.cfg" in names:  # A virtual environment, whatever its name.
            continue
        if folder and any(mark in names for mark in _MEMBER_MARKS):
            found += [join(folder, "src"), folder]
        if depth < _DEPTH and len(waiting) < _FOLDERS:
            inner = [name for name, is_folder in names.items() if is_folder]
            waiting += (
                (join(folder, name), depth + 1)
                for name in inner
                if not name.startswith(".") and name not in _NEVER
            )
    return found


def find_above(root: str, name: str, names: Sequence[str]) -> Optional[str]:
    """Return the nearest folder above *root* that ``from name import names`` could be met in.

    Searched is up to the end of the git checkout, or else the next folder alone.
    """
    above = list(_upwards(root))[1:]
    tops = [at for at, each in enumerate([root, *above]) if has_mark(each, (".git",))]
    for folder in above[: tops[0] if tops else 1]:
        tree = Tree(folder)
        members = find_members(tree) if tops else []
        if find_imported(tree, ["", "src", *members], name, names):
            return folder
    return None
