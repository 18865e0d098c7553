"""What a syntax tree says by itself, without what its expressions stand for."""

from __future__ import annotations

import ast
from typing import Dict, List, Optional, Tuple

#: The file name that the parser gets: its warnings under this name are ignored.
PARSED_AS = "<flowpack discovery>"
#: Methods that change the items of containers.
CHANGING_METHODS = frozenset("""
    add append appendleft clear discard extend insert pop popitem popleft remove reverse
    setdefault sort update
    """.split())
#: What a flow's name, version, description and parameters come from.
OF_FLOWS = frozenset("""
    __annotations__ __code__ __defaults__ __doc__ __kwdefaults__ __name__ __signature__
    __wrapped__ description fn name version
    """.split())


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


def arguments_of(arguments: ast.arguments) -> List[ast.arg]:
    """Return the parameters in the order of ``inspect.signature``."""
    positional = [*arguments.posonlyargs, *arguments.args, arguments.vararg]
    every = [*positional, *arguments.kwonlyargs, arguments.kwarg]
    return [each for each in every if each is not None]


def defaults_of(arguments: ast.arguments) -> Dict[str, ast.expr]:
    """Return the expression of each default value, by the parameter's name."""
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    keyword_only = zip(arguments.kwonlyargs, arguments.kw_defaults)
    pairs = [*zip(with_default, arguments.defaults), *keyword_only]
    return {arg.arg: node for arg, node in pairs if node is not None}


def stored_names(node: ast.AST) -> List[str]:
    """Return the names that *node* binds, by assignments, patterns, or definitions."""
    names: List[str] = []
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            names += [each.id] if _changes(each) else []
        elif isinstance(each, ast.alias):
            names.append(each.asname or each.name.partition(".")[0])
        else:  # Definitions, handlers, and the patterns of match
            found = (getattr(each, field, None) for field in ("name", "rest"))
            names += [name for name in found if isinstance(name, str)]
    return names


def returns_parameter(node: Optional[ast.AST]) -> bool:
    """Return True if the function *node* returns its first parameter, untouched."""
    if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
        return False
    first = [each.arg for each in (*node.args.posonlyargs, *node.args.args)][:1]
    if isinstance(node, ast.Lambda):
        return [getattr(node.body, "id", None)] == first
    nodes = list(ast.walk(node))
    returned = [getattr(each.value, "id", "") for each in nodes if isinstance(each, ast.Return)]
    changed = {changed_by(each) for each in nodes} | {(name, "fn") for name in stored_names(node)}
    return (
        isinstance(node.body[-1], ast.Return)
        and not node.decorator_list
        and all([name] == first for name in returned)
        and not any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in nodes)
        and not any([name] == first and attribute in OF_FLOWS for name, attribute in changed)
    )


def returned_function(node: ast.AST) -> Optional[ast.AST]:
    """Return the function that the function *node* defines and always returns, if any."""
    body = node.body if isinstance(node, ast.FunctionDef) and not node.decorator_list else []
    inner = [each for each in body if isinstance(each, ast.FunctionDef)][-1:]
    others = [each for part in body if part not in inner for each in ast.walk(part)]
    returned = [each for each in others if isinstance(each, ast.Return)]
    names = [getattr(each.value, "id", "") for each in returned]
    is_last = returned == body[-1:] and names == [each.name for each in inner]
    return inner[0] if is_last and stored_names(node).count(names[0]) == 1 else None


def changed_by(node: ast.AST) -> Tuple[str, str]:
    """Return ``X``, ``a`` if the code *node* changes ``X.a``, an item of it, or the like."""
    if isinstance(node, ast.Call):
        function = getattr(node.func, "id", "")
        if function == "setattr" and len(node.args) > 1:
            return getattr(node.args[0], "id", ""), str(getattr(node.args[1], "value", ""))
        return function if function == "exec" else "", ""
    if not (_changes(node) or getattr(node, "attr", "") in CHANGING_METHODS):
        return "", ""
    attribute = ""
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Call)):
        attribute = node.attr if isinstance(node, ast.Attribute) else attribute
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", ""), attribute


def _changes(node: ast.AST) -> bool:
    """Return True if *node* is what an assignment or a ``del`` changes."""
    return isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del))
