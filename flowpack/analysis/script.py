"""A script's bytes, read once, so that name, digest and code belong together; and its tree."""

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
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol, Sequence, Tuple, TypeVar, Union

import attrs

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.analysis.syntax import PARSED_AS
from flowpack.exceptions import (
    DiscoveryError,
    MissingFlowError,
    UnspecifiedFlowError,
    printable,
    quoted,
    suggestion,
)

if TYPE_CHECKING:
    from flowpack.analysis.values import Scope

#: Longest script that is read, in bytes.
SIZE_LIMIT = 100 * 1024 * 1024

_PARSER = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
_TOO_DEEP = f"it is nested too deeply for {_PARSER} to read"


# Without slots, for the cached properties.
@attrs.frozen(slots=False)
class Script:
    """The bytes of a Python script; its *name* is a path or URL for people to read."""

    content: bytes = attrs.field(repr=False)
    name: str
    path: Optional[str] = None  # Absolute; None where there is no file.
    # In a project: the dotted name of the module, and what gives the Scope of each of them.
    module: Optional[str] = attrs.field(default=None, repr=False)
    resolve: Optional[Callable[[str], Any]] = attrs.field(default=None, eq=False, repr=False)

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
            raise DiscoveryError(printable(path), f"{reason(exc)}; give a script") from exc
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
        except (RecursionError, MemoryError) as exc:
            raise DiscoveryError(self.name, _TOO_DEEP) from exc
        except Exception as exc:
            # What a parser raises on odd bytes and codecs differs between releases.
            problem = f"{_PARSER} cannot read it: {printable(getattr(exc, 'msg', exc))}"
            raise DiscoveryError(self.at(getattr(exc, "lineno", None)), problem) from exc

    @functools.cached_property
    def scope(self) -> Scope:
        """What the names of the module stand for when it has run; raises as :attr:`tree`."""
        shared = self.resolve(self.module) if self.resolve and self.module else None
        return shared or self.read_scope()  # Modules that import this one see the same classes.

    def read_scope(self, statements: Optional[dict[ast.AST, Scope]] = None) -> Scope:
        """Read the scope anew; fill *statements* with the scope that each statement is in.

        With *statements*, which are for what is likely and not for what is certain, the bodies
        of functions are read as well, and ``__file__`` is known.
        """
        # Imported here because it is slow to load.
        from flowpack.analysis.scopes import read_module
        from flowpack.analysis.values import Scope

        tree, scope = self.tree, Scope(resolve=self.resolve, statements=statements)
        if self.module is not None:
            parent, is_package = self.module.rpartition(".")[0], self.filename == "__init__.py"
            scope.names["__package__"] = self.module if is_package else parent
        if self.path is not None and statements is not None:
            scope.names["__file__"] = self.path
        return read_module(tree, scope)

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
    longest = depth = 0
    links = [0]  # So many for each bracket that is open, outermost first; *depth* is their sum.
    if _count_links(source) <= CHAIN_LIMIT:
        return _count_links(source)
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


# --- which of several flows a name means -------------------------------------------------

#: So many names are listed in a message, and so many characters of each.
_LISTED = 20
_SHOWN = 60
_WHAT_IS_A_FLOW = (
    "a flow is a function at module level, outside of if __name__ == '__main__', under @flow"
    " from prefect or flowpack"
)


class Candidate(Protocol):
    """What can be chosen: a flow found in a source, or a loaded one."""

    @property
    def name(self) -> Optional[str]:
        """The flow's name; None where it is not known."""

    @property
    def function(self) -> str:
        """The name of its function."""

    @property
    def variables(self) -> Tuple[str, ...]:
        """The module-level names that it is bound to."""


Chosen = TypeVar("Chosen", bound=Candidate)


def choose(candidates: Sequence[Chosen], name: Optional[str], where: str) -> Chosen:
    """Return the one of *candidates* that *name* means, or the only one if it is None.

    That is a flow's name, the module-level name that it is bound to, or its function's; *where*
    is the script, for messages.

    Raises:
        UnspecifiedFlowError: Several are meant.
        MissingFlowError: None is.
    """
    # The function's name may be that of another flow: y = x.with_options(...).
    taken = any(name in each.variables for each in candidates)
    meant = [
        each
        for each in candidates
        if name in (None, each.name, *each.variables) or (name == each.function and not taken)
    ]
    if name is not None and len({each.name for each in meant}) == 1:  # Variables decide.
        meant = [each for each in meant if name in each.variables] or meant
    if len(meant) > 1:
        text = f"it has {len(meant)} flows; say which: {_listed(meant)}"
        if name is not None:
            text = f"{quoted(name)} means {len(meant)} flows: {_listed(meant)}. Use a name that"
            text += " only one of them has"
        raise UnspecifiedFlowError(where, text)
    if not meant:
        what = f"it defines no flow {quoted(name)}" if name else "it defines no flow"
        known = [(each.name or "", each.function, *each.variables) for each in candidates]
        what += suggestion(name or "", [each for names in known for each in names])
        there = f"its flows are {_listed(candidates)}" if candidates else _WHAT_IS_A_FLOW
        raise MissingFlowError(where, f"{what}; {there}")
    return meant[0]


def _listed(candidates: Sequence[Candidate]) -> str:
    names = sorted(map(_shown, candidates))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _shown(candidate: Candidate) -> str:
    variables = "/".join(candidate.variables)
    if candidate.name is None:
        return f"the flow bound to {printable(variables, _SHOWN)}"
    shown = quoted(candidate.name, _SHOWN)
    if candidate.name in (variables, variables.replace("_", "-")):
        return shown
    return f"{shown} ({printable(variables, _SHOWN)})"
