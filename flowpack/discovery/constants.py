"""Expressions whose value the source tells: literals and names of constants."""

from __future__ import annotations

import ast
import functools
from collections import Counter
from typing import Dict, Iterator, List, Union

#: Longest text that is put together, in characters; a description may be long, and
#: a few constants made of one another may be longer than memory.
LONGEST = 100_000

_SCALARS = (str, int, float, type(None))  # A bool is an int.


class DynamicError(ValueError):
    """Only running the script would tell the value; the text is the expression."""


def source_of(node: ast.AST) -> str:
    """Return the source of *node*, spelt in Python's own way."""
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        # Python 3.11 and older cannot spell some f-strings.
        return "an expression"


class Constants:
    """The constants of a module: names bound once, and to an expression.

    A name that is bound twice, or that a function may bind with ``global``, could
    be anything by the time it is used.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._values: Dict[str, object] = {}

    def value(self, node: ast.expr) -> object:
        """Return the value of *node*: text, a number, a bool or None.

        Understood are literals, ``"a" "b"``, ``"a" + "b"``, f-strings of these and
        names of constants.

        Raises:
            DynamicError: Only running the script would tell.
        """
        if isinstance(node, ast.Constant) and isinstance(node.value, _SCALARS):
            return node.value
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.JoinedStr):
            return self._joined(node, node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined(node, [node.left, node.right])
        raise DynamicError(source_of(node))

    def _named(self, name: str) -> object:
        if name not in self._values:
            # Taken out, an expression that needs itself is not found again.
            expression = self._expressions.pop(name, None)
            if expression is None:
                raise DynamicError(name)
            self._values[name] = self.value(expression)
        return self._values[name]

    def _joined(self, whole: ast.expr, parts: List[ast.expr]) -> str:
        texts = [self.value(_plain(part)) for part in parts]
        if not all(isinstance(text, str) for text in texts):
            raise DynamicError(source_of(whole))
        text = "".join(map(str, texts))
        if len(text) > LONGEST:
            raise DynamicError(source_of(whole))
        return text

    @functools.cached_property
    def _expressions(self) -> Dict[str, ast.expr]:
        nodes = list(_module_level(self._tree))
        times = Counter(name for node in nodes for name in _names_bound_by(node))
        found: Dict[str, ast.expr] = {}
        for node in nodes:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
                for name in _targets(node):
                    if times[name] == 1:
                        found[name] = node.value
        return found


def _plain(part: ast.expr) -> ast.expr:
    """Return what stands in the braces of an f-string, or *part* itself."""
    if isinstance(part, ast.FormattedValue):
        if part.conversion == -1 and part.format_spec is None:
            return part.value
    return part


def _module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that may bind names of the module."""
    waiting: List[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            waiting += node.decorator_list
            waiting += (n for n in ast.walk(node) if isinstance(n, ast.Global))
        elif isinstance(node, ast.AnnAssign) and node.value is None:
            continue  # It declares, and binds nothing.
        elif not isinstance(node, ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _targets(node: Union[ast.Assign, ast.AnnAssign]) -> List[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _names_bound_by(node: ast.AST) -> List[str]:
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.alias):
        return [node.asname or node.name.partition(".")[0]]
    if isinstance(node, ast.Global):
        return node.names * 2  # How often a function binds them is not told.
    # Definitions, exception handlers, and the patterns of ``match``.
    names = (getattr(node, field, None) for field in ("name", "rest"))
    return [name for name in names if isinstance(name, str)]
