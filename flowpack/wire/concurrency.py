"""The concurrency limit of a deployment: a number of runs, or a mapping with more.

Since 3.0.3 servers keep the number in a global concurrency limit. Others may use the same one.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from flowpack.jsonvalues import same_json
from flowpack.wire.encoding import Json

#: What a limit that is a mapping has besides its number, and its name in a response.
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


def write_limit(limit: Json) -> Dict[str, Json]:
    """Return the fields of the body that hold *limit*."""
    if not isinstance(limit, Mapping):
        return {"concurrency_limit": limit, "concurrency_options": None}
    given = {key: limit[key] for key in _OPTIONS if limit.get(key) is not None}
    options = {"collision_strategy": "ENQUEUE", **given}
    return {"concurrency_limit": limit.get("limit"), "concurrency_options": options}


def same_limit(one: Json, other: Json) -> bool:
    """Return True if two limits are the same; runs that are too many wait unless it says else."""

    def whole(limit: Json) -> Mapping[str, Json]:
        given = limit if isinstance(limit, Mapping) else {"limit": limit}
        return {"collision_strategy": "ENQUEUE", "grace_period_seconds": None, **given}

    return same_json(whole(one), whole(other))


def needed_fields(limit: Json) -> Tuple[str, ...]:
    """Return what a server must have for *limit*, by the names of the fields."""
    if not isinstance(limit, Mapping):
        return ("concurrency_limit",) if limit else ()
    strategy = ("concurrency_options",) if limit.get("collision_strategy") == "CANCEL_NEW" else ()
    grace = ("grace_period_seconds",) if limit.get("grace_period_seconds") else ()
    return ("concurrency_limit", *strategy, *grace)


def shared_limit(extra: Mapping[str, Any]) -> Optional[str]:
    """Return the name of the limit that a deployment has, if it is one that others may use."""
    name = (extra.get("global_concurrency_limit") or {}).get("name")
    return name if name and name != f"deployment:{extra.get('id')}" else None
