"""Reads the table that lies in the package."""

import csv
from pathlib import Path

from ..money import parse

TABLE = Path(__file__).parent.parent / "data" / "prices.csv"


def read_rows():
    with open(TABLE, encoding="utf-8", newline="") as file:
        return [{**row, "price": parse(row["price"])} for row in csv.DictReader(file)]
