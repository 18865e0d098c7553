"""Log records, for which ``logging`` is not loaded: who does not load it does not listen."""

from __future__ import annotations

import sys

DEBUG, INFO = 10, 20


def log(name: str, level: int, message: str, *values: object) -> None:
    """Log *message* with *values* under *name*; no more is shown than a library should."""
    logging = sys.modules.get("logging")
    if logging is not None:
        root = logging.getLogger("flowpack")
        if not root.handlers:
            root.addHandler(logging.NullHandler())
        logging.getLogger(name).log(level, message, *values, stacklevel=2)
