"""Modules of a project: which file a dotted name stands for, by the rules of Python's import."""

from __future__ import annotations

import os
from typing import Collection, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import attrs


@attrs.frozen
class Module:
    """A module of a project. Paths are relative to the root, with ``/``.

    Attributes:
        name: Its dotted name.
        path: Its file; None for a folder without ``__init__.py``, a namespace package.
        folders: Where its submodules are: nowhere for a plain module, in one folder for a
            package, in each of its portions for a namespace package.
    """

    name: str
    path: Optional[str]
    folders: Tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """The package that its relative imports start from; empty at the top level."""
        return self.name if self.folders else self.name.rpartition(".")[0]

    @property
    def base(self) -> str:
        """The folder in which it has its name; :attr:`path` is not None."""
        path = self.path or ""
        tail = f"/{self.name.replace('.', '/')}{'/__init__.py' if self.folders else '.py'}"
        return f"/{path}"[: -len(tail)].lstrip("/")

    def absolute(self, level: int, name: str) -> Optional[str]:
        """Return what an import of *name* after *level* dots means here; None: nothing."""
        if level == 0:
            return name
        parts = self.package.split(".") if self.package else []
        if level > len(parts):
            return None
        parts = parts[: len(parts) - level + 1]
        return ".".join([*parts, name] if name else parts)


class Tree:
    """The folders below *root*, as they are: each is listed once.

    Names are compared with what the folder lists, so that ``import Helper`` never finds
    ``helper.py``, also where the file system does not care.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._listed: Dict[str, Dict[str, bool]] = {}

    def list(self, folder: str) -> Mapping[str, bool]:
        """Return the names in *folder*, sorted, each with whether it is a folder itself."""
        if folder not in self._listed:
            try:
                with os.scandir(os.path.join(self.root, folder)) as entries:
                    names = {each.name: each.is_dir() for each in entries}
            except (OSError, ValueError):  # It is gone, is no folder, or may not be read.
                names = {}
            self._listed[folder] = dict(sorted(names.items()))
        return self._listed[folder]

    def is_file(self, path: str) -> bool:
        """Return True if *path* is a file."""
        folder, _, name = path.rpartition("/")
        return self.list(folder).get(name) is False

    def is_folder(self, path: str) -> bool:
        """Return True if *path* is a folder."""
        folder, _, name = path.rpartition("/")
        return not path or self.list(folder).get(name) is True


def join(folder: str, name: str) -> str:
    """Return the path of *name* in *folder*; the root is the empty path."""
    return f"{folder}/{name}" if folder else name


def parent(path: str) -> str:
    """Return the folder that *path* is in."""
    return path.rpartition("/")[0]


def find_module(
    tree: Tree, folders: Sequence[str], name: str, package: str = ""
) -> Optional[Module]:
    """Return the module *name* of *package* that Python finds in *folders*.

    The first folder with a package or a module of that name has it; only where there is none,
    the folders of that name together are a namespace package. Stubs and compiled modules are
    no source and are passed over.

    References:
        https://docs.python.org/3/reference/import.html#namespace-packages; PEP 420.
    """
    full = f"{package}.{name}" if package else name
    portions: List[str] = []
    for folder in folders:
        path = join(folder, name)
        if tree.is_folder(path):
            if tree.is_file(f"{path}/__init__.py"):
                return Module(full, f"{path}/__init__.py", (path,))
            portions.append(path)
        if tree.is_file(f"{path}.py"):
            return Module(full, f"{path}.py")
    return Module(full, None, tuple(portions)) if portions else None


def find_chain(tree: Tree, folders: Sequence[str], name: str) -> List[Module]:
    """Return the module *name* after the packages that it is in, as far as they are there."""
    chain: List[Module] = []
    for part in name.split("."):
        module = find_module(tree, folders, part, chain[-1].name if chain else "")
        if module is None:
            break
        chain.append(module)
        folders = module.folders
    return chain


def find_imported(
    tree: Tree, folders: Sequence[str], name: str, names: Sequence[str]
) -> List[Module]:
    """Return the modules that ``from name import names`` loads; [] if none of them is a file."""
    chain = find_chain(tree, folders, name)
    if chain and chain[-1].name == name:
        module = chain[-1]
        below = (find_module(tree, module.folders, each, name) for each in names)
        chain += [each for each in below if each is not None]
    return chain if any(each.path for each in chain) else []


def find_extension(tree: Tree, folders: Sequence[str], name: str) -> Optional[str]:
    """Return the file of the compiled module *name* in *folders*; None if there is none."""
    for folder in folders:
        for each in tree.list(folder):
            if each.startswith(f"{name}.") and each.endswith((".so", ".pyd")):
                return join(folder, each)
    return None


def submodules(tree: Tree, module: Module) -> Iterator[Module]:
    """Yield all modules below *module*, also those in folders without ``__init__.py``."""
    waiting = [module]
    seen = set()
    while waiting:
        package = waiting.pop()
        for folder in package.folders:
            place = os.path.realpath(os.path.join(tree.root, folder))
            if place in seen:  # A link to a folder above would lead round and round.
                continue
            seen.add(place)
            for entry in tree.list(folder):
                stem = entry[: -len(".py")] if entry.endswith(".py") else entry
                if "." in stem or stem in ("__init__", "__pycache__"):
                    continue
                found = find_module(tree, (folder,), stem, package.name)
                if found is not None:
                    yield found
                    waiting.append(found)


def package_base(tree: Tree, folder: str, never: Collection[str] = ()) -> str:
    """Return the folder that the outermost package of *folder* is in; itself if it is none.

    A folder whose name is in *never* is no outermost package, but one to start from.
    """
    base = folder
    while base and tree.is_file(f"{base}/__init__.py"):
        base = parent(base)
    top = folder[len(base) :].lstrip("/").partition("/")[0]
    return join(base, top) if top in never else base
