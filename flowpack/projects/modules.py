"""Modules of a project: which file a dotted name stands for, by the rules of Python's import.

Paths are relative to the project's root, with ``/``; the root itself is the empty path.
"""

from __future__ import annotations

import os
from importlib.util import resolve_name
from typing import Collection, Dict, List, Mapping, Optional, Sequence, Tuple

import attrs


@attrs.frozen
class Module:
    """A module of a project.

    Attributes:
        name: Its dotted name.
        path: Its file; None for a folder without ``__init__.py``, a namespace package.
        folders: Where its submodules are: nowhere for a plain module, in one folder for a
            package, in each of its portions for a namespace package.
    """

    name: str
    path: Optional[str]
    folders: Tuple[str, ...] = ()

    @classmethod
    def at(cls, path: str, base: str) -> Module:
        """Return the module that the file *path* is when it is imported from *base*."""
        name = path[len(base) :].strip("/")[: -len(".py")].replace("/", ".")
        package, _, last = name.rpartition(".")
        return cls(package, path, (parent(path),)) if last == "__init__" else cls(name, path)

    @property
    def base(self) -> str:
        """The folder from which it is imported; :attr:`path` is not None."""
        tail = f"/{self.name.replace('.', '/')}{'/__init__' if self.folders else ''}.py"
        return f"/{self.path}"[: -len(tail)].lstrip("/")

    @property
    def package(self) -> str:
        """The package that its relative imports start from; empty at the top level."""
        return self.name if self.folders else self.name.rpartition(".")[0]

    def absolute(self, level: int, name: str) -> Optional[str]:
        """Return what an import of *name* after *level* dots means here; None: nothing."""
        try:
            return resolve_name("." * level + name, self.package)
        except ImportError:
            return None


class Tree:
    """What is below the folder *root*; each folder is listed once.

    Names are compared with those listed, so that ``import Helper`` never finds ``helper.py``,
    also where the file system would.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._listed: Dict[str, Mapping[str, bool]] = {}

    def list(self, folder: str) -> Mapping[str, bool]:
        """Return the names in *folder*, sorted, each with whether it is a folder."""
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
        return self.list(parent(path)).get(path.rpartition("/")[2]) is False

    def is_folder(self, path: str) -> bool:
        """Return True if *path* is a folder."""
        return not path or self.list(parent(path)).get(path.rpartition("/")[2]) is True

    def package_base(self, folder: str) -> str:
        """Return the folder that the outermost package of *folder* is in; itself if it is none."""
        while folder and self.is_file(f"{folder}/__init__.py"):
            folder = parent(folder)
        return folder


def join(folder: str, name: str) -> str:
    """Return the path of *name* in *folder*."""
    return f"{folder}/{name}" if folder else name


def parent(path: str) -> str:
    """Return the folder that *path* is in."""
    return path.rpartition("/")[0]


def find_module(tree: Tree, folders: Sequence[str], name: str) -> Optional[Module]:
    """Return the module *name* that Python finds in *folders*; a dotted one is in its package's.

    The first folder that has it as a package or a file counts; only where none has, the folders
    of that name together are a namespace package. Stubs and compiled modules are passed over.

    References:
        https://docs.python.org/3/reference/import.html#namespace-packages; PEP 420.
    """
    stem = name.rpartition(".")[2]
    portions: List[str] = []
    for folder in folders if stem and "/" not in stem else ():  # import_module takes any text.
        path = join(folder, stem)
        if tree.is_folder(path):
            if tree.is_file(f"{path}/__init__.py"):
                return Module(name, f"{path}/__init__.py", (path,))
            portions.append(path)
        if tree.is_file(f"{path}.py"):
            return Module(name, f"{path}.py")
    return Module(name, None, tuple(portions)) if portions else None


def find_chain(
    tree: Tree, folders: Sequence[str], name: str, names: Collection[str] = ()
) -> List[Module]:
    """Return the modules that ``from name import names`` loads, outermost first.

    They are the packages of *name*, itself, and those of *names* that are modules below it, as
    far as they are there.
    """
    chain: List[Module] = []
    parts = name.split(".") if name else []
    for end in range(1, len(parts) + 1):
        module = find_module(tree, folders, ".".join(parts[:end]))
        if module is None:
            return chain
        chain.append(module)
        folders = module.folders
    below = (find_module(tree, folders, f"{name}.{each}") for each in names)
    return chain + [each for each in below if each is not None]
