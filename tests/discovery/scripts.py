"""Scripts for the tests, written where they are used."""

from __future__ import annotations

import textwrap

from flowpack.discovery import Findings, Script, examine


def script(text: str, name: str = "script.py") -> Script:
    """Return a script of that indented *text*."""
    return Script(content=textwrap.dedent(text).encode("utf-8"), name=name)


def found(text: str) -> Findings:
    """Return what is found in a script of that *text*."""
    return examine(script(text))
