"""Packaging a script with the files of its project that it needs, as one Python file."""

from __future__ import annotations

import os
from typing import Any, Hashable, Optional, Tuple

import attrs

from flowpack._files import absolute_path
from flowpack._validators import at_least, field_error, instance_of, is_list_of_texts, validator
from flowpack.analysis.script import Script
from flowpack.client import Client
from flowpack.connect import using
from flowpack.exceptions import ProjectError, printable, quoted
from flowpack.packaging.base import CompleteSpec, Content, Package, SpecFields, known, reading_once
from flowpack.packaging.script import SourcePackager
from flowpack.projects.bundle import Bundle, pack
from flowpack.projects.closure import Project, find_project
from flowpack.projects.reader import SIZE_LIMIT
from flowpack.projects.scripts import link
from flowpack.projects.selection import Selection


def _to_root(value: Any) -> Any:
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(value, str):
        return value
    try:
        if not value.strip():
            raise ValueError("it is empty; leave it out to have the root found")
        return absolute_path(value)
    except ValueError as exc:
        raise field_error(ProjectPackager, "root", str(exc)) from None


def _to_texts(value: Any) -> Any:
    value = () if value is None else value
    return tuple(map(_to_text, value)) if isinstance(value, (list, tuple)) else value


def _to_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


_check_texts = validator(is_list_of_texts)


@attrs.frozen
class ProjectPackager(SourcePackager):
    """Packages a script with the modules of its project that it imports, as one Python file.

    Agents, workers and ``flowpack run`` execute that file as any script. Nothing of the project
    is run to package it.

    Attributes:
        root: The project's folder; a relative path is taken from the working folder. None is the
            nearest folder above the script that holds a ``pyproject.toml``, ``setup.cfg``,
            ``setup.py``, ``prefect.yaml`` or ``.git``, else the script's own.
        paths: Further folders in which modules are searched, relative to the root.
        include: Further files: paths, folders or patterns (``data/*.sql``, ``**/*.j2``) relative
            to the root, or names of modules. Files with secrets come only if they are named.
        exclude: What *include* and imports leave out, in the same form.
        size_limit: Largest sum of all files, in bytes.

    Raises:
        DeploymentValidationError: A value cannot be right, wherever it is used.
    """

    root: Optional[str] = attrs.field(
        default=None, converter=_to_root, validator=validator(instance_of(str, "a path"))
    )
    paths: Tuple[str, ...] = attrs.field(default=(), converter=_to_texts, validator=_check_texts)
    include: Tuple[str, ...] = attrs.field(default=(), converter=_to_texts, validator=_check_texts)
    exclude: Tuple[str, ...] = attrs.field(default=(), converter=_to_texts, validator=_check_texts)
    size_limit: int = attrs.field(default=SIZE_LIMIT, validator=validator(at_least(1, "bytes")))

    def find_project(self, script: Script) -> Project:
        """Return the files that *script* needs; reads only.

        Raises:
            ProjectError: They cannot be packaged.
            DiscoveryError: One of them cannot be read as Python.
        """
        if script.path is None:
            raise ProjectError(
                f"{printable(script.name)} has no files beside it that could be packaged, for it"
                " is at a URL; give the path of a script"
            )
        if self.root is not None and not os.path.isdir(self.root):
            raise ProjectError(f"the root of the project, {quoted(self.root)}, is no folder")
        selection = Selection(self.include, self.exclude, self.size_limit)
        return find_project(script, self.root, self.paths, selection)

    def link(self, script: Script) -> Script:
        """Return *script* with what it imports of its project; errors as of find_project."""
        project = self._project(script)
        return link(script, project.module, project.files, project.search_paths)

    def content(self, deployment: CompleteSpec) -> Tuple[bytes, str]:
        """Return the project as one Python file, and ``file.py:function``."""
        flow, read = deployment.flow, known()
        project = self._project(flow.script)
        key = (*self._key(flow.script), flow.variable)
        if key not in read:
            bundle = Bundle(
                files=project.files,
                module=project.module,
                file=project.file,
                flow=flow.variable,
                search_paths=project.search_paths,
                added=frozenset(each.path for each in project.taken if each.added),
            )
            read[key] = pack(bundle)
        return read[key], flow.entrypoint

    def prepare(self, deployment: SpecFields, client: Optional[Client] = None) -> Package:
        """Return what would be stored, with what is not known of the project; reads only."""
        with using(client) as api, reading_once():
            spec = self._complete(deployment, api)
            project = self._project(spec.flow.script)
            package = super().prepare(spec, api)
            files = {path: Content(data).sha256 for path, data in project.files.items()}
            return attrs.evolve(package, notes=(*project.notes, *package.notes), files=files)

    def _project(self, script: Script) -> Project:
        """Return the files that *script* needs; deployments of one plan share them."""
        key, read = self._key(script), known()
        if key not in read:
            read[key] = self.find_project(script)
        project: Project = read[key]
        return project

    def _key(self, script: Script) -> Tuple[Hashable, ...]:
        return attrs.evolve(self, storage=None), script.path, script.sha256
