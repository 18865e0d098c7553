from helpers import WHO
from tools.texts import shout

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def who_a(lazily: bool = False):
    line = f"{shout(WHO)} is here"
    if lazily:
        from late import WHO as who

        line = f"{line}, {who} came late"
    get_run_logger().info(line)
    return line
