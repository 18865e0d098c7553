from billing.invoices import invoice
from ledger import book

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow
def nightly(amount: int = 7):
    line = book(invoice(amount))
    get_run_logger().info(line)
    return line
