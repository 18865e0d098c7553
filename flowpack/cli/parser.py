"""How arguments are read: the parser, the types of arguments, and the values in KEY=VALUE."""

from __future__ import annotations

import argparse
import os
import re
import sys
from contextlib import suppress
from datetime import datetime
from itertools import takewhile
from typing import Any, Dict, Iterable, List, NoReturn

from flowpack.exceptions import SpecError, printable, quoted, suggestion
from flowpack.jsonvalues import parse_json

#: Longest file with parameters that is read, in bytes.
_LIMIT = 16 * 1024 * 1024

#: What is called otherwise elsewhere, in Prefect's own command line above all.
_SYNONYMS = {
    **{"list": "ls", "show": "inspect", "describe": "inspect", "rm": "delete", "remove": "delete"},
    **{"apply": "deploy", "build": "deploy", "start": "trigger", "unpause": "resume"},
    **{"process": "subprocess", "docker-container": "docker", "kubernetes-job": "kubernetes"},
    **{"-jv": "--job-variable", "--jv": "--job-variable", "--variable": "--job-variable"},
    **{"--work-pool": "--pool", "--work-queue": "--queue", "-d": "--description"},
    **{
        "--schedule": "--cron",
        "--start-in": "--in",
        "--start-at": "--at",
        "--flow-run-name": "--name",
    },
    **{"--watch-timeout": "--timeout", "--follow": "--watch", "--infra": "--runner"},
}


class UsageError(Exception):
    """The arguments contradict each other; ends with status 2."""


class _FixedWidth(argparse.RawDescriptionHelpFormatter):
    """Does not ask for the terminal's width, which takes a slow import.

    One is made for each argument that is added, and most are never used.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)


class Parser(argparse.ArgumentParser):
    """Prints errors the way the rest of the command line does."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        settings.setdefault("formatter_class", _FixedWidth)
        super().__init__(**settings)

    def format_help(self) -> str:
        """Return the help, as wide as the terminal."""
        self.formatter_class: Any = argparse.RawDescriptionHelpFormatter
        return super().format_help()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is unknown here, where the options of the command are known."""
        if self._subparsers:  # Else the value of an unknown option would be taken for a command.
            commands: Any = self._subparsers._group_actions[0].choices
            for each in takewhile(lambda word: word not in commands, args):
                name = each.partition("=")[0]
                if each[:2] == "--" and name not in self._option_string_actions:
                    asked = [commands[word] for word in args if word in commands]
                    if any(name in command._option_string_actions for command in asked):
                        self.error(f"{name} goes after the command that it belongs to")
                    self._refuse([each])
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            given = [each for each in ("include", "exclude") if getattr(found, each, None)]
            self._refuse(unknown, f"; quote patterns: --{given[0]} '*.sql'" if given else "")
        if not (getattr(found, "targets", True) or any(found.prefect_file or ())):
            self.error("the following arguments are required: TARGET")
        return found, unknown

    def _refuse(self, unknown: List[str], advice: str = "") -> NoReturn:
        # Without the values: there may be secrets in them.
        options = [each.partition("=")[0] for each in unknown if each.startswith("-")]
        hint = _suggestion(options[0], self._option_string_actions) if options else advice
        self.error(f"unrecognized arguments: {' '.join(options or unknown)}{hint}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is no choice, in the same words on every Python."""
        choices = action.choices
        if choices is not None and value not in choices:
            hint = f"{_suggestion(value, choices)}; choose from {', '.join(choices)}"
            raise argparse.ArgumentError(action, f"invalid choice: {quoted(value)}{hint}")

    def error(self, message: str) -> NoReturn:
        """Print usage and *message*, and end with status 2."""
        usage = f"usage: {self.prog} ...; {self.prog} --help shows how"
        self.exit(2, f"{usage}\nflowpack: error: {printable(message, 1000)}\n")


def _suggestion(word: str, known: Iterable[str]) -> str:
    names = list(known)
    meant = _SYNONYMS.get(word)
    return suggestion(meant if meant and meant in names else word, names)


# The types of arguments.


def not_empty(text: str) -> str:
    """Return *text*; an empty one comes from a variable that is not set, and is refused."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the value is empty; is a variable not set?")
    return text


def full_name(text: str) -> str:
    """Return *text*, in which no part of FLOW/DEPLOYMENT is empty."""
    if "/" in text and not all(map(str.strip, text.split("/"))):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not FLOW/DEPLOYMENT")
    return not_empty(text)


def count(text: str) -> int:
    """Return a whole number above 0."""
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not 1 or more")
    return int(text)


def project_root(text: str) -> str:
    """Return the folder *text*; a script in its place was swallowed and comes first."""
    if not os.path.isdir(os.path.expanduser(not_empty(text))):
        hint = f"if it is the script, put TARGET first, as in {printable(text)} --project"
        raise argparse.ArgumentTypeError(f"{quoted(text)}: there is no such folder; {hint}")
    return text


def byte_count(text: str) -> int:
    """Return a number of bytes, as in 500000, 20MB or 20MiB."""
    match = re.fullmatch("([0-9]{1,15}) ?([kmg]?)(i?)b?", text.strip().lower())
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is no size; write 500000, 20MB or 20MiB")
    unit: int = (1024 if match[3] else 1000) ** " kmg".index(match[2] or " ")
    return int(match[1]) * unit


def seconds(text: str) -> float:
    """Return a number of seconds."""
    with suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"{quoted(text)} is no number of seconds")


def time_at(text: str) -> datetime:
    """Return a time; local where it has no zone."""
    from flowpack.schedules import parse_time  # Imported here because few commands need it.

    found = parse_time(text) or parse_time(f"{text.strip()}T00:00")
    if found is None or not 1 < found.year < 9999:
        raise argparse.ArgumentTypeError(
            f"{quoted(text)} is no time; write 2030-12-24T18:00 (local time), 2030-12-24T18:00Z or"
            " 2030-12-24T18:00+01:00"
        )
    return found.astimezone()


def time_in(text: str) -> datetime:
    """Return the time that is so long from now."""
    from flowpack.schedules import parse_duration  # As above.

    short = re.sub("(?<=[wdhms])(eek|ay|our|r|in(ute)?|ec(ond)?)s?|[ ,]", "", text.lower())
    match = re.fullmatch(r"((?:[\d.]+[wd])*)((?:[\d.]+[hms])*)", short)
    iso = f"P{match[1]}{'T' if match[2] else ''}{match[2]}".upper() if match else text
    with suppress(OverflowError):
        duration = parse_duration(iso)
        if duration is not None:
            return datetime.now().astimezone() + duration
    raise argparse.ArgumentTypeError(f"{quoted(text)} is no duration; write 90s, 15m, 1h30m or 2d")


def json_object(text: str) -> Dict[str, Any]:
    """Return a JSON object."""
    with suppress(ValueError):
        value = parse_json(text)
        if isinstance(value, dict):
            return value
    # The text is not shown: there may be secrets in it.
    raise argparse.ArgumentTypeError("it must be a JSON object")


def parameters_object(source: str) -> Dict[str, Any]:
    """Return the JSON object that *source* is, or that stands in the file that it names.

    Raises:
        SpecError: There is none.
    """
    where, text = "--params", source
    if not source.lstrip().startswith("{"):
        where = f"--params {source}"
        text = read_text(source, _LIMIT, where, "give a file or a JSON object")
    try:
        value = parse_json(text)
    except ValueError as exc:
        raise SpecError(where, [f"it is not JSON: {printable(exc)}"]) from exc
    if not isinstance(value, dict):
        raise SpecError(where, ["it must be a JSON object: names of parameters, and values"])
    return value


def read_text(path: str, limit: int, where: str, advice: str) -> str:
    """Return the text of a file of at most *limit* bytes, or of standard input for ``-``."""
    from flowpack._files import UNREADABLE, read_file, reason  # Few commands need them.

    try:
        content = sys.stdin.buffer.read() if path == "-" else read_file(path, limit)
    except UNREADABLE as exc:
        raise SpecError(where, [f"{reason(exc)}; {advice}"]) from exc
    return content.decode("utf-8-sig", "surrogateescape")


class Pairs(argparse.Action):
    """Collects the texts of KEY=VALUE in a mapping; a key that comes twice is refused."""

    def __call__(
        self, parser: object, namespace: object, values: Any, option: object = None
    ) -> None:
        """Add what is in the text *values*."""
        pairs = getattr(namespace, self.dest) or {}
        try:
            found = self.read(values)
        except argparse.ArgumentTypeError as exc:
            pools = option == "-p" and hasattr(namespace, "pool")  # Where Prefect's has -p POOL.
            hint = "; a work pool is given with --pool" if pools else ""
            raise argparse.ArgumentError(self, f"{exc}{hint}") from exc
        for key in found:
            if key in pairs or not key.strip():
                problem = "is given twice" if key in pairs else "is no name"
                raise argparse.ArgumentError(self, f"{quoted(key)} {problem}")
        setattr(namespace, self.dest, {**pairs, **found})

    def read(self, text: str) -> Dict[str, Any]:
        """Return the pair in *text*."""
        key, equals, value = text.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{quoted(text)} is not KEY=VALUE")
        return {key: value}


class Variables(Pairs):
    """Collects job variables: KEY=VALUE, or a JSON object of several as stock Prefect has it."""

    def read(self, text: str) -> Dict[str, Any]:
        """Return the pairs in *text*; a VALUE is JSON if it can be, that of env.NAME is text."""
        if text.lstrip().startswith("{"):
            return json_object(text)
        pair = super().read(text)
        if text.startswith("env."):
            return pair
        from flowpack.parameters import read_pairs  # Imported here because it is slow to load.

        return read_pairs(pair, {})
