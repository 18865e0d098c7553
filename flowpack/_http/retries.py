"""When a request is sent again, how long to wait before, and when to stop."""

from __future__ import annotations

import math
import random
import re
import time
from collections import defaultdict, deque
from typing import Callable, Deque, Dict, FrozenSet, Optional, Tuple, Union

import attrs
from urllib3 import Retry
from urllib3.exceptions import InvalidHeader

from flowpack._logs import INFO, log
from flowpack.transport import Effect, Response


@attrs.define
class Failure(Exception):
    """An attempt that brought no usable response."""

    reason: str  # What happened, and what to do about it.
    passing: bool = True  # Another attempt may go better.
    sent: bool = True  # Some of the request may have reached the server.
    cause: Optional[BaseException] = None  # Without its traceback.
    idle: bool = False  # A kept connection was closed before anything came.


Result = Union[Response, Failure]
Clock = Callable[[], float]


class Deadline:
    """When a call ends: so many seconds from now, and some more for each MiB that it moves."""

    def __init__(
        self, seconds: float, seconds_per_mib: float = 0.0, clock: Clock = time.monotonic
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

    Waits, in seconds, double from the first to the longest, each cut by up to a half by chance. A
    server that asks for more than *longest_retry_after* is not asked again. What creates something
    is never repeated once a byte of it may have reached the server.
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


def retry_budget(size: int = 100) -> Deque[None]:
    """Return so many retries; adding and taking are atomic, so that a fork finds no lock held."""
    return deque([None] * size, maxlen=size)


#: The retries that servers, by origin, still get from this process: many calls spare one that is
#: down. Each success gives one back.
BUDGETS: Dict[str, Deque[None]] = defaultdict(retry_budget)


def run_with_retries(
    attempt: Callable[[], Result],
    *,
    effect: Effect,
    policy: RetryPolicy,
    deadline: Deadline,
    budget: Deque[None],
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
                budget.append(None)
            return result, attempts
        if idle:
            continue
        wait = policy.wait(attempts, result, random.random())
        if attempts >= policy.attempts or wait >= deadline.left():
            return result, attempts
        try:
            budget.pop()
        except IndexError:
            return result, attempts
        reason = f"status {result.status}" if isinstance(result, Response) else result.reason
        log(__name__, INFO, "%s: %s; again in %.1f s", label, reason, wait)
        sleep(wait)
