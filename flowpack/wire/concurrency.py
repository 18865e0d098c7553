"""The concurrency limit of a deployment: a number of runs, or a mapping with more.

Since 3.0.3 servers keep the number in a global concurrency limit. Others may use the same one.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional

from flowpack.exceptions import quoted
from flowpack.jsonvalues import same_json
from flowpack.models import DeploymentCreate
from flowpack.wire.encoding import Json

#: What a limit that is a mapping has besides its number.
_OPTIONS = ("collision_strategy", "grace_period_seconds")


def limit_runs(extra: Mapping[str, Any]) -> Optional[int]:
    """Return the number of runs; since 3.0.3 a response has it in an object of its own."""
    limit = (extra.get("global_concurrency_limit") or {}).get("limit")
    return extra.get("concurrency_limit") if limit is None else limit


def read_limit(extra: Mapping[str, Any]) -> Json:
    """Return the limit of a deployment as a spec has it."""
    given = extra.get("concurrency_options") or {}
    options = {key: given[key] for key in _OPTIONS if given.get(key) is not None}
    return {"limit": limit_runs(extra), **options} if options else limit_runs(extra)


def write_limit(new: DeploymentCreate) -> Dict[str, Json]:
    """Return the fields of the body that hold the limit of *new*, which is settled."""
    fields = limit_fields(new.concurrency_limit)
    # A limit that others use stays as it is: servers would change it, or delete it, for all.
    return {**fields, "global_concurrency_limit_id": None} if _leaves_shared(new) else fields


def limit_fields(limit: Any) -> Dict[str, Json]:
    """Return the fields of the body that hold *limit*, of a number and of what is beside it."""
    options: Optional[Dict[str, Json]] = None
    if isinstance(limit, Mapping):
        given = {key: limit[key] for key in _OPTIONS if limit.get(key) is not None}
        limit, options = limit.get("limit"), {"collision_strategy": "ENQUEUE", **given}
    return {"concurrency_limit": limit, "concurrency_options": options}


def reduced(limit: Any, has: Callable[[str], bool]) -> Any:
    """Return what is left of *limit* on a server that *has* some fields."""
    if not has("concurrency_limit"):
        return None
    if not isinstance(limit, Mapping) or has("grace_period_seconds"):
        return limit
    if not has("concurrency_options"):
        return limit["limit"]
    return {key: value for key, value in limit.items() if key != "grace_period_seconds"}


def limit_notes(new: DeploymentCreate) -> List[str]:
    """Return the note of a plan on a limit that others use, if there is one."""
    name = shared_limit(new.current.extra) if new.current else None
    if _leaves_shared(new):
        return [f"the shared concurrency limit {quoted(name)} stays, for others"]
    return [f"the concurrency limit {quoted(name)} is shared with others"] if name else []


def _leaves_shared(new: DeploymentCreate) -> bool:
    extra = new.current.extra if new.current else {}
    is_shared = shared_limit(extra) is not None
    return is_shared and not same_limit(read_limit(extra), new.concurrency_limit)


def same_limit(one: Json, other: Json) -> bool:
    """Return True if two limits are the same; runs that are too many wait unless it says else."""

    def whole(limit: Json) -> Mapping[str, Json]:
        given = limit if isinstance(limit, Mapping) else {"limit": limit}
        return {"collision_strategy": "ENQUEUE", "grace_period_seconds": None, **given}

    return same_json(whole(one), whole(other))


def shared_limit(extra: Mapping[str, Any]) -> Optional[str]:
    """Return the name of the limit that a deployment has, if it is one that others may use."""
    name = (extra.get("global_concurrency_limit") or {}).get("name")
    return name if name and name != f"deployment:{extra.get('id')}" else None
