"""Fields of blocks: each kind of value in JSON schema, in documents, and in Python.

Two tables say all of it: one for classes, one for what type hints say beyond classes. The
schema must be that of the reference to the letter, for servers know a block class by its
checksum.

References:
    pydantic 1.9, ``BaseModel.schema()``, which Prefect 2.0b7 uses.
"""

from __future__ import annotations

import datetime
import enum
import functools
import json
import operator
from pathlib import PurePath
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, TypeVar, Union
from uuid import UUID

import attrs

from flowpack._type_hints import NONE, Shape, TypeHint, parse_hint, resolve_hints
from flowpack.blocks.secret import MASK, Secret, SecretMapping, mask_paths, split_paths
from flowpack.exceptions import BlockError, printable, quoted
from flowpack.jsonvalues import json_problem
from flowpack.urls import Address

Result = TypeVar("Result")
Schema = Dict[str, Any]

#: The names of the enums and block classes that a schema refers to.
Names = Mapping[type, str]


def kept_on_class(function: Callable[[Any], Result]) -> Callable[[Any], Result]:
    """Return *function* of a class, whose results are kept as long as their classes."""
    name = f"__flowpack_{function.__name__}__"

    @functools.wraps(function)
    def call(cls: Any) -> Result:
        if name not in vars(cls):
            setattr(cls, name, function(cls))
        result: Result = vars(cls)[name]
        return result

    return call


@attrs.frozen
class BlockField:
    """A field of a block as its schema and its documents know it.

    Attributes:
        attribute: What attrs knows of it; its ``metadata`` may have ``title``,
            ``description`` and ``schema_type``.
        name: Its name in schema and data; also the constructor's argument.
        annotation: Its type as the schema shows it.
        type: Its type in Python.
    """

    attribute: Any
    name: str
    annotation: Any
    type: Any

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.attribute.default is attrs.NOTHING


@kept_on_class
def fields_of(cls: Any) -> Tuple[BlockField, ...]:
    """Return the fields of an attrs class that schema and data show, in order.

    Not shown are names that start with an underscore, fields that the constructor does not
    take, and ``document_id``.

    Raises:
        BlockError: An annotation cannot be resolved.
    """
    try:
        hints = resolve_hints(cls)
    except (NameError, TypeError, SyntaxError) as exc:
        advice = "Before Python 3.10 write Optional[X] and Union[X, Y], not X | Y"
        if isinstance(exc, NameError):
            advice = "Import what it names at the top of the module, not under TYPE_CHECKING"
        problem = f"an annotation of {cls.__qualname__} cannot be resolved: {printable(exc)}"
        raise BlockError(f"{problem}. {advice}") from exc
    fields = []
    for attribute in attrs.fields(cls):
        name, hint = attribute.name, hints.get(attribute.name, Any)
        if attribute.init and not name.startswith("_") and name != "document_id":
            annotation = attribute.metadata.get("schema_type", hint)
            fields.append(BlockField(attribute, attribute.alias, annotation, hint))
    return tuple(fields)


def kind_of(annotation: Any) -> TypeHint:
    """Return what *annotation* means.

    Raises:
        BlockError: It has no counterpart in JSON.
    """
    kind = parse_hint(annotation)
    cls = class_in(kind)
    is_known = issubclass(cls, enum.Enum) or is_block(cls) or _scalar_of(cls) is not None
    if kind.shape is Shape.OTHER or (kind.shape is Shape.CLASS and not is_known):
        raise BlockError(
            f"a field of type {printable(annotation)} has no counterpart in JSON. Fields may be"
            " text, numbers, booleans, dates and times, paths, UUIDs, enums, secrets, other blocks,"
            " Literal, Any, and lists, tuples, sets, mappings and unions of these"
        )
    return kind


def class_in(kind: TypeHint) -> type:
    """Return the class whose instances *kind* is of; ``object`` if it is not of a class."""
    cls: type = kind.parts[0] if kind.shape is Shape.CLASS else object
    return cls


def is_block(cls: type) -> bool:
    """Return True if *cls* is a block class. Block itself is defined in a module above."""
    return hasattr(cls, "block_type_name")


# Classes


@attrs.frozen
class Scalar:
    """How the values of a class stand in JSON.

    Attributes:
        schema: What JSON schema has for the class.
        expected: What a document holds, in words.
        json_types: What it holds, as Python's JSON has it.
        build: Makes a value of the class, or one below it, from that.
        write: Makes that from a value.
    """

    schema: Schema
    expected: str
    json_types: Tuple[type, ...]
    build: Callable[[Any, Any], Any] = lambda cls, value: cls(value)
    write: Callable[[Any], Any] = str


def _read_iso(cls: Any, text: str) -> Any:
    # Before Python 3.11 a Z is not understood.
    return cls.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


def _write_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BlockError("bytes that are not UTF-8, which JSON cannot hold") from None


def _write_decimal(value: Any) -> Any:
    """Return a number, as the reference does, unless digits would be lost."""
    if not value.is_finite():
        raise BlockError("not a finite number, which JSON cannot hold")
    number = int(value) if value == value.to_integral_value() else float(value)
    if type(value)(str(number)) != value:
        raise BlockError("a decimal number of more digits than JSON's numbers carry")
    return number


def _text(format_name: str, expected: str = "text", **how: Any) -> Scalar:
    return Scalar({"type": "string", "format": format_name}, expected, (str,), **how)


_ISO: Mapping[str, Any] = {"build": _read_iso, "write": operator.methodcaller("isoformat")}
_NUMBER: Schema = {"type": "number"}

#: The rows of classes; one that is slow to load is named.
_SCALARS: Mapping[Union[type, str], Scalar] = {
    bool: Scalar({"type": "boolean"}, "a boolean", (bool,), write=bool),
    int: Scalar({"type": "integer"}, "a whole number", (int,), write=int),
    float: Scalar(_NUMBER, "a number", (int, float), write=float),
    "decimal.Decimal": Scalar(
        _NUMBER,
        "a number",
        (int, float, str),
        build=lambda cls, number: cls(str(number)),
        write=_write_decimal,
    ),
    str: Scalar({"type": "string"}, "text", (str,), write=lambda value: value[:]),
    Address: Scalar({"type": "string"}, "text", (str,), write=lambda value: value.url),
    Secret: Scalar(
        {"type": "string", "writeOnly": True, "format": "password"},
        "text",
        (str,),
        write=Secret.get_secret_value,
    ),
    bytes: _text("binary", build=lambda cls, text: cls(text.encode()), write=_write_bytes),
    datetime.datetime: _text("date-time", "a date and time as text", **_ISO),
    datetime.date: _text("date", "a date as text", **_ISO),
    datetime.time: _text("time", "a time as text", **_ISO),
    datetime.timedelta: Scalar(
        {"type": "number", "format": "time-delta"},
        "a number of seconds",
        (int, float),
        build=lambda cls, seconds: cls(seconds=seconds),
        write=datetime.timedelta.total_seconds,
    ),
    PurePath: _text("path"),
    UUID: _text("uuid", "a UUID as text"),
    NONE: Scalar({"type": "null"}, "null", ()),
}


def _scalar_of(cls: type) -> Optional[Scalar]:
    """Return the row of *cls* or of its next base that has one."""
    for base in cls.__mro__:
        scalar = _SCALARS.get(base) or _SCALARS.get(f"{base.__module__}.{base.__qualname__}")
        if scalar is not None:
            return scalar
    return None


def plain_schema(cls: type) -> Schema:
    """Return the JSON schema of *cls*; empty where there is none."""
    scalar = _scalar_of(cls)
    return dict(scalar.schema) if scalar else {}


def _read_class(value: Any, kind: TypeHint) -> Any:
    cls = kind.parts[0]
    if issubclass(cls, enum.Enum):
        return _read_choice(value, cls)
    if is_block(cls):
        return cls.from_data(_expect(value, (dict,), "an object"))
    scalar: Any = _scalar_of(cls)  # There is one: kind_of has looked.
    _expect(value, scalar.json_types, scalar.expected)
    try:
        return scalar.build(cls, value)
    except (ValueError, ArithmeticError):
        raise BlockError(
            f"expected {scalar.expected}, not one that cannot be read or is out of range"
        ) from None


def _read_choice(value: Any, choices: Iterable[Any]) -> Any:
    """Return the one of *choices*, members of an enum or values, that *value* stands for."""
    plain = [choice.value if isinstance(choice, enum.Enum) else choice for choice in choices]
    for choice, each in zip(choices, plain):
        try:
            each = to_json(each)
        except BlockError:
            continue
        if type(each) is type(value) and each == value:
            return choice
    raise BlockError(f"expected one of {', '.join(map(quoted, plain))}")


# What type hints say beyond classes


def _union_schema(kind: TypeHint, names: Names) -> Schema:
    return {"anyOf": [json_schema(part, names) for part in kind.parts]}


def _read_union(value: Any, kind: TypeHint) -> Any:
    problems = []
    for part in kind.parts:
        try:
            return from_json(value, part)
        except BlockError as exc:
            problems.append(str(exc))
    raise BlockError("; or ".join(problems))


def _literal_schema(kind: TypeHint, names: Names) -> Schema:
    """Return the schema of one of some values, grouped by their types."""
    groups: Dict[type, List[Any]] = {}
    for value in kind.parts:
        plain = value.value if isinstance(value, enum.Enum) else value
        groups.setdefault(type(value), []).append(plain)
    parts = [{"enum": values, **plain_schema(cls)} for cls, values in groups.items()]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _list_schema(kind: TypeHint, names: Names) -> Schema:
    return {"type": "array", "items": json_schema(kind.parts[0], names)}


def _set_schema(kind: TypeHint, names: Names) -> Schema:
    return {**_list_schema(kind, names), "uniqueItems": True}


def _read_list(value: Any, kind: TypeHint) -> Any:
    """Return a list, or another of Python's collections if the hint names it."""
    items = (from_json(item, kind.parts[0]) for item in _expect(value, (list,), "an array"))
    if kind.shape is Shape.SET:
        return set(items) if kind.origin is set else frozenset(items)
    return tuple(items) if kind.origin is tuple else list(items)


def _tuple_schema(kind: TypeHint, names: Names) -> Schema:
    length = len(kind.parts)
    schema: Schema = {"type": "array", "minItems": length, "maxItems": length}
    return (
        {**schema, "items": [json_schema(part, names) for part in kind.parts]} if length else schema
    )


def _read_tuple(value: Any, kind: TypeHint) -> Any:
    items = _expect(value, (list,), "an array")
    if len(items) != len(kind.parts):
        raise BlockError(f"expected {len(kind.parts)} items, not {len(items)}")
    return tuple(map(from_json, items, kind.parts))


def _mapping_schema(kind: TypeHint, names: Names) -> Schema:
    values = json_schema(kind.parts[0], names)
    return {"type": "object", "additionalProperties": values} if values else {"type": "object"}


def _read_mapping(value: Any, kind: TypeHint) -> Any:
    items = _expect(value, (dict,), "an object").items()
    return {key: from_json(item, kind.parts[0]) for key, item in items}


#: How each shape stands in JSON schema, and how it is read.
_SHAPES: Mapping[
    Shape, Tuple[Callable[[TypeHint, Names], Schema], Callable[[Any, TypeHint], Any]]
] = {
    Shape.ANY: (lambda kind, names: {}, lambda value, kind: value),
    Shape.CLASS: (lambda kind, names: plain_schema(kind.parts[0]), _read_class),
    Shape.UNION: (_union_schema, _read_union),
    Shape.LITERAL: (_literal_schema, lambda value, kind: _read_choice(value, kind.parts)),
    Shape.LIST: (_list_schema, _read_list),
    Shape.SET: (_set_schema, _read_list),
    Shape.TUPLE: (_tuple_schema, _read_tuple),
    Shape.MAPPING: (_mapping_schema, _read_mapping),
}


# Schema, reading and writing


def json_schema(annotation: Any, names: Names) -> Schema:
    """Return the JSON schema of *annotation*, with references to the classes of *names*.

    Raises:
        BlockError: It has no counterpart in JSON.
    """
    kind = kind_of(annotation)
    name = names.get(class_in(kind))
    return {"$ref": f"#/definitions/{name}"} if name else _SHAPES[kind.shape][0](kind, names)


def from_json(value: Any, annotation: Any) -> Any:
    """Return what the JSON *value* means in a field of type *annotation*.

    It is strict: text is no number, 3.5 no int, true no number.

    Raises:
        BlockError: It does not fit; says what was expected, never the value.
    """
    kind = kind_of(annotation)
    if value is None and kind.optional:
        return None
    return _SHAPES[kind.shape][1](value, kind)


def to_json(value: Any, masked: bool = False) -> Any:
    """Return *value* as JSON; mappings come sorted by key, sets in an order of their own.

    Args:
        value: What a field holds.
        masked: Whether to mask what the value itself knows to be secret.

    Raises:
        BlockError: It is nothing that a field can hold.
    """
    plain = _to_plain(value, masked)
    problem = json_problem(plain)
    if problem is not None:
        raise BlockError(problem)
    return plain


def _to_plain(value: Any, masked: bool) -> Any:
    if value is None:
        return value
    if isinstance(value, enum.Enum):
        return _to_plain(value.value, masked)
    if is_block(type(value)):
        data = value.to_document_data()
        paths = split_paths(value.definition().secret_fields) if masked else ()
        return mask_paths(data, paths)
    if masked and isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        hidden = masked and isinstance(value, SecretMapping)
        items = {
            _to_key(key): MASK if hidden else _to_plain(item, masked) for key, item in value.items()
        }
        return {key: items[key] for key in sorted(items)}
    if isinstance(value, (set, frozenset)):  # In the same order, masked or not.
        value = sorted(value, key=lambda item: json.dumps(_to_plain(item, False), sort_keys=True))
    if isinstance(value, (list, tuple)):
        return [_to_plain(item, masked) for item in value]
    scalar = _scalar_of(type(value))
    if scalar is None:
        raise BlockError(f"an object of type {type(value).__name__} is not JSON")
    return scalar.write(value)


def _to_key(key: Any) -> str:
    plain = key.value if isinstance(key, enum.Enum) else key
    if not isinstance(plain, str):
        raise BlockError(f"a mapping with a key of type {type(plain).__name__}, not text")
    return plain[:]


def _expect(value: Any, json_types: Tuple[type, ...], expected: str) -> Any:
    """Return *value* if it is of one of the JSON types; true and false are no numbers."""
    is_bool = isinstance(value, bool)
    if isinstance(value, json_types) and is_bool == (json_types == (bool,)):
        return value
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean"}
    found = names.get(type(value), "null" if value is None else "a number")
    raise BlockError(f"expected {expected}, not {found}")
