"""``flowpack inspect``: tell all about a deployment and where its script is."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Dict, Optional

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.records import (
    block_facts,
    deployment_facts,
    runner_config,
    schedule_text,
)
from flowpack.client import Client
from flowpack.deployments.load import find_deployment
from flowpack.exceptions import ObjectNotFound, WireError
from flowpack.models import DataDocument
from flowpack.wire.prefect3 import concurrency_limit

#: What newer servers keep besides, where it holds no secrets.
_FURTHER = (
    "description",
    "version",
    "entrypoint",
    "work_pool_name",
    "work_queue_name",
    "concurrency_limit",
    "labels",
)


def run(arguments: Namespace) -> None:
    """Print what there is to know, without secrets."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        facts = deployment_facts(arguments.deployment, deployment)
        further = deployment.extra
        facts.update({key: further[key] for key in _FURTHER if key in further})
        if "concurrency_limit" in further:
            facts["concurrency_limit"] = concurrency_limit(further)
        facts["parameters"] = deployment.parameters
        facts["runner"] = {
            "type": facts["runner"],
            "config": runner_config(deployment),
        }
        facts.update(script_facts(deployment.flow_data, client))
    if arguments.json:
        output.document(facts)
    else:
        facts["schedule"] = schedule_text(deployment.schedule)
        output.facts(output.flat(facts))


def script_facts(document: Optional[DataDocument], client: Client) -> Dict[str, Any]:
    """Return where a deployment's script is, as far as that can be told."""
    facts: Dict[str, Any] = {
        "encoding": document and document.encoding,
        "storage": None,
        "key": None,
        "sha256": None,
    }
    try:
        stored = document.stored_object if document is not None else None
    except WireError:
        return facts
    if stored is not None:
        facts.update(key=stored.token, sha256=stored.sha256)
        if stored.block_document_id is not None:
            try:
                found = client.read_block_document(stored.block_document_id)
                facts["storage"] = block_facts(found)
            except ObjectNotFound:
                facts["storage"] = {"id": stored.block_document_id, "name": "deleted"}
    return facts
