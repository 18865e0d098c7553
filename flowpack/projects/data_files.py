"""Finds literals in code that name data files, which no import brings."""

from __future__ import annotations

import ast
import os
import re
from pathlib import PurePath
from typing import Collection, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import attrs

from flowpack.analysis.evaluate import read_value
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import source_of
from flowpack.analysis.values import path_of
from flowpack.exceptions import printable
from flowpack.projects.listing import never_taken
from flowpack.projects.selection import holds_secrets

#: Calls whose arguments are read, written and run; arguments that are folders or files.
_READING = re.compile(
    r"open|(.*_)?(read|load)(_.*)?|.*Loader|get_data|files|i?glob|iterdir|listdir"
)
_WRITING = re.compile(r"(to|write|save|dump)_?.*|mkdir|makedirs|touch|unlink|remove|rename")
_RUNNING = re.compile(r"run|Popen|call|check_.*|system|popen|.*[Ss]hell.*")
_NAMING = re.compile(r"(?!out|dest|save|log|target).*(dir|path|file|folder|template)s?")
#: Calls that are the path of their first argument, or of their owner.
_SAME = frozenset("Path PurePath PosixPath str fspath abspath realpath resolve absolute".split())
_JOIN = frozenset("join path.join os.path.join osp.join op.join".split())
_IN_PACKAGE = frozenset(
    "get_data PackageLoader read_text read_binary open_text open_binary".split()
)
_DATA = re.compile(
    r"(?i:[^ ]+\.(csv|tsv|jsonl?|geojson|ya?ml|toml|ini|cfg|conf|sql|txt|md|xml|xlsx?|html?|j2"
    r"|jinja2?|tmpl|template|parquet|feather|avro|pkl|pickle|joblib|np[yz]|db|sqlite3?|env|sh))"
)


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
        path = printable(self.path)
        if holds_secrets(self.path.rstrip("/")):
            text = f"{text} names {path}, which may hold secrets"
            return f"{text}: use blocks or environment variables; --include {path} takes it"
        return f"{text} names {path}; --include {path} takes it"


def data_file_hints(
    script: Script, root: str, folders: Sequence[str] = ("",), taken: Collection[str] = ()
) -> Tuple[Hint, ...]:
    """Return the data files and folders under *root* that *script* names and are not in *taken*.

    Names are relative to its own folder or to one of *folders*, which are relative to *root*.

    Raises:
        DiscoveryError: The script cannot be parsed.
    """
    own = os.path.dirname(os.path.join(root, script.path or script.name))
    bases = [own, *(os.path.join(root, folder) for folder in folders)]
    found: Dict[str, Hint] = {}
    for node, path, context in _Paths(script).found():
        words = path.split() if _RUNNING.fullmatch(context) else [path]
        for word in words:
            is_named = bool(_READING.fullmatch(context) or _NAMING.fullmatch(context))
            is_word = isinstance(node, ast.Constant) and "/" not in word and not is_named
            inner = _existing(word, root, bases, is_word)
            missing = inner is None and _READING.fullmatch(context) and _DATA.fullmatch(word)
            if missing and not os.path.isabs(word) and "://" not in word:
                found.setdefault(word, Hint(node.lineno, source_of(node)))
            is_new = inner and not any(
                each.startswith(inner) and not (each != inner and each.endswith(".py"))
                for each in taken
            )
            if inner and is_new:
                found.setdefault(inner, Hint(node.lineno, source_of(node), inner))
    return tuple(found.values())


def _existing(path: str, root: str, bases: Sequence[str], is_word: bool) -> Optional[str]:
    """Return the path, relative to *root*, of what *path* names; of a word only files."""
    path = re.sub(r"[^/]*[*?].*", "", path, flags=re.DOTALL)  # The folder of a glob.
    for base in bases if path.strip("./") and not re.search(r"[\0\n]|://|.{500}", path) else ():
        place = os.path.normpath(os.path.join(base, path))
        inner = os.path.relpath(place, root)
        if inner.startswith("..") or never_taken(root, inner):
            continue
        if os.path.isfile(place):
            return inner
        # A folder that code is in is no data.
        if os.path.isdir(place) and not is_word and not f"{bases[0]}/".startswith(f"{place}/"):
            return f"{inner}/"
    return None


class _Paths:
    """Reads the paths in a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.file = script.path or script.name
        # What names stand for that are assigned once.
        self.names: Dict[str, Union[ast.expr, str, None]] = {}
        for node in ast.walk(script.tree):
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                for target in getattr(node, "targets", [getattr(node, "target", None)]):
                    name = getattr(target, "id", "")
                    self.names[name] = None if name in self.names else node.value
        self.names["__file__"] = self.file

    def found(self) -> Iterator[Tuple[ast.expr, str, str]]:
        """Yield each expression that is a path, the path, and the call or argument it is in."""
        waiting: List[Tuple[ast.AST, str]] = [(self.script.tree, "")]
        while waiting:
            node, context = waiting.pop()
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue  # A docstring.
            path = self.path(node) if isinstance(node, ast.expr) else None
            if path is None and isinstance(node, ast.JoinedStr):
                start = node.values[0] if node.values else None
                path = self.path(start) if isinstance(start, ast.Constant) else None
                path = path and path[: path.rfind("/") + 1]
            if path is not None and isinstance(node, ast.expr):
                if not isinstance(node, ast.Name) or _READING.fullmatch(context):
                    yield node, path, context
                continue
            if isinstance(node, ast.Call):
                context = _called(node)
                if _WRITING.fullmatch(context) or _opens_to_write(node):
                    waiting.append((node.func, "") if context[:3] == "to_" else (ast.Pass(), ""))
                    continue
            if isinstance(node, ast.keyword) and _NAMING.fullmatch(node.arg or ""):
                context = context if _READING.fullmatch(context) else str(node.arg)
            waiting += [(child, context) for child in reversed(list(ast.iter_child_nodes(node)))]

    def path(self, node: Optional[ast.AST]) -> Optional[str]:
        """Return the path that *node* stands for; None if it is none, or not known."""
        try:
            return self._path(node)
        except RecursionError:
            return None

    def _path(self, node: Optional[ast.AST]) -> Optional[str]:
        if isinstance(node, ast.FormattedValue):
            return self._path(node.value)
        if isinstance(node, ast.JoinedStr):
            return self._join("", *node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
            return self._join("/" if isinstance(node.op, ast.Div) else "", node.left, node.right)
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            return self._above(node.value, 1)
        if isinstance(node, ast.Subscript) and getattr(node.value, "attr", "") == "parents":
            count = read_value(node.slice, self.script.scope)
            owner = getattr(node.value, "value", None)
            return self._above(owner, count + 1) if isinstance(count, int) else None
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Name) and node.id in self.names:
            value, self.names[node.id] = self.names[node.id], None  # It may name itself.
            self.names[node.id] = self._path(value) if isinstance(value, ast.expr) else value
            return self.names[node.id]
        if not isinstance(node, (ast.Constant, ast.Name, ast.Attribute)):
            return None
        value = read_value(node, self.script.scope)
        return str(value) if isinstance(value, (str, PurePath)) else None

    def _call(self, node: ast.Call) -> Optional[str]:
        name, arguments = _called(node), node.args
        owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        if name == "files" and arguments:
            return self._package(arguments[0])
        if name in _IN_PACKAGE and len(arguments) == 2:
            return self._join("/", arguments[1], base=self._package(arguments[0]))
        if name in ("cwd", "getcwd"):
            return "."
        if name == "dirname" and arguments:
            return self._above(arguments[0], 1)
        if name == "joinpath" or source_of(node.func) in _JOIN:
            return self._join("/", *(owner if name == "joinpath" else []), *arguments)
        return self._join("/", *(arguments or owner)) if name in _SAME else None

    def _package(self, node: ast.expr) -> Optional[str]:
        """Return the folder of the package that *node* names or is."""
        if isinstance(node, ast.Name) and node.id in ("__name__", "__package__"):
            return os.path.dirname(self.file)
        value = read_value(node, self.script.scope)
        return (value if isinstance(value, str) else path_of(value)).replace(".", "/") or None

    def _above(self, node: Optional[ast.AST], count: int) -> Optional[str]:
        path = self._path(node)
        for _ in range(count if path else 0):
            path = os.path.dirname(path or "") or "."
        return path

    def _join(self, by: str, *nodes: ast.AST, base: Optional[str] = "") -> Optional[str]:
        path = base
        for node in nodes:
            part = self._path(node)
            if path is None or part is None:
                return None
            path = os.path.join(path, part) if by else path + part
        return path


def _called(node: ast.Call) -> str:
    """Return the last name of the function of a call."""
    return getattr(node.func, "attr", None) or getattr(node.func, "id", "")


def _opens_to_write(node: ast.Call) -> bool:
    given = node.args[1:2] if isinstance(node.func, ast.Name) else node.args[:2]
    given = given + [each.value for each in node.keywords if each.arg == "mode"]
    modes = [str(each.value) for each in given if isinstance(each, ast.Constant)]
    return _called(node) == "open" and any(re.fullmatch("[bt+]*[wax][bt+]*", m) for m in modes)
