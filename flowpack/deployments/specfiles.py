"""Files of deployment specs: ``.py``, ``.json``, ``.yaml`` and ``.yml``.

A Python file is run, and the specs that it makes meanwhile are collected. The others hold specs
as data::

    name: nightly
    flow_location: ./etl.py            # relative to this file
    flow_name: load
    parameters: {table: events}
    tags: [prod]
    schedule: {cron: "0 3 * * *", timezone: Europe/Paris}        # or: 0 3 * * *
    flow_runner: {type: docker, config: {env: {LEVEL: debug}}}   # or: docker
    flow_storage: s3://bucket          # or an id, or what --storage takes
    project: {root: .., include: [data/*.sql]}                   # or: true, or the root

JSON holds one such object or a list of them; YAML has one or a list of them in each document.
In texts ``{{ $NAME }}`` stands for an environment variable, which must be set.
The keys are the fields of :class:`~flowpack.DeploymentSpec`, which describes what null and a
missing key mean; those of ``project`` are the fields of :class:`~flowpack.ProjectPackager`.
"""

from __future__ import annotations

import ast
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List
from typing import Optional, Tuple, Union

import attrs

from flowpack._files import absolute_path
from flowpack._tracebacks import hides_locals
from flowpack.analysis.evaluate import read_value, truth
from flowpack.analysis.scopes import read_body
from flowpack.analysis.script import Script
from flowpack.analysis.values import Scope, Symbol, alternatives
from flowpack.blocks.storage_url import parse_storage_url
from flowpack.deployments.spec import DeploymentSpec, collecting
from flowpack.exceptions import (
    DeploymentValidationError,
    DiscoveryError,
    MissingFlowError,
    ScriptError,
    SpecError,
    UnspecifiedFlowError,
    quoted,
    suggestion,
)

if TYPE_CHECKING:
    from flowpack.deployments.datafiles import Value, ValueReader

_DATA_SUFFIXES = (".json", ".yaml", ".yml")

#: What makes specs, as Python files may import it.
_SPECS = (Symbol("flowpack.DeploymentSpec"), Symbol("flowpack.deployments.spec.DeploymentSpec"))

#: Fields that hold live objects, or are not for the author of a file.
_NOT_IN_FILES = frozenset({"flow", "packager", "source"})

#: The keys of a spec in a file.
KEYS = (
    *(field.name for field in attrs.fields(DeploymentSpec) if field.name not in _NOT_IN_FILES),
    "project",
)

#: The keys of a project in a file.
_PROJECT = ("root", "paths", "include", "exclude", "size_limit")

#: Where no quotes are needed around times in YAML, and where yes and no are truth values.
_TEXTS = (
    *("schedule", "schedule.anchor_date", "schedule.interval"),
    *("schedules[]", "schedules[].anchor_date", "schedules[].interval"),
)
_FLAGS = (
    *("paused", "replace_schedules", "schedule.day_or"),
    *("schedules[].day_or", "schedules[].active"),
    *("flow_runner.config.auto_remove", "flow_runner.config.stream_output"),
)


def is_spec_file(path: Union[str, os.PathLike[str]]) -> bool:
    """Return True if the file at *path* is one of specs, and not a script to deploy.

    The suffix decides for JSON and YAML. A ``.py`` file is one if it imports flowpack's
    ``DeploymentSpec`` and calls it, not only under a ``__main__`` guard; its source decides,
    and is not run. What cannot be read or parsed is none.
    """
    if not runs_code(path):
        return _suffix(path) in _DATA_SUFFIXES
    try:
        script = Script.read(path)
        if b"DeploymentSpec" not in script.content:
            return False
        called = [read_value(call.func, scope) for call, scope in _calls(script)]
    except DiscoveryError:
        return False
    return any(each in _SPECS for value in called for each in alternatives(value))


def is_prefect_yaml(path: Union[str, os.PathLike[str]]) -> bool:
    """Return True if the file at *path* has the name of the stock client's own."""
    return os.path.basename(os.fsdecode(path)) in ("prefect.yaml", "prefect.yml")


def runs_code(path: Union[str, os.PathLike[str]]) -> bool:
    """Return True if :func:`load_specs` runs the file at *path*, so that users hear of it."""
    return _suffix(path) == ".py"


def load_specs(path: Union[str, os.PathLike[str]]) -> Tuple[DeploymentSpec, ...]:
    """Return the specs in the file at *path*, in its order, one or more.

    Its suffix decides what it is. A ``.py`` file is run; a relative ``flow_location`` in it is
    taken from the working folder, as everywhere in Python. JSON and YAML are only read, and no
    script that they name is; relative paths are taken from the file's own folder. Of a
    ``prefect.yaml`` all deployments with a name are read; see
    :func:`flowpack.deployments.prefect_yaml.load_prefect_yaml`. Each spec has in ``source`` the
    file and line where it stands.

    Raises:
        SpecError: The file cannot be read, has no specs, or is wrong; all problems are listed
            at once, each with its line.
        DiscoveryError: A ``.py`` file cannot be read or parsed.
        ScriptError: A ``.py`` file failed while it ran.
        DeploymentValidationError: It made a spec that cannot be right; the error has the line.
    """
    shown, suffix = os.fsdecode(path), _suffix(path)
    if runs_code(path):
        return _run(Script.read(path))
    if is_prefect_yaml(path):
        # Imported here because it is slow to load, and most commands read none.
        from flowpack.deployments.prefect_yaml import load_prefect_yaml

        return load_prefect_yaml(path).specs
    if suffix in _DATA_SUFFIXES:
        return _load_data(shown, suffix)
    kinds = ", ".join((".py", *_DATA_SUFFIXES))
    problem = f"not {quoted(suffix)}" if suffix else "and this has no suffix"
    raise SpecError(shown, [f"specs are read from files in {kinds}, {problem}"])


def _suffix(path: Union[str, os.PathLike[str]]) -> str:
    return os.path.splitext(os.fsdecode(path))[1].lower()


# --- Python -------------------------------------------------------------------------------


def _calls(script: Script) -> Iterator[Tuple[ast.Call, Scope]]:
    """Yield every call that counts while *script* is loaded, with the names around it."""
    waiting: List[Tuple[ast.AST, Scope]] = [(script.tree, script.scope)]
    while waiting:
        node, scope = waiting.pop()
        if isinstance(node, ast.Call):
            yield node, scope
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            scope = read_body(node, scope)
        elif isinstance(node, ast.If):
            holds = truth(read_value(node.test, scope))
            children = [node.test, *(node.body if holds is not False else [])]
            children += node.orelse if holds is not True else []
        waiting += ((child, scope) for child in children)


def _run(script: Script) -> Tuple[DeploymentSpec, ...]:
    """Run *script* and return the specs that it made; which flows it has does not matter."""
    # Imported here because it is slow to load.
    from flowpack.loading import load_flow_from_script

    with collecting() as specs:
        try:
            with suppress(MissingFlowError, UnspecifiedFlowError):
                load_flow_from_script(script)
        except ScriptError as exc:
            if not isinstance(exc.user_exc, DeploymentValidationError):
                raise
            where = script.at(_failed_line(exc.user_exc, script))
            raise DeploymentValidationError(where, exc.user_exc.problems) from exc
    if not specs:
        problem = "it has no deployments: it made no flowpack.DeploymentSpec while it ran"
        raise SpecError(script.name, [problem])
    return tuple(specs)


def _failed_line(error: Exception, script: Script) -> Optional[int]:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in (script.path, script.name):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


# --- JSON and YAML ------------------------------------------------------------------------


@hides_locals
def _load_data(path: str, suffix: str) -> Tuple[DeploymentSpec, ...]:
    # Imported here because it is slow to load, and most commands read neither.
    from flowpack.deployments.datafiles import ValueReader, parse_json, parse_yaml, read_text
    from flowpack.deployments.datafiles import fill_text

    text = read_text(path)
    roots = parse_json(text, path) if suffix == ".json" else parse_yaml(text, path)
    reader = ValueReader(path, _TEXTS, _FLAGS, lambda text, path: fill_text(text))
    specs = [(value.line, _read_fields(value, path, reader)) for value in _mappings(roots, reader)]
    reader.raise_problems()
    if not specs:
        raise SpecError(path, ["there are no deployments in it"])
    source = os.path.abspath(path)
    return tuple(DeploymentSpec(source=f"{source}:{line}", **fields) for line, fields in specs)


def _mappings(roots: Iterable[Value], reader: ValueReader) -> Iterator[Value]:
    """Yield what is to become a spec; an empty document is nothing."""
    for root in roots:
        values = root.content if isinstance(root.content, list) else [root]
        for value in values if root.content is not None else []:
            if value.kind == "a mapping":
                yield value
                continue
            expected = f"expected a mapping with {', '.join(KEYS[:3])}, ..., not"
            reader.note(value.line, "", value.problem or f"{expected} {value.kind}")


def _read_fields(value: Value, path: str, reader: ValueReader) -> Dict[str, Any]:
    """Return the arguments of one spec in the file at *path*."""
    to_argument = partial(_to_argument, os.path.dirname(os.path.abspath(path)))
    fields: Dict[str, Any] = {}
    entries = reader.entries(value.content, "")
    for key, (line, below) in entries.items():
        if key == "project":
            fields.update(_read_project(line, below, reader, to_argument))
        elif key in KEYS:
            fields.update(reader.read_field(key, line, below, key, to_argument))
        else:
            reader.note(line, "", _unknown_key(key))
    if {"schedule", "schedules"} <= entries.keys():
        problem = "schedule is given, too; give one of them"
        reader.note(entries["schedules"][0], "schedules", problem)
    if not {"flow_location", "entrypoint"} & entries.keys():
        reader.note(value.line, "", "flow_location is missing; give the path or URL of the script")
    if "packager" in fields:
        packager, storage = fields["packager"], fields.pop("flow_storage", None)
        fields["packager"] = attrs.evolve(packager, storage=storage)
    return fields


def _read_project(
    line: int, value: Value, reader: ValueReader, to_argument: Callable[[str, Any], Any]
) -> Dict[str, Any]:
    """Return the packager that ``project: true``, a root or a mapping means, if one is meant."""
    # Imported here because they are slow to load, and few files have projects.
    from flowpack.deployments.datafiles import Pairs
    from flowpack.packaging.project import ProjectPackager

    if value.content in (None, False):
        return {}
    entries = {} if value.content is True else {"root": (line, value)}
    if isinstance(value.content, Pairs):
        entries = reader.entries(value.content, "project")
    fields: Dict[str, Any] = {}
    for key, (at, below) in entries.items():
        if key in _PROJECT:
            path = f"project.{key}"
            fields.update(reader.read_field(key, at, below, path, to_argument, ProjectPackager))
        else:
            hint = suggestion(key, _PROJECT) or f"; it takes {', '.join(_PROJECT)}"
            reader.note(at, "project", f"a project has no {quoted(key)}{hint}")
    return {"packager": ProjectPackager(**fields)}


def _to_argument(folder: str, key: str, value: Any) -> Any:
    """Return the argument that *value* means; paths are taken from *folder*."""
    if key in ("flow_location", "entrypoint") and value is None:
        raise ValueError("give the path or URL of the script")
    if key in ("flow_location", "entrypoint", "root") and isinstance(value, str):
        try:
            is_path = value.strip() and "://" not in value
            return absolute_path(value, cwd=folder) if is_path else value
        except ValueError as exc:
            raise ValueError(f"{quoted(value)}: {exc}") from exc
    if key == "flow_storage" and isinstance(value, str):
        return parse_storage_url(value, folder=folder)
    return value


def _unknown_key(key: str) -> str:
    if key in _NOT_IN_FILES:
        hint = "; files have project:" if key == "packager" else ""
        return f"{quoted(key)} can be given in Python only{hint}"
    if key == "deployments":
        return "this looks like a prefect.yaml; give --prefect-file if it has another name"
    hint = suggestion(key, KEYS) or f"; it takes {', '.join(KEYS)}"
    return f"a deployment has no {quoted(key)}{hint}"
