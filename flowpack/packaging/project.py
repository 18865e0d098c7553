"""Packaging a script with the files of its project that it needs, as one Python file."""

from __future__ import annotations

import os
from typing import Any, List, Optional, Tuple, Union

import attrs

from flowpack._callers import warn
from flowpack._files import absolute_path
from flowpack._validators import at_least, field_error, is_filled_text, validator
from flowpack.analysis.scopes import Modules
from flowpack.analysis.script import Script
from flowpack.exceptions import ProjectError, printable, quoted
from flowpack.packaging.base import CompleteSpec, once
from flowpack.packaging.script import SourcePackager
from flowpack.projects.bundle import Bundle, pack
from flowpack.projects.closure import Project, find_project
from flowpack.projects.reader import SIZE_LIMIT
from flowpack.projects.selection import Selection

#: So many hints at data files are notes of a plan.
_LISTED = 3


_check: Any = attrs.fields(Selection).include.validator


def _to_tuple(value: Union[List[str], Tuple[str, ...], None]) -> Any:
    return tuple(value or ()) if value is None or isinstance(value, list) else value


def _to_root(value: Union[str, os.PathLike[str], None]) -> Any:
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    try:
        return absolute_path(value) if isinstance(value, str) and value.strip() else value
    except ValueError as exc:
        raise field_error(ProjectPackager, "root", str(exc)) from None


@attrs.frozen
class ProjectPackager(SourcePackager):
    """Packages a script with the modules of its project that it imports, as one Python file.

    Agents, workers and ``flowpack run`` execute that file as any script. Nothing of the project
    is run to package it.

    Attributes:
        root: The project's folder; a relative path is taken from the working folder. None is the
            nearest folder above the script that holds a ``pyproject.toml``, ``setup.cfg``,
            ``setup.py``, ``prefect.yaml`` or ``.git``, else the script's own, or the working folder
            above it if only that has what the script imports.
        paths: Further folders in which modules are searched, relative to the root.
        include: Further files: paths, folders or patterns (``data/*.sql``, ``**/*.j2``) relative
            to the root, or names of modules. Files with secrets come only if they are named.
        exclude: What *include* does not bring, in the same form.
        size_limit: Largest sum of all files, in bytes.

    Raises:
        DeploymentValidationError: A value cannot be right, wherever it is used.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, ProjectPackager, deploy
        >>> packager = ProjectPackager(root=".", storage=FileStorageBlock("store"))
        >>> [done] = deploy(DeploymentSpec(flow_location="flows.py", packager=packager))
        >>> done.action
        'created'
    """

    root: Optional[str] = attrs.field(
        default=None, converter=_to_root, validator=validator(is_filled_text)
    )
    paths: Tuple[str, ...] = attrs.field(default=(), converter=_to_tuple, validator=_check)
    include: Tuple[str, ...] = attrs.field(default=(), converter=_to_tuple, validator=_check)
    exclude: Tuple[str, ...] = attrs.field(default=(), converter=_to_tuple, validator=_check)
    size_limit: int = attrs.field(default=SIZE_LIMIT, validator=validator(at_least(1, "bytes")))

    def find_project(self, script: Script) -> Project:
        """Return the files that *script* needs; reads only, and in a plan only once.

        Raises:
            ProjectError: They cannot be packaged.
            DiscoveryError: One of them cannot be read as Python.
        """
        if script.path is None:
            raise ProjectError(
                f"{printable(script.name)} is at a URL; give the path of a script, for the files"
                " of its project are read from its folder"
            )
        if self.root is not None and not os.path.isdir(self.root):
            raise ProjectError(f"the root of the project, {quoted(self.root)}, is no folder")
        selection = Selection(self.include, self.exclude, self.size_limit)
        wanted = (self.root, self.paths, selection)
        return once(
            ("project", script.path, script.sha256, *wanted), lambda: find_project(script, *wanted)
        )

    def link(self, script: Script) -> Script:
        """Return *script* with what it imports of its project; errors as of find_project."""
        return linked_script(self.find_project(script), script)

    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the project as one Python file, and ``file.py:function``."""
        flow = deployment.flow
        project = self.find_project(flow.script)
        bundle = Bundle(
            project.files,
            project.module,
            project.file,
            flow.variable,
            project.search_paths,
            added=frozenset(each.path for each in project.taken if each.added),
        )
        key = ("packed", id(project), flow.variable)  # In a plan the project stays.
        return once(key, lambda: pack(bundle)), flow.entrypoint

    def notes(self, deployment: CompleteSpec) -> Tuple[str, ...]:
        """Return what is missing in the project, or not certain."""
        script = deployment.flow.script
        project = self.find_project(script)
        # In a plan once for all deployments of the script.
        once(("warned", id(project)), lambda: _warn(script.name, project.problems))
        count = len(project.hints)
        further = (f"the code names {count} files that are not stored; flowpack explain shows all",)
        return (*project.notes, *project.hints[:_LISTED], *(further if count > _LISTED else ()))


def linked_script(project: Union[Project, Bundle], script: Optional[Script] = None) -> Script:
    """Return the *script* of a project, which sees what the project's other modules define."""

    def find(name: str) -> Optional[Script]:
        if name == project.module:
            return linked
        stems = [f"{base}/{name.replace('.', '/')}" for base in project.search_paths]
        paths = [f"{stem}{end}".lstrip("/") for stem in stems for end in ("/__init__.py", ".py")]
        for path in filter(project.files.__contains__, paths):
            return Script(project.files[path], path, module=name, resolve=modules)
        return None

    modules = Modules(find)
    script = script or Script(project.files[project.file], project.file)
    linked = attrs.evolve(script, module=project.module, resolve=modules)
    return linked


def _warn(name: str, problems: Tuple[str, ...]) -> None:
    for problem in problems:
        warn(f"{printable(name)}: {problem}")
