from .utils import week

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def weekly(day: int = 15):
    line = f"week {week(day)} of the month"
    get_run_logger().info(line)
    return line
