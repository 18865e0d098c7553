"""What a module imports, and where it looks for modules, read from its source."""

from __future__ import annotations

import ast
import importlib.util
import os
from pathlib import PurePath
from typing import Callable, Dict, Iterator, List, Mapping, Tuple, Union

import attrs

from flowpack.analysis.calls import iterated
from flowpack.analysis.evaluate import bind, read_value, truth
from flowpack.analysis.scopes import read_body, read_module
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import source_of
from flowpack.analysis.values import UNKNOWN, Scope, Symbol, alternatives, path_of

#: Values of the variables of loops that are followed.
_MOST = 1_000
#: Characters of a call that messages show.
_SHOWN = 80

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
#: Exceptions that a failed import is; it is also caught where all exceptions are.
_FAILURES = frozenset(f"builtins.{name}Error" for name in ("Import", "ModuleNotFound")) | {
    "builtins.Exception",
    "builtins.BaseException",
}
#: What stands for the own package in ``import_module(".x", package=...)``.
_OWN_PACKAGE = ("__package__", "__name__", "__spec__.parent")


@attrs.frozen
class Import:
    """One import, wherever in the file it stands.

    Attributes:
        module: The dotted name as written; empty in ``from . import x``.
        level: How many dots stand before it.
        names: What a from-import takes of it, ``*`` included.
        line: Where it stands.
        optional: Whether runs go on without it: its failure is caught, it stands in for one
            that failed, or it is under a condition that does not hold in runs, such as
            ``TYPE_CHECKING`` or ``__name__ == "__main__"``.
    """

    module: str
    level: int = 0
    names: Tuple[str, ...] = ()
    line: int = 0
    optional: bool = False


@attrs.frozen
class UnknownImport:
    """An import of modules whose names are known only when the code runs; *text* is its source."""

    line: int
    text: str


@attrs.frozen
class ScriptCall:
    """A script that the code starts as a process: *text* is ``jobs/x.py`` or ``-m pkg.x``."""

    line: int
    text: str


@attrs.frozen
class SearchPath:
    """A folder that the code adds to ``sys.path``: absolute, or relative to the working folder."""

    line: int
    path: str


_Item = Union[Import, UnknownImport, ScriptCall, SearchPath]


@attrs.frozen
class Imports:
    """What a module imports, in the order of its source.

    Attributes:
        found: The imports.
        unknown: Those of which only running the code would give the names.
        search_paths: The folders that it adds to ``sys.path``, absolute; one that is written as
            relative is taken as relative to the script's folder.
        working_paths: Those that are written as relative, as they are: Python takes them from
            the working folder, which may be the project's root, too.
        scripts: What Python scripts it runs as processes.
    """

    found: Tuple[Import, ...]
    unknown: Tuple[UnknownImport, ...] = ()
    search_paths: Tuple[str, ...] = ()
    working_paths: Tuple[str, ...] = ()
    scripts: Tuple[ScriptCall, ...] = ()


def read_imports(script: Script) -> Imports:
    """Return what *script* imports, anywhere in it.

    Raises:
        DiscoveryError: It cannot be parsed.
    """
    items = list(_ImportReader(script).items())
    paths = [each.path for each in items if isinstance(each, SearchPath)]
    working = [path for path in paths if not os.path.isabs(path)]
    if script.path is not None:
        folder = os.path.dirname(script.path)
        paths = [os.path.normpath(os.path.join(folder, path)) for path in paths]
    return Imports(
        found=tuple(each for each in items if isinstance(each, Import)),
        unknown=tuple(each for each in items if isinstance(each, UnknownImport)),
        search_paths=tuple(path for path in dict.fromkeys(paths) if os.path.isabs(path)),
        working_paths=tuple(dict.fromkeys(working)),
        scripts=tuple(dict.fromkeys(each for each in items if isinstance(each, ScriptCall))),
    )


def exported_names(script: Script) -> Tuple[str, ...]:
    """Return the names in the ``__all__`` of *script*; none where it is not known."""
    return tuple(script.scope.exported() or ())


@attrs.frozen
class _Place:
    """Where code stands: in which statement, below which branches, and in which loops."""

    statement: ast.AST
    branches: Tuple[Tuple[ast.AST, str], ...] = ()  # Statements, and which field of them.
    loops: Tuple[Tuple[ast.expr, ast.expr], ...] = ()  # Variables, and what they run over.

    def below(self, node: ast.AST, field: str, child: ast.AST) -> _Place:
        """Return where *child* of the *field* of *node*, which stands here, is."""
        place = self
        if isinstance(node, _FUNCTIONS):  # What is around its definition catches nothing in it.
            kept = tuple(each for each in self.branches if isinstance(each[0], ast.If))
            place = _Place(self.statement, kept)
        elif hasattr(node, "handlers") or isinstance(node, (ast.If, ast.With, ast.AsyncWith)):
            place = attrs.evolve(self, branches=(*self.branches, (node, field)))
        elif isinstance(node, (ast.For, ast.AsyncFor)) and field == "body":
            place = attrs.evolve(self, loops=(*self.loops, (node.target, node.iter)))
        elif hasattr(node, "generators") and field != "generators":
            inner = tuple((each.target, each.iter) for each in node.generators)
            place = attrs.evolve(self, loops=self.loops + inner)
        return attrs.evolve(place, statement=child) if isinstance(child, ast.stmt) else place


def _places(tree: ast.Module) -> Iterator[Tuple[ast.AST, _Place]]:
    """Yield, in order, all that may import something or change the search path."""
    # A list and no recursion: code may be nested deeply.
    waiting: List[Tuple[ast.AST, _Place]] = [(tree, _Place(tree))]
    while waiting:
        node, place = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.AugAssign)) or (
            isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute))
        ):
            yield node, place
        children: List[Tuple[ast.AST, _Place]] = []
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    children.append((child, place.below(node, field, child)))
        waiting += reversed(children)


class _ImportReader:
    """Reads imports where they stand, with what the names in them stand for there."""

    def __init__(self, script: Script) -> None:
        self.places = dict(_places(script.tree))
        self.in_statement: Dict[ast.AST, List[ast.AST]] = {}
        for node, place in self.places.items():
            self.in_statement.setdefault(place.statement, []).append(node)
        self.read: Dict[ast.AST, List[_Item]] = {}
        self.functions: List[Tuple[ast.stmt, Scope]] = []
        self.scope = read_module(
            script.tree,
            package=script.package,
            file=script.path,
            resolve=script.resolve,
            watch=self.watch,
        )
        while self.functions:
            function, scope = self.functions.pop()
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                read_body(function, scope, self.watch)

    def watch(self, statement: ast.stmt, scope: Scope) -> None:
        """Read what *statement* imports, with what *scope* binds before it."""
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.functions.append((statement, scope))
        for node in self.in_statement.get(statement, ()):
            self.read[node] = list(self.items_of(node, scope))

    def items(self) -> Iterator[_Item]:
        """Yield all that was found, in the order of the source."""
        for node, place in self.places.items():
            # In branches that are not followed names stand for what they do in the end.
            found = self.read.get(node)
            for item in self.items_of(node, self.scope) if found is None else found:
                if isinstance(item, Import) and self.is_optional(place):
                    item = attrs.evolve(item, optional=True)
                yield item

    def is_optional(self, place: _Place) -> bool:
        """Return True if a run goes on where what stands at *place* fails, or never runs it."""
        return any(self._lets_pass(node, field) for node, field in place.branches)

    def _lets_pass(self, node: ast.AST, field: str) -> bool:
        if isinstance(node, ast.If):
            holds = truth(read_value(node.test, self.scope))
            return holds is {"body": False, "orelse": True}.get(field)
        caught: List[object] = []
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items if field == "body" else ():
                call = item.context_expr
                if isinstance(call, ast.Call) and self._path(call.func) == "contextlib.suppress":
                    caught += [read_value(each, self.scope) for each in call.args]
        elif field != "finalbody":
            for handler in getattr(node, "handlers", ()):
                kinds = read_value(handler.type, self.scope) if handler.type else UNKNOWN
                if handler.type is None:
                    return True
                caught += kinds if isinstance(kinds, tuple) else [kinds]
        return any(isinstance(each, Symbol) and each.name in _FAILURES for each in caught)

    def _path(self, function: ast.expr) -> str:
        return path_of(read_value(function, self.scope))

    def items_of(self, node: ast.AST, scope: Scope) -> Iterator[_Item]:
        """Yield what *node* imports, or adds to the search path."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, line=node.lineno)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(node.module or "", node.level, names, node.lineno)
        elif isinstance(node, ast.AugAssign):
            if path_of(read_value(_loaded(node.target), scope)) == "sys.path":
                yield from _search_paths(read_value(node.value, scope), node)
        elif isinstance(node, ast.Call):
            handler = _HANDLERS.get(path_of(read_value(node.func, scope)))
            if handler is not None:
                found = (
                    item
                    for each in _rounds(self.places[node].loops, scope)
                    for item in handler(node, each)
                )
                yield from dict.fromkeys(found)


def _loaded(target: ast.expr) -> ast.expr:
    """Return *target* of an assignment as an expression."""
    return ast.parse(source_of(target), mode="eval").body


def _rounds(loops: Tuple[Tuple[ast.expr, ast.expr], ...], scope: Scope) -> List[Scope]:
    """Return what names stand for in each round of *loops*."""
    scopes = [scope]
    for target, items in loops:
        inner: List[Scope] = []
        for outer in scopes:
            try:
                values = iterated(read_value(items, outer))
            except TypeError:
                values = [UNKNOWN]
            for value in values if len(values) * len(scopes) <= _MOST else [UNKNOWN]:
                inner.append(Scope(outer=outer))
                bind(inner[-1], target, value)
        scopes = inner
    return scopes


def _argument(node: ast.Call, position: int, name: str, scope: Scope) -> object:
    """Return what the argument *name* of a call stands for; None where it is not given."""
    given = {each.arg: each.value for each in node.keywords}
    if position < len(node.args):
        given[name] = node.args[position]
    return read_value(given[name], scope) if name in given else None


def _import_module(node: ast.Call, scope: Scope) -> Iterator[_Item]:
    for name in alternatives(_argument(node, 0, "name", scope)):
        module = name.lstrip(".") if isinstance(name, str) else ""
        level = len(name) - len(module) if isinstance(name, str) else 0
        package = _argument(node, 1, "package", scope)
        spelt = [source_of(each) for each in (*node.args[1:], *(k.value for k in node.keywords))]
        if isinstance(package, str) and level and module:
            try:
                module, level = importlib.util.resolve_name("." * level + module, package), 0
            except ImportError:
                module = ""
        if module and (not level or package is None or set(spelt) & set(_OWN_PACKAGE)):
            yield Import(module, level, line=node.lineno)
        else:
            yield _unknown(node)


def _dunder_import(node: ast.Call, scope: Scope) -> Iterator[_Item]:
    name, level = _argument(node, 0, "name", scope), _argument(node, 4, "level", scope) or 0
    names = _argument(node, 3, "fromlist", scope) or ()
    if isinstance(name, str) and isinstance(level, int) and (name or level):
        listed = names if isinstance(names, (list, tuple)) else ()
        taken = tuple(each for each in listed if isinstance(each, str) and each)
        yield Import(name, level, taken, node.lineno)
    else:
        yield _unknown(node)


def _unknown(node: ast.Call, scope: object = None) -> UnknownImport:
    return UnknownImport(node.lineno, source_of(node)[:_SHOWN])


def _search_paths(value: object, node: ast.AST) -> Iterator[_Item]:
    """Yield the folders that *value* is, or holds, so far as they are known."""
    for each in alternatives(value):
        items = each if isinstance(each, (list, tuple)) else [each]
        for item in (known for one in items for known in alternatives(one)):
            if isinstance(item, (str, PurePath)):
                yield SearchPath(getattr(node, "lineno", 0), str(item))


def _added_path(position: int) -> _Handler:
    def handler(node: ast.Call, scope: Scope) -> Iterator[_Item]:
        for each in node.args[position : position + 1]:
            yield from _search_paths(read_value(each, scope), node)

    return handler


def _run(node: ast.Call, scope: Scope) -> Iterator[_Item]:
    """Yield the Python scripts that the command of a call runs."""
    words: List[str] = []
    waiting = [read_value(each, scope) for each in node.args][::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple)):
            waiting += reversed(value)
        elif isinstance(value, (str, PurePath)):
            words += str(value).split()
        elif value == Symbol("sys.executable"):
            words.append("python")
    words = [word.strip("'\"`;&|()") for word in words]
    for before, word, after in zip(["", *words], words, [*words[1:], ""]):
        if word.endswith(".py"):
            yield ScriptCall(node.lineno, word)
        elif word == "-m" and after and PurePath(before).name.startswith("python"):
            yield ScriptCall(node.lineno, f"-m {after}")


def _run_module(node: ast.Call, scope: Scope) -> Iterator[_Item]:
    name = _argument(node, 0, "mod_name", scope)
    yield ScriptCall(node.lineno, f"-m {name}") if isinstance(name, str) else _unknown(node)


def _run_path(node: ast.Call, scope: Scope) -> Iterator[_Item]:
    name = _argument(node, 0, "path_name", scope)
    known = isinstance(name, (str, PurePath))
    yield ScriptCall(node.lineno, str(name)) if known else _unknown(node)


def _unknown_modules(node: ast.Call, scope: Scope) -> Iterator[_Item]:
    yield _unknown(node)


_Handler = Callable[[ast.Call, Scope], Iterator[_Item]]

#: Functions that import modules, add to the search path or run scripts, and who reads the call.
_HANDLERS: Mapping[str, _Handler] = {
    "importlib.import_module": _import_module,
    "importlib.__import__": _dunder_import,
    "builtins.__import__": _dunder_import,
    **dict.fromkeys(
        """
        pkgutil.iter_modules pkgutil.walk_packages pkgutil.resolve_name pydoc.locate
        importlib.util.spec_from_file_location importlib.machinery.SourceFileLoader
        imp.load_source
        """.split(),
        _unknown_modules,
    ),
    "runpy.run_module": _run_module,
    "runpy.run_path": _run_path,
    "sys.path.insert": _added_path(1),
    **dict.fromkeys(("sys.path.append", "sys.path.extend", "site.addsitedir"), _added_path(0)),
    **dict.fromkeys(
        """
        subprocess.run subprocess.Popen subprocess.call subprocess.check_call
        subprocess.check_output subprocess.getoutput subprocess.getstatusoutput os.system os.popen
        os.execl os.execle os.execlp os.execv os.execve os.execvp os.spawnl os.spawnv
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell
        """.split(),
        _run,
    ),
}


def imports_of(tree: ast.Module) -> Tuple[List[Import], List[UnknownImport]]:
    """Old name, until closure.py has moved over."""
    read = read_imports(_of_tree(tree))
    return list(read.found), list(read.unknown)


def exported(tree: ast.Module) -> Tuple[str, ...]:
    """Old name, until closure.py has moved over."""
    return exported_names(_of_tree(tree))


def _of_tree(tree: ast.Module) -> Script:
    script = Script(b"", "<module>")
    script.__dict__["tree"] = tree
    return script
