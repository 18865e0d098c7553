"""Scripts for the tests, written where they are used."""

from __future__ import annotations

import textwrap

from flowpack.discovery import Discovery, Script, find_flows


def script(text: str, name: str = "script.py") -> Script:
    """Return a script of that indented *text*."""
    return Script(content=textwrap.dedent(text).encode("utf-8"), name=name)


def found(text: str) -> Discovery:
    """Return what is found in a script of that *text*."""
    return find_flows(script(text))
