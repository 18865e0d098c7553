"""YAML text to nodes that know their lines; needs the extra ``flowpack[yaml]``.

Only PyYAML's parser is used, which gives events. No object is constructed by it, no
tag is followed, and what repeats by aliases is kept once.

YAML 1.1, which PyYAML reads, and YAML 1.2, which others do, take ``no``, ``010``,
``1:30`` and ``1e3`` for different things. Such values are kept as unclear.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Tuple

from flowpack.deployments._nodes import Items, Node, Pairs, Scalar, Unclear
from flowpack.exceptions import SpecError, printable, quoted
from flowpack.jsonvalues import DEEPEST, parse_integer

if TYPE_CHECKING:
    from types import ModuleType

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({None, "!", f"{_TAG}str", f"{_TAG}seq", f"{_TAG}map"})

#: The core schema of YAML 1.2, but for octal numbers: 010 is ten there, eight in 1.1.
_CORE_SCHEMA = (
    ("null", re.compile(r"~|null|Null|NULL|")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("octal", re.compile(r"[-+]?0[0-9]+|0o[0-7]+")),
    ("int", re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+")),
    (
        "float",
        re.compile(
            r"[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"
        ),
    ),
)

_INFINITY = re.compile(r"\.(inf|nan)", re.IGNORECASE)

_REASONS: Mapping[str, str] = {
    "bool": "yes, no, on and off are text to some readers of YAML; write true or"
    " false, or put it in quotes if it is text",
    "timestamp": "a date or time without quotes is text to some readers of YAML and"
    " nothing that JSON has to others; put it in quotes",
    "number": "some readers of YAML take this for a number, others for text or another"
    " number; put it in quotes if it is text, else write it plainly, such as 8 or"
    " 1.0e+3",
    "merge": "<< stands for a merge; put it in quotes if it is text",
    "tag": "explicit tags such as !!int and !!python/... are not taken; leave it out",
}


def parse_yaml(text: str, where: str, loader: Optional[Any] = None) -> List[Node]:
    """Return the documents in *text*; an empty one is null.

    Args:
        text: The content of a file.
        where: What messages call the file.
        loader: PyYAML's ``SafeLoader`` or ``CSafeLoader``; None takes the faster one
            that there is.

    Raises:
        SpecError: It is not YAML, or PyYAML is not installed.
    """
    yaml = _import_yaml(where)
    chosen = loader or getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(yaml, where)
    try:
        for event in yaml.parse(text, Loader=chosen):
            builder.take(event)
    except yaml.YAMLError as exc:
        # libyaml has limits of its own, which may come before ours.
        if chosen is not yaml.SafeLoader:
            return parse_yaml(text, where, yaml.SafeLoader)
        told = _told(exc, text)
        raise SpecError(where, [told]) from None  # It shows parts of the file.
    except (ValueError, OverflowError):
        # Python's own, which speak to programmers.
        said = "this is not YAML: an escape or a version after % stands for nothing"
        raise SpecError(where, [f"line {builder.line}: {said}"]) from None
    return builder.documents


def _import_yaml(where: str) -> ModuleType:
    try:
        import yaml
    except ImportError as exc:
        raise SpecError(
            where,
            ["reading YAML needs PyYAML, which is not installed; run: pip install"
             " 'flowpack[yaml]'"],
        ) from exc
    return yaml


def _told(exc: Any, text: str) -> str:
    """Return what PyYAML says, with the line, without what stands there."""
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    if mark is not None:
        said = "; ".join(filter(None, (exc.context, exc.problem)))
        place = f"line {mark.line + 1}, column {mark.column + 1}"
        return f"{place}: this is not YAML: {printable(said)}"
    line = text.count("\n", 0, getattr(exc, "position", 0)) + 1
    return f"line {line}: this is not YAML: it holds a control character"


class _Open:
    """A list or mapping whose end is still to come."""

    def __init__(self, event: Any) -> None:
        self.line = _line_of(event)
        self.anchor: Optional[str] = event.anchor
        self.tag: Optional[str] = event.tag
        self.nodes: List[Node] = []


class _Builder:
    """Makes nodes of PyYAML's events.

    Attributes:
        documents: The root of each document so far.
        line: The line of the last event, counted from 1.
    """

    def __init__(self, yaml: ModuleType, where: str) -> None:
        self.documents: List[Node] = []
        self.line = 1
        self._where = where
        self._resolver = yaml.resolver.Resolver()
        self._scalar_node = yaml.ScalarNode
        self._anchors: Dict[str, Optional[Node]] = {}  # None where it is open.
        self._open: List[_Open] = []
        self._actions: Mapping[Any, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceEndEvent: self._end_list,
            yaml.MappingEndEvent: self._end_mapping,
            yaml.DocumentStartEvent: self._document,
        }

    def take(self, event: Any) -> None:
        """Take the next *event* in."""
        self.line = _line_of(event)
        action = self._actions.get(type(event))
        if action is not None:
            action(event)

    def _document(self, event: Any) -> None:
        self._anchors.clear()

    def _scalar(self, event: Any) -> None:
        if event.tag not in _PLAIN_TAGS:
            node: Node = Unclear(self.line, event.value, _REASONS["tag"])
        elif event.tag is None and event.implicit[0]:
            node = self._plain(event.value)
        else:
            node = Scalar(self.line, event.value)
        self._add(node, event.anchor)

    def _plain(self, text: str) -> Node:
        """Return what *text* without quotes is, where all readers agree on it."""
        tag = self._resolver.resolve(self._scalar_node, text, (True, False))
        old = tag[len(_TAG) :]
        new = next((name for name, form in _CORE_SCHEMA if form.fullmatch(text)), "str")
        if old == "value":  # A lone "=", which is nothing to anyone.
            old = "str"
        if old == new:
            try:
                return Scalar(self.line, _SCALARS[old](text))
            except ValueError:
                return Unclear(self.line, text, "the number is too long to be read")
        if old == "bool":
            flag = text.lower() in ("yes", "on")
            return Unclear(self.line, text, _REASONS["bool"], flag)
        return Unclear(self.line, text, _REASONS.get(old, _REASONS["number"]))

    def _alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self._anchors:
            raise self._refusal(event, f"the alias {quoted(name)} is not defined")
        node = self._anchors[name]
        if node is None:
            raise self._refusal(event, f"{quoted(name)} contains itself")
        self._add(node, None)

    def _start(self, event: Any) -> None:
        if len(self._open) > DEEPEST:
            raise self._refusal(event, f"nested more than {DEEPEST} levels deep")
        self._open.append(_Open(event))
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _end_list(self, event: Any) -> None:
        done = self._open.pop()
        self._close(done, Items(done.line, done.nodes))

    def _end_mapping(self, event: Any) -> None:
        done = self._open.pop()
        pairs: List[Tuple[Node, Node]] = []
        merged: List[Node] = []
        for key, value in zip(done.nodes[::2], done.nodes[1::2]):
            if isinstance(key, Unclear) and key.reason == _REASONS["merge"]:
                merged.append(value)
            else:
                pairs.append((key, value))
        self._close(done, Pairs(done.line, pairs, merged))

    def _close(self, done: _Open, node: Node) -> None:
        if done.tag not in _PLAIN_TAGS:
            node = Unclear(done.line, "", _REASONS["tag"])
        self._add(node, done.anchor)

    def _add(self, node: Node, anchor: Optional[str]) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1].nodes.append(node)
        else:
            self.documents.append(node)

    def _refusal(self, event: Any, problem: str) -> SpecError:
        mark = event.start_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}"
        return SpecError(self._where, [f"{place}: {problem}"])


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": parse_integer,
    "float": lambda text: float(_INFINITY.sub(r"\1", text)),
    "str": lambda text: text,
}


def _line_of(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line
