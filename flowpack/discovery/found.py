"""What was found in a script: flows, and flows that cannot be told."""

from __future__ import annotations

import ast
import inspect
from typing import FrozenSet, Iterator, Optional, Tuple

import attrs

from flowpack.discovery.constants import Constants, DynamicError, source_of
from flowpack.discovery.values import FunctionNode, MadeFlow
from flowpack.discovery.script import Script
from flowpack.exceptions import DiscoveryError, quoted
from flowpack.models import name_problem

_INSTEAD = "or give the flow itself as flow= in a spec file"


@attrs.frozen(kw_only=True)
class Parameter:
    """A parameter of a flow's function.

    Attributes:
        name: Without the stars of ``*args`` and ``**kwargs``.
        annotation: Its source; of an annotation in quotes, the text in them.
        has_default: Whether it may be left out.
        kind: ``positional_only``, ``positional_or_keyword``, ``var_positional``,
            ``keyword_only`` or ``var_keyword``.
    """

    name: str
    annotation: Optional[str] = None
    has_default: bool = False
    kind: str = "positional_or_keyword"


@attrs.frozen(kw_only=True)
class FoundFlow:
    """A flow that a script defines, told from its source.

    Attributes:
        script: The script, with its bytes.
        function: The name of its function.
        variable: The module-level name that it is bound to.
        aliases: Further names of that kind.
        name: The flow's name.
        version: As given, else the MD5 of the script's bytes.
        description: As given, else the function's docstring.
        line: Where it is made.
        origin: The libraries whose ``flow`` makes it: ``prefect``, ``flowpack`` or,
            where an import has a fallback, both.
        is_async: Whether calling it gives a coroutine.
        parameters: Those of its function; empty if that is not in the script.
        namesakes: Names of other flows in the script that have this one's name. A
            server that knows flows by name alone cannot tell them apart.
        renamed: Whether the script has it under another name, for it was renamed
            elsewhere.
        node: The function's definition, if the script has it.
    """

    script: Script
    function: str
    variable: str
    name: str
    version: str
    description: Optional[str] = None
    line: int = 0
    origin: FrozenSet[str] = frozenset()
    is_async: bool = False
    parameters: Tuple[Parameter, ...] = ()
    aliases: Tuple[str, ...] = ()
    namesakes: Tuple[str, ...] = ()
    renamed: bool = False
    node: Optional[FunctionNode] = attrs.field(default=None, eq=False, repr=False)

    @property
    def variables(self) -> Tuple[str, ...]:
        """Every module-level name that the flow is bound to."""
        return (self.variable, *self.aliases)

    @property
    def entrypoint(self) -> str:
        """Where Prefect finds the flow in the script's folder: ``file.py:name``."""
        return f"{self.script.filename}:{self.variable}"


@attrs.frozen(kw_only=True)
class Undetermined:
    """A flow, by the look of it, of which something is not told by the source.

    Attributes:
        where: File and line.
        function: The name of its function; may be empty.
        variables: The module-level names that it is bound to.
        name: The flow's name, if that can be told.
        reason: What cannot be told and what to write instead.
        likely: False where it may as well be no flow at all.
    """

    where: str
    function: str
    variables: Tuple[str, ...]
    name: Optional[str]
    reason: str
    likely: bool = True

    @property
    def error(self) -> DiscoveryError:
        """What to raise when this flow is asked for."""
        return DiscoveryError(self.where, self.reason)


class _UntoldError(ValueError):
    """Something about a flow cannot be told; the text says what to do."""


def describe(
    made: MadeFlow, variables: Tuple[str, ...], script: Script, constants: Constants
) -> FoundFlow | Undetermined:
    """Return the facts of a flow bound to *variables*, or why they are not told."""
    name = None
    try:
        if made.maker.doubt:
            raise _UntoldError(f"whether this is a flow cannot be told: {_doubt(made)}")
        name = _name(made, constants)
        return _found(made, variables, name, script, constants)
    except _UntoldError as exc:
        return Undetermined(
            where=script.at(made.line),
            function=made.called,
            variables=variables,
            name=name,
            reason=str(exc),
            likely=made.likely,
        )


def _found(
    made: MadeFlow,
    variables: Tuple[str, ...],
    name: str,
    script: Script,
    constants: Constants,
) -> FoundFlow:
    node = made.function.node if made.function else None
    version = _option(made, "version", constants) or script.md5
    description = _option(made, "description", constants) or _docstring(node)
    return FoundFlow(
        script=script,
        function=made.called or variables[0],
        variable=variables[0],
        name=name,
        version=str(version),
        description=None if description is None else str(description),
        line=made.line,
        origin=frozenset({made.maker.library}),
        is_async=isinstance(node, ast.AsyncFunctionDef),
        parameters=tuple(_parameters(node.args)) if node else (),
        aliases=variables[1:],
        node=node,
    )


def _doubt(made: MadeFlow) -> str:
    return (
        f"{made.maker.doubt}. Decorate the function with Prefect's or flowpack's own"
        f" flow, {_INSTEAD}"
    )


def _name(made: MadeFlow, constants: Constants) -> str:
    name = _option(made, "name", constants)
    if name:
        problem = name_problem(name)  # type: ignore[arg-type]  # it checks the type
        if problem:
            raise _UntoldError(problem)
        return str(name)
    function = made.function
    if function is None:
        raise _UntoldError(_untold("name", "depends on a function of another module"))
    if function.wrapped_by:
        wrapper = function.wrapped_by
        raise _UntoldError(_untold("name", f"may be changed by {wrapper} below @flow"))
    if isinstance(function.node, ast.Lambda):
        raise _UntoldError("a lambda has no name; give one: flow(..., name='...')")
    return function.name.replace("_", "-")


def _untold(what: str, why: str) -> str:
    return (
        f"the flow's {what} {why}, so only running the script would tell it. Write a"
        f" literal {what}='...', {_INSTEAD}"
    )


def _option(made: MadeFlow, key: str, constants: Constants) -> object:
    """Return the value given for *key*, or None; a later call's comes first."""
    for keywords in reversed(made.maker.options):
        given = [each.value for each in keywords if each.arg == key]
        unnamed = [each.value for each in keywords if each.arg is None]
        if not given and unnamed:
            shown = quoted(source_of(unnamed[0]), 80)
            raise _UntoldError(_untold(key, f"may stand in {shown}"))
        try:
            value = constants.value(given[0]) if given else None
        except DynamicError as exc:
            shown = quoted(exc, 80)
            raise _UntoldError(_untold(key, f"depends on {shown}")) from exc
        if value:
            return value
    return None


def _docstring(node: Optional[FunctionNode]) -> Optional[str]:
    if node is None or isinstance(node, ast.Lambda):
        return None
    text = ast.get_docstring(node, clean=False)
    return inspect.cleandoc(text) if text is not None else None


def _parameters(arguments: ast.arguments) -> Iterator[Parameter]:
    plain = [*arguments.posonlyargs, *arguments.args]
    required = len(plain) - len(arguments.defaults)
    for index, each in enumerate(plain):
        before_slash = index < len(arguments.posonlyargs)
        kind = "positional_only" if before_slash else "positional_or_keyword"
        yield _parameter(each, kind, index >= required)
    if arguments.vararg:
        yield _parameter(arguments.vararg, "var_positional")
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        yield _parameter(each, "keyword_only", default is not None)
    if arguments.kwarg:
        yield _parameter(arguments.kwarg, "var_keyword")


def _parameter(each: ast.arg, kind: str, has_default: bool = False) -> Parameter:
    node = each.annotation
    if node is None:
        text = None
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value.strip()
    else:
        text = source_of(node)
    return Parameter(
        name=each.arg, annotation=text, has_default=has_default, kind=kind
    )
