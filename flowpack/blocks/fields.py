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
import math
import operator
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple
from uuid import UUID

import attrs

from flowpack._type_hints import NONE, Shape, TypeHint, parse_hint, resolve_hints
from flowpack.blocks.secret import Secret
from flowpack.exceptions import BlockError, printable, quoted
from flowpack.urls import Address

Schema = Dict[str, Any]

#: Renders a type hint that stands in another.
Inner = Callable[[Any], Schema]

#: Where a class keeps its fields, once they are known.
_FIELDS = "__flowpack_fields__"


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


def fields_of(cls: Any) -> Tuple[BlockField, ...]:
    """Return the fields of an attrs class that schema and data show, in order.

    Not shown are names that start with an underscore, fields that the constructor does not
    take, and ``document_id``.

    Raises:
        BlockError: An annotation cannot be resolved.
    """
    if _FIELDS not in vars(cls):
        setattr(cls, _FIELDS, _find_fields(cls))
    fields: Tuple[BlockField, ...] = vars(cls)[_FIELDS]
    return fields


def _find_fields(cls: Any) -> Tuple[BlockField, ...]:
    problem = f"an annotation of {cls.__qualname__} cannot be resolved"
    try:
        hints = resolve_hints(cls)
    except NameError as exc:
        raise BlockError(
            f"{problem}: {printable(exc)}. Import what it names at the top of the module, not"
            " under TYPE_CHECKING"
        ) from exc
    except (TypeError, SyntaxError) as exc:
        raise BlockError(
            f"{problem}: {printable(exc)}. Before Python 3.10 write Optional[X] and"
            " Union[X, Y], not X | Y"
        ) from exc
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
    if kind.shape is Shape.OTHER:
        raise BlockError(f"{printable(annotation)} has no counterpart in JSON")
    return kind


def class_in(kind: TypeHint, base: type) -> bool:
    """Return True if *kind* is an instance of a class below *base*."""
    return kind.shape is Shape.CLASS and issubclass(kind.parts[0], base)


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

    def read(self, value: Any, cls: Any) -> Any:
        """Return the object of *cls* that the JSON *value* stands for."""
        _expect(value, self.json_types, self.expected)
        try:
            return self.build(cls, value)
        except (ValueError, ArithmeticError):
            raise BlockError(
                f"expected {self.expected}, not one that cannot be read or is out of range"
            ) from None


def _read_iso(cls: Any, text: str) -> Any:
    # Before Python 3.11 a Z is not understood.
    return cls.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


def _write_float(value: float) -> float:
    if not math.isfinite(value):
        raise BlockError("not a finite number, which JSON cannot say")
    return float(value)


def _write_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BlockError("bytes that are not UTF-8, which JSON cannot hold") from None


def _write_decimal(value: Any) -> Any:
    """Return a number, as the reference does, unless digits would be lost."""
    if not value.is_finite():
        raise BlockError("not a finite number, which JSON cannot say")
    number = int(value) if value == value.to_integral_value() else float(value)
    if type(value)(str(number)) != value:
        raise BlockError("a decimal number of more digits than JSON's numbers carry")
    return number


def _text(format_name: str, expected: str, **how: Any) -> Scalar:
    return Scalar({"type": "string", "format": format_name}, expected, (str,), **how)


def _moment(format_name: str, expected: str) -> Scalar:
    write = operator.methodcaller("isoformat")
    return _text(format_name, f"{expected} as text", build=_read_iso, write=write)


_SCALARS: Mapping[type, Scalar] = {
    bool: Scalar({"type": "boolean"}, "a boolean", (bool,), write=bool),
    int: Scalar({"type": "integer"}, "a whole number", (int,), write=int),
    float: Scalar({"type": "number"}, "a number", (int, float), write=_write_float),
    str: Scalar({"type": "string"}, "text", (str,), write=lambda value: value[:]),
    Address: Scalar({"type": "string"}, "text", (str,), write=lambda value: value.url),
    Secret: Scalar(
        {"type": "string", "writeOnly": True, "format": "password"},
        "text",
        (str,),
        write=Secret.get_secret_value,
    ),
    bytes: _text("binary", "text", build=lambda cls, text: cls(text.encode()), write=_write_bytes),
    datetime.datetime: _moment("date-time", "a date and time"),
    datetime.date: _moment("date", "a date"),
    datetime.time: _moment("time", "a time"),
    datetime.timedelta: Scalar(
        {"type": "number", "format": "time-delta"},
        "a number of seconds",
        (int, float),
        build=lambda cls, seconds: cls(seconds=seconds),
        write=datetime.timedelta.total_seconds,
    ),
    UUID: _text("uuid", "a UUID as text"),
    NONE: Scalar({"type": "null"}, "null", ()),
}


@functools.lru_cache(maxsize=None)
def _rare_scalars() -> Mapping[type, Scalar]:
    """Return the rows of classes that are seldom used and slow to load."""
    import decimal
    import pathlib

    return {
        decimal.Decimal: Scalar(
            {"type": "number"},
            "a number",
            (int, float, str),
            build=lambda cls, number: cls(str(number)),
            write=_write_decimal,
        ),
        pathlib.PurePath: _text("path", "text"),
    }


def _scalar_of(cls: type) -> Optional[Scalar]:
    """Return the row of *cls* or of its next base that has one."""
    for base in cls.__mro__:
        if base in _SCALARS:
            return _SCALARS[base]
    rare = _rare_scalars()
    return next((rare[base] for base in cls.__mro__ if base in rare), None)


def plain_schema(cls: type) -> Schema:
    """Return the JSON schema of *cls*; empty where there is none."""
    scalar = _scalar_of(cls)
    return dict(scalar.schema) if scalar else {}


def _class_schema(kind: TypeHint, inner: Inner) -> Schema:
    schema = plain_schema(kind.parts[0])
    if not schema:
        raise BlockError(
            f"a field of type {quoted(kind.parts[0].__qualname__)} has no counterpart in JSON."
            " Fields may be text, numbers, booleans, dates and times, paths, UUIDs, enums,"
            " secrets, other blocks, Literal, Any, and lists, tuples, sets, mappings and"
            " unions of these"
        )
    return schema


def _read_class(value: Any, kind: TypeHint) -> Any:
    cls = kind.parts[0]
    if issubclass(cls, enum.Enum):
        return _read_member(value, cls)
    if hasattr(cls, "from_data"):  # A block's.
        return cls.from_data(_expect(value, (dict,), "an object"))
    scalar = _scalar_of(cls)
    if scalar is None:
        raise BlockError(f"nothing is known of the type {cls.__qualname__}")
    return scalar.read(value, cls)


def _read_member(value: Any, cls: Any) -> Any:
    for member in cls:
        try:
            plain = to_json(member)
        except BlockError:
            continue
        if type(plain) is type(value) and plain == value:
            return member
    raise BlockError(f"expected one of {_listed(member.value for member in cls)}")


# What type hints say beyond classes


def _read_union(value: Any, kind: TypeHint) -> Any:
    problems = []
    for part in kind.parts:
        try:
            return from_json(value, part)
        except BlockError as exc:
            problems.append(str(exc))
    raise BlockError("; or ".join(problems))


def _literal_schema(kind: TypeHint, inner: Inner) -> Schema:
    """Return the schema of one of some values, grouped by their types."""
    groups: Dict[type, List[Any]] = {}
    for value in kind.parts:
        plain = value.value if isinstance(value, enum.Enum) else value
        groups.setdefault(type(value), []).append(plain)
    parts = [{"enum": values, **plain_schema(cls)} for cls, values in groups.items()]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _read_literal(value: Any, kind: TypeHint) -> Any:
    for choice in kind.parts:
        plain = choice.value if isinstance(choice, enum.Enum) else choice
        if type(plain) is type(value) and plain == value:
            return choice
    raise BlockError(f"expected one of {_listed(kind.parts)}")


def _list_schema(kind: TypeHint, inner: Inner) -> Schema:
    return {"type": "array", "items": inner(kind.parts[0])}


def _read_list(value: Any, kind: TypeHint) -> Any:
    items = (from_json(item, kind.parts[0]) for item in _expect(value, (list,), "an array"))
    if kind.shape is Shape.LIST:
        return tuple(items) if kind.origin is tuple else list(items)
    return set(items) if kind.origin is set else frozenset(items)


def _set_schema(kind: TypeHint, inner: Inner) -> Schema:
    return {**_list_schema(kind, inner), "uniqueItems": True}


def _tuple_schema(kind: TypeHint, inner: Inner) -> Schema:
    length = len(kind.parts)
    schema: Schema = {"type": "array", "minItems": length, "maxItems": length}
    return {**schema, "items": [inner(part) for part in kind.parts]} if length else schema


def _read_tuple(value: Any, kind: TypeHint) -> Any:
    items = _expect(value, (list,), "an array")
    if len(items) != len(kind.parts):
        raise BlockError(f"expected {len(kind.parts)} items, not {len(items)}")
    return tuple(map(from_json, items, kind.parts))


def _mapping_schema(kind: TypeHint, inner: Inner) -> Schema:
    values = inner(kind.parts[0])
    return {"type": "object", "additionalProperties": values} if values else {"type": "object"}


def _read_mapping(value: Any, kind: TypeHint) -> Any:
    items = _expect(value, (dict,), "an object").items()
    return {key: from_json(item, kind.parts[0]) for key, item in items}


#: How each shape stands in JSON schema, and how it is read.
_SHAPES: Mapping[
    Shape, Tuple[Callable[[TypeHint, Inner], Schema], Callable[[Any, TypeHint], Any]]
] = {
    Shape.ANY: (lambda kind, inner: {}, lambda value, kind: value),
    Shape.CLASS: (_class_schema, _read_class),
    Shape.UNION: (lambda kind, inner: {"anyOf": list(map(inner, kind.parts))}, _read_union),
    Shape.LITERAL: (_literal_schema, _read_literal),
    Shape.LIST: (_list_schema, _read_list),
    Shape.SET: (_set_schema, _read_list),
    Shape.TUPLE: (_tuple_schema, _read_tuple),
    Shape.MAPPING: (_mapping_schema, _read_mapping),
}


# Schema, reading and writing


def kind_schema(kind: TypeHint, inner: Inner) -> Schema:
    """Return the JSON schema of *kind*, which is no enum and no block.

    Args:
        kind: What the type hint of a field means.
        inner: Renders a type hint inside it.

    Raises:
        BlockError: JSON has no counterpart for it.
    """
    return _SHAPES[kind.shape][0](kind, inner)


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


def to_json(value: Any) -> Any:
    """Return *value* as JSON; mappings come sorted by key, sets in an order of their own.

    Raises:
        BlockError: It is nothing that a field can hold.
    """
    if value is None:
        return value
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if hasattr(type(value), "to_document_data"):
        return value.to_document_data()
    if isinstance(value, Mapping):
        items = {_key(key): to_json(item) for key, item in value.items()}
        return {key: items[key] for key in sorted(items)}
    if isinstance(value, (list, tuple)):
        return list(map(to_json, value))
    if isinstance(value, (set, frozenset)):
        return sorted(map(to_json, value), key=lambda item: json.dumps(item, sort_keys=True))
    scalar = _scalar_of(type(value))
    if scalar is None:
        raise BlockError(f"an object of type {type(value).__name__} is not JSON")
    return _whole(scalar.write(value))


def _key(key: Any) -> str:
    if isinstance(key, enum.Enum):
        key = key.value
    if not isinstance(key, str):
        raise BlockError(f"a mapping with a key of type {type(key).__name__}, not text")
    text: str = _whole(key[:])
    return text


def _whole(value: Any) -> Any:
    """Return *value*, which may be text that can travel."""
    if isinstance(value, str) and any("\ud800" <= each <= "\udfff" for each in value):
        raise BlockError("text with half a surrogate pair, which cannot travel")
    return value


def _expect(value: Any, json_types: Tuple[type, ...], expected: str) -> Any:
    """Return *value* if it is of one of the JSON types; true and false are no numbers."""
    is_bool = isinstance(value, bool)
    if isinstance(value, json_types) and is_bool == (json_types == (bool,)):
        return value
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean"}
    found = names.get(type(value), "null" if value is None else "a number")
    raise BlockError(f"expected {expected}, not {found}")


def _listed(choices: Iterable[Any]) -> str:
    return ", ".join(quoted(choice) for choice in choices)
