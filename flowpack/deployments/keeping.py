"""Storage and runner of a deployment: as given, else kept, else the default.

A deployment that exists keeps both where a spec names none, so that leaving out an
option never moves it. One whose code others wrote is treated as new.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Union

import attrs

from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.deployments.masking import masked, shown_storage
from flowpack.exceptions import (
    BlockError,
    DeploymentValidationError,
    ObjectNotFound,
    WireError,
)
from flowpack.flow_runners import (
    FLOW_RUNNERS,
    FlowRunner,
    SubprocessFlowRunner,
    UniversalFlowRunner,
)
from flowpack.models import Deployment, FlowRunnerSettings
from flowpack.packaging.base import Packager
from flowpack.packaging.calling import check_returned, packager_errors, with_client
from flowpack.packaging.script import SourcePackager
from flowpack.wire.base import Change

_ANOTHER_STORAGE = "say where the script is to be stored (--storage, flow_storage)"
_ANOTHER_RUNNER = "name the flow runner that is wanted (--runner, flow_runner)"


@attrs.frozen
class Selection:
    """What a deployment is to be packaged with, and where it is to run.

    Attributes:
        packager: Stores where the deployment's code is to be.
        runner: Where runs are executed.
        kept: What is taken from the deployment as it is, as a plan shows it.
    """

    packager: Packager
    runner: FlowRunner
    kept: Mapping[str, Any]


def read_current(full_name: str, client: Client) -> Optional[Deployment]:
    """Return the deployment as the server has it; None where there is none."""
    try:
        return client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return None


def select(
    full_name: str,
    packager: Packager,
    given: Union[FlowRunner, FlowRunnerSettings, None],
    work_pool: Optional[str],
    current: Optional[Deployment],
    client: Client,
) -> Selection:
    """Return packager and runner with nothing left open; only reads.

    Args:
        full_name: ``FLOW/DEPLOYMENT``.
        packager: One that names no storage gets the one that is kept.
        given: A runner, or settings without a type, which change the one that is
            kept, or the default.
        work_pool: The pool that it is to go to, where that is known.
        current: The deployment as it is; None keeps nothing.
        client: The server.

    Raises:
        DeploymentValidationError: What is there cannot be kept, or not be changed so.
        PackagingError: A packager of a user's own failed.
    """
    if current is not None and not _is_readable(current):
        current = None
    kept: Dict[str, Any] = {}
    if (
        current is not None
        and isinstance(packager, SourcePackager)
        and packager.storage is None
    ):
        storage = _find_storage(full_name, current, client)
        packager = packager.with_storage(storage)
        kept["storage"] = shown_storage(storage)
    if isinstance(given, FlowRunner):
        return Selection(packager, given, kept)
    with packager_errors(packager):
        runner = with_client(packager.default_flow_runner, client)
    check_returned(packager, runner, FlowRunner)
    if client.dialect.uses_work_pools:
        # With storage of this machine it is held against where the pool's runs are.
        if given is not None or isinstance(runner, SubprocessFlowRunner):
            runner = _runner_of_pool(work_pool, client) or runner
    elif current is not None:
        runner = _kept_runner(full_name, current, runner)
    if given is not None:
        runner = _changed(full_name, runner, given.config or {})
    elif current is not None:
        has = client.dialect.runner_of(current)
        if has and current.flow_runner in (None, runner.to_settings()):
            kept["flow_runner"] = masked(Change("flow_runner", None, has)).new
    return Selection(packager, runner, kept)


def _is_readable(current: Deployment) -> bool:
    """Return True if flowpack, or its like, stored the deployment's code."""
    if current.flaw is not None:
        return True
    try:
        return bool(current.flow_data and current.flow_data.stored_object)
    except WireError:
        return False


def _find_storage(full_name: str, current: Deployment, client: Client) -> StorageBlock:
    # Imported here because it is slow to load.
    from flowpack.deployments.load import find_storage

    stored = current.flow_data.stored_object if current.flow_data else None
    if stored is None:
        reason = str(current.flaw)
    else:
        try:
            return find_storage(stored, current, client)
        except BlockError as exc:
            reason = str(exc)
    problem = f"its storage cannot be kept: {reason}; {_ANOTHER_STORAGE}"
    raise DeploymentValidationError(full_name, [problem])


def _kept_runner(
    full_name: str, current: Deployment, default: FlowRunner
) -> FlowRunner:
    """Return the runner that the server has, if it has runners, else *default*."""
    settings = current.flow_runner
    if not isinstance(settings, FlowRunnerSettings) or not settings.type:
        return default
    try:
        runner = FlowRunner.from_settings(settings)
    except DeploymentValidationError as exc:
        problem = f"its flow runner cannot be kept: {exc}; {_ANOTHER_RUNNER}"
        raise DeploymentValidationError(full_name, [problem]) from exc
    if type(runner) is UniversalFlowRunner and isinstance(
        default, SubprocessFlowRunner
    ):
        # The storage is one of this machine now, where universal means a subprocess.
        return SubprocessFlowRunner(env=runner.env)
    return runner


def _runner_of_pool(pool: Optional[str], client: Client) -> Optional[FlowRunner]:
    """Return the runner that fits the work pool, where that is known."""
    from flowpack.wire.job_variables import POOL_TYPES

    try:
        pool_type = client.read_work_pool(pool).type if pool else None
    except ObjectNotFound:
        return None
    for typename, fitting in POOL_TYPES.items():
        if pool_type in fitting:
            return FLOW_RUNNERS[typename]()
    return None


def _changed(
    full_name: str, runner: FlowRunner, changes: Mapping[str, Any]
) -> FlowRunner:
    """Return *runner* with *changes* of its config; variables are added to its own."""
    config: Dict[str, Any] = {**(runner.to_settings().config or {}), **changes}
    env = changes.get("env")
    if isinstance(env, Mapping):
        config["env"] = {**getattr(runner, "env", {}), **env}
    try:
        return runner.from_settings(FlowRunnerSettings(runner.typename, config))
    except DeploymentValidationError as exc:
        problem = f"{exc}; {_ANOTHER_RUNNER}"
        raise DeploymentValidationError(full_name, [problem]) from exc
