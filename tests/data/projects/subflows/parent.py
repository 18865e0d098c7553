from children.extract import extract
from children.load import load

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def parent(count: int = 2):
    line = load(extract(count))
    get_run_logger().info(line)
    return line
