"""A flow that needs other files of its project.

::

    flowpack explain examples/shop/flows/orders.py
    flowpack deploy examples/shop/flows/orders.py --project --include flows/prices.csv -n daily
    flowpack run orders/daily -p item=tea
"""

from pathlib import Path

try:
    from prefect import flow
except ImportError:
    from flowpack import flow

from shop.pricing import read_prices, total


@flow
def orders(item: str = "tea", count: int = 2) -> float:
    """Return what the items cost."""
    prices = read_prices(Path(__file__).parent / "prices.csv")
    return total(prices[item], count)
