"""``flowpack plan``: say what ``deploy`` would do; nothing is written."""

from __future__ import annotations

from argparse import Namespace
from typing import Sequence

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.specs import make_specs, read_targets
from flowpack.client import Client
from flowpack.deployments.planning import plan
from flowpack.deployments.spec import DeploymentSpec


def run(arguments: Namespace) -> None:
    """Show the plan of what the arguments say."""
    targets = read_targets(arguments)
    with connect(arguments) as client:
        specs = make_specs(targets, arguments, client)
        show(specs, client, arguments)


def show(
    specs: Sequence[DeploymentSpec], client: Client, arguments: Namespace
) -> None:
    """Print the plan of *specs*."""
    made = plan(specs, client, confirm=arguments.confirm)
    if arguments.json:
        output.text(made.to_json())
    else:
        output.lines(str(made))
