"""Which files of a project a flow needs: those that its script imports, and theirs."""

from __future__ import annotations

import os
import sys
import sysconfig
from importlib.machinery import ModuleSpec, PathFinder
from typing import Dict, FrozenSet, List, Mapping, Optional, Set, Tuple

import attrs

from flowpack.analysis.script import Script
from flowpack.exceptions import DiscoveryError, ProjectError, printable, quoted
from flowpack.projects.listing import walk
from flowpack.projects.reader import FileReader
from flowpack.projects.selection import Selection
from flowpack.analysis.imports import Import, exported_names, read_imports

_MAY = " may import it"


_MARKS = ("pyproject.toml", "setup.cfg", "setup.py", "prefect.yaml", ".git")


def find_root(script: str) -> str:
    """Return the nearest folder above *script* that looks like a project's."""
    folder = start = os.path.dirname(os.path.abspath(script))
    while True:
        if any(os.path.lexists(os.path.join(folder, mark)) for mark in _MARKS):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return start
        folder = parent


@attrs.frozen
class ProjectFile:
    """A file that goes along, and why: ``pkg/flows.py:3 imports pkg.helper``."""

    path: str
    size: int
    why: str


@attrs.frozen
class Project:
    """What a flow needs.

    Attributes:
        root: The project's folder.
        files: Content by path, relative to the root.
        taken: One for each file, in the order found.
        file: The script.
        entry: The name under which it is imported.
        paths: What must be searched for modules, relative to the root.
        requires: Modules that the project does not have, and where each is imported
            first; those whose absence is caught end with ``?``.
        notes: What cannot be told, one sentence each.
    """

    root: str
    files: Mapping[str, bytes] = attrs.field(repr=False)
    taken: Tuple[ProjectFile, ...]
    file: str
    entry: str
    paths: Tuple[str, ...]
    requires: Mapping[str, str]
    notes: Tuple[str, ...]


@attrs.frozen
class _Module:
    name: str
    path: Optional[str]  # None: a folder without __init__.py.
    folder: Optional[str]  # Where its submodules are; None: it has none.


def find_files(
    script: Script,
    root: Optional[str] = None,
    selection: Selection = Selection(),
) -> Project:
    """Return the files that *script*, a file, needs.

    Raises:
        ProjectError: They cannot be packed.
        DiscoveryError: One of them is no Python.
    """
    if script.path is None:
        raise ProjectError(f"{printable(script.name)} is no file, so it has no project")
    base = os.path.abspath(root) if root else find_root(script.path)
    entry = os.path.relpath(script.path, base).replace(os.sep, "/")
    if entry.startswith("../"):
        raise ProjectError(f"{printable(script.name)} is not under {printable(base)}")
    if "." in entry[:-3] or not entry.endswith(".py"):
        raise ProjectError(
            f"{printable(entry)} cannot be imported by name, as processes that a flow"
            " starts must; let no name have a dot but for .py at the end"
        )
    return _Finder(FileReader(base, selection.size_limit), entry, script, selection).find()


class _Finder:
    def __init__(self, reader: FileReader, entry: str, script: Script, patterns: Selection) -> None:
        self._reader = reader
        self._root = reader.root
        self._patterns = patterns
        self._entry = entry
        self._reader.add(entry, script.content)  # Those that the flow was told from.
        self._taken: Dict[str, str] = {}
        self._names: Dict[str, List[str]] = {}
        self._requires: Dict[str, str] = {}
        self._notes: List[str] = []
        self._work: List[_Module] = []
        self._bases = self._search_path(entry)

    def find(self) -> Project:
        first = self._named(self._entry)
        self._take(first, "the script")
        selected = self._patterns.select(self._root)
        self._reader.check_size(selected.patterns)
        self._notes.extend(selected.notes)
        for path, pattern in selected.patterns.items():
            self._include(path, pattern)
        while self._work:
            self._follow(self._work.pop(0))
        # Where others import the script under a longer name, it must have that.
        names = self._names[self._entry]
        names[:] = [max(names, key=lambda name: name.count("."))]
        paths = self._close_folders()
        files = {path: self._reader.files[path] for path in sorted(self._taken)}
        return Project(
            root=self._root,
            files=files,
            taken=tuple(ProjectFile(p, len(files[p]), w) for p, w in self._taken.items()),
            file=self._entry,
            entry=names[0],
            paths=tuple(base for base in self._bases if base in paths),
            requires=self._requires,
            notes=tuple(dict.fromkeys(self._notes)),
        )

    # Names and places.

    def _search_path(self, entry: str) -> List[str]:
        own = _parent(entry)
        above = own
        while above and self._is_file(_join(above, "__init__.py")):
            above = _parent(above)
        in_package = above != own
        bases = [above] if in_package else [own]
        bases += ["", "src", own]
        there = [b for b in dict.fromkeys(bases) if os.path.isdir(self._place(b))]
        return there

    def _named(self, path: str) -> _Module:
        """Return the module that *path* is, by the folders that have __init__.py."""
        stem = path[: -len(".py")] if path.endswith(".py") else path
        above = _parent(path)
        while above and self._is_file(_join(above, "__init__.py")):
            above = _parent(above)
        in_package = above != _parent(path)
        if not in_package and path == self._entry and self._is_relative(path):
            above = ""  # Its folder is a package without __init__.py.
        if above not in self._bases:
            above = ""
        name = os.path.relpath(stem, above or ".").replace(os.sep, "/").replace("/", ".")
        if name.endswith(".__init__"):
            return _Module(name[: -len(".__init__")], path, _parent(path))
        return _Module(name, path, None)

    def _is_relative(self, path: str) -> bool:
        return any(each.level for each in read_imports(self._script(path)).found)

    def _locate(self, folder: str, name: str, full: str) -> Optional[_Module]:
        package = _join(folder, name)
        if self._is_file(_join(package, "__init__.py")):
            return _Module(full, _join(package, "__init__.py"), package)
        if self._is_file(f"{package}.py"):
            return _Module(full, f"{package}.py", None)
        if os.path.isdir(self._place(package)) and self._has_python(package):
            return _Module(full, None, package)
        return None

    def _top(self, name: str) -> Optional[_Module]:
        if name in standard_library():
            own = _parent(self._entry)
            if own in self._bases[:1] and self._is_file(_join(own, f"{name}.py")):
                raise ProjectError(
                    f"{_join(own, name)}.py has the name of a module of Python's own,"
                    " which it would hide from all that runs with it; rename it"
                )
            return None
        spaces: List[_Module] = []
        for base in self._bases:
            found = self._locate(base, name, name)
            if found is not None and found.path is not None:
                return found
            if found is not None:
                spaces.append(found)
        return spaces[0] if spaces else None

    def _is_file(self, path: str) -> bool:
        return os.path.isfile(self._place(path)) and not any(
            part in ("site-packages", ".venv") for part in path.split("/")
        )

    def _has_python(self, folder: str) -> bool:
        entries = list(os.scandir(self._place(folder)))
        return any(each.name.endswith(".py") for each in entries) or any(
            self._is_file(_join(_join(folder, each.name), "__init__.py")) for each in entries
        )

    def _place(self, path: str) -> str:
        return os.path.join(self._root, path)

    # What is taken.

    def _take(self, module: _Module, why: str) -> None:
        path = module.path
        if path is None:
            return
        names = self._names.setdefault(path, [])
        if module.name in names:
            return
        names.append(module.name)
        # An imported module is taken even if git ignores it: it may be generated.
        if self._patterns.excludes(path):
            self._notes.append(f"{path} is excluded, but {why}")
            return
        self._reader.read(path)
        self._taken.setdefault(path, why)
        self._work.append(module)

    def _include(self, path: str, pattern: str) -> None:
        why = f"include {pattern}"
        if path.endswith(".py"):
            # Also the packages above it, without which it cannot be imported.
            module = self._named(path)
            self._chain(module.name, None, why)
            self._take(module, why)
        else:
            self._reader.read(path)
            self._taken.setdefault(path, why)

    def _take_all(self, module: _Module, why: str) -> bool:
        """Take all modules of the outermost package that *module* is in, if any."""
        top, dot, _ = module.name.partition(".")
        folder = _join(_base(module.path or "", module.name), top)
        if not dot and module.folder is None:
            return False
        for path in sorted(walk(self._root, folder)):
            if path.endswith(".py") and not self._patterns.excludes(path):
                name = path[len(folder) - len(top) : -len(".py")].replace("/", ".")
                inner = _parent(path) if name.endswith(".__init__") else None
                name = name[: -len(".__init__")] if inner else name
                self._take(_Module(name, path, inner), why)
        return True

    def _chain(self, name: str, start: Optional[_Module], why: str) -> Optional[_Module]:
        """Take *name* and the packages above it; return it, or None if it is missing."""
        parts = name.split(".")
        module = start or self._top(parts.pop(0))
        if module is None:
            return None
        self._take(module, why)
        for part in parts:
            if module.folder is None:
                return None
            found = self._locate(module.folder, part, f"{module.name}.{part}")
            if found is None:
                return None
            self._take(found, why)
            module = found
        return module

    # What a module imports.

    def _script(self, path: str) -> Script:
        return Script(self._reader.read(path), path, self._place(path))

    def _follow(self, module: _Module) -> None:
        path = module.path or ""
        try:
            read = read_imports(self._script(path))
        except DiscoveryError as exc:
            why = self._taken[path]
            if not why.startswith("include ") and not why.endswith(_MAY):
                raise
            self._notes.append(f"its imports are not followed: {exc}")
            return
        for call in read.unknown[:1]:
            if not self._take_all(module, f"{path}:{call.line}{_MAY}"):
                self._notes.append(
                    f"{path}:{call.line} imports what only running it would tell:"
                    f" {call.text}; name it in include if it is the project's own"
                )
        for each in read.found:
            self._resolve(each, module, path)

    def _resolve(self, each: Import, module: _Module, path: str) -> None:
        target = self._absolute(each, module)
        dots = "." * each.level
        why = f"{path}:{each.line} imports {dots}{each.module}".rstrip()
        if target is None:
            if not each.optional:
                raise ProjectError(
                    f"{why}, which leads above its package; import it without the dots,"
                    " or put both into a folder of the project"
                )
            return
        found = self._chain(target, None, why)
        top = target.partition(".")[0]
        if found is None:
            if each.level or self._top(top) is not None:
                if not each.optional:
                    self._notes.append(f"{why}, which is not there")
            elif top not in standard_library():
                mark = "?" if each.optional else ""
                known = self._requires.get(top, "?")
                if known.endswith("?"):
                    self._requires[top] = f"{path}:{each.line}{mark}"
            return
        names = list(each.names)
        if "*" in names and found.path is not None:
            names = list(exported_names(self._script(found.path)))
        for name in names:
            if found.folder is not None:
                sub = self._locate(found.folder, name, f"{found.name}.{name}")
                if sub is not None:
                    self._take(sub, f"{why} {name}".replace(" . ", " .", 1))

    def _absolute(self, each: Import, module: _Module) -> Optional[str]:
        if not each.level:
            return each.module
        package = module.name.split(".")
        drop = each.level - (1 if module.folder is not None else 0)
        if drop >= len(package) + (1 if module.folder is not None else 0):
            return None
        parts = package[: len(package) - drop]
        if not parts:
            return None
        return ".".join([*parts, each.module] if each.module else parts)

    # What makes the package safe to import from.

    def _close_folders(self) -> Set[str]:
        """Return the folders to search; those in them become the project's own.

        A folder without __init__.py would come after any installed package of its
        name, and after the package's own file.
        """
        bases: Set[str] = set()
        for path, names in self._names.items():
            for name in names if path in self._taken else ():
                base = _base(path, name)
                bases.add(base)
                top, dot, _ = name.partition(".")
                if top in standard_library() or top in ("prefect", "flowpack"):
                    raise ProjectError(
                        f"{printable(path)} is imported as {quoted(name)}, and every"
                        f" worker needs the {quoted(top)} that this would hide; rename"
                        " it or put it in a package"
                    )
                if self._installed(top) is not None:
                    self._notes.append(f"{top} is installed, too; the project's is used")
                init = _join(_join(base, top), "__init__.py")
                if dot and init not in self._taken and not self._is_shared(top):
                    self._reader.files[init] = b""
                    self._taken[init] = "added: it makes the folder the project's own"
        return bases

    def _is_shared(self, top: str) -> bool:
        """Say whether parts of the package *top* are installed."""
        spec = self._installed(top)
        return spec is not None and spec.origin is None

    def _installed(self, top: str) -> Optional[ModuleSpec]:
        root = self._root
        places = [p for p in map(os.path.abspath, sys.path) if not p.startswith(root)]
        return PathFinder.find_spec(top, places)


def _base(path: str, name: str) -> str:
    """Return the folder in which the module at *path* is called *name*."""
    end = name.replace(".", "/")
    for each in (f"{end}/__init__.py", f"{end}.py", end):
        if path.endswith(each):
            return path[: -len(each)].rstrip("/")
    return ""


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def standard_library() -> FrozenSet[str]:
    """Return the names of Python's own modules."""
    names = getattr(sys, "stdlib_module_names", None)
    if names is not None:
        return frozenset(names)
    found = set(sys.builtin_module_names)
    folder = sysconfig.get_path("stdlib")
    for place in (folder, os.path.join(folder, "lib-dynload")):
        found.update(name.partition(".")[0] for name in os.listdir(place))
    return frozenset(found)
