import utils.settings as settings
from utils.cleaning import clean

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def etl(names: list = ["  ada ", "grace"]):
    from utils import loading

    line = loading.load([clean(name) for name in names], settings.TARGET)
    get_run_logger().info(line)
    return line
