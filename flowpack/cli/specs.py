"""From the arguments of ``deploy`` and ``plan`` to deployment specs."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import attrs

from flowpack.cli import output
from flowpack.cli.parameters import given_parameters
from flowpack.cli.parser import UsageError
from flowpack.deployments.specfiles import is_prefect_yaml, is_spec_file, load_specs, runs_code
from flowpack.deployments.spec import DeploymentSpec
from flowpack.exceptions import printable, quoted
from flowpack.models import FlowRunnerSettings
from flowpack.packaging.script import known_schema
from flowpack.schedules import CronSchedule, IntervalSchedule, RRuleSchedule, Schedule
from flowpack.urls import mask_text

if TYPE_CHECKING:
    from flowpack.deployments.prefect_yaml import PrefectFile
    from flowpack.packaging import ProjectPackager

#: The options that set a field of a script's spec, and that field.
_FIELDS = {
    "storage": "flow_storage",
    "description": "description",
    "version": "version",
    "tag": "tags",
    "paused": "paused",
    "pool": "work_pool",
    "create_pool": "create_work_pool",
    "queue": "work_queue",
    "pull": "pull",
    "pull_requires": "pull_requires",
    "no_enforce_parameters": "enforce_parameter_schema",
    "label": "labels",
    "job_variable": "job_variables",
    "replace_schedules": "replace_schedules",
}

#: The options that set a field of a project's packager, and that field.
_PROJECT = {"path": "paths", "include": "include", "exclude": "exclude", "size_limit": "size_limit"}

#: The same, of a concurrency limit.
_LIMIT = {
    "concurrency_limit": "limit",
    "collision_strategy": "collision_strategy",
    "grace_period": "grace_period_seconds",
}

#: All options that set something of a script's spec; spec files have such things themselves.
_FOR_SCRIPTS = (
    *("name", "runner", "env", "image", "runner_config", "no_tags", *_FIELDS),
    *("param", "params", "no_params", "cron", "interval", "rrule", "no_schedule", "timezone"),
    *("project", *_PROJECT, *_LIMIT),
)

#: Those that set what a prefect.yaml does not have itself, and all that go with one.
_BESIDE_PREFECT_YAML = ("storage", "create_pool", "pull", "pull_requires", "replace_schedules")
_FOR_PREFECT_YAML = (*_BESIDE_PREFECT_YAML, "name", "all", "ignore", "project", *_PROJECT)


class Target(NamedTuple):
    """Something to deploy."""

    location: str  # Path or URL.
    flow_name: Optional[str]  # Which flow of a script; None for its only one.
    is_spec_file: bool
    is_prefect_yaml: bool = False


def read_targets(arguments: Namespace) -> Tuple[Target, ...]:
    """Return the targets; options that do not go together are refused."""
    files = arguments.prefect_file
    kinds = {"spec": arguments.spec, "script": arguments.script, "prefect_file": files is not None}
    texts = [*filter(None, files or ()), *arguments.targets]
    targets = tuple(find_target(text, **kinds) for text in texts)
    if arguments.no_params and (arguments.param or arguments.params is not None):
        raise UsageError("--no-params removes the parameters that -p and --params give")
    options = (*_FOR_SCRIPTS, "all", "ignore")
    given = [name for name in options if getattr(arguments, name) is not None]
    for target in targets:
        kind, hint, fitting = "a script", "", _FOR_SCRIPTS
        if target.is_prefect_yaml:
            kind, fitting = "a prefect.yaml, which has such things itself", _FOR_PREFECT_YAML
        elif target.is_spec_file:
            kind, fitting = "a spec file, which has such things itself", ()
            hint = "; if it is a script, give --script"
        refused = [f"--{name.replace('_', '-')}" for name in given if name not in fitting]
        if refused:
            hint = "; it has the key project: for that" if "--project" in refused else hint
            shown = ", ".join(refused).replace("--paused", "--paused, --active")
            where = printable(target.location)
            raise UsageError(f"{shown} cannot be given with {kind}, and {where} is one{hint}")
    if arguments.name and len(targets) > 1 and any(each.is_prefect_yaml for each in targets):
        raise UsageError("--name means deployments of the prefect.yaml; give that alone")
    return targets


def find_target(
    text: str, *, spec: bool = False, script: bool = False, prefect_file: bool = False
) -> Target:
    """Return what ``SCRIPT[:FLOW]`` or ``SPECFILE`` means.

    Python files are spec files with *spec*, scripts with *script*, whatever they look like; with
    *prefect_file* it is a ``prefect.yaml``, whatever its name.
    """
    if prefect_file and text.strip():
        return Target(text, None, True, True)
    location, flow_name = split_target(text)
    if not location.strip() or (flow_name is not None and not flow_name.strip()):
        raise UsageError(f"{quoted(mask_text(text))} is no SCRIPT[:FLOW] and no SPECFILE")
    is_script = flow_name is not None or _is_url(location)
    if is_script and spec:
        raise UsageError(f"{quoted(mask_text(text))} means a script and cannot be a --spec file")
    if is_script or (script and location.lower().endswith(".py")):
        return Target(location, flow_name, False)
    return Target(location, None, spec or is_spec_file(location), is_prefect_yaml(location))


def split_target(text: str) -> Tuple[str, Optional[str]]:
    """Return location and flow name of ``SCRIPT[:FLOW]``.

    A colon may be part of a path or a URL: what exists as a file comes first.
    """
    if _is_url(text):
        path = text.partition("://")[2].partition("/")[2]
        _, colon, flow_name = path.rpartition("/")[2].partition(":")
        if not colon or "?" in text:
            return text, None
        return text[: -len(flow_name) - 1], flow_name
    if os.path.exists(text):
        return text, None
    splits = [(text[:at], text[at + 1 :]) for at, letter in enumerate(text) if letter == ":"]
    for location, flow_name in reversed(splits):
        if os.path.isfile(os.path.expanduser(location)):
            return location, flow_name
    return splits[0] if splits else (text, None)


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def make_specs(
    targets: Sequence[Target], arguments: Namespace
) -> Tuple[Tuple[DeploymentSpec, ...], Tuple[str, ...]]:
    """Return the specs of all *targets*, in order, and notes; spec files in Python are run."""
    specs: List[DeploymentSpec] = []
    notes: List[str] = []
    options = {} if all(each.is_spec_file for each in targets) else _script_options(arguments)
    for target in targets:
        path = target.location
        if target.is_prefect_yaml:
            file = _load_prefect_yaml(path, arguments)
            specs += file.specs
            notes += [f"note: {path}: {note}" for note in file.notes]
        elif target.is_spec_file:
            if runs_code(path):
                output.note(f"running {path} for its deployments")
            # What the file prints is no result of ours.
            with output.user_code(aside=True):
                specs += load_specs(path)
        else:
            spec = DeploymentSpec(flow_location=path, flow_name=target.flow_name, **options)
            given = given_parameters(arguments, lambda: known_schema(spec.find_flow()))
            specs.append(spec if given is None else attrs.evolve(spec, parameters=given))
    return tuple(specs), tuple(notes)


def _load_prefect_yaml(path: str, arguments: Namespace) -> PrefectFile:
    # Imported here because it is slow to load, and most commands read none.
    from flowpack.deployments.prefect_yaml import load_prefect_yaml

    options = _given(arguments, {name: _FIELDS[name] for name in _BESIDE_PREFECT_YAML})
    _add_packager(arguments, options, root=os.path.dirname(os.path.abspath(path)))
    ignore = arguments.ignore or ()
    return load_prefect_yaml(path, arguments.name or (), ignore=ignore, **options)


def _given(arguments: Namespace, fields: Mapping[str, str]) -> Dict[str, Any]:
    """Return the values of the options that are given, by the *fields* that they set."""
    values = {field: getattr(arguments, name) for name, field in fields.items()}
    return {field: value for field, value in values.items() if value is not None}


def project_packager(arguments: Namespace, **defaults: Any) -> ProjectPackager:
    """Return the packager that the options mean, with *defaults* for what is not given."""
    # Imported here because it is slow to load, and most commands package single scripts.
    from flowpack.packaging.project import ProjectPackager

    root = {"root": arguments.project} if arguments.project else {}
    return ProjectPackager(**{**defaults, **root, **_given(arguments, _PROJECT)})


def _add_packager(arguments: Namespace, options: Dict[str, Any], **defaults: Any) -> None:
    """Have *options* for specs package projects if that is asked for."""
    if arguments.project is not None:
        storage = options.pop("flow_storage", None)
        options["packager"] = project_packager(arguments, storage=storage, **defaults)
    elif _given(arguments, _PROJECT):
        raise UsageError("--path, --include, --exclude and --size-limit go with --project")


def _script_options(arguments: Namespace) -> Dict[str, Any]:
    """Return the fields of specs that the options set for every script."""
    options = _given(arguments, _FIELDS)
    if arguments.no_tags:
        options["tags"] = ()
    if arguments.no_params:
        options["parameters"] = {}
    limit = _given(arguments, _LIMIT)
    if limit:
        if "limit" not in limit:
            problem = "--collision-strategy and --grace-period can only be given with"
            raise UsageError(f"{problem} --concurrency-limit")
        options["concurrency_limit"] = limit if len(limit) > 1 else limit["limit"]
    _add_packager(arguments, options)
    return {
        "name": arguments.name[-1] if arguments.name else None,
        **_schedules(arguments),
        "flow_runner": _flow_runner(arguments),
        **options,
    }


def _schedules(arguments: Namespace) -> Dict[str, Any]:
    """Return the fields of schedules; the time zone holds for all of them."""
    zone = arguments.timezone
    given: List[Schedule] = [CronSchedule(text, timezone=zone) for text in arguments.cron or ()]
    given += [IntervalSchedule(text, timezone=zone) for text in arguments.interval or ()]
    given += [RRuleSchedule(text, timezone=zone) for text in arguments.rrule or ()]
    if zone is not None and not given:
        raise UsageError("--timezone can only be given with a schedule")
    if given or arguments.no_schedule:
        return {"schedules": given}
    if arguments.replace_schedules:
        raise UsageError("--replace-schedules needs schedules, or --no-schedule")
    return {}


def _flow_runner(arguments: Namespace) -> Optional[FlowRunnerSettings]:
    kind, config = arguments.runner, dict(arguments.runner_config or {})
    env = config.get("env") or {}
    if arguments.env is not None and isinstance(env, dict):
        config["env"] = {**env, **arguments.env}
    if arguments.image is not None:
        if kind not in (None, "docker", "kubernetes"):
            raise UsageError(f"--image cannot be given with --runner {kind}")
        config["image"] = arguments.image
    return FlowRunnerSettings(kind, config) if kind or config else None
