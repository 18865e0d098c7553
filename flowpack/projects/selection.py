"""The files of a project: where it begins, which are never taken, and reading them."""

from __future__ import annotations

import errno
import os
import re
import subprocess
from typing import Dict, Iterable, Iterator, List, Mapping, Tuple

import attrs

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.exceptions import ProjectError, printable, quoted

#: Largest sum of all files, in bytes, unless another is given.
SIZE_LIMIT = 10 * 1024 * 1024

_MARKS = ("pyproject.toml", "setup.cfg", "setup.py", "prefect.yaml", ".git")
_NEVER = re.compile(
    r"(\.git|\.hg|\.svn|\.venv|venv|\.env(\..*)?|\.envrc|\.netrc|\.pypirc"
    r"|__pycache__|.*\.py[cod]|node_modules|\.tox|\.nox|\.(mypy|pytest|ruff)_cache"
    r"|\.ipynb_checkpoints|\.DS_Store|.*\.egg-info|\.eggs|id_[a-z0-9]+|.*\.pem)\Z"
)
_MAGIC = re.compile(r"[*?[]")


def find_root(script: str) -> str:
    """Return the nearest folder above *script* that looks like a project's."""
    folder = start = os.path.dirname(os.path.abspath(script))
    while True:
        if any(os.path.lexists(os.path.join(folder, mark)) for mark in _MARKS):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return start
        folder = parent


@attrs.frozen
class Patterns:
    """What ``include`` and ``exclude`` say, relative to the root.

    ``*`` and ``?`` stay inside a folder, ``**`` does not. A folder that is named
    without them, or with ``/`` at its end, is all in it.
    """

    include: Tuple[str, ...] = ()
    exclude: Tuple[str, ...] = ()

    def excluded(self, path: str) -> bool:
        """Say whether *path* is kept out by name or by ``exclude``."""
        return any(map(_NEVER.match, path.split("/"))) or any(
            matches(pattern, path) for pattern in self.exclude
        )

    def included(self, root: str) -> Iterator[Tuple[str, str]]:
        """Yield each path that ``include`` names, and the pattern that does.

        Raises:
            ProjectError: A pattern fits no file, or git cannot be asked.
        """
        listed: List[str] = []
        if any(not _is_file(root, pattern) for pattern in self.include):
            listed = sorted(list_files(root))
        for pattern in self.include:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise ProjectError(f"include {quoted(pattern)} leads out of the project")
            if _is_file(root, pattern):
                yield pattern, pattern  # Named as it is, so git's rules do not count.
                continue
            fit = [path for path in listed if matches(pattern, path)]
            taken = [path for path in fit if not self.excluded(path)]
            if not taken:
                why = "is kept out of all" if fit else "fits no file"
                raise ProjectError(
                    f"include {quoted(pattern)} {why} under {printable(root)}; what git"
                    " ignores must be named without * and ?"
                )
            for path in taken:
                yield path, pattern


def _is_file(root: str, pattern: str) -> bool:
    return not _MAGIC.search(pattern) and os.path.isfile(os.path.join(root, pattern))


def matches(pattern: str, path: str) -> bool:
    """Say whether *path*, or a folder that it is in, is what *pattern* names."""
    text = ""
    for part in re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^]]+\]|.", pattern.strip("/"), re.S):
        if part == "**/":
            text += "(?:[^/]+/)*"
        elif part == "**":
            text += ".*"
        elif part == "*":
            text += "[^/]*"
        elif part == "?":
            text += "[^/]"
        elif part[0] == "[" and len(part) > 2:
            text += "[" + part[1:-1].replace("\\", r"\\").replace("!", "^", 1) + "]"
        else:
            text += re.escape(part)
    last = pattern.rstrip("/").rpartition("/")[2]
    is_folder = pattern.endswith("/") or not _MAGIC.search(last)
    return re.match(f"(?s:{text}){'(?:/|$)' if is_folder else '$'}", path) is not None


def list_files(root: str) -> Iterable[str]:
    """Return the paths of all files; in a git checkout, those git does not ignore.

    Only the .gitignore files count, so that every user of a checkout gets the same.
    """
    folder = root
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return walk(root)
        folder = parent
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "-C", root, "ls-files", "-zco", "--exclude-per-directory=.gitignore"]
    try:
        done = subprocess.run(command, env=env, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        said = getattr(exc, "stderr", b"").decode("utf-8", "replace").strip() or exc
        raise ProjectError(
            f"git cannot list the files under {printable(root)}: {printable(said, 300)};"
            " name each file in include without * and ? to do without it"
        ) from exc
    paths = [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]
    return {path for path in paths if os.path.isfile(os.path.join(root, path))}


def walk(root: str, under: str = "") -> Iterator[str]:
    """Yield the paths of the files that may be taken, relative to *root*."""
    for folder, folders, names in os.walk(os.path.join(root, under)):
        folders[:] = [name for name in folders if not _NEVER.match(name)]
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                yield os.path.relpath(path, root).replace(os.sep, "/")


@attrs.define
class Reader:
    """Reads files of a project, each once, up to a limit for all."""

    root: str
    limit: int = SIZE_LIMIT
    files: Dict[str, bytes] = attrs.field(factory=dict)

    def read(self, path: str) -> bytes:
        """Return the content of *path*, which is relative to the root.

        Raises:
            ProjectError: It is not a file of the project, or too much by now.
        """
        if path not in self.files:
            self._check_name(path)
            place = os.path.join(self.root, path)
            try:
                content = read_file(place, self.limit)
            except UNREADABLE as exc:
                if getattr(exc, "errno", None) == errno.EFBIG:
                    sizes = {path: os.path.getsize(place), **self._sizes()}
                    raise ProjectError(too_large(sizes, self.limit)) from exc
                raise ProjectError(f"{printable(path)}: {reason(exc)}") from exc
            self.files[path] = content
            sizes = self._sizes()
            if sum(sizes.values()) > self.limit:
                raise ProjectError(too_large(sizes, self.limit))
        return self.files[path]

    def _sizes(self) -> Dict[str, int]:
        return {path: len(content) for path, content in self.files.items()}

    def _check_name(self, path: str) -> None:
        where = os.path.realpath(os.path.join(self.root, path))
        if not where.startswith(os.path.join(os.path.realpath(self.root), "")):
            raise ProjectError(
                f"{quoted(path)} is a link that leads out of the project, to"
                f" {printable(where)}; copy the file, or choose a --root above both"
            )
        try:
            path.encode("utf-8")
        except UnicodeEncodeError as exc:
            raise ProjectError(f"the name {quoted(path)} is not UTF-8") from exc
        for known in self.files:
            if known.casefold() == path.casefold():
                raise ProjectError(f"{quoted(known)} and {quoted(path)} would be one file on macOS")


def too_large(sizes: Mapping[str, int], limit: int) -> str:
    """Return what to say of files that are larger than *limit* in sum."""
    largest = sorted(sizes, key=lambda path: (-sizes[path], path))[:3]
    told = ", ".join(f"{printable(path)} ({sizes[path]} bytes)" for path in largest)
    return (
        f"the project's files have more than {limit} bytes, the largest {told}; leave"
        " files out with --exclude, keep data elsewhere, or raise --size-limit"
    )
