"""The API's JSON, which nothing else knows: requests from models, and models from responses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowpack.exceptions import WireError, quoted

if TYPE_CHECKING:
    from flowpack.wire.dialect import Dialect


def dialect_for(version: object) -> Dialect:
    """Return the dialect of a server of release *version*; raise a WireError for no such."""
    if version == "2.0b7":
        from flowpack.wire.dialect import Dialect

        return Dialect("2.0b7")
    if not isinstance(version, str) or not re.match(r"\d+\.\d+", version):
        problem = f"GET /admin/version answered {quoted(version)}, which is no release of Prefect"
        raise WireError(f"{problem}. Is this the address of a Prefect API? It ends in /api")
    from flowpack.wire.prefect3 import OLDEST, Prefect3, parse_version

    if OLDEST <= parse_version(version) < (4,):
        return Prefect3(version)
    spoken = "2.0b7, 2.10.14 to 2.20 and 3.x"
    raise WireError(f"the server is Prefect {quoted(version)}; flowpack speaks to {spoken}")
