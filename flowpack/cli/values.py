"""KEY=VALUE: which value the text after the equals sign means."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Iterable, Tuple

from flowpack.cli.parser import UsageError
from flowpack.exceptions import quoted
from flowpack.jsonvalues import json_problem

Pairs = Iterable[Tuple[str, str]]


def read_values(
    pairs: Pairs, annotation: Callable[[str], object] = lambda key: None
) -> Dict[str, Any]:
    """Return the values of *pairs*: JSON where the text is JSON, else the text.

    Args:
        pairs: Keys and texts.
        annotation: Returns the annotation of the parameter *key*, a class or its
            source: a ``str`` takes the text even if it is JSON. Called for no other
            text.

    Raises:
        UsageError: A key comes twice.
    """
    values: Dict[str, Any] = {}
    for key, text in unique(pairs).items():
        try:
            value = parse_json(text)
        except ValueError:
            values[key] = text
        else:
            values[key] = text if is_str(annotation(key)) else value
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
        value = json.loads(text)
    except RecursionError as exc:
        raise ValueError("nested too deep") from exc
    problem = json_problem(value)  # NaN, and numbers that came out as infinity.
    if problem:
        raise ValueError(problem)
    return value


def is_str(annotation: object) -> bool:
    """Return True if *annotation*, a class or its source, is ``str``."""
    if isinstance(annotation, str):
        return annotation.strip("'\" ") == "str"
    return annotation is str
