"""Which files of a project a flow needs: its script, what that imports, and so on."""

from __future__ import annotations

import itertools
import os
import re
from collections import defaultdict, deque
from contextlib import suppress
from typing import Deque, Dict, Iterator, List, Mapping, Optional, Sequence, Set
from typing import Tuple

import attrs

from flowpack.analysis.imports import Import, exported_names, read_imports
from flowpack.analysis.script import Script
from flowpack.exceptions import DiscoveryError, ProjectError, printable, quoted
from flowpack.projects.data_files import DataFiles
from flowpack.projects.listing import walk
from flowpack.projects.modules import Module, Tree, find_chain, find_module, join, parent
from flowpack.projects.reader import FileReader
from flowpack.projects.search_path import ModuleSearch, find_root, guess_root, relative
from flowpack.projects.selection import BY_NAME, SelectedFiles, Selection, join_some
from flowpack.projects.single import RESERVED, installed

#: A module that asks for the version of its own distribution.
_OWN_VERSION = re.compile(rb"\bversion\(\s*[\"']?([\w.-]+)[\"']?\s*\)")
#: How reasons begin for files that may never be imported.
_INCLUDED = "include "
#: In so many files of the project are modules looked for that nothing meets.
_MOST_LISTED = 5_000


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
        problems: What runs fail without, or show to others, one sentence each.
        notes: What is not certain.
        hints: Files that the code reads or runs, and that do not go along.
        left_out: Files that are included, but may hold secrets, so that they do not go along.
    """

    root: str
    files: Mapping[str, bytes] = attrs.field(repr=False)
    taken: Tuple[ProjectFile, ...]
    file: str
    module: str
    search_paths: Tuple[str, ...]
    problems: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()
    hints: Tuple[str, ...] = ()
    left_out: Tuple[str, ...] = ()


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
    imports = read_imports(script).found
    unmet = [each for each in imports if not each.level and not _is_provided(each.module)]
    tree = Tree(os.path.abspath(root) if root else guess_root(script.path, unmet))
    file, top = relative(tree.root, script.path), printable(tree.root)
    if file is None:
        raise ProjectError(f"{printable(script.name)} is not under the root {top}; give its own")
    given = [relative(tree.root, os.path.join(tree.root, path)) for path in paths]
    for path, inner in zip(paths, given):
        if inner is None or not tree.is_folder(inner):
            problem = f"the search path {printable(path)} is no folder in the root {top}"
            raise ProjectError(f"{problem}; give it relative to the root")
    base = _find_base(tree, file, imports)
    search = ModuleSearch(tree, base, parent(file), [each for each in given if each is not None])
    above = ModuleSearch(Tree(find_root(tree.root)), "", "") if root is None else None
    return _Closure(search, selection, Module.at(file, base), above).find(script)


def _is_provided(name: str) -> bool:
    """Return True if the module *name* is installed here, or is where the flow runs."""
    top = name.partition(".")[0]
    return top in RESERVED or installed(top) is not None


def _find_base(tree: Tree, file: str, imports: Sequence[Import]) -> str:
    """Return the folder from which the script *file* is imported: that of its package, or its own.

    It is in a package where its folder has ``__init__.py``, or where its *imports* are relative:
    Prefect loads such a script as if its folder were a package.

    Raises:
        ProjectError: It cannot be imported by name, or its package begins above the root.
    """
    base = tree.package_base(parent(file))
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

    def __init__(
        self,
        search: ModuleSearch,
        selection: Selection,
        entry: Module,
        above: Optional[ModuleSearch],
    ) -> None:
        self._search, self._tree, self._root = search, search.tree, search.tree.root
        self._selection, self._entry = selection, entry
        self._above = above  # Where modules may be that a project with a guessed root lacks.
        self._reader = FileReader(self._root, selection.size_limit)
        self._scripts: Dict[str, Script] = {}
        self._reasons: Dict[str, str] = {}  # Why each file is taken, in order.
        self._modules: Dict[str, List[Module]] = {}  # By file, which may have several names.
        self._unknown: Dict[str, None] = {}  # Imports of what only running the code shows.
        self._unmet: Dict[str, Tuple[str, str]] = {}  # Imports that nothing meets; first of each.
        self._problems: Dict[str, str] = {}  # One for each thing that they are about.
        self._notes: Dict[str, str] = {}
        self._waiting: Deque[Module] = deque()

    def find(self, script: Script) -> Project:
        """Return the project of *script*."""
        file = self._entry.path or ""
        self._reader.add(file, script.content)  # The bytes in which the flow was found.
        self._take(self._entry, "the script")
        selected = self._selection.select(self._root, self._search.folders)
        self._reader.check_size(selected.patterns)
        for path, pattern in selected.patterns.items():
            self._include(path, f"{_INCLUDED}{pattern}")
        while self._waiting:
            self._follow(self._waiting.popleft())
        bases = {each.base for modules in self._modules.values() for each in modules}
        search_paths = tuple(each for each in self._search.folders if each in bases)
        self._check_folders(search_paths)
        data = DataFiles(self._root, search_paths, self._reasons)
        for each in self._scripts.values():
            data.find(attrs.evolve(each))
        added = list(self._added_files())
        for path in added:
            self._reader.add(path, b"")
            self._reasons[path] = "added, so that the folder is the project's"
        files = {path: self._reader.files[path] for path in sorted(self._reasons)}
        taken = (
            ProjectFile(path, len(files[path]), reason, path in added)
            for path, reason in self._reasons.items()
        )
        problems = (*selected.problems, *self._problems.values(), *self._unsearched())
        # Those that are imported are taken.
        left_out = tuple(each for each in selected.left_out if each not in self._reasons)
        secret = (f"left out, for they may hold secrets: {join_some(left_out)}; {BY_NAME}",)
        notes = (
            *(secret if left_out else ()),
            *self._notes.values(),
            *self._last_notes(bases, selected),
        )
        return Project(
            root=self._root,
            files=files,
            taken=tuple(taken),
            file=file,
            # Where others import it under a longer name, there must be no second copy.
            module=max(self._modules[file], key=lambda each: each.name.count(".")).name,
            search_paths=search_paths,
            problems=tuple(printable(each, 500) for each in problems),
            notes=tuple(printable(each, 500) for each in notes),
            hints=tuple(data.hints.values()),
            left_out=left_out,
        )

    def _take(self, module: Module, reason: str) -> None:
        """Take the file of *module*, whatever its name, and the packages that it is in."""
        path = module.path
        if path is None or module in self._modules.get(path, ()):
            return
        for each in find_chain(self._tree, [module.base], module.name.rpartition(".")[0]):
            self._take(each, reason)
        if module != self._entry and self._selection.excludes(path, self._search.folders):
            self._problems.setdefault(path, f"{path} is excluded, but {reason}")
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
            place, content = os.path.join(self._root, path), self._reader.read(path)
            self._scripts[path] = Script(content, path, place, module.name)
        return self._scripts[path]

    def _follow(self, module: Module) -> None:
        path = module.path or ""
        try:
            imports = read_imports(self._script(module))
        except DiscoveryError as exc:
            if not self._reasons[path].startswith(_INCLUDED):
                raise
            self._notes[path] = f"the imports of {path} are not followed: {exc}"
            del self._scripts[path]
            return
        # A copy has no syntax tree, which takes a hundred times as much memory as the source.
        self._scripts[path] = attrs.evolve(self._scripts[path])
        working = [os.path.join(self._root, each) for each in imports.working_paths]
        for place in (*imports.search_paths, *working):
            inner = relative(self._root, place)
            if inner is not None:
                self._search.add([inner])
            elif place not in working:
                note = f"{path} adds {place} to sys.path, which is not in {self._root}"
                self._notes.setdefault(place, note)
        self._unknown.update({f"{path}:{each.line} {each.text}": None for each in imports.unknown})
        for found in imports.found:
            self._follow_import(found, module)

    def _follow_import(self, each: Import, module: Module) -> None:
        written = "." * each.level + each.module
        where = f"{module.path}:{each.line} imports {written}"
        name = module.absolute(each.level, each.module)
        chain = self._find(name, each) if name else []
        for found in chain:
            below = found.name[len(name or "") :] if found.name.startswith(f"{name}.") else ""
            self._take(found, where + below[1 if written.endswith(".") else 0 :])
        if each.optional or any(found.name == name for found in chain):
            return
        if name is None or each.level or chain:
            problem = f"{where}, which is no Python file of the project"
            self._problems.setdefault(name or where, problem)
        elif not _is_provided(name):
            if self._above and self._above.find(name, each.names):
                remedy = f"take it along with --project {self._above.tree.root}"
                problem = f"{where}, which is above the root {self._root}; {remedy}"
                self._problems.setdefault(self._root, problem)
            else:
                self._unmet.setdefault(name.partition(".")[0], (name, where))

    def _unsearched(self) -> Iterator[str]:
        """Yield which modules are in the project, but nowhere where modules are searched."""
        if not self._unmet:
            return
        with suppress(ProjectError):  # A folder cannot be read.
            for path in itertools.islice(walk(self._root), _MOST_LISTED):
                for place in (path[: -len(".py")], parent(path)) if path.endswith(".py") else ():
                    folder, _, top = place.rpartition("/")
                    name, where = self._unmet.get(top, ("", ""))
                    chain = find_chain(self._tree, [folder], name)
                    # What is in a package has another name.
                    if (
                        chain
                        and chain[-1].name == name
                        and self._tree.package_base(folder) == folder
                    ):
                        del self._unmet[top]
                        remedy = f"if that is meant, search it with --path {folder or '.'}"
                        yield f"{where}, which is in {folder or 'the root'}; {remedy}"

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

    def _check_folders(self, search_paths: Sequence[str]) -> None:
        """Raise ProjectError for a module in *search_paths* that would hide what all code needs."""
        for base in search_paths:
            for path, reason in self._reasons.items():
                is_inside = path.endswith(".py") and path.startswith(join(base, ""))
                name = Module.at(path, base).name if is_inside else ""
                if name in RESERVED:
                    raise ProjectError(
                        f"{printable(path)} would hide the module {quoted(name)}, which all code"
                        f" needs ({printable(reason)}); rename it, or put it in a package"
                    )

    def _added_files(self) -> Iterator[str]:
        """Yield the ``__init__.py`` to add, which make top-level folders the project's own.

        Without one a folder comes after all installed packages of its name. Here alone what is
        packed depends on what is installed: namespaces that installed packages share stay so.
        """
        inits: Dict[str, Set[str]] = defaultdict(set)
        for path, modules in self._modules.items():
            for each in modules if not self._reasons[path].startswith(_INCLUDED) else ():
                top, dot, _ = each.name.partition(".")
                inits[top].update([join(each.base, f"{top}/__init__.py")] if dot else [])
        for top, paths in inits.items():
            missing = paths.difference(self._reasons)
            spec = installed(top, self._root)
            if spec is not None and (spec.origin or not missing):
                self._notes[top] = f"{top} is installed, too; the project's is used"
            if len(missing) == 1 and (spec is None or spec.origin):
                yield from missing

    def _last_notes(self, bases: Set[str], selected: SelectedFiles) -> Iterator[str]:
        for base in (each for each in self._search.between if each in bases):
            problem = f"modules are searched in {base}, too, between the script and the root"
            yield f"{problem}; --path {base} asks for it"
        if selected.tracked is not None:
            for path in sorted(set(self._modules).difference(selected.tracked, selected.patterns)):
                yield f"{path} is ignored by git, and taken, for {self._reasons[path]}"
        tops = {each.name for modules in self._modules.values() for each in modules}
        for path, script in self._scripts.items():
            for name in _OWN_VERSION.findall(script.content):
                own = name.decode().replace("-", "_") in (*tops, "__name__", "__package__")
                if own and b"PackageNotFoundError" not in script.content:
                    yield f"{path} asks for its own version: install the project where it runs"
        if self._unknown:
            problem = "imports are not followed where only running the code shows them"
            remedy = "add those of the project with --include"
            yield f"{problem} ({join_some(list(self._unknown))}); {remedy}"
