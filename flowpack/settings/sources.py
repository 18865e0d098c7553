"""Where settings come from: the environment, files of this folder, a profile."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple

import attrs

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.exceptions import SettingsError, printable, quoted

#: Profiles that Prefect has without an entry in the file, and what they set of concern
#: here. ``prefect profile use local`` writes no more than the name.
BUILT_IN_PROFILES: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("default", "ephemeral", "cloud", "test"), {}),
    "local": {"PREFECT_API_URL": "http://127.0.0.1:4200/api"},
}

_PREFIXES = ("FLOWPACK_", "PREFECT_")

#: Longest file that is read, in bytes.
_LONGEST = 4 * 1024 * 1024

#: Deeper tables hold no settings; keys of more parts and files that nest more are refused.
_DEEPEST_TABLE = 10
_MOST_KEY_PARTS = 200
_DEEPEST_NESTING = 100


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


def from_environment(environ: Mapping[str, str], others: Iterable[str]) -> Source:
    """Return what the environment sets, and of the variables of *others* these."""
    common = {name: environ[name] for name in others if name in environ}
    return Source({**_own_variables(environ), **common}, "environment variable ")


def _own_variables(variables: Mapping[str, str]) -> Dict[str, str]:
    """Return the variables that are settings, in capitals or not; those in capitals win."""
    names = sorted(variables, reverse=True)  # Capitals come last.
    return {name.upper(): variables[name] for name in names if name.upper().startswith(_PREFIXES)}


# Patterns are compiled where they are used: most folders have no file of settings.
_LINE = r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)\Z"
_QUOTED = r"""(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:\#.*)?\Z"""
_REFERENCE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}"
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def from_dot_env(folder: str, environ: Mapping[str, str]) -> Optional[Source]:
    """Return what ``.env`` in *folder* sets; None if there is none."""
    path = os.path.join(folder, ".env")
    content = None if os.path.isdir(path) else _read(path)
    if content is None:
        return None
    variables: Dict[str, str] = {}
    known = dict(environ)
    for number, line in enumerate(re.split(r"\r\n|\r|\n", _decode(content, path)), 1):
        found = re.match(_LINE, line)
        if found is None:
            continue  # A comment, an empty line, or of no concern here.
        name, value = found.groups()
        try:
            variables[name] = known[name] = _dot_env_value(value, known)
        except ValueError as exc:
            if name.upper().startswith(_PREFIXES):
                where = f"{printable(path)}, line {number}: {name}"
                raise SettingsError(f"{where} {exc}") from None
    return Source(_own_variables(variables), after=f" in {printable(path)}")


def _dot_env_value(text: str, variables: Mapping[str, str]) -> str:
    """Return the value that *text* says, with ``${NAME}`` and ``${NAME:-default}``."""
    if text[:1] in ("'", '"'):
        quoted_text = re.match(_QUOTED, text)
        if quoted_text is None:
            raise ValueError("has a quotation mark without its other half")
        single, double = quoted_text.groups()
        if single is not None:
            return re.sub(r"\\(['\\])", r"\1", single)
        text = re.sub(r"\\(.)", lambda each: _ESCAPED.get(each[1], each[1]), double)
    else:
        text = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
    return re.sub(_REFERENCE, lambda each: variables.get(each[1]) or each[2] or "", text)


def from_prefect_toml(folder: str, environ: Mapping[str, str]) -> Optional[Source]:
    """Return what ``prefect.toml`` in *folder* sets; None if there is none."""
    path = os.path.join(folder, "prefect.toml")
    content = _read(path)
    if content is None:
        return None
    return Source(dict(_flattened(parse_toml(content, path))), after=f" in {printable(path)}")


def from_pyproject(folder: str, environ: Mapping[str, str]) -> Optional[Source]:
    """Return what ``[tool.prefect]`` of ``pyproject.toml`` sets; None if there is none."""
    path = os.path.join(folder, "pyproject.toml")
    content = _read(path)
    # Most projects have this file and few say anything of Prefect in it.
    if content is None or b"prefect" not in content:
        return None
    tool = parse_toml(content, path).get("tool")
    table = tool.get("prefect") if isinstance(tool, dict) else None
    place = f" in [tool.prefect] of {printable(path)}"
    return Source(dict(_flattened(table)), after=place) if isinstance(table, dict) else None


def _flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[Tuple[str, Any]]:
    """Return all values of a TOML table, inner tables included, by dotted name.

    Names in capitals, as variables have them, mean nothing in these files.
    """
    for key, value in table.items():
        if not key.isupper():
            yield prefix + key, value
        if isinstance(value, dict) and prefix.count(".") < _DEEPEST_TABLE:
            yield from _flattened(value, f"{prefix}{key}.")


def from_profile(
    path: Optional[str], wanted: Optional[Tuple[str, str]], named_by: str = ""
) -> Tuple[str, str, Source]:
    """Return the name of the profile in force, where it is chosen, and what it sets.

    Args:
        path: Of Prefect's ``profiles.toml``; None where its place is not known.
        wanted: The profile that was asked for and where; None leaves the choice to the
            file.
        named_by: What names *path*. It need not be there only if nothing does.
    """
    advice = ", or set PREFECT_HOME or PREFECT_PROFILES_PATH"
    content = None if path is None else _read(path, named_by, advice)
    document = parse_toml(content, path) if path and content is not None else {}
    place = printable(path or "the file of profiles (PREFECT_HOME is not known)", 1000)
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict):
        raise SettingsError(f"{place}: [profiles] must be a table of profiles")
    active = document.get("active", "default")
    if wanted is None and not isinstance(active, str):
        raise SettingsError(f"{place}: 'active' must be the name of a profile")
    chosen_by_file = f"'active' in {place}" if "active" in document else "default"
    name, chosen_by = wanted or (active, chosen_by_file)
    if name not in profiles and name not in BUILT_IN_PROFILES:
        known = ", ".join(quoted(each, 60) for each in sorted(profiles)[:20])
        raise SettingsError(
            f"{chosen_by}: there is no profile {quoted(name)} in {place};"
            f" it has {known or 'no profiles'}"
        )
    values = profiles.get(name, {})
    if not isinstance(values, dict):
        raise SettingsError(f"{place}: the profile {quoted(name)} must be a table")
    values = {**BUILT_IN_PROFILES.get(name, {}), **values}
    after = f" in profile {quoted(name)} of {place}"
    return name, chosen_by, Source(values, after=after)


def parse_toml(content: bytes, path: str) -> Dict[str, Any]:
    """Return what TOML *content* says.

    Raises:
        SettingsError: It is not TOML; the text names *path*, and the line.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    text = _decode(content, path)
    problem = _toml_problem(text)
    if problem is None:
        try:
            return tomllib.loads(text)
        except ValueError as exc:
            problem = f" is not valid TOML: {printable(exc)}"
        except RecursionError:  # The caller has left little room on the stack.
            problem = _TOO_DEEP
    raise SettingsError(f"{printable(path)}{problem}")


_TOO_DEEP = f": it is nested more than {_DEEPEST_NESTING} levels deep"

_TEXTS_AND_COMMENTS = (
    r'''"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*'''
)


def _toml_problem(text: str) -> Optional[str]:
    """Return what keeps *text* from being read; None if nothing does.

    Some parsers crash on deep nesting, and all take time and memory by the square of the
    number of a key's parts.
    """
    brackets = text.count("[") + text.count("{")
    if brackets <= _DEEPEST_NESTING and text.count(".") <= _MOST_KEY_PARTS:
        return None
    bare = re.sub(_TEXTS_AND_COMMENTS, "", text, flags=re.DOTALL)
    if any(part.count(".") > _MOST_KEY_PARTS for part in re.split("[=,\n]", bare)):
        return ": a key in it has too many parts"
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", bare):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST_NESTING:
            return _TOO_DEEP
    return None


def _read(path: str, named_by: str = "", advice: str = "") -> Optional[bytes]:
    """Return the content of a file; None where nothing stands.

    Args:
        path: Absolute.
        named_by: What names *path*; empty for a usual place, where nothing need be.
        advice: What else to do about a file that cannot be read.

    Raises:
        SettingsError: There may be settings that cannot be read. Without them a
            deployment could land elsewhere.
    """
    try:
        if not named_by and not _exists(path):
            return None
        return read_file(path, _LONGEST)
    except UNREADABLE as exc:
        cause, problem = exc, reason(exc)
    if isinstance(cause, FileNotFoundError) and not named_by:
        problem = "it is a link that leads nowhere"
    where = f"{named_by}: {printable(path)}" if named_by else printable(path)
    raise SettingsError(
        f"{where}: {problem}. There may be settings in it; make it a file that this user"
        f" can read, or move it away{advice}"
    ) from cause


def _exists(path: str) -> bool:
    """Return True if anything is at *path*, or a link on the way leads nowhere."""
    found = path
    while True:
        try:
            os.lstat(found)
        except FileNotFoundError:
            found = os.path.dirname(found)
        else:
            return found == path or not os.path.exists(found)


def _decode(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        where = f"byte {exc.start}"
    raise SettingsError(f"{printable(path)} is not UTF-8 ({where})")
