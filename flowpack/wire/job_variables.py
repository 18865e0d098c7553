"""Flow runners as the job variables of a work pool, whose type decides which there are."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple, Union

from flowpack.models import DEFAULT_IMAGE, DeploymentCreate, FlowRunnerSettings, Unset

#: Types of work pools whose jobs each runner describes. A universal runner fits all.
POOL_TYPES: Mapping[str, Tuple[str, ...]] = {
    "subprocess": ("process",),
    "docker": ("docker",),
    "kubernetes": ("kubernetes",),
}

#: Fields of runners that are variables of the same name.
_SAME_NAME: Mapping[str, Tuple[str, ...]] = {
    "subprocess": (),
    "docker": ("image", "networks", "network_mode", "labels", "volumes"),
    "kubernetes": ("image", "namespace", "service_account_name", "labels", "image_pull_policy"),
}

#: Values of runners that nobody chose; a pool has better.
_DEFAULTS = {"image": DEFAULT_IMAGE, "namespace": "default"}

#: Prefect 3's docker pools spell the policies of Kubernetes.
_PULL_POLICIES = {"IF_NOT_PRESENT": "IfNotPresent", "ALWAYS": "Always", "NEVER": "Never"}


def pool_problem(settings: FlowRunnerSettings, pool_type: str) -> str:
    """Return why a runner does not fit a pool of *pool_type*; empty if it does."""
    if pool_type == "prefect-agent":
        return "agents run no deployments with pull steps, and a prefect-agent work pool has agents"
    fitting = POOL_TYPES.get(str(settings.type), (pool_type,))
    if pool_type in fitting:
        return ""
    problem = f"the {settings.type} flow runner does not fit a work pool of type {pool_type}"
    return f"{problem}; it fits {' and '.join(fitting)}"


def runner_variables(settings: Union[FlowRunnerSettings, None, Unset]) -> Dict[str, Any]:
    """Return the job variables that stand for the *settings* of a runner."""
    kind = str(settings.type) if settings else ""
    config = dict(settings.config or {}) if settings else {}
    found: Dict[str, Any] = {"env": config.get("env")}
    if kind in _SAME_NAME:
        for field in _SAME_NAME[kind]:
            value = config.get(field)
            found[field] = None if value == _DEFAULTS.get(field) else value
        found["stream_output"] = False if config.get("stream_output") is False else None
    if kind == "subprocess" and config.get("virtualenv"):
        found["command"] = f"{config['virtualenv']}/bin/python -m prefect.engine"
    if kind == "subprocess" and config.get("condaenv"):
        name = config["condaenv"]
        option = "-p" if name.startswith(("/", "~")) else "-n"
        found["command"] = f"conda run {option} {name} python -m prefect.engine"
    if kind == "docker":
        found["image_pull_policy"] = _PULL_POLICIES.get(config.get("image_pull_policy") or "")
        found["auto_remove"] = config.get("auto_remove") or None
    return {key: value for key, value in found.items() if value not in (None, {}, [])}


def variables_of(extra: Mapping[str, Any]) -> Any:
    """Return the job variables of a deployment; 2.x answers by the older name of the field."""
    return extra.get("job_variables", extra.get("infra_overrides")) or {}


def merged_variables(extra: Mapping[str, Any], new: DeploymentCreate) -> Dict[str, Any]:
    """Return the job variables of *new*: those given over its runner's, else that over *extra*'s.

    Variables in ``env`` are merged by name.
    """
    given = new.job_variables
    kept = variables_of(extra) if isinstance(given, Unset) else {}
    merged = with_nested_env(kept)
    for laid_over in (runner_variables(new.flow_runner), with_nested_env(given or {})):
        env, more = merged.get("env"), laid_over.get("env")
        if isinstance(env, Mapping) and isinstance(more, Mapping):
            laid_over["env"] = {**env, **more}
        merged.update(laid_over)
    return merged


def with_nested_env(variables: Mapping[str, Any]) -> Dict[str, Any]:
    """Return job variables with each ``env.NAME`` in ``env``, whose own values win.

    Workers before 3.6.5 know no other form.
    """
    env = variables.get("env") or {}
    dotted = {key[4:]: value for key, value in variables.items() if key.startswith("env.")}
    if not dotted or not isinstance(env, Mapping):
        return dict(variables)
    others = {key: value for key, value in variables.items() if not key.startswith("env.")}
    return {**others, "env": {**dotted, **env}}
