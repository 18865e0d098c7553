"""``flowpack explain``: which files go along with a script, and why."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Dict, List, Mapping

import attrs

from flowpack.cli import output
from flowpack.deployments.source import read_script
from flowpack.analysis.discovery import select_flow
from flowpack.exceptions import printable
from flowpack.projects.closure import Project, find_project
from flowpack.projects.selection import Selection


def explain(arguments: Namespace) -> None:
    """Print each file with its size and what takes it along; the script is not run."""
    location, _, flow = arguments.script.partition(":")
    script = read_script(location)
    select_flow(script, flow or None)
    selection = Selection(tuple(arguments.include or ()), tuple(arguments.exclude or ()))
    found = find_project(
        script, arguments.project or None, tuple(getattr(arguments, "path", None) or ()), selection
    )
    installed = _installed()
    needs: List[Dict[str, Any]] = [
        {
            "module": each.module,
            "distributions": installed.get(each.module, []),
            "optional": each.optional,
            "where": each.where,
        }
        for each in getattr(found, 'requires', ())
    ]
    if arguments.json:
        output.result(_facts(found, needs), [], as_json=True)
        return
    total = sum(each.size for each in found.taken)
    output.text(f"{len(found.taken)} files of {found.root}, {total} bytes:")
    for each in sorted(found.taken, key=lambda taken: taken.path):
        output.text(f"  {printable(each.path)}  {each.size}  {printable(each.reason, 200)}")
    output.text("to be installed where it runs:")
    for need in needs:
        names = ", ".join(need["distributions"]) or "not installed here"
        optional = ", may be missing" if need["optional"] else ""
        output.text(f"  {need['module']}  ({names}{optional})  {need['where']}")
    for note in found.notes:
        output.text(f"note: {printable(note, 400)}")


def _facts(found: Project, needs: List[Dict[str, Any]]) -> Dict[str, Any]:
    return {
        "root": found.root,
        "module": found.module,
        "files": [attrs.asdict(each) for each in found.taken],
        "requires": needs,
        "notes": list(found.notes),
        "data": list(found.hints),
    }


def _installed() -> Mapping[str, List[str]]:
    from importlib import metadata

    found: Dict[str, List[str]] = {}
    for each in metadata.distributions():
        for name in (each.read_text("top_level.txt") or "").split():
            found.setdefault(name, []).append(each.metadata["Name"])
    return found
