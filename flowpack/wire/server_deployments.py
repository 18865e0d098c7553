"""Deployments as today's servers give them back, each release in its own way."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from flowpack.exceptions import WireError

#: What is read of ``extra``: each member, if it is not null, and its items.
_SHAPES: Mapping[str, Tuple[type, str]] = {
    "schedule": (dict, "an object"),
    "schedules": (list, "an array of objects with a schedule each"),
    "pull_steps": (list, "an array of objects"),
    "labels": (dict, "an object"),
    "job_variables": (dict, "an object"),
    "infra_overrides": (dict, "an object"),
    "global_concurrency_limit": (dict, "an object"),
}


def check_shapes(value: Mapping[str, Any]) -> None:
    """Refuse a deployment of which the dialect could not read a part.

    Raises:
        WireError: A member is of another type.
    """
    for name, (kind, told) in _SHAPES.items():
        member = value.get(name)
        items = member if isinstance(member, list) else ()
        fits = member is None or isinstance(member, kind)
        if name == "schedules":
            fits = fits and all(isinstance(_of(each), dict) for each in items)
        if not fits or not all(isinstance(each, dict) for each in items):
            raise WireError(f"an answer is no Deployment: {name} must be {told}")


def _of(item: Any) -> Any:
    return item.get("schedule") if isinstance(item, dict) else None


def own_labels(labels: Any) -> Dict[str, Any]:
    """Return *labels* without those that the server adds."""
    return {
        key: value
        for key, value in (labels or {}).items()
        if not key.startswith("prefect.")
    }


def concurrency_limit(has: Mapping[str, Any]) -> Optional[int]:
    """Return the limit; since 3.0.3 an answer has it in an object of its own."""
    limit = (has.get("global_concurrency_limit") or {}).get("limit")
    return has.get("concurrency_limit") if limit is None else limit


def variables_of(has: Mapping[str, Any]) -> Any:
    """Return the job variables; 2.x answers by the older name of the field."""
    return has.get("job_variables", has.get("infra_overrides")) or {}
