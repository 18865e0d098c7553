"""A script's bytes, read once, and the syntax tree that they spell.

What flowpack says about a script, stores of it and runs of it comes from one
:class:`Script`, so that name, digest and code always belong together.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import sys
import warnings
from typing import TYPE_CHECKING, Optional, Union

import attrs

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.analysis.syntax import PARSED_AS
from flowpack.exceptions import DiscoveryError, printable

if TYPE_CHECKING:
    from flowpack.analysis.values import Scope

#: Longest script that is read, in bytes.
SIZE_LIMIT = 100 * 1024 * 1024

_PARSER = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
_TOO_DEEP = f"it is nested too deeply for {_PARSER} to read"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


# Without slots, for the cached properties.
@attrs.frozen(slots=False)
class Script:
    """The bytes of a Python script, and what they are called.

    Attributes:
        content: The bytes, exactly as they were read.
        name: Path or URL for people to read.
        path: Absolute path of the file; None where there is none.
    """

    content: bytes = attrs.field(repr=False)
    name: str
    path: Optional[str] = None

    @classmethod
    def read(cls, path: Union[str, os.PathLike[str]], *, limit: int = SIZE_LIMIT) -> Script:
        """Read the script at *path*, once.

        Args:
            path: A regular file.
            limit: Longest script that is taken, in bytes.

        Raises:
            DiscoveryError: There is no such file, or it cannot be read.
        """
        try:
            name = os.fsdecode(path)
            content = read_file(name, limit)
        except UNREADABLE as exc:
            said = f"{reason(exc)}; give a script"
            raise DiscoveryError(printable(path), said) from exc
        return cls(content, name, os.path.abspath(name))

    @property
    def filename(self) -> str:
        """The last part of the path or URL: what the file is called."""
        place = self.path or self.name.partition("?")[0]
        return place.replace("\\", "/").rpartition("/")[2]

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.content)

    @functools.cached_property
    def sha256(self) -> str:
        """The SHA-256 of the bytes in lower-case hex."""
        import hashlib

        return hashlib.sha256(self.content).hexdigest()

    @functools.cached_property
    def md5(self) -> str:
        """The MD5 of the bytes in lower-case hex: a flow's version by default."""
        import hashlib

        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The syntax tree, parsed when it is first asked for.

        Raises:
            DiscoveryError: This Python cannot read the script.
        """
        self.check_readable()
        _silence_parser()
        try:
            return ast.parse(self.content, PARSED_AS)
        except SyntaxError as exc:
            reason = f"{_PARSER} cannot read it: {printable(exc.msg)}"
            raise DiscoveryError(self.at(exc.lineno), reason) from exc
        except (RecursionError, MemoryError) as exc:
            raise DiscoveryError(self.name, _TOO_DEEP) from exc
        except Exception as exc:
            # What a parser raises on odd bytes and codecs differs between releases.
            reason = f"{_PARSER} cannot read it: {printable(exc)}"
            raise DiscoveryError(self.name, reason) from exc

    @functools.cached_property
    def scope(self) -> Scope:
        """What the names of the module stand for when it has run, as far as is known.

        Raises:
            DiscoveryError: This Python cannot read the script.
        """
        from flowpack.analysis.scopes import read_module  # Slow to load.

        return read_module(self.tree)

    def check_readable(self) -> None:
        """Refuse bytes that no Python source has, or that would crash its parser.

        Raises:
            DiscoveryError: The bytes are such.
        """
        if b"\0" in self.content:
            wide = self.content.startswith(_UTF_16)
            hint = "is it UTF-16? Save it as UTF-8" if wide else "is it a binary file?"
            raise DiscoveryError(self.name, f"it holds NUL bytes; {hint}")
        if sys.version_info < (3, 11):
            if is_nested_too_deeply(self.content):
                raise DiscoveryError(self.name, _TOO_DEEP)

    def at(self, line: Optional[int]) -> str:
        """Return the place of *line* for messages: ``flows.py:12``."""
        return f"{self.name}:{line}" if line else self.name


def _silence_parser() -> None:
    """Keep warnings about the script's escapes to those who run it.

    ``warnings.catch_warnings`` would swap the filters of all threads for a while.
    One filter for a file name that only we use is harmless wherever it stays.
    """
    ours = re.compile(re.escape(PARSED_AS))
    if not any(entry[0] == "ignore" and entry[3] == ours for entry in warnings.filters):
        warnings.filterwarnings("ignore", module=ours.pattern)


# Long chains such as ``a.b.c`` and ``1 + 1 + 1`` nest as deeply as they are long. Python 3.9
# and 3.10 turn them into a tree without counting and overflow the stack; later ones raise
# RecursionError.

#: Links that a chain may have; the stacks of these releases hold five times as many.
CHAIN_LIMIT = 10_000

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
    """Return True if parsing *source* could overflow the stack of Python 3.10."""
    return longest_chain(source) > CHAIN_LIMIT


def longest_chain(source: bytes) -> int:
    """Return a bound on how deeply chains nest in *source*.

    Counted are the operators between commas, summed over open brackets. The count
    is taken only where *source* holds more than :data:`CHAIN_LIMIT` of them.
    """
    total = len(source) - len(source.translate(None, _LINKS))
    return _measure(source) if total > CHAIN_LIMIT else total


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
