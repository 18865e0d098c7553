from children.extract import extract
from children.load import load

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


def result(returned):
    """Return what a subflow returned; Prefect 2.0b7 gives its state."""
    return returned.result() if hasattr(returned, "result") else returned


@flow
def parent(count: int = 2):
    line = result(load(result(extract(count))))
    get_run_logger().info(line)
    return line
