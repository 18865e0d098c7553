"""``flowpack ls``, ``inspect``, ``delete``, ``pause`` and ``resume``."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta
from typing import Any, Dict, Mapping, Optional

from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.storage import block_facts
from flowpack.client import Client
from flowpack.deployments.load import find_deployment, find_deployments
from flowpack.deployments.masking import mask_env
from flowpack.exceptions import ObjectNotFound, printable
from flowpack.models import AnySchedule, Deployment, OpaqueSchedule
from flowpack.schedules import CronSchedule, IntervalSchedule
from flowpack.wire.conversion import write_schedule
from flowpack.wire.concurrency import limit_runs, shared_limit
from flowpack.wire.job_variables import variables_of

#: What ``inspect`` shows besides where the server has it; none of it is secret.
_FURTHER = (
    *("description", "version", "entrypoint", "work_pool_name", "work_queue_name"),
    *("concurrency_limit", "labels"),
)


def ls(arguments: Namespace) -> None:
    """List all deployments by name."""
    with connect(arguments) as client:
        deployments = find_deployments(client)
        url = client.url
    documents = [deployment_facts(name, each) for name, each in deployments.items()]
    headings = ("NAME", "SCHEDULE", "ACTIVE", "TAGS", "RUNNER", "UPDATED")
    rows = [
        (
            facts["name"],
            describe_schedule(deployment.schedule),
            *(facts["active"], facts["tags"], facts["runner"]),
            deployment.updated and deployment.updated.strftime("%Y-%m-%d %H:%M:%S"),
        )
        for facts, deployment in zip(documents, deployments.values())
    ]
    nothing = f"no deployments at {url}"
    output.result(documents, output.table(headings, rows), as_json=arguments.json, if_empty=nothing)


def inspect(arguments: Namespace) -> None:
    """Show a deployment and where its script is, without secrets."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        facts = deployment_facts(arguments.deployment, deployment)
        extra = deployment.extra
        facts.update({key: extra[key] for key in _FURTHER if key in extra})
        if "concurrency_limit" in extra:
            facts["concurrency_limit"] = limit_runs(extra)
            facts["concurrency_options"] = extra.get("concurrency_options")
            facts["shared_concurrency_limit"] = shared_limit(extra)
        facts["parameters"] = deployment.parameters
        if {"job_variables", "infra_overrides"} & extra.keys():
            facts["job_variables"] = mask_env(variables_of(extra))
        config = deployment.flow_runner and deployment.flow_runner.config
        config = mask_env(config) if isinstance(config, Mapping) else {}
        facts["runner"] = {"type": facts["runner"], "config": config}
        facts.update(script_facts(deployment, client))
    lines = output.facts({**facts, "schedule": describe_schedule(deployment.schedule)})
    output.result(facts, lines, as_json=arguments.json)


def delete(arguments: Namespace) -> None:
    """Delete a deployment; what it stored stays."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        client.delete_deployment(deployment.id)
    _print_action("deleted", deployment, arguments)


def pause(arguments: Namespace) -> None:
    """Pause the schedule of a deployment."""
    _set_active(False, arguments)


def resume(arguments: Namespace) -> None:
    """Resume the schedule of a deployment."""
    _set_active(True, arguments)


def _set_active(active: bool, arguments: Namespace) -> None:
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        client.set_schedule_active(deployment.id, active)
    if deployment.schedule is None:
        output.note(f"{arguments.deployment} has no schedule now")
    _print_action("resumed" if active else "paused", deployment, arguments)


def _print_action(action: str, deployment: Deployment, arguments: Namespace) -> None:
    name = arguments.deployment
    document = {"id": deployment.id, "name": name, "action": action}
    output.result(document, [f"{action} {printable(name)}"], as_json=arguments.json)


def deployment_facts(name: str, deployment: Deployment) -> Dict[str, Any]:
    """Return what ``ls`` and ``inspect`` both show of the deployment *name*."""
    kind = deployment.flow_runner and deployment.flow_runner.type
    return {
        "id": deployment.id,
        "name": name,
        "flow_id": deployment.flow_id,
        "schedule": write_schedule(deployment.schedule),
        "active": deployment.is_schedule_active,
        "tags": deployment.tags,
        "runner": kind if isinstance(kind, str) else None,
        "created": deployment.created,
        "updated": deployment.updated,
    }


def describe_schedule(schedule: Optional[AnySchedule]) -> Optional[str]:
    """Return *schedule* in a few words; None where there is none."""
    if schedule is None:
        return None
    if isinstance(schedule, OpaqueSchedule):
        return "of an unknown kind"
    if isinstance(schedule, IntervalSchedule):
        text = f"every {_in_largest_unit(schedule.interval)}"
    elif isinstance(schedule, CronSchedule):
        text = f"cron {schedule.cron}"
    else:
        text = f"rrule {schedule.rrule}"
    return f"{text} ({schedule.timezone})" if schedule.timezone else text


def _in_largest_unit(interval: timedelta) -> str:
    seconds = interval.total_seconds()
    for unit, letter in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds / unit:.0f} {letter}"
    return f"{seconds:g} s"


def script_facts(deployment: Deployment, client: Client) -> Dict[str, Any]:
    """Return where a deployment's script is, as far as that is known."""
    storage: Optional[Dict[str, Any]] = None
    stored = deployment.stored_object
    if stored and stored.block_document_id is not None:
        try:
            storage = block_facts(client.read_block_document(stored.block_document_id))
        except ObjectNotFound:
            storage = {"id": stored.block_document_id, "name": "deleted"}
    return {
        "encoding": deployment.flow_data and deployment.flow_data.encoding,
        "storage": storage,
        "key": stored and stored.token,
        "sha256": stored and stored.sha256,
    }
