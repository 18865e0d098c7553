"""Flows of several files, packed as one script.

``imports`` tells what a module imports, ``files`` what may be taken, ``finding``
which files a flow needs, and ``bundle`` writes them as one Python file and reads that
back. ``bootstrap`` is the code in it that a worker runs.
"""

from __future__ import annotations

from flowpack.projects.bundle import Bundle, changes, extract, is_bundle, pack, unpack
from flowpack.projects.reader import SIZE_LIMIT
from flowpack.projects.selection import Selection
from flowpack.projects.closure import Project, ProjectFile, find_files, find_root

__all__ = [
    "SIZE_LIMIT",
    "Bundle",
    "Project",
    "Selection",
    "ProjectFile",
    "changes",
    "extract",
    "find_files",
    "find_root",
    "is_bundle",
    "pack",
    "unpack",
]
