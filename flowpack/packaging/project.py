"""Packaging a script with the files of its project that it needs, as one Python file."""

from __future__ import annotations

import hashlib
import os
from typing import Optional, Tuple, Union

import attrs

from flowpack.packaging.base import CompleteSpec
from flowpack.packaging.script import Source, SourcePackager
from flowpack.projects.bundle import Bundle, pack
from flowpack.projects.closure import find_project
from flowpack.projects.reader import SIZE_LIMIT
from flowpack.projects.selection import Selection


def _to_path(value: Union[str, os.PathLike[str], None]) -> Optional[str]:
    return None if value is None else os.fspath(value)


@attrs.frozen
class ProjectPackager(SourcePackager):
    """Packages a script with the modules of its project that it imports, as one Python file.

    Attributes:
        root: The project's folder; None is the nearest above the script that holds a
            ``pyproject.toml``, ``setup.cfg``, ``setup.py``, ``prefect.yaml`` or ``.git``.
        paths: Further folders that are searched for modules, relative to the root.
        include: Further files, as patterns relative to the root.
        exclude: What is left out, as patterns relative to the root.
        size_limit: Largest sum of all files, in bytes.
    """

    root: Optional[str] = attrs.field(default=None, converter=_to_path)
    paths: Tuple[str, ...] = attrs.field(default=(), converter=tuple)
    include: Tuple[str, ...] = attrs.field(default=(), converter=tuple)
    exclude: Tuple[str, ...] = attrs.field(default=(), converter=tuple)
    size_limit: int = SIZE_LIMIT

    def source(self, deployment: CompleteSpec) -> Source:
        """Return the bundle, and what is not known of the project."""
        flow = deployment.flow
        selection = Selection(self.include, self.exclude, self.size_limit)
        found = find_project(flow.script, self.root, self.paths, selection)
        bundle = Bundle(found.files, found.module, found.file, flow.variable, found.search_paths)
        files = {path: hashlib.sha256(content).hexdigest() for path, content in found.files.items()}
        return Source(pack(bundle), flow, found.notes, files)
