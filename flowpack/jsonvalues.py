"""What JSON can hold: values that people pass on, checked before they travel."""

from __future__ import annotations

import math
from typing import Any, Callable, Iterator, Mapping, Optional

from flowpack.exceptions import printable

#: Deeper values are refused: servers and parsers give up at a thousand or so.
DEEPEST = 200

#: Python and others refuse to read or write integers of more than 4300 digits.
LONGEST_INTEGER = 14_000


def parse_integer(text: str) -> int:
    """Return the integer that *text* is, in decimal or as ``0x...``.

    Raises:
        ValueError: It has thousands of digits, which not every Python refuses.
    """
    if len(text) > LONGEST_INTEGER // 3:
        raise ValueError("the number is too long to be read")
    return int(text, 0)


def json_copy(value: Any) -> Any:
    """Return a copy of *value*, which must be JSON, made of plain containers."""
    if isinstance(value, dict):
        return {key: json_copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_copy(item) for item in value]
    return value


def same_json(one: Any, other: Any) -> bool:
    """Return True if two values are the same JSON; true is not 1, but 1.0 is."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(
            same_json(item, other[key]) for key, item in one.items()
        )
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def replaced_env(value: Any, replace: Callable[[Any, str], Any]) -> Any:
    """Return a runner's settings, or job variables, with other values of environment variables.

    Variables stand under ``env``, wherever that is: as a mapping, or as the list of
    a Kubernetes manifest. Older servers flatten them to ``env.NAME``. Operations of
    a JSON patch may put them in too.

    Args:
        value: The settings, or a part of them.
        replace: Given a value and its name, returns what is to stand there.
    """
    if isinstance(value, list):
        return [replaced_env(item, replace) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "/env" in str(value.get("path")) and "value" in value:
        return {**value, "value": _replaced_entry(value["value"], replace)}
    return {
        key: (
            _replaced_values(item, key, replace)
            if key == "env" or key.startswith("env.")
            else replaced_env(item, replace)
        )
        for key, item in value.items()
    }


def _replaced_values(value: Any, key: str, replace: Callable[[Any, str], Any]) -> Any:
    """Return *value* with each text and number in it replaced."""
    if isinstance(value, Mapping):
        return {k: _replaced_values(item, str(k), replace) for k, item in value.items()}
    if isinstance(value, list):
        return [_replaced_entry(item, replace) for item in value]
    return value if value in (None, "") else replace(value, key)


def _replaced_entry(value: Any, replace: Callable[[Any, str], Any]) -> Any:
    """Return an entry of a manifest's list, its name as it is."""
    if not isinstance(value, Mapping):
        return _replaced_values(value, "value", replace)
    return {
        key: item if key == "name" else _replaced_values(item, str(key), replace)
        for key, item in value.items()
    }


def json_problem(value: Any) -> Optional[str]:
    """Return what in *value* is not JSON and where, or None.

    Tuples count as arrays. NaN and infinity are not JSON, nor are keys that are not text,
    nor half surrogate pairs, nor integers of thousands of digits.
    """
    return next(_problems(value, "", 0), None)


def _problems(value: Any, path: str, depth: int) -> Iterator[str]:
    if not isinstance(value, (dict, list, tuple)):
        problem = _scalar_problem(value)
    elif depth >= DEEPEST:
        problem = f"it is nested more than {DEEPEST} levels deep"
    else:
        problem = None
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if not isinstance(value, dict):
                below = f"{path}[{key}]"
            elif isinstance(key, str):
                below = f"{path}.{key}" if path else key
                yield from _problems(key, below, depth)
            else:
                problem = f"a key of type {type(key).__name__} is not JSON; keys are text"
                break
            yield from _problems(item, below, depth + 1)
    if problem:
        yield f"at {printable(path)}: {problem}" if path else problem


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
