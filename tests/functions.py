"""Reads a function of a script by its name, for the tests of schemas."""

from __future__ import annotations

import ast

from flowpack.signatures import ParameterSchema, schema_of
from flowpack.signatures.scopes import read_module
from flowpack.signatures.values import Class, Function


def schema_in(source: str | bytes | ast.Module, name: str = "f") -> ParameterSchema:
    """Return the schema of the function *name*, or ``Class.method``, in *source*."""
    tree = source if isinstance(source, ast.Module) else ast.parse(source)
    scope = read_module(tree)
    first, *rest = name.split(".")
    found = scope.names[first]
    for part in rest:
        assert isinstance(found, Class)
        found = found.attribute(part)
    assert isinstance(found, Function)
    return schema_of(found, scope, where="s.py")
