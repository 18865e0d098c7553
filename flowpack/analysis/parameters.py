"""The schema of all parameters of one function."""

from __future__ import annotations

import ast
import inspect
import json
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

import attrs

from flowpack.analysis.annotations import SchemaWriter
from flowpack.analysis.classes import field_options, full_name, options_of
from flowpack.analysis.defaults import Unserialisable, UnknownValue, encode
from flowpack.analysis.evaluate import parse_and_evaluate
from flowpack.analysis.syntax import defaults_of, docstring_of, arguments_of, source_of
from flowpack.analysis.values import (
    Call,
    Function,
    Member,
    OneOf,
    Scope,
    Subscripted,
    Symbol,
    Undefined,
)
from flowpack.exceptions import DiscoveryError, quoted

_ANY = Symbol("typing.Any")
#: A default that JSON cannot hold.
_LEFT_OUT = Symbol("builtins.object")
#: What text inside a parameter's annotation can name besides built-ins: the official client
#: looks it up in a module of its own.
_FORWARD = Scope(names={name: Symbol(name) for name in ("typing", "inspect", "pydantic")})
_FORWARD.bind("t", Symbol("typing"))


@attrs.frozen
class ParameterSchema:
    """What is known of a function's parameters, and notes on what is left open and why."""

    schema: Dict[str, Any]  # The value of ``parameter_openapi_schema``.
    notes: Tuple[str, ...] = ()


def parameter_schema(
    function: Function, scope: Scope, *, where: str = "<script>"
) -> ParameterSchema:
    """Return the schema of the parameters of *function* in a script with the names in *scope*.

    Raises:
        DiscoveryError: A parameter has a name that Prefect refuses; *where* is the script.
    """
    try:
        parameters = dict(_read_parameters(function, scope))
        return _write(function, parameters, f"{where}:{function.node.lineno}")
    except RecursionError as exc:
        raise DiscoveryError(where, "the script is nested too deeply") from exc


def _read_parameters(function: Function, scope: Scope) -> Iterator[Tuple[str, Tuple[Any, Any]]]:
    """Yield name, annotation and default of each parameter; ``...`` where there is none."""
    arguments = function.node.args
    annotations = function.annotations
    try:
        annotations = {
            name: parse_and_evaluate(value, scope) if isinstance(value, str) else value
            for name, value in annotations.items()
        }
    except Undefined:
        pass  # After a name that is not bound, all text is left to pydantic: see _FORWARD.
    for argument in arguments_of(arguments):
        name = argument.arg
        annotation = annotations.get(name, _ANY)
        default = function.defaults.get(name, ...)
        options = field_options(annotation)
        if argument is arguments.vararg:
            annotation, default = Subscripted(Symbol("builtins.list"), (annotation,)), []
        elif argument is arguments.kwarg:
            text = Symbol("builtins.str")
            annotation, default = Subscripted(Symbol("builtins.dict"), (text, annotation)), {}
        elif full_name(default) == "pydantic.Field":
            default = options_of(default).get("default", ...)
        elif default is ...:
            default = options.get("default", _LEFT_OUT if "default_factory" in options else ...)
        elif "default_factory" in options:
            annotation = _ANY
        yield name, (annotation, default)


def _write(
    function: Function, parameters: Mapping[str, Tuple[Any, Any]], where: str
) -> ParameterSchema:
    writer = SchemaWriter()
    descriptions = describe_parameters(docstring_of(function.node) or "")
    properties: Dict[str, Any] = {}
    notes: Dict[str, List[str]] = {}
    for position, (name, (annotation, default)) in enumerate(parameters.items()):
        if name in ("self", "cls"):
            continue
        if name.startswith("_"):
            problem = f"the parameter {quoted(name)} begins with an underscore"
            raise DiscoveryError(where, f"{problem}, which Prefect refuses; rename it")
        node = defaults_of(function.node.args).get(name)
        written, open_parts = _write_property(writer, annotation, default, node)
        options = options_of(function.defaults.get(name))
        description = options.get("description") or descriptions.get(name)
        if isinstance(description, str):
            written["description"] = description
        extra = options.get("json_schema_extra")
        written.update(title=name, position=position)
        properties[name] = {**written, **(extra if isinstance(extra, dict) else {})}
        for each in open_parts:
            notes.setdefault(each, []).append(quoted(name))
    schema = {"title": "Parameters", "type": "object", "properties": properties}
    required = [name for name in properties if parameters[name][1] is ...]
    if required:
        schema["required"] = required
    if writer.definitions:
        schema["definitions"] = writer.definitions
    # What JSON cannot carry, such as half a surrogate pair in a docstring, is replaced; so is
    # what schemas share.
    carried = json.loads(json.dumps(schema, ensure_ascii=False).encode("utf-8", "replace"))
    listed = [(text, "s" if names[1:] else "", ", ".join(names)) for text, names in notes.items()]
    return ParameterSchema(carried, tuple(f"parameter{s} {n}: {text}" for text, s, n in listed))


def _write_property(
    writer: SchemaWriter, annotation: object, default: object, node: Optional[ast.expr]
) -> Tuple[Dict[str, Any], List[str]]:
    """Return the schema of one parameter, and notes on what is open in it."""
    schema = writer.write(annotation, _FORWARD)
    notes, writer.notes = list(dict.fromkeys(writer.notes)), []
    schema.pop("description", None)  # Prefect takes the parameter's, not that of its type.
    try:
        if default is not ...:
            schema["default"] = encode(default)
    except Unserialisable:
        pass
    except (UnknownValue, RecursionError):
        source = "its default" if node is None else f"its default {quoted(source_of(node))}"
        if isinstance(default, OneOf):
            notes.append(f"{source} is left out, for {default.why}")
        else:
            schema["default"] = None
            # A value of a class that is open already needs no note of its own.
            if not (notes and isinstance(default, (Call, Member))):
                notes.append(f"{source} is not known; null stands for it")
    return schema, notes


# Docstrings in Google style, read as griffe does, which the official client uses.

#: A fenced text, or a section: a heading at the margin after an empty line, and what is
#: indented below it.
_SECTION = re.compile(
    r"""
    ^[ ]*```.*(?:\n(?![ ]*```).*)*(?:\n[ ]*```.*)?$
    | (?:\A|(?<=\n\n))(?P<heading>\w[ \w-]*):(?:[ ]+\S.*)?[ ]*\n
      (?P<items>(?P<margin>[ ]+)\S.*(?:\n(?P=margin).*|\n(?=\n|\Z))*)
    """,
    re.MULTILINE | re.VERBOSE,
)


def describe_parameters(docstring: str) -> Dict[str, str]:
    """Return what *docstring* says of each parameter, by name."""
    # Twice, as there: after an empty first line the second time takes away more.
    text = inspect.cleandoc(inspect.cleandoc(docstring))
    described: Dict[str, str] = {}
    for section in _SECTION.finditer(re.sub(r"(?m)^ +$", "", text).lstrip("\n")):
        heading, margin = (section["heading"] or "").lower(), section["margin"]
        if heading in ("args", "arguments", "params", "parameters"):
            items = re.split(r"\n(?=\S)", re.sub(f"(?m)^{margin}", "", section["items"]))
            described = dict(_read_item(item, margin) for item in items if re.match(".*:", item))
    return described


def _read_item(item: str, margin: str) -> Tuple[str, str]:
    first, *more = item.split("\n")
    name, _, text = first.partition(":")
    if "(" in name and name.endswith(")"):
        name = name.partition("(")[0].strip()
    indented = len(margin)
    below = [line[indented:] if line.startswith(margin) else line.lstrip() for line in more]
    return name, "\n".join([text.lstrip(), *below]).rstrip("\n")
