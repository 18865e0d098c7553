"""What a module imports, and where it looks for modules, read from its source."""

from __future__ import annotations

import ast
import os
import re
from contextlib import suppress
from importlib.util import resolve_name
from pathlib import PurePath
from typing import Any, Collection, Dict, Iterator, List, Tuple

import attrs

from flowpack.analysis.evaluate import MODULE_NAME, read_value, truth
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import last_name, source_of
from flowpack.analysis.values import Scope, Symbol, alternatives, path_of

#: Where nothing of this is written no expression imports a module, or adds a search path.
_MENTIONED = re.compile(rb"__import__|importlib|pkgutil|runpy|\bsys\s*\.\s*path|from\s+sys\b")

#: The fields of statements that hold other statements.
_BLOCKS = frozenset({"body", "handlers", "orelse", "finalbody", "cases"})
#: Exceptions as which a failed import is caught; without a name, all are.
_CAUGHT = {"", "ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
#: What names stand for in conditions that never hold in runs.
_CONDITIONS: Dict[str, object] = {"TYPE_CHECKING": False, "__name__": MODULE_NAME}
_CONDITIONS.update({name: Symbol(name) for name in ("sys", "typing", "typing_extensions")})
_CONDITIONS["t"] = Symbol("typing")


@attrs.frozen
class Import:
    """One import, wherever in the file it stands.

    Attributes:
        module: The dotted name as written; empty in ``from . import x``.
        level: How many dots stand before it.
        names: What a from-import takes of it; a star is one of them.
        line: Where it stands.
        optional: Whether runs can do without it: its failure is caught, or it is in the handler;
            or a condition never holds in runs: ``TYPE_CHECKING``, ``__name__ == "__main__"``.
        fallback: Whether it is in such a handler, for what could not be imported.
    """

    module: str
    level: int = 0
    names: Tuple[str, ...] = ()
    line: int = 0
    optional: bool = False
    fallback: bool = False


@attrs.frozen
class UnknownImport:
    """An import of what only running the code tells; *text* is its source, cut if it is long."""

    line: int
    text: str


@attrs.frozen
class Imports:
    """What a module imports, in the order of its source.

    Attributes:
        search_paths: The folders that it adds to ``sys.path``, absolute, if they are literals or
            made of ``__file__``. A relative one is taken from the script's folder.
        working_paths: The relative ones as written, for Python takes them from the working folder.
    """

    found: Tuple[Import, ...] = ()
    unknown: Tuple[UnknownImport, ...] = ()
    search_paths: Tuple[str, ...] = ()
    working_paths: Tuple[str, ...] = ()


def read_imports(script: Script) -> Imports:
    """Return what *script* imports, anywhere in it; runs nothing.

    Raises:
        DiscoveryError: It cannot be parsed.
    """
    items = list(dict.fromkeys(_items(script)))
    paths = [each for each in items if isinstance(each, str)]
    folder = os.path.dirname(script.path or "")
    absolute = [os.path.normpath(os.path.join(folder, each)) for each in paths]
    return Imports(
        found=tuple(each for each in items if isinstance(each, Import)),
        unknown=tuple(each for each in items if isinstance(each, UnknownImport)),
        search_paths=tuple(each for each in dict.fromkeys(absolute) if os.path.isabs(each)),
        working_paths=tuple(each for each in paths if not os.path.isabs(each)),
    )


def exported_names(script: Script) -> Tuple[str, ...]:
    """Return the names in the ``__all__`` of *script*; none where it is not known."""
    return tuple(script.scope.exported() or ())


def _items(script: Script) -> Iterator[object]:
    """Yield imports, and all else, in the order of the source; search paths are text."""
    scopes: Dict[ast.AST, Scope] = {}
    has_calls = _MENTIONED.search(script.content) is not None
    scope = script.read_scope(scopes) if has_calls else Scope()
    # A list of work and no recursion: code may be nested deeply.
    waiting: List[Tuple[Any, Scope, Dict[str, Any]]] = [(script.tree, scope, {})]
    while waiting:
        node, scope, marks = waiting.pop()
        scope = scopes.get(node, scope)
        for item in _items_of(node, scope):
            yield attrs.evolve(item, **marks) if isinstance(item, Import) and marks else item
        optional = _optional_fields(node) if hasattr(node, "body") else ()
        for field in [each for each in node._fields[::-1] if has_calls or each in _BLOCKS]:
            inner = getattr(node, field, None)
            for each in reversed(inner) if isinstance(inner, list) else [inner]:
                if isinstance(each, ast.AST):
                    found: Dict[str, Any] = {"optional": True, "fallback": field == "handlers"}
                    waiting.append((each, scope, found if field in optional else marks))


def _optional_fields(node: Any) -> Collection[str]:
    """Return the fields of *node* whose imports never run, or may fail."""
    if isinstance(node, (ast.If, ast.IfExp)):
        holds = truth(read_value(node.test, Scope(dict(_CONDITIONS))))
        return {True: ("orelse",), False: ("body",), None: ()}[holds]
    kinds = [each.type for each in getattr(node, "handlers", ())]
    for call in [each.context_expr for each in getattr(node, "items", ())]:
        kinds += call.args if last_name(getattr(call, "func", None)) == "suppress" else []
    names = {last_name(each) for kind in kinds for each in getattr(kind, "elts", [kind])}
    return () if names.isdisjoint(_CAUGHT) else ("body", "handlers", "orelse")


def _items_of(node: Any, scope: Scope) -> Iterator[object]:
    """Yield what *node* itself imports, or adds to the search path."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, line=node.lineno)
    elif isinstance(node, ast.ImportFrom):
        names = tuple(alias.name for alias in node.names)
        yield Import(node.module or "", node.level, names, node.lineno)
    elif isinstance(node, (ast.Call, ast.AugAssign)):
        path = _path(node.func if isinstance(node, ast.Call) else node.target, scope)
        for pattern, read in _READERS:
            if re.fullmatch(pattern, path):
                yield from read(node, scope)


def _path(node: ast.expr, scope: Scope) -> str:
    """Return the full name of *node*, if it is something imported or built in."""
    first = node
    while isinstance(first, ast.Attribute):
        first = first.value
    return path_of(read_value(node, scope)) if isinstance(first, ast.Name) else ""


def _modules(node: Any, scope: Scope) -> Iterator[object]:
    """Yield what ``import_module(name, package)`` imports, or ``__import__(name, ...)``."""
    given = [*node.args, *(each.value for each in node.keywords), ast.Constant("")]
    package = read_value(given[1], scope) if len(given) > 2 else ""
    for name in alternatives(read_value(given[0], scope)):
        if isinstance(name, str) and isinstance(package, str):
            with suppress(ImportError):  # It leads above the outermost package, or has none.
                name = resolve_name(name, package)
        module = name.lstrip(".") if isinstance(name, str) else ""
        level = len(name) - len(module) if isinstance(name, str) else 0
        if module and (not level or last_name(given[1]) in ("__name__", "__package__")):
            yield Import(module, level, line=node.lineno)
        else:
            yield from _unknown(node, scope)


def _unknown(node: Any, scope: Scope) -> Iterator[object]:
    if node.args:  # Else they go through all that is installed.
        yield UnknownImport(node.lineno, source_of(node)[:80])


def _added(node: Any, scope: Scope) -> Iterator[object]:
    """Yield the folders that *node* adds to the search path, as far as they are known."""
    given = node.args[-1:] if isinstance(node, ast.Call) else [node.value]
    for value in [each for part in given for each in alternatives(read_value(part, scope))]:
        for folder in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(folder, (str, PurePath)):
                yield str(folder)


#: Functions, and what reads their calls.
_READERS = (
    (r"importlib\.import_module|(builtins|importlib)\.__import__", _modules),
    (r"sys\.path(\.(append|extend|insert))?", _added),
    (r"pkgutil\.(iter_modules|resolve_name|walk_packages)|runpy\.run_\w+", _unknown),
    (r"importlib\.(util\.spec_from_\w+|machinery\.\w+Loader)", _unknown),
)
