"""Annotations as JSON schema, in the way of the official client."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Callable, Dict, Iterable, List, Mapping, Set, Tuple

from flowpack.analysis import known_types
from flowpack.analysis.classes import (
    Field,
    Kind,
    fields_of,
    full_name,
    kind_of,
    options_of,
    options_of_model,
    problem_of,
)
from flowpack.analysis.defaults import Unserialisable, UnknownValue, encode
from flowpack.analysis.evaluate import evaluate, parse_and_evaluate
from flowpack.analysis.known_types import NULL, Json
from flowpack.analysis.plain import is_plain
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
    values_of,
)
from flowpack.exceptions import quoted

#: A schema of more parts than this is given up.
_MOST = 5_000
_TYPES: Mapping[type, str] = {
    **{str: "string", int: "integer", float: "number", bool: "boolean"},
    **{list: "array", type(None): "null"},
}
#: Formats of text whose length can be limited; the others are not text in Python.
_TEXT_FORMATS = (None, "binary", "path")
_WORDS = {name: name for name in ("title", "description", "examples", "deprecated")}


class NoSchema(Exception):
    """The official client makes no schema of that and leaves the type open."""


class NotInJson(NoSchema):
    """JSON schema has no notion of that; a union goes without it."""


class SchemaWriter:
    """Writes schemas and gathers what they refer to.

    Like ``ast.NodeVisitor`` it has a method for each kind of value that an annotation may stand
    for, and one for each shape of generic types in ``known_types.GENERICS``.

    Attributes:
        definitions: The schemas of classes, by the name that ``$ref`` uses.
        notes: Why any value is allowed somewhere, in the order found.
    """

    def __init__(self) -> None:
        self.definitions: Dict[str, Json] = {}
        self.notes: List[str] = []
        self._defined: Dict[str, object] = {}
        self._steps = 0

    def write(self, annotation: object, forward: Scope) -> Json:
        """Return the schema of *annotation*, empty where it has none.

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
            return {}

    def _forget(self, definitions: Dict[str, Json]) -> None:
        self.definitions = definitions
        self._defined = {n: d for n, d in self._defined.items() if n in definitions}

    def _schema(self, kind: object, forward: Scope) -> Json:
        self._steps += 1
        if self._steps > _MOST:
            raise NoSchema
        for cls in type(kind).__mro__:
            visitor = getattr(self, f"_visit_{cls.__name__}", None)
            if visitor is not None:
                schema: Json = visitor(kind, forward)
                return schema
        raise NoSchema

    def _any_value(self, reason: str) -> Json:
        self.notes.append(reason)
        return {}

    def _visit_NoneType(self, kind: None, forward: Scope) -> Json:
        return dict(NULL)

    def _visit_str(self, source: str, forward: Scope) -> Json:
        try:
            return self._schema(parse_and_evaluate(source, forward), forward)
        except Undefined as exc:
            raise NoSchema from exc

    def _visit_Unknown(self, kind: Unknown, forward: Scope) -> Json:
        why = f", for {kind.why}" if kind.why else ""
        return self._any_value(
            f"its annotation is not known from the source{why}; so any value is allowed"
        )

    def _visit_UnionOf(self, kind: UnionOf, forward: Scope) -> Json:
        return self._generic_union(kind.members, forward)

    def _visit_TypeVariable(self, kind: TypeVariable, forward: Scope) -> Json:
        if kind.bound is None and not kind.constraints:
            return {}
        return self._generic_union(kind.constraints or (kind.bound,), forward)

    # Symbols and generic types

    def _visit_Symbol(self, symbol: Symbol, forward: Scope) -> Json:
        name = symbol.name if symbol.name in known_types.SCHEMAS else full_name(symbol)
        if name in known_types.SCHEMAS:
            return copy.deepcopy(dict(known_types.SCHEMAS[name]))
        if name in known_types.WITHOUT_SCHEMA:
            raise NotInJson
        if name in known_types.GENERICS:
            if known_types.GENERICS[name] == "tuple":
                return {"type": "array", "items": {}}
            return self._visit_Subscripted(Subscripted(symbol, ()), forward)
        slug, title = known_types.block_slug(name), name.rpartition(".")[2]
        if slug:
            return self._reference(slug, title, lambda: _block(title, slug, {}))
        if known_types.is_standard(name):
            return {}
        return self._any_value(
            f"its type {quoted(name)} is defined elsewhere, so any value is allowed"
        )

    def _visit_Subscripted(self, kind: Subscripted, forward: Scope) -> Json:
        origin = kind.origin
        if isinstance(origin, Class) and kind_of(origin) is Kind.PLAIN:
            return self._visit_Class(origin, forward)
        if isinstance(origin, (Class, Alias)):
            return self._any_value(f"any value is allowed for the generic {quoted(origin.name)}")
        if not isinstance(origin, Symbol):
            raise NoSchema
        shape = known_types.GENERICS.get(origin.name)
        if shape is None:
            return self._visit_Symbol(origin, forward)
        schema: Json = getattr(self, f"_generic_{shape}")(kind.arguments, forward)
        return schema

    def _generic_inner(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        return self._schema(arguments[0], forward) if arguments else {}

    def _generic_list(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        return {"type": "array", "items": self._generic_inner(arguments, forward)}

    def _generic_set(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        return {**self._generic_list(arguments, forward), "uniqueItems": True}

    def _generic_tuple(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        if len(arguments) == 2 and arguments[1] is ...:
            return self._generic_list(arguments, forward)
        count = len(arguments)
        schema: Json = {"type": "array", "minItems": count, "maxItems": count}
        if arguments:
            schema["prefixItems"] = [self._schema(each, forward) for each in arguments]
        return schema

    def _generic_counter(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        keys = arguments or (Symbol("typing.Any"),)
        return self._generic_mapping((*keys, Symbol("builtins.int")), forward)

    def _generic_mapping(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        if not arguments:
            return {"type": "object", "additionalProperties": True}
        if len(arguments) != 2:
            raise NoSchema
        keys, values = (self._schema(each, forward) for each in arguments)
        values.pop("title", None)
        keys.pop("title", None)
        pattern = keys.pop("pattern", None)
        schema: Json = {"type": "object", "additionalProperties": values or True}
        if pattern is not None:
            schema = {"type": "object", "patternProperties": {pattern: values}}
        limited = keys.pop("type", None) == "string" and keys
        if limited or "$ref" in keys:
            schema["propertyNames"] = keys
        return schema

    # Unions and literals

    def _generic_optional(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        return self._generic_union((*arguments, None), forward)

    def _generic_union(self, members: Tuple[object, ...], forward: Scope) -> Json:
        choices: List[Json] = []
        for member in members:
            before = dict(self.definitions)
            try:
                schema = self._schema(member, forward)
                choices += schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
            except NotInJson:
                self._forget(before)
        unique = [each for n, each in enumerate(choices) if each not in choices[:n]]
        if not unique:
            raise NotInJson
        if NULL in unique:
            if len(unique) == 1 < len(members):
                raise NoSchema  # None or something that JSON schema has no notion of
            unique.remove(dict(NULL))
            unique.append(dict(NULL))
        return unique[0] if len(unique) == 1 else {"anyOf": unique}

    def _generic_literal(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        unique: List[Any] = []
        for value in arguments:
            try:
                inner = isinstance(value, Subscripted)
                found = _choices(self._schema(value, forward)) if inner else [encode(value)]
            except Unserialisable as exc:
                raise NoSchema from exc
            except UnknownValue:
                return self._any_value(
                    "the values of its Literal are not known, so any value is allowed"
                )
            unique += [
                each
                for each in found
                if not any(type(u) is type(each) and u == each for u in unique)
            ]
        if not unique:
            raise NoSchema
        schema: Json = {"const": unique[0]} if len(unique) == 1 else {"enum": unique}
        return {**schema, **_common_type(unique)}

    # Limits

    def _generic_annotated(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        schema = self._generic_inner(arguments, forward)
        for metadata in arguments[1:]:
            if not _keeps_type(metadata):
                name = quoted(full_name(metadata) or "what stands beside it in Annotated")
                return self._any_value(f"any value is allowed, for {name} may change its type")
            schema = self._limited(schema, options_of(metadata))
        return schema

    def _visit_Call(self, call: Call, forward: Scope) -> Json:
        name = full_name(call)
        if name not in known_types.LIMITED_TYPES:
            return self._any_value("its annotation is a call, so any value is allowed")
        inner = Subscripted(Symbol(known_types.LIMITED_TYPES[name]), call.arguments)
        plain = self._schema(inner if call.arguments else inner.origin, forward)
        return self._limited(plain, call.keywords)

    def _limited(self, schema: Json, options: Mapping[str, object]) -> Json:
        """Return *schema* with the limits, words and discriminator that *options* give."""
        schema = self._discriminated(schema, options.get("discriminator"))
        choices = schema.get("anyOf", ())
        nullable = len(choices) == 2 and choices[1] == NULL
        inner = choices[0] if nullable else schema
        if inner.get("format") in _TEXT_FORMATS:
            limits = known_types.KEYWORDS.get(inner.get("type", ""), {})
            inner = {**inner, **_encoded(options, limits)}
        extra = options.get("json_schema_extra")
        return {
            **({**schema, "anyOf": [inner, dict(NULL)]} if nullable else inner),
            **_encoded(options, _WORDS),
            **(_encoded(extra, {name: name for name in extra}) if isinstance(extra, dict) else {}),
        }

    def _discriminated(self, schema: Json, name: object) -> Json:
        """Return *schema*, a union of classes, with the field *name* as its discriminator."""
        choices = [each for each in schema.get("anyOf", ()) if each != NULL]
        keys: Set[str] = set()
        mapping: Dict[str, str] = {}
        for choice in choices:
            cls = self._defined.get(choice.get("$ref", "").rpartition("/")[2])
            for field in fields_of(cls) if isinstance(cls, Class) else ():
                if field.name == name:
                    tags = _choices(self._schema(field.annotation, field.owner.scope))
                    mapping.update({str(value): choice["$ref"] for value in tags})
                    keys.add(field.key)
        if len(keys) != 1 or set(mapping.values()) != {each.get("$ref") for each in choices}:
            return schema
        discriminator = {"mapping": mapping, "propertyName": keys.pop()}
        one: Json = {"oneOf": choices, "discriminator": discriminator}
        return {"anyOf": [one, dict(NULL)]} if len(choices) < len(schema["anyOf"]) else one

    # Classes

    def _visit_Class(self, cls: Class, forward: Scope) -> Json:
        kind, problem = kind_of(cls), problem_of(cls)
        slug = _slug_of(cls) if kind is Kind.BLOCK else ""
        if slug:
            return self._reference(
                cls, cls.name, lambda: _block(cls.name, slug, {} if problem else self._define(cls))
            )
        if kind is Kind.BLOCK:
            problem = "its slug is not known"
        if kind is Kind.ENUMERATION and not problem:
            try:
                encode(values_of(cls))
            except (Unserialisable, UnknownValue):
                problem = "its values are not known"
        if problem:
            return self._any_value(f"any value is allowed for {quoted(cls.name)}: {problem}")
        if kind is Kind.PLAIN:
            return {}
        return self._reference(cls, cls.name, lambda: self._define(cls))

    def _visit_Alias(self, alias: Alias, forward: Scope) -> Json:
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

    def _define(self, cls: Class) -> Json:
        """Return the schema of *cls*, which is understood."""
        kind = kind_of(cls)
        described = {"description": inspect.cleandoc(cls.doc)} if cls.doc else {}
        if kind is Kind.ENUMERATION:
            values = encode(values_of(cls))
            common = {} if values == [None] else _common_type(values)  # pydantic has no "null" here
            return {"title": cls.name, "enum": values, **described, **common}
        written = {field.key: self._field(field) for field in fields_of(cls)}
        required = [field.key for field in fields_of(cls) if field.required]
        if kind is Kind.NAMED_TUPLE:
            least = {"minItems": len(required)} if required else {}
            items = list(written.values())
            return {"type": "array", "prefixItems": items, "maxItems": len(items), **least}
        options = {} if kind is Kind.TYPED_DICT else options_of_model(cls) or {}
        schema: Json = {"title": cls.name, "type": "object", "properties": written, **described}
        if required:
            schema["required"] = required
        if "title" in options:
            schema["title"] = options["title"]
        if options.get("extra") in ("allow", "forbid"):
            schema["additionalProperties"] = options["extra"] == "allow"
        try:
            return {**schema, **encode(options.get("json_schema_extra", {}))}
        except (Unserialisable, UnknownValue):
            return schema

    def _field(self, field: Field) -> Json:
        if isinstance(field.annotation, Undefined):
            raise NoSchema
        schema = self._limited(self._schema(field.annotation, field.owner.scope), field.options)
        choices = schema.get("anyOf", ())
        nullable = len(choices) == 2 and choices[1] == NULL and "$ref" in choices[0]
        if not nullable and "$ref" not in schema:
            schema.setdefault("title", field.key.title().replace("_", " ").strip())
        has_value = not (field.required or field.has_factory)
        if has_value and kind_of(field.owner) is not Kind.TYPED_DICT:
            try:
                schema["default"] = encode(field.default)
            except Unserialisable:
                pass
            except UnknownValue:
                self.notes.append(f"the default of {quoted(field.name)} is not known")
        return schema


def _block(title: str, slug: str, fields: Json) -> Json:
    """Return the schema of a block: by its slug the UI lets people pick a block document.

    The server takes a reference to one beside *fields*, and refuses what both take.
    """
    properties = fields.get("properties", {})
    keywords = {
        "block_type_slug": slug,
        "block_schema_references": {},
        "secret_fields": [name for name, each in properties.items() if each.get("writeOnly")],
    }
    if "required" not in fields:
        keywords["not"] = {"type": "object", "required": ["$ref"]}
    return {"title": title, **fields, **keywords}


def _slug_of(cls: Class) -> str:
    """Return the slug of the type of the block *cls*; empty if it is not known."""
    for name in ("_block_type_slug", "_block_type_name"):
        for owner in reversed(cls.lineage):
            value = owner.scope.names.get(name)
            if value is not None:
                return known_types.slugify(value) if isinstance(value, str) else ""
    inherited = filter(None, map(known_types.block_slug, sorted(cls.ancestors)))
    return next(inherited, known_types.slugify(cls.name))


def _keeps_type(metadata: object) -> bool:
    """Return True if *metadata* beside a type leaves open what JSON the type takes."""
    name = full_name(metadata)
    if name == "pydantic.Field" and "coerce_numbers_to_str" in options_of(metadata):
        return False
    cls = metadata.function if isinstance(metadata, Call) else metadata
    if isinstance(cls, Class):
        return kind_of(cls) is Kind.PLAIN and not problem_of(cls)
    return known_types.is_harmless(name) or is_plain(metadata)


def _choices(schema: Json) -> List[Any]:
    """Return the values that *schema* lists."""
    values: List[Any] = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return values


def _common_type(values: Iterable[Any]) -> Json:
    """Return the ``type`` that all *values* have in common, if any."""
    found = {_TYPES.get(type(value)) for value in values}
    kind = found.pop() if len(found) == 1 else None
    return {} if kind is None else {"type": kind}


def _encoded(options: Mapping[str, object], names: Mapping[str, str]) -> Json:
    """Return what is known of *options*, under the keywords that *names* has for them."""
    found: Json = {}
    for name, keyword in names.items():
        try:
            if options.get(name) is not None:
                found[keyword] = encode(options[name])
        except (Unserialisable, UnknownValue):
            pass
    return found
