"""What is known of a flow from its source, and of what only looks like one."""

from __future__ import annotations

import ast
from typing import FrozenSet, Iterator, Optional, Tuple

import attrs

from flowpack.discovery.script import Script
from flowpack.exceptions import DiscoveryError
from flowpack.signatures.scopes import source_of
from flowpack.signatures.values import Function


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
class FlowInfo:
    """A flow that a script defines, read from its source.

    Attributes:
        script: The script, with its bytes.
        function: The name of its function.
        variable: The module-level name that it is bound to, or ``Class.method``.
        aliases: Further names of that kind.
        name: The flow's name.
        version: As given, else the MD5 of the script's bytes.
        description: As given, else the function's docstring.
        line: Where it is made.
        origin: The libraries whose ``flow`` makes it: ``prefect``, ``flowpack`` or,
            where an import has a fallback, both.
        is_async: Whether calling it gives a coroutine.
        parameters: Those of its function; empty if *definition* is None.
        namesakes: Names of other flows in the script that have this one's name. A
            server that knows flows by name alone cannot tell them apart.
        renamed: Whether the script has it under another name, for it was renamed
            elsewhere.
        definition: Its function; None if that is not in the script, or if it is not
            known which of several it is.
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
    definition: Optional[Function] = attrs.field(default=None, eq=False, repr=False)

    @property
    def variables(self) -> Tuple[str, ...]:
        """Every name of the script that the flow is bound to."""
        return (self.variable, *self.aliases)

    @property
    def entrypoint(self) -> str:
        """Where Prefect finds the flow in the script's folder: ``file.py:name``."""
        return f"{self.script.filename}:{self.variable}"

    @property
    def is_method(self) -> bool:
        """Whether the flow is in a class: ``Class.method``."""
        return "." in self.variable


@attrs.frozen(kw_only=True)
class Undetermined:
    """A flow, by the look of it, of which something is not known from the source.

    Attributes:
        where: File and line.
        function: The name of its function; may be empty.
        variables: The names that it is bound to.
        name: The flow's name, if that is known.
        reason: What is not known and what to write instead.
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


def parameters_of(arguments: ast.arguments) -> Iterator[Parameter]:
    """Yield the parameters that *arguments* define."""
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
    return Parameter(name=each.arg, annotation=text, has_default=has_default, kind=kind)
