"""Which work pool a deployment goes to, on servers that have them."""

from __future__ import annotations

from typing import List, Optional

from flowpack.client import Client
from flowpack.exceptions import (
    DeploymentValidationError,
    ObjectAlreadyExists,
    ObjectNotFound,
    quoted,
)
from flowpack.models import DeploymentCreate, FlowRunnerSettings, WorkPool

#: The type of a pool that is made for a runner; others get a process pool.
_TYPES = {"docker": "docker", "kubernetes": "kubernetes"}


def choose_pool(settled: Optional[str]) -> Optional[str]:
    """Return the name of the pool: *settled*, else that of the settings."""
    if settled:
        return settled
    from flowpack.settings import load_settings

    return load_settings().default_work_pool


def check_pool(
    label: str, new: DeploymentCreate, client: Client, create: bool
) -> Optional[str]:
    """Hold the runner of *new* against its pool; reads only.

    Args:
        label: What messages call the deployment.
        new: Settled; names a pool, or none.
        client: The server.
        create: Whether a missing pool would be made.

    Returns:
        A note for the plan where the pool would be made.

    Raises:
        DeploymentValidationError: No pool is named, it is not there, or the runner
            does not fit it.
    """
    name = new.work_pool_name
    if not name:
        raise DeploymentValidationError(
            label,
            [f"no work pool is named; {_there_are(client)}. Say --pool (work_pool=)"],
        )
    settings = new.flow_runner or FlowRunnerSettings("universal", {})
    try:
        pool_type = client.read_work_pool(name).type or ""
    except ObjectNotFound:
        if not create:
            raise DeploymentValidationError(
                label,
                [
                    f"there is no work pool {quoted(name)}; {_there_are(client)}."
                    " --create-pool (create_work_pool=True) makes it"
                ],
            ) from None
        pool_type = type_for(settings)
        return f"the work pool {quoted(name)} of type {pool_type} is made"
    problem = client.dialect.pool_problem(settings, pool_type)
    if problem:
        raise DeploymentValidationError(label, [f"{problem} ({quoted(name)})"])
    return None


def ensure_pool(new: DeploymentCreate, client: Client) -> Optional[WorkPool]:
    """Make the pool of *new* where it is missing."""
    if not new.work_pool_name:
        return None
    try:
        return client.read_work_pool(new.work_pool_name)
    except ObjectNotFound:
        settings = new.flow_runner or FlowRunnerSettings("universal", {})
    try:
        return client.create_work_pool(new.work_pool_name, type_for(settings))
    except ObjectAlreadyExists:
        # Another one was faster.
        return client.read_work_pool(new.work_pool_name)


def type_for(settings: FlowRunnerSettings) -> str:
    """Return the type of the pool that is made for a runner."""
    return _TYPES.get(str(settings.type), "process")


def _there_are(client: Client) -> str:
    names: List[str] = sorted(pool.name for pool in client.read_work_pools())
    if not names:
        return "the server has none yet"
    return "the server has " + ", ".join(quoted(name) for name in names[:20])
