"""The client that a command's options ask for."""

from __future__ import annotations

from argparse import Namespace

from flowpack.cli import output
from flowpack.client import Client
from flowpack.connect import get_client


def connect(arguments: Namespace) -> Client:
    """Return a client by ``--api`` and ``--profile``; close it.

    Raises:
        SettingsError: A setting cannot be used.
    """
    return get_client(arguments.api, profile=arguments.profile, notify=output.note)
