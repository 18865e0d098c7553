"""Source that would crash the parsers of Python 3.9 and 3.10.

Long chains such as ``a.b.c`` and ``1 + 1 + 1`` nest as deeply as they are long.
These two releases turn them into a tree without counting and overflow the stack;
later ones raise RecursionError.
"""

from __future__ import annotations

import re

#: Links that a chain may have; the stacks of these releases hold five times as many.
LIMIT = 10_000

_LINKS = b".+-*/%@&|^<>([{"

_TOKEN = re.compile(
    rb"""
      \#[^\r\n]*
    | \\\r?\n                                       # the line goes on
    | (?P<prefix>\b[A-Za-z]{1,2})?
      (?P<text>
          '''(?:[^'\\]|\\.|'(?!''))*(?:'''|\Z)
        | \"\"\"(?:[^"\\]|\\.|"(?!""))*(?:\"\"\"|\Z)
        | '(?:[^'\\\r\n]|\\.)*'?
        | "(?:[^"\\\r\n]|\\.)*"?
      )
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<comma>,)
    | (?P<end>[;\r\n])
    | (?P<link>[.+\-*/%@&|^<>])
    """,
    re.VERBOSE | re.DOTALL,
)


def is_nested_too_deeply(source: bytes) -> bool:
    """Say whether parsing *source* could overflow the stack of Python 3.10."""
    return longest_chain(source) > LIMIT


def longest_chain(source: bytes) -> int:
    """Return a bound on how deeply chains nest in *source*.

    Counted are the operators between commas, summed over open brackets. The count
    is taken only where *source* holds more than :data:`LIMIT` of them.
    """
    total = len(source) - len(source.translate(None, _LINKS))
    return _measure(source) if total > LIMIT else total


def _measure(source: bytes) -> int:
    longest = 0
    depth = 0  # The sum of *links*.
    links = [0]  # So many for each bracket that is open, outermost first.
    for token in _TOKEN.finditer(source):
        kind = token.lastgroup
        if kind == "open":
            links[-1] += 1
            depth += 1
            links.append(0)
        elif kind == "close" and len(links) > 1:
            depth -= links.pop()
        elif kind == "comma" or (kind == "end" and len(links) == 1):
            depth -= links[-1]
            links[-1] = 0
        elif kind == "link" or kind == "text":
            added = 1 if kind == "link" else _links_of_text(token)
            links[-1] += added
            depth += added
        longest = max(longest, depth)
    return longest


def _links_of_text(token: re.Match[bytes]) -> int:
    """Return the operators within an f-string, which is code in part."""
    if b"f" not in (token["prefix"] or b"").lower():
        return 0
    text = token["text"]
    return len(text) - len(text.translate(None, _LINKS))
