"""Storage, runner and work pool of a deployment: as given, else as it has them, else the default.

So leaving out an option never moves a deployment. One whose code others wrote is treated as new.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.deployments.masking import mask_env, mask_storage
from flowpack.exceptions import BlockError, DeploymentValidationError, ObjectAlreadyExists
from flowpack.exceptions import ObjectNotFound, printable, quoted, suggestion
from flowpack.flow_runners import FLOW_RUNNERS, FlowRunner, SubprocessFlowRunner
from flowpack.flow_runners import UniversalFlowRunner
from flowpack.models import Deployment, DeploymentCreate, FlowRunnerSettings, WorkPool
from flowpack.packaging.base import CompleteSpec, Packager
from flowpack.packaging.script import SourcePackager
from flowpack.parameters import value_problems
from flowpack.settings import load_settings


def select(
    full_name: str,
    packager: Packager,
    given: Union[FlowRunner, FlowRunnerSettings, None],
    work_pool: Optional[str],
    current: Optional[Deployment],
    client: Client,
) -> Tuple[Packager, FlowRunner, Mapping[str, Any]]:
    """Return packager and runner with nothing left open, and what is kept; only reads.

    Settings *given* without a type change the kept or default runner. *current* is the deployment
    as it is; None keeps nothing.

    Raises:
        DeploymentValidationError: What is there cannot be kept, or not be changed so.
    """
    if current is not None and current.script_problem is None and current.stored_object is None:
        current = None
    kept: Dict[str, Any] = {}
    if isinstance(packager, SourcePackager) and packager.storage is None and current is not None:
        storage = _kept_storage(full_name, current, client)
        packager = packager.with_storage(storage)
        kept["storage"] = mask_storage(storage)
    if isinstance(given, FlowRunner):
        return packager, given, kept
    is_local = (
        isinstance(packager, SourcePackager) and packager.find_storage(client).only_this_machine
    )
    runner: FlowRunner = SubprocessFlowRunner() if is_local else UniversalFlowRunner()
    if client.dialect.uses_work_pools:
        # With storage of this machine it is checked against where the pool's runs are.
        if given is not None or is_local:
            runner = _runner_of_pool(work_pool, client) or runner
    elif current is not None:
        runner = _kept_runner(full_name, current, runner)
    if given is not None:
        runner = _changed_runner(full_name, runner, given.config or {})
    elif current is not None and current.flow_runner in (None, runner.to_settings()):
        settings = mask_env(client.dialect.runner_of(current))
        if settings:
            kept["flow_runner"] = settings
    return packager, runner, kept


def _kept_storage(full_name: str, current: Deployment, client: Client) -> StorageBlock:
    # Imported here because it is slow to load, and a new deployment needs none of it.
    from flowpack.deployments.load import find_storage

    reason = str(current.script_problem)
    if current.stored_object is not None:
        try:
            return find_storage(current.stored_object, current, client)
        except BlockError as exc:
            reason = str(exc)
    problem = f"its storage cannot be kept: {reason}; say where the script is to be stored"
    raise DeploymentValidationError(full_name, [f"{problem} (--storage, flow_storage)"])


def _kept_runner(full_name: str, current: Deployment, default: FlowRunner) -> FlowRunner:
    """Return the runner that the server has, if it has runners, else *default*."""
    settings = current.flow_runner
    if not isinstance(settings, FlowRunnerSettings) or not settings.type:
        return default
    runner = _read_runner(full_name, settings, "its flow runner cannot be kept: ")
    if type(runner) is UniversalFlowRunner and isinstance(default, SubprocessFlowRunner):
        # The storage is one of this machine now, where universal means a subprocess.
        return SubprocessFlowRunner(env=runner.env)
    return runner


def _changed_runner(full_name: str, runner: FlowRunner, changes: Mapping[str, Any]) -> FlowRunner:
    """Return *runner* with *changes* of its config; variables are added to its own."""
    config: Dict[str, Any] = {**(runner.to_settings().config or {}), **changes}
    env = changes.get("env")
    if isinstance(env, Mapping):
        config["env"] = {**getattr(runner, "env", {}), **env}
    return _read_runner(full_name, FlowRunnerSettings(runner.typename, config))


def _read_runner(full_name: str, settings: FlowRunnerSettings, reason: str = "") -> FlowRunner:
    try:
        return FlowRunner.from_settings(settings)
    except DeploymentValidationError as exc:
        problem = f"{reason}{exc}; name the flow runner that is wanted (--runner, flow_runner)"
        raise DeploymentValidationError(full_name, [problem]) from exc


def _runner_of_pool(pool: Optional[str], client: Client) -> Optional[FlowRunner]:
    """Return the runner that fits the work pool, where that is known."""
    # Imported here because it is slow to load, and not all servers have pools.
    from flowpack.wire.job_variables import POOL_TYPES

    try:
        pool_type = client.read_work_pool(pool).type if pool else None
    except ObjectNotFound:
        return None
    fitting = (name for name, types in POOL_TYPES.items() if pool_type in types)
    typename = next(fitting, None)
    return None if typename is None else FLOW_RUNNERS[typename]()


# Work pools, on servers that have them.


def choose_pool(named: Optional[str]) -> Optional[str]:
    """Return the name of a deployment's pool: *named*, else that of the settings."""
    return named or load_settings().default_work_pool


def check_pool(
    spec: CompleteSpec, new: DeploymentCreate, client: Client, planned: Dict[str, Tuple[str, str]]
) -> Tuple[str, ...]:
    """Check runner and job variables of *new* against its pool; return what a plan notes of it.

    *planned* has the pools that the same set would make: their types, and for whom. What *new*
    would make is added; what does not fit its pool raises a DeploymentValidationError.
    """
    label, name = spec.full_name, new.work_pool_name
    if not name:
        advice = "Name one with --pool (work_pool, in a prefect.yaml work_pool.name)"
        raise _no_pool(label, "no work pool is named", advice, client)
    pool: Optional[WorkPool] = None
    with suppress(ObjectNotFound):
        pool = client.read_work_pool(name)
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
    types = f"of type {pool_type}, and for {quoted(other)} of type {first}"
    advice = "give them a pool each, or make it before"
    problem = f"the work pool {quoted(name)} would be made {types}; {advice}"
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
        reason = f"the work pool {name} has no job template before its first worker"
        yield f"{reason}, so the job variables are not checked"
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
    what = f"work pool {name}: job variable"
    problems = [each.replace("parameter", what, 1) for each in value_problems(whole, schema)]
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
