"""Where settings come from: the environment, files of this folder, a profile."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple

import attrs

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.exceptions import SettingsError, printable, quoted

#: Profiles that Prefect has without an entry in the file, and what they set of
#: concern here. ``prefect profile use local`` writes no more than the name.
BUILT_IN_PROFILES: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("default", "ephemeral", "cloud", "test"), {}),
    "local": {"PREFECT_API_URL": "http://127.0.0.1:4200/api"},
}

_PREFIXES = ("FLOWPACK_", "PREFECT_")

#: Longest file that is read, in bytes.
_LONGEST = 4 * 1024 * 1024

#: Deeper tables hold no settings, and keys of more parts are not read.
_DEEPEST = 10
_MOST_PARTS = 200

#: Files that nest more are not read.
_MOST_NESTED = 100


@attrs.frozen
class Source:
    """Some settings and how to say where they stand.

    Attributes:
        values: By variable, in capitals, or by table and key: ``api.url``.
        before: Comes before the name of one of them, to say where it stands.
        after: Comes behind it.
    """

    values: Mapping[str, Any] = attrs.field(repr=False)
    before: str = ""
    after: str = ""

    def find(self, names: Iterable[str]) -> Optional[Tuple[Any, str]]:
        """Return the value of the first of *names* that is set, and its place."""
        for name in names:
            if name in self.values:
                return self.values[name], f"{self.before}{name}{self.after}"
        return None


def from_environment(environ: Mapping[str, str], others: Iterable[str] = ()) -> Source:
    """Return what the environment sets, in capitals or not.

    Args:
        environ: The environment.
        others: Variables of other programs that count, too.
    """
    return Source(
        {**_relevant(environ), **_named(environ, others)}, "environment variable "
    )


def _relevant(variables: Mapping[str, str]) -> Dict[str, str]:
    """Return the variables that are settings; those in capitals win."""
    found = {}
    for name in sorted(variables, reverse=True):  # Capitals come last.
        if name.upper().startswith(_PREFIXES):
            found[name.upper()] = variables[name]
    return found


def _named(environ: Mapping[str, str], names: Iterable[str]) -> Dict[str, str]:
    return {name: environ[name] for name in names if name in environ}


def from_dot_env(folder: str, environ: Mapping[str, str]) -> Optional[Source]:
    """Return what ``.env`` in *folder* sets; None if there is none."""
    path = os.path.join(folder, ".env")
    content = _read(path, folders=True)
    if content is None:
        return None
    variables: Dict[str, str] = {}
    for number, line in enumerate(re.split(_LINE_BREAK, _text(content, path)), 1):
        try:
            pair = _parse_line(line)
        except ValueError as exc:
            raise SettingsError(f"{printable(path)}, line {number}: {exc}") from None
        if pair is not None:
            name, value, literal = pair
            if "${" in value and not literal:
                value = _fill_in(value, {**environ, **variables})
            variables[name] = value
    return Source(_relevant(variables), after=f" in {printable(path)}")


# Compiled where they are used: most folders have no such file.
_LINE_BREAK = r"\r\n|\r|\n"
_LINE = r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)\Z"
_QUOTED = r"""(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:\#.*)?\Z"""
_COMMENT = r"(?:^|\s)#"
_ESCAPE = r"\\(.)"
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_REFERENCE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}"


def _parse_line(line: str) -> Optional[Tuple[str, str, bool]]:
    """Return name, value and whether the value is to be taken literally."""
    found = re.match(_LINE, line)
    if found is None:
        return None  # A comment, an empty line, or of no concern here.
    name, rest = found.groups()
    if rest[:1] not in ("'", '"'):
        return name, re.split(_COMMENT, rest, maxsplit=1)[0].strip(), False
    inside = re.match(_QUOTED, rest)
    if inside is None:
        if not name.upper().startswith(_PREFIXES):
            return None
        raise ValueError(f"{name} has a quotation mark without its other half")
    single, double = inside.groups()
    if single is not None:
        return name, re.sub(r"\\(['\\])", r"\1", single), True
    value = re.sub(_ESCAPE, lambda each: _ESCAPED.get(each[1], each[1]), double)
    return name, value, False


def _fill_in(value: str, variables: Mapping[str, str]) -> str:
    """Replace ``${NAME}`` and ``${NAME:-default}`` in *value*."""
    return re.sub(
        _REFERENCE, lambda each: variables.get(each[1]) or (each[2] or ""), value
    )


def from_folder(folder: str) -> Iterator[Source]:
    """Return what ``prefect.toml`` and ``pyproject.toml`` in *folder* set."""
    path = os.path.join(folder, "prefect.toml")
    content = _read(path)
    if content is not None:
        values = dict(_flattened(parse_toml(content, path)))
        yield Source(values, after=f" in {printable(path)}")
    path = os.path.join(folder, "pyproject.toml")
    content = _read(path)
    # Most projects have this file and few say anything of Prefect in it.
    if content is not None and b"prefect" in content:
        tool = parse_toml(content, path).get("tool")
        table = tool.get("prefect") if isinstance(tool, dict) else None
        if isinstance(table, dict):
            place = f" in [tool.prefect] of {printable(path)}"
            yield Source(dict(_flattened(table)), after=place)


def _flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[Tuple[str, Any]]:
    """Return all values of a TOML table, inner tables included, by dotted name.

    Names in capitals, as variables have them, mean nothing in these files.
    """
    for key, value in table.items():
        if not key.isupper():
            yield prefix + key, value
        if isinstance(value, dict) and prefix.count(".") < _DEEPEST:
            yield from _flattened(value, f"{prefix}{key}.")


@attrs.frozen
class Profile:
    """One profile of Prefect's file.

    Attributes:
        name: What it is called.
        chosen_by: Where the choice stands.
        source: What it sets.
    """

    name: str
    chosen_by: str
    source: Source


def from_profile(
    path: Optional[str], wanted: Optional[Tuple[str, str]], named_by: str = ""
) -> Profile:
    """Return the profile that is in force.

    Args:
        path: Of Prefect's ``profiles.toml``; None where its place is not known.
        wanted: The profile that was asked for and where; None leaves the choice to
            the file.
        named_by: What names *path*. It need not be there only if nothing does.
    """
    content = None if path is None else _read(path, named_by, profiles=True)
    document = parse_toml(content, path) if path and content is not None else {}
    place = printable(path or "the file of profiles (PREFECT_HOME is not known)", 1000)
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict):
        raise SettingsError(f"{place}: [profiles] must be a table of profiles")
    if wanted is None:
        active = document.get("active", "default")
        if not isinstance(active, str):
            raise SettingsError(f"{place}: 'active' must be the name of a profile")
        chosen_by = f"'active' in {place}" if "active" in document else "default"
        wanted = active, chosen_by
    name, chosen_by = wanted
    if name not in profiles and name not in BUILT_IN_PROFILES:
        raise SettingsError(
            f"{chosen_by}: there is no profile {quoted(name)} in {place};"
            f" {_listed(profiles)}"
        )
    values = profiles.get(name, {})
    if not isinstance(values, dict):
        raise SettingsError(f"{place}: the profile {quoted(name)} must be a table")
    values = {**BUILT_IN_PROFILES.get(name, {}), **values}
    return Profile(
        name, chosen_by, Source(values, after=f" in profile {quoted(name)} of {place}")
    )


def _listed(profiles: Mapping[str, Any]) -> str:
    if not profiles:
        return "it has no profiles"
    return f"it has {', '.join(quoted(name, 60) for name in sorted(profiles)[:20])}"


def parse_toml(content: bytes, path: str) -> Dict[str, Any]:
    """Return what TOML *content* says.

    Raises:
        SettingsError: It is not TOML; the text names *path*, and the line.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    text = _text(content, path)
    problem = _toml_limit(text)
    if problem is None:
        try:
            return tomllib.loads(text)
        except ValueError as exc:
            problem = f" is not valid TOML: {printable(exc)}"
        except RecursionError:  # Whoever calls this has little room left.
            problem = _TOO_DEEP
    raise SettingsError(f"{printable(path)}{problem}")


_LONG_NUMBER = r"[0-9][0-9_]{4000}"

_TOO_DEEP = f": it is nested more than {_MOST_NESTED} levels deep"

#: Texts and comments.
_TOML_TEXT = (
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''.*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
)


def _toml_limit(text: str) -> Optional[str]:
    """Return what keeps *text* from being read; None if nothing does.

    The parsers have limits of their own to nesting, each another one, and for keys
    take time and memory by the square of the number of their parts. Not every Python
    has one to digits.
    """
    crowded = text.count(".") > _MOST_PARTS or re.search(_LONG_NUMBER, text)
    if crowded or len(re.findall(r"[\[{]", text)) > _MOST_NESTED:
        bare = re.sub(_TOML_TEXT, "", text, flags=re.DOTALL)
        if re.search(_LONG_NUMBER, bare):
            return ": a number in it is too long"
        if any(part.count(".") > _MOST_PARTS for part in re.split("[=,\n]", bare)):
            return ": a key in it has too many parts"
        depth = 0
        for bracket in re.findall(r"[\[\]{}]", bare):
            depth += 1 if bracket in "[{" else -1
            if depth > _MOST_NESTED:
                return _TOO_DEEP
    return None


def _read(
    path: str, named_by: str = "", *, folders: bool = False, profiles: bool = False
) -> Optional[bytes]:
    """Return the content of a file; None where nothing stands.

    Args:
        path: Absolute.
        named_by: What names *path*; empty for a usual place, where nothing need be.
        folders: Whether a folder counts as nothing, too.
        profiles: Whether the file is one of profiles, for messages.

    Raises:
        SettingsError: There may be settings that cannot be read. Without them a
            deployment could land elsewhere.
    """
    try:
        if not named_by and not _stands(path):
            return None
        return read_file(path, _LONGEST)
    except UNREADABLE as exc:
        if folders and isinstance(exc, IsADirectoryError):
            return None
        cause, problem = exc, reason(exc)
    if isinstance(cause, FileNotFoundError) and not named_by:
        problem = "it is a link that leads nowhere"
    where = f"{named_by}: {printable(path)}" if named_by else printable(path)
    advice = ", or set PREFECT_HOME or PREFECT_PROFILES_PATH" if profiles else ""
    raise SettingsError(
        f"{where}: {problem}. There may be settings in it; make it a file that this"
        f" user can read, or move it away{advice}"
    ) from cause


def _stands(path: str) -> bool:
    """Return True if anything is at *path*, or a link on the way leads nowhere."""
    found = path
    while True:
        try:
            os.lstat(found)
        except FileNotFoundError:
            found = os.path.dirname(found)
        else:
            return found == path or not os.path.exists(found)


def _text(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        where = f"byte {exc.start}"
    raise SettingsError(f"{printable(path)} is not UTF-8 ({where})")
