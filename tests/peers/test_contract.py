"""The contract suite and recorded exchanges against a real 2.0b7 server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.recordings import NAMES, Api, Replay

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("name", NAMES)
def test_recorded_exchanges(orion, name):
    """Each recorded request gets an answer of the same status and shape."""
    assert Replay(Api(orion.api), name).run() == []


def test_contract_holds_on_the_real_server(orion):
    """What the tests ask of the embedded API, they ask of the real one too."""
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/contract",
        ],
        cwd=ROOT,
        env={**os.environ, "FLOWPACK_TEST_API_URL": orion.api},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stdout[-5000:]
    passed = re.search(r"(\d+) passed", said.stdout)
    assert passed and int(passed[1]) > 50, said.stdout
