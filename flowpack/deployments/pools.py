"""Which work pool a deployment goes to, on servers that have them."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from flowpack.client import Client
from flowpack.exceptions import (
    DeploymentValidationError,
    ObjectAlreadyExists,
    ObjectNotFound,
    printable,
    quoted,
    suggestion,
)
from flowpack.models import DeploymentCreate, FlowRunnerSettings, WorkPool
from flowpack.packaging.base import CompleteSpec
from flowpack.parameters import value_problems
from flowpack.settings import load_settings


def choose_pool(named: Optional[str]) -> Optional[str]:
    """Return the name of a deployment's pool: *named*, else that of the settings."""
    return named or load_settings().default_work_pool


def check_pool(
    spec: CompleteSpec, new: DeploymentCreate, client: Client, planned: Dict[str, Tuple[str, str]]
) -> Tuple[str, ...]:
    """Check runner and job variables of *new* against its pool; return what a plan notes of it.

    Args:
        spec: What *new* was made of.
        new: Settled; names a pool, or none.
        client: The server; nothing is written.
        planned: The pools that the same set would make: their types, and for whom. This one is
            added.

    Raises:
        DeploymentValidationError: There is no such pool, or *new* does not fit it.
    """
    label, name = spec.full_name, new.work_pool_name
    if not name:
        raise _no_pool(label, "no work pool is named", "Name one with --pool (work_pool=)", client)
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        pool = None
    if pool is not None:
        check_runner(label, new, pool, client)
        return (*_check_variables(spec, new, pool), *_state_notes(pool))
    if not spec.create_work_pool:
        advice = "--create-pool (create_work_pool=True) makes it"
        raise _no_pool(label, f"there is no work pool {quoted(name)}", advice, client, name)
    pool_type = type_for(new)
    first, other = planned.setdefault(name, (pool_type, label))
    if first == pool_type:
        made = f"the work pool {quoted(name)} of type {pool_type} is created"
        return (f"{made}; {_start_worker(name)} starts a worker for it",)
    problem = (
        f"the work pool {quoted(name)} would be made of type {pool_type}, and for"
        f" {quoted(other)} of type {first}; give them a pool each, or make it before"
    )
    raise DeploymentValidationError(label, [problem])


def _no_pool(
    label: str, reason: str, advice: str, client: Client, name: str = ""
) -> DeploymentValidationError:
    pools = client.read_work_pools()
    meant = suggestion(name, [pool.name for pool in pools]) or "."
    problem = f"{reason}{meant} The server has {_describe_pools(pools)}. {advice}"
    return DeploymentValidationError(label, [problem])


def _describe_pools(pools: Iterable[WorkPool]) -> str:
    found = [f"{quoted(each.name)} (type {printable(each.type)})" for each in pools]
    more = f" and {len(found) - 20} more" if len(found) > 20 else ""
    return ", ".join(sorted(found)[:20]) + more or "no work pools yet"


def check_runner(label: str, new: DeploymentCreate, pool: WorkPool, client: Client) -> None:
    """Raise a DeploymentValidationError unless the runner of *new* fits the type of *pool*."""
    from flowpack.wire.job_variables import pool_problem  # Only servers with pools need it.

    problem = pool_problem(_runner(new), pool.type or "")
    if problem:
        others = _describe_pools(client.read_work_pools())
        problem = f"{problem} ({quoted(pool.name)}). The server has {others}"
        raise DeploymentValidationError(label, [problem])


def _check_variables(spec: CompleteSpec, new: DeploymentCreate, pool: WorkPool) -> Iterator[str]:
    """Yield notes on job variables; raise for those of *spec* that do not fit the pool."""
    name, given = quoted(pool.name), spec.job_variables or {}
    if pool.variables is None and given:
        yield (
            f"the work pool {name} has no job template before its first worker, so the job"
            " variables are not checked"
        )
    check_variables(spec.full_name, given, pool, lenient=not spec.check_job_variables)
    unknown = _unknown_variables(new.job_variables or (), pool)[:10]
    if unknown:
        names = ", ".join(map(quoted, unknown))
        yield f"the work pool {name} has no job variables {names}; its workers pass over them"


def check_variables(
    label: str, given: Mapping[str, Any], pool: WorkPool, *, lenient: bool = False
) -> None:
    """Raise a DeploymentValidationError for job variables that *pool* does not take.

    Where it is *lenient*, names that the pool does not have pass.
    """
    name, schema = quoted(pool.name), pool.variables or {}
    # Workers fill in placeholders; env is left to the server, for errors show values.
    whole = {key: each for key, each in given.items() if key != "env" and "{{" not in str(each)}
    problems = [
        each.replace("parameter", f"work pool {name}: job variable", 1)
        for each in value_problems(whole, schema)
    ]
    listed = ", ".join(map(printable, list(schema.get("properties", ()))[:50]))
    problems += [
        f"the work pool {name} has no job variable {quoted(each)}"
        f"{suggestion(each, schema['properties']) or '.'} It has {listed}"
        for each in ([] if lenient else _unknown_variables(given, pool)[:10])
    ]
    if problems:
        raise DeploymentValidationError(label, problems)


def _unknown_variables(names: Iterable[str], pool: WorkPool) -> List[str]:
    schema = pool.variables
    known = () if schema is None else schema["properties"]
    return [each for each in names if schema and each.partition(".")[0] not in known]


def _state_notes(pool: WorkPool) -> Iterator[str]:
    if pool.is_paused:
        yield f"the work pool {quoted(pool.name)} is paused, and runs wait until it is resumed"
    elif pool.status == "NOT_READY" and not (pool.type or "").endswith((":push", ":managed")):
        start = _start_worker(pool.name)
        yield f"no worker is online in the work pool {quoted(pool.name)}; {start} starts one"


def _start_worker(pool: str) -> str:
    return printable(shlex.join(["prefect", "worker", "start", "--pool", pool]))


def ensure_pool(name: str, new: DeploymentCreate, client: Client) -> WorkPool:
    """Return the pool called *name*, made for *new* where it is missing."""
    with suppress(ObjectNotFound):
        return client.read_work_pool(name)
    try:
        return client.create_work_pool(name, type_for(new))
    except ObjectAlreadyExists:  # Another one was faster.
        return client.read_work_pool(name)


def type_for(new: DeploymentCreate) -> str:
    """Return the type of the pool that is made for the runner of *new*."""
    kind = str(_runner(new).type)
    return kind if kind in ("docker", "kubernetes") else "process"


def _runner(new: DeploymentCreate) -> FlowRunnerSettings:
    return new.flow_runner or FlowRunnerSettings("universal", {})
