"""Which work pool a deployment goes to, on servers that have them."""

from __future__ import annotations

from contextlib import suppress
from typing import Dict, Optional, Tuple

from flowpack.client import Client
from flowpack.exceptions import (
    DeploymentValidationError,
    ObjectAlreadyExists,
    ObjectNotFound,
    quoted,
)
from flowpack.models import DeploymentCreate, FlowRunnerSettings, WorkPool
from flowpack.settings import load_settings


def choose_pool(named: Optional[str]) -> Optional[str]:
    """Return the name of a deployment's pool: *named*, else that of the settings."""
    return named or load_settings().default_work_pool


def check_pool(
    label: str,
    new: DeploymentCreate,
    client: Client,
    create: bool,
    planned: Dict[str, Tuple[str, str]],
) -> Optional[str]:
    """Check the runner of *new* against its pool, and return a note if that would be made.

    Args:
        label: What messages call the deployment.
        new: Settled; names a pool, or none.
        client: The server; nothing is written.
        create: Whether a missing pool would be made.
        planned: The pools that the same set would make: their types, and for whom. This one is
            added.
    """
    name = new.work_pool_name
    if not name:
        raise _no_pool(label, "no work pool is named", "Name one with --pool (work_pool=)", client)
    try:
        check_runner(label, new, client.read_work_pool(name))
        return None
    except ObjectNotFound:
        pass
    if not create:
        advice = "--create-pool (create_work_pool=True) makes it"
        raise _no_pool(label, f"there is no work pool {quoted(name)}", advice, client)
    pool_type = type_for(new)
    first, other = planned.setdefault(name, (pool_type, label))
    if first == pool_type:
        return f"the work pool {quoted(name)} of type {pool_type} is made"
    problem = (
        f"the work pool {quoted(name)} would be made of type {pool_type}, and for"
        f" {quoted(other)} of type {first}; give them a pool each, or make it before"
    )
    raise DeploymentValidationError(label, [problem])


def _no_pool(label: str, reason: str, advice: str, client: Client) -> DeploymentValidationError:
    names = sorted(pool.name for pool in client.read_work_pools())[:20]
    listed = ", ".join(map(quoted, names)) or "none yet"
    return DeploymentValidationError(label, [f"{reason}; the server has {listed}. {advice}"])


def check_runner(label: str, new: DeploymentCreate, pool: WorkPool) -> None:
    """Raise a DeploymentValidationError unless the runner of *new* fits the type of *pool*."""
    from flowpack.wire.job_variables import pool_problem  # Only servers with pools need it.

    problem = pool_problem(_runner(new), pool.type or "")
    if problem:
        raise DeploymentValidationError(label, [f"{problem} ({quoted(pool.name)})"])


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
