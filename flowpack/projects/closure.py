"""Which files of a project a flow needs: its script, what that imports, and what they import."""

from __future__ import annotations

import os
from collections import deque
from typing import Callable, Deque, Dict, List, Mapping, Optional, Sequence, Tuple

import attrs

from flowpack.analysis.imports import Import, exported_names, read_imports
from flowpack.analysis.script import Script
from flowpack.analysis.values import Scope
from flowpack.exceptions import DiscoveryError, ProjectError, printable, quoted
from flowpack.projects.modules import (
    Module,
    Tree,
    find_chain,
    find_extension,
    find_imported,
    find_module,
    join,
    package_base,
    parent,
    submodules,
)
from flowpack.projects.reader import FileReader
from flowpack.projects.search_path import SearchPath, check_path, find_above, find_root, relative
from flowpack.projects.selection import Selection
from flowpack.projects.single import RESERVED, installed, is_standard

#: Reasons for which a file is taken that may never be imported.
_INCLUDED = "include "
_MAY_IMPORT = " may import it"


@attrs.frozen
class ProjectFile:
    """A file that goes along, its size in bytes, and why: ``flows.py:3 imports helper``.

    *added* marks an empty ``__init__.py`` that the project does not have.
    """

    path: str
    size: int
    reason: str
    added: bool = False


@attrs.frozen
class Requirement:
    """A top-level module that the project does not have, and where it is imported first.

    *optional*: each of its imports is in a ``try`` that catches its absence, or for checkers.
    """

    module: str
    where: str
    optional: bool = False


@attrs.frozen
class Project:
    """What a flow needs. Paths are relative to the root, with ``/``.

    Attributes:
        root: The project's folder, absolute.
        files: Content by path, sorted.
        taken: One for each file, in the order in which they were found.
        file: The script.
        module: The dotted name under which the script is imported.
        search_paths: What must be searched for modules, in order; "" is the root.
        requires: What else must be installed where the flow runs.
        notes: What is not certain or is missing, one sentence each.
        hints: Files that the code names but does not import.
        resolve: Returns the names of another module, by its dotted name; None outside.
    """

    root: str
    files: Mapping[str, bytes] = attrs.field(repr=False)
    taken: Tuple[ProjectFile, ...]
    file: str
    module: str
    search_paths: Tuple[str, ...]
    requires: Tuple[Requirement, ...] = ()
    notes: Tuple[str, ...] = ()
    hints: Tuple[str, ...] = ()
    resolve: Callable[[str], Optional[Scope]] = attrs.field(
        default=lambda name: None, repr=False, eq=False
    )


def find_project(
    script: Script,
    root: Optional[str] = None,
    paths: Sequence[str] = (),
    selection: Selection = Selection(),
) -> Project:
    """Return the files that *script*, a file, needs; nothing of them is run.

    Args:
        script: The flow's script.
        root: The project's folder; None is the nearest one that looks like it.
        paths: Further folders to search for modules, below the root.
        selection: What else is taken, and what is left out.

    Raises:
        ProjectError: The files cannot be packed, or the flow could not be loaded from them.
        DiscoveryError: This Python cannot read one of them that is imported.
    """
    if script.path is None:
        raise ProjectError(f"{printable(script.name)} is no file, so it has no project")
    tree = Tree(os.path.abspath(root) if root else find_root(script.path))
    if not os.path.isdir(tree.root):
        raise ProjectError(f"the root {printable(tree.root)} of the project is no folder")
    file = relative(tree.root, script.path)
    if file is None:
        raise ProjectError(f"{printable(script.name)} is not under the root {printable(tree.root)}")
    base = _base_of(script, tree, file)
    given = [check_path(tree, each) for each in paths]
    search = SearchPath(tree, base, parent(file), given)
    closure = _Closure(tree, search, selection, FileReader(tree.root, selection.size_limit))
    return closure.find(script, file, base, above=None if root else tree.root)


def _base_of(script: Script, tree: Tree, file: str) -> str:
    """Return the folder from which *script* is imported: that of its package, or its own.

    It is in a package where its folder has ``__init__.py``, or where it imports relatively:
    Prefect loads such a script as if its folder were a package.
    """
    base = package_base(tree, parent(file), RESERVED)
    for each in read_imports(script).found:
        inner = file[len(base) :].strip("/").split("/")[:-1]
        for _ in range(each.level - len(inner) if not each.optional else 0):
            if not base:
                raise ProjectError(
                    f"{printable(file)}:{each.line} imports {'.' * each.level}{each.module},"
                    f" and its package begins above the root {printable(tree.root)}; choose"
                    f" --project {printable(os.path.dirname(tree.root))}, or import it"
                    " without the dots"
                )
            base = parent(base)
    name = file[len(base) :].strip("/")
    if not name.endswith(".py") or "." in name[: -len(".py")] or name == "__init__.py":
        raise ProjectError(
            f"{printable(file)} cannot be imported by name, as processes that a flow starts"
            " must; let its name end in .py, and no name have another dot"
        )
    return base


class _Closure:
    """Follows imports from file to file; each file is read once."""

    def __init__(self, tree: Tree, search: SearchPath, selection: Selection, reader: FileReader) -> None:
        self._tree, self._search, self._selection, self._reader = tree, search, selection, reader
        self._scripts: Dict[str, Script] = {}
        self._reasons: Dict[str, str] = {}  # Why each file is taken, in order.
        self._modules: Dict[str, List[Module]] = {}  # By path: a file may have several names.
        self._imported: Dict[Module, None] = {}
        self._requires: Dict[str, Requirement] = {}
        self._notes: Dict[str, None] = {}
        self._waiting: Deque[Module] = deque()

    def find(self, script: Script, file: str, base: str, above: Optional[str]) -> Project:
        """Return the project of *script*; what it lacks is also looked for above *above*."""
        self._above = above
        self._flat = base if base == parent(file) else None
        self._reader.add(file, script.content)  # Those in which the flow was found.
        self._scripts[file] = script
        self._take_named(file, base, "the script")
        self._imported[self._modules[file][0]] = None
        selected = self._selection.select(self._tree.root, self._search.folders)
        self._reader.check_size(selected.patterns)
        self._notes.update(dict.fromkeys(selected.notes))
        for path, pattern in selected.patterns.items():
            self._include(path, f"{_INCLUDED}{pattern}")
        while self._waiting:
            self._follow(self._waiting.popleft())
        # Where others import the script under a longer name, there must be no second copy.
        module = max(self._modules[file], key=lambda each: each.name.count(".")).name
        bases = {each.base for modules in self._modules.values() for each in modules}
        search_paths = tuple(each for each in self._search.folders if each in bases)
        self._check_names(search_paths)
        added = self._own_folders()
        files = {**{path: b"" for path in added}, **self._reader.files}
        reasons = {**self._reasons, **dict.fromkeys(added, "added: the folder is the project's")}
        return Project(
            root=self._tree.root,
            files={path: files[path] for path in sorted(reasons)},
            taken=tuple(
                ProjectFile(path, len(files[path]), reason, path in added)
                for path, reason in reasons.items()
            ),
            file=file,
            module=module,
            search_paths=search_paths,
            requires=tuple(self._requires[name] for name in sorted(self._requires)),
            notes=tuple(self._notes),
            resolve=self._resolve,
        )

    # --- taking ------------------------------------------------------------------------

    def _take(self, module: Module, reason: str) -> None:
        """Take the file of *module*, whatever its name, and follow its imports later."""
        path = module.path
        if path is None or module in self._modules.get(path, ()):
            return
        if self._selection.excludes(path, self._search.folders):
            self._note(f"{path} is excluded, but {reason}")
            return
        self._modules.setdefault(path, []).append(module)
        self._reasons.setdefault(path, reason)
        self._waiting.append(module)

    def _take_named(self, path: str, base: str, reason: str) -> None:
        """Take the module *path* as it is imported from *base*, with the packages it is in."""
        *above, name = path[len(base) :].strip("/")[: -len(".py")].split("/")
        for each in find_chain(self._tree, [base], ".".join(above)):
            self._take(each, reason)
        if name != "__init__":  # The last package taken.
            self._take(Module(".".join([*above, name]), path), reason)

    def _include(self, path: str, reason: str) -> None:
        if path.endswith(".py"):
            base = package_base(self._tree, parent(path))
            self._take_named(path, base if base in self._search.folders else "", reason)
        self._reader.read(path)
        self._reasons.setdefault(path, reason)

    def _read(self, path: str) -> Script:
        if path not in self._scripts:
            place = os.path.join(self._tree.root, path)
            self._scripts[path] = Script(self._reader.read(path), path, place)
        return self._scripts[path]

    def _resolve(self, name: str) -> Optional[Scope]:
        chain = find_chain(self._tree, self._search.folders, name)
        path = chain[-1].path if chain and chain[-1].name == name else None
        return self._read(path).scope if path in self._reasons else None

    def _note(self, text: str) -> None:
        self._notes[text] = None

    # --- following ---------------------------------------------------------------------

    def _follow(self, module: Module) -> None:
        path = module.path or ""
        script = self._read(path)
        try:
            imports = read_imports(script)
        except DiscoveryError as exc:
            reason = self._reasons[path]
            if not reason.startswith(_INCLUDED) and not reason.endswith(_MAY_IMPORT):
                raise
            self._note(f"the imports of {path} are not followed: {exc}")
            return
        for place in imports.search_paths:
            self._search_also(place, path)
        for unknown in imports.unknown[:1]:
            self._follow_unknown(f"{path}:{unknown.line}", unknown.text, module)
        for each in imports.found:
            self._follow_import(each, module)

    def _search_also(self, place: str, path: str) -> None:
        """Search the folder *place*, which the module *path* puts on ``sys.path``."""
        inner = relative(self._tree.root, place)
        if inner is None:
            self._note(
                f"{path} puts {place} on sys.path, which is not under the root"
                f" {self._tree.root}; for what is there choose a root above both with --project"
            )
        elif self._tree.is_folder(inner):
            self._search.add(inner)

    def _follow_unknown(self, where: str, text: str, module: Module) -> None:
        """Take all modules of the outermost package of *module*, any of which may be meant."""
        top = find_chain(self._tree, [module.base], module.package) if module.package else []
        below = list(submodules(self._tree, top[-1])) if top else []
        for each in below:
            if each.path and not self._selection.excludes(each.path, self._search.folders):
                self._take(each, f"{where}{_MAY_IMPORT}")
        if not below:
            self._note(
                f"{where} imports what is known only when it runs: {text}; name the module"
                " with --include if it is the project's own"
            )

    def _follow_import(self, each: Import, module: Module) -> None:
        written = "." * each.level + each.module
        where = f"{module.path}:{each.line} imports {written}"
        name = module.absolute(each.level, each.module)
        if name is None:
            if not each.optional:
                self._note(f"{where}, which leads above its package")
            return
        chain = [] if self._is_reserved(name, where) else self._find(name, each.names, where)
        for found in chain:
            self._imported[found] = None
            below = found.name[len(name) :] if found.name.startswith(f"{name}.") else ""
            self._take(found, where + below[1 if written.endswith(".") else 0 :])
        if not chain and not each.level:
            self._require(name, each, module.path or "")
        elif not each.optional and all(found.name != name for found in chain):
            folders = chain[-1].folders if chain else ()
            compiled = find_extension(self._tree, folders, name.rpartition(".")[2])
            why = f"{compiled}, a compiled module; it is not taken" if compiled else "not there"
            self._note(f"{where}, which is {why}")

    def _is_reserved(self, name: str, where: str) -> bool:
        """Return True if *name* is never the project's; a script beside one cannot be run."""
        top = name.partition(".")[0]
        if top not in RESERVED:
            return False
        folders = [] if self._flat is None else [self._flat]
        beside = find_module(self._tree, folders, top)
        if beside is not None and beside.path is not None:
            raise _reserved(beside.path, top, where)
        return True

    def _find(self, name: str, names: Sequence[str], where: str) -> List[Module]:
        """Return the modules that an import takes, outermost first."""
        folders = self._search.folders
        if "*" in names:
            chain = find_chain(self._tree, folders, name)
            path = chain[-1].path if chain and chain[-1].name == name else None
            names = exported_names(self._read(path)) if path else ()
        chain = find_imported(self._tree, folders, name, names)
        if not chain:
            others = [*folders, *self._search.others]
            chain = find_imported(self._tree, others, name, names)
        for base in [each.base for each in chain if each.path]:
            if base in self._search.between and base not in folders:
                self._note(
                    f"{where}, which only {base} has, a folder between the script and the"
                    f" root: it is searched, too; --path {base} chooses it"
                )
            self._search.add(base)
        return chain

    def _require(self, name: str, each: Import, path: str) -> None:
        """Note that the project does not have what is imported."""
        top = name.partition(".")[0]
        if is_standard(top):
            return
        known = self._requires.get(top)
        if known is None or (known.optional and not each.optional):
            self._requires[top] = Requirement(top, f"{path}:{each.line}", each.optional)
        if self._above and not each.optional and installed(top) is None:
            folder = find_above(self._above, name, each.names)
            if folder is not None:
                self._note(
                    f"{path}:{each.line} imports {name}, which is not under the root"
                    f" {self._above} but under {folder}; take both with --project {folder}"
                )

    # --- names -------------------------------------------------------------------------

    def _check_names(self, search_paths: Sequence[str]) -> None:
        """Raise ProjectError for files that would hide modules which all code needs."""
        for base in search_paths:
            for path, reason in self._reasons.items():
                inner = path[len(base) :].lstrip("/") if path.startswith(join(base, "")) else ""
                top = inner[: -len(".py")] if inner.endswith(".py") else ""
                top = top[: -len("/__init__")] if top.endswith("/__init__") else top
                if top in RESERVED:
                    raise _reserved(path, top, reason)

    def _own_folders(self) -> List[str]:
        """Return the ``__init__.py`` to add, which make top-level folders the project's own.

        Without it a folder comes after each installed package of its name. Here alone what is
        packed depends on what is installed: parts of a namespace that others share stay so.
        """
        bases: Dict[str, Dict[str, bool]] = {}
        for each in self._imported:
            if each.path in self._reasons:
                top, dot, _ = each.name.partition(".")
                bases.setdefault(top, {})[each.base] = bool(dot)
        added: List[str] = []
        for top, folders in bases.items():
            spec = installed(top, self._tree.root)
            is_shared = spec is not None and spec.origin is None
            inits = [join(base, f"{top}/__init__.py") for base, dot in folders.items() if dot]
            inits = [each for each in inits if each not in self._reasons]
            if spec is not None and not is_shared:
                self._note(f"{top} is installed, too; the project's is used")
            elif inits and (is_shared or len(inits) > 1):
                others = "installed packages" if is_shared else "several folders"
                self._note(f"{top} is a namespace package of {others}, and stays one")
            if not is_shared and len(inits) == 1:
                added += inits
        return added


def _reserved(path: str, name: str, reason: str) -> ProjectError:
    return ProjectError(
        f"{printable(path)} has the name of a module that all code needs, {quoted(name)}, and"
        f" would hide it ({printable(reason)}); rename it, or put it in a package"
    )
