"""``flowpack delete``: delete a deployment; what it stored stays."""

from __future__ import annotations

from argparse import Namespace

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.deployments.load import find_deployment
from flowpack.exceptions import printable


def run(arguments: Namespace) -> None:
    """Delete the deployment and say so."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        client.delete_deployment(deployment.id)
    if arguments.json:
        output.document(
            {"id": deployment.id, "name": arguments.deployment, "action": "deleted"}
        )
    else:
        output.text(f"deleted {printable(arguments.deployment)}")
