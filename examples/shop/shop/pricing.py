"""Prices, and what several items cost."""

import csv
from pathlib import Path
from typing import Dict


def read_prices(path: Path) -> Dict[str, float]:
    """Return the price of each item in a file of names and prices."""
    with open(path, newline="") as file:
        return {name: float(price) for name, price in csv.reader(file)}


def total(price: float, count: int) -> float:
    """Return the price of *count* items."""
    return round(price * count, 2)
