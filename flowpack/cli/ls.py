"""``flowpack ls``: list deployments."""

from __future__ import annotations

from argparse import Namespace
from typing import Dict, List

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.records import deployment_facts, runner_type, schedule_text
from flowpack.client import Client
from flowpack.models import Deployment


def run(arguments: Namespace) -> None:
    """List all deployments by name."""
    with connect(arguments) as client:
        found = list_deployments(client)
        where = client.url
    if arguments.json:
        output.document([deployment_facts(name, each) for name, each in found.items()])
    elif found:
        headings = ("NAME", "SCHEDULE", "ACTIVE", "TAGS", "RUNNER", "UPDATED")
        output.table(headings, [_row(name, each) for name, each in found.items()])
    else:
        output.note(f"no deployments at {where}")


def list_deployments(client: Client) -> Dict[str, Deployment]:
    """Return all deployments by their full names, sorted."""
    deployments = client.read_deployments()
    flows = {flow.id: flow.name for flow in client.read_flows()} if deployments else {}
    named = {
        f"{flows.get(each.flow_id, each.flow_id)}/{each.name}": each
        for each in deployments
    }
    return dict(sorted(named.items()))


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
