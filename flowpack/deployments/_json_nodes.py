"""JSON text to nodes that know their lines."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import Any, List, Tuple

from flowpack.deployments._nodes import Items, Node, Pairs, Scalar, Unclear
from flowpack.exceptions import SpecError
from flowpack.jsonvalues import DEEPEST, parse_integer

_SPACE = re.compile(r"[ \t\n\r]*")

#: Deeper files are not read on; a bit more than what a value may have.
_DEEPEST = DEEPEST + 10


def parse_json(text: str, where: str) -> List[Node]:
    """Return what *text* holds: one value, or none where it is blank.

    Args:
        text: The content of a file.
        where: What messages call the file.

    Raises:
        SpecError: It is not JSON.
    """
    parser = _Parser(text)
    try:
        return parser.parse()
    except json.JSONDecodeError as exc:
        place = f"line {parser.line(exc.pos)}, column {exc.colno}"
        problem = f"{place}: this is not JSON: {exc.msg}"
        raise SpecError(where, [problem]) from None  # It holds the file.


class _Parser:
    """Walks lists and objects itself; leaves what is in them to :mod:`json`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoder = json.JSONDecoder(
            parse_int=parse_integer, parse_constant=_refuse_constant
        )
        self._line_ends = [match.start() for match in re.finditer("\n", text)]

    def parse(self) -> List[Node]:
        start = self._skip(0)
        if start == len(self._text):
            return []
        node, end = self._value(start, 0)
        if self._skip(end) != len(self._text):
            raise self._error("Extra data", self._skip(end))
        return [node]

    def line(self, position: int) -> int:
        """Return the line of a *position*, counted from 1."""
        return bisect_right(self._line_ends, position - 1) + 1

    def _value(self, start: int, depth: int) -> Tuple[Node, int]:
        if depth > _DEEPEST:
            raise self._error(f"nested more than {DEEPEST} levels deep", start)
        line = self.line(start)
        if self._text.startswith("{", start):
            pairs, end = self._members(start, "}", depth)
            return Pairs(line, pairs), end
        if self._text.startswith("[", start):
            items, end = self._members(start, "]", depth)
            return Items(line, items), end
        return self._scalar(start, line)

    def _members(self, start: int, closing: str, depth: int) -> Tuple[List[Any], int]:
        """Return what stands between brackets, and the position after them."""
        found: List[Any] = []
        position = self._skip(start + 1)
        if self._text.startswith(closing, position):
            return found, position + 1
        read = self._pair if closing == "}" else self._value
        while True:
            member, end = read(position, depth + 1)
            found.append(member)
            position = self._skip(end)
            if self._text.startswith(closing, position):
                return found, position + 1
            if not self._text.startswith(",", position):
                raise self._error("Expecting ',' delimiter", position)
            position = self._skip(position + 1)

    def _pair(self, start: int, depth: int) -> Tuple[Tuple[Node, Node], int]:
        if not self._text.startswith('"', start):
            said = "Expecting property name enclosed in double quotes"
            raise self._error(said, start)
        key, end = self._scalar(start, self.line(start))
        colon = self._skip(end)
        if not self._text.startswith(":", colon):
            raise self._error("Expecting ':' delimiter", colon)
        value, end = self._value(self._skip(colon + 1), depth)
        return (key, value), end

    def _scalar(self, start: int, line: int) -> Tuple[Node, int]:
        try:
            value, end = self._decoder.raw_decode(self._text, start)
        except json.JSONDecodeError:
            raise
        except ValueError:
            # NaN, Infinity, or more digits than Python reads.
            end = _end_of_word(self._text, start)
            reason = "this number is not JSON or too long to be read"
            return Unclear(line, self._text[start:end], reason), end
        return Scalar(line, value), end

    def _skip(self, position: int) -> int:
        match = _SPACE.match(self._text, position)
        return match.end() if match else position

    def _error(self, said: str, position: int) -> json.JSONDecodeError:
        return json.JSONDecodeError(said, self._text, position)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _end_of_word(text: str, start: int) -> int:
    match = re.compile(r"[-\w.+]*").match(text, start)
    return match.end() if match else start
