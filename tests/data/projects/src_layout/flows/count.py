from inventory import Stock

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def outside():
    line = f"{Stock.__module__} counts {Stock(nails=5).total()}"
    get_run_logger().info(line)
    return line
