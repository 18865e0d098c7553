"""Which files ``include`` and ``exclude`` select, beside those that imports bring."""

from __future__ import annotations

import functools
import glob
import os
import re
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import attrs

from flowpack._validators import at_least, is_list_of_texts, validator
from flowpack.exceptions import ProjectError, printable, quoted, suggestion
from flowpack.projects.listing import checkout, left_out, list_files, walk
from flowpack.projects.reader import SIZE_LIMIT

#: Where modules are looked for that are included by name.
_SEARCH_PATHS = ("", "src")
_WILDCARD = re.compile(r"[*?[]")
_LISTED = 5
#: So many names are compared with a pattern that matches nothing.
_COMPARED = 5_000

#: Files, and folders, whose name says that they hold secrets. Templates such as .env.example
#: are among them: nothing reads them at run time, and some are filled in.
_SECRET = re.compile(
    r"\.env.*|.*\.env|.*passw(or)?d.*|.*passphrase.*|.*credential.*|.*secret.*|.*htpasswd"
    r"|.*\.(pem|key|p8|p12|pfx|jks|keystore|ppk|kdbx|gpg|asc|ovpn|token|tfvars|tfstate)"
    r"|.*\.(tfvars|tfstate)\..*|id_(rsa|dsa|ecdsa|ed25519).*|.*(api|access|private|account).?key.*"
    r"|.*service.?account.*\.json|.*[-_.]key\.json|.*token\.(json|txt|pickle|ya?ml)|token|\.token"
    r"|[._]netrc|\.pypirc|\.npmrc|\.pgpass|\.my\.cnf|\.git-credentials|\.dockercfg|\.s3cfg|\.boto"
    r"|kubeconfig.*|\.databrickscfg|profiles\.toml|\.(aws|ssh|kube|azure|gnupg|docker|prefect)",
    re.IGNORECASE,
)
#: Of Python modules fewer: what is called tokens.py or secret_santa.py is code.
_SECRET_MODULE = re.compile(r".*passw(or)?d.*|credentials?.*|secrets?\.py|\.env.*", re.IGNORECASE)


def holds_secrets(path: str) -> bool:
    """Return True if the name of the file *path*, or of a folder in it, says that it is secret."""
    *folders, name = path.rstrip("/").split("/")
    rule = _SECRET_MODULE if name.endswith((".py", ".pyi")) else _SECRET
    return any(rule.fullmatch(each) for each in (*folders, name))


_MARKS = ("pyproject.toml", "setup.cfg", "setup.py", "prefect.yaml", ".git")


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
class SelectedFiles:
    """What is selected in a project.

    Attributes:
        patterns: The pattern of ``include`` that brings a file, by path relative to the root; the
            path of a folder that is empty ends in ``/``.
        notes: What users should know, one sentence each.
    """

    patterns: Dict[str, str]
    notes: Tuple[str, ...]


def _check_patterns(instance: object, field: attrs.Attribute[object], value: Iterable[str]) -> None:
    for pattern in value:
        parts = pattern.replace("\\", "/").split("/")
        if parts[0] in ("", "~") or parts[0].endswith(":") or ".." in parts or "\0" in pattern:
            raise ProjectError(
                f"{field.name} {quoted(pattern)} leads out of the project; write a path relative"
                " to its root, without '..'"
            )


def _pattern_field() -> Any:
    checks = [validator(is_list_of_texts), _check_patterns]
    return attrs.field(default=(), converter=_to_tuple, validator=checks)


def _to_tuple(value: Iterable[str]) -> Tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen
class Selection:
    """Which files a project takes beside those that imports bring.

    A pattern is a path relative to the root, in which ``*``, ``?`` and ``[...]`` stand for
    characters of a name and ``**`` for any folders; a folder, which stands for all that is in it;
    or the dotted name of a module or package. Wildcards match no name that begins with a dot.

    Attributes:
        include: Patterns of what is taken. A file that is named without wildcards is taken even
            if git ignores it or its name says that it holds secrets; others are not.
        exclude: Patterns of what is not taken though it is included.
        size_limit: Largest sum of all files, in bytes.

    Raises:
        ProjectError: A pattern leads out of the project.
        DeploymentValidationError: A value has the wrong type.
    """

    include: Tuple[str, ...] = _pattern_field()
    exclude: Tuple[str, ...] = _pattern_field()
    size_limit: int = attrs.field(default=SIZE_LIMIT, validator=validator(at_least(1, "bytes")))

    def excludes(self, path: str, search_paths: Sequence[str] = _SEARCH_PATHS) -> bool:
        """Return True if ``exclude`` names *path*, a file, or a folder that it is in."""
        names = path.rstrip("/").split("/")
        for text in self.exclude:
            patterns = [_Pattern.of(text)]
            if _is_module_name(text):
                for base in search_paths:
                    module = _join(base, text.replace(".", "/"))
                    patterns += [_Pattern.of(module), _Pattern.of(f"{module}.py")]
            if any(pattern.matches(names, hidden=True) for pattern in patterns):
                return True
        return False

    def select(self, root: str, search_paths: Sequence[str] = _SEARCH_PATHS) -> SelectedFiles:
        """Return the files under the folder *root* that are included and not excluded.

        Files are listed, and git is asked, only if a pattern has wildcards or is a folder; none
        is read. Modules are looked for in *search_paths*, folders relative to *root*.

        Raises:
            ProjectError: A pattern matches nothing, or git cannot be asked.
        """
        return _Selecting(self, root, search_paths).select()


@attrs.frozen
class _Pattern:
    parts: Tuple[str, ...]
    is_folder: bool  # It stands for all that is in the folder that it matches, too.

    @classmethod
    @functools.lru_cache(maxsize=1000)
    def of(cls, text: str) -> _Pattern:
        parts = _parts(text)
        return cls(parts, text.endswith("/") or not parts or not _WILDCARD.search(parts[-1]))

    def matches(self, names: Sequence[str], hidden: bool = False) -> bool:
        """Return True if it matches the path of *names*; *hidden* ones by wildcards, too."""
        return _match(self.parts, tuple(names), hidden, self.is_folder)

    def descends(self, names: Sequence[str]) -> bool:
        """Return True if it may match what is in the folder of *names*."""
        for count, (part, name) in enumerate(zip(self.parts, names)):
            if part == "**":
                named = any(each[0] == "." for each in self.parts[count:])
                return named or not any(each[0] == "." for each in names[count:])
            if not _match((part,), (name,), False, False):
                return False
        return self.is_folder or len(names) < len(self.parts)


def _match(parts: Tuple[str, ...], names: Tuple[str, ...], hidden: bool, within: bool) -> bool:
    if not parts:
        return within or not names
    part, rest = parts[0], parts[1:]
    if part == "**" and _match(rest, names, hidden, within):
        return True
    if not names or (names[0][0] == "." and part[0] in "*?[" and not hidden):
        return False
    if part == "**":
        return _match(parts, names[1:], hidden, within)
    return fnmatchcase(names[0], part) and _match(rest, names[1:], hidden, within)


@attrs.define
class _Selecting:
    """Selects in one project; what is listed is kept for all patterns."""

    selection: Selection
    root: str
    search_paths: Sequence[str]
    known: Dict[str, str] = attrs.field(factory=dict)
    listed: Optional[List[str]] = None

    def select(self) -> SelectedFiles:
        taken: Dict[str, str] = {}
        secret: Dict[str, None] = {}
        notes: List[str] = []
        named = {text: self._locate(text) for text in self.selection.include}
        for text, path in named.items():
            pattern = _Pattern.of(text if path is None else f"{glob.escape(path)}/")
            if path is not None:
                self._check_allowed(text, path)
            if path is not None and not os.path.isdir(os.path.join(self.root, path)):
                fit = [path]
            else:
                fit = [each for each in self._list(named) if _brings(pattern, each)]
            if not fit and path is not None and next(walk(self.root, path), None) is None:
                fit = [f"{path}/"]  # An empty folder.
            kept = [each for each in fit if not self.selection.excludes(each, self.search_paths)]
            # What is in a folder that is named is judged by the rest of its path.
            start = 0 if path is None else len(path)
            left = [each for each in kept if holds_secrets(each[start:].strip("/"))]
            secret.update(dict.fromkeys(left))
            if len(left) == len(kept):
                raise ProjectError(f"include {quoted(text)} {self._reason(pattern, fit, kept)}")
            if path is not None and holds_secrets(path):
                notes.append(
                    f"{printable(path)} may hold secrets, and is stored as plain text; better use"
                    " a block or environment variables of the work pool"
                )
            for each in kept:
                if each not in left:
                    taken.setdefault(each, text)
        if not set(secret) <= set(taken):
            shown = _shown(each for each in secret if each not in taken)
            notes.append(
                f"left out because they may hold secrets: {shown}; one that is included by its"
                " name, without wildcards, is taken"
            )
        return SelectedFiles(taken, tuple(notes))

    def _locate(self, text: str) -> Optional[str]:
        """Return the path of the file or folder that *text* names without wildcards, if any."""
        path = "/".join(_parts(text))
        if not re.search(r"[*?]", text) and os.path.lexists(os.path.join(self.root, path)):
            return path
        for base in self.search_paths if _is_module_name(text) else ():
            module = _join(base, text.replace(".", "/"))
            for each in (module, f"{module}.py"):
                if os.path.lexists(os.path.join(self.root, each)):
                    return each
        return None

    def _check_allowed(self, text: str, path: str) -> None:
        never = left_out(self.root, path, self.known) if path else ""
        if never:
            raise ProjectError(
                f"include {quoted(text)} cannot be taken: {printable(never)} is a virtual"
                " environment, a cache or the history of version control"
            )

    def _list(self, named: Dict[str, Optional[str]]) -> List[str]:
        if self.listed is None:
            patterns = [
                _Pattern.of(text if path is None else f"{glob.escape(path)}/")
                for text, path in named.items()
            ]
            self.listed = list_files(
                self.root, lambda path: any(each.descends(path.split("/")) for each in patterns)
            )
        return self.listed

    def _reason(self, pattern: _Pattern, fit: List[str], kept: List[str]) -> str:
        """Return why *pattern* brings nothing, and what to do."""
        if kept:
            return (
                f"matches only what may hold secrets ({_shown(kept)}), which must be named one"
                " by one, without wildcards"
            )
        if fit:
            return f"brings nothing, for exclude takes away all of it ({_shown(fit)})"
        found = walk(self.root, "", lambda path: pattern.descends(path.split("/")))
        ignored = [path for path in found if _brings(pattern, path)]
        if ignored and checkout(self.root):
            return (
                f"matches only what git ignores ({_shown(ignored)}); name each file without"
                " wildcards to take it"
            )
        return f"matches no file under {printable(self.root)}{self._near(pattern)}"

    def _near(self, pattern: _Pattern) -> str:
        """Return the names of files, folders and patterns that *pattern* may mean."""
        names: Dict[str, None] = {}
        for path in walk(self.root):
            folder, _, name = path.rpartition("/")
            kind = f"*{os.path.splitext(name)[1]}"
            module = path[:-3].replace("/", ".") if name.endswith(".py") else path
            names.update(dict.fromkeys((path, module, f"{folder}/", _join(folder, kind))))
            if len(names) > _COMPARED:
                break
        return suggestion("/".join(pattern.parts), names, 3)


def _brings(pattern: _Pattern, path: str) -> bool:
    """Return True if *pattern* brings *path*, or reads in it: a link out of the project."""
    names = path.rstrip("/").split("/")
    return pattern.descends(names) if path.endswith("/") else pattern.matches(names)


def _parts(text: str) -> Tuple[str, ...]:
    return tuple(part for part in text.split("/") if part not in ("", "."))


def _is_module_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _shown(paths: Iterable[str]) -> str:
    listed = list(paths)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(printable(path, 100) for path in listed[:_LISTED]) + more
