"""Names of time zones, looked up in the database that :mod:`zoneinfo` finds."""

from __future__ import annotations

from datetime import timezone, tzinfo
from typing import Optional

from flowpack.exceptions import quoted

_LONGEST_NAME = 100


def find_zone(name: str) -> Optional[tzinfo]:
    """Return the zone called *name*, or None when this machine knows none.

    ``UTC`` is known everywhere; all else depends on the machine's database.
    """
    if name == "UTC":
        return timezone.utc
    # Imported late: most schedules name no zone, and every command pays for it.
    import zoneinfo

    if len(name) > _LONGEST_NAME:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # Besides "not found", odd names end as files that cannot be opened, are
        # no zone, or cannot be the name of a file at all.
        return None


def zone_problem(name: object) -> Optional[str]:
    """Return what is wrong with *name* as a time zone, or None."""
    if not isinstance(name, str):
        return f"the timezone must be text, not {type(name).__name__}"
    if find_zone(name) is not None:
        return None
    if find_zone("Europe/Paris") is None:
        return (
            f"the timezone {quoted(name)} cannot be looked up: this machine has no time"
            " zone database. Install the system package or the Python package"
            " 'tzdata', or leave the timezone out"
        )
    return (
        f"the timezone {quoted(name)} is unknown; names look like 'Europe/Paris' or"
        " 'UTC' (upper and lower case matter)"
    )
