from inventory.stock import Stock

from .. import stock

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def inside():
    assert stock.Stock is Stock
    line = f"{__name__} counts {Stock(nails=3, screws=4).total()}"
    get_run_logger().info(line)
    return line
