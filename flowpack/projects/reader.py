"""Reads the files of a project: each once, none from outside, and not more than a limit."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from typing import Dict, Iterable, Mapping

import attrs

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.exceptions import ProjectError, printable, quoted
from flowpack.projects.listing import is_below

#: Largest sum of all files, in bytes, unless another is given.
SIZE_LIMIT = 10 * 1024 * 1024

#: Control characters, and what ends lines; the same in all releases of Python.
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_LISTED = 3


@attrs.define
class FileReader:
    """Reads the files of the project in the folder *root*, of together at most *limit* bytes.

    Attributes:
        files: What was read, by path relative to the root; a folder that is empty has a path
            that ends in ``/``, and no bytes.
    """

    root: str
    limit: int = SIZE_LIMIT
    files: Dict[str, bytes] = attrs.field(factory=dict, repr=False)
    _spellings: Dict[str, str] = attrs.field(factory=dict, repr=False, init=False)
    _size: int = attrs.field(default=0, init=False)

    def read(self, path: str) -> bytes:
        """Return the content of *path*; it is read at the first call.

        Raises:
            ProjectError: It is no file of the project, cannot be stored under its name, changes
                while it is read, or is too large with all that is read already.
        """
        if path not in self.files:
            self._check_location(path)
            self.check_size([path])
            self.add(path, b"" if path.endswith("/") else self._content(path))
        return self.files[path]

    def add(self, path: str, content: bytes) -> None:
        """Take *content* for that of *path*.

        Raises:
            ProjectError: Nothing can be stored under that name beside the others.
        """
        self._check_name(path)
        self._size += len(content) - len(self.files.get(path, b""))
        self.files[path] = content

    def check_size(self, paths: Iterable[str]) -> None:
        """Raise ProjectError if *paths*, none of which need be read yet, are too large for all."""
        sizes = {path: self._stat(path).st_size for path in paths if path not in self.files}
        sizes = {path: size for path, size in sizes.items() if not path.endswith("/")}
        if sum(sizes.values()) + self._size > self.limit:
            sizes.update((path, len(content)) for path, content in self.files.items())
            raise ProjectError(_describe_excess(sizes, self.limit))

    def _stat(self, path: str) -> os.stat_result:
        try:
            return os.stat(os.path.join(self.root, path))
        except UNREADABLE as exc:
            is_link = os.path.islink(os.path.join(self.root, path))
            problem = "it is a link that leads to no file" if is_link else reason(exc)
            raise ProjectError(f"{quoted(path)}: {problem}") from exc

    def _content(self, path: str) -> bytes:
        before = self._stat(path)
        try:
            content = read_file(os.path.join(self.root, path), max(self.limit, before.st_size))
        except UNREADABLE as exc:
            problem = reason(exc).replace("it cannot be read: it is", "it is")
            raise ProjectError(f"{quoted(path)}: {problem}") from exc
        after = self._stat(path)
        if (len(content), before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise ProjectError(
                f"{quoted(path)} changed while it was read; try again when nothing writes to it,"
                " or exclude it"
            )
        return content

    def _check_location(self, path: str) -> None:
        real_root = os.path.realpath(self.root)
        try:
            real = os.path.realpath(os.path.join(real_root, path))
        except UNREADABLE as exc:
            raise ProjectError(f"{quoted(path)}: {reason(exc)}") from exc
        if not is_below(real, real_root):
            raise ProjectError(
                f"{quoted(path)} is a link that leads out of the project, to {printable(real)};"
                " copy what it leads to, exclude it, or give a root above both"
            )

    def _check_name(self, path: str) -> None:
        """Raise ProjectError for a name that would not be the same file everywhere."""
        try:
            path.encode("utf-8")
        except UnicodeEncodeError as exc:
            raise ProjectError(f"the name {quoted(path)} is not UTF-8; rename it") from exc
        if _CONTROL.search(path):
            raise ProjectError(f"the name {quoted(path)} holds control characters; rename it")
        parts = path.rstrip("/").split("/")
        for count in range(1, len(parts) + 1):
            part = "/".join(parts[:count])
            folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())
            other = self._spellings.setdefault(folded, part)
            if other != part:
                raise ProjectError(
                    f"{quoted(other)} and {quoted(part)} differ only in case or in how accents"
                    " are written, and are one on macOS; rename one, or exclude it"
                )


def format_size(size: int) -> str:
    """Return a number of bytes for people: ``3.2 MiB``."""
    amount, units = float(size), ["bytes", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{size} bytes" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"


def _describe_excess(sizes: Mapping[str, int], limit: int) -> str:
    folders: Counter[str] = Counter()
    for path, size in sizes.items():
        while "/" in path:
            path = path.rpartition("/")[0]
            folders[f"{path}/"] += size
    text = (
        f"the files have {format_size(sum(sizes.values()))} together, more than the limit of"
        f" {format_size(limit)}; the largest are {_largest(sizes)}"
    )
    text += f"; the largest folders {_largest(folders)}" if folders else ""
    return f"{text}. Exclude some, include less, or raise the size limit (--size-limit)"


def _largest(sizes: Mapping[str, int]) -> str:
    names = sorted(sizes, key=lambda name: (-sizes[name], name))[:_LISTED]
    return ", ".join(f"{printable(name, 100)} ({format_size(sizes[name])})" for name in names)
