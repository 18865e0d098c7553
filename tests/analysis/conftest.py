"""Fixtures for the tests of discovery."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from flowpack.analysis.script import Script

SCRIPTS = Path(__file__).parent.parent / "data" / "scripts"


@pytest.fixture
def scripts() -> Callable[[str], Script]:
    """Read one of the scripts that are data of the tests."""
    return lambda name: Script.read(SCRIPTS / name)
