"""Scripts for the tests, written where they are used."""

from __future__ import annotations

import textwrap
from typing import Union

from flowpack.analysis.discovery import Discovery, find_flows
from flowpack.analysis.parameters import ParameterSchema, parameter_schema
from flowpack.analysis.script import Script
from flowpack.analysis.values import Class, Function


def script(text: str, name: str = "script.py") -> Script:
    """Return a script of that indented *text*."""
    return Script(content=textwrap.dedent(text).encode("utf-8"), name=name)


def found(text: str) -> Discovery:
    """Return what is found in a script of that *text*."""
    return find_flows(script(text))


def schema_in(source: Union[str, bytes], function: str = "f") -> ParameterSchema:
    """Return the schema of the *function*, or ``Class.method``, that *source* defines."""
    content = source.encode("utf-8") if isinstance(source, str) else source
    scope = Script(content=content, name="s.py").scope
    first, *rest = function.split(".")
    value = scope.names[first]
    for part in rest:
        assert isinstance(value, Class)
        value = value.attribute(part)
    assert isinstance(value, Function)
    return parameter_schema(value, scope, where="s.py")
