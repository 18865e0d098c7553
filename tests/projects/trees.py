"""Projects on disk, written from a mapping of paths to sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping

from flowpack.analysis.imports import Import, read_imports
from flowpack.analysis.script import Script
from flowpack.projects.closure import Project, find_project
from flowpack.projects.single import missing_modules


def write_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write *files* below *folder*; a path that ends in ``/`` is an empty folder."""
    for path, content in files.items():
        place = folder / path
        if path.endswith("/"):
            place.mkdir(parents=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")
    return folder


def project_of(folder: Path, script: str, **options: Any) -> Project:
    """Return the project of *script*, a path below *folder*."""
    return find_project(Script.read(folder / script), **options)


def own(project: Project) -> set[str]:
    """Return the paths of the files that the packager has not added."""
    return {each.path for each in project.taken if not each.added}


def missing_from(script: Script) -> Dict[Import, str]:
    """Return what only the project of *script* has of its imports."""
    return missing_modules(script, read_imports(script).found)
