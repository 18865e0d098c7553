"""Fields of blocks: each kind of value in JSON schema, in documents, and in Python.

Servers know a block class by the checksum of its schema, which therefore must be that of the
reference to the letter: ``BaseModel.schema()`` of pydantic 1.9.
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
from flowpack._validators import plain
from flowpack.blocks.secret import MASK, Secret, SecretMapping, mask_secrets
from flowpack.exceptions import BlockError, printable, quoted
from flowpack.jsonvalues import json_problem
from flowpack.urls import Address

Result = TypeVar("Result")
Schema = Dict[str, Any]


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
        attribute: The field as attrs has it.
        name: Its name in schema and data, and that of the constructor's argument.
        annotation: Its type in the schema: ``schema_type`` in its metadata, else *type*.
        type: Its type in Python.
    """

    attribute: Any
    name: str
    annotation: Any
    type: Any
    required: bool


@kept_on_class
def fields_of(cls: Any) -> Tuple[BlockField, ...]:
    """Return the fields of a class in schema and data; a BlockError where a hint is not known."""
    try:
        hints = resolve_hints(cls)
    except (NameError, TypeError, SyntaxError) as exc:
        raise BlockError(
            f"an annotation of {cls.__qualname__} cannot be resolved: {printable(exc)}. Import what"
            " it names at the top of the module, not under TYPE_CHECKING, and before Python 3.10"
            " write Optional[X] and Union[X, Y], not X | Y"
        ) from exc
    fields = []
    for attribute in attrs.fields(cls):
        name, hint = attribute.name, hints.get(attribute.name, Any)
        if attribute.init and not name.startswith("_") and name != "document_id":
            annotation = attribute.metadata.get("schema_type", hint)
            required = attribute.default is attrs.NOTHING
            fields.append(BlockField(attribute, attribute.alias, annotation, hint, required))
    return tuple(fields)


def kind_of(annotation: Any) -> TypeHint:
    """Return what *annotation* means; raise a BlockError where it has no counterpart in JSON."""
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


@attrs.frozen
class Scalar:
    """The JSON schema of a class, and how its values and those below it are read and written."""

    schema: Schema
    read: Callable[[Any, Any], Any] = lambda cls, value: cls(value)
    write: Callable[[Any], Any] = str


def _read_iso(cls: Any, text: str) -> Any:
    # Before Python 3.11 a Z is not understood.
    return cls.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


def _write_decimal(value: Any) -> Any:
    """Return a number, as the reference does, unless digits would be lost."""
    if not value.is_finite():
        raise BlockError("not a finite number, which JSON cannot hold")
    number = int(value) if value == value.to_integral_value() else float(value)
    if type(value)(str(number)) != value:
        raise BlockError("a decimal number of more digits than JSON's numbers carry")
    return number


def _write_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BlockError("bytes that are not UTF-8, which JSON cannot hold") from None


def _text(name: str, *how: Callable[..., Any]) -> Scalar:
    return Scalar({"type": "string", "format": name}, *how)


_ISO: Tuple[Callable[..., Any], ...] = (_read_iso, operator.methodcaller("isoformat"))

#: The rows of classes; one that is slow to load is named.
_SCALARS: Mapping[Union[type, str], Scalar] = {
    bool: Scalar({"type": "boolean"}, write=bool),
    int: Scalar({"type": "integer"}, write=int),
    float: Scalar({"type": "number"}, write=float),
    "decimal.Decimal": Scalar({"type": "number"}, lambda cls, n: cls(str(n)), _write_decimal),
    str: Scalar({"type": "string"}, write=lambda value: value[:]),
    Address: Scalar({"type": "string"}, write=lambda value: value.url),
    Secret: Scalar(
        {"type": "string", "writeOnly": True, "format": "password"}, write=Secret.get_secret_value
    ),
    bytes: _text("binary", lambda cls, text: cls(text.encode()), _write_bytes),
    datetime.datetime: _text("date-time", *_ISO),
    datetime.date: _text("date", *_ISO),
    datetime.time: _text("time", *_ISO),
    datetime.timedelta: Scalar(
        {"type": "number", "format": "time-delta"},
        lambda cls, seconds: cls(seconds=seconds),
        datetime.timedelta.total_seconds,
    ),
    PurePath: _text("path"),
    UUID: _text("uuid"),
    NONE: Scalar({"type": "null"}),
}

#: The types of JSON schema: what Python reads of each, and what messages call it.
_JSON_TYPES: Mapping[str, Tuple[type, str]] = {
    "boolean": (bool, "a boolean"),
    "integer": (int, "a whole number"),
    "number": (float, "a number"),
    "string": (str, "text"),
    "array": (list, "an array"),
    "object": (dict, "an object"),
    "null": (NONE, "null"),
}


def _scalar_of(cls: type) -> Optional[Scalar]:
    """Return the row of *cls* or of its next base that has one."""
    for base in cls.__mro__:
        scalar = _SCALARS.get(base) or _SCALARS.get(f"{base.__module__}.{base.__qualname__}")
        if scalar is not None:
            return scalar
    return None


def scalar_schema(cls: type) -> Schema:
    """Return the JSON schema of the values of *cls*; empty where there is none."""
    scalar = _scalar_of(cls)
    return dict(scalar.schema) if scalar else {}


def json_schema(annotation: Any, names: Mapping[type, str]) -> Schema:
    """Return the JSON schema of *annotation*, with references to the classes of *names*."""
    kind = kind_of(annotation)
    if class_in(kind) in names:
        return {"$ref": f"#/definitions/{names[class_in(kind)]}"}
    if kind.shape is Shape.CLASS:
        return scalar_schema(kind.parts[0])
    if kind.shape is Shape.LITERAL:
        return _literal_schema(kind.parts)
    inner = [json_schema(part, names) for part in kind.parts]
    if kind.shape is Shape.UNION:
        return {"anyOf": inner}
    if kind.shape in (Shape.LIST, Shape.SET):
        unique = {"uniqueItems": True} if kind.shape is Shape.SET else {}
        return {"type": "array", "items": inner[0], **unique}
    if kind.shape is Shape.TUPLE:
        length = {"minItems": len(inner), "maxItems": len(inner)}
        return {"type": "array", **length, **({"items": inner} if inner else {})}
    if kind.shape is Shape.MAPPING:
        return {"type": "object", **({"additionalProperties": inner[0]} if inner[0] else {})}
    return {}


def _literal_schema(values: Iterable[Any]) -> Schema:
    """Return the schema of one of some values, grouped by their types."""
    groups: Dict[type, List[Any]] = {}
    for value in values:
        groups.setdefault(type(value), []).append(plain(value))
    parts = [{"enum": group, **scalar_schema(cls)} for cls, group in groups.items()]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def from_json(value: Any, annotation: Any) -> Any:
    """Return what the JSON *value* means in a field of type *annotation*.

    Text is no number, 3.5 no int, true no number: a BlockError, without the value.
    """
    kind = kind_of(annotation)
    if kind.shape is Shape.ANY or (value is None and kind.optional):
        return value
    if kind.shape is Shape.CLASS:
        return _read_class(value, kind.parts[0])
    if kind.shape is Shape.LITERAL:
        return _read_choice(value, kind.parts)
    if kind.shape is Shape.UNION:
        return _read_union(value, kind.parts)
    if kind.shape is Shape.MAPPING:
        items = _expect(value, "object").items()
        return {key: from_json(item, kind.parts[0]) for key, item in items}
    _expect(value, "array")
    if kind.shape is Shape.TUPLE:
        if len(value) != len(kind.parts):
            raise BlockError(f"expected {len(kind.parts)} items, not {len(value)}")
        return tuple(map(from_json, value, kind.parts))
    found = [from_json(item, kind.parts[0]) for item in value]
    if kind.shape is Shape.SET:
        return set(found) if kind.origin is set else frozenset(found)
    return tuple(found) if kind.origin is tuple else found


def _read_class(value: Any, cls: Any) -> Any:
    if issubclass(cls, enum.Enum):
        return _read_choice(value, cls)
    if is_block(cls):
        return cls.from_data(_expect(value, "object"))
    scalar: Any = _scalar_of(cls)  # There is one: kind_of has looked.
    _expect(value, scalar.schema["type"])
    try:
        return scalar.read(cls, value)
    except (ValueError, ArithmeticError):
        name = scalar.schema.get("format", "number")
        raise BlockError(f"it is no {name} that can be read, or is out of range") from None


def _read_choice(value: Any, choices: Iterable[Any]) -> Any:
    """Return the one of *choices*, members of an enum or values, that *value* stands for."""
    for choice in choices:
        try:
            found = to_json(choice)
        except BlockError:
            continue
        if type(found) is type(value) and found == value:
            return choice
    raise BlockError(f"expected one of {', '.join(quoted(plain(each)) for each in choices)}")


def _read_union(value: Any, parts: Iterable[Any]) -> Any:
    problems = []
    for part in parts:
        try:
            return from_json(value, part)
        except BlockError as exc:
            problems.append(str(exc))
    raise BlockError("; or ".join(problems))


def _expect(value: Any, json_type: str) -> Any:
    """Return *value* if it is of that type of JSON; true and false are no numbers."""
    found = next((each for each in _JSON_TYPES if isinstance(value, _JSON_TYPES[each][0])), "")
    if found == json_type or (found, json_type) == ("integer", "number"):
        return value
    name = _JSON_TYPES[found][1] if found else type(value).__name__
    raise BlockError(f"expected {_JSON_TYPES[json_type][1]}, not {name}")


def to_json(value: Any, masked: bool = False) -> Any:
    """Return *value* as JSON; mappings come sorted by key, sets in an order of their own.

    With *masked* it is without what the value itself knows to be secret. What no field can hold is
    a BlockError.
    """
    found = _to_plain(value, masked)
    problem = json_problem(found)
    if problem is not None:
        raise BlockError(problem)
    return found


def _to_plain(value: Any, masked: bool) -> Any:
    if value is None:
        return value
    if isinstance(value, enum.Enum):
        return _to_plain(value.value, masked)
    if is_block(type(value)):
        data = value.to_document_data()
        return mask_secrets(data, value.definition().secret_fields) if masked else data
    if masked and isinstance(value, Secret):
        return MASK
    if isinstance(value, Mapping):
        items = {plain(key): item for key, item in value.items()}
        if masked and isinstance(value, SecretMapping):
            return dict.fromkeys(items, MASK)
        return {key: _to_plain(items[key], masked) for key in sorted(items, key=str)}
    if isinstance(value, (set, frozenset)):  # In the same order, masked or not.
        value = sorted(value, key=lambda item: json.dumps(_to_plain(item, False), sort_keys=True))
    if isinstance(value, (list, tuple)):
        return [_to_plain(item, masked) for item in value]
    scalar = _scalar_of(type(value))
    if scalar is None:
        raise BlockError(f"an object of type {type(value).__name__} is not JSON")
    return scalar.write(value)
