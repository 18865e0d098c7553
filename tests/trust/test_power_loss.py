"""Power that fails at any system call of a deploy, with what disks then forget."""

from __future__ import annotations

import pytest

from tests.trust.test_crashes import STATES, bad, tried
from tests.trust.traced import require_strace


@pytest.fixture(autouse=True)
def _traced():
    require_strace()


def survived(state, folder, *how):
    results = tried("tests.trust.power_loss", state, folder / "run", *how)
    assert bad(results, state) == []
    return results


@pytest.mark.parametrize(("state", "stride"), [("fresh", 60), ("update", 20)])
def test_power_fails_at_some_calls(in_memory, state, stride):
    """Nothing points at what is missing or torn, and the next deploy succeeds."""
    assert len(survived(state, in_memory, stride)) > 5


@pytest.mark.stress
@pytest.mark.parametrize("state", STATES)
def test_power_fails_at_each_call(in_memory, state):
    """The same at each call; of a new database's pages, which are many, every other."""
    least = {"fresh": 150, "update": 50, "again": 10}
    stride = 2 if state == "fresh" else 1
    assert len(survived(state, in_memory, stride)) > least[state]


@pytest.mark.parametrize(
    ("state", "stride"),
    [("fresh", 8), pytest.param("fresh", 1, marks=pytest.mark.stress)],
)
def test_power_fails_after_a_kill_and_another_deploy(in_memory, state, stride):
    """What the killed one made is brought to the disk by the one that succeeds."""
    survived(state, in_memory, stride, "twice")
