"""Where a project begins, and in which of its folders modules are searched."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Collection, List, Optional, Sequence

from flowpack.analysis.imports import Import
from flowpack.projects.listing import never_taken
from flowpack.projects.modules import Module, Tree, find_chain, join, parent

#: What the root of a project holds, and what a member of a workspace.
_ROOT_MARKS = ("pyproject.toml", "setup.cfg", "setup.py", "prefect.yaml", ".git")
_MEMBER_MARKS = ("pyproject.toml", "setup.cfg", "setup.py")
#: So many folders are searched for members, and so deep below the root.
_FOLDERS = 2_000
_DEPTH = 3


def find_root(path: str) -> str:
    """Return the nearest folder above *path* that looks like a project's, else the one it is in.

    It is never looked for by ``__init__.py``.
    """
    folder = start = os.path.dirname(os.path.abspath(path))
    while not any(os.path.lexists(os.path.join(folder, mark)) for mark in _ROOT_MARKS):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return start
    return folder


def guess_root(path: str, imports: Sequence[Import]) -> str:
    """Return the root of the project that the script at *path* is in.

    Where no folder looks like one it is the script's folder, or the working folder above it, the
    root for Prefect, if only that meets one of *imports*, absolute ones of what is not installed.
    """
    root = find_root(path)
    with suppress(OSError):  # The working folder may be gone.
        working = os.getcwd()
        is_above = f"{root}/".startswith(f"{working}/") and working != os.path.expanduser("~")
        if is_above and not any(os.path.lexists(os.path.join(root, each)) for each in _ROOT_MARKS):
            own, upper = (ModuleSearch(Tree(folder), "", "") for folder in (root, working))
            wanted = ((each.module, each.names) for each in imports)
            if any(upper.find(*each) and not own.find(*each) for each in wanted):
                return working
    return root


def relative(root: str, place: str) -> Optional[str]:
    """Return the path of *place* below *root*, with ``/``; None if it is not there.

    Links are followed where the paths as they are written do not meet.
    """
    place = os.path.normpath(place.replace("\0", "\ufffd"))
    for top, path in ((root, place), (os.path.realpath(root), os.path.realpath(place))):
        if f"{path}/".startswith(f"{top.rstrip('/')}/"):
            return os.path.relpath(path, top).replace(os.sep, "/") if path != top else ""
    return None


def find_members(tree: Tree) -> List[str]:
    """Return the folders that the members of a workspace are imported from.

    A member is a folder that can be installed. What ``[tool.uv.workspace]`` lists is not read:
    most projects of several distributions list them nowhere.
    """
    found: List[str] = []
    folders = [""]
    for folder in folders:  # It grows; the nearest come first.
        names = tree.list(folder)
        if folder and any(mark in names for mark in _MEMBER_MARKS):
            found += [join(folder, "src"), folder]
        if folder.count("/") < _DEPTH - 1 and len(folders) < _FOLDERS:
            inner = [join(folder, each) for each, is_folder in names.items() if is_folder]
            folders += [each for each in inner if not never_taken(tree.root, each)]
    return found


class ModuleSearch:
    """Finds modules in the folders of *tree* in which a run would.

    Prefect, from 2.0 to 3.x, loads a script with its folder and then the working folder, the
    root, in front of all (``load_script_as_module`` of ``prefect.utilities.importtools``);
    ``python script.py`` searches its folder; an editable install adds ``src`` after all else.

    Attributes:
        folders: Those always searched, in order: *base*, from which the script is imported,
            *paths*, the root and its ``src``; then each other one that met an import.
        between: Those between *own*, the script's folder, and the root. Only if no other has a
            module they are searched, after *own* and before the members of a workspace.
    """

    def __init__(self, tree: Tree, base: str, own: str, paths: Sequence[str] = ()) -> None:
        self.tree = tree
        self._members: Optional[List[str]] = None
        self.folders: List[str] = list(dict.fromkeys([own, base, *paths, "", "src"]))
        self.between: List[str] = []
        while parent(own):
            own = parent(own)
            self.between += [each for each in (own, join(own, "src")) if each not in self.folders]

    def find(self, name: str, names: Collection[str] = ()) -> List[Module]:
        """Return the modules that ``from name import names`` loads; [] if none of it is a file."""
        chain = find_chain(self.tree, self.folders, name, names)
        if not any(each.path for each in chain):
            if self._members is None:
                self._members = find_members(self.tree)
            folders = [*self.folders, *self.between, *self._members]
            chain = find_chain(self.tree, folders, name, names)
        bases = [each.base for each in chain if each.path]
        self.add(bases)
        return chain if bases else []

    def add(self, folders: Sequence[str]) -> None:
        """Search *folders* always from now on, after the others."""
        self.folders += [each for each in dict.fromkeys(folders) if each not in self.folders]
