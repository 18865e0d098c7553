"""Where settings come from: the environment, files of this folder, a profile of Prefect's."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from flowpack._files import UNREADABLE, read_file, reason
from flowpack.exceptions import SettingsError, printable, quoted, suggestion

#: Profiles that Prefect has without an entry in the file, and their settings.
#: ``prefect profile use local`` writes no more than the name.
BUILT_IN_PROFILES: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("default", "ephemeral", "cloud", "test"), {}),
    "local": {"PREFECT_API_URL": "http://127.0.0.1:4200/api"},
}

_PREFIXES = ("FLOWPACK_", "PREFECT_")

#: Longest file that is read, in bytes, and most parts of a key in TOML.
_LONGEST, _MOST_PARTS = 4 * 1024 * 1024, 100

#: Value and place of each setting, by variable, in capitals, or by table and key: ``api.url``.
Source = Mapping[str, Tuple[Any, str]]


def _source(values: Mapping[str, Any], before: str = "", after: str = "") -> Source:
    return {name: (value, f"{before}{name}{after}") for name, value in values.items()}


def load_environment(environ: Mapping[str, str], others: Iterable[str] = ()) -> Source:
    """Return the variables of flowpack and Prefect, or *others*."""
    found = {name: environ[name] for name in others if name in environ}
    return _source(found if others else _own(environ), "environment variable ")


def _own(variables: Mapping[str, str]) -> Dict[str, str]:
    """Return the variables that are settings, in capitals or not; those in capitals win."""
    names = sorted(variables, reverse=True)  # Capitals come last.
    return {name.upper(): variables[name] for name in names if name.upper().startswith(_PREFIXES)}


# Patterns are compiled where they are used: most folders have no file of settings.
_LINE = r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)\Z"
_QUOTED = r"""(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:\#.*)?\Z"""
_REFERENCE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}"
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def load_dot_env(path: str, environ: Mapping[str, str]) -> Optional[Source]:
    """Return the settings of the file ``.env``; None if there is none, or a folder."""
    content = None if os.path.isdir(path) else _read(path)
    if content is None:
        return None
    variables: Dict[str, str] = {}
    known = dict(environ)
    for number, line in enumerate(re.split(r"\r\n|\r|\n", _decode(content, path)), 1):
        found = re.match(_LINE, line)
        if found is None:
            continue  # A comment, or an empty line.
        name, value = found.groups()
        try:
            variables[name] = known[name] = _dot_env_value(value, known)
        except ValueError as exc:
            if name.upper().startswith(_PREFIXES):
                where = f"{printable(path)}, line {number}: {name}"
                raise SettingsError(f"{where} {exc}") from None
    return _source(_own(variables), after=f" in {printable(path)}")


def _dot_env_value(text: str, variables: Mapping[str, str]) -> str:
    """Return the value that *text* means, with ``${NAME}`` and ``${NAME:-default}``."""
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


def load_toml(path: str, *tables: str) -> Optional[Source]:
    """Return the settings of a TOML file, or of a table in it; None if there are none."""
    content = _read(path)
    # Most projects have a pyproject.toml, and few have settings of Prefect in it.
    if content is None or not all(name.encode() in content for name in tables):
        return None
    table: Any = parse_toml(content, path)
    for name in tables:
        table = table.get(name) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return None
    # By dotted name. Names in capitals, as variables have them, mean nothing in these files.
    values = {key: value for key, value in table.items() if not key.isupper()}
    for key, inner in table.items():
        if isinstance(inner, dict):
            values.update((f"{key}.{name}", value) for name, value in inner.items())
    place = f"[{'.'.join(tables)}] of {printable(path)}" if tables else printable(path)
    return _source(values, after=f" in {place}")


def load_profile(
    path: Optional[str], asked: Optional[Tuple[str, str]], named_by: str = ""
) -> Tuple[str, str, Source]:
    """Return the name of the profile in force, where it is chosen, and its settings.

    The profile and its place are those *asked* for, else those of Prefect's ``profiles.toml`` at
    *path*, where that is known. What *named_by* is, if anything, says that the file must exist.
    """
    content = b""
    if path is not None:
        content = _read(path, named_by, ", or set PREFECT_HOME or PREFECT_PROFILES_PATH") or b""
    document = parse_toml(content, path or "") if content else {}
    place = printable(path or "the file of profiles (PREFECT_HOME is not known)", 1000)
    profiles = document.get("profiles", {})
    tables = profiles.values() if isinstance(profiles, dict) else [None]
    if not all(isinstance(each, dict) for each in tables):
        raise SettingsError(f"{place}: [profiles] must be a table of profiles, which are tables")
    name, chosen_by = asked or ("default", "default")
    if asked is None and "active" in document:
        name, chosen_by = str(document["active"]), f"'active' in {place}"
    if name not in profiles and name not in BUILT_IN_PROFILES:
        names = ", ".join(quoted(each, 60) for each in sorted(profiles)[:20])
        raise SettingsError(
            f"{chosen_by}: there is no profile {quoted(name)} in {place}"
            f"{suggestion(name, profiles)}; it has {names or 'no profiles'}"
        )
    values = {**BUILT_IN_PROFILES.get(name, {}), **profiles.get(name, {})}
    return name, chosen_by, _source(values, after=f" in profile {quoted(name)} of {place}")


def parse_toml(content: bytes, path: str) -> Dict[str, Any]:
    """Return the TOML document in *content*; an error names *path*."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    text = _decode(content, path)
    # Parsing takes time by the square of a key's parts. Dots in a row, as in comments, are none.
    parts = re.split("[=,\n]", text) if text.count(".") > _MOST_PARTS else ()
    problem = ": it is nested too deep"
    if all(len(re.findall(r"[\w'\"]\s*\.", part)) <= _MOST_PARTS for part in parts):
        try:
            return tomllib.loads(text)
        except ValueError as exc:
            problem = f" is not valid TOML: {printable(exc)}"
        except RecursionError:
            pass
    raise SettingsError(f"{printable(path)}{problem}")


def _read(path: str, named_by: str = "", advice: str = "") -> Optional[bytes]:
    """Return the content of a file; None where there is none and nothing names it.

    Any other that cannot be read is an error: without it a deployment might land elsewhere.
    """
    try:
        return read_file(path, _LONGEST)
    except UNREADABLE as exc:
        problem = reason(exc)
        if isinstance(exc, FileNotFoundError) and not named_by:
            above = path
            while not os.path.lexists(above):
                above = os.path.dirname(above)
            if os.path.exists(above):
                return None
            problem = "it is a link that leads nowhere"
        where = f"{named_by}: {printable(path)}" if named_by else printable(path)
        raise SettingsError(
            f"{where}: {problem}. There may be settings in it; make it a file that this user"
            f" can read, or move it away{advice}"
        ) from exc


def _decode(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        byte = exc.start
    raise SettingsError(f"{printable(path)} is not UTF-8 (byte {byte})")
