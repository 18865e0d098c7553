"""Classes as JSON schema, once their fields have theirs, and limits beside types."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Iterable, Mapping, Optional

from flowpack.analysis.classes import (
    Field,
    Kind,
    extra_policy,
    fields_of,
    kind_of,
    options_of_model,
)
from flowpack.analysis.defaults import Unserialisable, UnknownValue, encode
from flowpack.analysis.known_types import KEYWORDS, LIMITS, NULL, Json, block_slug, slugify
from flowpack.analysis.values import Call, Class, Symbol, values_of

_TYPES: Mapping[type, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    type(None): "null",
}


def define(cls: Class, write_field: Callable[[Field], Json]) -> Json:
    """Return the schema of *cls*.

    Raises:
        UnknownValue, Unserialisable: The values of an enumeration are not known.
    """
    kind = kind_of(cls)
    described = {"description": inspect.cleandoc(cls.doc)} if cls.doc else {}
    if kind is Kind.ENUMERATION:
        encoded = [encode(value) for value in values_of(cls)]
        common = {} if encoded == [None] else common_type(encoded)  # pydantic has no "null" here
        return {"title": cls.name, "enum": encoded, **described, **common}
    fields = fields_of(cls)
    if kind is Kind.NAMED_TUPLE:
        items = [write_field(field) for field in fields]
        least = {"minItems": sum(field.required for field in fields)}
        counts = {"maxItems": len(fields), **(least if least["minItems"] else {})}
        return {"type": "array", "prefixItems": items, **counts}
    properties = {field.key: write_field(field) for field in fields}
    required = [field.key for field in fields if field.required]
    return {
        **{"title": cls.name, "type": "object", "properties": properties, **described},
        **({"required": required} if required else {}),
        **({} if kind is Kind.TYPED_DICT else _configured(cls)),
    }


def _configured(cls: Class) -> Json:
    """Return what the configuration of a model, once understood, says of its schema."""
    options = options_of_model(cls) or {}
    keywords: Json = {key: options[key] for key in ("title",) if key in options}
    if extra_policy(options) in ("allow", "forbid"):
        keywords["additionalProperties"] = extra_policy(options) == "allow"
    try:
        return {**keywords, **encode(options.get("json_schema_extra", {}))}
    except (Unserialisable, UnknownValue):
        return keywords


def define_block(title: str, slug: str, fields: Json) -> Json:
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


def slug_of(cls: Class) -> Optional[str]:
    """Return the slug of the type of the block *cls*; None if it is not known."""
    for name in ("_block_type_slug", "_block_type_name"):
        for owner in reversed(cls.lineage):
            value = owner.scope.names.get(name)
            if value is not None:
                return slugify(value) if isinstance(value, str) else None
    inherited = filter(None, map(block_slug, sorted(cls.ancestors)))
    return next(inherited, slugify(cls.name))


def common_type(values: Iterable[Any]) -> Json:
    """Return the ``type`` that all *values* have in common, if any."""
    found = {_TYPES.get(type(value)) for value in values}
    kind = found.pop() if len(found) == 1 else None
    return {} if kind is None else {"type": kind}


# Limits and words that stand beside a type: ``Annotated``, ``Field(...)``

_WORDS = ("title", "description", "examples", "deprecated")
#: Formats of text whose length can be limited; the others are not text in Python.
_TEXT_FORMATS = (None, "binary", "path")


def options_of(metadata: object) -> Mapping[str, object]:
    """Return what an item of ``Annotated`` says of the type beside it."""
    if not isinstance(metadata, Call) or not isinstance(metadata.function, Symbol):
        return {}
    names = LIMITS.get(metadata.function.name)
    if names is None:
        return {}
    return {**dict(zip(names, metadata.arguments)), **metadata.keywords}


def limit(schema: Json, options: Mapping[str, object]) -> Json:
    """Return *schema* with the limits and words that *options* say."""
    choices = schema.get("anyOf", ())
    if len(choices) == 2 and choices[1] == NULL:
        limited = {**schema, "anyOf": [_within(choices[0], options), choices[1]]}
    else:
        limited = _within(schema, options)
    for name in _WORDS:
        if options.get(name) is not None:
            limited.update(_encoded(name, options[name]))
    extra = options.get("json_schema_extra")
    if isinstance(extra, dict):
        limited.update(_encoded("extra", extra).get("extra", {}))
    return limited


def _within(schema: Json, options: Mapping[str, object]) -> Json:
    limited = dict(schema)
    if schema.get("format") not in _TEXT_FORMATS:
        return limited
    for name, keyword in KEYWORDS.get(schema.get("type", ""), {}).items():
        if options.get(name) is not None:
            limited.update(_encoded(keyword, options[name]))
    return limited


def _encoded(keyword: str, value: object) -> Mapping[str, Any]:
    """Return *value* under *keyword*, or nothing where it is not known."""
    try:
        return {keyword: encode(value)}
    except (Unserialisable, UnknownValue):
        return {}
