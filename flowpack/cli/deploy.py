"""``flowpack deploy``: package flows and register them as deployments."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Dict, Iterable, Sequence

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.plan import show
from flowpack.cli.specs import make_specs, read_targets
from flowpack.client import Client
from flowpack.deployments.actions import Deployed
from flowpack.deployments.plan import deploy
from flowpack.deployments.spec import DeploymentSpec
from flowpack.exceptions import DeploymentsFailedError, printable


def run(arguments: Namespace) -> None:
    """Deploy what the arguments say, or with ``--plan`` say what would be done."""
    targets = read_targets(arguments)
    with connect(arguments) as client:
        specs = make_specs(targets, arguments, client)
        if arguments.plan:
            show(specs, client, as_json=arguments.json)
            return
        warn_of_schedules(specs, client)
        try:
            deployed = deploy(
                specs,
                client,
                jobs=arguments.jobs,
                fail_fast=arguments.fail_fast,
                confirm=arguments.confirm,
            )
        except DeploymentsFailedError as exc:
            _report(exc.deployed, as_json=arguments.json, many=True)
            raise
    _report(deployed, as_json=arguments.json, many=len(specs) > 1)


def warn_of_schedules(specs: Iterable[DeploymentSpec], client: Client) -> None:
    """Say it in one line if schedules are set that nobody will follow."""
    if not client.embedded:
        return
    count = sum(1 for spec in specs if spec.schedule)
    if count:
        what = "the schedule is" if count == 1 else f"{count} schedules are"
        output.warning(
            f"{what} only kept: no server runs behind the embedded API, so it starts"
            " no runs"
        )


def _report(deployed: Sequence[Deployed], *, as_json: bool, many: bool) -> None:
    if as_json:
        documents = [_document(each) for each in deployed]
        output.document(documents if many else documents[0])
        return
    for each in deployed:
        output.text(_line(each))


def _line(each: Deployed) -> str:
    facts = (each.storage_type, each.sha256 and each.sha256[:12], each.api)
    told = ", ".join(printable(fact) for fact in facts if fact)
    return f"{each.action} {printable(each.full_name)} ({told})"


def _document(each: Deployed) -> Dict[str, Any]:
    return {
        "id": each.id,
        "flow_id": each.flow_id,
        "name": each.full_name,
        "action": each.action,
        "storage": {"type": each.storage_type, "document_id": each.document_id},
        "key": each.key,
        "sha256": each.sha256,
        "api": each.api,
    }
