"""Reports on a shop's orders."""

from . import VERSION
from .customers import Customer
from .orders import Order
from .reading.rows import read_rows

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def report(customer: str = "Ada"):
    """Tell what a customer has to pay."""
    from .rendering import failing_line, render

    orders = [Order(Customer(customer), row["item"], row["price"]) for row in read_rows()]
    line = f"{render(orders)} [{VERSION}; {failing_line()}; {__name__}]"
    get_run_logger().info(line)
    return line
