"""``flowpack ls``, ``inspect``, ``delete``, ``pause`` and ``resume``."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from typing import Any, Dict, List, Mapping, Optional, Sequence

from flowpack.blocks.documents import built_in
from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.storage import block_facts
from flowpack.client import Client
from flowpack.deployments.load import SMALLEST_PROJECT, fetch_script
from flowpack.deployments.load import find_deployment, find_deployments
from flowpack.deployments.masking import mask_env, mask_source
from flowpack.exceptions import FlowpackError, ObjectNotFound, printable, quoted, suggestion
from flowpack.models import Deployment, ScheduleRecord
from flowpack.parameters import known_parameters
from flowpack.wire.concurrency import limit_runs, shared_limit
from flowpack.wire.conversion import describe_record, write_record, write_schedule
from flowpack.wire.job_variables import variables_of

#: What ``inspect`` shows besides where the server has it; none of it is secret.
_FURTHER = (
    *("description", "version", "entrypoint", "work_pool_name", "work_queue_name"),
    *("concurrency_limit", "labels"),
)


def ls(arguments: Namespace) -> None:
    """List deployments by name."""
    with connect(arguments) as client:
        pools, tags = arguments.pool, set(arguments.tag or ())
        deployments = {
            name: each
            for name, each in find_deployments(client, arguments.flow).items()
            if tags <= set(each.tags)
            and (pools is None or each.extra.get("work_pool_name") in pools)
        }
        documents = [deployment_facts(name, each, client) for name, each in deployments.items()]
        nothing = "" if deployments else _describe_nothing(arguments, client)
    rows: List[Dict[str, object]] = []
    for facts, each in zip(documents, deployments.values()):
        row = {"NAME": facts["name"], "POOL": facts["work_pool_name"]}
        row["SCHEDULE"] = "; ".join(map(describe_record, each.schedules))
        row.update((name.upper(), facts[name]) for name in ("active", "status", "tags", "runner"))
        row["UPDATED"] = each.updated and each.updated.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        rows.append(row)
    # Which of these there are depends on the server.
    for heading in ("POOL", "STATUS", "RUNNER"):
        if not any(row[heading] for row in rows):
            rows = [{key: row[key] for key in row if key != heading} for row in rows]
    lines = output.table(list(*rows[:1]), [list(row.values()) for row in rows])
    if arguments.verbose:
        for number, facts in enumerate(documents, 1):
            lines[number] += f"\n  {printable(facts['url'] or facts['id'])}"
    output.result(documents, lines, as_json=arguments.json, if_empty=nothing)


def _describe_nothing(arguments: Namespace, client: Client) -> str:
    """Return what there is none of, and what may have been meant."""
    every = find_deployments(client)
    known = {
        "of the flow": [name.partition("/")[0] for name in every],
        "with the tag": [tag for each in every.values() for tag in each.tags],
        "in the work pool": [str(each.extra.get("work_pool_name")) for each in every.values()],
    }
    text = f"no deployments at {client.url}"
    for words, names in known.items():
        for given in getattr(arguments, words.rpartition(" ")[2]) or ():
            text += f" {words} {quoted(given)}{'' if given in names else suggestion(given, names)}"
    return text


def inspect(arguments: Namespace) -> None:
    """Show a deployment and where its script is, without secrets."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        facts = deployment_facts(arguments.deployment, deployment, client)
        extra, runner = deployment.extra, deployment.flow_runner
        facts.update({key: extra[key] for key in _FURTHER if key in extra})
        if "concurrency_limit" in extra:
            facts["concurrency_limit"] = limit_runs(extra)
            more = {"concurrency_options": extra.get("concurrency_options")}
            more["shared_concurrency_limit"] = shared_limit(extra)
            facts.update({key: value for key, value in more.items() if value})
        facts["parameters"] = deployment.parameters
        if {"job_variables", "infra_overrides"} & extra.keys():
            facts["job_variables"] = mask_env(variables_of(extra))
        config = mask_env(runner.config) if runner and isinstance(runner.config, Mapping) else {}
        facts["runner"] = {"type": facts["runner"], "config": config}
        facts.update(script_facts(deployment, client))
        facts.update(_code_facts(deployment, client))
    hidden = {"schedules", "parameter_openapi_schema", "project", *(() if runner else ("runner",))}
    shown = {key: value for key, value in facts.items() if key not in hidden}
    shown["schedule"] = _schedule_lines(deployment.schedules)
    shown["schema"] = describe_schema(facts["parameter_openapi_schema"])
    lines = output.facts(shown)
    if facts["project"]:
        from flowpack.cli.explain import project_lines  # Imported here because few need it.

        lines += ["", *project_lines(facts["project"])]
    output.result(facts, lines, as_json=arguments.json)


def delete(arguments: Namespace) -> None:
    """Delete a deployment; what it stored stays."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        client.delete_deployment(deployment.id)
    _print_action("deleted", deployment, arguments)


def pause(arguments: Namespace) -> None:
    """Pause a deployment: none of its schedules makes runs."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        client.set_schedule_active(deployment.id, False)
    _note_schedules(deployment, arguments.deployment)
    _print_action("paused", deployment, arguments)


def resume(arguments: Namespace) -> None:
    """Resume a deployment, with ``--schedules`` also those of them that were switched off."""
    with connect(arguments) as client:
        deployment = find_deployment(arguments.deployment, client)
        for each in deployment.schedules:
            if arguments.schedules and each.id is not None and not each.active:
                client.set_one_schedule_active(deployment.id, each, True)
        client.set_schedule_active(deployment.id, True)
        deployment = client.read_deployment(deployment.id)
    hint = "; it stays inactive until flowpack resume --schedules"
    _note_schedules(deployment, arguments.deployment, hint)
    _print_action("resumed", deployment, arguments)


def _note_schedules(deployment: Deployment, name: str, if_inactive: str = "") -> None:
    """Print which schedules a deployment has."""
    if not deployment.schedules:
        output.note(f"{name} has no schedule now")
    for each in deployment.schedules:
        hint = "" if each.active else if_inactive
        output.note(f"{name} has the schedule {describe_record(each)}{hint}")


def _print_action(action: str, deployment: Deployment, arguments: Namespace) -> None:
    name = arguments.deployment
    document = {"id": deployment.id, "name": name, "action": action}
    output.result(document, [f"{action} {printable(name)}"], as_json=arguments.json)


def deployment_facts(name: str, deployment: Deployment, client: Client) -> Dict[str, Any]:
    """Return what ``ls`` and ``inspect`` both show of the deployment *name*."""
    kind = deployment.flow_runner and deployment.flow_runner.type
    return {
        "id": deployment.id,
        "name": name,
        "flow_id": deployment.flow_id,
        "schedule": write_schedule(deployment.schedule),
        "schedules": list(map(write_record, deployment.schedules)),
        "active": deployment.is_schedule_active,
        "status": deployment.extra.get("status"),
        "work_pool_name": deployment.extra.get("work_pool_name"),
        "tags": deployment.tags,
        "runner": kind if isinstance(kind, str) else None,
        "created": deployment.created,
        "updated": deployment.updated,
        "url": client.ui_url("deployment", deployment.id),
    }


def _schedule_lines(schedules: Sequence[ScheduleRecord]) -> Any:
    """Return all there is to know of each schedule; of several, under its number."""
    shown = {}
    for number, each in enumerate(schedules, 1):
        further: Dict[str, Any] = {
            "slug": each.slug,
            "max_scheduled_runs": each.max_scheduled_runs,
            "anchor": getattr(each.schedule, "anchor_date", None),
            "parameters": each.parameters and output.cell(each.parameters),
        }
        words = [f", {name} {value}" for name, value in further.items() if value]
        shown[str(number)] = describe_record(each) + "".join(words)
    return shown if len(shown) > 1 else shown.get("1")


def script_facts(deployment: Deployment, client: Client) -> Dict[str, Any]:
    """Return where a deployment's script is, as far as that is known."""
    storage: Optional[Dict[str, Any]] = None
    stored, script = deployment.stored_object, deployment.script
    if stored and stored.block_document_id is not None:
        storage = {"id": stored.block_document_id, "name": "deleted"}
        with suppress(ObjectNotFound):
            storage = block_facts(client.read_block_document(stored.block_document_id))
    elif script is not None:
        data = mask_source(script, built_in(script.storage_type))
        storage = {"id": None, "type": script.storage_type, "name": None, "data": data}
    return {
        "pull": client.dialect.describe_pull(deployment),
        "encoding": deployment.flow_data and deployment.flow_data.encoding,
        "storage": storage,
        "key": stored and stored.token,
        "sha256": stored and stored.sha256,
    }


def _code_facts(deployment: Deployment, client: Client) -> Dict[str, Any]:
    """Return what the stored code, which is not run, shows: parameters, and files of a project.

    Servers of 2.0b7's kind keep no schema of the parameters. Others do, and the size of the
    script: what is too short for a project is not read.
    """
    script, key = deployment.script, "parameter_openapi_schema"
    facts = {key: deployment.extra.get(key), "project": None}
    unknown = "which parameters it takes"
    if key in deployment.extra:
        unknown = "whether it has files of a project"
        if script is None or script.size < SMALLEST_PROJECT:
            return facts
    try:
        code = fetch_script(deployment, client)
        if key not in deployment.extra:
            facts[key] = code.parameter_schema()
        project = code.project()
    except FlowpackError as exc:
        output.note(f"note: {unknown} is not known: {exc}")
        return facts
    if project is not None:
        from flowpack.cli.explain import project_facts  # Imported here because few need it.

        facts["project"] = project_facts(project)
    return facts


def describe_schema(schema: Any) -> Dict[str, str]:
    """Return what each parameter of *schema* may be, in a few words, by its name."""
    whole = schema if isinstance(schema, dict) else {}
    required, shown = whole.get("required"), {}
    for name, field in known_parameters(whole).items():
        further = f", default {output.in_json(field['default'])}" if "default" in field else ""
        if isinstance(required, list) and name in required:
            further = ", required"
        shown[name] = _describe_type(field) + further
    return shown


def _describe_type(field: Any, depth: int = 4) -> str:
    """Return the type that a JSON schema means, as far as it is *depth* levels deep."""
    if not isinstance(field, dict) or not depth:
        return "any"
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "enum" in field or "const" in field:
        return f"one of {output.in_json(field.get('enum', [field.get('const')]))}"
    choices = field.get("anyOf") or field.get("oneOf") or field.get("allOf")
    if isinstance(choices, list):
        return " or ".join(dict.fromkeys(_describe_type(each, depth - 1) for each in choices))
    kind = field.get("type", "any")
    words = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    if kind == "array" and field.get("items"):
        words += f" of {_describe_type(field['items'], depth - 1)}"
    return f"{words} ({field['format']})" if "format" in field else words
