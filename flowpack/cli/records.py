"""What is told of deployments and of storage blocks, without secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Dict, Mapping, Optional

from flowpack.blocks.block import Block
from flowpack.blocks.secrecy import masked_data
from flowpack.blocks.secret import MASK
from flowpack.deployments.masking import mask_env
from flowpack.exceptions import BlockError
from flowpack.models import AnySchedule, BlockDocument, Deployment, OpaqueSchedule
from flowpack.schedules import CronSchedule, IntervalSchedule
from flowpack.wire.conversion import write_schedule


def deployment_facts(name: str, deployment: Deployment) -> Dict[str, Any]:
    """Return what every command that tells of *deployment* tells of it.

    Args:
        name: ``FLOW/DEPLOYMENT``.
        deployment: As the server has it.
    """
    return {
        "id": deployment.id,
        "name": name,
        "flow_id": deployment.flow_id,
        "schedule": write_schedule(deployment.schedule),
        "active": deployment.is_schedule_active,
        "tags": deployment.tags,
        "runner": runner_type(deployment),
        "created": deployment.created,
        "updated": deployment.updated,
    }


def runner_type(deployment: Deployment) -> Optional[str]:
    """Return the type of a deployment's flow runner, if it has one."""
    kind = deployment.flow_runner and deployment.flow_runner.type
    return kind if isinstance(kind, str) else None


def runner_config(deployment: Deployment) -> Dict[str, Any]:
    """Return the fields of a deployment's runner; of variables the names only.

    That goes for those of a manifest, and of a patch of one, too.
    """
    given = deployment.flow_runner and deployment.flow_runner.config
    config = dict(given) if isinstance(given, Mapping) else {}
    shown: Dict[str, Any] = mask_env(config)
    if isinstance(config.get("env"), dict):
        shown["env"] = dict.fromkeys(config["env"], MASK)
    return shown


def schedule_text(schedule: Optional[AnySchedule]) -> Optional[str]:
    """Return *schedule* in a few words; None where there is none."""
    if schedule is None:
        return None
    if isinstance(schedule, OpaqueSchedule):
        return "of a kind that is not known"
    if isinstance(schedule, IntervalSchedule):
        text = f"every {_duration(schedule.interval)}"
    elif isinstance(schedule, CronSchedule):
        text = f"cron {schedule.cron}"
    else:
        text = f"rrule {schedule.rrule}"
    return f"{text} ({schedule.timezone})" if schedule.timezone else text


def _duration(interval: timedelta) -> str:
    """Return *interval* in its largest whole unit."""
    for unit, letter in ((86400, "d"), (3600, "h"), (60, "min")):
        if interval % timedelta(seconds=unit) == timedelta(0):
            return f"{interval // timedelta(seconds=unit)} {letter}"
    return f"{interval.total_seconds():g} s"


def block_facts(document: BlockDocument) -> Dict[str, Any]:
    """Return what is told of a block document; secrets are masked."""
    return {
        "id": document.id,
        "type": block_type_name(document),
        "name": None if document.is_anonymous else document.name,
        "data": shown_data(document),
    }


def block_type_name(document: BlockDocument) -> Optional[str]:
    """Return the name of the type of *document*, if the server told it."""
    schema = document.block_schema
    block_type = document.block_type or (schema.block_type if schema else None)
    return None if block_type is None else block_type.name


def is_storage(document: BlockDocument) -> bool:
    """Say whether *document* is one of a storage."""
    schema = document.block_schema
    return schema is not None and "storage" in schema.capabilities


def shown_data(document: BlockDocument) -> Dict[str, Any]:
    """Return the data of *document* with secrets masked.

    Which fields are secret only the class knows: without it no value is shown.
    """
    try:
        secret = Block.from_document(document).definition().secret_fields
    except BlockError:
        return dict.fromkeys(document.data, MASK)
    return masked_data(document.data, secret)
