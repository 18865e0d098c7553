"""JSON and YAML files as values that know their lines.

In both, keys are text and stand once, and a value means the same to every reader. YAML 1.1,
which PyYAML reads, and YAML 1.2, which others do, take ``no``, ``010``, ``1:30`` and ``1e3``
for different things: such values are not clear.
"""

from __future__ import annotations

import json
import math
import os
import re
from bisect import bisect_right
from datetime import date
from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]  # not in the stubs
from typing import Any, Callable, Collection, Dict, List, Mapping, Optional, Tuple

import attrs

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.deployments.spec import DeploymentSpec, collecting
from flowpack.exceptions import BlockError, SpecError, printable, quoted
from flowpack.jsonvalues import DEEPEST, LONGEST_INTEGER

#: Longest file that is read, in bytes: some ten thousand specs.
SIZE_LIMIT = 2 * 1024 * 1024

#: Values that a file may hold, counted as often as aliases repeat them.
MOST_VALUES = 500_000

#: Most problems that are listed.
MOST_PROBLEMS = 100

#: What JSON takes for white space.
_SPACE = " \t\n\r"

_TOO_DEEP = f"nested more than {DEEPEST} levels deep"


@attrs.frozen
class Value:
    """A value in a file.

    Attributes:
        line: Where it starts, counted from 1.
        content: None, a truth value, a number, text, a list of values or :class:`Pairs`; if it
            is not clear, the text as it stands in the file, which may be secret.
        problem: Why it is not clear what it is, and what to write instead; empty if it is.
    """

    line: int
    content: Any = attrs.field(repr=False)
    problem: str = ""

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        names = {Pairs: "a mapping", list: "a list", bool: "a truth value", str: "text"}
        return "null" if self.content is None else names.get(type(self.content), "a number")


@attrs.frozen
class Pairs:
    """The keys and values of a mapping as they were written, doubles included."""

    pairs: List[Tuple[Value, Value]]


def read_text(path: str) -> str:
    """Return the text of the file at *path*, which is UTF-8 and not too long; else a SpecError."""
    try:
        content = read_file(path, SIZE_LIMIT)
    except UNREADABLE as exc:
        raise SpecError(path, [reason(exc)]) from exc
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        problem = f"line {line}: this is not UTF-8; save the file as UTF-8"
        raise SpecError(path, [problem]) from None  # It holds the file.


# --- JSON ---------------------------------------------------------------------------------


def parse_json(text: str, where: str) -> List[Value]:
    """Return what *text*, of the file *where*, holds, if not blank; a SpecError for no JSON."""
    try:
        return _scan_json(text)
    except json.JSONDecodeError as exc:
        problem = f"line {exc.lineno}, column {exc.colno}: this is not JSON: {exc.msg}"
    except RecursionError:
        problem = _TOO_DEEP
    raise SpecError(where, [problem])  # Outside, for the error of json holds the file.


def _scan_json(text: str) -> List[Value]:
    start = len(text) - len(text.lstrip(_SPACE))
    if start == len(text):
        return []
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
    decoder: Any = json.JSONDecoder(parse_int=_parse_number, parse_constant=_parse_number)

    def make_pairs(pairs: List[Tuple[str, Value]]) -> Pairs:
        return Pairs([(Value(item.line, key), item) for key, item in pairs])

    def scan(text: str, start: int) -> Tuple[Value, int]:
        """Return the value at *start*, and where it ends."""
        if text.startswith("{", start):
            content, end = JSONObject((text, start + 1), True, scan, None, make_pairs)
        elif text.startswith("[", start):
            content, end = JSONArray((text, start + 1), scan)
        else:
            content, end = decoder.scan_once(text, start)
        line = bisect_right(line_starts, start)
        if isinstance(content, Value):
            return attrs.evolve(content, line=line), end
        return Value(line, content), end

    try:
        value, end = scan(text, start)
    except StopIteration as exc:
        raise json.JSONDecodeError("Expecting value", text, exc.value) from None
    extra = text[end:].lstrip(_SPACE)
    if extra:
        raise json.JSONDecodeError("Extra data", text, len(text) - len(extra))
    return [value]


def _parse_number(text: str) -> Any:
    """Return an integer, in decimal or as ``0x...``; NaN and thousands of digits are not clear."""
    try:
        if len(text) <= LONGEST_INTEGER // 3:  # Not every Python refuses them.
            return int(text, 0)
    except ValueError:
        pass
    return Value(0, text, "this number is not finite, or too long to be read")


# --- YAML ---------------------------------------------------------------------------------

_TAG = "tag:yaml.org,2002:"

#: The core schema of YAML 1.2: the forms of each type, in order, and what they mean. It has 010
#: for ten, and YAML 1.1 for eight, so that is a type of its own here.
_CORE_SCHEMA: Mapping[str, Tuple[str, Callable[[str], Any]]] = {
    "null": ("~|null|Null|NULL|", lambda text: None),
    "bool": ("true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    "octal": ("[-+]?0[0-9]+|0o[0-7]+", str),
    "int": ("[-+]?[0-9]+|0x[0-9a-fA-F]+", _parse_number),
    "float": (
        r"[-+]?(?:(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)"
        r"|\.nan|\.NaN|\.NAN",
        lambda text: float(re.sub(r"\.(?=[inIN])", "", text)),
    ),
    "str": (r"[\s\S]*", str),
}

#: Returns the value of a scalar: its text, its tag, its line, and whether it is without quotes.
_ReadScalar = Callable[[str, str, int, bool], Value]

_MERGE = "<< stands for a merge; put it in quotes if it is text"
_UNCLEAR = (
    "readers of YAML do not agree on what this is; put it in quotes if it is text, else write it as"
    " in true, 8 or 1.0e+3, without tags such as !!int"
)


def parse_yaml(
    text: str, where: str, loader: Optional[Any] = None, *, stock: bool = False
) -> List[Value]:
    """Return the documents in *text*; an empty one is null. Needs the extra ``flowpack[yaml]``.

    *loader* is PyYAML's ``SafeLoader`` or ``CSafeLoader``; None takes the faster one that there is.
    With *stock* values are what PyYAML takes them for, as those of the stock client's files are:
    ``yes`` is true and ``010`` is 8.

    Raises:
        SpecError: It is not YAML, or PyYAML is not installed; *where* names the file.
    """
    try:
        import yaml
    except ImportError as exc:
        needed = "reading YAML needs PyYAML, which is not installed; run: pip install"
        raise SpecError(where, [f"{needed} 'flowpack[yaml]'"]) from exc
    chosen: Any = loader or getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, chosen):  # Composing recurses, in C without a limit.
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                mark: Any = event.start_mark
                raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=mark)
        made: Dict[int, Value] = {}
        read = _construct_scalar if stock else _read_scalar
        documents = list(yaml.compose_all(text, chosen))  # All kept, for an id names one node.
        return [_read_node(node, made, read) for node in documents]
    except yaml.YAMLError as exc:
        problem = _describe_yaml_error(exc, text)
    except (ValueError, OverflowError):  # Python's own, which speak to programmers.
        problem = "this is not YAML: an escape or a version after % stands for nothing"
    raise SpecError(where, [problem])  # Outside, for PyYAML's errors show parts of the file.


def _describe_yaml_error(exc: Any, text: str) -> str:
    """Return the message of PyYAML with the line, without the text that stands there."""
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    if mark is None:
        line = text.count("\n", 0, getattr(exc, "position", 0)) + 1
        return f"line {line}: this is not YAML: it holds a control character"
    reason = f"this is not YAML: {printable('; '.join(filter(None, (exc.context, exc.problem))))}"
    # libyaml has a limit of its own, and looks ahead.
    if exc.problem in (_TOO_DEEP, "exceeded maximum nesting depth"):
        reason = _TOO_DEEP
    return f"line {mark.line + 1}, column {mark.column + 1}: {reason}"


def _read_node(node: Any, made: Dict[int, Value], read: _ReadScalar) -> Value:
    """Return the value of a node of PyYAML; one that aliases repeat is *made* once."""
    line = node.start_mark.line + 1
    if id(node) in made:
        return made[id(node)]
    made[id(node)] = Value(line, "", "it contains itself")
    tag = node.tag[len(_TAG) :] if node.tag.startswith(_TAG) else node.tag
    if node.id == "scalar":
        value = read(node.value, tag, line, not node.style)
    elif tag not in ("seq", "map"):
        value = Value(line, "", _UNCLEAR)
    elif node.id == "sequence":
        value = Value(line, [_read_node(item, made, read) for item in node.value])
    else:
        parts = [[_read_node(each, made, read) for each in pair] for pair in node.value]
        value = Value(line, Pairs([(key, item) for key, item in parts]))
    made[id(node)] = value
    return value


def _read_scalar(text: str, tag: str, line: int, plain: bool) -> Value:
    """Return what *text* is where YAML 1.1, which gives it the *tag*, and 1.2 agree on it."""
    core = "str"
    if plain:
        core = next(name for name, (form, _) in _CORE_SCHEMA.items() if re.fullmatch(form, text))
    # A lone "=" has a type of its own in YAML 1.1, which is nothing to anyone.
    if core != ("str" if tag == "value" else tag):
        return Value(line, text, _MERGE if tag == "merge" else _UNCLEAR)
    content = _CORE_SCHEMA[core][1](text)
    return attrs.evolve(content, line=line) if isinstance(content, Value) else Value(line, content)


def _construct_scalar(text: str, tag: str, line: int, plain: bool) -> Value:
    """Return what PyYAML makes of *text*; dates and times become text, as in JSON."""
    from yaml import YAMLError, nodes
    from yaml.constructor import SafeConstructor

    if tag in ("merge", "value"):
        return Value(line, text, _MERGE if tag == "merge" else "")
    if tag == "int" and len(text) > LONGEST_INTEGER // 3:
        return Value(line, text, "this number is too long to be read")
    construct: Callable[[nodes.Node], Any] = SafeConstructor().construct_object
    try:
        content = construct(nodes.ScalarNode(_TAG + tag, text))
    except (YAMLError, ValueError, OverflowError):
        return Value(line, text, _UNCLEAR)
    if isinstance(content, date):  # A datetime is one, too.
        content = content.isoformat().replace("+00:00", "Z")
    return Value(line, content, _UNCLEAR if isinstance(content, bytes) else "")


# --- from values to Python's own ----------------------------------------------------------

#: What text means where a truth value is expected.
FLAGS = dict.fromkeys(("yes", "on", "true", "1"), True)
FLAGS.update(dict.fromkeys(("no", "off", "false", "0"), False))


@attrs.define(eq=False, slots=False)
class ValueReader:
    """Turns values into Python's own, and notes all that is wrong with them.

    The paths *texts* mean text, and so make clear what is not clear by itself, and *flags* a
    truth value; ``[]`` in them stands for any item of a list. *fill* returns a text under a path
    with its placeholders filled, and the problems.
    """

    _where: str
    _texts: Collection[str] = ()
    _flags: Collection[str] = ()
    _fill: Callable[[str, str], Tuple[str, List[str]]] = lambda text, path: (text, [])
    problems: List[Tuple[int, str]] = attrs.field(factory=list, init=False)
    _left: int = attrs.field(default=MOST_VALUES, init=False)

    def note(self, line: int, path: str, problem: str) -> None:
        """Note a *problem* of what stands at a *line*, under a *path*; too many are raised."""
        if len(self.problems) == MOST_PROBLEMS:
            raise SpecError(self._where, [*self._report(), "and more"])
        where = f"{printable(path)}: " if path else ""
        self.problems.append((line, f"line {line}: {where}{problem}"))

    def raise_problems(self) -> None:
        """Raise a ``SpecError`` with the problems, in the order of the file, if there are any."""
        if self.problems:
            raise SpecError(self._where, self._report())

    def _report(self) -> List[str]:
        return [problem for _, problem in sorted(self.problems, key=lambda each: each[0])]

    def read(self, value: Value, path: str, depth: int = 0) -> Any:
        """Return *value* as None, bool, int, float, str, list or dict.

        It stands under a *path* such as ``parameters.x[0]``, in *depth* lists and mappings.
        """
        self._count(value)
        content = value.content
        if value.problem:
            kind = re.sub(r"\[\d+\]", "[]", path)
            if kind in self._texts:
                return content
            if kind in self._flags and content.lower() in FLAGS:
                return FLAGS[content.lower()]
            self.note(value.line, path, value.problem)
        elif isinstance(content, float) and not math.isfinite(content):
            self.note(value.line, path, "numbers must be finite")
        elif isinstance(content, str):
            filled, problems = self._fill(content, path)
            for problem in problems:
                self.note(value.line, path, problem)
            return filled
        elif not isinstance(content, (list, Pairs)):
            return content
        elif depth >= DEEPEST:
            self.note(value.line, path, _TOO_DEEP)
        elif isinstance(content, list):
            items = enumerate(content)
            return [self.read(item, f"{path}[{index}]", depth + 1) for index, item in items]
        else:
            return {
                key: self.read(item, f"{path}.{key}", depth + 1)
                for key, (_, item) in self.entries(content, path, depth).items()
            }
        return None

    def read_field(
        self,
        field: str,
        line: int,
        value: Value,
        path: str,
        convert: Callable[[str, Any], Any],
        cls: Callable[..., Any] = DeploymentSpec,
    ) -> Dict[str, Any]:
        """Return *field* of a *cls* with its argument; nothing where *value* cannot be one.

        *convert* returns the argument that the value of a field means, or raises.
        """
        noted = len(self.problems)
        plain = self.read(value, path)
        if len(self.problems) > noted:
            return {}
        try:
            with collecting():  # So that nobody else collects this one.
                argument = convert(field, plain)
                cls(**{field: argument})
            return {field: argument}
        except (SpecError, BlockError, ValueError) as exc:
            for problem in getattr(exc, "problems", [str(exc)]):
                at = re.match("item ([0-9]+): ", problem) if field == "schedules" else None
                is_item = at is not None and isinstance(value.content, list)
                where = value.content[int(at[1]) - 1].line if at and is_item else line
                self.note(where, path, problem.removeprefix(f"{field}: "))
        return {}

    def entries(self, content: Pairs, path: str, depth: int = 0) -> Dict[str, Tuple[int, Value]]:
        """Return what a mapping holds by key, each with its line; merged keys come last."""
        entries: Dict[str, Tuple[int, Value]] = {}
        for key, item in content.pairs:
            self._count(key)
            problem = ""
            if key.problem:
                problem = f"the key {quoted(key.content)} is not clear: {key.problem}"
            elif not isinstance(key.content, str):
                where = "as in '{{ $NAME }}'" if key.kind == "a mapping" else "where needed"
                problem = f"a key is {key.kind}; keys are text, in quotes {where}"
            elif key.content in entries:
                first = f"first on line {entries[key.content][0]}"
                problem = f"the key {quoted(key.content)} stands twice, {first}"
            if not problem:
                entries[key.content] = key.line, item
            elif key.problem != _MERGE:
                self.note(key.line, path, problem)
        for key, item in content.pairs:
            if key.problem == _MERGE:
                self._merge(item, entries, path, depth + 1)
        return entries

    def _merge(
        self, value: Value, entries: Dict[str, Tuple[int, Value]], path: str, depth: int
    ) -> None:
        """Add to *entries* the keys of *value* that are not there yet."""
        self._count(value)
        if depth >= DEEPEST:
            self.note(value.line, path, _TOO_DEEP)
        elif isinstance(value.content, Pairs):
            entries.update({**self.entries(value.content, path, depth), **entries})
        elif isinstance(value.content, list):
            for item in value.content:
                self._merge(item, entries, path, depth + 1)
        else:
            self.note(value.line, path, "<< takes a mapping or a list of mappings")

    def _count(self, value: Value) -> None:
        self._left -= 1
        if self._left < 0:
            problem = f"the file holds more than {MOST_VALUES} values, aliases followed"
            raise SpecError(self._where, [f"line {value.line}: {problem}"])


# --- ``{{ $NAME }}``, which stands for an environment variable -----------------------------

#: A placeholder as the stock client knows it, and the name in it.
_PLACEHOLDER = r"{{\s*([\w.\-\[\]$]+)\s*}}"


def fill_text(
    text: str,
    keep: Callable[[str], Optional[str]] = lambda name: None,
    environ: Mapping[str, str] = os.environ,
) -> Tuple[str, List[str]]:
    """Return *text* with the values of its environment variables, and the problems in it.

    A value is not filled in turn. *keep* returns why a placeholder of another name cannot stay as
    it is, or None.
    """
    problems: List[str] = []

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("$") and name[1:] in environ:
            return environ[name[1:]]
        problem = "is not set in the environment" if name.startswith("$") else keep(name)
        if problem:
            problems.append(f"{match[0]} {problem}")
        return match[0]

    return re.sub(_PLACEHOLDER, fill, text), problems
