"""Finds literals in code that name files of the project, which no import brings."""

from __future__ import annotations

import ast
import functools
import itertools
import os
import re
import shlex
from contextlib import suppress
from typing import Collection, Dict, Iterator, List, Optional, Sequence, Tuple, Type

from flowpack.analysis.evaluate import TOO_DEEP, read_value
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import source_of
from flowpack.analysis.values import Scope, path_of
from flowpack.exceptions import ProjectError, printable
from flowpack.projects.listing import never_taken, walk
from flowpack.projects.selection import holds_secrets

#: Calls whose arguments are read, written and run, and arguments that are paths.
_READING = re.compile(r"i?glob|open|(.*_)?(read|load)(_.*)?|.*Loader|.*dir")
_WRITING = re.compile(r"(to|write|save|dump)_?.*|mkdir|makedirs|touch|unlink|remove|rename")
_RUNNING = re.compile(r"run|Popen|call|check_.*|system|popen|.*[Ss]hell.*")
_NAMING = re.compile(r"(?!out|dest|save|log|target).*(dir|path|file|folder|template)s?")
_MODE = re.compile("[(,=] ?'[bt+]*[wax][bt+]*'")
#: Calls whose first argument is a package in which the others are files.
_IN_PACKAGE = re.compile("files|get_data|PackageLoader|(read|open)_(text|binary)")
_JOINING = ("join", "joinpath")
#: In so many files one is looked for by its name.
_MOST = 5_000


class DataFiles:
    """Finds files under the folder *root* that code names, and that are not in *taken*.

    Names in code are relative to the folder of the script, to a package whose data files it
    reads, to *root* or one of *folders* in it; or end the path of one file alone.

    Attributes:
        hints: By the path of each, with ``/`` at the end of a folder's: where it is named first,
            and what takes it.
    """

    def __init__(self, root: str, folders: Sequence[str], taken: Collection[str]) -> None:
        self._root, self._taken = root, taken
        self._bases = [os.path.join(root, folder) for folder in ("", *folders)]
        self.hints: Dict[str, str] = {}

    def find(self, script: Script) -> None:
        """Add what *script* names; DiscoveryError if it cannot be parsed."""
        scope = script.read_scope({})  # With statements __file__ is known.
        own = os.path.dirname(os.path.join(self._root, script.path or script.name))
        packages = [
            os.path.join(base, each) for each in _packages(script, scope) for base in self._bases
        ]
        for node, path, context in _paths(script, scope):
            is_command = _RUNNING.fullmatch(context) is not None
            is_named = bool(_READING.fullmatch(context) or _NAMING.fullmatch(context))
            for word in path.split() if is_command else [path]:
                is_path = is_named or not isinstance(node, ast.Constant) or "/" in word
                file = self._file(word, [own, *packages, *self._bases], is_path, is_command)
                # Folders of modules that are taken are no data.
                if file and not any(each.startswith(file) for each in self._taken):
                    shown, option = printable(source_of(node), 80), shlex.quote(printable(file))
                    hint = f"{script.name}:{node.lineno} {shown} names {option}; "
                    if holds_secrets(file.rstrip("/")):
                        hint += "it may hold secrets, so use blocks or environment variables; "
                    self.hints.setdefault(file, f"{hint}--include {option} takes it")

    def _file(self, path: str, bases: List[str], is_path: bool, is_command: bool) -> Optional[str]:
        """Return the path of what *path* names, relative to the root; of a word only data."""
        path = re.sub(r"[^/]*[*?].*", "", path)  # The folder of a glob.
        if len(path) > 500 or re.search(r"[\0\n]|://", path) or not path.strip("./"):
            return None
        for place in (os.path.normpath(os.path.join(base, path)) for base in bases):
            inner = os.path.relpath(place, self._root)
            if inner.startswith("..") or never_taken(self._root, inner):
                continue
            if os.path.isfile(place) and (is_path or is_command or not place.endswith(".py")):
                return inner
            # A folder that the script is in is no data.
            if os.path.isdir(place) and is_path and not f"{bases[0]}/".startswith(f"{place}/"):
                return f"{inner}/"
        # Helpers of a project look for a name in a folder of their own.
        same = [each for each in self._listed if f"/{each}".endswith(f"/{path}")]
        return same[0] if len(same) == 1 and not path.endswith(".py") else None

    @functools.cached_property
    def _listed(self) -> List[str]:
        with suppress(ProjectError):  # A folder cannot be read.
            return list(itertools.islice(walk(self._root), _MOST))
        return []


def _packages(script: Script, scope: Scope) -> Iterator[str]:
    """Yield the folders of the packages whose data files *script* reads."""
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Call) and node.args and _IN_PACKAGE.fullmatch(_called(node)):
            value = read_value(node.args[0], scope)
            yield (value if isinstance(value, str) else path_of(value)).replace(".", "/")


def _paths(script: Script, scope: Scope) -> Iterator[Tuple[ast.expr, str, str]]:
    """Yield each expression that may be a path, the path, and the call or argument it is in."""
    waiting: List[Tuple[ast.AST, str]] = [(script.tree, "")]
    read: Type[ast.expr] = ast.expr
    while waiting:
        node, context = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # A docstring.
        is_read = _READING.fullmatch(context) is not None
        if isinstance(node, read) and (is_read or not isinstance(node, ast.Name)):
            path = None
            try:
                path = _path(node, scope)
            except RecursionError:  # What is nested deeply would be followed from each level.
                read = ast.Constant
            if path is not None:
                yield node, path, context
                continue
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Call):
            context = _called(node)
            is_written = context == "open" and _MODE.search(source_of(node))
            if is_written or _WRITING.fullmatch(context):
                children = [node.func] if context.startswith("to_") else []
        elif isinstance(node, ast.keyword) and _NAMING.fullmatch(node.arg or "") and not is_read:
            context = str(node.arg)
        waiting += [(child, context) for child in reversed(children)]


def _path(node: ast.expr, scope: Scope) -> Optional[str]:
    """Return the path that *node* is, or its end that is known; None if it is none."""
    value = read_value(node, scope)
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if getattr(value, "why", "") == TOO_DEEP:
        raise RecursionError
    if isinstance(node, ast.JoinedStr) and node.values:
        start = getattr(node.values[0], "value", None)  # The folder that it begins with.
        return start[: start.rfind("/") + 1] if isinstance(start, str) else None
    parts: List[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Call) and _called(node) in _JOINING:
        parts = node.args
    end: List[str] = []
    for part in reversed(parts):
        path = _path(part, scope)
        if path is None:
            break
        end.insert(0, path)
    return os.path.join(*end) if end else None


def _called(node: ast.Call) -> str:
    """Return the last name of the function of a call."""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))
