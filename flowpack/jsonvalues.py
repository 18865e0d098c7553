"""Values of JSON: read, copied, compared, checked before they travel."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Optional

from flowpack.exceptions import printable

#: Deeper values are refused: servers and parsers give up at a thousand or so.
DEEPEST = 200

#: Python and others refuse to read or write integers of more than 4300 digits.
LONGEST_INTEGER = 14_000


def parse_json(text: str) -> Any:
    """Return the JSON value that *text* is; a ValueError if none, as for NaN and infinity."""
    import json  # Imported here because few commands need it.

    try:
        value = json.loads(text)
    except RecursionError as exc:
        raise ValueError("nested too deep") from exc
    problem = json_problem(value)  # NaN, and numbers that came out as infinity.
    if problem:
        raise ValueError(problem)
    return value


def json_copy(value: Any, leaf: Callable[[Any], Any] = lambda leaf: leaf) -> Any:
    """Return a copy of the JSON *value* in plain containers, with what *leaf* makes of the rest."""
    if isinstance(value, Mapping):
        return {key: json_copy(item, leaf) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_copy(item, leaf) for item in value]
    return leaf(value)


def same_json(one: Any, other: Any) -> bool:
    """Return True if two values are the same JSON; true is not 1, but 1.0 is."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def replaced_env(
    value: Any, replace: Callable[[Any], Any], in_env: bool = False, is_entry: bool = False
) -> Any:
    """Return a runner's settings, or job variables, with *replace* called on variables' values.

    They stand under ``env``, wherever that is, as a mapping or as the list of a Kubernetes
    manifest, whose entries keep their name; under ``env.NAME``; or in operations of a JSON patch.
    """
    if isinstance(value, list):
        return [replaced_env(item, replace, in_env, in_env) for item in value]
    if not isinstance(value, Mapping):
        return replace(value) if in_env and value not in (None, "") else value
    is_patch = not in_env and "/env" in str(value.get("path"))
    replaced = {}
    for key, item in value.items():
        below = in_env or key == "env" or key.startswith("env.") or (is_patch and key == "value")
        kept = is_entry and key == "name"
        replaced[key] = item if kept else replaced_env(item, replace, below, is_patch)
    return replaced


def json_problem(value: Any, path: str = "", depth: int = 0) -> Optional[str]:
    """Return what in *value*, which is at *path*, cannot travel as JSON and where, or None."""
    problem: Optional[str] = None
    if not isinstance(value, (dict, list, tuple)):
        problem = _scalar_problem(value)
    elif depth >= DEEPEST:
        problem = f"it is nested more than {DEEPEST} levels deep"
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                problem = f"a key of type {type(key).__name__} is not JSON; keys are text"
                break
            below = f"{path}.{key}" if path else key
            found = json_problem(key, below, depth) or json_problem(item, below, depth + 1)
            if found:
                return found
    else:  # Tuples count as arrays.
        items = (json_problem(item, f"{path}[{n}]", depth + 1) for n, item in enumerate(value))
        return next(filter(None, items), None)
    return f"at {printable(path)}: {problem}" if problem and path else problem


def _scalar_problem(value: Any) -> Optional[str]:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return "the text holds half a surrogate pair, which cannot travel"
    elif isinstance(value, int):
        if value.bit_length() > LONGEST_INTEGER:
            return f"an integer of {value.bit_length()} bits is too large"
    elif isinstance(value, float):
        if not math.isfinite(value):
            return f"{value} is not JSON, which has finite numbers only"
    elif value is not None:
        return f"a value of type {type(value).__name__} is not JSON"
    return None
