"""The retry policy, its waits, and what a server may ask for."""

from __future__ import annotations

import math
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack._http.retries import (
    Deadline,
    Failure,
    RetryPolicy,
    retry_budget,
    run_with_retries,
)
from flowpack.transport import Effect, Response

POLICY = RetryPolicy()
LOST = Failure("lost")
REFUSED = Failure("refused", sent=False)
LASTING = Failure("untrusted", passing=False, sent=False)


class Clock:
    """Time that passes only in waits."""

    def __init__(self):
        self.now = 100.0
        self.waits = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


def run(outcomes, effect=Effect.READ, policy=POLICY, seconds=60.0, budget=None):
    """Return what came of attempts with these *outcomes*, how many, and the waits."""
    clock = Clock()
    coming = iter(outcomes)
    outcome, attempts = run_with_retries(
        lambda: next(coming),
        effect=effect,
        policy=policy,
        deadline=Deadline(seconds, clock=clock),
        budget=retry_budget() if budget is None else budget,
        sleep=clock.sleep,
        label="GET http://api",
    )
    return outcome, attempts, clock.waits


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
@pytest.mark.parametrize("effect", [Effect.READ, Effect.UPSERT])
def test_passing_status_is_repeated(status, effect):
    """A status that says "not now" is asked again."""
    outcome, attempts, _ = run([Response(status), Response(200)], effect)
    assert (outcome.status, attempts) == (200, 2)


@pytest.mark.parametrize(
    "status",
    [200, 201, 204, 301, 400, 401, 403, 404, 405, 409, 413, 422, 500, 501],
)
def test_final_status_is_asked_for_once(status):
    """Every other status is final."""
    assert run([Response(status)])[1] == 1


@pytest.mark.parametrize("outcome", [Response(503), Response(429), LOST], ids=repr)
def test_creation_is_never_repeated(outcome):
    """What creates something is sent once, whatever came of it."""
    assert run([outcome], Effect.CREATE) == (outcome, 1, [])


def test_creation_that_was_never_sent_is_repeated():
    """A connection that was refused has created nothing."""
    outcome, attempts, _ = run([REFUSED, Response(201)], Effect.CREATE)
    assert (outcome.status, attempts) == (201, 2)


def test_lasting_failure_is_final():
    """What another attempt would not better is returned at once."""
    assert run([LASTING]) == (LASTING, 1, [])


def test_extra_status_is_repeated():
    """A user may name further statuses."""
    policy = RetryPolicy(statuses=POLICY.statuses | {522})
    assert run([Response(522), Response(200)], policy=policy)[1] == 2


def test_attempts_are_bounded():
    """After five attempts the last outcome stands."""
    assert run([LOST] * 6)[:2] == (LOST, 5)


def test_idle_connection_is_no_failure():
    """A kept connection that was closed meanwhile costs no attempt and no wait."""
    idle = Failure("closed", idle=True)
    result, attempts, waits = run([idle, idle, Response(200)])
    assert (result.status, attempts, waits) == (200, 1, [])


def test_idle_connection_does_not_excuse_a_creation():
    """Whether a creation got through on it cannot be told."""
    idle = Failure("closed", idle=True)
    assert run([idle], Effect.CREATE)[0] is idle


def test_no_attempt_after_the_deadline():
    """A wait that would end after the deadline is not begun."""
    outcome, attempts, waits = run([LOST] * 5, seconds=1.2)
    assert outcome is LOST and attempts < 5
    assert sum(waits) < 1.2


def test_waits_differ():
    """Clients that fail together do not come back together."""
    assert len({run([LOST, Response(200)])[2][0] for _ in range(20)}) > 1


@given(chance=st.floats(0, 1), failures=st.integers(1, 40))
def test_wait_is_bounded(chance, failures):
    """The first wait is below a second, none is above twenty."""
    wait = POLICY.wait(failures, LOST, chance)
    assert 0 < wait <= (1 if failures == 1 else 20)


def wait_for(text):
    """Return how long to wait for a server that answers with this ``Retry-After``."""
    return POLICY.wait(1, Response(503, headers={"retry-after": text}), 0.5)


@pytest.mark.parametrize(("text", "seconds"), [("7", 7), (" 7 ", 7), ("1.5", 1.5)])
def test_retry_after_in_seconds(text, seconds):
    """A number says when to come back."""
    assert wait_for(text) == seconds


def test_retry_after_as_a_date():
    """So does an HTTP date."""
    assert 28 <= wait_for(formatdate(time.time() + 30, usegmt=True)) <= 30


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "banana",
        "nan",
        "inf",
        "1e3",
        "0x10",
        "\u0663",
        formatdate(time.time() - 30, usegmt=True),
        "Wed, 99 Nov 99999999 00:00:00 GMT",
    ],
    ids=ascii,
)
def test_retry_after_that_makes_no_sense_is_ignored(text):
    """Junk and dates in the past leave the wait to the policy."""
    assert 0.25 <= wait_for(text) <= 0.5


@given(st.text(max_size=40))
def test_retry_after_never_fails(text):
    """Any text is a number of seconds or nothing."""
    assert wait_for(text) > 0


def test_retry_after_is_honoured():
    """A server is not asked earlier than it wants."""
    answer = Response(503, headers={"retry-after": "7"})
    assert run([answer, Response(200)])[2] == [7.0]


@pytest.mark.parametrize("text", ["61", "3600", str(10**12), "9" * 400])
def test_too_long_a_wait_is_not_begun(text):
    """A server that wants to be left alone for long is not asked again."""
    answer = Response(503, headers={"retry-after": text})
    assert run([answer], seconds=1000.0) == (answer, 1, [])
    assert POLICY.wait(1, answer, 0.5) == math.inf


def test_budget_bounds_all_calls_together():
    """A hundred calls to a dead server cost a hundred retries, not four hundred."""
    budget = retry_budget(100)
    attempts = [run([LOST] * 5, budget=budget)[1] for _ in range(100)]
    assert sum(attempts) == 200


def test_budget_is_earned_back():
    """Each call that succeeds gives a retry back, up to the budget's size."""
    budget = retry_budget(1)
    for _ in range(3):
        assert run([LOST, Response(200)], budget=budget)[1] == 2
    assert len(budget) == 1


def test_deadline_grows_with_what_was_moved():
    """Large objects have a second more for each MiB."""
    deadline = Deadline(60.0, seconds_per_mib=1.0, clock=Clock())
    deadline.moved += 10 * 2**20
    assert deadline.allowed == pytest.approx(70.0)
    assert deadline.left() == pytest.approx(70.0)
