"""``flowpack ls``, ``inspect``, ``delete``, ``pause`` and ``resume``."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Dict, Mapping, Optional, Sequence

import attrs

from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.storage import block_facts
from flowpack.client import Client
from flowpack.deployments.load import find_deployment, find_deployments
from flowpack.deployments.masking import mask_env
from flowpack.exceptions import ObjectNotFound, printable
from flowpack.models import Deployment, ScheduleRecord
from flowpack.wire.conversion import describe_schedule, write_schedule
from flowpack.wire.prefect3 import concurrency_limit

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
            "; ".join(map(_describe_record, deployment.schedules)),
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
            facts["concurrency_limit"] = concurrency_limit(extra)
        facts["parameters"] = deployment.parameters
        config = deployment.flow_runner and deployment.flow_runner.config
        config = mask_env(config) if isinstance(config, Mapping) else {}
        facts["runner"] = {"type": facts["runner"], "config": config}
        facts.update(script_facts(deployment, client))
    shown = {**facts, "schedule": _schedule_lines(deployment.schedules)}
    del shown["schedules"]
    output.result(facts, output.facts(shown), as_json=arguments.json)


def delete(arguments: Namespace) -> None:
    """Delete a deployment; what it stored stays."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        client.delete_deployment(deployment.id)
    _print_action("deleted", deployment, arguments)


def pause(arguments: Namespace) -> None:
    """Pause a deployment: none of its schedules makes runs."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        client.set_schedule_active(deployment.id, False)
    _note_schedules(deployment, arguments.deployment, resumed=False)
    _print_action("paused", deployment, arguments)


def resume(arguments: Namespace) -> None:
    """Resume a deployment, with ``--schedules`` also those of them that were switched off."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        for each in deployment.schedules:
            if arguments.schedules and each.id is not None and not each.active:
                client.set_one_schedule_active(deployment.id, each, True)
        client.set_schedule_active(deployment.id, True)
        deployment = client.read_deployment(deployment.id)
    _note_schedules(deployment, arguments.deployment, resumed=True)
    _print_action("resumed", deployment, arguments)


def _note_schedules(deployment: Deployment, name: str, *, resumed: bool) -> None:
    """Print which schedules a deployment has, and which stay inactive though it was resumed."""
    if not deployment.schedules:
        output.note(f"{name} has no schedule now")
    for each in deployment.schedules:
        if resumed and not each.active:
            further = f"stays inactive; flowpack resume {name} --schedules switches it on"
            output.note(f"the schedule {describe_schedule(each.schedule)} {further}")
        else:
            output.note(f"{name} has the schedule {_describe_record(each)}")


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
        "schedules": [
            {**attrs.asdict(each, recurse=False), "schedule": write_schedule(each.schedule)}
            for each in deployment.schedules
        ],
        "active": deployment.is_schedule_active,
        "tags": deployment.tags,
        "runner": kind if isinstance(kind, str) else None,
        "created": deployment.created,
        "updated": deployment.updated,
    }


def _describe_record(record: ScheduleRecord) -> str:
    """Return one of a deployment's schedules in a few words, with what is special about it."""
    marks = ("" if record.active else ", inactive", "" if record.own else ", not flowpack's")
    return f"{describe_schedule(record.schedule)}{''.join(marks)}"


def _schedule_lines(schedules: Sequence[ScheduleRecord]) -> Any:
    """Return all there is to know of each schedule; of several, under its number."""
    shown = []
    for each in schedules:
        further: Dict[str, Any] = {
            "slug": each.slug,
            "max_scheduled_runs": each.max_scheduled_runs,
            "anchor": getattr(each.schedule, "anchor_date", None),
            "parameters": each.parameters and output.cell(each.parameters),
        }
        words = [f", {name} {value}" for name, value in further.items() if value]
        shown.append(_describe_record(each) + "".join(words))
    numbered = {str(number): text for number, text in enumerate(shown, 1)}
    return numbered if len(shown) > 1 else "".join(shown)


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
