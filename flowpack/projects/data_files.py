"""Finds literals in code that name files of the project, which no import brings."""

from __future__ import annotations

import ast
import os
import re
import shlex
from typing import Collection, Dict, Iterator, List, Optional, Sequence, Tuple, Type

from flowpack.analysis.evaluate import TOO_DEEP, read_value
from flowpack.analysis.script import Script
from flowpack.analysis.syntax import source_of
from flowpack.analysis.values import Scope, path_of
from flowpack.exceptions import printable
from flowpack.projects.listing import never_taken
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


def data_file_hints(
    script: Script, root: str, folders: Sequence[str] = (), taken: Collection[str] = ()
) -> Dict[str, str]:
    """Return the files under *root* that *script* names and that are not in *taken*.

    By the path of each, which ends in ``/`` for a folder, it is where it is named, and what takes
    it. Names in the code are relative to the folder of *script*, to *root*, to one of *folders*
    in it, or to a package there whose data files are read.

    Raises:
        DiscoveryError: The script cannot be parsed.
    """
    own = os.path.dirname(os.path.join(root, script.path or script.name))
    bases = [os.path.join(root, folder) for folder in ("", *folders)]
    scope = script.read_scope(lambda statement, scope: None)  # For who watches it has __file__.
    packages = [os.path.join(base, each) for each in _packages(script, scope) for base in bases]
    hints: Dict[str, str] = {}
    for node, path, context in _paths(script, scope):
        is_command = _RUNNING.fullmatch(context) is not None
        is_named = bool(_READING.fullmatch(context) or _NAMING.fullmatch(context))
        for word in path.split() if is_command else [path]:
            is_path = is_named or not isinstance(node, ast.Constant) or "/" in word
            inner = _find_file(word, root, [own, *packages, *bases], is_path, is_command)
            # Folders of modules that are taken are no data.
            if inner is not None and not any(each.startswith(inner) for each in taken):
                shown, option = printable(source_of(node), 80), shlex.quote(printable(inner))
                hint = f"{script.name}:{node.lineno} {shown} names {option}; "
                if holds_secrets(inner.rstrip("/")):
                    hint += "it may hold secrets, so use blocks or environment variables; "
                hints.setdefault(inner, f"{hint}--include {option} takes it")
    return hints


def _find_file(
    path: str, root: str, bases: Sequence[str], is_path: bool, is_command: bool
) -> Optional[str]:
    """Return what *path* names in one of *bases*, relative to *root*; of a word only data."""
    if len(path) > 500 or "://" in path or re.search(r"[\0\n]", path):
        return None
    path = re.sub(r"[^/]*[*?].*", "", path)  # The folder of a glob.
    for base in bases if path.strip("./") else ():
        place = os.path.normpath(os.path.join(base, path))
        inner = os.path.relpath(place, root)
        if inner.startswith("..") or never_taken(root, inner):
            continue
        if os.path.isfile(place) and (is_path or is_command or not place.endswith(".py")):
            return inner
        # A folder that the script is in is no data.
        if os.path.isdir(place) and is_path and not f"{bases[0]}/".startswith(f"{place}/"):
            return f"{inner}/"
    return None


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
