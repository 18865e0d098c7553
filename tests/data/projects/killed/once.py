import os
import signal

from place import HERE

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def once(mark: str):
    """End the process without a word, the first time; note in *mark* where its files were."""
    if not os.path.exists(mark):
        with open(mark, "w", encoding="utf-8") as file:
            file.write(HERE)
        os.kill(os.getpid(), signal.SIGKILL)
    get_run_logger().info("went on")
