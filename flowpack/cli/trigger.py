"""``flowpack trigger``: create a flow run on the server."""

from __future__ import annotations

import logging
import math
import time
from argparse import Namespace
from typing import Callable, Iterable, List, Optional, Set
from uuid import UUID, uuid4

from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.parameters import check_parameters, given_parameters
from flowpack.cli.parser import UsageError
from flowpack.client import Client
from flowpack.deployments.load import find_deployment
from flowpack.deployments.selection import check_variables
from flowpack.exceptions import FlowpackError, printable, quoted
from flowpack.models import FlowRun, LogRecord

#: States that a flow run does not leave any more.
FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})

#: Pause between two looks at a flow run: the first, the longest, and that while its logs are
#: shown, in seconds.
FIRST_PAUSE, LONGEST_PAUSE, WATCH_PAUSE = 0.5, 5.0, 2.0

#: How long after a flow run's end its logs may still arrive, in seconds.
LATE = 2.5

#: How many of the newest records of a flow run that failed are shown, and of its warnings.
LAST = 10

_WHO_RUNS_IT = "does an agent or worker look for it?"

#: How far a look for records that came late goes back at a time.
_PAGE = 200


def trigger(arguments: Namespace) -> None:
    """Create the flow run, print its id and, with ``--wait``, wait for its end."""
    waits = arguments.wait or arguments.watch
    if arguments.timeout is not None and not waits:
        raise UsageError("--timeout can only be given with --wait or --watch")
    name, as_json, due = arguments.deployment, arguments.json, arguments.scheduled_time
    with connect(arguments) as client:
        flow_run = _create_flow_run(arguments, client)
        url = client.ui_url("flow-run", flow_run.id)
        if not as_json:
            output.text(str(flow_run.id))
            output.flush()
        more = f", due {due.isoformat(' ', 'seconds')}" if due else ""
        output.note(f"created flow run {flow_run.name} ({flow_run.id}){more}")
        if url:
            output.note(f"  {url}")
        if waits:
            flow_run = _wait(flow_run, client, arguments, url or client.url)
    document = {
        "id": flow_run.id,
        "name": flow_run.name,
        "deployment": name,
        "state": flow_run.state_type,
        "state_name": flow_run.state_name,
        "scheduled_time": flow_run.expected_start_time,
        "url": url,
    }
    output.result(document, (), as_json=as_json)
    if waits:
        _check_completed(flow_run, name, url or "its logs on the server")


def _create_flow_run(arguments: Namespace, client: Client) -> FlowRun:
    name = arguments.deployment
    deployment = find_deployment(name, client)
    if client.embedded:
        problem = "no server runs behind the embedded API, so a flow run would wait for ever"
        raise FlowpackError(f"{problem}; run it here: flowpack run {printable(name)}")
    schema = deployment.extra.get("parameter_openapi_schema") or {}
    parameters = given_parameters(arguments, lambda: schema) or {}
    check_parameters(name, deployment, parameters, client)
    job_variables = arguments.job_variable or {}
    pool = deployment.extra.get("work_pool_name")
    if job_variables and pool:
        check_variables(name, job_variables, client.read_work_pool(pool))
    return client.create_flow_run_from_deployment(
        deployment.id,
        parameters=parameters,
        tags=arguments.tag or (),
        name=arguments.name,
        idempotency_key=uuid4().hex,
        scheduled_time=arguments.scheduled_time,
        job_variables=job_variables,
    )


def _wait(flow_run: FlowRun, client: Client, arguments: Namespace, url: str) -> FlowRun:
    """Return the flow run as it is at the end; the last logs of one that failed are printed."""
    try:
        ended = wait_for(flow_run.id, client, timeout=arguments.timeout, watch=arguments.watch)
    except (KeyboardInterrupt, FlowpackError):
        output.note(f"{flow_run.name} goes on; see {url}")
        raise
    if ended.state_type in FINAL - {"COMPLETED"} and not arguments.watch:
        try:
            newest = client.read_flow_run_logs(ended.id, last=LAST)
            warnings = client.read_flow_run_logs(ended.id, last=LAST, level=logging.WARNING)
            records = {each.id: each for each in (*newest, *warnings)}
            _show(sorted(records.values(), key=lambda each: each.timestamp))
        except FlowpackError as exc:  # How the flow run ended matters more.
            output.note(f"its logs cannot be read: {exc}")
    return ended


def wait_for(
    flow_run_id: UUID,
    client: Client,
    *,
    timeout: Optional[float] = None,
    watch: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> FlowRun:
    """Return the flow run when it has ended, or as it is after *timeout* seconds.

    Its logs are printed as they come if *watch* is true. Unless it completes and nobody watches,
    it is returned as late as :data:`LATE` says, when they are there.
    """
    end = math.inf if timeout is None else clock() + timeout
    pause, state = FIRST_PAUSE, None
    seen: Set[UUID] = set()
    while True:
        flow_run = client.read_flow_run(flow_run_id)
        if watch:
            _show(_new_logs(flow_run_id, client, seen))
        if (flow_run.state_type, flow_run.state_name) != state:
            state = flow_run.state_type, flow_run.state_name
            if flow_run.state_type in FINAL:
                if flow_run.state_type == "COMPLETED" and not watch:
                    return flow_run
                end, pause = min(end, clock() + LATE), FIRST_PAUSE
            else:
                hint = f"; {_WHO_RUNS_IT}" if flow_run.state_name == "Late" else ""
                output.note(f"{flow_run.name} is {_describe_state(flow_run)}{hint}")
        remaining = end - clock()
        if remaining <= 0:
            return flow_run
        sleep(min(pause, remaining))
        pause = min(2 * pause, WATCH_PAUSE if watch else LONGEST_PAUSE)


def _describe_state(flow_run: FlowRun) -> str:
    """Return the type of the state, with its name where that says more, as Late does."""
    kind, name = flow_run.state_type, flow_run.state_name
    more = f" ({name})" if name and name.upper() != kind else ""
    return f"{kind or 'without a state'}{more}"


def _new_logs(flow_run_id: UUID, client: Client, seen: Set[UUID]) -> List[LogRecord]:
    """Return what came since; records that came late may stand before those that were *seen*."""
    start = len(seen)
    records = client.read_flow_run_logs(flow_run_id, offset=start)
    while start and len(seen.union(each.id for each in records)) < start + len(records):
        start = max(start - _PAGE, 0)
        records = client.read_flow_run_logs(flow_run_id, offset=start)
    new = [each for each in records if each.id not in seen]
    seen.update(each.id for each in new)
    return new


def _show(records: Iterable[LogRecord]) -> None:
    for each in records:
        clock = each.timestamp.astimezone().strftime("%H:%M:%S")
        output.notes(f"{clock} | {logging.getLevelName(each.level):<8} | {each.message}")


def _check_completed(flow_run: FlowRun, name: str, where: str) -> None:
    state = printable(_describe_state(flow_run))
    if flow_run.state_type == "COMPLETED":
        output.note(f"{flow_run.name} is {state}")
        return
    subject = f"the flow run {quoted(flow_run.name)} of {quoted(name)}"
    if flow_run.state_type not in FINAL:
        problem = f"is still {state} after the time-out and goes on; {_WHO_RUNS_IT}"
        raise FlowpackError(f"{subject} {problem} see {where}")
    details = flow_run.extra.get("state")
    message = details.get("message") if isinstance(details, dict) else None
    reason = f": {printable(message).rstrip('.')}" if message else ""
    raise FlowpackError(f"{subject} ended as {state}{reason}; see {where}")
