"""Which files ``include`` and ``exclude`` select, beside those that imports bring."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase, translate
from glob import escape
from os.path import isdir, lexists
from posixpath import join
from typing import Any, Dict, List, Optional, Sequence, Tuple

import attrs

from flowpack._validators import at_least, is_list_of_texts, validator
from flowpack.exceptions import ProjectError, printable, quoted, suggestion
from flowpack.projects.listing import list_files, never_taken, walk
from flowpack.projects.reader import SIZE_LIMIT

_BY_NAME = "name each without wildcards to take it"
#: Where modules are looked for that are included by name.
_SEARCH_PATHS = ("", "src")
#: Names of files and folders that hold secrets. Templates such as .env.example are among them:
#: no flow reads them, and people fill them in.
_SECRET = re.compile(
    r"(?i:\.env.*|.*\.env|.*(passw(or)?d|passphrase|credential|secret|vault.?pass|kubeconfig).*"
    r"|.*\.(pem|key|p8|p12|pfx|jks|keystore|ppk|kdbx|gpg|token|tf(vars|state)(\..*)?)"
    r"|id_(rsa|dsa|ecdsa|ed25519).*|.*((api|access|private).?key|service.?account).*"
    r"|(.*[-_.])?(key|token)(\.(json|txt|pickle|ya?ml))?|[._]netrc|\.(npm|pypi)rc|\.pgpass"
    r"|\.my\.cnf|\.git-credentials|\.dockercfg|\.s3cfg|\.boto|\.databrickscfg|profiles\.toml"
    r"|\.(aws|ssh|kube|azure|gnupg|docker|prefect))"
)
#: Of Python modules fewer, for most that are called tokens.py or secret_santa.py are code.
_SECRET_MODULE = re.compile(r"(?i:.*password.*|credentials.*|secrets\.py|\.env.*)")


def holds_secrets(path: str) -> bool:
    """Return True if the name of the file *path*, or of a folder in it, says that it is secret."""
    rule = _SECRET_MODULE if path.endswith((".py", ".pyi")) else _SECRET
    return any(map(rule.fullmatch, path.split("/")))


def _is_pattern(value: object) -> List[str]:
    problems = is_list_of_texts(value)
    for each in value if isinstance(value, tuple) and not problems else ():
        if re.search(r"^([/\\~]|\w:)|(^|[/\\])\.\.([/\\]|$)|\0", each):
            problems += [f"{quoted(each)} leads out of the project; write a path below its root"]
        try:
            re.compile(translate(each))
        except re.error as exc:
            problems += [f"{quoted(each)} is no pattern: {exc}"]
    return problems


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _pattern_field() -> Any:
    return attrs.field(default=(), converter=_as_tuple, validator=validator(_is_pattern))


@attrs.frozen
class SelectedFiles:
    """What is selected: the pattern that brings it by path, and *notes* for people.

    Paths are relative to the root; that of an empty folder ends in ``/``. *listed* are all files
    that git does not ignore, if it was asked.
    """

    patterns: Dict[str, str]
    notes: Tuple[str, ...]
    listed: Optional[Sequence[str]] = None


@attrs.frozen
class Selection:
    """Which files a project takes, beside those that imports bring.

    A pattern is a path relative to the root in which ``*``, ``?`` and ``[...]`` stand for
    characters of a name that does not begin with a dot, and ``**`` for folders with such names;
    or a folder, for all that is in it; or the dotted name of a module or package.

    Attributes:
        include: What is taken. What git ignores, or by its name may hold secrets, is taken only
            if it is named without wildcards.
        exclude: What is not taken though it is included.
        size_limit: Largest sum of all files, in bytes.

    Raises:
        DeploymentValidationError: A value is wrong, or a pattern leads out of the root.
    """

    include: Tuple[str, ...] = _pattern_field()
    exclude: Tuple[str, ...] = _pattern_field()
    size_limit: int = attrs.field(default=SIZE_LIMIT, validator=validator(at_least(1, "bytes")))

    def excludes(self, path: str, search_paths: Sequence[str] = _SEARCH_PATHS) -> bool:
        """Return True if ``exclude`` names *path*, or a folder or package that it is in."""
        within = [path[len(base) + 1 :] for base in search_paths if path.startswith(f"{base}/")]
        modules = [f"{re.sub('[.]py$', '', each).replace('/', '.')}." for each in (path, *within)]
        return any(
            _Pattern.of(text).matches(path.rstrip("/"), hidden=True)
            or any(module.startswith(f"{text}.") for module in modules)
            for text in self.exclude
        )

    def select(self, root: str, search_paths: Sequence[str] = _SEARCH_PATHS) -> SelectedFiles:
        """Return the files under the folder *root* that are included and not excluded.

        None is read; they are listed, and git is asked, if a pattern has wildcards or is a folder.
        Modules are looked for in *search_paths*, folders relative to the root.

        Raises:
            ProjectError: A pattern brings nothing, or the files cannot be listed.
        """
        located = {text: _locate(root, text, search_paths) for text in self.include}
        files = {each for each in located.values() if each and not isdir(join(root, each))}
        patterns = {text: _Pattern.of(text, path) for text, path in located.items()}
        listed: Sequence[str] = ()
        if set(located.values()) - files:
            listed = list_files(root, lambda path: any(p.matches(path) for p in patterns.values()))
        taken: Dict[str, str] = {}
        secret: Dict[str, None] = {}
        notes: List[str] = []
        for text, path in located.items():
            fit = [path] if path in files else [p for p in listed if patterns[text].matches(p)]
            if path and not fit and next(walk(root, path), None) is None:
                fit = [f"{path}/"]
            allowed = [each for each in fit if not never_taken(root, each.rstrip("/"))]
            kept = [each for each in allowed if not self.excludes(each, search_paths)]
            # What is in a folder that is named is judged by the rest of its path.
            start = len(path or "")
            left = {each: None for each in kept if holds_secrets(each[start:].strip("/"))}
            if len(left) == len(kept):
                problem = _describe_nothing(root, patterns[text], fit, allowed, kept)
                raise ProjectError(f"include {quoted(text)} {problem}")
            if path and holds_secrets(path):
                notes.append(
                    f"{printable(path)} may hold secrets, which all who read the package would see;"
                    " better use a block or environment variables"
                )
            secret.update(left)
            for each in (each for each in kept if each not in left):
                taken.setdefault(each, text)
        left_out = [each for each in secret if each not in taken]
        if left_out:
            notes.append(f"left out, for they may hold secrets: {_shown(left_out)}; {_BY_NAME}")
        return SelectedFiles(taken, tuple(notes))


@attrs.frozen
class _Pattern:
    parts: Tuple[str, ...]
    is_folder: bool  # Brings all that is in the folders that it matches.

    @classmethod
    def of(cls, text: str, folder: Optional[str] = None) -> _Pattern:
        text = text if folder is None else f"{escape(folder)}/"
        parts = tuple(part for part in text.split("/") if part not in ("", "."))
        return cls(parts, text[-1:] == "/" or not parts or not re.search(r"[*?[]", parts[-1]))

    def matches(self, path: str, hidden: bool = False) -> bool:
        """Return True if it matches *path*, or may match what is in it where that ends in ``/``."""
        names = path.rstrip("/").split("/")
        return self._match(self.parts, names, hidden, above=path.endswith("/"))

    def _match(self, parts: Sequence[str], names: Sequence[str], hidden: bool, above: bool) -> bool:
        if not names:
            return bool(parts or self.is_folder) if above else all(part == "**" for part in parts)
        if not parts:
            return self.is_folder
        part, name = parts[0], names[0]
        fits = hidden or name[0] != "." or part[0] not in "*?["
        if part != "**":
            fits = fits and fnmatchcase(name, part)
            return fits and self._match(parts[1:], names[1:], hidden, above)
        if self._match(parts[1:], names, hidden, above):
            return True
        is_last = parts[1:2] != ("**",)  # Of several in a row one is enough.
        return is_last and fits and self._match(parts, names[1:], hidden, above)


def _locate(root: str, text: str, search_paths: Sequence[str]) -> Optional[str]:
    """Return the path of the file or folder that *text* names without wildcards, if any."""
    ends = ["/".join(_Pattern.of(text).parts)] if not re.search(r"[*?]", text) else []
    if all(part.isidentifier() for part in text.split(".")):
        module = text.replace(".", "/")
        ends += [join(base, module + end) for base in search_paths for end in ("", ".py")]
    return next((each for each in ends if lexists(join(root, each))), None)


def _describe_nothing(
    root: str, pattern: _Pattern, fit: List[str], allowed: List[str], kept: List[str]
) -> str:
    """Return why a pattern brings nothing, and what to do."""
    if kept:
        return f"matches only what may hold secrets ({_shown(kept)}); {_BY_NAME}"
    if allowed:
        return f"brings nothing, for all that it matches is excluded ({_shown(allowed)})"
    if fit:
        return "matches only virtual environments, caches or git's own files"
    ignored = [path for path in walk(root, "", pattern.matches) if pattern.matches(path)]
    if ignored:
        return f"matches only what git ignores ({_shown(ignored)}); {_BY_NAME}"
    near: Dict[str, None] = {}
    for path, _ in zip(walk(root), range(5_000)):
        folder, name = os.path.split(path)
        kind = join(folder, f"*{os.path.splitext(name)[1]}")
        module = re.sub("[.]py$", "", path).replace("/", ".")
        near.update(dict.fromkeys((path, module, f"{folder}/", kind)))
    hint = suggestion("/".join(pattern.parts), near, 3)
    return f"matches no file under {printable(root)}{hint}"


def _shown(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return ", ".join(printable(path, 100) for path in paths[:5]) + more
