"""Parameters of a deployment, and of its schedules, that its flow could not take."""

from __future__ import annotations

from typing import Any, Iterator, List, Mapping

from flowpack.analysis.discovery import FlowInfo
from flowpack.exceptions import printable, quoted
from flowpack.models import UNSET, DeploymentCreate
from flowpack.packaging.base import CompleteSpec, Package
from flowpack.packaging.script import SourcePackager, known_schema
from flowpack.parameters import known_parameters, missing_problems, unknown_names, value_problems
from flowpack.wire.conversion import describe_schedule


def parameter_problems(
    spec: CompleteSpec, package: Package, new: DeploymentCreate
) -> Iterator[str]:
    """Yield what the flow could not take of the parameters of *new*, which is settled."""
    has_schema = package.parameter_schema or isinstance(spec.packager, SourcePackager)
    if spec.flow.definition is None or not has_schema:
        return
    schema = package.parameter_schema or known_schema(spec.flow)
    parameters, remedy = new.parameters or {}, ""
    if spec.parameters is UNSET:
        remedy = " (kept from the server; --no-params, or parameters={}, removes what is there)"
    for problem in _value_problems(parameters, schema, spec.flow, new):
        yield f"{problem}{remedy}"
    for each in filter(lambda schedule: schedule.active, new.schedules or ()):
        named = each.slug if not each.own else None  # Ours are called by what they are.
        label = quoted(named or describe_schedule(each.schedule))
        own = each.parameters or {}
        for problem in _value_problems(own, schema, spec.flow, new):
            yield f"{problem}, in the parameters of the schedule {label}"
        # What is paused starts no runs.
        required = schema if new.is_schedule_active else {}
        for problem in missing_problems({**parameters, **own}, required):
            yield f"{problem}: the schedule {label} would start runs without it"


def _value_problems(
    values: Mapping[str, Any], schema: Mapping[str, Any], flow: FlowInfo, new: DeploymentCreate
) -> Iterator[str]:
    more = flow.definition.node.args.kwarg if flow.definition else None
    unknown = unknown_names(values, flow.parameters, more.arg if more else None)
    if unknown:
        yield unknown
    if new.enforce_parameter_schema is not False:
        if not new.parameter_openapi_schema:
            # A server that keeps none looks at no types, and flows take None where it is default.
            parts = known_parameters(schema)
            values = {
                name: value
                for name, value in values.items()
                if value is not None or parts.get(name, {}).get("default", ...) is not None
            }
        yield from value_problems(values, schema)


def order_problems(flow: FlowInfo, values: Mapping[str, Any]) -> List[str]:
    """Return what is missing before ``*rows``, which older workers give to other parameters."""
    arguments = flow.definition.node.args if flow.definition else None
    if arguments is None or arguments.vararg is None or arguments.vararg.arg not in values:
        return []
    optional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    optional = optional[len(optional) - len(arguments.defaults) :]
    missing = ", ".join(name for name in optional if name not in values)
    rows = printable(arguments.vararg.arg)
    problem = (
        f"parameter {rows}: give {printable(missing)} a value, too; without it workers before"
        f" Prefect 3.9 pass the items of *{rows} wrongly"
    )
    return [problem] if missing else []
