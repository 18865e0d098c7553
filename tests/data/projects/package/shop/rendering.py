"""Is imported when the flow runs."""

import pickle
import traceback
from importlib import resources
from os.path import basename

from .money import parse


def render(orders):
    text = resources.files("shop").joinpath("data/report.txt").read_text("utf-8").strip()
    copies = pickle.loads(pickle.dumps(orders))
    assert copies == orders and type(copies[0]) is type(orders[0])
    customer = copies[0].customer
    return text.format(name=customer.name, total=customer.total(copies))


def failing_line():
    """Tell what a traceback shows of another module."""
    try:
        parse("many")
    except ValueError as exc:
        last = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{basename(last.filename)}:{last.lineno} {last.line}"
