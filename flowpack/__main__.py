"""The command line as a process of its own: ``flowpack``, ``python -m flowpack``."""

import gc
import sys
from typing import NoReturn


def program() -> NoReturn:
    """Run the command line and end the process with its status.

    A short process makes many objects and little garbage, so it is looked for less
    often, and not at all at the end. Where the user's code ran, what it left is
    still collected, for it may have finalizers.
    """
    gc.set_threshold(200_000)
    from flowpack.cli import run_command

    status = run_command()
    if "flowpack.loading" not in sys.modules:
        gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    program()
