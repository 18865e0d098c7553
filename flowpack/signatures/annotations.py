"""Annotations as JSON schema, in the way of the official client."""

from __future__ import annotations

import ast
import copy
import inspect
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from flowpack.exceptions import quoted
from flowpack.signatures import known_types
from flowpack.signatures.classes import (
    Field,
    Kind,
    fields_of,
    is_pydantic,
    kind_of,
    model_options,
)
from flowpack.signatures.defaults import Unserialisable, Untellable, encode
from flowpack.signatures.enumerations import values_of
from flowpack.signatures.evaluate import evaluate, parse_and_evaluate
from flowpack.signatures.fragments import (
    MOST,
    NULL,
    Json,
    NoSchema,
    NotInJson,
    any_of,
    common_type,
    has_own_title,
    is_none,
    literal_values,
    title_of,
    union_members,
)
from flowpack.signatures.limits import limit, options_of
from flowpack.signatures.values import (
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
)

#: Modules whose classes are known to be mere classes to the official client.
_STANDARD = "builtins typing types collections abc enum io os numbers".split()


class SchemaWriter:
    """Writes schemas and gathers what they refer to.

    Attributes:
        definitions: The schemas of classes, by the name that ``$ref`` uses.
        notes: What could not be told, in the order found.
    """

    def __init__(self) -> None:
        self.definitions: Dict[str, Json] = {}
        self.notes: List[str] = []
        self._defined: Dict[str, Union[Class, Alias]] = {}
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
        if self._steps > MOST:
            raise NoSchema
        for cls, writer in _WRITERS:
            if isinstance(kind, cls):
                return writer(self, kind, forward)
        raise NoSchema

    def _none(self, kind: None, forward: Scope) -> Json:
        return dict(NULL)

    def _text(self, source: str, forward: Scope) -> Json:
        try:
            return self._schema(parse_and_evaluate(source, forward), forward)
        except Undefined as exc:
            raise NoSchema from exc

    def _unknown(self, kind: Unknown, forward: Scope) -> Json:
        self.notes.append(
            "its annotation cannot be told from the source, so any value is allowed"
        )
        return {}

    def _variable(self, kind: TypeVariable, forward: Scope) -> Json:
        if kind.bound is None and not kind.constraints:
            return {}
        return self._union(kind.constraints or (kind.bound,), forward)

    # Symbols and generic types

    def _symbol(self, symbol: Symbol, forward: Scope) -> Json:
        name = symbol.name
        if name in known_types.SCHEMAS:
            return copy.deepcopy(dict(known_types.SCHEMAS[name]))
        if name in known_types.WITHOUT_SCHEMA:
            raise NotInJson
        if name in known_types.GENERICS:
            if known_types.GENERICS[name] == "tuple":
                return {"type": "array", "items": {}}
            return self._subscripted(Subscripted(symbol, ()), forward)
        if name.partition(".")[0] not in _STANDARD:
            self.notes.append(
                f"its type {quoted(name)} is defined elsewhere, so any value is allowed"
            )
        return {}

    def _subscripted(self, kind: Subscripted, forward: Scope) -> Json:
        origin = kind.origin
        if isinstance(origin, (Class, Alias)):
            if isinstance(origin, Alias) or kind_of(origin) is not Kind.PLAIN:
                name = quoted(origin.name)
                self.notes.append(f"any value is allowed for the generic {name}")
            return {}
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
        members = union_members(arguments)
        choices: List[Json] = []
        for member in members:
            before = dict(self.definitions)
            try:
                if not is_none(member):
                    choices.append(self._schema(member, forward))
            except NotInJson:
                self._forget(before)
        if any(map(is_none, members)) and (choices or len(members) == 1):
            choices.append(dict(NULL))
        if not choices:
            raise NotInJson
        return any_of(choices)

    def _literal(self, arguments: Tuple[object, ...], forward: Scope) -> Json:
        unique: List[Any] = []
        for value in literal_values(arguments):
            encoded = _encoded(value)
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
            schema = limit(schema, options_of(metadata))
        return schema

    def _limited_type(self, call: Call, forward: Scope) -> Json:
        name = call.function.name if isinstance(call.function, Symbol) else ""
        if name not in known_types.LIMITED_TYPES:
            self.notes.append("its annotation is a call, so any value is allowed")
            return {}
        inner = Subscripted(Symbol(known_types.LIMITED_TYPES[name]), call.arguments)
        plain = self._schema(inner if call.arguments else inner.origin, forward)
        return limit(plain, call.keywords)

    # Classes

    def _class(self, cls: Class, forward: Scope) -> Json:
        kind = kind_of(cls)
        if kind is Kind.PLAIN:
            return {}
        if kind is Kind.UNKNOWN:
            name = quoted(cls.name)
            self.notes.append(
                f"the bases of its type {name} are defined elsewhere, so any value is"
                " allowed"
            )
            return {}
        return self._reference(cls, lambda: self._definition(kind, cls))

    def _alias(self, alias: Alias, forward: Scope) -> Json:
        return self._reference(
            alias,
            lambda: self._schema(_evaluated(alias.node, alias.scope), alias.scope),
        )

    def _reference(
        self, defined: Union[Class, Alias], write: Callable[[], Json]
    ) -> Json:
        """Return a reference to *defined*, whose schema *write* returns."""
        name, number = defined.name, 1
        while self._defined.get(name, defined) is not defined:
            number += 1
            name = f"{defined.name}__{number}"
        if name not in self.definitions:
            self._defined[name] = defined
            self.definitions[name] = {}  # what it refers to may refer to it
            self.definitions[name] = write()
        return {"$ref": f"#/definitions/{name}"}

    def _definition(self, kind: Kind, cls: Class) -> Json:
        if kind is Kind.ENUMERATION:
            return self._enumeration(cls)
        if kind is Kind.NAMED_TUPLE:
            return self._named_tuple(cls)
        return self._object(kind, cls)

    def _enumeration(self, cls: Class) -> Json:
        try:
            encoded = [encode(value) for value in values_of(cls)]
        except (Unserialisable, Untellable) as exc:
            self.notes.append(f"the values of {quoted(cls.name)} are not known")
            raise NoSchema from exc
        schema: Json = {"title": cls.name, "enum": encoded, **_described(cls)}
        if encoded != [None]:  # pydantic knows no type "null" here
            schema.update(common_type(encoded))
        return schema

    def _named_tuple(self, cls: Class) -> Json:
        fields = fields_of(cls)
        schema: Json = {"type": "array", "maxItems": len(fields)}
        schema["prefixItems"] = [self._field(field) for field in fields]
        required = sum(field.required for field in fields)
        if required:
            schema["minItems"] = required
        return schema

    def _object(self, kind: Kind, cls: Class) -> Json:
        fields = fields_of(cls)
        properties = {field.key: self._field(field) for field in fields}
        schema: Json = {"title": cls.name, "type": "object", "properties": properties}
        schema.update(_described(cls))
        required = [field.key for field in fields if field.required]
        if required:
            schema["required"] = required
        if kind is Kind.MODEL:
            schema.update(_model_keywords(cls))
        if is_pydantic(cls):
            name = quoted(cls.name)
            self.notes.append(f"the pydantic model {name} is told without validators")
        return schema

    def _field(self, field: Field) -> Json:
        annotation = field.annotation
        if isinstance(annotation, ast.expr):
            annotation = _evaluated(annotation, field.owner.scope)
        schema = limit(self._schema(annotation, field.owner.scope), field.options)
        if not has_own_title(schema):
            schema.setdefault("title", title_of(field.key))
        if not field.required and field.factory is None:
            try:
                schema["default"] = encode(field.default)
            except Unserialisable:
                pass
            except Untellable:
                self.notes.append(f"the default of {quoted(field.name)} is not known")
        return schema


def _evaluated(node: ast.expr, scope: Scope) -> object:
    try:
        return evaluate(node, scope)
    except Undefined as exc:
        raise NoSchema from exc


def _encoded(value: object) -> Any:
    try:
        return encode(value)
    except (Unserialisable, Untellable) as exc:
        raise NoSchema from exc


def _described(cls: Class) -> Mapping[str, str]:
    return {"description": inspect.cleandoc(cls.doc)} if cls.doc else {}


def _model_keywords(cls: Class) -> Json:
    options = model_options(cls)
    keywords: Json = {}
    if isinstance(options.get("title"), str):
        keywords["title"] = options["title"]
    if options.get("extra") in ("allow", "forbid"):
        keywords["additionalProperties"] = options["extra"] == "allow"
    return keywords


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
