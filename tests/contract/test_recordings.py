"""The API answers as the reference's server was seen to answer."""

from __future__ import annotations

import pytest

from tests.contract.recordings import NAMES, Replay


@pytest.mark.parametrize("name", NAMES)
def test_recorded_exchanges(api, name):
    """Each recorded request gets an answer of the same status and shape."""
    assert Replay(api, name).run() == []
