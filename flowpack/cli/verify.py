"""``flowpack verify``: read and hash again what deployments point at."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Dict, Sequence

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.deployments.verification import Finding, find_unreferenced, verify_all
from flowpack.exceptions import FlowpackError, printable


def run(arguments: Namespace) -> None:
    """Tell what was found; one that cannot be run as it was deployed is an error."""
    names = arguments.deployments
    with connect(arguments) as client:
        reader = client.snapshot()
        # First, while what the server said is fresh.
        unreferenced = None if names else find_unreferenced(reader)
        findings = verify_all(reader, names or None)
        where = client.url
    if arguments.json:
        output.document(
            {
                "api": where,
                "deployments": [_document(each) for each in findings],
                "unreferenced": unreferenced,
            }
        )
    else:
        for each in findings:
            _tell(each)
        _tell_unreferenced(unreferenced or (), where)
    _check(findings, where)


def _tell(finding: Finding) -> None:
    output.text(f"{finding.status:<12}  {printable(finding.name)}")
    if finding.reason:
        output.lines(f"{'':<14}{printable(finding.reason, output.LINE)}")


def _tell_unreferenced(paths: Sequence[str], where: str) -> None:
    for path in paths:
        output.text(f"{'unreferenced':<12}  {printable(path, output.LINE)}")
    if paths:
        output.note(
            f"no deployment of {where} points at the unreferenced objects; others may."
            " Nothing was deleted"
        )


def _document(finding: Finding) -> Dict[str, Any]:
    return {
        "name": finding.name,
        "id": finding.deployment_id,
        "status": finding.status,
        "reason": finding.reason or None,
        "storage": finding.storage_type,
        "key": finding.token,
        "expected": finding.expected,
        "found": finding.found,
        "size": finding.size,
    }


def _check(findings: Sequence[Finding], where: str) -> None:
    """Sum up, and raise if there is a fault."""
    counts: Dict[str, int] = {}
    for each in findings:
        counts[each.status] = counts.get(each.status, 0) + 1
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    if not findings:
        output.note(f"no deployments at {where}")
        return
    faults = sum(1 for each in findings if each.is_fault)
    if faults:
        raise FlowpackError(
            f"{faults} of {len(findings)} deployments cannot be run as they were"
            f" deployed ({summary})"
        )
    noun = "deployment" if len(findings) == 1 else "deployments"
    output.note(f"verified {len(findings)} {noun}: {summary}")
