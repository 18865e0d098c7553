"""Flow runners as the job variables of a work pool.

A pool's type decides which variables its jobs have; what a runner says must fit.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Tuple

from flowpack.models import FlowRunnerSettings

#: Types of work pools whose jobs each runner describes. A universal runner fits all.
POOL_TYPES: Mapping[str, Tuple[str, ...]] = {
    "subprocess": ("process",),
    "docker": ("docker",),
    "kubernetes": ("kubernetes",),
}


#: The default image of the docker and kubernetes runners, which is 2.0b7's own; a
#: pool has a better one.
_ORION_IMAGE = "prefecthq/prefect:2.0b7-python3.9"


def problem(settings: FlowRunnerSettings, pool_type: str) -> str:
    """Return why a runner does not fit a pool of *pool_type*; empty if it does."""
    runner = str(settings.type)
    fitting = POOL_TYPES.get(runner)
    if fitting is None or pool_type in fitting:
        return ""
    return (
        f"the {runner} flow runner does not fit a work pool of type {pool_type}; it"
        f" fits {' and '.join(fitting)}"
    )


def job_variables(settings: FlowRunnerSettings) -> Dict[str, Any]:
    """Return the job variables that say what *settings* say."""
    config = dict(settings.config or {})
    write = _WRITERS.get(str(settings.type), _universal)
    found = write(config)
    return {key: value for key, value in found.items() if value not in (None, {}, [])}


def _universal(config: Mapping[str, Any]) -> Dict[str, Any]:
    return {"env": config.get("env")}


def _subprocess(config: Mapping[str, Any]) -> Dict[str, Any]:
    found = _universal(config)
    if config.get("stream_output") is False:
        found["stream_output"] = False
    virtualenv, condaenv = config.get("virtualenv"), config.get("condaenv")
    if virtualenv:
        found["command"] = f"{virtualenv}/bin/python -m prefect.engine"
    if condaenv:
        by = "-p" if condaenv.startswith(("/", "~")) else "-n"
        found["command"] = f"conda run {by} {condaenv} python -m prefect.engine"
    return found


def _image(config: Mapping[str, Any]) -> Any:
    image = config.get("image")
    return None if image == _ORION_IMAGE else image


def _docker(config: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        **_universal(config),
        "image": _image(config),
        "image_pull_policy": _PULL_POLICIES.get(config.get("image_pull_policy") or ""),
        "networks": config.get("networks"),
        "network_mode": config.get("network_mode"),
        "labels": config.get("labels"),
        "auto_remove": config.get("auto_remove") or None,
        "volumes": config.get("volumes"),
        "stream_output": False if config.get("stream_output") is False else None,
    }


def _kubernetes(config: Mapping[str, Any]) -> Dict[str, Any]:
    namespace = config.get("namespace")
    return {
        **_universal(config),
        "image": _image(config),
        "namespace": None if namespace == "default" else namespace,
        "service_account_name": config.get("service_account_name"),
        "labels": config.get("labels"),
        "image_pull_policy": config.get("image_pull_policy"),
        "stream_output": False if config.get("stream_output") is False else None,
    }


_WRITERS: Mapping[str, Callable[[Mapping[str, Any]], Dict[str, Any]]] = {
    "universal": _universal,
    "subprocess": _subprocess,
    "docker": _docker,
    "kubernetes": _kubernetes,
}

#: Prefect 3's docker pools spell the policies of Kubernetes.
_PULL_POLICIES = {
    "IF_NOT_PRESENT": "IfNotPresent",
    "ALWAYS": "Always",
    "NEVER": "Never",
}


def with_nested_env(variables: Mapping[str, Any]) -> Dict[str, Any]:
    """Return job variables with each ``env.NAME`` in ``env``.

    Workers before 3.6.5 know no other form. Of both the one in ``env`` counts.
    """
    dotted = {key: value for key, value in variables.items() if key[:4] == "env."}
    env = variables.get("env") or {}
    if not dotted or not isinstance(env, Mapping):
        return dict(variables)
    found = {key: value for key, value in variables.items() if key not in dotted}
    found["env"] = {**{key[4:]: value for key, value in dotted.items()}, **env}
    return found
