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
import uuid
from contextlib import suppress
from datetime import date, time
from inspect import Parameter
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple
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
_FORMATS: Mapping[str, str] = {
    "date": "a date such as 2026-01-31",
    "date-time": "a time such as 2026-01-31T06:00:00+00:00",
    "time": "a time of day such as 06:00:00",
    "duration": "a duration such as PT1H30M",
    "uuid": "a UUID",
}
#: What a schema raises that makes no sense.
_SENSELESS = (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, re.error)


def value_problems(values: Mapping[str, Any], schema: Mapping[str, Any]) -> List[str]:
    """Return what in *values* does not fit the *schema* of all parameters, a sentence each.

    Parameters that are missing, or that the schema does not have, are left to others.
    """
    part = {
        "properties": known_parameters(schema),
        "required": [n for n in _required(schema) if n in values],
    }
    found = _Checker(schema).problems(dict(values), part)
    listed = [f"parameter {printable(path.lstrip('.'))}: {text}" for path, text in found[:_MOST]]
    return [*listed, "and more"] if len(found) > _MOST else listed


def missing_problems(values: Mapping[str, Any], schema: Mapping[str, Any]) -> List[str]:
    """Return a sentence for each parameter that the *schema* of all requires and *values* lack."""
    missing = [name for name in _required(schema) if name not in values]
    return [
        f"parameter {printable(name)} has no value, and the flow no default" for name in missing
    ]


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
    takes_text = isinstance(schema, Mapping) and schema.get("type") == "string"
    candidates: List[Any] = [text]
    for parse in (parse_json, lambda word: parse_json(word.lower()), int, float):
        with suppress(ValueError):
            first = parse is parse_json and not takes_text
            candidates.insert(0 if first else len(candidates), parse(text))
    fitting = (each for each in candidates if not checker.problems(each, schema))
    return next((each for each in fitting if not json_problem(each)), candidates[0])


def spread(
    function: Callable[..., Any], parameters: Mapping[str, Any]
) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
    """Return the arguments for a call of *function* with *parameters* as deployments have them.

    The values of ``*rows`` and ``**more`` stand there under these names.

    Raises:
        ParameterError: A name is unknown or missing, or a value cannot be spread.
    """
    try:
        known = inspect.signature(function).parameters
    except (ValueError, TypeError):
        return (), dict(parameters)  # A builtin without a signature.
    named, catch_all = dict(parameters), {each.kind: name for name, each in known.items()}
    rows, more = catch_all.get(Parameter.VAR_POSITIONAL, ""), catch_all.get(Parameter.VAR_KEYWORD)
    problem = unknown_names(named, known, more)
    if problem:
        raise ParameterError("", problem)
    items, entries = named.pop(rows, ()), named.pop(more or "", {})
    if not isinstance(items, (list, tuple)):
        raise ParameterError(rows, f"expected a list, not {_show(items)}")
    if not isinstance(entries, dict):
        raise ParameterError(more or "", f"expected an object, not {_show(entries)}")
    by_kind = [Parameter.POSITIONAL_ONLY, *([Parameter.POSITIONAL_OR_KEYWORD] if items else [])]
    by_place: List[Any] = []
    for name, each in known.items():
        if each.kind in by_kind:
            if name not in named and each.default is each.empty:
                raise ParameterError(name, "it has no value, and the flow no default")
            by_place.append(named.pop(name, each.default))
        elif name in entries:
            raise ParameterError(more or "", f"{quoted(name)} is a parameter of its own")
    return (*by_place, *items), {**named, **entries}


def known_parameters(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of each parameter that the *schema* of all has."""
    parts = schema.get("properties")
    known = parts.items() if isinstance(parts, Mapping) else ()
    return {name: part for name, part in known if isinstance(part, Mapping)}


def _required(schema: Mapping[str, Any]) -> List[str]:
    names = schema.get("required")
    return names if isinstance(names, list) else []


class _Checker:
    """Holds values against parts of the schema *root*, whose definitions they may refer to.

    Like ``ast.NodeVisitor`` it has a method for each keyword that looks into values.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._referred: Dict[Tuple[int, str], List[Problem]] = {}

    def problems(self, value: Any, schema: Any) -> List[Problem]:
        """Return where *value* does not fit *schema*; nothing where both are too deep."""
        self._referred.clear()  # Other values may have the ids of those before.
        try:
            return self._problems(value, schema)
        except RecursionError:
            return []

    def _problems(self, value: Any, schema: Any) -> List[Problem]:
        # A server puts another value in the place of one that has a __prefect_kind.
        if not isinstance(schema, Mapping) or _has(value, "__prefect_kind"):
            return [("", "nothing is expected here")] if schema is False else []
        if not _is_of_type(value, schema):
            return [("", f"expected {self._describe(schema)}, not {_show(value)}")]
        found: List[Problem] = []
        for keyword, argument in schema.items():
            try:
                if keyword in _LIMITS:
                    found += _limit_problems(value, keyword, argument)
                elif keyword in _CHECKED:
                    found += getattr(self, _CHECKED[keyword])(value, argument, schema)
            except _SENSELESS:
                continue
        return found

    def _below(self, parts: Iterable[Tuple[str, Any, Any]]) -> List[Problem]:
        found: List[Problem] = []
        for step, value, schema in parts:
            found += [(step + path, text) for path, text in self._problems(value, schema)]
            if len(found) > _MOST:  # More are not shown.
                break
        return found

    def _describe(self, schema: Any, depth: int = 0) -> str:
        """Return what *schema* expects."""
        if _has(schema, "$ref"):
            schema = self._find(schema["$ref"])
        if not isinstance(schema, Mapping) or depth > 5:
            return "another value"
        if "const" in schema or "enum" in schema:
            values = list(map(_show, schema.get("enum", [schema.get("const")])))
            return " or ".join([*values[:_MOST], *(["others"] if values[_MOST:] else [])])
        choices = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(choices, list):
            return " or ".join(dict.fromkeys(self._describe(each, depth + 1) for each in choices))
        kind, title = schema.get("type"), schema.get("title")
        kinds = kind if isinstance(kind, list) else [kind]
        words = " or ".join(_TYPES.get(str(each), ("", "another value"))[1] for each in kinds)
        words = _FORMATS.get(str(schema.get("format")), words)
        return f"{words} ({printable(title)})" if kind == "object" and title else words

    # What refers to other schemas

    def _find(self, reference: str) -> Any:
        found: Any = self._root
        for step in unquote(reference).split("/")[1:]:
            found = found[step.replace("~1", "/").replace("~0", "~")]
        return found

    def _check_ref(self, value: Any, reference: str, _: object) -> List[Problem]:
        key = id(value), reference
        if key not in self._referred:
            self._referred[key] = []  # What it refers to may refer to it.
            schema = self._find(reference)
            slug = schema.get("block_type_slug")
            # A block document is referred to by its id, or by names.
            is_block = slug and _has(value, "$ref")
            self._referred[key] = (
                _document_problems(value["$ref"], slug)
                if is_block
                else self._problems(value, schema)
            )
        return self._referred[key]

    def _check_allOf(self, value: Any, parts: List[Any], _: object) -> List[Problem]:
        return self._below(("", value, part) for part in parts)

    def _check_anyOf(self, value: Any, choices: List[Any], _: object) -> List[Problem]:
        found = [self._problems(value, choice) for choice in choices]
        if not all(found):
            return []
        # If the value is of a type that may stand here, what is wrong is inside it.
        inside = [problems for problems in found if all(path for path, _ in problems)]
        expected = f"expected {self._describe({'anyOf': choices})}, not {_show(value)}"
        return min(inside, key=len, default=[("", expected)])

    def _check_oneOf(self, value: Any, choices: List[Any], schema: Any) -> List[Problem]:
        discriminator = schema.get("discriminator")
        if discriminator and isinstance(value, dict):
            name, mapping = discriminator["propertyName"], discriminator["mapping"]
            reference = mapping.get(str(value.get(name)))
            if reference is not None:
                return self._check_ref(value, reference, schema)
            return [(_step(name), f"expected {self._describe({'enum': list(mapping)})}")]
        if sum(not self._problems(value, choice) for choice in choices) > 1:
            return [("", f"it fits several of {self._describe({'anyOf': choices})}")]
        return self._check_anyOf(value, choices, schema)

    # What looks into lists and objects

    def _check_prefixItems(self, value: Any, parts: List[Any], _: object) -> List[Problem]:
        pairs = zip(value, parts) if isinstance(value, (list, tuple)) else ()
        return self._below((f"[{n}]", item, part) for n, (item, part) in enumerate(pairs))

    def _check_items(self, value: Any, items: Any, schema: Any) -> List[Problem]:
        if not isinstance(value, (list, tuple)) or isinstance(items, list):
            return self._check_prefixItems(value, items, schema)  # pydantic 1 writes a list.
        first = len(schema.get("prefixItems", ()))
        return self._below((f"[{n}]", v, items) for n, v in enumerate(value[first:], first))

    def _check_uniqueItems(self, value: Any, wanted: Any, _: object) -> List[Problem]:
        seen = set()
        for number, item in enumerate(value if wanted and isinstance(value, (list, tuple)) else ()):
            key = _hashable(item)
            if key in seen:
                return [(f"[{number}]", "it is there twice")]
            seen.add(key)
        return []

    def _check_properties(self, value: Any, parts: Any, schema: Any) -> List[Problem]:
        required = schema.get("required") or ()
        present = [(name, part) for name, part in parts.items() if _has(value, name)]
        # Servers let null stand for what need not be given and has a type but no default.
        return self._below(
            (_step(name), value[name], part)
            for name, part in present
            if name in required
            or not (value[name] is None and _has(part, "type") and "default" not in part)
        )

    def _check_required(self, value: Any, names: List[str], _: object) -> List[Problem]:
        missing = [name for name in names if name not in value] if isinstance(value, dict) else []
        return [(_step(name), "it is required") for name in missing]

    def _check_additionalProperties(self, value: Any, part: Any, schema: Any) -> List[Problem]:
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", ())
        others = [
            name
            for name in (value if isinstance(value, dict) else ())
            if name not in known and not any(re.search(each, name) for each in patterns)
        ]
        if part is False:
            takes = printable(", ".join(known)) or "nothing"
            return [(_step(name), f"it is unknown; known is {takes}") for name in others]
        return self._below((_step(name), value[name], part) for name in others)

    def _check_patternProperties(self, value: Any, parts: Any, _: object) -> List[Problem]:
        items = value.items() if isinstance(value, dict) else ()
        pairs = [(name, item, pattern) for name, item in items for pattern in parts]
        return self._below((_step(n), v, parts[p]) for n, v, p in pairs if re.search(p, n))

    def _check_propertyNames(self, value: Any, part: Any, _: object) -> List[Problem]:
        names = value if isinstance(value, dict) else ()
        found = [(name, text) for name in names for _, text in self._problems(name, part)]
        return [(_step(name), f"its name: {text}") for name, text in found]


#: Keywords, and the methods for them.
_CHECKED = {
    name.replace("_check_ref", "_check_$ref")[len("_check_") :]: name
    for name in vars(_Checker)
    if name.startswith("_check_")
}


def _has(value: Any, key: str) -> bool:
    return isinstance(value, Mapping) and key in value


def _is_a(value: Any, kind: Any) -> bool:
    if kind not in _TYPES or isinstance(value, bool):
        return kind not in _TYPES or kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind][0])


def _is_of_type(value: Any, schema: Mapping[str, Any]) -> bool:
    """Return True if *value* is of the type, or among the values, that *schema* names."""
    try:
        kind = schema.get("type", "any")
        if not any(_is_a(value, each) for each in (kind if isinstance(kind, list) else [kind])):
            return False
        if "const" in schema and not same_json(value, schema["const"]):
            return False
        return "enum" not in schema or any(same_json(value, each) for each in schema["enum"])
    except _SENSELESS:
        return True


def _document_problems(reference: Any, slug: Any) -> List[Problem]:
    """Return what is wrong with the *reference* to a block document."""
    names = reference.values() if isinstance(reference, dict) else [None]
    is_id = isinstance(reference, str) and _is_of_format(reference, "uuid")
    if is_id or all(isinstance(name, str) for name in names):
        return []
    return [("", f'expected {{"$ref": {{"block_document_slug": "{printable(slug)}/NAME"}}}}')]


def _limit_problems(value: Any, keyword: str, limit: Any) -> List[Problem]:
    kind, holds, words = _LIMITS[keyword]
    if not _is_a(value, kind):
        return []
    measured = len(value) if holds in (operator.ge, operator.le) and kind != "number" else value
    if holds(measured, limit):
        return []
    expected = _FORMATS.get(limit, "") if keyword == "format" else words.format(printable(limit))
    return [("", f"expected {expected}, not {_show(measured)}")]


def _is_multiple(value: Any, factor: Any) -> bool:
    return (value / factor).is_integer() if isinstance(factor, float) else not value % factor


_DATE = r"(\d{4})-(\d\d?)-(\d\d?)"
_CLOCK = r"(\d\d?):(\d\d?)(?::(\d\d?)(?:[.,]\d+)?)?\s*(?:[Zz]|[-+\u2212]\d\d(?::?\d\d)?)?"
_INSTANT = rf"{_DATE}(?:[Tt _]{_CLOCK})?"
_AMOUNT = r"(?:\d+(?:[.,]\d*)?[YMWDHS])*"
_DURATION = rf"[-+]?P{_AMOUNT}(?:T{_AMOUNT})?|[-+]?(?:\d+ *(?:d|days?)?,? *)?[-+]?[\d:.,]*z?"


def _is_of_format(text: str, name: str) -> bool:
    """Return True if some release of pydantic may take *text* for a value of the format."""
    if name not in _FORMATS:
        return True
    with suppress(ValueError):
        return bool(uuid.UUID(text)) if name == "uuid" else float(text) is not None  # Seconds.
    if len(text) > 100:  # No spelling is as long.
        return False
    if name in ("uuid", "duration"):
        is_duration = re.fullmatch(_DURATION, text.strip(), re.IGNORECASE)
        return name == "duration" and bool(is_duration and re.search(r"(?i)\d|P", text))
    match = re.fullmatch(f"()()(){_CLOCK}" if name == "time" else _INSTANT, text)
    with suppress(ValueError):
        numbers = [int(each or 0) for each in match.groups()] if match else []
        at = time(*numbers[3:6]) if numbers else None  # type: ignore[arg-type]
        if name == "time" or at is None:
            return at is not None
        return bool(date(*numbers[:3]).year) and (name == "date-time" or at == time())
    return False


#: By keyword: the type that it limits, what must hold, and words.
_LIMITS: Mapping[str, Tuple[str, Callable[[Any, Any], Any], str]] = {
    "minimum": ("number", operator.ge, "at least {}"),
    "maximum": ("number", operator.le, "at most {}"),
    "exclusiveMinimum": ("number", operator.gt, "more than {}"),
    "exclusiveMaximum": ("number", operator.lt, "less than {}"),
    "multipleOf": ("number", _is_multiple, "a multiple of {}"),
    "minLength": ("string", operator.ge, "at least {} characters"),
    "maxLength": ("string", operator.le, "at most {} characters"),
    "pattern": ("string", lambda text, pattern: re.search(pattern, text), "text that matches {}"),
    "format": ("string", _is_of_format, ""),
    "minItems": ("array", operator.ge, "at least {} items"),
    "maxItems": ("array", operator.le, "at most {} items"),
    "minProperties": ("object", operator.ge, "at least {} members"),
    "maxProperties": ("object", operator.le, "at most {} members"),
}


def _hashable(value: Any) -> Any:
    """Return what is equal for two values that are the same JSON."""
    if isinstance(value, dict):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    return (value, "bool") if isinstance(value, bool) else value


def _step(name: str) -> str:
    return f".{name}" if name.isidentifier() else f"[{quoted(name, 60)}]"


def _show(value: Any) -> str:
    if isinstance(value, (dict, list, tuple)):
        return "an object" if isinstance(value, dict) else "a list"
    return quoted(value, 60) if isinstance(value, str) else printable(json.dumps(value), 60)
