"""KEY=VALUE: what the text after the equals sign stands for."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterable, Tuple

from flowpack.cli.parser import UsageError
from flowpack.exceptions import quoted
from flowpack.jsonvalues import json_problem

Pairs = Iterable[Tuple[str, str]]

#: Says whether the parameter of that name takes text as it is.
TakesText = Callable[[str], bool]


def read_values(
    pairs: Pairs, takes_text: TakesText = lambda _: False
) -> Dict[str, Any]:
    """Return the values of *pairs*: JSON where the text is JSON, else the text.

    Args:
        pairs: Keys and texts.
        takes_text: Says which keys get the text even if it is JSON. Only asked
            about texts that are.

    Raises:
        UsageError: A key comes twice.
    """
    values: Dict[str, Any] = {}
    for key, text in unique(pairs).items():
        try:
            value = parse_json(text)
        except ValueError:
            value = text
        else:
            value = text if takes_text(key) else value
        values[key] = value
    return values


def unique(pairs: Pairs) -> Dict[str, str]:
    """Return *pairs* as a mapping.

    Raises:
        UsageError: A key comes twice.
    """
    found: Dict[str, str] = {}
    for key, text in pairs:
        if key in found:
            raise UsageError(f"{quoted(key)} is given twice")
        found[key] = text
    return found


def parse_json(text: str) -> Any:
    """Return the JSON value that *text* is.

    Raises:
        ValueError: It is none; NaN and infinity are not JSON.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError as exc:
        raise ValueError("nested too deep") from exc
    problem = json_problem(value)  # A number may have come out as infinity.
    if problem:
        raise ValueError(problem)
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def is_str(annotation: object) -> bool:
    """Say whether *annotation*, a class or its source, is ``str``."""
    if isinstance(annotation, str):
        return annotation.strip("'\" ") == "str"
    return annotation is str
