"""``flowpack run``: fetch a deployment's script, verify it and run its flow here."""

from __future__ import annotations

from argparse import Namespace
from types import CoroutineType
from typing import Any, Mapping

from flowpack._interpreter import restored
from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.parameters import given_parameters
from flowpack.deployments.load import fetch_script, find_deployment
from flowpack.exceptions import FlowpackError, quoted
from flowpack.loading import script_error
from flowpack.parameters import spread


def run(arguments: Namespace) -> None:
    """Run the flow and print what it returns."""
    # With --json there is one document on standard output, and no prints.
    with output.user_code(aside=arguments.json):
        name = arguments.deployment
        with connect(arguments) as client:
            deployment = find_deployment(name, client)
            fetched = fetch_script(deployment, client, unverified=arguments.unverified)
        flow = fetched.load_flow()
        output.keep(flow)
        given = given_parameters(arguments, fetched.parameter_schema) or {}
        value = _call(flow, {**deployment.parameters, **given}, name)
    output.returned(value, as_json=arguments.json)


def _call(flow: Any, parameters: Mapping[str, Any], name: str) -> Any:
    """Return what *flow*, of flowpack or of Prefect, returns; *name* is for messages."""
    args, kwargs = spread(flow.fn, parameters)
    try:
        with restored():
            result = flow(*args, **kwargs)
    except (FlowpackError, KeyboardInterrupt):
        raise
    except BaseException as exc:  # A SystemExit is a failure too.
        raise script_error(name, exc) from exc
    if isinstance(result, CoroutineType):
        result.close()
        raise FlowpackError(
            f"the flow of {quoted(name)} is async, and flowpack runs no event loop;"
            " let an agent or worker of Prefect's run it (flowpack trigger), or load it"
            " with flowpack.load_flow_from_deployment and await it yourself"
        )
    return result
