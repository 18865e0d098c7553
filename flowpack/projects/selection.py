"""Which files ``include`` and ``exclude`` select, beside those that imports bring."""

from __future__ import annotations

import glob
import os
import re
from fnmatch import fnmatchcase
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import attrs

from flowpack._validators import at_least, is_list_of_texts, validator
from flowpack.exceptions import ProjectError, printable, quoted, suggestion
from flowpack.projects.listing import list_files, never_taken, walk
from flowpack.projects.reader import SIZE_LIMIT

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
_SECRET_MODULE = re.compile(r"(?i:.*passw(or)?d.*|credentials?.*|secrets?\.py|\.env.*)")


def holds_secrets(path: str) -> bool:
    """Return True if the name of the file *path*, or of a folder in it, says that it is secret."""
    rule = _SECRET_MODULE if path.endswith((".py", ".pyi")) else _SECRET
    return any(map(rule.fullmatch, path.split("/")))


def _is_pattern(value: object) -> List[str]:
    problems = is_list_of_texts(value)
    for each in value if isinstance(value, tuple) and not problems else ():
        parts = each.replace("\\", "/").split("/")
        if parts[0] in ("", "~") or parts[0][1:] == ":" or ".." in parts or "\0" in each:
            problems += [f"{quoted(each)} leads out of the project; write a path below its root"]
    return problems


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _pattern_field() -> Any:
    return attrs.field(default=(), converter=_as_tuple, validator=validator(_is_pattern))


@attrs.frozen
class SelectedFiles:
    """What is selected: ``patterns``, the pattern that brings it by path, and ``notes`` for people.

    Paths are relative to the root; that of an empty folder ends in ``/``.
    """

    patterns: Dict[str, str]
    notes: Tuple[str, ...]


@attrs.frozen
class Selection:
    """Which files a project takes, beside those that imports bring.

    A pattern is a path relative to the root in which ``*``, ``?`` and ``[...]`` stand for
    characters of a name that does not begin with a dot, and ``**`` for such folders; or a folder,
    for all that is in it; or the dotted name of a module or package.

    Attributes:
        include: What is taken. Only what is named without wildcards is taken even if git ignores
            it or its name says that it holds secrets.
        exclude: What is not taken though it is included.
        size_limit: Largest sum of all files, in bytes.

    Raises:
        DeploymentValidationError: A value is wrong; a pattern must not lead out of the root.
    """

    include: Tuple[str, ...] = _pattern_field()
    exclude: Tuple[str, ...] = _pattern_field()
    size_limit: int = attrs.field(default=SIZE_LIMIT, validator=validator(at_least(1, "bytes")))

    def excludes(self, path: str, search_paths: Sequence[str] = _SEARCH_PATHS) -> bool:
        """Return True if ``exclude`` names *path*, or a folder or package that it is in."""
        within = [path[len(base) + 1 :] for base in search_paths if path.startswith(f"{base}/")]
        modules = [f"{re.sub('[.]py$', '', each).replace('/', '.')}." for each in (path, *within)]
        return any(
            _Pattern.of(text).matches(path, hidden=True)
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
        patterns = {
            text: _Pattern.of(text if path is None else f"{glob.escape(path)}/")
            for text, path in located.items()
        }
        listed: List[str] = []
        if any(
            path is None or os.path.isdir(os.path.join(root, path)) for path in located.values()
        ):
            listed = list_files(root, lambda path: any(p.reaches(path) for p in patterns.values()))
        taken: Dict[str, str] = {}
        secret: Dict[str, None] = {}
        notes: List[str] = []
        for text, pattern in patterns.items():
            path = located[text]
            fit = [each for each in listed if pattern.brings(each)]
            if path is not None and not os.path.isdir(os.path.join(root, path)):
                fit = [path]
            elif path and not fit and next(walk(root, path), None) is None:
                fit = [f"{path}/"]
            allowed = [each for each in fit if not never_taken(root, each.rstrip("/"))]
            kept = [each for each in allowed if not self.excludes(each, search_paths)]
            # What is in a folder that is named is judged by the rest of its path.
            start = 0 if path is None else len(path)
            left = [each for each in kept if holds_secrets(each[start:].strip("/"))]
            if len(left) == len(kept):
                problem = _describe_nothing(root, pattern, fit, allowed, kept)
                raise ProjectError(f"include {quoted(text)} {problem}")
            if path and holds_secrets(path):
                notes.append(
                    f"{printable(path)} may hold secrets, and the package is no secret; better"
                    " use a block or environment variables of the work pool"
                )
            secret.update(dict.fromkeys(left))
            for each in kept:
                if each not in left:
                    taken.setdefault(each, text)
        names = _shown([each for each in secret if each not in taken])
        if names:
            notes.append(f"left out, for they may hold secrets: {names}; {_BY_NAME}")
        return SelectedFiles(taken, tuple(notes))


_BY_NAME = "name each without wildcards to take it"


@attrs.frozen
class _Pattern:
    parts: Tuple[str, ...]
    is_folder: bool  # Brings all that is in the folders that it matches.

    @classmethod
    def of(cls, text: str) -> _Pattern:
        parts = tuple(part for part in text.split("/") if part not in ("", "."))
        return cls(parts, text[-1:] == "/" or not parts or not re.search(r"[*?[]", parts[-1]))

    def matches(self, path: str, hidden: bool = False, above: bool = False) -> bool:
        """Return True if it matches *path*, or with *above* what may be in the folder *path*."""
        return self._match(self.parts, path.rstrip("/").split("/"), hidden, above)

    def reaches(self, folder: str) -> bool:
        """Return True if it may match something in *folder*."""
        return self.matches(folder, above=True)

    def brings(self, path: str) -> bool:
        """Return True if it matches *path*; if that is a folder, something in it."""
        return self.matches(path, above=path.endswith("/"))

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
        zero = self._match(parts[1:], names, hidden, above)
        return zero or (fits and self._match(parts, names[1:], hidden, above))


def _locate(root: str, text: str, search_paths: Sequence[str]) -> Optional[str]:
    """Return the path of the file or folder that *text* names without wildcards, if any."""
    ends = ["/".join(_Pattern.of(text).parts)] if not re.search(r"[*?]", text) else []
    if all(part.isidentifier() for part in text.split(".")):
        module = text.replace(".", "/")
        ends += [os.path.join(base, module + end) for base in search_paths for end in ("", ".py")]
    return next((each for each in ends if os.path.lexists(os.path.join(root, each))), None)


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
    ignored = [path for path in walk(root, "", pattern.reaches) if pattern.brings(path)]
    if ignored:
        return f"matches only what git ignores ({_shown(ignored)}); {_BY_NAME}"
    near: Dict[str, None] = {}
    for path, _ in zip(walk(root), range(5_000)):
        folder, name = os.path.split(path)
        module = re.sub("[.]py$", "", path).replace("/", ".")
        kind = os.path.join(folder, f"*{os.path.splitext(name)[1]}")
        near.update(dict.fromkeys((path, module, f"{folder}/", kind)))
    hint = suggestion("/".join(pattern.parts), near, 3)
    return f"matches no file under {printable(root)}{hint}"


def _shown(paths: Iterable[str]) -> str:
    listed = [printable(path, 100) for path in paths]
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more
