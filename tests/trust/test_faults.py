"""A whole deploy over HTTP, with a fault at each of its requests."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from flowpack.exceptions import FlowpackError
from tests.fault_proxy import PASSING, FaultProxy, drip, stall
from tests.trust.worlds import PLACES, WRITES

FAULTS = {**PASSING, "slow": drip(40, 0.002)}

#: An answer to HEAD has no body that they could spoil.
OF_BODIES = {"length_too_long", "length_too_short", "length_no_number"}
ABOUT_HEAD = {name: fault for name, fault in FAULTS.items() if name not in OF_BODIES}

EVERY = [
    pytest.param(place, fault, id=f"{name} at {place.proxy} {place.index}")
    for place in PLACES
    for name, fault in FAULTS.items()
    if place.method != "HEAD" or name in ABOUT_HEAD
]
#: Each request, and half of the faults.
SOME = EVERY[:: len(FAULTS) - 4]


def test_places_are_those_of_a_deploy(world):
    """What is broken one by one below is all that a deploy asks for."""
    world.deploy()
    asked = world.requests()
    assert len(asked) == len(PLACES)
    for place, (proxy, line) in zip(PLACES, asked):
        assert proxy is getattr(world, place.proxy)
        told = place.path.replace("KEY", "").replace("SUM", "").replace("ID", "")
        assert line.startswith(f"{place.method} {told}")
    world.check((1, 1, 1, 1))


def survives(world, place, fault, times):
    """Deploy with a fault, redeploy without; both must leave one of each."""
    proxy = place.break_with(world, *[fault] * times)
    assert world.deploy().action == "created"
    assert len(proxy.plan) < times
    world.check((1, 1, 1, 1))
    assert world.deploy().action == "unchanged"
    world.check((1, 1, 1, 1))


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("place", "fault"), SOME)
def test_fault_is_survived(world, place, fault, times):
    """A transient fault, once or twice in a row, changes nothing of the outcome."""
    survives(world, place, fault, times)


@pytest.mark.stress
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("place", "fault"), EVERY)
def test_every_fault_is_survived(world, place, fault, times):
    """The same for every fault at every request."""
    survives(world, place, fault, times)


@pytest.mark.parametrize("place", PLACES[::2], ids=str)
def test_stall_is_survived(world, place, monkeypatch):
    """A server that says nothing for longer than the time-out is asked again."""
    monkeypatch.setenv("FLOWPACK_API_REQUEST_TIMEOUT", "0.5")
    survives(world, place, stall(1.5), 1)


@pytest.mark.parametrize("name", ["reset_after", "lost_answer"])
@pytest.mark.parametrize("place", WRITES, ids=str)
def test_lost_answer_makes_no_second(world, place, name):
    """What was done but not answered is done again without effect, redeploys too."""
    place.break_with(world, PASSING[name])
    world.deploy()
    world.check((1, 1, 1, 1))
    world.script.write_text(world.script.read_text() + "# more\n")
    place.break_with(world, PASSING[name], PASSING[name])
    world.deploy()
    world.check((1, 1, 1, 2))


@pytest.mark.parametrize("place", WRITES, ids=str)
def test_gives_up_cleanly_and_succeeds_later(world, place):
    """A server that stays away is one clean error; the next deploy finishes the job."""
    # The first costs nothing: the connection may have been closed while it was idle.
    proxy = place.break_with(world, *[PASSING["lost_answer"]] * 6)
    with pytest.raises(FlowpackError, match=r"\(5 attempts in "):
        world.deploy()
    world.check()
    proxy.plan.clear()
    assert world.deploy().action in ("created", "unchanged")
    world.check((1, 1, 1, 1))


class Restless:
    """Resets by chance, after the server has done what it was asked."""

    def __init__(self, seed):
        import random

        self._chance = random.Random(seed)

    def popleft(self):
        return PASSING["reset_after"] if self._chance.random() < 0.3 else None


def deploy_often(world, count, seed):
    """Deploy other bytes each time; five losses in a row are an error, and tried on."""
    world.api.plan = Restless(seed)
    world.store.plan = Restless(seed + 100)
    for number in range(count):
        world.script.write_text(f"{world.script.read_text()}# {number}\n")
        for attempt in range(5):
            with contextlib.suppress(FlowpackError):
                world.deploy()
                break
    world.check((1, 1, 1, count))


def test_restless_network(world):
    """Answers get lost by chance at three of ten requests: nothing is made twice."""
    deploy_often(world, 5, seed=1)


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(1, 6))
def test_restless_network_for_long(world, seed):
    """The same for a hundred deploys."""
    deploy_often(world, 100, seed)


@pytest.mark.parametrize("which", ["api", "store"])
def test_servers_that_are_away_for_a_while(world, monkeypatch, which):
    """Connections are refused in the middle of a deploy, for as long as waits last."""
    monkeypatch.undo()
    monkeypatch.setenv("FLOWPACK_HOME", str(world.script.parent / "home"))
    proxy = getattr(world, which)
    again = []

    def vanish(visit):
        """Close the port, answer nothing, and open it again a little later."""
        proxy._listener.shutdown(socket.SHUT_RDWR)
        proxy._listener.close()
        threading.Timer(0.3, reopen).start()
        visit.reset()

    def reopen():
        revived = FaultProxy(proxy._upstream, port=proxy.port)
        again.append(revived.__enter__())

    proxy.plan.extend([None, vanish])
    try:
        started = time.monotonic()
        assert world.deploy().action == "created"
        assert 0.2 < time.monotonic() - started < 30
        assert again
    finally:
        for each in again:
            each.close()
    world.check((1, 1, 1, 1))
