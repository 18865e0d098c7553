"""What a docstring in Google style says of each parameter.

The reading is that of griffe, which the official client uses: a heading stands at
the margin after an empty line, its items are indented, their further lines more.
"""

from __future__ import annotations

import inspect
import re
from typing import Dict, List, Tuple

_HEADING = re.compile(r"(?P<kind>\w[\s\w-]*):(\s+\S.*)?\s*")
_PARAMETERS = ("args", "arguments", "params", "parameters")


def describe_parameters(docstring: str) -> Dict[str, str]:
    """Return what *docstring* says of each parameter, by name."""
    # Twice, as there: after an empty first line the second time takes away more.
    lines = inspect.cleandoc(inspect.cleandoc(docstring)).split("\n")
    described: Dict[str, str] = {}
    fenced = False
    at = 0
    while at < len(lines):
        if lines[at].lstrip(" ").startswith("```"):
            fenced = not fenced
        elif not fenced and _opens_section(lines, at):
            items, end = _read_items(lines, at + 1)
            if lines[at].partition(":")[0].lower() in _PARAMETERS:
                named = [item for item in items if ":" in item[0]]
                described = dict(map(_name_and_text, named))
            at = end
            continue
        at += 1
    return described


def _opens_section(lines: List[str], at: int) -> bool:
    """Return True if line *at* is a heading with something indented right below."""
    if _HEADING.fullmatch(lines[at]) is None:
        return False
    below = lines[at + 1] if at + 1 < len(lines) else ""
    above = lines[at - 1] if at else ""
    return below.startswith(" ") and bool(below.strip()) and not above.strip()


def _read_items(lines: List[str], at: int) -> Tuple[List[List[str]], int]:
    """Return the items of the section that begins on line *at*, and its end."""
    indent = len(lines[at]) - len(lines[at].lstrip())
    items: List[List[str]] = []
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            items[-1].append("")
        elif line.startswith(" " * (indent * 2)):
            items[-1].append(line[indent * 2 :])
        elif line.startswith(" " * (indent + 1)):
            items[-1].append(line.lstrip())
        elif line.startswith(" " * indent):
            items.append([line[indent:]])
        else:
            break
        at += 1
    return items, at


def _name_and_text(item: List[str]) -> Tuple[str, str]:
    name, _, text = item[0].partition(":")
    if "(" in name and name.endswith(")"):
        name = name.partition("(")[0].strip()
    return name, "\n".join([text.lstrip(), *item[1:]]).rstrip("\n")
