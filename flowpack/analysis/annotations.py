"""Annotations as JSON schema, in the way of the official client."""

from __future__ import annotations

import copy
import inspect
import json
from typing import Any, Callable, Dict, Iterable, List, Mapping, Set, Tuple

from flowpack.analysis import classes, known_types
from flowpack.analysis.defaults import Unserialisable, UnknownValue, encode
from flowpack.analysis.evaluate import evaluate, parse_and_evaluate
from flowpack.analysis.known_types import NULL, Json
from flowpack.analysis.values import (
    UNKNOWN,
    Alias,
    Call,
    Class,
    Scope,
    Subscripted,
    Symbol,
    TypeVariable,
    Undefined,
    Unknown,
    is_plain,
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
_ANY = Symbol("typing.Any")
_Arguments = Tuple[object, ...]
_WORDS = {name: name for name in ("title", "description", "examples", "deprecated")}


class NoSchema(Exception):
    """The official client makes no schema of that and leaves the type open."""


class NotInJson(NoSchema):
    """JSON schema has no notion of that; a union goes without it."""


class SchemaWriter:
    """Writes schemas and gathers what they refer to.

    Like ``ast.NodeVisitor`` it has a method for each kind of value that an annotation may stand
    for, and one for each shape of generic types in ``known_types.GENERICS``.
    """

    def __init__(self) -> None:
        self.notes: List[str] = []  # Why any value is allowed somewhere, in the order found.
        self._defined: Dict[str, Tuple[object, Json]] = {}
        self._names = Scope()  # Where the names in text are looked up.
        self._steps = 0

    @property
    def definitions(self) -> Dict[str, Json]:
        """The schemas of classes, by the name that ``$ref`` uses."""
        return {name: schema for name, (_, schema) in sorted(self._defined.items())}

    def write(self, annotation: object, names: Scope) -> Json:
        """Return the schema of *annotation*, in which text uses *names*; empty for none."""
        self._steps = 0
        before = dict(self._defined)
        try:
            return self._schema_in(names, annotation)
        except (NoSchema, Undefined, RecursionError):
            self._defined = before
            return {}

    def _schema_in(self, names: Scope, kind: object) -> Json:
        outer, self._names = self._names, names
        try:
            return self._schema(kind)
        finally:
            self._names = outer

    def _schema(self, kind: object) -> Json:
        self._steps += 1
        if self._steps > _MOST:
            raise NoSchema
        for cls in type(kind).__mro__:
            visitor = getattr(self, f"_visit_{cls.__name__}", None)
            if visitor is not None:
                schema: Json = visitor(kind)
                return schema
        raise NoSchema

    def _open(self, reason: str) -> Json:
        self.notes.append(f"any value is allowed, for {reason}")
        return {}

    def _visit_NoneType(self, kind: None) -> Json:
        return dict(NULL)

    def _visit_str(self, source: str) -> Json:
        return self._schema(parse_and_evaluate(source, self._names))

    def _visit_Unknown(self, kind: Unknown) -> Json:
        why = f": {kind.why}" if kind.why else ""
        return self._open(f"its annotation is not known from the source{why}")

    def _visit_TypeVariable(self, kind: TypeVariable) -> Json:
        if kind.bound is None and not kind.constraints:
            return {}
        return self._generic_union(kind.constraints or (kind.bound,))

    # Symbols and generic types

    def _visit_Symbol(self, symbol: Symbol) -> Json:
        name = classes.full_name(symbol)
        if name in known_types.SCHEMAS:
            return copy.deepcopy(dict(known_types.SCHEMAS[name]))
        if name in known_types.WITHOUT_SCHEMA:
            raise NotInJson
        if name in known_types.GENERICS:
            is_tuple = known_types.GENERICS[name] == "tuple"  # Tuple[()] is empty.
            return self._visit_Subscripted(Subscripted(symbol, (_ANY, ...) if is_tuple else ()))
        slug, title = known_types.block_slug(name), name.rpartition(".")[2]
        if slug:
            return self._reference(slug, title, lambda: _block(title, slug, {}))
        if known_types.is_standard(name):
            return {}
        return self._open(f"its type {quoted(name)} is defined elsewhere")

    def _visit_Subscripted(self, kind: Subscripted) -> Json:
        origin = kind.origin
        if isinstance(origin, Class) and classes.kind_of(origin) is classes.Kind.PLAIN:
            return self._visit_Class(origin)
        if isinstance(origin, (Class, Alias)):
            return self._open(f"its type {quoted(origin.name)} is generic")
        if not isinstance(origin, Symbol):
            raise NoSchema
        shape = known_types.GENERICS.get(origin.name)
        if shape is None:
            return self._visit_Symbol(origin)
        schema: Json = getattr(self, f"_generic_{shape}")(kind.arguments)
        return schema

    def _generic_inner(self, arguments: _Arguments) -> Json:
        return self._schema(arguments[0]) if arguments else {}

    def _generic_list(self, arguments: _Arguments) -> Json:
        return {"type": "array", "items": self._generic_inner(arguments)}

    def _generic_set(self, arguments: _Arguments) -> Json:
        return {**self._generic_list(arguments), "uniqueItems": True}

    def _generic_tuple(self, arguments: _Arguments) -> Json:
        if len(arguments) == 2 and arguments[1] is ...:
            return self._generic_list(arguments)
        count = len(arguments)
        items = {"prefixItems": list(map(self._schema, arguments))} if arguments else {}
        return {"type": "array", "minItems": count, "maxItems": count, **items}

    def _generic_counter(self, arguments: _Arguments) -> Json:
        return self._generic_mapping((*(arguments or (_ANY,)), Symbol("builtins.int")))

    def _generic_mapping(self, arguments: _Arguments) -> Json:
        if not arguments:
            return {"type": "object", "additionalProperties": True}
        if len(arguments) != 2:
            raise NoSchema
        keys, values = map(self._schema, arguments)
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

    def _generic_optional(self, arguments: _Arguments) -> Json:
        return self._generic_union((*arguments, None))

    def _generic_union(self, members: _Arguments) -> Json:
        choices: List[Json] = []
        for member in members:
            before = dict(self._defined)
            try:
                schema = self._schema(member)
                choices += schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
            except NotInJson:
                self._defined = before
        if choices == [NULL] and len(members) > 1:
            raise NoSchema  # None or something that JSON schema has no notion of
        if not choices:
            raise NotInJson
        unique = _unique(each for each in choices if each != NULL)
        if NULL in choices:
            unique.append(dict(NULL))
        return unique[0] if len(unique) == 1 else {"anyOf": unique}

    def _generic_literal(self, arguments: _Arguments) -> Json:
        found: List[Any] = []
        for value in arguments:
            nested = isinstance(value, Subscripted)
            try:
                found += _choices(self._schema(value)) if nested else [encode(value)]
            except Unserialisable as exc:
                raise NoSchema from exc
            except UnknownValue:
                return self._open("the values of its Literal are not known")
        unique = _unique(found)
        if not unique:
            raise NoSchema
        schema: Json = {"const": unique[0]} if len(unique) == 1 else {"enum": unique}
        return {**schema, **_common_type(unique)}

    # Limits

    def _generic_annotated(self, arguments: _Arguments) -> Json:
        schema = self._generic_inner(arguments)
        for metadata in arguments[1:]:
            if not _keeps_type(metadata):
                name = quoted(classes.full_name(metadata) or "what stands beside it in Annotated")
                return self._open(f"{name} may change its type")
            schema = self._limited(schema, classes.options_of(metadata))
        return schema

    def _visit_Call(self, call: Call) -> Json:
        name = classes.full_name(call)
        if name not in known_types.LIMITED_TYPES:
            return self._open("its annotation is a call")
        inner = Subscripted(Symbol(known_types.LIMITED_TYPES[name]), call.arguments)
        plain = self._schema(inner if call.arguments else inner.origin)
        return self._limited(plain, call.keywords)

    def _limited(self, schema: Json, options: Mapping[str, object]) -> Json:
        """Return *schema* with the limits, words and discriminator that *options* give."""
        schema = self._discriminated(schema, options.get("discriminator"))
        nullable = _is_nullable(schema)
        inner = schema["anyOf"][0] if nullable else schema
        if inner.get("format") in _TEXT_FORMATS:
            limits = known_types.KEYWORDS.get(inner.get("type", ""), {})
            inner = {**inner, **_encoded(options, limits)}
        limited = {**schema, "anyOf": [inner, dict(NULL)]} if nullable else inner
        return {**limited, **_encoded(options, _WORDS), **_extra(options)}

    def _discriminated(self, schema: Json, name: object) -> Json:
        """Return *schema*, a union of classes, with the field *name* as its discriminator."""
        choices = [each for each in schema.get("anyOf", ()) if each != NULL]
        keys: Set[str] = set()
        mapping: Dict[str, str] = {}
        for choice in choices:
            cls, _ = self._defined.get(choice.get("$ref", "").rpartition("/")[2], (None, None))
            for field in classes.fields_of(cls) if isinstance(cls, Class) else ():
                if field.name == name:
                    tags = _choices(self._schema_in(field.owner.scope, field.annotation))
                    mapping.update({str(value): choice["$ref"] for value in tags})
                    keys.add(field.key)
        if len(keys) != 1 or set(mapping.values()) != {each.get("$ref") for each in choices}:
            return schema
        discriminator = {"mapping": mapping, "propertyName": keys.pop()}
        one: Json = {"oneOf": choices, "discriminator": discriminator}
        return {"anyOf": [one, dict(NULL)]} if len(choices) < len(schema["anyOf"]) else one

    # Classes

    def _visit_Class(self, cls: Class) -> Json:
        kind, problem = classes.kind_of(cls), classes.problem_of(cls)
        if kind is classes.Kind.BLOCK:
            problem = "" if _slug_of(cls) else "its slug is not known"
        elif kind is classes.Kind.ENUMERATION and not problem:
            try:
                encode(cls.members)
            except (Unserialisable, UnknownValue):
                problem = "its values are not known"
        if problem:
            return self._open(f"its class {quoted(cls.name)} is not known in full: {problem}")
        if kind is classes.Kind.PLAIN:
            return {}
        return self._reference(cls, cls.name, lambda: self._define(cls))

    def _visit_Alias(self, alias: Alias) -> Json:
        value = evaluate(alias.node, alias.scope)
        return self._reference(alias, alias.name, lambda: self._schema_in(alias.scope, value))

    def _reference(self, defined: object, title: str, write: Callable[[], Json]) -> Json:
        """Return a reference to *defined*, whose schema *write* returns."""
        name, number = title, 1
        while name in self._defined and self._defined[name][0] != defined:
            number += 1
            name = f"{title}__{number}"
        if name not in self._defined:
            self._defined[name] = (defined, {})  # what it refers to may refer to it
            self._defined[name] = (defined, write())
        return {"$ref": f"#/definitions/{name}"}

    def _define(self, cls: Class) -> Json:
        kind = classes.kind_of(cls)
        if kind is classes.Kind.BLOCK:
            fields = {} if classes.problem_of(cls) else self._define_object(cls)
            return _block(cls.name, _slug_of(cls), fields)
        if kind is classes.Kind.ENUMERATION:
            values = encode(cls.members)
            common = {} if values == [None] else _common_type(values)  # pydantic has no "null" here
            return {"title": cls.name, "enum": values, **_description(cls), **common}
        if kind is classes.Kind.NAMED_TUPLE:
            items = list(map(self._field, classes.fields_of(cls)))
            least = sum(field.required for field in classes.fields_of(cls))
            counts = {"maxItems": len(items), **({"minItems": least} if least else {})}
            return {"type": "array", "prefixItems": items, **counts}
        return self._define_object(cls)

    def _define_object(self, cls: Class) -> Json:
        properties = {field.key: self._field(field) for field in classes.fields_of(cls)}
        required = [field.key for field in classes.fields_of(cls) if field.required]
        schema: Json = {"title": cls.name, "type": "object", "properties": properties}
        schema.update(_description(cls))
        if required:
            schema["required"] = required
        is_dict = classes.kind_of(cls) is classes.Kind.TYPED_DICT
        options = {} if is_dict else classes.options_of_model(cls) or {}
        if "title" in options:
            schema["title"] = options["title"]
        if options.get("extra") in ("allow", "forbid"):
            schema["additionalProperties"] = options["extra"] == "allow"
        return {**schema, **_extra(options)}

    def _field(self, field: classes.Field) -> Json:
        if isinstance(field.annotation, Undefined):
            raise field.annotation
        schema = self._limited(self._schema_in(field.owner.scope, field.annotation), field.options)
        inner = schema["anyOf"][0] if _is_nullable(schema) else schema
        if "$ref" not in inner:
            schema.setdefault("title", field.key.title().replace("_", " ").strip())
        has_value = not field.required and "default_factory" not in field.options
        if has_value and classes.kind_of(field.owner) is not classes.Kind.TYPED_DICT:
            try:
                schema["default"] = encode(field.default)
            except Unserialisable:
                pass
            except UnknownValue:
                self.notes.append(f"the default of {quoted(field.name)} is not known")
        return schema


def _block(title: str, slug: str, fields: Json) -> Json:
    """Return the schema of a block: by its slug the UI lets users pick a block document."""
    # The server takes a reference to one beside *fields*, and refuses what both take.
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
    for value in map(cls.attribute, ("_block_type_slug", "_block_type_name")):
        if value is not UNKNOWN:
            return known_types.slugify(value) if isinstance(value, str) else ""
    inherited = filter(None, map(known_types.block_slug, sorted(cls.ancestors)))
    return next(inherited, known_types.slugify(cls.name))


def _description(cls: Class) -> Json:
    return {"description": inspect.cleandoc(cls.doc)} if cls.doc else {}


def _keeps_type(metadata: object) -> bool:
    """Return True if *metadata* beside a type leaves open what JSON the type takes."""
    name = classes.full_name(metadata)
    if name == "pydantic.Field" and "coerce_numbers_to_str" in classes.options_of(metadata):
        return False
    cls = metadata.function if isinstance(metadata, Call) else metadata
    if isinstance(cls, Class):
        return classes.kind_of(cls) is classes.Kind.PLAIN and not classes.problem_of(cls)
    return known_types.is_harmless(name) or is_plain(metadata)


def _is_nullable(schema: Json) -> bool:
    return [each == NULL for each in schema.get("anyOf", ())] == [False, True]


def _choices(schema: Json) -> List[Any]:
    """Return the values that *schema* lists."""
    values: List[Any] = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return values


def _unique(values: Iterable[Any]) -> List[Any]:
    """Return *values* without those that are the same JSON as one before."""
    return list({json.dumps(each, sort_keys=True): each for each in values}.values())


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


def _extra(options: Mapping[str, object]) -> Json:
    extra = options.get("json_schema_extra")
    return _encoded(extra, {name: name for name in extra}) if isinstance(extra, dict) else {}
