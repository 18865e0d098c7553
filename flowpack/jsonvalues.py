"""What JSON can hold: values that people pass on, checked before they travel."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Optional, Union

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


def json_problem(value: Any) -> Optional[str]:
    """Return what in *value* is not JSON and where, or None.

    Tuples count as arrays. NaN and infinity are not JSON, nor are keys that are
    not text, nor half surrogate pairs, nor integers of thousands of digits.
    """
    return _problem(value, "", 0)


def json_copy(value: Any) -> Any:
    """Return a copy of *value*, which must be JSON, made of plain containers."""
    if isinstance(value, dict):
        return {key: json_copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_copy(item) for item in value]
    return value


def same_json(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON, where 1 is 1.0 but not true."""
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


def _problem(value: Any, path: str, depth: int) -> Optional[str]:
    if value is None:
        return None
    if isinstance(value, str):
        return _text_problem(value, path)
    if isinstance(value, (int, float)):
        return _number_problem(value, path)
    if depth >= DEEPEST:
        return f"{_at(path)}it is nested more than {DEEPEST} levels deep"
    if isinstance(value, dict):
        return _object_problem(value, path, depth)
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            found = _problem(item, f"{path}[{index}]", depth + 1)
            if found:
                return found
        return None
    return f"{_at(path)}a value of type {type(value).__name__} is not JSON"


def _object_problem(value: Any, path: str, depth: int) -> Optional[str]:
    for key, item in value.items():
        if not isinstance(key, str):
            kind = type(key).__name__
            return f"{_at(path)}a key of type {kind} is not JSON; keys are text"
        below = f"{path}.{key}" if path else key
        found = _text_problem(key, below) or _problem(item, below, depth + 1)
        if found:
            return found
    return None


def _number_problem(value: Union[int, float], path: str) -> Optional[str]:
    if isinstance(value, int):
        if value.bit_length() <= LONGEST_INTEGER:
            return None
        return f"{_at(path)}an integer of {value.bit_length()} bits is too large"
    if math.isfinite(value):
        return None
    return f"{_at(path)}{value} is not JSON, which has finite numbers only"


def _text_problem(value: str, path: str) -> Optional[str]:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return f"{_at(path)}the text holds half a surrogate pair, which cannot travel"
    return None


def _at(path: str) -> str:
    return f"at {printable(path)}: " if path else ""
