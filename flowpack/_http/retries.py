"""When a request is sent again, how long to wait before, and when to stop."""

from __future__ import annotations

import logging
import math
import random
import re
import time
from collections import deque
from typing import Callable, Deque, Dict, FrozenSet, Optional, Tuple, Union

import attrs

from flowpack.transport import Answer, Effect

_log = logging.getLogger(__name__)

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?\Z")
_MIB = 1024 * 1024


@attrs.frozen
class Failure:
    """An attempt that brought no usable answer.

    Attributes:
        reason: What happened, and what to do about it where that is known.
        passing: Whether another attempt may go better.
        sent: Whether some of the request may have reached the server.
        idle: Whether a connection kept from an earlier call turned out to be
            closed, which says nothing about the server.
        cause: The error behind it, without its traceback.
    """

    reason: str
    passing: bool = True
    sent: bool = True
    idle: bool = False
    cause: Optional[BaseException] = None


Outcome = Union[Answer, Failure]


class Deadline:
    """The point in time at which a call ends, all its attempts and waits included."""

    def __init__(
        self,
        seconds: float,
        *,
        seconds_per_mib: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the time.

        Args:
            seconds: How long the call may take.
            seconds_per_mib: How much longer for each MiB that has been moved. What
                an answer merely announces counts for nothing.
            clock: Says the time in seconds.
        """
        self._clock = clock
        self._started = clock()
        self._seconds = seconds
        self._seconds_per_byte = seconds_per_mib / _MIB
        self._moved = 0

    def moved(self, size: int) -> None:
        """Take note that an attempt has moved *size* bytes so far."""
        self._moved = max(self._moved, size)

    @property
    def allowed(self) -> float:
        """How many seconds the call may take, as far as can be told by now."""
        return self._seconds + self._moved * self._seconds_per_byte

    def left(self) -> float:
        """Return how many seconds are left; not positive once they are over."""
        return self.allowed - self.elapsed()

    def elapsed(self) -> float:
        """Return how many seconds the call has taken."""
        return self._clock() - self._started


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Which requests are repeated, and how patiently.

    Whatever creates something is never repeated once a byte of it may have
    reached the server.

    Attributes:
        attempts: How often a request is sent at most.
        statuses: Answers that say "not now". Every other status is final.
        first_wait: Longest wait before the second attempt, in seconds; it doubles
            with each further one. A wait lies between half of that and the whole,
            by chance, so that clients do not come back all at once.
        longest_wait: What the doubling stops at, in seconds.
        longest_retry_after: A server that asks for a longer wait, in seconds, is
            not asked again.
    """

    attempts: int = 5
    statuses: FrozenSet[int] = frozenset({408, 429, 502, 503, 504})
    first_wait: float = 0.5
    longest_wait: float = 20.0
    longest_retry_after: float = 60.0

    def repeats(self, effect: Effect, outcome: Outcome) -> bool:
        """Say whether a request of this *effect* is repeated after *outcome*."""
        if isinstance(outcome, Answer):
            return outcome.status in self.statuses and effect is not Effect.CREATE
        return outcome.passing and not (effect is Effect.CREATE and outcome.sent)

    def wait(self, failures: int, outcome: Outcome, chance: float) -> float:
        """Return how many seconds to wait; infinite where it is no use.

        Args:
            failures: How many attempts have failed, *outcome* included.
            outcome: What the last attempt brought.
            chance: From 0 to 1.
        """
        longest = min(self.longest_wait, self.first_wait * 2.0 ** (failures - 1))
        own = longest * (1 + chance) / 2
        if isinstance(outcome, Failure):
            return own
        asked = parse_retry_after(outcome.headers.get("retry-after", ""), time.time())
        if asked is None:
            return own
        return max(asked, own) if asked <= self.longest_retry_after else math.inf


def parse_retry_after(text: str, now: float) -> Optional[float]:
    """Return the seconds that a ``Retry-After`` header asks for.

    Args:
        text: Seconds or an HTTP date.
        now: Seconds since the epoch.

    Returns:
        None where it asks for nothing that makes sense.
    """
    text = text.strip()
    if _SECONDS.match(text):
        return float(text)
    if not text[:1].isalpha():
        return None
    from email.utils import mktime_tz, parsedate_tz

    try:
        date = parsedate_tz(text)
        if date is None:
            return None
        seconds = mktime_tz((*date[:9], date[9] or 0)) - now
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return seconds if seconds >= 0 else None


class RetryBudget:
    """How many retries one server gets from this process, all calls together.

    A server that is down is not asked five times by each of a hundred calls. Each
    call that succeeds gives one retry back.
    """

    def __init__(self, size: int = 100) -> None:
        # Appending and popping are atomic, so that no lock is held across a fork.
        self._retries: Deque[None] = deque([None] * size, maxlen=size)

    def spend(self) -> bool:
        """Take one retry; False when there is none left."""
        try:
            self._retries.pop()
        except IndexError:
            return False
        return True

    def earn(self) -> None:
        """Give one retry back."""
        self._retries.append(None)


_BUDGETS: Dict[str, RetryBudget] = {}


def budget_for(origin: str) -> RetryBudget:
    """Return the budget that this process has for the server at *origin*."""
    return _BUDGETS.setdefault(origin, RetryBudget())


def persist(
    attempt: Callable[[], Outcome],
    *,
    effect: Effect,
    policy: RetryPolicy,
    deadline: Deadline,
    budget: RetryBudget,
    sleep: Callable[[float], object],
    label: str,
) -> Tuple[Outcome, int]:
    """Make attempts until one brings an answer to keep, or no other is allowed.

    Args:
        attempt: Sends the request once.
        effect: What the request does to the server.
        policy: Says what is repeated.
        deadline: No attempt begins after it.
        budget: Pays for repetitions.
        sleep: Waits so many seconds.
        label: What log lines call the request.

    Returns:
        What the last attempt brought, and how many there were.
    """
    attempts = 0
    while True:
        outcome = attempt()
        idle = isinstance(outcome, Failure) and outcome.idle
        attempts += not idle
        if not policy.repeats(effect, outcome):
            if isinstance(outcome, Answer):
                budget.earn()
            return outcome, attempts
        if idle:
            continue
        wait = policy.wait(attempts, outcome, random.random())
        if attempts >= policy.attempts or wait >= deadline.left():
            return outcome, attempts
        if not budget.spend():
            return outcome, attempts
        _log.info("%s: %s; again in %.1f s", label, _told(outcome), wait)
        sleep(wait)


def _told(outcome: Outcome) -> str:
    if isinstance(outcome, Answer):
        return f"answered {outcome.status}"
    return outcome.reason
