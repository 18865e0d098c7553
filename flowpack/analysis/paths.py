"""Paths that are made of ``__file__``, where it is known which file that is."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any, Callable, Dict, List

from flowpack.analysis.values import Attribute, Symbol

_ATTRIBUTES = "anchor name parent parents parts stem suffix".split()


def _absolute(path: Any) -> Any:
    """Return *path* with its links resolved; a relative one stays relative."""
    text = os.fspath(path)
    return type(path)(os.path.realpath(text) if os.path.isabs(text) else os.path.normpath(text))


#: What stands for the working folder, which only runs know.
_HERE = os.curdir
_FUNCTIONS: Dict[str, Callable[..., object]] = {
    "os.fspath": os.fspath,
    "os.getcwd": lambda: _HERE,
    "os.path.abspath": _absolute,
    "os.path.dirname": os.path.dirname,
    "os.path.normpath": os.path.normpath,
    "os.path.realpath": _absolute,
    "os.path.split": os.path.split,
    "pathlib.Path.cwd": lambda: Path(_HERE),
}
_METHODS: Dict[str, Callable[..., object]] = {
    **dict.fromkeys(("absolute", "resolve"), lambda path, **strict: _absolute(path)),
    "as_posix": PurePath.as_posix,
    "expanduser": lambda path: path,
    "joinpath": PurePath.joinpath,
    "with_name": PurePath.with_name,
}


def attribute_of(path: PurePath, name: str) -> object:
    """Return what the attribute *name* of *path* stands for."""
    if name not in _ATTRIBUTES:
        return Attribute(owner=path, name=name)
    value = getattr(path, name)
    return tuple(value) if name == "parents" else value


def call(function: object, arguments: List[Any], keywords: Dict[str, Any]) -> object:
    """Return what *function* makes of paths; None where it is none that does."""
    if isinstance(function, Attribute) and isinstance(function.owner, PurePath):
        method = _METHODS.get(function.name)
        return None if method is None else method(function.owner, *arguments, **keywords)
    made = _FUNCTIONS.get(function.name) if isinstance(function, Symbol) else None
    return None if made is None else made(*arguments, **keywords)
