"""What every test runs under, the examples of README.rst included."""

import gc
import signal

from tests.isolation import (
    fresh_home,
    keep_bytecode,
    keep_files_in_memory,
    only_loopback,
    refuse_other_machines,
    register_hypothesis_profiles,
)

__all__ = ["fresh_home", "only_loopback"]


def pytest_configure() -> None:
    # A shell that starts something in the background has it ignore Ctrl-C, which
    # tests send to themselves and to their children.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    keep_bytecode()
    keep_files_in_memory()
    refuse_other_machines()
    register_hypothesis_profiles()


def pytest_collection_finish() -> None:
    # Collecting garbage would look through all that pytest knows of its tests each time.
    gc.collect()
    gc.freeze()
