"""``flowpack pause`` and ``resume``: switch a deployment's schedule off and on."""

from __future__ import annotations

from argparse import Namespace

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.deployments.load import find_deployment
from flowpack.exceptions import printable


def run(arguments: Namespace) -> None:
    """Switch the schedule and say so."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        client.set_schedule_active(deployment.id, arguments.active)
    if deployment.schedule is None:
        output.note(f"{arguments.deployment} has no schedule now")
    action = "resumed" if arguments.active else "paused"
    if arguments.json:
        output.document(
            {"id": deployment.id, "name": arguments.deployment, "action": action}
        )
    else:
        output.text(f"{action} {printable(arguments.deployment)}")
