"""What a name of a module can stand for, as far as flows are concerned."""

from __future__ import annotations

import ast
from typing import List, Optional, Tuple, Union

import attrs

#: The packages whose ``flow`` makes flows.
LIBRARIES = frozenset({"prefect", "flowpack"})

FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda]

#: The keyword arguments of one call; those of ``**options`` have no name.
Keywords = Tuple[ast.keyword, ...]


@attrs.frozen
class Library:
    """A module of Prefect or flowpack, or something in one: ``prefect.flows``."""

    path: str


@attrs.frozen
class Foreign:
    """Something of another module: ``mylib.flow``, imported at *line*."""

    path: str
    line: int


@attrs.frozen(eq=False)
class Function:
    """A function or lambda of the script.

    Attributes:
        node: Its definition.
        wrapped_by: The decorator that may have given it another name, or nothing.
    """

    node: FunctionNode
    wrapped_by: str = ""

    @property
    def name(self) -> str:
        """What the function is called where it is defined."""
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name


@attrs.frozen(eq=False)
class Maker:
    """What makes flows: ``flow``, ``flow(name=...)``, ``partial(flow, ...)``.

    Attributes:
        library: Where it comes from; empty where it only looks like one.
        doubt: Why it may not be one, or nothing.
        options: Its keyword arguments so far, earliest call first.
    """

    library: str
    doubt: str = ""
    options: Tuple[Keywords, ...] = ()


@attrs.frozen(eq=False)
class MadeFlow:
    """A flow.

    Attributes:
        maker: What made it, with all options.
        line: Where it is made.
        called: The function's name as far as the source tells.
        function: The function, if the script defines it.
        likely: False where it may as well be no flow at all.
    """

    maker: Maker
    line: int
    called: str
    function: Optional[Function]
    likely: bool = True


Value = Union[Library, Foreign, Function, Maker, MadeFlow]
Values = Tuple[Value, ...]


def module_value(path: str, line: int) -> Union[Library, Foreign]:
    """Return what ``import path`` in *line* gives."""
    if path.partition(".")[0] in LIBRARIES:
        return Library(path)
    return Foreign(path, line)


def member_value(value: Union[Library, Foreign], name: str) -> Value:
    """Return what ``value.name`` is."""
    if isinstance(value, Foreign):
        return Foreign(f"{value.path}.{name}", value.line)
    if name in ("flow", "Flow"):
        return Maker(value.path.partition(".")[0])
    return Library(f"{value.path}.{name}")


def with_keywords(maker: Maker, keywords: List[ast.keyword]) -> Maker:
    """Return *maker* with the keyword arguments of one more call."""
    return attrs.evolve(maker, options=(*maker.options, tuple(keywords)))
