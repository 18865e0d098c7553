"""``flowpack config``: tell each setting's value and where it came from."""

from __future__ import annotations

from argparse import Namespace

from flowpack.cli import output
from flowpack.settings import load_settings


def run(arguments: Namespace) -> None:
    """Print all settings, secrets masked."""
    rows = load_settings(profile=arguments.profile, api=arguments.api).describe()
    if arguments.json:
        output.document(
            {name: {"value": value, "source": source} for name, value, source in rows}
        )
    else:
        output.table(("SETTING", "VALUE", "SOURCE"), rows)
