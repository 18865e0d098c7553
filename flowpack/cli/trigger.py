"""``flowpack trigger``: create a flow run on the server."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Callable, Optional
from uuid import UUID, uuid4

from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.parameters import check_parameters, given_parameters
from flowpack.cli.parser import UsageError
from flowpack.client import Client
from flowpack.deployments.load import find_deployment
from flowpack.exceptions import FlowpackError, printable, quoted
from flowpack.models import FlowRun

#: States that a flow run does not leave any more.
FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})

#: Pause between two looks at a flow run: the first, and the longest, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0


def trigger(arguments: Namespace) -> None:
    """Create the flow run, print its id and, with ``--wait``, wait for its end."""
    if arguments.timeout is not None and not arguments.wait:
        raise UsageError("--timeout can only be given with --wait")
    name, as_json = arguments.deployment, arguments.json
    with connect(arguments) as client:
        deployment = find_deployment(name, client)
        if client.embedded:
            raise FlowpackError(
                "no server runs behind the embedded API, so a flow run would wait for ever;"
                f" run it here: flowpack run {printable(name)}"
            )
        schema = deployment.extra.get("parameter_openapi_schema") or {}
        parameters = given_parameters(arguments, lambda: schema) or {}
        check_parameters(deployment, parameters, client)
        flow_run = client.create_flow_run_from_deployment(
            deployment.id, parameters=parameters, idempotency_key=uuid4().hex
        )
        if as_json:
            output.note(f"created flow run {flow_run.id}")
        else:
            output.text(str(flow_run.id))
            output.flush()
        if arguments.wait:
            flow_run = wait_for(flow_run.id, client, timeout=arguments.timeout)
    document = {
        "id": flow_run.id,
        "name": flow_run.name,
        "deployment": name,
        "state": flow_run.state_type,
        "state_name": flow_run.state_name,
    }
    output.result(document, (), as_json=as_json)
    if arguments.wait:
        _check_completed(flow_run, name)


def wait_for(
    flow_run_id: UUID,
    client: Client,
    *,
    timeout: Optional[float] = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> FlowRun:
    """Return the flow run when it has ended, or as it is after *timeout* seconds."""
    end = None if timeout is None else clock() + timeout
    pause, shown = FIRST_PAUSE, None
    while True:
        flow_run = client.read_flow_run(flow_run_id)
        if flow_run.state_type in FINAL:
            return flow_run
        if flow_run.state_type != shown:
            shown = flow_run.state_type
            output.note(f"{flow_run.name} is {shown or 'without a state'}")
        remaining = None if end is None else end - clock()
        if remaining is not None and remaining <= 0:
            return flow_run
        sleep(pause if remaining is None else min(pause, remaining))
        pause = min(2 * pause, LONGEST_PAUSE)


def _check_completed(flow_run: FlowRun, name: str) -> None:
    subject = f"the flow run {quoted(flow_run.name)} of {quoted(name)}"
    state = flow_run.state_type
    if state == "COMPLETED":
        output.note(f"{flow_run.name} is COMPLETED")
    elif state in FINAL:
        raise FlowpackError(f"{subject} ended as {state}; see its logs on the server")
    else:
        raise FlowpackError(
            f"{subject} is still {printable(state or 'without a state')} after the time-out"
            " and goes on; does an agent or worker look for it?"
        )
