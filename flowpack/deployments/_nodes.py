"""What a file of specs holds: values, each with the line that it stands on.

JSON and YAML become the same nodes, and the rules that both keep are here: keys are
text and stand once, and a value says the same to every reader.
"""

from __future__ import annotations

import math
from typing import (
    Any,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import attrs

from flowpack.exceptions import printable, quoted
from flowpack.jsonvalues import DEEPEST

#: Values that a file may hold, counted as often as aliases repeat them.
MOST_VALUES = 500_000

#: Problems that are told one by one.
MOST_PROBLEMS = 100

#: Where the text of an :class:`Unclear` value is what is asked for, and where its
#: truth value is.
_TAKES_TEXT = frozenset({"schedule.anchor_date", "schedule.interval"})
_TAKES_FLAG = frozenset(
    {
        "paused",
        "schedule.day_or",
        "flow_runner.config.auto_remove",
        "flow_runner.config.stream_output",
    }
)


@attrs.frozen
class Scalar:
    """Null, a truth value, a number or text."""

    line: int
    value: Union[None, bool, int, float, str]


@attrs.frozen
class Unclear:
    """A value that one reader takes for this and another for that.

    Attributes:
        text: As it stands in the file. It may be secret.
        reason: What is wrong with it and what to write instead.
        flag: The truth value that it stands for, if it stands for one.
    """

    line: int
    text: str = attrs.field(repr=False)
    reason: str
    flag: Optional[bool] = None


@attrs.frozen
class Items:
    """A list."""

    line: int
    items: Sequence[Node]


@attrs.frozen
class Pairs:
    """A mapping: its keys and values as they were written, doubles included.

    Attributes:
        merged: What gives the keys that are not written (``<<`` in YAML).
    """

    line: int
    pairs: Sequence[Tuple[Node, Node]]
    merged: Sequence[Node] = ()


Node = Union[Scalar, Unclear, Items, Pairs]


class Entry(NamedTuple):
    """A value in a mapping, and the line of its key."""

    line: int
    node: Node


class NodeReader:
    """Turns nodes into plain values; what is wrong is noted, and not raised.

    Attributes:
        noted: How many problems there were so far.
    """

    def __init__(self) -> None:
        self.noted = 0
        self._problems: List[Tuple[int, str]] = []
        self._left = MOST_VALUES

    def note(self, line: int, path: str, problem: str) -> None:
        """Note a *problem* of what stands at a *line*, under a *path*."""
        self.noted += 1
        if self.noted <= MOST_PROBLEMS:
            where = f"{printable(path)}: " if path else ""
            self._problems.append((line, f"line {line}: {where}{problem}"))

    def report(self) -> List[str]:
        """Return the problems in the order of the file."""
        told = [problem for _, problem in sorted(self._problems, key=_line)]
        return told + (["and more"] if self.noted > len(told) else [])

    def value(self, node: Node, path: str, depth: int = 0) -> Any:
        """Return the value of *node*: None, bool, int, float, str, list or dict.

        Args:
            node: What to read.
            path: Where it stands, as ``parameters.x[0]``.
            depth: How many lists and mappings it stands in.
        """
        if not self._count(node):
            return None
        if isinstance(node, Scalar):
            if isinstance(node.value, float) and not math.isfinite(node.value):
                self.note(node.line, path, "numbers must be finite")
            return node.value
        if isinstance(node, Unclear):
            return self._unclear(node, path)
        if depth >= DEEPEST:
            self.note(node.line, path, f"nested more than {DEEPEST} levels deep")
            return None
        if isinstance(node, Items):
            return [
                self.value(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(node.items)
            ]
        return {
            key: self.value(entry.node, f"{path}.{key}", depth + 1)
            for key, entry in self.entries(node, path, depth).items()
        }

    def entries(self, node: Pairs, path: str, depth: int = 0) -> Mapping[str, Entry]:
        """Return what a mapping holds, merged keys last."""
        found: Dict[str, Entry] = {}
        for key, item in node.pairs:
            name = self._key(key, path)
            if name is None:
                continue
            if name in found:
                first = found[name].line
                problem = f"the key {quoted(name)} stands twice, first on line {first}"
                self.note(key.line, path, problem)
            else:
                found[name] = Entry(key.line, item)
        for merged in node.merged:
            self._merge(merged, found, path, depth + 1)
        return found

    def _key(self, node: Node, path: str) -> Optional[str]:
        """Return the text of a key; None, with a problem noted, if it has none."""
        if not self._count(node):
            return None
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        if isinstance(node, Unclear):
            problem = f"the key {quoted(node.text)} is not clear: {node.reason}"
        else:
            problem = f"a key is {kind(node)}; keys are text, in quotes where needed"
        self.note(node.line, path, problem)
        return None

    def _merge(
        self, node: Node, found: Dict[str, Entry], path: str, depth: int
    ) -> None:
        """Add to *found* the keys of *node* that are not there yet."""
        if not self._count(node):
            return
        if depth >= DEEPEST:
            self.note(node.line, path, f"merged more than {DEEPEST} levels deep")
        elif isinstance(node, Pairs):
            for name, entry in self.entries(node, path, depth).items():
                found.setdefault(name, entry)
        elif isinstance(node, Items):
            for item in node.items:
                self._merge(item, found, path, depth + 1)
        else:
            self.note(node.line, path, "<< takes a mapping or a list of mappings")

    def _unclear(self, node: Unclear, path: str) -> Union[str, bool, None]:
        if path in _TAKES_TEXT:
            return node.text
        if path in _TAKES_FLAG and node.flag is not None:
            return node.flag
        self.note(node.line, path, node.reason)
        return None

    def _count(self, node: Node) -> bool:
        """Count *node*; return whether there is still room for it."""
        self._left -= 1
        if self._left == 0:
            problem = f"the file holds more than {MOST_VALUES} values, aliases followed"
            self.note(node.line, "", problem)
        return self._left > 0 and self.noted <= MOST_PROBLEMS


def kind(node: Node) -> str:
    """Return what *node* is, for messages."""
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Pairs):
        return "a mapping"
    value = node.text if isinstance(node, Unclear) else node.value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    return "text" if isinstance(value, str) else "a number"


def _line(problem: Tuple[int, str]) -> int:
    return problem[0]
