"""What a syntax tree says by itself, without what its expressions stand for."""

from __future__ import annotations

import ast
from collections import Counter
from typing import Dict, Iterator, List, Optional, Set, Tuple

#: The file name that the parser gets: its warnings under this name are ignored.
PARSED_AS = "<flowpack discovery>"


def source_of(node: ast.AST) -> str:
    """Return the source of *node*, if it can be spelt."""
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return "an expression"


def docstring_of(node: ast.AST) -> Optional[str]:
    """Return the docstring of a function as it is written; None where it has none."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return ast.get_docstring(node, clean=False)
    return None


def every_argument(arguments: ast.arguments) -> List[ast.arg]:
    """Return the parameters in the order of ``inspect.signature``."""
    listed = [*arguments.posonlyargs, *arguments.args]
    if arguments.vararg is not None:
        listed.append(arguments.vararg)
    listed.extend(arguments.kwonlyargs)
    if arguments.kwarg is not None:
        listed.append(arguments.kwarg)
    return listed


def defaults_of(arguments: ast.arguments) -> Dict[str, ast.expr]:
    """Return the expression of each default value, by the parameter's name."""
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    found = {arg.arg: node for arg, node in zip(with_default, arguments.defaults)}
    for arg, node in zip(arguments.kwonlyargs, arguments.kw_defaults):
        if node is not None:
            found[arg.arg] = node
    return found


def postpones(tree: ast.Module) -> bool:
    """Return True if annotations stay text: ``from __future__ import annotations``."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )


def changing_names(tree: ast.Module) -> Iterator[str]:
    """Yield names that functions bind with ``global``, and those bound by ``:=``.

    Left out is ``:=`` where it is the whole expression of a statement.
    """
    waiting: List[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            waiting += node.decorator_list
            inner = (each for each in ast.walk(node) if isinstance(each, ast.Global))
            yield from (name for each in inner for name in each.names)
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
                yield node.target.id
            whole = getattr(node, "value", None) if isinstance(node, ast.stmt) else None
            skipped = whole if isinstance(whole, ast.NamedExpr) else None
            waiting += (each for each in ast.iter_child_nodes(node) if each is not skipped)


def stored_names(node: ast.AST) -> List[str]:
    """Return the names that *node* binds, by assignments, patterns, or definitions."""
    names: List[str] = []
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            if not isinstance(each.ctx, ast.Load):
                names.append(each.id)
        elif isinstance(each, ast.alias):
            names.append(each.asname or each.name.partition(".")[0])
        else:  # Definitions, handlers, and the patterns of match
            found = (getattr(each, field, None) for field in ("name", "rest"))
            names += [name for name in found if isinstance(name, str)]
    return names


def bound_often(statements: List[ast.stmt]) -> Set[str]:
    """Return the names that could be anything where *statements* are left early."""
    times = Counter(name for each in statements for name in stored_names(each))
    return {name for name, number in times.items() if number > 1}


def changed_attribute(node: ast.AST) -> Tuple[str, str]:
    """Return ``fn``, ``name`` if the code *node* changes ``fn.name`` or an item of it."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr":
        owner, name = (*node.args, None, None)[:2]
        return getattr(owner, "id", ""), str(getattr(name, "value", ""))
    changes = not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    if changes and isinstance(node, ast.Subscript):
        node = node.value
    if changes and isinstance(node, ast.Attribute):
        return getattr(node.value, "id", ""), node.attr
    return "", ""
