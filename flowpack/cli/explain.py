"""``flowpack explain``: which files of its project a script needs, and why."""

from __future__ import annotations

import re
from argparse import Namespace
from contextlib import suppress
from typing import Any, Dict, Iterable, List, Mapping

import attrs

from flowpack.analysis.discovery import select_flow
from flowpack.analysis.imports import read_imports
from flowpack.analysis.script import Script
from flowpack.cli import output
from flowpack.cli.specs import project_packager, split_target
from flowpack.deployments.source import parse_location, read_script
from flowpack.exceptions import DiscoveryError, printable
from flowpack.projects.reader import format_size
from flowpack.projects.single import installed, is_standard


def explain(arguments: Namespace) -> None:
    """Print each file with its size and what takes it along; the script is not run."""
    location, flow_name = split_target(arguments.script)
    script = read_script(parse_location(location) or location)
    packager = project_packager(arguments)
    project = packager.find_project(script)
    notes = list(project.notes)
    try:
        select_flow(packager.link(script), flow_name)
    except DiscoveryError as exc:
        if flow_name is not None:
            raise
        notes.append(f"deploy would not take it as it is: {exc}")
    document = {
        "script": script.path,
        **{key: getattr(project, key) for key in ("root", "file", "module", "search_paths")},
        "size": sum(each.size for each in project.taken),
        "files": [attrs.asdict(each) for each in project.taken],
        **requirements(project.files, project.search_paths),
        "hints": project.hints,
        "notes": notes,
    }
    output.result(document, _lines(document), as_json=arguments.json)


def _lines(document: Mapping[str, Any]) -> List[str]:
    files, needs = document["files"], document["requires"]
    searched = ", ".join(path or "." for path in document["search_paths"])
    lines = [
        f"{len(files)} files, {format_size(document['size'])}, of {document['root']}",
        f"{document['file']} is imported as {document['module']}; search path: {searched}",
        "",
    ]
    rows = [(each["path"], format_size(each["size"]), each["reason"]) for each in files]
    lines = [printable(line, output.LINE) for line in lines]
    lines += output.table(("FILE", "SIZE", "WHY"), sorted(rows))
    rows = [(each["module"], describe_need(each), each["where"]) for each in needs]
    lines += ["", *output.table(("MODULE", "INSTALLED HERE", "IMPORTED IN"), rows)] if rows else []
    if document["standard"]:
        lines += ["", f"standard library: {', '.join(document['standard'])}"]
    return lines + [
        printable(f"note: {note}", output.LINE) for note in (*document["notes"], *document["hints"])
    ]


def describe_need(need: Mapping[str, Any]) -> str:
    """Return what has a module here."""
    words = ", ".join(need["distributions"]) or ("yes" if need["installed"] else "no")
    return f"{words}, optional" if need["optional"] else words


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
    for path, content in files.items():
        with suppress(DiscoveryError):  # It may be a template, or for another Python.
            imports = read_imports(Script(content, path)).found if path.endswith(".py") else ()
            for each in imports:
                top = each.module.partition(".")[0]
                if not each.level and top not in own:
                    where = {"where": f"{path}:{each.line}", "optional": True}
                    need = found.setdefault(top, where)
                    need["optional"] = need["optional"] and each.optional
    distributions = {} if all(map(is_standard, found)) else _distributions()
    needs = [
        {
            "module": name,
            "distributions": distributions.get(name, []),
            "installed": name in distributions or installed(name) is not None,
            **found[name],
        }
        for name in sorted(found)
        if not is_standard(name)
    ]
    return {"requires": needs, "standard": sorted(filter(is_standard, found))}


def _distributions() -> Dict[str, List[str]]:
    """Return the distributions that are installed here, with their versions, by module."""
    from importlib import metadata  # Imported here because it is slow to load.

    found: Dict[str, List[str]] = {}
    for each in metadata.distributions():
        names = set((each.read_text("top_level.txt") or "").split())
        # Newer tools write none.
        names = names or {
            file.parts[0] for file in each.files or () if file.suffix in (".py", ".so")
        }
        for name in names:
            distribution = f"{each.metadata['Name']} {each.version}"
            found.setdefault(name.partition(".")[0], []).append(distribution)
    return found
