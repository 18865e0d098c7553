"""What a module imports, and where it looks for modules, read from its source."""

from __future__ import annotations

import ast
import functools
import os
import re
from collections import defaultdict
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Dict, Iterator, List, Optional, Tuple

import attrs

from flowpack.analysis.calls import iterated
from flowpack.analysis.evaluate import bind, read_value, truth
from flowpack.analysis.scopes import Definition, read_body
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import source_of
from flowpack.analysis.values import UNKNOWN, Scope, Symbol, alternatives, path_of

#: Rounds of loops that are followed, and characters of a call that messages show.
_MOST, _SHOWN = 1_000, 80

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IMPORTS: Tuple[type, ...] = (ast.Import, ast.ImportFrom)
_CALLS = (ast.Call, ast.AugAssign)
_LOOPS = (ast.For, ast.AsyncFor)
#: Names without which no module is imported by a call, or searched for, and no script is run.
_MENTIONED = re.compile(
    rb"\b(__import__|imp|importlib|pkgutil|pydoc|runpy|site|subprocess|sys\s*\.\s*path|sys\s+as"
    rb"|from\s+sys|create_subprocess_\w+|exec[lv]\w*|popen|posix_spawnp?|spawn[lv]\w*|system)\b"
)
#: Code that stands in others: a statement or expression, and the name of a field of it.
_Part = Tuple[Any, str]
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
        optional: Whether runs can do without it: a failed import is caught around it, whatever
            the handler does; or it stands in such a handler, for another one; or under a
            condition that never holds in runs: ``TYPE_CHECKING``, ``__name__ == "__main__"``.
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
    items = list(dict.fromkeys(_ImportReader(script).items()))
    paths = [each for each in items if isinstance(each, str)]
    folder = os.path.dirname(script.path or "")
    absolute = [os.path.normpath(os.path.join(folder, each)) for each in paths]
    return Imports(
        found=tuple(each for each in items if isinstance(each, Import)),
        unknown=tuple(each for each in items if isinstance(each, UnknownImport)),
        search_paths=tuple(each for each in dict.fromkeys(absolute) if os.path.isabs(each)),
        working_paths=tuple(each for each in paths if not os.path.isabs(each)),
        scripts=tuple(each for each in items if isinstance(each, ScriptCall)),
    )


def exported_names(script: Script) -> Tuple[str, ...]:
    """Return the names in the ``__all__`` of *script*; none where it is not known."""
    return tuple(script.scope.exported() or ())


class _ImportReader:
    """Reads imports where they stand, with what the names in them stand for there."""

    def __init__(self, script: Script) -> None:
        self.places: Dict[ast.AST, Tuple[_Part, ...]] = {}
        self.own: Dict[ast.AST, List[ast.AST]] = defaultdict(list)
        self.read: Dict[ast.AST, List[object]] = {}
        self.functions: List[Tuple[Definition, Scope]] = []
        self.script, self.has_calls = script, bool(_MENTIONED.search(script.content))
        self.find_places(script.tree)
        # Reading one function adds those in it.
        for function, scope in self.functions if self.has_calls and self.scope.names else ():
            read_body(function, scope)

    @functools.cached_property
    def scope(self) -> Scope:
        """What names stand for in the end; read only where it matters, for it takes a while."""
        return self.script.read_scope(self.watch)

    def find_places(self, tree: ast.AST) -> None:
        """Note, in order, all that may import something or change the search path."""
        waiting: List[Tuple[ast.AST, ast.AST, Tuple[_Part, ...]]] = [(tree, tree, ())]
        kinds = _IMPORTS + (_CALLS if self.has_calls else ())
        while waiting:  # A list of work and no recursion: code may be nested deeply.
            node, statement, parts = waiting.pop()
            if isinstance(node, ast.expr) and not self.has_calls:
                continue
            statement = node if isinstance(node, ast.stmt) else statement
            if isinstance(node, kinds):
                self.places[node] = parts
                self.own[statement].append(node)
            if isinstance(node, (*_DEFINITIONS, ast.Lambda)):  # They run at other times.
                parts = tuple(each for each in parts if isinstance(each[0], ast.If))
            holds_code = hasattr(node, "body") or hasattr(node, "generators")
            for field, value in reversed(list(ast.iter_fields(node))):
                inner = (*parts, (node, field)) if holds_code else parts
                listed = value[::-1] if isinstance(value, list) else [value]
                waiting += (
                    (each, statement, inner) for each in listed if isinstance(each, ast.AST)
                )

    def watch(self, statement: ast.stmt, scope: Scope) -> None:
        """Read what *statement* imports, with what *scope* binds before it."""
        if isinstance(statement, _DEFINITIONS):
            self.functions.append((statement, scope))
        # What a loop runs over may be forgotten in its body, and is known before it.
        nodes = ast.walk(statement) if isinstance(statement, _LOOPS) else self.own[statement]
        for node in [each for each in nodes if each in self.places]:
            found, before = list(self.items_in(node, scope)), self.read.get(node)
            if not before or (found and not isinstance(found[0], UnknownImport)):
                self.read[node] = found

    def items(self) -> Iterator[object]:
        """Yield imports, and all else, in the order of the source; search paths are text."""
        lets_pass = functools.lru_cache(maxsize=None)(self.lets_pass)
        for node, parts in self.places.items():
            # In parts that are not followed names stand for what they do in the end.
            found = self.read[node] if node in self.read else self.items_in(node)
            for item in found:
                if isinstance(item, Import) and any(map(lets_pass, parts)):
                    item = attrs.evolve(item, optional=True)
                yield item

    def lets_pass(self, part: _Part) -> bool:
        """Return True if imports in *part* never run, or runs go on when they fail."""
        node, field = part
        caught: List[object] = []
        if isinstance(node, (ast.If, ast.IfExp)):
            never = {"body": False, "orelse": True}.get(field)
            return never is not None and truth(read_value(node.test, self.scope)) is never
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for call in (each.context_expr for each in node.items):
                if _path(getattr(call, "func", call), self.scope) == "contextlib.suppress":
                    caught += [read_value(each, self.scope) for each in getattr(call, "args", ())]
        for handler in getattr(node, "handlers", ()) if field != "finalbody" else ():
            kinds = read_value(handler.type or ast.Name("Exception", ast.Load()), self.scope)
            caught += kinds if isinstance(kinds, tuple) else [kinds]
        return any(_CAUGHT.fullmatch(path_of(each)) for each in caught)

    def items_in(self, node: Any, scope: Optional[Scope] = None) -> Iterator[object]:
        """Yield what *node* itself imports, adds to the search path, or runs."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, line=node.lineno)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(node.module or "", node.level, names, node.lineno)
        else:
            named, scope = getattr(node, "func", None) or node.target, scope or self.scope
            for each, read in _READERS:
                if re.fullmatch(each, _path(named, scope)):
                    for inner in _rounds(self.places[node], scope):
                        yield from read(node, inner)


def _path(node: ast.expr, scope: Scope) -> str:
    """Return the full name of *node*, if it is something imported or built in."""
    first = node
    while isinstance(first, ast.Attribute):
        first = first.value
    return path_of(read_value(node, scope)) if isinstance(first, ast.Name) else ""


def _rounds(parts: Tuple[_Part, ...], scope: Scope) -> List[Scope]:
    """Return what names stand for in each round of the loops among *parts*."""
    scopes = [scope]
    loops = [node for node, field in parts if isinstance(node, _LOOPS) and field == "body"]
    loops += [each for node, _ in parts for each in getattr(node, "generators", ())]
    for loop in loops:
        outer, scopes = scopes, []
        for each in outer:
            values: List[object] = [UNKNOWN]
            with suppress(TypeError):
                values = iterated(read_value(loop.iter, each))
            for value in values if len(values) * len(outer) <= _MOST else [UNKNOWN]:
                scopes.append(Scope(outer=each))
                bind(scopes[-1], loop.target, value)
    return scopes


def _modules(node: ast.Call, scope: Scope) -> Iterator[object]:
    """Yield what ``import_module(name, package)`` imports, or ``__import__(name, ...)``."""
    given = [*node.args, *(each.value for each in node.keywords)][:2]
    name, package = (*(read_value(each, scope) for each in given), UNKNOWN, UNKNOWN)[:2]
    is_own = getattr(given[-1:][0], "id", "") in ("__name__", "__package__") if given else False
    parts = package.split(".") if isinstance(package, str) and package else []
    for each in alternatives(name):
        module = each.lstrip(".") if isinstance(each, str) else ""
        level = len(str(each)) - len(module)
        if module and (is_own or not level):
            yield Import(module, level, line=node.lineno)
        elif module and level <= len(parts):
            above = parts[: len(parts) + 1 - level]
            yield Import(".".join([*above, module]), line=node.lineno)
        else:
            yield from _unknown(node, scope)


def _unknown(node: ast.Call, scope: Scope) -> Iterator[object]:
    if _path(node.func, scope) != "pkgutil.iter_modules" or node.args:  # Else: all installed ones.
        yield UnknownImport(node.lineno, source_of(node)[:_SHOWN])


def _folders(value: object) -> Iterator[str]:
    """Yield the folders that *value* is or holds, as far as they are known."""
    for each in alternatives(value):
        if isinstance(each, (list, tuple)):
            yield from (folder for item in each for folder in _folders(item))
        elif isinstance(each, (str, PurePath)):
            yield str(each)


def _added(node: Any, scope: Scope) -> Iterator[object]:
    given = node.args[-1:] if isinstance(node, ast.Call) else [node.value]
    yield from _folders([read_value(each, scope) for each in given])


def _scripts(node: ast.Call, scope: Scope) -> Iterator[object]:
    """Yield the Python scripts that the command of a call runs."""
    nodes = [inner for each in node.args for inner in getattr(each, "elts", [each])]
    values: List[object] = [read_value(each, scope) for each in nodes]
    words: List[str] = []
    while values:
        value = values.pop(0)
        if isinstance(value, (list, tuple)):
            values[:0] = value
        else:
            text = "python" if value == Symbol("sys.executable") else value
            words += text.split() if isinstance(text, str) else []
            words += [str(text)] if isinstance(text, PurePath) else []
    path = _path(node.func, scope)
    if not words and path.startswith("runpy."):
        yield from _unknown(node, scope)
    words[:0] = ["python", "-m"] if path == "runpy.run_module" else []
    words = [word.strip("'\"`;&|()") for word in words]
    for before, word, after in zip(["", *words], words, [*words[1:], ""]):
        if word.endswith(".py"):
            yield ScriptCall(node.lineno, word)
        elif word == "-m" and after and os.path.basename(before).startswith("python"):
            yield ScriptCall(node.lineno, f"-m {after}")


#: Functions, and what reads their calls.
_READERS = (
    (r"importlib\.import_module|(builtins|importlib)\.__import__", _modules),
    (r"site\.addsitedir|sys\.path(\.(append|extend|insert))?", _added),
    (r"pkgutil\.(iter_modules|resolve_name|walk_packages)|pydoc\.locate", _unknown),
    (r"imp\.load_\w+|importlib\.util\.spec_from_\w+|importlib\.machinery\.\w+Loader", _unknown),
    (r"subprocess\.\w+|asyncio\.create_subprocess_\w+", _scripts),
    (r"os\.(exec|popen|posix_spawn|spawn|system)\w*|runpy\.run_\w+", _scripts),
)
