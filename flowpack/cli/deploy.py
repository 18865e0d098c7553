"""``flowpack deploy`` and ``plan``: package flows and register them as deployments."""

from __future__ import annotations

from argparse import Namespace
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.parser import read_text
from flowpack.cli.specs import make_specs, read_targets
from flowpack.deployments import applying, planning
from flowpack.deployments.actions import DONE, Deployed, parse_plan
from flowpack.exceptions import DeploymentsFailedError, printable

#: Longest file with a plan that is read, in bytes.
PLAN_LIMIT = 64 * 1024 * 1024


def deploy(arguments: Namespace) -> None:
    """Deploy what the arguments name, or with ``--plan`` show what would be done."""
    if arguments.plan:
        plan(arguments)
        return
    targets = read_targets(arguments)
    planned, path = None, arguments.plan_file
    if path is not None:
        planned = read_text(path, PLAN_LIMIT, path, "give a plan")
        parse_plan(planned, path)
    with connect(arguments) as client:
        specs, notes = make_specs(targets, arguments)
        try:
            with _news(notes) as actions, _progress(
                0 if arguments.verbose else len(specs)
            ) as progress:
                deployed = applying.deploy(
                    specs,
                    client,
                    jobs=arguments.jobs,
                    fail_fast=arguments.fail_fast,
                    confirm=arguments.confirm,
                    progress=progress,
                    planned=planned,
                )
                actions += [each.action for each in deployed]
        except DeploymentsFailedError as exc:
            _print_deployed(exc.deployed, as_json=arguments.json, failed=len(exc.failed))
            raise
    _print_deployed(deployed, as_json=arguments.json, is_set=len(specs) > 1)


def plan(arguments: Namespace) -> None:
    """Show what ``deploy`` would do; nothing is written."""
    targets = read_targets(arguments)
    with connect(arguments) as client:
        specs, notes = make_specs(targets, arguments)
        with _news(notes) as actions:
            made = planning.plan(specs, client, confirm=arguments.confirm)
            actions += [each.kind for each in made.actions]
    for line in [made.to_json()] if arguments.json else output.escaped(made):
        output.text(line)
    if len(specs) > 1 and not arguments.json:
        words = {"create": "create {}", "update": "update {}", "unchanged": "leave {} unchanged"}
        output.note(f"would {_counts([each.kind for each in made.actions], words)}")


@contextmanager
def _news(notes: Sequence[str]) -> Iterator[List[str]]:
    """Print *notes* at the end, unless all actions, which the caller adds, are unchanged."""
    actions: List[str] = []
    try:
        yield actions
    finally:
        if {*actions} != {"unchanged"}:
            for note in notes:
                output.note(note)


def _print_deployed(
    deployed: Sequence[Deployed], *, as_json: bool, failed: int = 0, is_set: bool = True
) -> None:
    documents, lines = [], []
    for each in deployed:
        documents.append(_document(each))
        facts = (each.storage_type, each.sha256 and each.sha256[:12], each.api)
        shown = ", ".join(printable(fact) for fact in facts if fact)
        lines.append(f"{each.action} {printable(each.full_name)} ({shown})")
        if each.url:
            lines.append(f"  {printable(each.url)}")
    output.result(documents if is_set else documents[0], lines, as_json=as_json)
    names: Dict[str, List[str]] = {}
    for each in deployed:
        for note in each.notes:
            names.setdefault(note, []).append(each.full_name)
    for note, noted in names.items():
        subject = noted[0] if len(noted) == 1 else f"{len(noted)} deployments"
        output.note(f"note: {subject}: {note}")
    if is_set and not as_json:
        actions = [each.action for each in deployed] + ["failed"] * failed
        output.note(_counts(actions, {each: f"{{}} {each}" for each in (*DONE.values(), "failed")}))


def _counts(actions: Sequence[str], words: Mapping[str, str]) -> str:
    """Return how many there are of each action, in *words* such as ``{} created``."""
    counts = ((words[each], actions.count(each)) for each in words)
    return ", ".join(text.format(count) for text, count in counts if count)


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
        "url": each.url,
    }


@contextmanager
def _progress(count: int) -> Iterator[Optional[Callable[[Deployed], None]]]:
    """Give the callback that shows how many of *count* deployments are done.

    It is None for a single one, and where standard error is no terminal.
    """
    if count < 2 or not output.is_watched():
        yield None
        return
    try:
        from tqdm import tqdm  # Optional: the extra "progress".
    except ImportError:
        tqdm = None
    done = 0
    bar: Any = None

    def show(deployed: Deployed) -> None:
        nonlocal done, bar
        done += 1
        if tqdm is None:
            output.status(f"{done}/{count} {deployed.action} {deployed.full_name}")
        else:
            # Not before: messages of the first would break it. 20 rows are what tqdm takes itself
            # where a terminal has no size.
            columns = output.columns()
            bar = bar or tqdm(total=count, unit="deployment", leave=False, ncols=columns, nrows=20)
            bar.update()

    try:
        yield show
    finally:
        if bar is None:
            output.status("")
        else:
            bar.close()
