"""``flowpack verify``: read and hash again what deployments point at."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from typing import Any, Dict, Iterator, Sequence

import attrs

from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.deployments.verification import VerifyResult, find_unreferenced, verify_all
from flowpack.exceptions import FlowpackError, printable


def verify(arguments: Namespace) -> None:
    """Print the results; a deployment that cannot be run as deployed is an error."""
    names = arguments.deployments
    with connect(arguments) as client:
        reader = client.snapshot()
        # First, while what the server sent is fresh.
        unreferenced = None if names else find_unreferenced(reader)
        results = verify_all(reader, names or None)
        url = client.url
    facts = [_document(each) for each in results]
    document = {"api": url, "deployments": facts, "unreferenced": unreferenced}
    output.result(document, list(_lines(results, unreferenced or ())), as_json=arguments.json)
    if unreferenced and not arguments.json:
        unused = f"no deployment of {url} points at the unreferenced objects"
        output.note(f"{unused}; others may. Nothing was deleted")
    counts = sorted(Counter(each.status for each in results).items())
    summary = ", ".join(f"{count} {status}" for status, count in counts)
    if any(each.is_broken for each in results):
        broken = f"{sum(each.is_broken for each in results)} of {len(results)} deployments"
        raise FlowpackError(f"{broken} cannot be run as they were deployed ({summary})")
    noun = "deployment" if len(results) == 1 else "deployments"
    verified = f"verified {len(results)} {noun}: {summary}"
    output.note(verified if results else f"no deployments at {url}")


def _lines(results: Sequence[VerifyResult], unreferenced: Sequence[str]) -> Iterator[str]:
    for each in results:
        yield f"{each.status:<12}  {printable(each.name)}"
        if each.reason:
            yield f"{'':<14}{printable(each.reason, output.LINE)}"
    for path in unreferenced:
        yield f"{'unreferenced':<12}  {printable(path, output.LINE)}"


def _document(result: VerifyResult) -> Dict[str, Any]:
    names = {"deployment_id": "id", "storage_type": "storage", "token": "key"}
    facts = attrs.asdict(result, recurse=False)
    return {names.get(name, name): None if each == "" else each for name, each in facts.items()}
