"""Orders; they know customers, and those know them."""

from __future__ import annotations

from dataclasses import dataclass

from . import customers


@dataclass
class Order:
    customer: customers.Customer
    item: str
    price: float
