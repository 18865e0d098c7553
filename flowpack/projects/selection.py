"""Which files ``include`` and ``exclude`` select, beside those that imports bring."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase, translate
from glob import escape
from os.path import isdir, lexists
from posixpath import join
from typing import Collection, Dict, List, Optional, Sequence, Set, Tuple

import attrs

from flowpack._validators import at_least, is_list_of_texts, validator
from flowpack.exceptions import ProjectError, printable, quoted
from flowpack.projects.listing import git_files, never_taken, walk
from flowpack.projects.reader import SIZE_LIMIT

#: How to take what patterns leave out.
BY_NAME = "name each without wildcards to take it"
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


@attrs.frozen
class SelectedFiles:
    """What is selected: the pattern that brings each by path, and *problems* of it.

    Paths are relative to the root; that of an empty folder ends in ``/``. *left_out* are those
    that may hold secrets; *tracked* all files that git does not ignore, if it was asked.
    """

    patterns: Dict[str, str]
    problems: Tuple[str, ...]
    left_out: Tuple[str, ...]
    tracked: Optional[Collection[str]]


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

    include: Tuple[str, ...] = attrs.field(default=(), validator=validator(_is_pattern))
    exclude: Tuple[str, ...] = attrs.field(default=(), validator=validator(_is_pattern))
    size_limit: int = attrs.field(default=SIZE_LIMIT, validator=validator(at_least(1, "bytes")))

    def excludes(self, path: str, search_paths: Sequence[str] = _SEARCH_PATHS) -> bool:
        """Return True if ``exclude`` names *path*, or a folder or package that it is in."""
        names = (name for text in self.exclude for name in _names(text, search_paths))
        return any(_Pattern.of(name).matches(path.rstrip("/"), hidden=True) for name in names)

    def select(self, root: str, search_paths: Sequence[str] = _SEARCH_PATHS) -> SelectedFiles:
        """Return the files under the folder *root* that are included and not excluded.

        None is read; they are listed, and git is asked, if a pattern has wildcards or is a folder.
        Modules are looked for in *search_paths*, folders relative to the root.

        Raises:
            ProjectError: A pattern brings nothing, or the files cannot be listed.
        """
        located: Dict[str, Optional[str]] = {}  # Without wildcards it is a file or folder.
        for text in self.include:
            names = [] if re.search("[*?]", text) else _names(text, search_paths)
            there = [_Pattern.of(name) for name in names if lexists(join(root, name))]
            located[text] = "/".join(there[0].parts).rstrip("/") if there else None
        files = {path for path in located.values() if path and not isdir(join(root, path))}
        patterns = {
            text: _Pattern.of(text if path is None else f"{escape(path)}/")
            for text, path in located.items()
        }
        tracked, listed = None, []
        if set(located.values()) - files:
            tracked = git_files(root)
            walked = walk(root, "", lambda path: any(p.matches(path) for p in patterns.values()))
            listed = sorted(walked if tracked is None else tracked)
        selected: Dict[str, str] = {}
        left: Dict[str, None] = {}
        problems: List[str] = []
        for text, path in located.items():
            found = [path] if path in files else [p for p in listed if patterns[text].matches(p)]
            if path and not found and next(walk(root, path), None) is None:
                found = [f"{path}/"]
            kept = [each for each in found if not never_taken(root, each.rstrip("/"))]
            wanted = [each for each in kept if not self.excludes(each, search_paths)]
            # What is in a folder that is named is judged by the rest of its path.
            start = len(path or "")
            secret = {each for each in wanted if holds_secrets(each[start:].strip("/"))}
            if len(secret) == len(wanted):
                problem = _describe_nothing(root, patterns[text], found, kept, sorted(secret))
                raise ProjectError(f"include {quoted(text)} matches {problem}")
            if path and holds_secrets(path):
                problems.append(
                    f"{printable(path)} may hold secrets, which all who read the package would see;"
                    " better use a block or environment variables"
                )
            left.update(dict.fromkeys(sorted(secret)))
            for each in wanted:
                if each not in secret:
                    selected.setdefault(each, text)
        left_out = tuple(each for each in left if each not in selected)
        return SelectedFiles(selected, tuple(problems), left_out, tracked)


@attrs.frozen
class _Pattern:
    """A pattern; of its parts ``**`` fits any number of names, and so does a last empty one."""

    parts: Tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> _Pattern:
        parts = [part for part in text.split("/") if part not in ("", ".")]
        # A folder brings all that is in it, hidden files too.
        is_folder = text.endswith("/") or not parts or not re.search(r"[*?[]", parts[-1])
        return cls((*parts, "") if is_folder else tuple(parts))

    def matches(self, path: str, hidden: bool = False) -> bool:
        """Return True if it matches *path*, or may match what is in it where that ends in ``/``."""
        reached = self._reached({0})  # As many parts may be behind us.
        for name in path.rstrip("/").split("/"):
            fit = {each for each in reached if self._fits(each, name, hidden)}
            reached = self._reached({each + (self.parts[each] not in ("**", "")) for each in fit})
        end = len(self.parts)
        return any(each < end for each in reached) if path.endswith("/") else end in reached

    def _reached(self, numbers: Set[int]) -> Set[int]:
        for number in sorted(numbers):
            while self.parts[number : number + 1] in (("**",), ("",)):
                number += 1
                numbers.add(number)
        return numbers

    def _fits(self, number: int, name: str, hidden: bool) -> bool:
        if number == len(self.parts) or not self.parts[number]:
            return number < len(self.parts)
        part = self.parts[number]
        return (hidden or name[0] != "." or part[0] not in "*?[") and fnmatchcase(name, part)


def _names(text: str, search_paths: Sequence[str]) -> List[str]:
    """Return *text*, and where the module is that it may name."""
    names = [text]
    if all(part.isidentifier() for part in text.split(".")):
        module = text.replace(".", "/")
        names += [join(base, module + end) for base in search_paths for end in ("", ".py")]
    return names


def _describe_nothing(
    root: str, pattern: _Pattern, found: List[str], kept: List[str], secret: List[str]
) -> str:
    """Return what alone a pattern matches, and what to do."""
    if secret:
        return f"only what may hold secrets ({join_some(secret)}); {BY_NAME}"
    if kept:
        return f"only what is excluded ({join_some(kept)})"
    if found:
        return "only virtual environments, caches or git's own files"
    ignored = [path for path in walk(root, "", pattern.matches) if pattern.matches(path)]
    if ignored:
        return f"only what git ignores ({join_some(ignored)}); {BY_NAME}"
    return f"no file under {printable(root)}"


def join_some(texts: Sequence[str]) -> str:
    """Return the first of *texts* in a row, and how many more there are."""
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return ", ".join(printable(each, 100) for each in texts[:5]) + more
