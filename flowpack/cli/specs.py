"""From the arguments of ``deploy`` and ``plan`` to deployment specs."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

import attrs

from flowpack.analysis.discovery import select_flow
from flowpack.blocks.where import parse_where
from flowpack.cli import output
from flowpack.cli.parser import UsageError
from flowpack.cli.targets import Target, find_targets
from flowpack.cli.values import is_str, parse_json, read_values, unique
from flowpack.client import Client
from flowpack.deployments.source import read_script
from flowpack.deployments.spec import DeploymentSpec
from flowpack.exceptions import printable
from flowpack.models import UNSET, FlowRunnerSettings, Unset
from flowpack.schedules import (
    CronSchedule,
    IntervalSchedule,
    RRuleSchedule,
    Schedule,
)

#: Where the parser keeps the options that say of a script's deployment what a spec
#: file says itself, and what they are called.
_FOR_SCRIPTS = {
    "name": "--name",
    "description": "--description",
    "version": "--version",
    "storage": "--storage",
    "runner": "--runner",
    "env": "--env",
    "image": "--image",
    "runner_config": "--runner-config",
    "param": "--param",
    "tag": "--tag",
    "no_tags": "--no-tags",
    "cron": "--cron",
    "interval": "--interval",
    "rrule": "--rrule",
    "no_schedule": "--no-schedule",
    "timezone": "--timezone",
    "paused": "--paused, --active",
    "pool": "--pool",
    "create_pool": "--create-pool",
    "queue": "--queue",
    "pull": "--pull",
    "pull_requires": "--pull-requires",
    "concurrency_limit": "--concurrency-limit",
    "label": "--label",
}


def read_targets(arguments: Namespace) -> Tuple[Target, ...]:
    """Return what is to be deployed; options that do not go together are refused.

    Raises:
        UsageError: They do not.
    """
    targets = find_targets(
        arguments.targets, spec=arguments.spec, script=arguments.script
    )
    given = {
        name: option
        for name, option in _FOR_SCRIPTS.items()
        if getattr(arguments, name) is not None
    }
    for target in targets:
        if target.is_spec_file and given:
            raise UsageError(
                f"{', '.join(given.values())} cannot be given with a spec file, which"
                f" says such things itself, and {printable(target.location)} is one;"
                " if it is a script, say --script"
            )
    return targets


def make_specs(
    targets: Iterable[Target], arguments: Namespace, client: Client
) -> Tuple[DeploymentSpec, ...]:
    """Return the specs of all *targets*, in order; spec files in Python are run.

    Raises:
        UsageError: Options do not go together.
        SpecError: A spec or a file of specs is wrong.
        FlowpackError: A script or a storage cannot be read.
    """
    specs: List[DeploymentSpec] = []
    common: Optional[Dict[str, Any]] = None
    for target in targets:
        if target.is_spec_file:
            specs += _load(target.location)
            continue
        if common is None:
            common = _common(arguments, client)
        specs.append(_script_spec(target, common, arguments.param))
    return tuple(specs)


def _load(path: str) -> Iterable[DeploymentSpec]:
    from flowpack.deployments.files import load_specs, runs_code

    if runs_code(path):
        output.note(f"running {path} for its deployments")
    # What the file prints is no result of ours.
    with output.users_code(aside=True):
        return load_specs(path)


def _common(arguments: Namespace, client: Client) -> Dict[str, Any]:
    """Return what the options say of every script's deployment."""
    storage = arguments.storage
    given = {
        "tags": () if arguments.no_tags else arguments.tag,
        "paused": arguments.paused,
        "description": arguments.description,
        "version": arguments.version,
        "work_pool": arguments.pool,
        "create_work_pool": arguments.create_pool,
        "work_queue": arguments.queue,
        "pull": arguments.pull,
        "pull_requires": arguments.pull_requires,
        "concurrency_limit": arguments.concurrency_limit,
        "labels": None if arguments.label is None else unique(arguments.label),
    }
    return {
        "name": arguments.name,
        "schedule": _schedule(arguments),
        "flow_runner": _runner(arguments),
        "flow_storage": None if storage is None else parse_where(storage, client),
        **{key: value for key, value in given.items() if value is not None},
    }


def _script_spec(
    target: Target, common: Dict[str, Any], pairs: Optional[List[Tuple[str, str]]]
) -> DeploymentSpec:
    spec = DeploymentSpec(
        flow_location=target.location, flow_name=target.flow_name, **common
    )
    if pairs is None:
        return spec
    texts: Dict[str, bool] = {}

    def takes_text(key: str) -> bool:
        if not texts:
            flow = select_flow(read_script(spec.flow_location or ""), spec.flow_name)
            texts.update((name, is_str(each)) for name, each in flow.parameters.items())
        return texts.get(key, False)

    return attrs.evolve(spec, parameters=read_values(pairs, takes_text))


def _schedule(arguments: Namespace) -> Union[Schedule, None, Unset]:
    zone = arguments.timezone
    if arguments.cron is not None:
        return CronSchedule(arguments.cron, timezone=zone)
    if arguments.interval is not None:
        return IntervalSchedule(arguments.interval, timezone=zone)
    if arguments.rrule is not None:
        return RRuleSchedule(arguments.rrule, timezone=zone)
    if zone is not None:
        raise UsageError("--timezone can only be given with a schedule")
    return None if arguments.no_schedule else UNSET


def _runner(arguments: Namespace) -> Optional[FlowRunnerSettings]:
    kind = arguments.runner
    config = _config(arguments.runner_config)
    if arguments.env is not None:
        env = config.get("env") or {}
        if isinstance(env, dict):
            config["env"] = {**env, **unique(arguments.env)}
    if arguments.image is not None:
        if kind not in (None, "docker", "kubernetes"):
            raise UsageError(f"--image cannot be given with --runner {kind}")
        config["image"] = arguments.image
    return FlowRunnerSettings(kind, config) if kind or config else None


def _config(text: Optional[str]) -> Dict[str, Any]:
    if text is None:
        return {}
    try:
        config = parse_json(text)
    except ValueError:
        config = None
    if not isinstance(config, dict):
        # The text is not shown: there may be secrets in it.
        raise UsageError("--runner-config must be a JSON object")
    return config
