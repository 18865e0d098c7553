"""Storage and runner of a deployment: as given, else as the deployment has them, else the default.

So leaving out an option never moves a deployment. One whose code others wrote is treated as new.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple, Union

from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.deployments.masking import mask_env, mask_storage
from flowpack.exceptions import BlockError, DeploymentValidationError, ObjectNotFound
from flowpack.flow_runners import (
    FLOW_RUNNERS,
    FlowRunner,
    SubprocessFlowRunner,
    UniversalFlowRunner,
)
from flowpack.models import Deployment, FlowRunnerSettings
from flowpack.packaging.base import Packager
from flowpack.packaging.script import SourcePackager


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
