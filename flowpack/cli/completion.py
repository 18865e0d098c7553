"""``flowpack completion``: what a shell needs to complete the words of this command line."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from flowpack.cli import output
from flowpack.cli.commands import make_parser
from flowpack.exceptions import FlowpackError

_FILES = ("TARGET", "SCRIPT[:FLOW]", "FILE", "FILE|JSON", "PATH", "GLOB")
_FOLDERS = ("WHERE", "ROOT", "DIR")


def completion(arguments: Namespace) -> None:
    """Print the script that the shell is to load."""
    try:
        import shtab
    except ImportError as exc:
        advice = "it comes with: pip install 'flowpack[completion]'"
        raise FlowpackError(f"shtab, which writes the completion, is missing; {advice}") from exc
    parser = make_parser()
    _mark_paths(parser, {**dict.fromkeys(_FILES, shtab.FILE), **dict.fromkeys(_FOLDERS, shtab.DIR)})
    output.text(shtab.complete(parser, arguments.shell))


def _mark_paths(parser: Any, kinds: Any) -> None:
    """Set which options of *parser* and its commands take paths, where shtab looks for it."""
    for action in parser._actions:
        if action.metavar in kinds:
            action.complete = kinds[action.metavar]
        for each in action.choices.values() if isinstance(action.choices, dict) else ():
            _mark_paths(each, kinds)
