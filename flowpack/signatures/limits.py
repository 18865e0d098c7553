"""Limits and words that stand beside a type: ``Annotated``, ``Field(...)``."""

from __future__ import annotations

from typing import Any, Mapping

from flowpack.signatures.defaults import Unserialisable, UnknownValue, encode
from flowpack.signatures.known_types import KEYWORDS, LIMITS, NULL, Json
from flowpack.signatures.values import Call, Symbol

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
    """Return *value* under *keyword*, or nothing where it cannot be told."""
    try:
        return {keyword: encode(value)}
    except (Unserialisable, UnknownValue):
        return {}
