"""A block class as JSON schema, as the reference renders one.

The checksum by which a server knows a block class is made from this schema, so
it must come out the same, down to the title of a field.

References:
    pydantic 1.9, ``BaseModel.schema()``, which Prefect 2.0b7 uses.
"""

from __future__ import annotations

import datetime
import enum
import functools
import inspect
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple
from uuid import UUID

import attrs

from flowpack.blocks.annotations import (
    NONE,
    Field,
    Kind,
    Shape,
    class_in,
    fields_of,
    kind_of,
)
from flowpack.blocks.secrecy import held_paths, paths_below, replaced
from flowpack.blocks.secret import MASK, Secret
from flowpack.blocks.values import to_json
from flowpack.exceptions import BlockError, quoted
from flowpack.urls import mask_text

Schema = Dict[str, Any]

#: What a class is in JSON schema; the first that fits counts.
_PLAIN_CLASSES: Tuple[Tuple[type, Schema], ...] = (
    (bool, {"type": "boolean"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (str, {"type": "string"}),
)


@functools.lru_cache(maxsize=None)
def _classes() -> Tuple[Tuple[type, Schema], ...]:
    """Return all classes with a word in JSON schema but enums and blocks."""
    # Few blocks have fields of these, and they take time to import.
    import decimal
    import pathlib

    return (
        *_PLAIN_CLASSES,
        (Secret, {"type": "string", "writeOnly": True, "format": "password"}),
        (bytes, {"type": "string", "format": "binary"}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (datetime.date, {"type": "string", "format": "date"}),
        (datetime.time, {"type": "string", "format": "time"}),
        (datetime.timedelta, {"type": "number", "format": "time-delta"}),
        (decimal.Decimal, {"type": "number"}),
        (pathlib.PurePath, {"type": "string", "format": "path"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (NONE, {"type": "null"}),
    )


def class_schema(cls: type, base: type) -> Schema:
    """Return the JSON schema of an attrs class.

    Args:
        cls: The class.
        base: Classes below it may be the type of a field.

    Raises:
        BlockError: The type of a field has no counterpart in JSON.
    """
    return _Renderer(cls, base).whole()


def referenced_classes(field: Field, base: type) -> Tuple[type, ...]:
    """Return the classes below *base* that may stand in *field*."""
    kind = _innermost(kind_of(field.annotation))
    parts = kind.parts if kind.shape is Shape.UNION else ()
    kinds = (kind, *map(kind_of, parts))
    return tuple(each.parts[0] for each in kinds if class_in(each, base))


def _innermost(kind: Kind) -> Kind:
    """Return what a list, set or mapping holds, one level down; else *kind*."""
    if kind.shape in (Shape.LIST, Shape.SET, Shape.MAPPING):
        return kind_of(kind.parts[0])
    return kind


class _Renderer:
    """Renders one class with all that it refers to."""

    def __init__(self, cls: type, base: type) -> None:
        self._cls = cls
        self._base = base
        self._names = _definition_names(cls, base)
        self._definitions: Dict[str, Schema] = {}

    def whole(self) -> Schema:
        schema = self._object(self._cls)
        if self._definitions:
            schema["definitions"] = self._definitions
        return schema

    def _object(self, cls: type) -> Schema:
        schema: Schema = {"title": cls.__name__}
        description = _description(cls, self._base)
        if description:
            schema["description"] = description
        fields = fields_of(cls)
        schema["type"] = "object"
        schema["properties"] = {field.name: self._field(cls, field) for field in fields}
        required = [field.name for field in fields if field.required]
        if required:
            schema["required"] = required
        return schema

    def _field(self, cls: type, field: Field) -> Schema:
        kind = kind_of(field.annotation)
        head, overrides = _head(field, kind, self._default(cls, field))
        schema = self._kind(kind, overrides)
        # A reference stands alone, as JSON schema wanted it once.
        return schema if "$ref" in schema else {**head, **schema}

    def _default(self, cls: type, field: Field) -> Any:
        """Return the default as all may see it; None where there is none."""
        default = field.attribute.default
        if field.required or isinstance(default, type(attrs.Factory(list))):
            return None
        plain = to_json(default)
        paths = (
            *paths_below(cls, field, self._base),
            *held_paths(default, plain, self._base),
        )
        told = replaced(plain, paths, lambda value, at: MASK if value else value)
        return _without_passwords(told)

    def _inner(self, annotation: Any) -> Schema:
        return self._kind(kind_of(annotation), overrides=False)

    def _kind(self, kind: Kind, overrides: bool) -> Schema:
        if kind.shape is Shape.ANY:
            return {}
        if kind.shape is Shape.UNION:
            return {"anyOf": [self._inner(part) for part in kind.parts]}
        if kind.shape is Shape.LITERAL:
            return _literal(kind.parts)
        if kind.shape is Shape.CLASS:
            return self._class(kind.parts[0], overrides)
        return self._container(kind)

    def _container(self, kind: Kind) -> Schema:
        if kind.shape is Shape.TUPLE:
            places = [self._inner(part) for part in kind.parts]
            length = len(places)
            schema: Schema = {"type": "array", "minItems": length, "maxItems": length}
            return {**schema, "items": places} if places else schema
        inner = self._inner(kind.parts[0])
        if kind.shape is Shape.MAPPING:
            schema = {"type": "object"}
            return {**schema, "additionalProperties": inner} if inner else schema
        schema = {"type": "array", "items": inner}
        return {**schema, "uniqueItems": True} if kind.shape is Shape.SET else schema

    def _class(self, cls: type, overrides: bool) -> Schema:
        if cls in self._names:
            self._define(cls)
            reference = {"$ref": f"#/definitions/{self._names[cls]}"}
            return {"allOf": [reference]} if overrides else reference
        plain = _plain_type(cls)
        if plain:
            return plain
        for known, schema in _classes():
            if issubclass(cls, known):
                return dict(schema)
        raise BlockError(
            f"a field of type {quoted(cls.__qualname__)} has no counterpart in JSON."
            " Fields may be text, numbers, booleans, dates and times, paths, UUIDs,"
            " enums, secrets, other blocks, Literal, Any, and lists, tuples, sets,"
            " mappings and unions of these"
        )

    def _define(self, cls: type) -> None:
        name = self._names[cls]
        if name in self._definitions:
            return
        self._definitions[name] = {}
        is_enum = issubclass(cls, enum.Enum)
        self._definitions[name] = _enum(cls) if is_enum else self._object(cls)


def _head(field: Field, kind: Kind, default: Any) -> Tuple[Schema, bool]:
    """Return what a field says before its type, and whether it says any."""
    head: Schema = {}
    title = field.metadata.get("title")
    inner = _innermost(kind)
    is_enum = class_in(inner, enum.Enum) and (inner is kind or not inner.optional)
    if title or not is_enum:
        head["title"] = title or field.name.title().replace("_", " ")
    if field.metadata.get("description"):
        head["description"] = field.metadata["description"]
    if default is not None:
        head["default"] = default
    return head, bool(title) or "description" in head or "default" in head


def _without_passwords(value: Any) -> Any:
    """Return *value* with URLs that hold user and password shown without them."""
    if isinstance(value, dict):
        return {key: _without_passwords(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_passwords(item) for item in value]
    if not isinstance(value, str):
        return value
    # A query alone is left: the schema is to be that of the reference.
    shown = mask_text(value)
    return shown if shown.count("@") < value.count("@") else value


def _literal(values: Tuple[Any, ...]) -> Schema:
    """Return the schema of one of *values*, grouped by their types."""
    groups: Dict[type, List[Any]] = {}
    for value in values:
        groups.setdefault(type(value), []).append(value)
    parts = [_values_of(kind, group) for kind, group in groups.items()]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _values_of(kind: type, values: List[Any]) -> Schema:
    plain = [value.value if isinstance(value, enum.Enum) else value for value in values]
    return {"enum": plain, **_plain_type(kind)}


def _enum(cls: Any) -> Schema:
    # Every enum without a docstring of its own had this one before Python 3.11.
    description = inspect.cleandoc(cls.__doc__ or "An enumeration.")
    values = [member.value for member in cls]
    head = {"title": cls.__name__, "description": description, "enum": values}
    return {**head, **_plain_type(cls)}


def _plain_type(cls: type) -> Schema:
    for known, schema in _PLAIN_CLASSES:
        if issubclass(cls, known):
            return dict(schema)
    return {}


def _description(cls: type, base: type) -> Optional[str]:
    """Return the docstring, inherited if there is none; that of *base* never is."""
    for each in cls.__mro__:
        if each is base:
            return None
        if each.__dict__.get("__doc__"):
            return inspect.cleandoc(each.__dict__["__doc__"])
    return None


def _definition_names(cls: type, base: type) -> Mapping[type, str]:
    """Return a name for each enum and block class that *cls* refers to.

    Two of one name are told apart by module and place.
    """
    found: Dict[type, None] = {}
    _collect(cls, base, found, (cls,))
    short = [each.__name__ for each in found]
    return {
        each: each.__name__ if short.count(each.__name__) == 1 else _long_name(each)
        for each in found
    }


def _long_name(cls: type) -> str:
    return f"{cls.__module__}__{cls.__qualname__}".replace(".", "__")


def _collect(
    cls: type, base: type, found: Dict[type, None], above: Tuple[type, ...]
) -> None:
    for field in fields_of(cls):
        for each in _classes_in(field.annotation, base):
            if each in above:
                raise BlockError(
                    f"the block class {cls.__qualname__} refers back to"
                    f" {each.__qualname__} in its field {quoted(field.name)}; the"
                    " schema of a block cannot contain itself"
                )
            found[each] = None
            if issubclass(each, base):
                _collect(each, base, found, (*above, each))


def _classes_in(annotation: Any, base: type) -> Iterator[type]:
    kind = kind_of(annotation)
    if class_in(kind, base) or class_in(kind, enum.Enum):
        yield kind.parts[0]
    elif kind.shape not in (Shape.LITERAL, Shape.CLASS):
        for part in kind.parts:
            yield from _classes_in(part, base)
