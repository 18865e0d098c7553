"""When a request is sent again, how long to wait before, and when to stop."""

from __future__ import annotations

import contextlib
import logging
import math
import random
import re
import time
from collections import defaultdict, deque
from typing import Callable, Dict, FrozenSet, Optional, Tuple, Union

import attrs
from urllib3 import Retry
from urllib3.exceptions import InvalidHeader

from flowpack.transport import Effect, Response

_log = logging.getLogger(__name__)


@attrs.define
class Failure(Exception):
    """An attempt that brought no usable response."""

    reason: str  # What happened, and what to do about it.
    passing: bool = True  # Another attempt may go better.
    sent: bool = True  # Some of the request may have reached the server.
    cause: Optional[BaseException] = None  # Without its traceback.
    idle: bool = False  # A kept connection was closed before anything came.


Result = Union[Response, Failure]


class Deadline:
    """When a call ends: so many seconds from now, and some more for each MiB that it moves."""

    def __init__(
        self,
        seconds: float,
        seconds_per_mib: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._started = clock, clock()
        self._seconds, self._seconds_per_byte = seconds, seconds_per_mib / 2**20
        self.moved = 0  # In bytes, both ways, by all attempts.

    @property
    def allowed(self) -> float:
        """How many seconds the call may take, by what it has moved so far."""
        return self._seconds + self.moved * self._seconds_per_byte

    def elapsed(self) -> float:
        """Return how many seconds the call has taken."""
        return self._clock() - self._started

    def left(self) -> float:
        """Return how many seconds are left; not positive once they are over."""
        return self.allowed - self.elapsed()


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Which requests are repeated, and how patiently.

    Waits double from *first_wait* to *longest_wait* seconds, each cut by up to a half by chance.
    A server that asks for more than *longest_retry_after* seconds is not asked again. What creates
    something is never repeated once a byte of it may have reached the server.
    """

    attempts: int = 5
    statuses: FrozenSet[int] = frozenset({408, 429, 502, 503, 504})
    first_wait: float = 0.5
    longest_wait: float = 20.0
    longest_retry_after: float = 60.0

    def repeats(self, effect: Effect, result: Result) -> bool:
        """Return True if a request of this *effect* is repeated after *result*."""
        if isinstance(result, Response):
            return result.status in self.statuses and effect is not Effect.CREATE
        return result.passing and not (effect is Effect.CREATE and result.sent)

    def wait(self, failures: int, result: Result, chance: float) -> float:
        """Return how many seconds to wait after so many; infinite where it is no use."""
        longest = min(self.longest_wait, self.first_wait * 2.0 ** (failures - 1))
        wait = longest * (1 + chance) / 2
        asked = _retry_after(result) if isinstance(result, Response) else 0.0
        return max(asked, wait) if asked <= self.longest_retry_after else math.inf


def _retry_after(response: Response) -> float:
    """Return the seconds that a ``Retry-After`` (seconds or a date) asks for, else 0."""
    text = response.headers.get("retry-after", "0").strip()
    if re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", text):  # No standard's, but Prefect takes it, too.
        return float(text)
    try:
        return Retry().parse_retry_after(text)
    except (InvalidHeader, ValueError, OverflowError, IndexError, TypeError):
        return 0.0


class RetryBudget:
    """How many retries a server gets from this process: many calls spare one that is down."""

    def __init__(self, size: int = 100) -> None:
        # Adding and taking are atomic, so that no lock is held across a fork.
        self._retries = deque([True] * size, maxlen=size)

    def spend(self) -> bool:
        """Take one retry; return False when there is none left."""
        with contextlib.suppress(IndexError):
            return self._retries.pop()
        return False

    def earn(self) -> None:
        """Give one retry back, for a success."""
        self._retries.append(True)


#: The budgets of this process, by the origins of servers.
BUDGETS: Dict[str, RetryBudget] = defaultdict(RetryBudget)


def run_with_retries(
    attempt: Callable[[], Result],
    *,
    effect: Effect,
    policy: RetryPolicy,
    deadline: Deadline,
    budget: RetryBudget,
    sleep: Callable[[float], object],
    label: str,
) -> Tuple[Result, int]:
    """Make attempts until none follows; return the last one's result, and their number."""
    attempts = 0
    while True:
        result = attempt()
        idle = isinstance(result, Failure) and result.idle
        attempts += not idle
        if not policy.repeats(effect, result):
            if isinstance(result, Response):
                budget.earn()
            return result, attempts
        if idle:
            continue
        wait = policy.wait(attempts, result, random.random())
        if attempts >= policy.attempts or wait >= deadline.left() or not budget.spend():
            return result, attempts
        reason = f"status {result.status}" if isinstance(result, Response) else result.reason
        _log.info("%s: %s; again in %.1f s", label, reason, wait)
        sleep(wait)
