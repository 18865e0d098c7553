"""Finds literals in code that name data files, which no import brings."""

from __future__ import annotations

import ast
import os
import re
import shlex
from itertools import islice
from pathlib import PurePath
from typing import Collection, Dict, Iterator, List, Optional, Sequence, Tuple

import attrs

from flowpack.analysis.evaluate import TOO_DEEP, read_value
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import source_of
from flowpack.analysis.values import Scope, path_of
from flowpack.exceptions import printable
from flowpack.projects.listing import never_taken, walk
from flowpack.projects.selection import holds_secrets

#: Calls whose arguments are read, written and run, and arguments that are paths.
_READING = re.compile(r"i?glob|open|(.*_)?(read|load)(_.*)?|.*Loader|get_data|files|.*dir")
_WRITING = re.compile(r"(to|write|save|dump)_?.*|mkdir|makedirs|touch|unlink|remove|rename")
_RUNNING = re.compile(r"run|Popen|call|check_.*|system|popen|.*[Ss]hell.*")
_NAMING = re.compile(r"(?!out|dest|save|log|target).*(dir|path|file|folder|template)s?")
_IN_PACKAGE = re.compile("files/1|(get_data|PackageLoader|(read|open)_(text|binary))/2")
_MODE = re.compile("[(,=] ?'[bt+]*[wax][bt+]*'")
_DATA = re.compile(
    r"(?i:(?!\.\./|/)[\w./@+-]+\.(csv|tsv|jsonl?|geojson|ya?ml|toml|ini|cfg|conf|sql|txt|md|xml"
    r"|xlsx?|html?|j2|jinja2?|tmpl|template|parquet|feather|avro|pkl|pickle|joblib|np[yz]|db|env))"
)
#: In so many files one is looked for by its name, those of tests aside.
_MOST, _TEST = 5_000, re.compile(r"(.*/)?tests?/")


@attrs.frozen
class Hint:
    """A path that code names and that is not in the package: its *line*, and *text* in the code.

    The *path* is relative to the root, with ``/`` at the end of a folder's; None if it is missing.
    """

    line: int
    text: str
    path: Optional[str] = None

    @property
    def advice(self) -> str:
        """What the code names, and what takes it into the package."""
        text = printable(self.text, 80)
        if self.path is None:
            return f"{text} looks like a data file, and is not in the project"
        path = shlex.quote(printable(self.path))
        if holds_secrets(self.path.rstrip("/")):
            text = f"{text} names {path}, which may hold secrets"
            return f"{text}: use blocks or environment variables; --include {path} takes it"
        return f"{text} names {path}; --include {path} takes it"


def data_file_hints(
    script: Script, root: str, folders: Sequence[str] = (), taken: Collection[str] = ()
) -> Tuple[Hint, ...]:
    """Return the data files and folders under *root* that *script* names and are not in *taken*.

    Names are relative to its own folder, to *root*, or to one of *folders* in it.

    Raises:
        DiscoveryError: The script cannot be parsed.
    """
    own = os.path.dirname(os.path.join(root, script.path or script.name))
    bases = [own, root, *(os.path.join(root, folder) for folder in folders)]
    hints: Dict[str, Hint] = {}
    files: List[str] = []
    for node, path, context in _Paths(script).found():
        is_read = _READING.fullmatch(context) is not None
        for word in path.split() if _RUNNING.fullmatch(context) else [path]:
            is_word = isinstance(node, ast.Constant) and "/" not in word
            is_word = is_word and not is_read and not _NAMING.fullmatch(context)
            inner = _existing(word, root, bases, is_word)
            if inner is None and _DATA.fullmatch(word):
                # Helpers of a project look for a name in a folder of their own.
                files = files or [
                    each for each in islice(walk(root), _MOST) if not _TEST.match(each)
                ]
                same = [each for each in files if f"/{each}".endswith(f"/{word}")]
                inner = same[0] if len(same) == 1 else None
            if inner is not None or (is_read and _DATA.fullmatch(word)):
                hints.setdefault(inner or word, Hint(node.lineno, source_of(node), inner))
    # Folders of modules are no data.
    return tuple(
        hint
        for hint in hints.values()
        if hint.path is None or not any(each.startswith(hint.path) for each in taken)
    )


def _existing(path: str, root: str, bases: Sequence[str], is_word: bool) -> Optional[str]:
    """Return the path, relative to *root*, of what *path* names; of a word only data."""
    if len(path) > 500 or "://" in path or re.search(r"[\0\n]", path):
        return None
    path = re.sub(r"[^/]*[*?].*", "", path)  # The folder of a glob.
    for base in bases if path.strip("./") else ():
        place = os.path.normpath(os.path.join(base, path))
        inner = os.path.relpath(place, root)
        if inner.startswith("..") or never_taken(root, inner):
            continue
        if os.path.isfile(place) and not (is_word and place.endswith(".py")):
            return inner
        # A folder that code is in is no data.
        if os.path.isdir(place) and not is_word and not f"{bases[0]}/".startswith(f"{place}/"):
            return f"{inner}/"
    return None


class _Paths:
    """Reads the paths in a script."""

    def __init__(self, script: Script) -> None:
        self.script, self.too_deep = script, 0
        self.scopes: Dict[ast.AST, Scope] = {}
        self.scope = script.read_scope(self.scopes)

    def found(self) -> Iterator[Tuple[ast.expr, str, str]]:
        """Yield each expression that is a path, the path, and the call or argument it is in."""
        waiting: List[Tuple[ast.AST, str, Scope]] = [(self.script.tree, "", self.scope)]
        while waiting:
            node, context, scope = waiting.pop()
            scope = self.scopes.get(node, scope)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue  # A docstring.
            path = self.path(node, scope)
            if path is None and isinstance(node, ast.JoinedStr) and node.values:
                start = getattr(node.values[0], "value", None)  # The folder that it begins with.
                path = start[: start.rfind("/") + 1] if isinstance(start, str) else None
            if path is not None and isinstance(node, ast.expr):
                if not isinstance(node, ast.Name) or _READING.fullmatch(context):
                    yield node, path, context
                continue
            children = list(ast.iter_child_nodes(node))
            if isinstance(node, ast.Call):
                context = _called(node)
                is_written = context == "open" and _MODE.search(source_of(node))
                if is_written or _WRITING.fullmatch(context):
                    children = [node.func] if context.startswith("to_") else []
            if isinstance(node, ast.keyword) and _NAMING.fullmatch(node.arg or ""):
                context = context if _READING.fullmatch(context) else str(node.arg)
            elif isinstance(node, ast.BinOp) and _READING.fullmatch(context):
                context = "path"  # Part of one.
            waiting += [(child, context, scope) for child in reversed(children)]

    def path(self, node: ast.AST, scope: Scope) -> Optional[str]:
        """Return the path that *node* is; None if it is none, or only running would tell."""
        try:
            # What is nested deeply would be followed from each of its levels.
            is_read = isinstance(node, ast.Constant) or self.too_deep < 10
            return self._path(node, scope) if is_read and isinstance(node, ast.expr) else None
        except RecursionError:
            self.too_deep += 1
            return None

    def _path(self, node: ast.expr, scope: Scope) -> Optional[str]:
        parts: List[Optional[str]] = []
        name = _called(node) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            parts = [self._path(each, scope) for each in (node.left, node.right)]
        elif isinstance(node, ast.Call) and name == "joinpath":
            owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            parts = [self._path(each, scope) for each in (*owner, *node.args)]
        elif isinstance(node, ast.Call) and _IN_PACKAGE.fullmatch(f"{name}/{len(node.args)}"):
            rest = [self._path(each, scope) for each in node.args[1:]]
            parts = [self.package(node.args[0], scope), *rest]
        elif name in ("cwd", "getcwd"):
            parts = ["."]
        else:
            value = read_value(node, scope)
            if getattr(value, "why", "") == TOO_DEEP:
                raise RecursionError
            parts = [str(value)] if isinstance(value, (str, PurePath)) else []
        known = [each for each in parts if each is not None]
        return os.path.join(*known) if known and len(known) == len(parts) else None

    def package(self, node: ast.expr, scope: Scope) -> str:
        """Return the folder of the package that *node* names, or is."""
        if isinstance(node, ast.Name) and node.id in ("__name__", "__package__"):
            return os.path.dirname(self.script.path or self.script.name)
        value = read_value(node, scope)
        return (value if isinstance(value, str) else path_of(value)).replace(".", "/")


def _called(node: ast.Call) -> str:
    """Return the last name of the function of a call."""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))
