"""Reads the package's own source, for the tests of its rules."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Iterator, NamedTuple, Union

import flowpack

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(flowpack.__file__).resolve().parent

#: Top-level modules of the standard library; Python 3.9 has no list of them.
STANDARD_LIBRARY: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())

Documented = Union[ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef]


class Import(NamedTuple):
    """One imported name: the module, and the name taken from it if there is one."""

    module: str
    name: str | None
    line: int


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of the file at *path*."""
    return ast.parse(path.read_bytes(), str(path))


def imports(module: str, path: Path) -> Iterator[Import]:
    """Yield what *module* imports anywhere: in functions, for type checkers too."""
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, parent)
            for alias in node.names:
                yield Import(base, alias.name, node.lineno)


def _absolute(node: ast.ImportFrom, parent: str) -> str:
    if not node.level:
        return node.module or ""
    above = parent.split(".")[: len(parent.split(".")) - node.level + 1]
    return ".".join(above + ([node.module] if node.module else []))


def public(module: str) -> bool:
    """Say whether no part of the dotted name *module* starts with ``_``."""
    return not any(
        part.startswith("_") and part != "__main__" for part in module.split(".")
    )


def definitions(path: Path) -> Iterator[tuple[str, Documented]]:
    """Yield the public classes, functions and methods of the file, by name.

    Overloads are left out: the function that follows them speaks for all.
    """
    yield from _definitions(parse(path).body, "")


def _definitions(
    body: list[ast.stmt], prefix: str
) -> Iterator[tuple[str, Documented]]:
    for node in body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if node.name.startswith("_") or _is_overload(node):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node.body, f"{prefix}{node.name}.")


def _is_overload(node: Documented) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(each).endswith("overload") for each in decorators)
