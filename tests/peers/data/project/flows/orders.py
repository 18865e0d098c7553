"""Flows of the project that both clients deploy."""

import os
from datetime import date
from typing import List, Optional

from prefect import flow


@flow(log_prints=True)
def load_orders(
    table: str,
    limit: int = 10,
    since: Optional[date] = None,
    columns: List[str] = ["id"],
):
    """Load the orders.

    Args:
        table: Where they are.
        limit: How many.
    """
    stage = os.environ.get("STAGE"), os.environ.get("LEVEL")
    print(f"loaded {table} {limit} {since} {columns} {stage}")


@flow(name="Clean Up", description="Removes what is old.", log_prints=True)
def clean(days: int = 7, **options: int):
    print(f"cleaned {days} {options}")
