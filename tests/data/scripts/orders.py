# mypy: ignore-errors
"""Flows as people write them: constants, helpers, several ways to make one."""

from __future__ import annotations

import enum
import functools
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

try:
    from prefect import flow
except ImportError:
    from flowpack import flow

if TYPE_CHECKING:
    from somewhere import flow  # noqa: F811

TEAM = "orders"
VERSION = "2024.1"

logger = logging.getLogger(__name__)


class Priority(enum.Enum):
    """How soon an order is packed."""

    LOW = 1
    HIGH = 2


@dataclass
class Order:
    """What somebody bought."""

    number: int
    priority: Priority = Priority.LOW


def logged(function):
    """Log each call."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        logger.info("calling %s", function.__name__)
        return function(*args, **kwargs)

    return wrapper


@flow(name=f"{TEAM}-import", version=VERSION, retries=2, log_prints=True)
@logged
def import_orders(source: str, limit: int = 10, *more: str, dry: bool = False) -> str:
    """Read the orders.

    They come from a file.
    """
    return f"{source}:{limit}"


@flow
async def pack_orders(order: Order) -> Order:
    return order


def _ship(carrier: str = "post") -> str:
    """Ship what is packed."""
    return carrier


ship = flow(_ship, name="ship orders", description="Ships " + "all of them.")
ship_fast = ship.with_options(name="ship fast")


class Helper:
    """Not at module level are its flows."""

    @flow
    def method(self) -> None:
        """Stay unfound."""


if __name__ == "__main__":

    @flow
    def only_by_hand() -> None:
        """Stay unfound, too."""

    sys.exit(import_orders("by hand"))
