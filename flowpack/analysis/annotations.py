"""Annotations as JSON schema, in the way of the official client."""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from flowpack.analysis import known_types
from flowpack.analysis.classes import Field, Kind, fields_of, full_name, kind_of, problem_of
from flowpack.analysis.defaults import Unserialisable, UnknownValue, encode
from flowpack.analysis.definitions import (
    common_type,
    define,
    define_block,
    limit,
    options_of,
    slug_of,
)
from flowpack.analysis.evaluate import evaluate, parse_and_evaluate
from flowpack.analysis.known_types import NULL, Json
from flowpack.analysis.values import (
    Alias,
    Call,
    Class,
    Scope,
    Subscripted,
    Symbol,
    TypeVariable,
    Undefined,
    UnionOf,
    Unknown,
    is_plain,
    values_of,
)
from flowpack.exceptions import quoted

#: A schema of more parts than this is given up.
_MOST = 5_000
_Parts = Callable[[object], Optional[Sequence[object]]]


class NoSchema(Exception):
    """The official client makes no schema of that and says nothing of the type."""


class NotInJson(NoSchema):
    """JSON schema has no notion of that; a union goes without it."""


class SchemaWriter:
    """Writes schemas and gathers what they refer to.

    Attributes:
        definitions: The schemas of classes, by the name that ``$ref`` uses.
        notes: Why any value is allowed somewhere, in the order found.
    """

    def __init__(self) -> None:
        self.definitions: Dict[str, Json] = {}
        self.notes: List[str] = []
        self._defined: Dict[str, object] = {}
        self._steps = 0

    def write(self, annotation: object, forward: Scope) -> Optional[Json]:
        """Return the schema of *annotation*, None where it has none.

        Args:
            annotation: What the annotation stands for.
            forward: Where the names in text inside the annotation are looked up.
        """
        self._steps = 0
        before = dict(self.definitions)
        try:
            return self._schema(annotation, forward)
        except (NoSchema, RecursionError):
            self._forget(before)
            return None

    def _forget(self, definitions: Dict[str, Json]) -> None:
        self.definitions = definitions
        self._defined = {n: d for n, d in self._defined.items() if n in definitions}

    def _schema(self, kind: object, forward: Scope) -> Json:
        self._steps += 1
        if self._steps > _MOST:
            raise NoSchema
        for cls, writer in _WRITERS:
            if isinstance(kind, cls):
                return writer(self, kind, forward)
        raise NoSchema

    def _any_value(self, reason: str) -> Json:
        self.notes.append(reason)
        return {}

    def _none(self, kind: None, forward: Scope) -> Json:
        return dict(NULL)

    def _text(self, source: str, forward: Scope) -> Json:
        try:
            return self._schema(parse_and_evaluate(source, forward), forward)
        except Undefined as exc:
            raise NoSchema from exc

    def _unknown(self, kind: Unknown, forward: Scope) -> Json:
        why = f", for {kind.why}" if kind.why else ""
        return self._any_value(
            f"its annotation is not known from the source{why}; so any value is allowed"
        )

    def _variable(self, kind: TypeVariable, forward: Scope) -> Json:
        if kind.bound is None and not kind.constraints:
            return {}
        return self._union(kind.constraints or (kind.bound,), forward)

    # Symbols and generic types

    def _symbol(self, symbol: Symbol, forward: Scope) -> Json:
        name = symbol.name if symbol.name in known_types.SCHEMAS else full_name(symbol)
        if name in known_types.SCHEMAS:
            return copy.deepcopy(dict(known_types.SCHEMAS[name]))
        if name in known_types.WITHOUT_SCHEMA:
            raise NotInJson
        if name in known_types.GENERICS:
            if known_types.GENERICS[name] == "tuple":
                return {"type": "array", "items": {}}
            return self._subscripted(Subscripted(symbol, ()), forward)
        slug, title = known_types.block_slug(name), name.rpartition(".")[2]
        if slug:
            return self._reference(slug, title, lambda: define_block(title, slug, {}))
        if known_types.is_standard(name):
            return {}
        return self._any_value(
            f"its type {quoted(name)} is defined elsewhere, so any value is allowed"
        )

    def _subscripted(self, kind: Subscripted, forward: Scope) -> Json:
        origin = kind.origin
        if isinstance(origin, Class) and kind_of(origin) is Kind.PLAIN:
            return self._class(origin, forward)
        if isinstance(origin, (Class, Alias)):
            return self._any_value(f"any value is allowed for the generic {quoted(origin.name)}")
        if not isinstance(origin, Symbol):
            raise NoSchema
        shape = known_types.GENERICS.get(origin.name)
        if shape is None:
            return self._symbol(origin, forward)
        return _SHAPES[shape](self, kind.arguments, forward)

    def _list(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        items = self._schema(arguments[0], forward) if arguments else {}
        return {"type": "array", "items": items}

    def _set(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        return {**self._list(arguments, forward), "uniqueItems": True}

    def _tuple(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        if len(arguments) == 2 and arguments[1] is ...:
            return {"type": "array", "items": self._schema(arguments[0], forward)}
        count = len(arguments)
        schema: Json = {"type": "array", "minItems": count, "maxItems": count}
        if arguments:
            schema["prefixItems"] = [self._schema(each, forward) for each in arguments]
        return schema

    def _counter(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        keys = arguments or (Symbol("typing.Any"),)
        return self._mapping((*keys, Symbol("builtins.int")), forward)

    def _mapping(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        if not arguments:
            return {"type": "object", "additionalProperties": True}
        if len(arguments) != 2:
            raise NoSchema
        keys, values = (self._schema(each, forward) for each in arguments)
        schema: Json = {"type": "object"}
        values.pop("title", None)
        pattern = keys.pop("pattern", None)
        if pattern is None:
            schema["additionalProperties"] = values or True
        else:
            schema["patternProperties"] = {pattern: values}
        keys.pop("title", None)
        limited = keys.pop("type", None) == "string" and keys
        if limited or "$ref" in keys:
            schema["propertyNames"] = keys
        return schema

    def _inner(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        return self._schema(arguments[0], forward) if arguments else {}

    # Unions and literals

    def _optional(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        return self._union((*arguments, None), forward)

    def _union(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        members = _flattened(arguments, _union_parts)
        choices: List[Json] = []
        for member in members:
            before = dict(self.definitions)
            try:
                if not _is_none(member):
                    choices.append(self._schema(member, forward))
            except NotInJson:
                self._forget(before)
        if any(map(_is_none, members)) and (choices or len(members) == 1):
            choices.append(dict(NULL))
        if not choices:
            raise NotInJson
        return _any_of(choices)

    def _literal(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        unique: List[Any] = []
        for value in _flattened(arguments, _literal_parts):
            try:
                encoded = encode(value)
            except UnknownValue:
                return self._any_value(
                    "the values of its Literal are not known, so any value is allowed"
                )
            except Unserialisable as exc:
                raise NoSchema from exc
            if not any(type(u) is type(encoded) and u == encoded for u in unique):
                unique.append(encoded)
        if not unique:
            raise NoSchema
        schema: Json = {"const": unique[0]} if len(unique) == 1 else {"enum": unique}
        return {**schema, **common_type(unique)}

    # Limits

    def _annotated(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        schema = self._schema(arguments[0], forward) if arguments else {}
        for metadata in arguments[1:]:
            if not _keeps_type(metadata):
                name = quoted(full_name(metadata) or "what stands beside it in Annotated")
                return self._any_value(f"any value is allowed, for {name} may change its type")
            schema = self._limited(schema, options_of(metadata))
        return schema

    def _limited_type(self, call: Call, forward: Scope) -> Json:
        name = full_name(call)
        if name not in known_types.LIMITED_TYPES:
            return self._any_value("its annotation is a call, so any value is allowed")
        inner = Subscripted(Symbol(known_types.LIMITED_TYPES[name]), call.arguments)
        plain = self._schema(inner if call.arguments else inner.origin, forward)
        return limit(plain, call.keywords)

    def _limited(self, schema: Json, options: Mapping[str, object]) -> Json:
        """Return *schema* with the limits, words and discriminator that *options* say."""
        return limit(self._discriminated(schema, options.get("discriminator")), options)

    def _discriminated(self, schema: Json, name: object) -> Json:
        """Return *schema*, a union of classes, with the field *name* as its discriminator."""
        choices = [each for each in schema.get("anyOf", ()) if each != NULL]
        keys: Set[str] = set()
        mapping: Dict[str, str] = {}
        for choice in choices:
            cls = self._defined.get(choice.get("$ref", "").rpartition("/")[2])
            for field in fields_of(cls) if isinstance(cls, Class) else ():
                if field.name == name:
                    tag = self._schema(field.annotation, field.owner.scope)
                    values = tag.get("enum", [tag["const"]] if "const" in tag else ())
                    mapping.update({str(value): choice["$ref"] for value in values})
                    keys.add(field.key)
        if len(keys) != 1 or set(mapping.values()) != {each.get("$ref") for each in choices}:
            return schema
        discriminator = {"mapping": mapping, "propertyName": keys.pop()}
        one: Json = {"oneOf": choices, "discriminator": discriminator}
        return {"anyOf": [one, dict(NULL)]} if len(choices) < len(schema["anyOf"]) else one

    # Classes

    def _class(self, cls: Class, forward: Scope) -> Json:
        kind, problem = kind_of(cls), problem_of(cls)
        if kind is Kind.BLOCK:
            return self._block(cls, is_understood=not problem)
        if kind is Kind.ENUMERATION and not problem and not _is_encodable(values_of(cls)):
            problem = "its values are not known"
        if problem:
            return self._any_value(f"any value is allowed for {quoted(cls.name)}: {problem}")
        if kind is Kind.PLAIN:
            return {}
        return self._reference(cls, cls.name, lambda: define(cls, self._field))

    def _block(self, cls: Class, is_understood: bool) -> Json:
        slug = slug_of(cls)
        if slug is None:
            return self._any_value(f"the slug of the block {quoted(cls.name)} is not known")

        def write() -> Json:
            fields = define(cls, self._field) if is_understood else {}
            return define_block(cls.name, slug, fields)

        return self._reference(cls, cls.name, write)

    def _alias(self, alias: Alias, forward: Scope) -> Json:
        def write() -> Json:
            try:
                return self._schema(evaluate(alias.node, alias.scope), alias.scope)
            except Undefined as exc:
                raise NoSchema from exc

        return self._reference(alias, alias.name, write)

    def _reference(self, defined: object, title: str, write: Callable[[], Json]) -> Json:
        """Return a reference to *defined*, whose schema *write* returns."""
        name, number = title, 1
        while self._defined.get(name, defined) != defined:
            number += 1
            name = f"{title}__{number}"
        if name not in self.definitions:
            self._defined[name] = defined
            self.definitions[name] = {}  # what it refers to may refer to it
            self.definitions[name] = write()
        return {"$ref": f"#/definitions/{name}"}

    def _field(self, field: Field) -> Json:
        if isinstance(field.annotation, Undefined):
            raise NoSchema
        schema = self._limited(self._schema(field.annotation, field.owner.scope), field.options)
        if not _has_own_title(schema):
            schema.setdefault("title", field.key.title().replace("_", " ").strip())
        has_value = not field.required and field.factory is None
        if has_value and kind_of(field.owner) is not Kind.TYPED_DICT:
            try:
                schema["default"] = encode(field.default)
            except Unserialisable:
                pass
            except UnknownValue:
                self.notes.append(f"the default of {quoted(field.name)} is not known")
        return schema


def _keeps_type(metadata: object) -> bool:
    """Return True if *metadata* beside a type leaves open what JSON the type takes."""
    name = full_name(metadata)
    if name == "pydantic.Field" and "coerce_numbers_to_str" in options_of(metadata):
        return False
    cls = metadata.function if isinstance(metadata, Call) else metadata
    if isinstance(cls, Class):
        return kind_of(cls) is Kind.PLAIN and not problem_of(cls)
    return known_types.is_harmless(name) or is_plain(metadata)


def _is_encodable(value: object) -> bool:
    try:
        encode(value)
    except (Unserialisable, UnknownValue):
        return False
    return True


# Pieces of schema


def _flattened(arguments: Iterable[object], parts: _Parts) -> List[object]:
    """Return *arguments*, those that have *parts* replaced by these, all the way down.

    Raises:
        NoSchema: They are too many.
    """
    found: List[object] = []
    waiting = list(arguments)[::-1]
    for _ in range(_MOST):
        if not waiting:
            return found
        item = waiting.pop()
        inner = parts(item)
        if inner is None:
            found.append(item)
        else:
            waiting.extend(reversed(inner))
    raise NoSchema


def _union_parts(kind: object) -> Optional[Sequence[object]]:
    if isinstance(kind, UnionOf):
        return kind.members
    if isinstance(kind, Subscripted) and full_name(kind) == "typing.Union":
        return kind.arguments
    if isinstance(kind, Subscripted) and full_name(kind) == "typing.Optional":
        return (*kind.arguments, None)
    return None


def _literal_parts(value: object) -> Optional[Sequence[object]]:
    return value.arguments if isinstance(value, Subscripted) else None


def _is_none(member: object) -> bool:
    return member is None or member == Symbol("types.NoneType")


def _any_of(choices: Iterable[Json]) -> Json:
    """Return the schema of what fits one of *choices*, those within them included."""
    unique: List[Json] = []
    for choice in choices:
        for each in choice["anyOf"] if set(choice) == {"anyOf"} else [choice]:
            if each not in unique:
                unique.append(each)
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def _has_own_title(schema: Json) -> bool:
    """Return True if *schema* refers to a class, or to a class or null."""
    choices = schema.get("anyOf", ())
    nullable = len(choices) == 2 and choices[1] == NULL and "$ref" in choices[0]
    return "$ref" in schema or nullable


_Writer = Callable[[SchemaWriter, Any, Scope], Json]

#: How each kind of value that an annotation may stand for is written.
_WRITERS: Sequence[Tuple[type, _Writer]] = (
    (type(None), SchemaWriter._none),
    (str, SchemaWriter._text),
    (Symbol, SchemaWriter._symbol),
    (Subscripted, SchemaWriter._subscripted),
    (UnionOf, lambda writer, kind, forward: writer._union(kind.members, forward)),
    (TypeVariable, SchemaWriter._variable),
    (Class, SchemaWriter._class),
    (Alias, SchemaWriter._alias),
    (Call, SchemaWriter._limited_type),
    (Unknown, SchemaWriter._unknown),
)

#: How generic types are written, by their shape in ``known_types.GENERICS``.
_SHAPES: Mapping[str, _Writer] = {
    "list": SchemaWriter._list,
    "set": SchemaWriter._set,
    "tuple": SchemaWriter._tuple,
    "mapping": SchemaWriter._mapping,
    "counter": SchemaWriter._counter,
    "inner": SchemaWriter._inner,
    "optional": SchemaWriter._optional,
    "union": SchemaWriter._union,
    "literal": SchemaWriter._literal,
    "annotated": SchemaWriter._annotated,
}
