import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lib"))

from files.oldest import oldest  # noqa: E402

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def cleanup(ages: list = [3, 9, 4]):
    line = f"the oldest is {oldest(ages)} days old"
    get_run_logger().info(line)
    return line
