"""Compares schemas with those of the stock client; runs in that client's environment.

Reads ``{"stubs": {...}, "signatures": {name: {source, taken, schema}}}`` from standard
input. Writes for each name the official schema, how many sets of parameters that accepts,
and those among them, and among what the flow itself takes, that *schema* refuses.
"""

from __future__ import annotations

import itertools
import json
import sys
import types
import warnings
from typing import Any, Iterator

from prefect import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import preprocess_schema, validate

UUID = "12345678-1234-5678-1234-567812345678"
#: Values that every parameter is tried with, beside those made from its schema.
ANY: list[Any] = [
    *(None, True, False, 0, 1, -1, 7, 1.5, 10**20, "", "a", "aaa", "1", "red", "fast"),
    *("2020-01-02", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05", "01:02:03Z", "PT1S"),
    *("P1D", UUID, "https://example.com/", "someone@example.com", "127.0.0.1", "x" * 3000),
    *([], [1], ["a"], [1, 2], [1, 1], ["a", "b"], [None], [[1.5]], [{}]),
    *({}, {"a": 1}, {"a": "b"}, {"1": "a"}, {"a": None}, {"red": 1}, {"a": {"b": 1}}),
    *({"$ref": UUID}, {"$ref": {"block_document_id": UUID}}),
]
#: Values by format or type.
PLAIN: dict[str, list[Any]] = {
    **{"integer": [1], "number": [1.5], "string": ["a"], "boolean": [True], "null": [None]},
    **{"object": [{}], "array": [[]], "date": ["2020-01-02"], "uuid": [UUID]},
    "date-time": ["2020-01-02T03:04:05Z"],
}


def run(source: str, stubs: dict[str, str]) -> Any:
    """Return the function ``f`` of *source*, run as a module."""
    for name, text in {**stubs, "script": source}.items():
        if name == "script" or name not in sys.modules:
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__file__ = f"{name}.py"
            code = compile(text, f"{name}.py", "exec", dont_inherit=True)
            exec(code, vars(sys.modules[name]))
    return vars(sys.modules["script"])["f"]


def samples(schema: Any, definitions: Any, depth: int = 0) -> Iterator[Any]:
    """Yield values that *schema* may accept: its edges, and things near them."""
    if schema is True or depth > 6:
        yield from (1, "a")
        return
    if "$ref" in schema:
        reference = definitions[schema["$ref"].rpartition("/")[2]]
        yield from samples(reference, definitions, depth + 1)
    yield from [schema[key] for key in ("const", "default") if key in schema]
    yield from schema.get("enum", ())
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from samples(each, definitions, depth + 1)
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if key in schema:
            yield from (schema[key] - 1, schema[key], schema[key] + 1)
    for key in ("minLength", "maxLength"):
        if key in schema:
            yield "a" * schema[key]
    yield from _objects(schema, definitions, depth)
    yield from _arrays(schema, definitions, depth)
    kind = schema.get("format", schema.get("type"))
    yield from PLAIN.get(kind, PLAIN.get(schema.get("type"), ()))


def _objects(schema: Any, definitions: Any, depth: int) -> Iterator[Any]:
    properties = schema.get("properties", {})
    values = {
        name: list(itertools.islice(samples(each, definitions, depth + 1), 12)) or [1]
        for name, each in properties.items()
    }
    if properties:
        whole = {name: each[0] for name, each in values.items()}
        least = {name: whole[name] for name in schema.get("required", ())}
        yield from (whole, least, {**least, "more": 1})
        for base in (whole, least):
            for name, each in values.items():
                plain = [1, "a", None, True, [1], ["a"], {}]
                yield from ({**base, name: value} for value in (*each, *plain))
    if isinstance(schema.get("additionalProperties"), dict):
        for value in samples(schema["additionalProperties"], definitions, depth + 1):
            yield {"key": value}


def _arrays(schema: Any, definitions: Any, depth: int) -> Iterator[Any]:
    kinds = schema.get("prefixItems", ())
    fixed = [next(samples(each, definitions, depth + 1), 1) for each in kinds]
    if fixed:
        yield from (fixed[:count] for count in range(len(fixed), -1, -1))
    if "items" in schema:
        found = list(itertools.islice(samples(schema["items"], definitions, depth + 1), 40))
        yield from ([each] for each in found)
        yield from (found[:2], found[:1] * 2)


def compare(function: Any, schema: Any, taken: list[Any]) -> dict[str, Any]:
    """Return what the official schema of *function* says, and where *schema* is stricter."""
    official = json.loads(json.dumps(parameter_schema(function).model_dump_for_openapi()))
    theirs, ours = preprocess_schema(official), preprocess_schema(schema)
    properties = official["properties"]
    candidates = {
        name: [*samples(each, official.get("definitions", {})), *ANY]
        for name, each in properties.items()
    }
    accepted = {
        name: [value for value in each if accepts(theirs, name, value)]
        for name, each in candidates.items()
    }
    least = {name: accepted[name][0] for name in official.get("required", ())}
    sets = [{}, least, *({**least, name: v} for name, each in accepted.items() for v in each)]
    good = [each for each in sets if not validate(each, theirs, preprocess=False)]
    run_with = [{**least, "x": value} for value in taken]
    for each in run_with:
        Flow(function, name="f").validate_parameters(each)
    refused = [
        {"parameters": each, "reason": errors[0].message}
        for each in (*good, *run_with)
        if (errors := validate(each, ours, preprocess=False))
    ]
    return {"schema": official, "accepted": len(good), "refused": refused}


def accepts(schema: Any, name: str, value: Any) -> bool:
    """Return True if *schema* has nothing against the parameter *name* being *value*."""
    errors = validate({name: value}, schema, preprocess=False)
    return not any(list(error.path)[:1] == [name] for error in errors)


def main() -> None:
    """Compare every signature of standard input."""
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    found = {}
    for name, each in asked["signatures"].items():
        try:
            function = run(each["source"], asked["stubs"])
            found[name] = compare(function, each["schema"], each["taken"])
        except Exception as exc:
            found[name] = {"error": repr(exc)}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
