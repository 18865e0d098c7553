"""Which release of Prefect brought what; the one place that knows."""

from __future__ import annotations

import re
from typing import Mapping, Tuple

#: The oldest release that is spoken to: it brought the module of the pull steps.
OLDEST = (2, 10, 14)

#: The release that brought each field of ``POST /deployments/``; what is not here
#: is older than :data:`OLDEST`. Servers refuse fields that they do not know.
SINCE: Mapping[str, Tuple[int, ...]] = {
    "enforce_parameter_schema": (2, 13, 2),
    "paused": (2, 16, 0),
    "schedules": (2, 16, 0),
    "job_variables": (2, 17, 0),
    "concurrency_limit": (3, 0, 0),
    "labels": (3, 1, 5),
}

#: The release that brought slugs to schedules, by which flowpack knows its own.
SLUGS = (3, 2, 0)

#: The oldest release whose workers were seen to load flows in classes; 3.0.11 does not.
METHODS = (3, 4, 13)


def parse_version(version: str) -> Tuple[int, ...]:
    """Return the numbers of a release: ``3.0.0rc2`` gives ``(3, 0, 0)``."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(each or 0) for each in found.groups()) if found else ()
