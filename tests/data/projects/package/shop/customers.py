"""Customers, in a circle with orders."""

from dataclasses import dataclass
from typing import List

from . import orders


@dataclass
class Customer:
    name: str

    def total(self, all_orders: "List[orders.Order]") -> float:
        return sum(each.price for each in all_orders if each.customer == self)
