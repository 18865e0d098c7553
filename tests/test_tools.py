"""What contributors and ``.ci/run`` start is declared once, and told."""

from __future__ import annotations

import re

from tests.peers.interpreters import SUPPORTED
from tests.source import ROOT
from tests.test_repository import metadata


def environments() -> set[str]:
    """Return the names of the environments that ``.ci/run`` runs."""
    listed = metadata()["tox:tox"]["labels"].partition("=")[2]
    return set(re.findall(r"[\w-]+", listed))


def test_ci_runs_every_environment():
    """One that is declared is run, and one for each release between oldest and newest.

    The newest has ``readme``, and one of those between ``coverage``.
    """
    declared = set()
    for section in metadata().sections():
        if section.startswith("testenv:"):
            name = section.partition(":")[2]
            stem, _, more = name.partition("{,")
            declared |= {stem, stem + more.rstrip("}")}
    between = {f"py{release.replace('.', '')}" for release in SUPPORTED[1:-1]}
    assert environments() == declared | between - {metadata()["testenv:coverage"]["base_python"]}


def test_contributors_are_told_of_every_environment():
    """``CONTRIBUTING.rst`` has each by its name, those of releases as a range."""
    text = (ROOT / "CONTRIBUTING.rst").read_text("utf-8")
    names = {each for each in environments() if not re.fullmatch(r"py\d+", each)}
    assert names <= set(re.findall(r"``([\w-]+)``", text))
