"""Finds literals in code that name files of the project, which no import brings."""

from __future__ import annotations

import ast
import functools
import itertools
import os
import re
import shlex
from collections import defaultdict
from contextlib import suppress
from typing import Collection, Dict, Iterator, List, Optional, Sequence, Tuple, Type

from flowpack.analysis.evaluate import TOO_DEEP, read_value
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import source_of
from flowpack.exceptions import ProjectError, printable
from flowpack.projects.listing import never_taken, walk
from flowpack.projects.selection import holds_secrets

#: Calls whose arguments are read, written and run, and arguments that are paths.
_READING = re.compile(r"i?glob|open|(.*_)?(read|load)(_.*)?|.*Loader|.*dir")
_WRITING = re.compile(r"(to|write|save|dump)_?.*|mkdir|makedirs|touch|unlink|remove|rename")
_RUNNING = re.compile(r"run(_.*)?|Popen|call|check_.*|create_.*|system|popen|.*[Ss]hell.*")
_NAMING = re.compile(r"(?!out|dest|save|log|target).*(dir|path|file|folder|template)s?")
_MODE = re.compile("[(,=] ?'[bt+]*[wax][bt+]*'")
#: Where nothing of this is written, no literal is a path: most modules are not read for them.
_MENTIONED = re.compile(
    rb"""(?<!['"])(['"])(?!\1)[^'"\n]*[./][^'"\n]*\1|__file__|Loader|open|glob|_dir\b|_path\b"""
)
#: In so many files one is looked for by its name.
_MOST = 5_000


class DataFiles:
    """Finds files under the folder *root* that code names, and that are not in *taken*.

    Names are relative to the folder of the script, to *root*, or to one of *folders* in it; or
    they end the path of one file alone, for helpers look for them in folders of their own.

    Attributes:
        hints: By the path of each, with ``/`` at the end of a folder's: where it is named first,
            and what stores it.
    """

    def __init__(self, root: str, folders: Sequence[str], taken: Collection[str]) -> None:
        self._root, self._folders, self._taken = root, ("", *folders), taken
        self.hints: Dict[str, str] = {}

    def find(self, script: Script) -> None:
        """Add what *script* names; DiscoveryError if it cannot be parsed."""
        if _MENTIONED.search(script.content) is None:
            return
        own = os.path.dirname(os.path.join(self._root, script.path or script.name))
        for node, path, context in _paths(script):
            is_command = _RUNNING.fullmatch(context) is not None
            is_named = bool(_READING.fullmatch(context) or _NAMING.fullmatch(context))
            words = path.split() if is_command else [path]
            words += [f"{each.replace('.', '/')}.py" for each in words if is_command]  # python -m
            for word in words:
                is_path = is_named or not isinstance(node, ast.Constant) or "/" in word
                file = self._locate(word, own, is_path, is_command)
                # Folders of modules that are taken are no data.
                if file and not any(each.startswith(file) for each in self._taken):
                    kind, shown = "folder" if file.endswith("/") else "file", printable(file)
                    where = f"{script.name}:{node.lineno} names the {kind} {shown}"
                    hint = f"{where}, which is not stored"
                    if holds_secrets(file.rstrip("/")):
                        hint += "; it may hold secrets, so use blocks or environment variables"
                    hint += f"; --include {shlex.quote(shown)} stores it"
                    self.hints.setdefault(file, hint)

    def _locate(self, path: str, own: str, is_path: bool, is_command: bool) -> Optional[str]:
        """Return what *path* is, relative to the root; a word is data, no folder or module."""
        path = re.sub(r"[^/]*[*?].*", "", path)  # The folder of a glob.
        if len(path) > 500 or re.search(r"[\0\n]|://", path) or not path.strip("./"):
            return None
        for base in (own, *(os.path.join(self._root, each) for each in self._folders)):
            place = os.path.normpath(os.path.join(base, path))
            inner = os.path.relpath(place, self._root)
            if inner.startswith("..") or never_taken(self._root, inner):
                continue
            if os.path.isfile(place) and (is_path or is_command or not place.endswith(".py")):
                return inner
            # A folder that the script is in is no data.
            if os.path.isdir(place) and is_path and not f"{own}/".startswith(f"{place}/"):
                return f"{inner}/"
        names = self._by_name.get(os.path.basename(path), ()) if "." in path else ()
        same = [each for each in names if f"/{each}".endswith(f"/{path}")]
        return same[0] if len(same) == 1 and not path.endswith(".py") else None

    @functools.cached_property
    def _by_name(self) -> Dict[str, List[str]]:
        found: Dict[str, List[str]] = defaultdict(list)
        with suppress(ProjectError):  # A folder cannot be read.
            for path in itertools.islice(walk(self._root), _MOST):
                found[os.path.basename(path)].append(path)
        return found


def _paths(script: Script) -> Iterator[Tuple[ast.expr, str, str]]:
    """Yield each expression that may be a path, the path, and the call or argument it is in."""
    scope = script.read_scope({})  # For who watches it has __file__.
    waiting: List[Tuple[ast.AST, str]] = [(script.tree, "")]
    read: Type[ast.expr] = ast.expr
    while waiting:
        node, context = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # A docstring.
        is_read = _READING.fullmatch(context) is not None
        if isinstance(node, read) and (is_read or not isinstance(node, ast.Name)):
            value = read_value(node, scope)
            if isinstance(value, (str, os.PathLike)):
                yield node, os.fspath(value), context
                continue
            if getattr(value, "why", "") == TOO_DEEP:  # And would be so at each of its levels.
                read = ast.Constant
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Call):
            # The last name of the function.
            context = str(getattr(node.func, "attr", getattr(node.func, "id", "")))
            is_written = context == "open" and _MODE.search(source_of(node))
            if is_written or _WRITING.fullmatch(context):
                children = [node.func] if context.startswith("to_") else []
        elif isinstance(node, ast.keyword) and _NAMING.fullmatch(node.arg or "") and not is_read:
            context = str(node.arg)
        waiting += [(child, context) for child in reversed(children)]
