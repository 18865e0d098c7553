"""The schema of all parameters of one function."""

from __future__ import annotations

import ast
import inspect
import json
import re
from itertools import starmap
from typing import Any, Dict, List, Mapping, Tuple

import attrs

from flowpack.analysis.annotations import SchemaWriter
from flowpack.analysis.classes import declared_options, field_options, full_name
from flowpack.analysis.defaults import Unserialisable, UnknownValue, encode
from flowpack.analysis.evaluate import parse_and_evaluate
from flowpack.analysis.syntax import defaults_of, docstring_of, every_argument, source_of
from flowpack.analysis.values import Function, OneOf, Scope, Subscripted, Symbol, Undefined
from flowpack.exceptions import DiscoveryError, quoted

_ANY = Symbol("typing.Any")
#: A default that JSON cannot hold.
_LEFT_OUT = Symbol("builtins.object")
#: What text inside a parameter's annotation can name besides built-ins: the official client
#: looks it up in a module of its own.
_FORWARD = Scope(
    names={
        **{name: Symbol(name) for name in ("typing", "inspect", "pydantic")},
        "t": Symbol("typing"),
    }
)


@attrs.frozen
class ParameterSchema:
    """What is known of a function's parameters.

    Attributes:
        schema: The value of ``parameter_openapi_schema``.
        notes: What is left open and why, one sentence each.
    """

    schema: Dict[str, Any]
    notes: Tuple[str, ...] = ()


def parameter_schema(
    function: Function, scope: Scope, *, where: str = "<script>"
) -> ParameterSchema:
    """Return the schema of the parameters of *function*.

    Args:
        function: A function that the script defines.
        scope: The names of the script.
        where: What the script is called in errors.

    Raises:
        DiscoveryError: A parameter has a name that Prefect refuses.
    """
    try:
        return _Writer(function, scope, where).write()
    except RecursionError as exc:
        raise DiscoveryError(where, "the script is nested too deeply") from exc


class _Writer:
    """Writes the schema of one function."""

    def __init__(self, function: Function, scope: Scope, where: str) -> None:
        self.node = function.node
        self.function = function
        self.where = f"{where}:{self.node.lineno}"
        self.annotations = _evaluated(function.annotations, scope)
        self.descriptions = describe_parameters(docstring_of(self.node) or "")
        self.schemas = SchemaWriter()
        self.notes: Dict[str, List[str]] = {}

    def write(self) -> ParameterSchema:
        """Return the schema and the notes."""
        properties: Dict[str, Any] = {}
        for position, argument in enumerate(every_argument(self.node.args)):
            name = argument.arg
            if name in ("self", "cls"):
                continue
            if name.startswith("_"):
                raise DiscoveryError(
                    self.where,
                    f"the parameter {quoted(name)} begins with an underscore, which Prefect"
                    " refuses; rename it",
                )
            properties[name] = self._property(argument, position)
        schema: Dict[str, Any] = {"title": "Parameters", "type": "object", "properties": properties}
        required = [name for name in properties if self._default(name) is ...]
        if required:
            schema["required"] = required
        if self.schemas.definitions:
            schema["definitions"] = dict(sorted(self.schemas.definitions.items()))
        # What JSON cannot carry, such as half a surrogate pair in a docstring, is
        # replaced; so is what schemas share.
        text = json.dumps(schema, ensure_ascii=False)
        carried = json.loads(text.encode("utf-8", "replace"))
        return ParameterSchema(carried, tuple(starmap(_note, self.notes.items())))

    def _property(self, argument: ast.arg, position: int) -> Dict[str, Any]:
        name = argument.arg
        written = self.schemas.write(self._annotation(argument), _FORWARD) or {}
        self._keep_notes(name, *self.schemas.notes)
        self.schemas.notes.clear()
        # The client gives each parameter words of its own in the place of these.
        written.pop("description", None)
        options = declared_options(self.function.defaults.get(name))
        description = options.get("description") or self.descriptions.get(name)
        if isinstance(description, str):
            written["description"] = description
        extra = options.get("json_schema_extra")
        return {
            **written,
            **self._written_default(name),
            "title": name,
            "position": position,
            **(extra if isinstance(extra, dict) else {}),
        }

    def _annotation(self, argument: ast.arg) -> object:
        annotation = self.annotations.get(argument.arg, _ANY)
        if argument is self.node.args.vararg:
            return Subscripted(Symbol("builtins.list"), (annotation,))
        if argument is self.node.args.kwarg:
            return Subscripted(Symbol("builtins.dict"), (Symbol("builtins.str"), annotation))
        has_factory = "default_factory" in field_options(annotation)
        return _ANY if has_factory and argument.arg in self.function.defaults else annotation

    def _default(self, name: str) -> object:
        """Return what the default stands for; ``...`` means that there is none."""
        arguments = self.node.args
        if arguments.vararg is not None and name == arguments.vararg.arg:
            return []
        if arguments.kwarg is not None and name == arguments.kwarg.arg:
            return {}
        value = self.function.defaults.get(name, ...)
        if full_name(value) == "pydantic.Field":
            return declared_options(value).get("default", ...)
        options = field_options(self.annotations.get(name)) if value is ... else {}
        return options.get("default", _LEFT_OUT if "default_factory" in options else value)

    def _written_default(self, name: str) -> Dict[str, Any]:
        default = self._default(name)
        if default is ...:
            return {}
        try:
            return {"default": encode(default)}
        except Unserialisable:
            return {}
        except (UnknownValue, RecursionError):
            node = defaults_of(self.node.args).get(name)
            source = "its default" if node is None else f"its default {quoted(source_of(node))}"
            if isinstance(default, OneOf):
                self._keep_notes(name, f"{source} is left out, for {default.why}")
                return {}
            self._keep_notes(name, f"{source} is not known; null stands for it")
            return {"default": None}

    def _keep_notes(self, name: str, *notes: str) -> None:
        for note in notes:
            names = self.notes.setdefault(note, [])
            if name not in names:
                names.append(name)


def _note(text: str, parameters: List[str]) -> str:
    noun = "parameter" if len(parameters) == 1 else "parameters"
    return f"{noun} {', '.join(map(quoted, parameters))}: {text}"


def _evaluated(annotations: Mapping[str, object], scope: Scope) -> Dict[str, object]:
    """Return *annotations* with text evaluated, all of it or none.

    The official client does so too: after a name that is not bound, such as one
    imported for type checkers only, it leaves all text to pydantic.
    """
    try:
        return {
            name: parse_and_evaluate(value, scope) if isinstance(value, str) else value
            for name, value in annotations.items()
        }
    except Undefined:
        return dict(annotations)


# What a docstring in Google style says of each parameter. The reading is that of griffe, which
# the official client uses: a heading stands at the margin after an empty line, its items are
# indented, their further lines more.

_HEADING = re.compile(r"(?P<kind>\w[\s\w-]*):(\s+\S.*)?\s*")
_PARAMETERS = ("args", "arguments", "params", "parameters")


def describe_parameters(docstring: str) -> Dict[str, str]:
    """Return what *docstring* says of each parameter, by name."""
    # Twice, as there: after an empty first line the second time takes away more.
    lines = inspect.cleandoc(inspect.cleandoc(docstring)).split("\n")
    described: Dict[str, str] = {}
    fenced = False
    at = 0
    while at < len(lines):
        if lines[at].lstrip(" ").startswith("```"):
            fenced = not fenced
        elif not fenced and _opens_section(lines, at):
            items, end = _read_items(lines, at + 1)
            if lines[at].partition(":")[0].lower() in _PARAMETERS:
                named = [item for item in items if ":" in item[0]]
                described = dict(map(_name_and_text, named))
            at = end
            continue
        at += 1
    return described


def _opens_section(lines: List[str], at: int) -> bool:
    """Return True if line *at* is a heading with something indented right below."""
    if _HEADING.fullmatch(lines[at]) is None:
        return False
    below = lines[at + 1] if at + 1 < len(lines) else ""
    above = lines[at - 1] if at else ""
    return below.startswith(" ") and bool(below.strip()) and not above.strip()


def _read_items(lines: List[str], at: int) -> Tuple[List[List[str]], int]:
    """Return the items of the section that begins on line *at*, and its end."""
    indent = len(lines[at]) - len(lines[at].lstrip())
    items: List[List[str]] = []
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            items[-1].append("")
        elif line.startswith(" " * (indent * 2)):
            items[-1].append(line[indent * 2 :])
        elif line.startswith(" " * (indent + 1)):
            items[-1].append(line.lstrip())
        elif line.startswith(" " * indent):
            items.append([line[indent:]])
        else:
            break
        at += 1
    return items, at


def _name_and_text(item: List[str]) -> Tuple[str, str]:
    name, _, text = item[0].partition(":")
    if "(" in name and name.endswith(")"):
        name = name.partition("(")[0].strip()
    return name, "\n".join([text.lstrip(), *item[1:]]).rstrip("\n")
