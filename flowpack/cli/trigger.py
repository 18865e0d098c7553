"""``flowpack trigger``: create a flow run on the server."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any, Callable, Dict, Optional
from uuid import UUID, uuid4

from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.parser import UsageError
from flowpack.cli.values import read_values
from flowpack.client import Client
from flowpack.deployments.load import find_deployment
from flowpack.exceptions import FlowpackError, printable, quoted
from flowpack.models import FlowRun

#: States that a flow run does not leave any more.
FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})

#: Time between two looks at a run: the first, and the longest, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0


def run(arguments: Namespace) -> None:
    """Create the run, print its id and, with ``--wait``, wait for its end."""
    if arguments.timeout is not None and not arguments.wait:
        raise UsageError("--timeout can only be given with --wait")
    name, as_json = arguments.deployment, arguments.json
    parameters = read_values(arguments.param or ())
    with connect(arguments) as client:
        created = create_run(name, parameters, client)
        if as_json:
            output.note(f"created flow run {created.id}")
        else:
            output.text(str(created.id))
            output.flush()
        final = created
        if arguments.wait:
            final = wait_for(created.id, client, timeout=arguments.timeout)
    if as_json:
        output.document(_document(name, final))
    if arguments.wait:
        _check(final, name)


def create_run(name: str, parameters: Dict[str, Any], client: Client) -> FlowRun:
    """Create a run of the deployment called *name*; a lost answer makes no second.

    Raises:
        FlowpackError: The API is embedded, or it refused.
    """
    deployment = find_deployment(name, client)
    if client.embedded:
        raise FlowpackError(
            "no server runs behind the embedded API, so a flow run would wait for"
            f" ever; run it here: flowpack run {printable(name)}"
        )
    return client.create_flow_run_from_deployment(
        deployment.id, parameters=parameters, idempotency_key=uuid4().hex
    )


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
    pause, told = FIRST_PAUSE, None
    while True:
        found = client.read_flow_run(flow_run_id)
        if found.state_type in FINAL:
            return found
        if found.state_type != told:
            told = found.state_type
            output.note(f"{found.name} is {told or 'without a state'}")
        left = None if end is None else end - clock()
        if left is not None and left <= 0:
            return found
        sleep(pause if left is None else min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE)


def _check(final: FlowRun, name: str) -> None:
    """Raise unless the run has completed."""
    run = f"the flow run {quoted(final.name)} of {quoted(name)}"
    state = final.state_type
    if state == "COMPLETED":
        output.note(f"{final.name} is COMPLETED")
    elif state in FINAL:
        raise FlowpackError(f"{run} ended as {state}; its logs on the server say why")
    else:
        raise FlowpackError(
            f"{run} is still {printable(state or 'without a state')} after the time-out"
            " and goes on; does an agent or worker look for it?"
        )


def _document(name: str, run: FlowRun) -> Dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "deployment": name,
        "state": run.state_type,
        "state_name": run.state_name,
    }
