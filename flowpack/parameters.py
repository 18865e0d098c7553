"""Values of parameters: held against their JSON schema, and read from KEY=VALUE by it.

A value passes where Prefect's servers take it, which go by JSON schema, unless its text is none
of a format that the flow wants: there every spelling passes that pydantic takes. What a schema
leaves open passes, and so does what it says in words that are not known here.
"""

from __future__ import annotations

import inspect
import json
import operator
import re
from contextlib import suppress
from datetime import date
from inspect import Parameter
from itertools import islice
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple
from urllib.parse import unquote

from flowpack.exceptions import ParameterError, printable, quoted, suggestion
from flowpack.jsonvalues import json_problem, parse_json, same_json

#: Where in a value, as in ``[3].name``, and what is wrong there.
Problem = Tuple[str, str]

#: How many problems, and how many choices, are listed.
_MOST = 10

_TYPES: Mapping[str, Tuple[Any, str]] = {
    "string": (str, "text"),
    "integer": (int, "an integer"),
    "number": ((int, float), "a number"),
    "boolean": (bool, "true or false"),
    "array": ((list, tuple), "a list"),
    "object": (dict, "an object"),
    "null": (type(None), "null"),
}
_ZONE = r" *(?:Z|[-+\u2212]\d\d(?::?\d\d)?)?"
_CLOCK = rf"(?:[01]?\d|2[0-3]):[0-5]?\d(?::[0-5]?\d(?:[.,]\d+)?)?{_ZONE}"
_DATE = r"(\d{4})-(\d\d?)-(\d\d?)"
_SECONDS = r"[-+]?\d+(?:\.\d*)?"
_AMOUNT = r"(?:\d+(?:[.,]\d*)?[YMWDHS])*"
_COUNT = r"(?:[-+]?\d+(?::\d+){0,2}(?:[.,]\d*)?)?"
_DAYS = r"\d+ *(?:d|days?)?,? *"
#: By format: the spellings that some release of pydantic takes, its groups those of a date; words.
_FORMATS: Mapping[str, Tuple[str, str]] = {
    "date": (
        rf"{_DATE}(?:[T _]0?0:0?0(?::0?0(?:[.,]0+)?)?{_ZONE})?|{_SECONDS}",
        "a date such as 2026-01-31",
    ),
    "date-time": (
        rf"{_DATE}(?:[T _]{_CLOCK})?|{_SECONDS}",
        "a time such as 2026-01-31T06:00:00+00:00",
    ),
    "time": (rf"{_CLOCK}|{_SECONDS}", "a time of day such as 06:00:00"),
    "duration": (
        rf"\s*(?=.*[\dP])[-+]?(?:P{_AMOUNT}(?:T{_AMOUNT})?|(?:{_DAYS})?{_COUNT})\s*",
        "a duration such as PT1H30M",
    ),
    "uuid": (r"(?:urn:)?(?:uuid:)?\{?-*(?:[0-9a-f]-*){32}\}?", "a UUID"),
}
#: What refers to a block document: its id, or names.
_DOCUMENT = {
    "anyOf": [
        {"type": "string", "format": "uuid"},
        {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
    ]
}
#: What a schema raises that makes no sense.
_SENSELESS = (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, re.error)


def value_problems(values: Mapping[str, Any], schema: Mapping[str, Any]) -> List[str]:
    """Return what in *values* does not fit the *schema* of all parameters, a sentence each.

    Parameters that are missing, or that the schema does not have, are left to others.
    """
    required = [name for name in _required(schema) if name in values]
    part = {"properties": known_parameters(schema), "required": required}
    found = _Checker(schema).problems(dict(values), part)
    listed = [f"parameter {printable(path.lstrip('.'))}: {text}" for path, text in found[:_MOST]]
    return [*listed, "and more"] if len(found) > _MOST else listed


def missing_problems(values: Mapping[str, Any], schema: Mapping[str, Any]) -> List[str]:
    """Return a sentence for each parameter that the *schema* of all requires and *values* lack."""
    text = "parameter {} has no value, and the flow no default"
    return [text.format(printable(name)) for name in _required(schema) if name not in values]


def unknown_names(
    values: Mapping[str, Any],
    known: Iterable[str],
    catch_all: Optional[str] = None,
    lead: str = "the flow has no parameter",
) -> Optional[str]:
    """Return a sentence about the names in *values* that are not *known*; None if all are.

    *catch_all* is the name of the function's ``**more``; the sentence begins with *lead*.
    """
    names = list(known)
    unknown = {name: value for name, value in values.items() if name not in names}
    if not unknown:
        return None
    meant = "".join(suggestion(name, names) for name in list(unknown)[:1])
    takes = f"it takes {printable(', '.join(names)) or 'none'}"
    if catch_all:
        form = printable(f"{catch_all}={json.dumps(unknown, ensure_ascii=False)}")
        takes += f"; what is meant for **{catch_all} stands under that name: -p '{form}'"
    return f"{lead} {', '.join(map(quoted, unknown))}{meant}; {takes}"


def read_pairs(texts: Mapping[str, str], schema: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the values of KEY=VALUE by the *schema* of all parameters.

    A text that is JSON is taken as that where it fits, else as text where that does. A parameter
    that takes any text gets it as it is.
    """
    parts, checker = known_parameters(schema), _Checker(schema)
    return {key: _read(text, parts.get(key, {}), checker) for key, text in texts.items()}


def _read(text: str, schema: Any, checker: _Checker) -> Any:
    first = (str, parse_json) if schema.get("type") == "string" else (parse_json, str)
    candidates: List[Any] = []
    for parse in (*first, _parse_boolean, int, float):
        with suppress(ValueError):
            candidates.append(parse(text))
    fitting = (each for each in candidates if not checker.problems(each, schema))
    return next((each for each in fitting if not json_problem(each)), candidates[0])


def _parse_boolean(text: str) -> bool:
    return bool(["false", "true"].index(text.lower()))


def spread(
    function: Callable[..., Any], parameters: Mapping[str, Any]
) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
    """Return the arguments for a call of *function* with *parameters* as deployments have them.

    The values of ``*rows`` and ``**more`` stand there under these names.

    Raises:
        ParameterError: A name is unknown or missing, or a value cannot be spread.
    """
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return (), dict(parameters)  # A builtin without a signature.
    known = signature.parameters
    kinds = {each.kind: name for name, each in known.items()}
    rows, more = kinds.get(Parameter.VAR_POSITIONAL, ""), kinds.get(Parameter.VAR_KEYWORD, "")
    problem = unknown_names(parameters, known, more)
    if problem:
        raise ParameterError("", problem)
    items, entries = parameters.get(rows, []), parameters.get(more, {})
    if not isinstance(items, (list, tuple)):
        raise ParameterError(rows, f"expected a list, not {_show(items)}")
    if not isinstance(entries, dict):
        raise ParameterError(more, f"expected an object, not {_show(entries)}")
    for name, each in known.items():
        if each.default is each.empty and name not in (*parameters, rows, more):
            raise ParameterError(name, "it has no value, and the flow no default")
        if name in entries and each.kind is not each.POSITIONAL_ONLY:
            raise ParameterError(more, f"{quoted(name)} is a parameter of its own")
    bound = signature.bind_partial()
    bound.arguments.update({name: parameters[name] for name in known if name in parameters})
    if items:
        bound.apply_defaults()  # Of those before *rows.
    return bound.args, bound.kwargs


def known_parameters(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of each parameter that the *schema* of all has."""
    parts = schema.get("properties")
    known = parts.items() if isinstance(parts, Mapping) else ()
    return {name: part for name, part in known if isinstance(part, Mapping)}


def _required(schema: Mapping[str, Any]) -> List[str]:
    names = schema.get("required")
    return names if isinstance(names, list) else []


class _Checker:
    """Holds values against parts of the schema *root*, whose definitions they may refer to."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._referred: Dict[Tuple[int, str], List[Problem]] = {}

    def problems(self, value: Any, schema: Any) -> List[Problem]:
        """Return where *value* does not fit *schema*; nothing where both are too deep."""
        self._referred.clear()  # Other values may have the ids of those before.
        try:
            return self._first(value, schema)
        except RecursionError:
            return []

    def _first(self, value: Any, schema: Any) -> List[Problem]:
        return list(islice(self._check(value, schema), _MOST + 1))  # More are not shown.

    def _check(self, value: Any, schema: Any) -> Iterator[Problem]:
        # A server puts another value in the place of one that has a __prefect_kind.
        if not isinstance(schema, Mapping) or _has(value, "__prefect_kind"):
            return
        for rule in (self._check_type, _check_limits, self._check_choices, self._check_inside):
            with suppress(*_SENSELESS):
                yield from rule(value, schema)

    def _check_type(self, value: Any, schema: Mapping[str, Any]) -> Iterator[Problem]:
        kinds, values = _listed(schema.get("type", "any")), _values(schema)
        is_value = values is None or any(same_json(value, each) for each in values)
        if not (is_value and any(_is_a(value, kind) for kind in kinds)):
            yield "", f"expected {self._describe(schema)}, not {_show(value)}"

    def _check_choices(self, value: Any, schema: Mapping[str, Any]) -> Iterator[Problem]:
        if "$ref" in schema:
            yield from self._refer(value, schema["$ref"])
        for part in schema.get("allOf", ()):
            yield from self._check(value, part)
        choices, discriminator = _choices(schema), schema.get("discriminator")
        if discriminator and isinstance(value, dict):
            name, mapping = discriminator["propertyName"], discriminator["mapping"]
            reference = mapping.get(str(value.get(name)))
            if reference:
                yield from self._refer(value, reference)
            else:
                yield _step(name), f"expected {self._describe({'enum': list(mapping)})}"
            return
        found = [self._first(value, choice) for choice in choices]
        if found and all(found):
            # If the value is of a type that may stand here, what is wrong is inside it.
            inside = [problems for problems in found if all(path for path, _ in problems)]
            expected = f"expected {self._describe(schema)}, not {_show(value)}"
            yield from min(inside, key=len, default=[("", expected)])

    def _refer(self, value: Any, reference: str) -> List[Problem]:
        key = id(value), reference
        if key not in self._referred:
            self._referred[key] = []  # What it refers to may refer to it.
            schema = self._find(reference)
            slug = schema.get("block_type_slug")
            if slug and _has(value, "$ref"):
                form = f'{{"$ref": {{"block_document_slug": "{printable(slug)}/NAME"}}}}'
                is_reference = not self._first(value["$ref"], _DOCUMENT)
                found = [] if is_reference else [("", f"expected {form}")]
            else:
                found = self._first(value, schema)
            self._referred[key] = found
        return self._referred[key]

    def _check_inside(self, value: Any, schema: Mapping[str, Any]) -> Iterator[Problem]:
        parts: Iterable[Tuple[str, Any, Any]] = ()
        if isinstance(value, (list, tuple)):
            parts = _items(value, schema)
        elif isinstance(value, dict):
            for name in schema.get("required", ()):
                if name not in value:
                    yield _step(name), "it is required"
            for name in value:
                for _, text in self._check(name, schema.get("propertyNames")):
                    yield _step(name), f"its name: {text}"
            parts = _members(value, schema)
        for step, item, part in parts:
            if part is False:
                known = ", ".join(schema.get("properties", ()))
                yield step, f"it is unknown; known is {printable(known) or 'nothing'}"
            for path, text in self._check(item, part):
                yield step + path, text

    def _find(self, reference: str) -> Any:
        found: Any = self._root
        for step in unquote(reference).split("/")[1:]:
            found = found[step.replace("~1", "/").replace("~0", "~")]
        return found

    def _describe(self, schema: Mapping[str, Any], depth: int = 0) -> str:
        """Return what *schema* expects."""
        if "$ref" in schema:
            schema = self._find(schema["$ref"])
        choices, values = _choices(schema), _values(schema)
        if values is not None:
            more = ["others"] if values[_MOST:] else []
            return " or ".join([*map(_show, values[:_MOST]), *more])
        if choices and depth < 5:
            return " or ".join(dict.fromkeys(self._describe(each, depth + 1) for each in choices))
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]][1]
        kinds = _listed(schema.get("type"))
        words = " or ".join(_TYPES.get(kind, (object, "another value"))[1] for kind in kinds)
        return f"{words} ({printable(schema['title'])})" if _has(schema, "properties") else words


def _has(value: Any, key: str) -> bool:
    return isinstance(value, Mapping) and key in value


def _listed(value: Any) -> List[Any]:
    return value if isinstance(value, list) else [value]


def _choices(schema: Mapping[str, Any]) -> List[Any]:
    return schema.get("anyOf") or schema.get("oneOf") or []


def _values(schema: Mapping[str, Any]) -> Optional[List[Any]]:
    """Return the values that alone fit *schema*; None where it names none."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _is_a(value: Any, kind: str) -> bool:
    expected: Any = _TYPES.get(kind, (object, ""))[0]
    if isinstance(value, bool):
        return expected in (bool, object)
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, expected)


def _items(value: Iterable[Any], schema: Mapping[str, Any]) -> Iterator[Tuple[str, Any, Any]]:
    """Yield where each item of a list is, the item and its schema."""
    first, others = schema.get("prefixItems", ()), schema.get("items")
    if isinstance(others, list):
        first, others = others, None  # As pydantic 1 writes it.
    for number, item in enumerate(value):
        yield f"[{number}]", item, first[number] if number < len(first) else others


def _members(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Tuple[str, Any, Any]]:
    """Yield where each member of an object is, its value and the schema for that."""
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, item in value.items():
        parts = [part for pattern, part in patterns.items() if re.search(pattern, name)]
        if name in known:
            part = known[name]
            # Servers let null stand for what need not be given and has a type but no default.
            if _has(part, "type") and not (name in schema.get("required", ()) or "default" in part):
                part = {**part, "type": [*_listed(part["type"]), "null"]}
            parts.append(part)
        for part in parts or [schema.get("additionalProperties")]:
            yield _step(name), item, part


def _check_limits(value: Any, schema: Mapping[str, Any]) -> Iterator[Problem]:
    for keyword, (kind, measure, holds, words) in _LIMITS.items():
        if keyword not in schema or not _is_a(value, kind):
            continue
        limit, measured = schema[keyword], measure(value) if measure else value
        if not holds(measured, limit):
            words = _FORMATS[limit][1] if keyword == "format" else words.format(printable(limit))
            yield "", f"expected {words}, not {_show(measured)}"
    if schema.get("uniqueItems") and isinstance(value, (list, tuple)):
        seen: Set[Any] = set()
        for number, item in enumerate(value):
            is_container = isinstance(item, (dict, list, tuple))
            text = json.dumps(item, sort_keys=True) if is_container else ""
            key = text or (item, isinstance(item, bool))
            if key in seen:
                yield f"[{number}]", "it is there twice"
            seen.add(key)


def _is_multiple(value: Any, factor: Any) -> bool:
    return (value / factor).is_integer() if isinstance(factor, float) else not value % factor


def _is_of_format(text: str, name: str) -> bool:
    """Return True if some release of pydantic may take *text* for a value of the format."""
    if name not in _FORMATS:
        return True
    # No spelling is as long.
    match = re.fullmatch(_FORMATS[name][0], text, re.I) if len(text) < 100 else None
    with suppress(ValueError):
        day = [int(each) for each in match.groups() if each] if match else [0, 0, 0]
        return not day or bool(date(*day))
    return False


#: By keyword: the type that it limits, what of a value if not itself, what must hold, and words.
_LIMITS: Mapping[str, Tuple[str, Any, Callable[[Any, Any], Any], str]] = {
    "minimum": ("number", None, operator.ge, "at least {}"),
    "maximum": ("number", None, operator.le, "at most {}"),
    "exclusiveMinimum": ("number", None, operator.gt, "more than {}"),
    "exclusiveMaximum": ("number", None, operator.lt, "less than {}"),
    "multipleOf": ("number", None, _is_multiple, "a multiple of {}"),
    "minLength": ("string", len, operator.ge, "at least {} characters"),
    "maxLength": ("string", len, operator.le, "at most {} characters"),
    "pattern": ("string", None, lambda each, form: re.search(form, each), "text that matches {}"),
    "format": ("string", None, _is_of_format, ""),
    "minItems": ("array", len, operator.ge, "at least {} items"),
    "maxItems": ("array", len, operator.le, "at most {} items"),
    "minProperties": ("object", len, operator.ge, "at least {} members"),
    "maxProperties": ("object", len, operator.le, "at most {} members"),
}


def _step(name: str) -> str:
    return f".{name}" if name.isidentifier() else f"[{quoted(name, 60)}]"


def _show(value: Any) -> str:
    if isinstance(value, (dict, list, tuple)):
        return "an object" if isinstance(value, dict) else "a list"
    return quoted(value, 60) if isinstance(value, str) else printable(json.dumps(value), 60)
