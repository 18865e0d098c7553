"""Conditions whose outcome at load time is known without running anything."""

from __future__ import annotations

import ast
from typing import Optional


def truth_at_load(test: ast.expr) -> Optional[bool]:
    """Return what the condition *test* is while a script is loaded, or None.

    Then ``__name__`` is not ``"__main__"``, and ``TYPE_CHECKING`` is false.
    """
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, (ast.Name, ast.Attribute)):
        name = test.attr if isinstance(test, ast.Attribute) else test.id
        return False if name == "TYPE_CHECKING" else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = truth_at_load(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        deciding = isinstance(test.op, ast.Or)
        parts = [truth_at_load(value) for value in test.values]
        if deciding in parts:
            return deciding
        return None if None in parts else not deciding
    if isinstance(test, ast.Compare) and _is_main_test(test):
        return isinstance(test.ops[0], ast.NotEq)
    return None


def _is_main_test(test: ast.Compare) -> bool:
    """Say whether *test* compares ``__name__`` with ``"__main__"``."""
    if len(test.ops) != 1 or not isinstance(test.ops[0], (ast.Eq, ast.NotEq)):
        return False
    sides = (test.left, test.comparators[0])
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    texts = [side.value for side in sides if isinstance(side, ast.Constant)]
    return names == ["__name__"] and texts == ["__main__"]
