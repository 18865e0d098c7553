"""``flowpack explain``: which files of its project a script needs, and why."""

from __future__ import annotations

import re
from argparse import Namespace
from contextlib import suppress
from typing import Any, Dict, Iterable, List, Mapping, Tuple, Union

import attrs

from flowpack.analysis.discovery import select_flow
from flowpack.analysis.imports import read_imports
from flowpack.analysis.script import Script
from flowpack.cli import output
from flowpack.cli.specs import project_packager, split_target
from flowpack.deployments.source import parse_location, read_script
from flowpack.exceptions import DiscoveryError, printable
from flowpack.packaging.project import linked_script
from flowpack.projects.bundle import Bundle
from flowpack.projects.closure import Project
from flowpack.projects.reader import format_size
from flowpack.projects.single import installed, is_standard


def explain(arguments: Namespace) -> None:
    """Print each file with its size and why the flow needs it; the script is not run."""
    location, flow_name = split_target(arguments.script)
    script = read_script(parse_location(location) or location)
    packager = project_packager(arguments)
    project = packager.find_project(script)
    notes = list(project.notes)
    try:
        select_flow(linked_script(project, script), flow_name)
    except DiscoveryError as exc:
        if flow_name is not None:
            raise
        notes.append(f"deploy would not take it as it is: {exc}")
    document = {
        "script": script.path,
        "root": project.root,
        **project_facts(project),
        "files": [attrs.asdict(each) for each in project.taken],
        "problems": project.problems,
        "hints": project.hints,
        "left_out": project.left_out,
        "notes": notes,
    }
    lines = project_lines(document)
    if arguments.verbose and project.left_out:
        secret = ([each] for each in project.left_out)
        lines += ["", *output.table(("LEFT OUT, FOR IT MAY HOLD SECRETS",), secret)]
    lines += [printable(f"warning: {each}", output.LINE) for each in project.problems]
    lines += [printable(f"note: {note}", output.LINE) for note in (*notes, *project.hints)]
    output.result(document, lines, as_json=arguments.json)


def project_facts(project: Union[Project, Bundle]) -> Dict[str, Any]:
    """Return what ``explain`` and ``inspect`` both show of a project."""
    added = project.added if isinstance(project, Bundle) else ()
    return {
        "file": project.file,
        "module": project.module,
        "search_paths": project.search_paths,
        "size": sum(map(len, project.files.values())),
        "files": [
            {"path": path, "size": len(content), "added": path in added}
            for path, content in project.files.items()
        ],
        **requirements(project.files, project.search_paths),
    }


def project_lines(facts: Mapping[str, Any]) -> List[str]:
    """Return the facts of a project for people; files may have a ``reason``."""
    place = f", in {facts['root']}" if "root" in facts else ""
    searched = ", ".join(path or "." for path in facts["search_paths"])
    lines = [
        f"{output.counted(len(facts['files']), 'file')}, {format_size(facts['size'])}{place}",
        f"{facts['file']} is imported as {facts['module']}; search path: {searched}",
    ]
    files: List[Tuple[str, ...]] = []
    for each in facts["files"]:
        reason = each.get("reason", "added" if each["added"] else "")
        files.append((each["path"], format_size(each["size"]), reason))
    needs = []
    for each in facts["requires"]:
        words = ", ".join(each["distributions"]) or ("yes" if each["installed"] else "no")
        optional = ", optional" if each["optional"] else ""
        needs.append((each["module"], words + optional, each["where"]))
    lines = [printable(line, output.LINE) for line in lines]
    lines += ["", *output.table(("FILE", "SIZE", "WHY"), sorted(files))]
    lines += ["", *output.table(("MODULE", "INSTALLED HERE", "IMPORTED IN"), needs)] * bool(needs)
    standard = ", ".join(facts["standard"])
    return [*lines, "", f"standard library: {standard}"] if standard else lines


def requirements(files: Mapping[str, bytes], search_paths: Iterable[str]) -> Dict[str, Any]:
    """Return what *files* import that is not theirs: ``requires``, and what is ``standard``.

    Each of the first has the top-level ``module``, the ``distributions`` that have it here with
    their versions, whether it is ``installed`` here and ``optional``, for runs go on without it,
    and ``where`` it is imported first.
    """
    bases = [f"{base}/" if base else "" for base in search_paths]
    inner = (path[len(base) :] for path in files for base in bases if path.startswith(base))
    own = {"flowpack", *(re.split("[/.]", path)[0] for path in inner)}
    found: Dict[str, Dict[str, Any]] = {}
    for path in (path for path in files if path.endswith(".py")):
        with suppress(DiscoveryError):  # It may be a template, or for another Python.
            for each in read_imports(Script(files[path], path)).found:
                top = each.module.partition(".")[0]
                if not each.level and top not in own:
                    first = {"where": f"{path}:{each.line}", "optional": True}
                    found.setdefault(top, first)["optional"] &= each.optional
    standard = sorted(filter(is_standard, found))
    others = sorted(found.keys() - standard)
    distributions = _distributions() if others else {}
    needs = []
    for name in others:
        known = distributions.get(name, [])
        is_here = bool(known) or installed(name) is not None
        needs.append({"module": name, "distributions": known, "installed": is_here, **found[name]})
    return {"requires": needs, "standard": standard}


def _distributions() -> Dict[str, List[str]]:
    """Return the distributions that are installed here, with their versions, by module."""
    from importlib import metadata  # Imported here because it is slow to load.

    found: Dict[str, List[str]] = {}
    for each in metadata.distributions():
        names = (each.read_text("top_level.txt") or "").split()  # Newer tools write none.
        files = [file.parts[0] for file in each.files or () if file.suffix in (".py", ".so")]
        for name in {name.partition(".")[0] for name in names or files}:
            found.setdefault(name, []).append(f"{each.metadata['Name']} {each.version}")
    return found
