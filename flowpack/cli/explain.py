"""``flowpack explain``: which files go along with a script, and why."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from importlib.machinery import PathFinder
from typing import Any, Dict, Iterable, List, Mapping, Tuple

import attrs

from flowpack.analysis.discovery import select_flow
from flowpack.analysis.imports import read_imports
from flowpack.analysis.script import Script
from flowpack.cli import output
from flowpack.cli.specs import project_packager, split_target
from flowpack.deployments.source import parse_location, read_script
from flowpack.exceptions import DiscoveryError, printable
from flowpack.projects.closure import Project
from flowpack.projects.single import is_standard


def explain(arguments: Namespace) -> None:
    """Print each file with its size and what takes it along; the script is not run."""
    location, flow_name = split_target(arguments.script)
    script = read_script(parse_location(location) or location)
    arguments.project = arguments.project or False
    packager = project_packager(arguments)
    assert packager is not None
    notes: Tuple[str, ...] = ()
    try:
        select_flow(script, flow_name)
    except DiscoveryError as exc:
        if flow_name is not None:
            raise
        notes = (f"deploy would not take it as it is: {exc}",)
    project = packager.find_project(script)
    needs, standard = requirements(project.files, project.search_paths)
    document = {
        "script": script.path,
        "root": project.root,
        "module": project.module,
        "search_paths": project.search_paths,
        "size": sum(each.size for each in project.taken),
        "files": [attrs.asdict(each) for each in project.taken],
        "requires": needs,
        "standard": standard,
        "data": list(project.hints),
        "notes": [*project.notes, *notes],
    }
    output.result(document, _lines(project, document), as_json=arguments.json)


def _lines(project: Project, document: Mapping[str, Any]) -> List[str]:
    searched = ", ".join(path or "." for path in project.search_paths)
    lines = [
        f"{len(project.taken)} files of {printable(project.root)}, {describe_size(document['size'])}",
        f"{printable(project.file)} is imported as {printable(project.module)}, modules are"
        f" searched in {printable(searched)}",
    ]
    files = sorted(project.taken, key=lambda each: each.path)
    rows = [(each.path, describe_size(each.size), each.reason) for each in files]
    lines += ["", *output.table(("FILE", "SIZE", "WHY"), rows)]
    needs = document["requires"]
    if needs:
        facts = [(need["module"], describe_need(need), need["where"]) for need in needs]
        lines += ["", *output.table(("MODULE", "INSTALLED HERE", "IMPORTED IN"), facts)]
    if document["standard"]:
        lines += ["", f"standard library: {', '.join(document['standard'])}"]
    for note in document["notes"]:
        lines.append(f"note: {printable(note, output.LINE)}")
    return lines


def describe_size(size: int) -> str:
    """Return a number of bytes for people, as in ``3.4 kB``."""
    number, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


def describe_need(need: Mapping[str, Any]) -> str:
    """Return what a module is installed by here."""
    names = ", ".join(need["distributions"])
    words = names or ("yes" if need["installed"] else "no")
    return f"{words}, may be missing" if need["optional"] else words


def requirements(
    files: Mapping[str, bytes], search_paths: Iterable[str]
) -> Tuple[List[Dict[str, Any]], List[str]]:
    """Return what *files* import that is not theirs, and the modules of the standard library.

    Each of the first is a top-level ``module``, the ``distributions`` that have it here with
    their versions, whether it is ``installed`` here and ``optional``, for failures of its import
    are caught, and ``where`` it is imported first.
    """
    own = {
        path[len(base) :].lstrip("/").partition("/")[0].partition(".")[0]
        for base in search_paths
        for path in files
        if path.startswith(base)
    }
    found: Dict[str, Dict[str, Any]] = {}
    for path, content in files.items():
        with suppress(DiscoveryError):  # A notebook's cell, a template or for another Python.
            imports = read_imports(Script(content, path)).found if path.endswith(".py") else ()
            for each in imports:
                top = each.module.partition(".")[0]
                if each.level or top in own or top == "flowpack":
                    continue
                need = found.setdefault(top, {"where": f"{path}:{each.line}", "optional": True})
                need["optional"] = need["optional"] and each.optional
    needs = sorted(name for name in found if not is_standard(name))
    distributions = _distributions() if needs else {}
    return [
        {
            "module": name,
            "distributions": distributions.get(name, []),
            "installed": name in distributions or PathFinder.find_spec(name) is not None,
            **found[name],
        }
        for name in needs
    ], sorted(filter(is_standard, found))


def _distributions() -> Dict[str, List[str]]:
    """Return the distributions that are installed here, with their versions, by module."""
    # Imported here because it is slow to load.
    from importlib import metadata

    found: Dict[str, List[str]] = {}
    for each in metadata.distributions():
        names = set((each.read_text("top_level.txt") or "").split())
        if not names:  # Newer tools write none.
            paths = [file.parts[0] for file in each.files or () if file.suffix in (".py", ".so")]
            names = {path.partition(".")[0] for path in paths}
        for name in names:
            found.setdefault(name, []).append(f"{each.metadata['Name']} {each.version}")
    return found
