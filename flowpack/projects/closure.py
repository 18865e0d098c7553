"""Which files of a project a flow needs: its script, what that imports, and so on."""

from __future__ import annotations

import ast
import itertools
import os
import re
from collections import deque
from typing import Deque, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import attrs

from flowpack.analysis.imports import Import, UnknownImport, exported_names, read_imports
from flowpack.analysis.script import Script
from flowpack.exceptions import DiscoveryError, ProjectError, printable, quoted
from flowpack.projects.data_files import data_file_hints
from flowpack.projects.modules import Module, Tree, find_chain, find_module, join, parent
from flowpack.projects.reader import FileReader
from flowpack.projects.search_path import ModuleSearch, find_root, relative
from flowpack.projects.selection import Selection
from flowpack.projects.single import RESERVED, installed, is_standard

#: How reasons begin or end for files that may never be imported.
_INCLUDED = "include "
_MAY_IMPORT = " may import it"
#: Calls that import files, wherever these are.
_BY_FILE = re.compile(r".*(spec_from_file_location|SourceFileLoader|load_source|run_path)")
#: Modules that nobody means by a name that is made up while running.
_NOT_MEANT = re.compile(r"tests?|test_.*|.*_test|conftest|__init__|__main__")
_DOTTED_NAME = re.compile(r"\w+(\.\w+)+")


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
class Project:
    """What a flow needs. Paths are relative to *root*, a folder, with ``/``.

    Attributes:
        files: Content by path, sorted.
        taken: One for each file, in the order in which they were found.
        file: The script.
        module: The dotted name under which it is imported.
        search_paths: Folders that must be searched for modules, in order; "" is the root.
        notes: What is missing or not certain, one sentence each.
        hints: Data files that the code names, and that do not go along.
    """

    root: str
    files: Mapping[str, bytes] = attrs.field(repr=False)
    taken: Tuple[ProjectFile, ...]
    file: str
    module: str
    search_paths: Tuple[str, ...]
    notes: Tuple[str, ...] = ()
    hints: Tuple[str, ...] = ()


def find_project(
    script: Script,
    root: Optional[str] = None,
    paths: Sequence[str] = (),
    selection: Selection = Selection(),
) -> Project:
    """Return the files that *script*, a file, needs; none of them is run.

    *root* is the project's folder, None the nearest one that looks like it. Modules are also
    searched in *paths*, folders in the root. *selection* takes more than what is imported.

    Raises:
        ProjectError: The files cannot be packed, or could not be imported from a package.
        DiscoveryError: This Python cannot read one that is imported.
    """
    if script.path is None:
        raise ProjectError(f"{printable(script.name)} is no file, so it has no project")
    tree = Tree(os.path.abspath(root) if root else find_root(script.path))
    file, top = relative(tree.root, script.path), printable(tree.root)
    if file is None:
        raise ProjectError(f"{printable(script.name)} is not under the root {top}; give its own")
    given: List[str] = []
    for path in paths:
        inner = relative(tree.root, os.path.join(tree.root, path))
        if inner is None or not tree.is_folder(inner):
            problem = f"the search path {printable(path)} is no folder in the root {top}"
            raise ProjectError(f"{problem}; give it relative to the root")
        given.append(inner)
    base = _find_base(tree, file, read_imports(script).found)
    search = ModuleSearch(tree, base, parent(file), given)
    closure = _Closure(search, selection, Module.at(file, base))
    if root is None:
        closure.above = ModuleSearch(Tree(find_root(tree.root)), "", "")
    return closure.find(script)


def _find_base(tree: Tree, file: str, imports: Sequence[Import]) -> str:
    """Return the folder from which the script *file* is imported: that of its package, or its own.

    It is in a package where its folder has ``__init__.py``, or where its *imports* are relative:
    Prefect loads such a script as if its folder were a package.

    Raises:
        ProjectError: It cannot be imported by name, or its package begins above the root.
    """
    base = tree.package_base(parent(file), RESERVED)
    for each in imports:
        depth = file[len(base) :].strip("/").count("/")
        for _ in range(0 if each.optional else each.level - depth):
            if not base:
                where = f"{printable(file)}:{each.line} imports {'.' * each.level}{each.module}"
                remedy = f"choose --project {printable(os.path.dirname(tree.root))}"
                raise ProjectError(
                    f"{where}, which begins above the root; {remedy}, or import it without the dots"
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

    #: Where modules are that the project lacks, if its root is guessed.
    above: Optional[ModuleSearch] = None

    def __init__(self, search: ModuleSearch, selection: Selection, entry: Module) -> None:
        self._search, self._tree, self._selection, self._entry = (
            search,
            search.tree,
            selection,
            entry,
        )
        self._reader = FileReader(self._tree.root, selection.size_limit)
        self._scripts: Dict[str, Script] = {}
        self._reasons: Dict[str, str] = {}  # Why each file is taken, in order.
        self._modules: Dict[str, List[Module]] = {}  # By file, which may have several names.
        self._imported: Dict[Module, None] = {entry: None}
        self._open: Set[str] = set()  # Packages with modules that import what is not known.
        self._read: Dict[str, None] = {}  # Files whose imports are followed.
        self._notes: Dict[str, None] = {}
        self._waiting: Deque[Module] = deque()

    def find(self, script: Script) -> Project:
        """Return the project of *script*."""
        file = self._entry.path or ""
        self._reader.add(file, script.content)  # The bytes in which the flow was found.
        self._take(self._entry, "the script")
        selected = self._selection.select(self._tree.root, self._search.folders)
        self._reader.check_size(selected.patterns)
        self._notes.update(dict.fromkeys(selected.notes))
        for path, pattern in selected.patterns.items():
            self._include(path, f"{_INCLUDED}{pattern}")
        searched: Set[Tuple[str, str]] = set()
        while self._waiting:
            self._follow(self._waiting.popleft())
            pairs = itertools.product(sorted(self._open), list(self._read))
            for pair in [] if self._waiting else [each for each in pairs if each not in searched]:
                searched.add(pair)
                self._follow_strings(*pair)
        bases = {each.base for modules in self._modules.values() for each in modules}
        search_paths = tuple(each for each in self._search.folders if each in bases)
        self._check_folders(search_paths)
        added = dict.fromkeys(self._own_folders(), "added, so that the folder is the project's")
        files = {**dict.fromkeys(added, b""), **self._reader.files}
        taken = tuple(
            ProjectFile(path, len(files[path]), reason, path in added)
            for path, reason in {**self._reasons, **added}.items()
        )
        return Project(
            root=self._tree.root,
            files={path: files[path] for path in sorted(each.path for each in taken)},
            taken=taken,
            file=file,
            # Where others import it under a longer name, there must be no second copy.
            module=max(self._modules[file], key=lambda each: each.name.count(".")).name,
            search_paths=search_paths,
            notes=tuple(printable(each, 500) for each in self._notes),
            hints=tuple(self._hints(search_paths)),
        )

    def _hints(self, folders: Sequence[str]) -> Iterator[str]:
        for path in self._read:
            script, taken = self._scripts[path], self._reasons
            for hint in data_file_hints(script, self._tree.root, folders, taken):
                yield f"{path}:{hint.line} {hint.advice}"

    # --- taking ------------------------------------------------------------------------

    def _take(self, module: Module, reason: str) -> None:
        """Take the file of *module*, whatever its name, and the packages that it is in."""
        path = module.path
        if path is None or module in self._modules.get(path, ()):
            return
        for each in find_chain(self._tree, [module.base], module.name.rpartition(".")[0]):
            self._take(each, reason)
        if module != self._entry and self._selection.excludes(path, self._search.folders):
            if not reason.endswith(_MAY_IMPORT):
                self._notes[f"{path} is excluded, but {reason}"] = None
            return
        self._modules.setdefault(path, []).append(module)
        self._reasons.setdefault(path, reason)
        self._waiting.append(module)

    def _include(self, path: str, reason: str) -> None:
        self._reader.read(path)
        if path.endswith(".py"):
            base = self._tree.package_base(parent(path))
            self._take(Module.at(path, base if base in self._search.folders else ""), reason)
        self._reasons.setdefault(path, reason)

    def _script(self, module: Module) -> Script:
        path = module.path or ""
        if path not in self._scripts:
            place, content = os.path.join(self._tree.root, path), self._reader.read(path)
            self._scripts[path] = Script(content, path, place, module.name)
        return self._scripts[path]

    # --- following ---------------------------------------------------------------------

    def _follow(self, module: Module) -> None:
        path = module.path or ""
        script = self._script(module)
        try:
            imports = read_imports(script)
        except DiscoveryError as exc:
            reason = self._reasons[path]
            if not reason.startswith(_INCLUDED) and not reason.endswith(_MAY_IMPORT):
                raise
            self._notes[f"the imports of {path} are not followed: {exc}"] = None
            return
        self._read[path] = None
        working = [os.path.join(self._tree.root, each) for each in imports.working_paths]
        for place in [*imports.search_paths, *working]:
            inner = relative(self._tree.root, place)
            self._search.add([] if inner is None else [inner])
            if inner is None and place not in working:
                note = f"{path} adds {place} to sys.path, which is not in {self._tree.root}"
                self._notes[note] = None
        for call in imports.scripts:  # Those named by paths are hinted at, as data is.
            chain = self._search.find(call.text[3:]) if call.text.startswith("-m ") else []
            if chain and chain[-1].path not in self._reasons:
                note = (
                    f"runs python {call.text}; add what that needs with --include {call.text[3:]}"
                )
                self._notes[f"{path}:{call.line} {note}"] = None
        for unknown in imports.unknown:
            self._follow_unknown(unknown, module)
        for each in imports.found:
            self._follow_import(each, module)

    def _follow_import(self, each: Import, module: Module) -> None:
        written = "." * each.level + each.module
        where = f"{module.path}:{each.line} imports {written}"
        name = module.absolute(each.level, each.module)
        top = (name or "").partition(".")[0]
        chain = self._find(name, each) if name else []
        for found in chain:
            below = found.name[len(name or "") :] if found.name.startswith(f"{name}.") else ""
            self._imported[found] = None
            self._take(found, where + below[1 if written.endswith(".") else 0 :])
        compiled = self._find_compiled([f"{name}", *(f"{name}.{e}" for e in each.names)], chain)
        if each.optional or (any(found.name == name for found in chain) and not compiled):
            return
        if name is None:
            self._notes[f"{where}, which leads above its package"] = None
        elif compiled:
            self._notes[f"{where}, and {compiled} is compiled, so it is not taken"] = None
        elif chain or each.level:
            self._notes[f"{where}, which is not there"] = None
        elif self.above and not is_standard(top) and not installed(top):
            if self.above.find(name, each.names):
                remedy = f"take it along with --project {self.above.tree.root}"
                self._notes[f"{where}, which is above the root {self._tree.root}; {remedy}"] = None
                self.above = None  # Once is enough.

    def _find(self, name: str, each: Import) -> List[Module]:
        """Return the modules of the project that an import loads."""
        top = name.partition(".")[0]
        if top in RESERVED and not each.level:
            # Only beside a script that is in no package it would be the project's.
            beside = find_module(self._tree, [self._entry.base], top)
            if "." in self._entry.name or beside is None or beside.path is None:
                return []
        chain = self._search.find(name, each.names)
        for module in chain if "*" in each.names else ():
            if module.name == name and module.path:
                return self._search.find(name, exported_names(self._script(module)))
        return chain

    def _find_compiled(self, names: Sequence[str], chain: Sequence[Module]) -> str:
        """Return the file of a compiled module that is one of *names* and not in *chain*."""
        known = {each.name: each.folders for each in chain}
        for name in [each for each in names if each not in known]:
            package, _, stem = name.rpartition(".")
            for folder in known.get(package, ()) if package else self._search.folders:
                for file in self._tree.list(folder):
                    if file.startswith(f"{stem}.") and file.endswith((".so", ".pyd")):
                        return join(folder, file)
        return ""

    # --- imports of what only running the code tells -----------------------------------

    def _follow_unknown(self, unknown: UnknownImport, module: Module) -> None:
        """Take the modules beside *module*, and later those that strings name."""
        where = f"{module.path}:{unknown.line}"
        taken, remedy = "none is taken", "add others of the project with --include"
        if module.package and not _BY_FILE.match(unknown.text):
            taken = f"taken are those in {module.package}, and what strings name of them"
            self._open.add(module.package.partition(".")[0])
            self._take_below(find_chain(self._tree, [module.base], module.package), where)
        problem = f"imports modules that are known only when it runs, {unknown.text}"
        self._notes[f"{where} {problem}: {taken}; {remedy}"] = None

    def _follow_strings(self, package: str, path: str) -> None:
        """Take the modules of *package* that strings in *path* name."""
        for node in ast.walk(self._scripts[path].tree):
            text = node.value if isinstance(node, ast.Constant) else None
            match = _DOTTED_NAME.match(text) if isinstance(text, str) else None
            if match is not None and match.string.startswith(f"{package}."):
                where = f"{path}:{getattr(node, 'lineno', 0)}"
                chain = self._search.find(match.group())
                for each in chain:
                    self._take(each, f"{where}{_MAY_IMPORT}")
                if match.string[match.end() :].startswith("."):
                    self._take_below(chain, where)

    def _take_below(self, chain: Sequence[Module], where: str) -> None:
        """Take the modules in the package at the end of *chain*."""
        for folder in chain[-1].folders if chain else ():
            for stem in [re.sub("[.]py$", "", each) for each in self._tree.list(folder)]:
                found = find_module(self._tree, [folder], f"{chain[-1].name}.{stem}")
                if found and not _NOT_MEANT.fullmatch(stem):
                    self._take(found, f"{where}{_MAY_IMPORT}")

    # --- folders -----------------------------------------------------------------------

    def _check_folders(self, search_paths: Sequence[str]) -> None:
        """Raise ProjectError for a module in *search_paths* that would hide what all code needs."""
        for base in search_paths:
            inside = [path for path in self._reasons if path.startswith(join(base, ""))]
            names = {Module.at(path, base).name: path for path in inside if path.endswith(".py")}
            for name in sorted(RESERVED.intersection(names)):
                reason, remedy = self._reasons[names[name]], "rename it, or put it in a package"
                problem = f"would hide the module {quoted(name)}, which all code needs"
                raise ProjectError(
                    f"{printable(names[name])} {problem} ({printable(reason)}); {remedy}"
                )
            if base in self._search.between:
                own = [
                    path for path in inside if base in [e.base for e in self._modules.get(path, ())]
                ]
                remedy = f"--path {base} asks for it"
                problem = f"so {base}, which is between the script and the root, is searched, too"
                self._notes[f"{self._reasons[own[0]]}, {problem}; {remedy}"] = None

    def _own_folders(self) -> Iterator[str]:
        """Yield the ``__init__.py`` to add, which make top-level folders the project's own.

        Without one a folder comes after all installed packages of its name. Here alone what is
        packed depends on what is installed: namespaces that installed packages share stay so.
        """
        inits: Dict[str, Dict[str, None]] = {}
        for each in self._imported:
            if each.path in self._reasons:
                top, dot, _ = each.name.partition(".")
                init = join(each.base, f"{top}/__init__.py")
                inits.setdefault(top, {}).update({init: None} if dot else {})
        for top, paths in inits.items():
            missing = [each for each in paths if each not in self._reasons]
            spec = installed(top, self._tree.root)
            if spec is not None and (spec.origin or not missing):
                self._notes[f"{top} is installed, too; the project's is used"] = None
            if len(missing) == 1 and (spec is None or spec.origin):
                yield missing[0]
            elif missing:
                shared = "several folders" if spec is None else "packages that are installed"
                self._notes[f"{top} is a namespace of {shared}, and stays one"] = None
