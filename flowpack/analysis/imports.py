"""What a module imports, and where it looks for modules, read from its source."""

from __future__ import annotations

import ast
import os
import re
from collections import defaultdict
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Callable, Dict, Iterator, List, Tuple

import attrs

from flowpack.analysis.calls import iterated
from flowpack.analysis.evaluate import bind, read_value, truth
from flowpack.analysis.scopes import read_body
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import source_of
from flowpack.analysis.values import UNKNOWN, Scope, Symbol, alternatives, path_of

#: Rounds of loops that are followed.
_MOST = 1_000
#: Characters of a call that messages show.
_SHOWN = 80

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
#: Exceptions as which a failed import is caught.
_CAUGHT = re.compile(r"builtins\.(ImportError|ModuleNotFoundError|Exception|BaseException)")


@attrs.frozen
class Import:
    """One import, wherever in the file it stands.

    Attributes:
        module: The dotted name as written; empty in ``from . import x``.
        level: How many dots stand before it.
        names: What a from-import takes of it; a star is one of them.
        line: Where it stands.
        optional: Whether runs can do without it: its failure is caught, or it stands in for one
            that failed, or is under a condition that never holds in runs, such as
            ``TYPE_CHECKING`` and ``__name__ == "__main__"``.
    """

    module: str
    level: int = 0
    names: Tuple[str, ...] = ()
    line: int = 0
    optional: bool = False


@attrs.frozen
class UnknownImport:
    """An import of what only running the code tells; *text* is its source, cut if it is long."""

    line: int
    text: str


@attrs.frozen
class ScriptCall:
    """A Python script that the code runs; *text* is ``jobs/x.py`` or ``-m pkg.x``."""

    line: int
    text: str


@attrs.frozen
class Imports:
    """What a module imports, in the order of its source.

    Attributes:
        search_paths: The folders that it adds to ``sys.path``, absolute, if they are literals or
            made of ``__file__``. A relative one is taken from the script's folder.
        working_paths: The relative ones as they are written: Python takes them from the working
            folder, which often is the project's root.
    """

    found: Tuple[Import, ...] = ()
    unknown: Tuple[UnknownImport, ...] = ()
    search_paths: Tuple[str, ...] = ()
    working_paths: Tuple[str, ...] = ()
    scripts: Tuple[ScriptCall, ...] = ()


def read_imports(script: Script) -> Imports:
    """Return what *script* imports, anywhere in it; runs nothing.

    Raises:
        DiscoveryError: It cannot be parsed.
    """
    items: Dict[type, Dict[object, None]] = defaultdict(dict)  # In order, each once.
    for item in _ImportReader(script).items():
        items[type(item)][item] = None
    paths = [str(each) for each in items[str]]
    folder = os.path.dirname(script.path or "")
    absolute = [os.path.normpath(os.path.join(folder, each)) for each in paths]
    return Imports(
        found=tuple(items[Import]),  # type: ignore[arg-type]  # by their keys
        unknown=tuple(items[UnknownImport]),  # type: ignore[arg-type]
        search_paths=tuple(each for each in dict.fromkeys(absolute) if os.path.isabs(each)),
        working_paths=tuple(each for each in paths if not os.path.isabs(each)),
        scripts=tuple(items[ScriptCall]),  # type: ignore[arg-type]
    )


def exported_names(script: Script) -> Tuple[str, ...]:
    """Return the names in the ``__all__`` of *script*; none where it is not known."""
    return tuple(script.scope.exported() or ())


@attrs.frozen
class _Place:
    """Where code stands: in which statement, in which parts of others, and in which loops."""

    statement: ast.AST
    parts: Tuple[Tuple[ast.AST, str], ...] = ()  # Statements, and which field of them.
    loops: Tuple[Tuple[ast.expr, ast.expr], ...] = ()  # Variables, and what they run over.

    def below(self, node: ast.AST, field: str) -> _Place:
        """Return the place of what is in *field* of *node*, which stands here."""
        if isinstance(node, (*_DEFINITIONS, ast.Lambda)):  # What is around it runs at other times.
            kept = tuple(each for each in self.parts if isinstance(each[0], ast.If))
            return _Place(self.statement, kept)
        if hasattr(node, "handlers") or isinstance(node, (ast.If, ast.With, ast.AsyncWith)):
            return attrs.evolve(self, parts=(*self.parts, (node, field)))
        loops = [node] if field == "body" and isinstance(node, (ast.For, ast.AsyncFor)) else []
        loops += getattr(node, "generators", []) if field != "generators" else []
        inner = tuple((each.target, each.iter) for each in loops)
        return attrs.evolve(self, loops=self.loops + inner) if inner else self


class _ImportReader:
    """Reads imports where they stand, with what the names in them stand for there."""

    def __init__(self, script: Script) -> None:
        self.places: Dict[ast.AST, _Place] = {}
        self.by_statement: Dict[ast.AST, List[ast.AST]] = defaultdict(list)
        self.read: Dict[ast.AST, List[object]] = {}
        self.functions: List[Tuple[ast.AST, Scope]] = []
        self.find_places(script.tree)
        self.scope = script.read_scope(self.watch)
        while self.functions:
            function, scope = self.functions.pop()
            read_body(function, scope)  # type: ignore[arg-type]  # it is a definition

    def find_places(self, tree: ast.Module) -> None:
        """Note, in order, all that may import something or change the search path."""
        # A list and no recursion: code may be nested deeply.
        waiting: List[Tuple[ast.AST, _Place]] = [(tree, _Place(tree))]
        while waiting:
            node, place = waiting.pop()
            if isinstance(node, ast.stmt):
                place = attrs.evolve(place, statement=node)
            if isinstance(node, (ast.Import, ast.ImportFrom, ast.AugAssign, ast.Call)):
                self.places[node] = place
                self.by_statement[place.statement].append(node)
            for field, value in reversed(list(ast.iter_fields(node))):
                children = value if isinstance(value, list) else [value]
                below = place.below(node, field)
                waiting += [
                    (each, below) for each in reversed(children) if isinstance(each, ast.AST)
                ]

    def watch(self, statement: ast.stmt, scope: Scope) -> None:
        """Read what *statement* imports, with what *scope* binds before it."""
        if isinstance(statement, _DEFINITIONS):
            self.functions.append((statement, scope))
        for node in self.by_statement[statement]:
            self.read[node] = list(self.items_in(node, scope))

    def items(self) -> Iterator[object]:
        """Yield imports, and all else, in the order of the source; search paths are text."""
        for node, place in self.places.items():
            # In parts that are not followed names stand for what they do in the end.
            found = self.read[node] if node in self.read else self.items_in(node, self.scope)
            for item in found:
                if isinstance(item, Import) and any(map(self.lets_pass, place.parts)):
                    item = attrs.evolve(item, optional=True)
                yield item

    def lets_pass(self, part: Tuple[ast.AST, str]) -> bool:
        """Return True if imports in *part* never run, or runs go on when they fail."""
        node, field = part
        caught: List[object] = []
        if isinstance(node, ast.If):
            never = {"body": False, "orelse": True}.get(field)
            return never is not None and truth(read_value(node.test, self.scope)) is never
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for call in (each.context_expr for each in node.items if field == "body"):
                if isinstance(call, ast.Call) and _path(call, self.scope) == "contextlib.suppress":
                    caught += [read_value(each, self.scope) for each in call.args]
        for handler in getattr(node, "handlers", ()) if field != "finalbody" else ():
            kinds = read_value(handler.type or ast.Name("Exception", ast.Load()), self.scope)
            caught += kinds if isinstance(kinds, tuple) else [kinds]
        return any(_CAUGHT.fullmatch(path_of(each)) for each in caught)

    def items_in(self, node: Any, scope: Scope) -> Iterator[object]:
        """Yield what *node* itself imports, adds to the search path, or runs."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, line=node.lineno)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(node.module or "", node.level, names, node.lineno)
        elif isinstance(node, ast.AugAssign):
            if source_of(node.target) == "sys.path":
                yield from _folders(read_value(node.value, scope))
        else:
            path = _path(node, scope)
            for read in [read for names, read in _READERS if names.fullmatch(path)]:
                for inner in _rounds(self.places[node].loops, scope):
                    yield from read(node, inner)


def _path(call: ast.Call, scope: Scope) -> str:
    """Return the full name of what *call* calls, if it is imported or built in."""
    return path_of(read_value(call.func, scope))


def _rounds(loops: Tuple[Tuple[ast.expr, ast.expr], ...], scope: Scope) -> List[Scope]:
    """Return what names stand for in each round of *loops*."""
    scopes = [scope]
    for target, items in loops:
        outer, scopes = scopes, []
        for each in outer:
            values: List[object] = [UNKNOWN]
            with suppress(TypeError):
                values = iterated(read_value(items, each))
            for value in values if len(values) * len(outer) <= _MOST else [UNKNOWN]:
                scopes.append(Scope(outer=each))
                bind(scopes[-1], target, value)
    return scopes


def _modules(node: ast.Call, scope: Scope) -> Iterator[object]:
    """Yield what ``import_module(name, package)`` imports, or ``__import__(name, ...)``."""
    given = [*node.args, *(each.value for each in node.keywords)][:2]
    name, package = (*(read_value(each, scope) for each in given), UNKNOWN, UNKNOWN)[:2]
    is_own = getattr(given[-1:][0], "id", "") in ("__name__", "__package__") if given else False
    for each in alternatives(name):
        module = each.lstrip(".") if isinstance(each, str) else ""
        if module and module == each:
            yield Import(module, line=node.lineno)
        elif module and is_own:
            yield Import(module, len(str(each)) - len(module), line=node.lineno)
        elif module and isinstance(package, str):
            parts = package.split(".")[: 1 + len(module) - len(str(each)) or None]
            yield Import(".".join([*parts, module]), line=node.lineno)
        else:
            yield from _unknown(node, scope)


def _unknown(node: ast.Call, scope: Scope) -> Iterator[object]:
    yield UnknownImport(node.lineno, source_of(node)[:_SHOWN])


def _folders(value: object) -> Iterator[str]:
    """Yield the folders that *value* is or holds, as far as they are known."""
    for each in alternatives(value):
        if isinstance(each, (list, tuple)):
            yield from (folder for item in each for folder in _folders(item))
        elif isinstance(each, (str, PurePath)):
            yield str(each)


def _added(node: ast.Call, scope: Scope) -> Iterator[object]:
    yield from _folders([read_value(each, scope) for each in node.args[-1:]])


def _scripts(node: ast.Call, scope: Scope) -> Iterator[object]:
    """Yield the Python scripts that the command of a call runs."""
    words: List[str] = []
    values: List[object] = [read_value(each, scope) for each in node.args]
    while values:
        value = values.pop(0)
        if isinstance(value, (list, tuple)):
            values[:0] = value
        else:
            text = "python" if value == Symbol("sys.executable") else value
            words += str(text).split() if isinstance(text, (str, PurePath)) else []
    if _path(node, scope) == "runpy.run_module":
        words[:0] = ["python", "-m"]
    for before, word, after in zip(["", *words], words, [*words[1:], ""]):
        if word.endswith(".py"):
            yield ScriptCall(node.lineno, word)
        elif word == "-m" and after and os.path.basename(before).startswith("python"):
            yield ScriptCall(node.lineno, f"-m {after}")


_Reader = Callable[[ast.Call, Scope], Iterator[object]]
#: Who reads the calls of which functions.
_READERS: Tuple[Tuple[re.Pattern[str], _Reader], ...] = tuple(
    (re.compile(names, re.VERBOSE), read)
    for names, read in (
        (r"importlib\.import_module | (builtins|importlib)\.__import__", _modules),
        (r"site\.addsitedir | sys\.path\.(append|extend|insert)", _added),
        (
            r"""pkgutil\.(iter_modules|resolve_name|walk_packages) | pydoc\.locate
            | imp\.load_\w+ | importlib\.(util\.spec_from_file_location|machinery\.\w+Loader)""",
            _unknown,
        ),
        (
            r"""subprocess\.\w+ | os\.(exec|popen|posix_spawn|spawn|system)\w* | runpy\.run_\w+
            | asyncio\.create_subprocess_\w+""",
            _scripts,
        ),
    )
)
