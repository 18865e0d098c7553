"""What a module imports, told from its syntax tree."""

from __future__ import annotations

import ast
from typing import Iterator, List, Optional, Tuple

import attrs

from flowpack.analysis.script import Script

_FUNCTIONS = ("import_module", "__import__")


@attrs.frozen
class Import:
    """One import, wherever in the file it stands.

    Attributes:
        module: The dotted name as written; empty in ``from . import x``.
        level: How many dots stand before it.
        names: What a from-import takes of it.
        line: Where it stands.
        optional: Whether a failure of it is caught.
    """

    module: str
    level: int = 0
    names: Tuple[str, ...] = ()
    line: int = 0
    optional: bool = False


@attrs.frozen
class UnknownImport:
    """An import of a module that only running the code would tell."""

    line: int
    text: str


@attrs.frozen
class Imports:
    found: Tuple[Import, ...]
    unknown: Tuple[UnknownImport, ...]
    search_paths: Tuple[str, ...] = ()


def read_imports(script: Script) -> Imports:
    found, unknown = imports_of(script.tree)
    return Imports(tuple(found), tuple(unknown))


def exported_names(script: Script) -> Tuple[str, ...]:
    return exported(script.tree)


def imports_of(tree: ast.Module) -> Tuple[List[Import], List[UnknownImport]]:
    """Return the imports of a module, in order, and those that cannot be told."""
    found: List[Import] = []
    untold: List[UnknownImport] = []
    for node, optional in _walk(tree, False):
        if isinstance(node, ast.Import):
            for each in node.names:
                found.append(Import(each.name, 0, (), node.lineno, optional))
        elif isinstance(node, ast.ImportFrom):
            names = tuple(each.name for each in node.names)
            module = node.module or ""
            found.append(Import(module, node.level, names, node.lineno, optional))
        elif isinstance(node, ast.Call) and _called(node) in _FUNCTIONS:
            name = _literal(node)
            if name is None:
                untold.append(UnknownImport(node.lineno, ast.unparse(node)[:80]))
            else:
                module = name.lstrip(".")
                level = len(name) - len(module)
                found.append(Import(module, level, (), node.lineno, optional))
    return found, untold


def exported(tree: ast.Module) -> Tuple[str, ...]:
    """Return the names in a literal ``__all__``, which a star import takes."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.List, ast.Tuple)):
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
                items = [e.value for e in node.value.elts if isinstance(e, ast.Constant)]
                return tuple(item for item in items if isinstance(item, str))
    return ()


def _walk(node: ast.AST, optional: bool) -> Iterator[Tuple[ast.AST, bool]]:
    """Walk in order; what stands under ``if TYPE_CHECKING`` is never run."""
    # A list of work and not recursion: code may be nested deeply.
    stack: List[Tuple[ast.AST, bool]] = [(node, optional)]
    while stack:
        node, optional = stack.pop()
        yield node, optional
        children = list(ast.iter_child_nodes(node))
        caught: List[ast.AST] = []
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            children = list(node.orelse)
        elif isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            caught = list(node.body)
        stack += [
            (child, optional or any(child is each for each in caught))
            for child in reversed(children)
        ]


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type
    if kinds is None:
        return True
    listed = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
    names = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
    return any(getattr(each, "id", None) in names for each in listed)


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return getattr(function, "id", "")


def _literal(node: ast.Call) -> Optional[str]:
    first = node.args[0] if node.args else None
    value = first.value if isinstance(first, ast.Constant) else None
    return value if isinstance(value, str) and value.strip(".") else None
