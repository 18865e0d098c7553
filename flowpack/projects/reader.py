"""Reads the files of a project: each once, none from outside, no more than a limit."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from itertools import accumulate
from typing import Dict, Iterable, Mapping

import attrs

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.exceptions import ProjectError, printable, quoted

#: Largest sum of all files, in bytes, unless another is given.
SIZE_LIMIT = 10 * 1024 * 1024
#: The same in all releases of Python, unlike str.isprintable.
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


@attrs.define
class FileReader:
    """Reads the files of the project in the folder *root*, together at most *limit* bytes.

    What was read is in *files*, by path relative to the root; the path of a folder that is empty
    ends in ``/``, and has no bytes.
    """

    root: str
    limit: int = SIZE_LIMIT
    files: Dict[str, bytes] = attrs.field(factory=dict, repr=False)
    _spellings: Dict[str, str] = attrs.field(factory=dict, repr=False, init=False)
    _size: int = attrs.field(default=0, init=False)

    def read(self, path: str) -> bytes:
        """Return the content of *path*, read at the first call.

        Raises:
            ProjectError: It is no file of the project, has a name that cannot be kept, or makes
                all that is read too large.
        """
        if path not in self.files:
            self.check_size([path])
            try:
                is_file = not path.endswith("/")
                content = read_file(os.path.join(self.root, path), self.limit) if is_file else b""
            except UNREADABLE as exc:
                raise ProjectError(f"{quoted(path)}: {reason(exc)}") from exc
            self.add(path, content)
        return self.files[path]

    def add(self, path: str, content: bytes) -> None:
        """Take *content* for that of *path*; ProjectError for a name that cannot be kept."""
        try:
            path.encode("utf-8")
        except UnicodeEncodeError as exc:
            raise ProjectError(f"the name {quoted(path)} is not UTF-8; rename it") from exc
        if _CONTROL.search(path):
            raise ProjectError(f"the name {quoted(path)} has control characters; rename it")
        for part in accumulate(path.rstrip("/").split("/"), "{}/{}".format):
            folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())
            other = self._spellings.setdefault(folded, part)
            if other != part:
                raise ProjectError(
                    f"{quoted(other)} and {quoted(part)} differ only in case or in how accents"
                    " are encoded, and are the same on macOS; rename one, or exclude it"
                )
        self._size += len(content) - len(self.files.get(path, b""))
        self.files[path] = content

    def check_size(self, paths: Iterable[str]) -> None:
        """Raise ProjectError if *paths*, none of which need be read yet, are too large for all."""
        sizes = {path: self._size_of(path) for path in paths if path not in self.files}
        if sum(sizes.values()) + self._size > self.limit:
            sizes.update((path, len(content)) for path, content in self.files.items())
            folders: Counter[str] = Counter()
            for path, size in sizes.items():
                for folder in accumulate(path.split("/")[:-1], "{}/{}".format):
                    folders[f"{folder}/"] += size
            raise ProjectError(
                f"the project's files have {format_size(sum(sizes.values()))}, more than the limit"
                f" of {format_size(self.limit)}; the largest files are {_largest(sizes)}; the"
                f" largest folders are {_largest(folders) or 'none'}. Leave some out (--exclude),"
                " include less (--include), or raise the limit (--size-limit)"
            )

    def _size_of(self, path: str) -> int:
        place = os.path.join(self.root, path)
        try:
            real, real_root = os.path.realpath(place), os.path.realpath(self.root)
            if f"{real}/".startswith(f"{real_root.rstrip('/')}/"):
                return 0 if path.endswith("/") else os.stat(place).st_size
        except UNREADABLE as exc:
            raise ProjectError(f"{quoted(path)}: {reason(exc)}") from exc
        raise ProjectError(
            f"{quoted(path)} is a link that leads out of the project, to {printable(real)}; copy"
            " what it leads to, exclude it, or give a root above both"
        )


def format_size(size: float) -> str:
    """Return a number of bytes for people: ``3.2 MiB``."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _largest(sizes: Mapping[str, int]) -> str:
    names = sorted(sizes, key=lambda name: (-sizes[name], name))[:3]
    return ", ".join(f"{printable(name, 100)} ({format_size(sizes[name])})" for name in names)
