"""``flowpack deploy``: package flows and register them as deployments."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Dict, Sequence

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.plan import show
from flowpack.cli.progress import progress_of
from flowpack.cli.specs import make_specs, read_targets
from flowpack.deployments.actions import Deployed
from flowpack.deployments.applying import deploy
from flowpack.exceptions import (
    DeploymentsFailedError,
    SpecError,
    printable,
)

#: Longest file with a plan that is read, in bytes.
PLAN_LIMIT = 64 * 1024 * 1024


def run(arguments: Namespace) -> None:
    """Deploy what the arguments say, or with ``--plan`` say what would be done."""
    targets = read_targets(arguments)
    planned = None if arguments.plan_file is None else read_plan(arguments.plan_file)
    with connect(arguments) as client:
        specs = make_specs(targets, arguments, client)
        if arguments.plan:
            show(specs, client, arguments)
            return
        try:
            with progress_of(len(specs)) as progress:
                deployed = deploy(
                    specs,
                    client,
                    jobs=arguments.jobs,
                    fail_fast=arguments.fail_fast,
                    confirm=arguments.confirm,
                    progress=progress,
                    planned=planned,
                )
        except DeploymentsFailedError as exc:
            _report(exc.deployed, as_json=arguments.json, many=True)
            raise
    _report(deployed, as_json=arguments.json, many=len(specs) > 1)


def read_plan(path: str) -> str:
    """Return the plan in the file at *path*, as JSON.

    Raises:
        SpecError: It cannot be read, or is no plan.
    """
    from flowpack._files import UNREADABLE, read_file, reason
    from flowpack.deployments.actions import parse_plan

    try:
        text = read_file(path, PLAN_LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise SpecError(path, ["this is no plan, for it is not UTF-8"]) from exc
    except UNREADABLE as exc:
        raise SpecError(path, [f"{reason(exc)}; give a plan"]) from exc
    parse_plan(text, path)
    return text


def _report(deployed: Sequence[Deployed], *, as_json: bool, many: bool) -> None:
    if as_json:
        documents = [_document(each) for each in deployed]
        output.document(documents if many else documents[0])
    else:
        for each in deployed:
            output.text(_line(each))
    for each in deployed:
        for note in each.notes:
            output.note(f"note: {each.full_name}: {note}")


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
