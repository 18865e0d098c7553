"""Deploys that are killed at a system call that writes, or have it fail."""

from __future__ import annotations

import pytest

from tests.trust.test_crashes import STATES, bad, tried
from tests.trust.traced import require_strace


@pytest.fixture(autouse=True)
def _traced():
    require_strace()


def struck(how, state, folder, stride):
    results = tried("tests.trust.syscalls", how, state, folder, stride)
    assert bad(results, state) == []
    for each in results:
        if how == "kill":
            assert each["status"] == -9
        else:
            assert each["status"] in (0, 1), each
            assert ("flowpack: error: " in each["said"]) == each["status"]
            assert "Traceback" not in each["said"]
    assert how == "kill" or any(each["status"] for each in results)


@pytest.mark.parametrize(
    ("how", "state", "stride"),
    [("kill", "fresh", 100), ("EIO", "update", 24), ("ENOSPC", "fresh", 110)],
)
def test_struck_at_some_calls(in_memory, how, state, stride):
    """It dies or is one clean error, leaves nothing half done, and can be repeated."""
    struck(how, state, in_memory, stride)


@pytest.mark.stress
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("how", "stride"), [("kill", 2), ("EIO", 1), ("ENOSPC", 2), ("EDQUOT", 3)]
)
def test_struck_at_many_calls(in_memory, how, state, stride):
    """The same at many more; of the many pages of a new database at few."""
    struck(how, state, in_memory, stride * 4 if state == "fresh" else stride)
