"""``flowpack ls``: list deployments."""

from __future__ import annotations

from argparse import Namespace
from typing import List

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.records import deployment_facts, runner_type, schedule_text
from flowpack.deployments.load import find_deployments
from flowpack.models import Deployment


def run(arguments: Namespace) -> None:
    """List all deployments by name."""
    with connect(arguments) as client:
        found = find_deployments(client)
        where = client.url
    if arguments.json:
        output.document([deployment_facts(name, each) for name, each in found.items()])
    elif found:
        headings = ("NAME", "SCHEDULE", "ACTIVE", "TAGS", "RUNNER", "UPDATED")
        output.table(headings, [_row(name, each) for name, each in found.items()])
    else:
        output.note(f"no deployments at {where}")


def _row(name: str, deployment: Deployment) -> List[object]:
    updated = deployment.updated
    return [
        name,
        schedule_text(deployment.schedule),
        deployment.is_schedule_active,
        deployment.tags,
        runner_type(deployment),
        updated and updated.strftime("%Y-%m-%d %H:%M:%S"),
    ]
