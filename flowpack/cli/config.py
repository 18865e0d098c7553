"""``flowpack config``, and the client that ``--api`` and ``--profile`` ask for."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from flowpack.cli import output
from flowpack.connect import get_client
from flowpack.settings import load_settings

if TYPE_CHECKING:  # It is slow to load, and ``config`` needs none.
    from flowpack.client import Client


def connect(arguments: Namespace) -> Client:
    """Return the client that a command's options ask for; close it."""
    return get_client(arguments.api, profile=arguments.profile, notify=output.note)


def config(arguments: Namespace) -> None:
    """Print all settings, secrets masked."""
    rows = load_settings(profile=arguments.profile, api=arguments.api).describe()
    document = {name: {"value": value, "source": source} for name, value, source in rows}
    lines = output.table(("SETTING", "VALUE", "SOURCE"), rows)
    output.result(document, lines, as_json=arguments.json)
