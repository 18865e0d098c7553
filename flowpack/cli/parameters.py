"""The options ``-p`` and ``--params``: parameters of flow runs."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Callable, Dict, Mapping, Optional

from flowpack.client import Client
from flowpack.exceptions import SpecError
from flowpack.models import Deployment
from flowpack.parameters import (
    known_parameters,
    missing_problems,
    read_pairs,
    unknown_names,
    value_problems,
)


def given_parameters(
    arguments: Namespace, load_schema: Callable[[], Mapping[str, Any]]
) -> Optional[Dict[str, Any]]:
    """Return the parameters that the options give, None without such options.

    Those of ``-p`` win, and are read by the schema that *load_schema* returns.
    """
    if arguments.params is None and arguments.param is None:
        return None
    pairs = read_pairs(arguments.param, load_schema()) if arguments.param else {}
    return {**(arguments.params or {}), **pairs}


def check_parameters(
    name: str, deployment: Deployment, given: Mapping[str, Any], client: Client
) -> None:
    """Raise a SpecError for the parameters *given* to a flow run that could not be.

    Types are checked where the server does so; 2.0b7 keeps no schema to go by. The *name* is that
    of the deployment, for messages.
    """
    if not client.dialect.uses_work_pools:
        return
    schema = deployment.extra.get("parameter_openapi_schema") or {}
    known = known_parameters(schema)
    # One that may be a function's **more.
    more = [each for each, part in known.items() if part.get("default") == {}][-1:]
    lead = "The following parameters were specified but not found on the deployment:"
    unknown = unknown_names(given, known, "".join(more), lead)
    problems = [unknown] if unknown else []
    if deployment.extra.get("enforce_parameter_schema"):
        values = {**deployment.parameters, **given}
        problems += value_problems(values, schema)
        problems += missing_problems(values, schema)
    if problems:
        raise SpecError(name, problems)
