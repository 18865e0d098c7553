"""A script's bytes, read once, and the syntax tree that they spell.

What flowpack says about a script, stores of it and runs of it comes from one
:class:`Script`, so that name, digest and code always belong together.
"""

from __future__ import annotations

import ast
import functools
import io
import os
import re
import sys
import tokenize
import warnings
from contextlib import suppress
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
        """Read the script at *path*, a regular file of at most *limit* bytes.

        Raises:
            DiscoveryError: There is no such file, or it cannot be read.
        """
        try:
            name = os.fsdecode(path)
            content = read_file(name, limit)
        except UNREADABLE as exc:
            problem = f"{reason(exc)}; give a script"
            raise DiscoveryError(printable(path), problem) from exc
        return cls(content, name, os.path.abspath(name))

    @property
    def filename(self) -> str:
        """The last part of the path or URL."""
        location = self.path or self.name.partition("?")[0]
        return location.replace("\\", "/").rpartition("/")[2]

    @property
    def size(self) -> int:
        """In bytes."""
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
        """The syntax tree.

        Raises:
            DiscoveryError: This Python cannot read the script.
        """
        self.check_readable()
        # ``warnings.catch_warnings`` would swap the filters of all threads for a while. One
        # filter for a file name that only we use is harmless wherever it stays.
        ours = re.compile(re.escape(PARSED_AS))
        if not any(entry[0] == "ignore" and entry[3] == ours for entry in warnings.filters):
            warnings.filterwarnings("ignore", module=ours.pattern)
        try:
            return ast.parse(self.content, PARSED_AS)
        except SyntaxError as exc:
            problem = f"{_PARSER} cannot read it: {printable(exc.msg)}"
            raise DiscoveryError(self.at(exc.lineno), problem) from exc
        except (RecursionError, MemoryError) as exc:
            raise DiscoveryError(self.name, _TOO_DEEP) from exc
        except Exception as exc:
            # What a parser raises on odd bytes and codecs differs between releases.
            problem = f"{_PARSER} cannot read it: {printable(exc)}"
            raise DiscoveryError(self.name, problem) from exc

    @functools.cached_property
    def scope(self) -> Scope:
        """What the names of the module stand for when it has run; raises as :attr:`tree`."""
        # Imported here because it is slow to load.
        from flowpack.analysis.scopes import read_module

        return read_module(self.tree)

    def check_readable(self) -> None:
        """Raise DiscoveryError for bytes that are no source, or would crash the parser."""
        if b"\0" in self.content:
            is_utf16 = self.content.startswith((b"\xff\xfe", b"\xfe\xff"))
            hint = "is it UTF-16? Save it as UTF-8" if is_utf16 else "is it a binary file?"
            raise DiscoveryError(self.name, f"it holds NUL bytes; {hint}")
        if sys.version_info < (3, 11) and longest_chain(self.content) > CHAIN_LIMIT:
            raise DiscoveryError(self.name, _TOO_DEEP)

    def at(self, line: Optional[int]) -> str:
        """Return where *line* is, for messages: ``flows.py:12``."""
        return f"{self.name}:{line}" if line else self.name


# Long chains such as ``a.b.c`` and ``1 + 1 + 1`` nest as deeply as they are long. Python 3.9 and
# 3.10 turn them into a tree without counting and overflow the stack; later ones raise
# RecursionError.

#: Links that a chain may have; the stacks of these releases hold five times as many.
CHAIN_LIMIT = 10_000

_LINKS = b".+-*/%@&|^<>([{"


def longest_chain(source: bytes) -> int:
    """Return a bound on how deeply chains nest in *source*; beyond the limit not an exact one.

    Counted are the operators between commas, summed over open brackets.
    """
    total = _count_links(source)
    longest = depth = 0
    links = [0]  # So many for each bracket that is open, outermost first; *depth* is their sum.
    if total <= CHAIN_LIMIT:
        return total
    # What cannot be split into tokens is no Python.
    with suppress(tokenize.TokenError, SyntaxError, ValueError, LookupError):
        for kind, text, *_ in tokenize.tokenize(io.BytesIO(source).readline):
            ends = text == "," or ((kind == tokenize.NEWLINE or text == ";") and len(links) == 1)
            added = 0
            if text in (")", "]", "}") and len(links) > 1:
                depth -= links.pop()
            elif ends:
                depth, links[-1] = depth - links[-1], 0
            elif kind == tokenize.OP:
                added = _count_links(text.encode()[:1])
            elif kind == tokenize.STRING and "f" in text.partition(text[-1])[0].lower():
                added = _count_links(text.encode())  # Code in part; Python 3.12 splits it.
            links[-1] += added
            depth += added
            if text in ("(", "[", "{"):
                links.append(0)
            longest = max(longest, depth)
            if longest > CHAIN_LIMIT:
                break
    return longest


def _count_links(source: bytes) -> int:
    return len(source) - len(source.translate(None, _LINKS))
