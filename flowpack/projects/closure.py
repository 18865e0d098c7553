"""Which files of a project a flow needs: its script, what that imports, and so on."""

from __future__ import annotations

import ast
import os
import re
from collections import deque
from typing import Deque, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import attrs

from flowpack.analysis.imports import Import, UnknownImport, exported_names, read_imports
from flowpack.analysis.modules import Modules
from flowpack.analysis.script import Script
from flowpack.exceptions import DiscoveryError, ProjectError, printable, quoted
from flowpack.projects.modules import (
    Module,
    Tree,
    find_chain,
    find_module,
    join,
    package_base,
    parent,
)
from flowpack.projects.reader import FileReader
from flowpack.projects.search_path import ModuleSearch, find_root, relative
from flowpack.projects.selection import Selection
from flowpack.projects.single import RESERVED, installed, is_standard

#: Reasons for files that may never be imported.
_INCLUDED = "include "
_MAY_IMPORT = " may import it"
#: Names of modules that nobody imports by names made up while running.
_TEST = re.compile(r"tests?|test_.*|.*_test|conftest|__init__|__main__")
#: Calls that import files, wherever they are.
_BY_FILE = ("spec_from_file_location", "SourceFileLoader", "load_source", "run_path")
_DOTTED = re.compile(r"\w+(\.\w+)+")


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

    *optional*: wherever it is imported, runs go on without it.
    """

    module: str
    where: str
    optional: bool


@attrs.frozen
class Project:
    """What a flow needs. Paths are relative to the root, with ``/``.

    Attributes:
        root: The project's folder, absolute.
        files: Content by path, sorted.
        taken: One for each file, in the order in which they were found.
        file: The script.
        module: The dotted name under which it is imported.
        search_paths: Folders that must be searched for modules, in order; "" is the root.
        requires: What else must be installed where the flow runs.
        notes: What is missing or not certain, one sentence each.
        script: The script, which knows the names in the other modules.
    """

    root: str
    files: Mapping[str, bytes] = attrs.field(repr=False)
    taken: Tuple[ProjectFile, ...]
    file: str
    module: str
    search_paths: Tuple[str, ...]
    requires: Tuple[Requirement, ...]
    notes: Tuple[str, ...]
    script: Script = attrs.field(repr=False)


def find_project(
    script: Script,
    root: Optional[str] = None,
    paths: Sequence[str] = (),
    selection: Selection = Selection(),
) -> Project:
    """Return the files that *script*, which is one, needs. None is run.

    Args:
        script: The flow's script.
        root: The project's folder; None is the nearest that looks like one.
        paths: Further folders to search for modules, in the root.
        selection: What is taken beside what is imported.

    Raises:
        ProjectError: The files cannot be packed, or could not be imported from a package.
        DiscoveryError: This Python cannot read one that is imported.
    """
    if script.path is None:
        raise ProjectError(f"{printable(script.name)} is no file, so it has no project")
    tree = Tree(os.path.abspath(root) if root else find_root(script.path))
    file = relative(tree.root, script.path)
    if file is None:
        shown = printable(script.name)
        raise ProjectError(f"{shown} is not under the root {printable(tree.root)}; give its own")
    given = []
    for path in paths:
        inner = relative(tree.root, os.path.normpath(os.path.join(tree.root, path)))
        if inner is None or not os.path.isdir(os.path.join(tree.root, inner)):
            raise ProjectError(
                f"the search path {printable(path)} is no folder in the root"
                f" {printable(tree.root)}; give it relative to the root"
            )
        given.append(inner)
    base = _find_base(script, tree, file)
    search = ModuleSearch(tree, base, parent(file), given)
    entry = Module.at(file, base)
    return _Closure(tree, search, selection, script, entry).find(guessed=root is None)


def _find_base(script: Script, tree: Tree, file: str) -> str:
    """Return the folder from which *script* is imported: that of its package, or its own.

    It is in a package where its folder has ``__init__.py``, or where it imports relatively:
    Prefect loads such a script as if its folder were a package.
    """
    base = package_base(tree, parent(file), RESERVED)
    for each in read_imports(script).found:
        depth = file[len(base) :].strip("/").count("/")
        for _ in range(0 if each.optional else each.level - depth):
            if not base:
                raise ProjectError(
                    f"{printable(file)}:{each.line} imports {'.' * each.level}{each.module},"
                    f" which begins above the root; choose --project"
                    f" {printable(os.path.dirname(tree.root))}, or import it without the dots"
                )
            base = parent(base)
    name = file[len(base) :].strip("/")
    if not name.endswith(".py") or "." in name[: -len(".py")] or name == "__init__.py":
        raise ProjectError(
            f"{printable(file)} cannot be imported by name, as processes that a flow starts"
            " must; let it end in .py, and no name have another dot"
        )
    return base


class _Closure:
    """Follows imports from file to file; each file is read once."""

    def __init__(
        self, tree: Tree, search: ModuleSearch, selection: Selection, script: Script, entry: Module
    ) -> None:
        self._tree, self._search, self._selection, self._entry = tree, search, selection, entry
        self._reader = FileReader(tree.root, selection.size_limit)
        self._resolve = Modules(self._find_script)
        self._scripts: Dict[str, Script] = {}
        self._reasons: Dict[str, str] = {}  # Why each file is taken, in order.
        self._modules: Dict[str, List[Module]] = {}  # By file, which may have several names.
        self._imported: Dict[Module, None] = {entry: None}
        self._open: Set[str] = set()  # Packages whose modules import what is not known.
        self._requires: Dict[str, Requirement] = {}
        self._notes: Dict[str, None] = {}
        self._waiting: Deque[Module] = deque()
        file = entry.path or ""
        self._reader.add(file, script.content)  # Those in which the flow was found.
        self._scripts[file] = attrs.evolve(script, module=entry.name, resolve=self._resolve)

    def find(self, guessed: bool) -> Project:
        """Return the project; what it lacks is also looked for above a root that is *guessed*."""
        file = self._entry.path or ""
        above = Tree(find_root(self._tree.root))
        self._above = ModuleSearch(above, "", "") if guessed else None
        self._take_with_packages(self._entry, "the script")
        selected = self._selection.select(self._tree.root, self._search.folders)
        self._reader.check_size(selected.patterns)
        self._notes.update(dict.fromkeys(selected.notes))
        for path, pattern in selected.patterns.items():
            self._include(path, f"{_INCLUDED}{pattern}")
        self._follow_all()
        # Where others import the script under a longer name, there must be no second copy.
        module = max(self._modules[file], key=lambda each: each.name.count(".")).name
        bases = {each.base for modules in self._modules.values() for each in modules}
        search_paths = tuple(each for each in self._search.folders if each in bases)
        self._check_folders(search_paths)
        added = dict.fromkeys(self._own_folders(), "added, so that the folder is the project's")
        reasons = {**self._reasons, **added}
        files = {path: self._reader.files.get(path, b"") for path in sorted(reasons)}
        return Project(
            root=self._tree.root,
            files=files,
            taken=tuple(
                ProjectFile(path, len(files[path]), reason, path in added)
                for path, reason in reasons.items()
            ),
            file=file,
            module=module,
            search_paths=search_paths,
            requires=tuple(self._requires[name] for name in sorted(self._requires)),
            notes=tuple(self._notes),
            script=attrs.evolve(self._scripts[file], module=module),
        )

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

    def _take_with_packages(self, module: Module, reason: str) -> None:
        for each in find_chain(self._tree, [module.base], module.name.rpartition(".")[0]):
            self._take(each, reason)
        self._take(module, reason)

    def _include(self, path: str, reason: str) -> None:
        if path.endswith(".py"):
            base = package_base(self._tree, parent(path))
            module = Module.at(path, base if base in self._search.folders else "")
            self._take_with_packages(module, reason)
        self._reader.read(path)
        self._reasons.setdefault(path, reason)

    def _script(self, module: Module) -> Script:
        path = module.path or ""
        if path not in self._scripts:
            place = os.path.join(self._tree.root, path)
            content = self._reader.read(path)
            self._scripts[path] = Script(content, path, place, module.name, self._resolve)
        return self._scripts[path]

    def _find_script(self, name: str) -> Optional[Script]:
        found = [each for each in self._search.find(name) if each.name == name]
        return self._script(found[0]) if found and found[0].path else None

    def _note(self, text: str) -> None:
        self._notes[printable(text, 500)] = None

    # --- following ---------------------------------------------------------------------

    def _follow_all(self) -> None:
        read: Set[str] = set()
        while self._waiting:
            self._follow(self._waiting.popleft())
            if not self._waiting and self._open:
                for path in [each for each in self._modules if each not in read]:
                    read.add(path)
                    self._follow_strings(path)

    def _follow(self, module: Module) -> None:
        path = module.path or ""
        script = self._script(module)
        try:
            imports = read_imports(script)
        except DiscoveryError as exc:
            reason = self._reasons[path]
            if not reason.startswith(_INCLUDED) and not reason.endswith(_MAY_IMPORT):
                raise
            self._note(f"the imports of {path} are not followed: {exc}")
            return
        # A relative one is taken from the working folder, which is the root.
        working = [os.path.join(self._tree.root, each) for each in imports.working_paths]
        for place in [*imports.search_paths, *map(os.path.normpath, working)]:
            inner = relative(self._tree.root, place)
            self._search.add([] if inner is None else [inner])
            if inner is None and place in imports.search_paths:
                self._note(f"{path} adds {place} to sys.path, which is not in {self._tree.root}")
        for call in imports.scripts:
            self._note(f"{path}:{call.line} runs {call.text}; include it if it is the project's")
        for unknown in sorted(imports.unknown, key=_is_by_file)[:1]:
            self._follow_unknown(unknown, module)
        for each in imports.found:
            self._follow_import(each, module)

    def _follow_unknown(self, unknown: UnknownImport, module: Module) -> None:
        """Take the modules beside *module*, which are most likely meant."""
        where = f"{module.path}:{unknown.line}"
        taken = "none is taken"
        if module.package and not _is_by_file(unknown):
            taken = f"taken are those in {module.package}, and what strings name of them"
            self._open.add(module.package.partition(".")[0])
            self._take_below(find_chain(self._tree, [module.base], module.package), where)
        self._note(
            f"{where} imports modules that are known only when it runs, {unknown.text}: {taken};"
            " add others of the project with --include"
        )

    def _take_below(self, chain: Sequence[Module], where: str) -> None:
        """Take the modules in the package at the end of *chain*, without tests."""
        package = chain[-1] if chain else Module("", None)
        for folder in package.folders:
            for stem in dict.fromkeys(
                re.sub("[.]py$", "", each) for each in self._tree.list(folder)
            ):
                found = find_module(self._tree, [folder], f"{package.name}.{stem}")
                if found and found.path and not _TEST.fullmatch(stem):
                    if not self._selection.excludes(found.path, self._search.folders):
                        self._take(found, f"{where}{_MAY_IMPORT}")

    def _follow_strings(self, path: str) -> None:
        """Take the modules that strings in *path* name, of packages that import by such names."""
        for line, text in _strings(self._scripts[path]):
            name = _DOTTED.match(text)
            if name is not None and name.group().partition(".")[0] in self._open:
                chain = self._search.find(name.group())
                where = f"{path}:{line}"
                for each in chain:
                    self._take(each, f"{where}{_MAY_IMPORT}")
                if text[name.end() :].startswith("."):
                    self._take_below(chain, where)

    def _follow_import(self, each: Import, module: Module) -> None:
        written = "." * each.level + each.module
        where = f"{module.path}:{each.line} imports {written}"
        name = module.absolute(each.level, each.module)
        if name is None:
            if not each.optional:
                self._note(f"{where}, which leads above its package")
            return
        chain = [] if self._is_foreign(each) else self._find(name, each.names)
        for found in chain:
            self._imported[found] = None
            below = found.name[len(name) :] if found.name.startswith(f"{name}.") else ""
            self._take(found, where + below[1 if written.endswith(".") else 0 :])
        if not chain and not each.level:
            self._require(name, each, where)
        elif not each.optional and all(found.name != name for found in chain):
            self._note(f"{where}, which is not there{self._compiled(name, chain)}")

    def _is_foreign(self, each: Import) -> bool:
        """Return True for modules that all code needs: those of a project are not looked at.

        But beside a script in no package such a module would be imported.
        """
        top = each.module.partition(".")[0]
        if each.level or top not in RESERVED:
            return False
        beside = find_chain(self._tree, [self._entry.base], top)
        return "." in self._entry.name or not beside or beside[0].path is None

    def _find(self, name: str, names: Sequence[str]) -> List[Module]:
        chain = self._search.find(name, names)
        for each in chain:
            if "*" in names and each.name == name and each.path:
                return self._search.find(name, exported_names(self._script(each)))
        return chain

    def _compiled(self, name: str, chain: Sequence[Module]) -> str:
        for folder in chain[-1].folders if chain else ():
            for file in self._tree.list(folder):
                if file.startswith(f"{name.rpartition('.')[2]}.") and file.endswith(
                    (".so", ".pyd")
                ):
                    return f" as source: {join(folder, file)} is compiled, and not taken"
        return ""

    def _require(self, name: str, each: Import, where: str) -> None:
        top = name.partition(".")[0]
        if is_standard(top):
            return
        known = self._requires.get(top)
        if known is None or known.optional > each.optional:
            self._requires[top] = Requirement(top, where.partition(" ")[0], each.optional)
        if self._above and not each.optional and installed(top) is None:
            if self._above.find(name, each.names):
                self._note(
                    f"{where}, which is not in {self._tree.root} but above it; take it along"
                    f" with --project {self._above.tree.root}"
                )

    # --- folders -----------------------------------------------------------------------

    def _check_folders(self, search_paths: Sequence[str]) -> None:
        """Check the modules at the top of *search_paths*, which come before all others.

        Raises:
            ProjectError: One would hide a module which all code needs.
        """
        for base in search_paths:
            inside = {
                path: each
                for path, each in self._reasons.items()
                if path.startswith(join(base, ""))
            }
            for path, reason in inside.items():
                name = Module.at(path, base).name if path.endswith(".py") else ""
                if name in RESERVED:
                    raise ProjectError(
                        f"{printable(path)} would hide the module {quoted(name)}, which all code"
                        f" needs ({printable(reason)}); rename it, or put it in a package"
                    )
            if base in self._search.between:
                reason = next(iter(inside.values()))
                self._note(
                    f"{reason}, and {base} is searched for that alone, a folder between the"
                    f" script and the root; --path {base} asks for it"
                )

    def _own_folders(self) -> Iterator[str]:
        """Yield the ``__init__.py`` to add, which make top-level folders the project's own.

        Without one a folder comes after all installed packages of its name. Here alone what is
        packed depends on what is installed: namespaces that installed packages share stay so.
        """
        folders: Dict[str, Set[str]] = {}
        for each in self._imported:
            if each.path in self._reasons:
                top, dot, _ = each.name.partition(".")
                init = join(each.base, f"{top}/__init__.py")
                folders.setdefault(top, set()).update([init] if dot else [])
        for top, inits in folders.items():
            spec = installed(top, self._tree.root)
            missing = [each for each in inits if each not in self._reasons]
            if spec is not None and (spec.origin or not missing):
                self._note(f"{top} is installed, too; the project's is used")
            elif missing and (spec is not None or len(missing) > 1):
                self._note(f"{top} is in several folders or installed in part, and stays so")
            if len(missing) == 1 and (spec is None or spec.origin):
                yield missing[0]


def _is_by_file(unknown: UnknownImport) -> bool:
    return any(word in unknown.text for word in _BY_FILE)


def _strings(script: Script) -> Iterator[Tuple[int, str]]:
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
