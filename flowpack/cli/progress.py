"""How far a set of deployments has come, for whoever watches standard error."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Optional

from flowpack.cli import output
from flowpack.deployments.actions import Deployed

Progress = Callable[[Deployed], None]


@contextmanager
def progress_of(count: int) -> Iterator[Optional[Progress]]:
    """Give what ``deploy`` tells of each of *count* deployments that is done.

    It is None where nobody watches, and for a single one.
    """
    if count < 2 or not output.is_watched():
        yield None
        return
    shown = _bar(count) or _Line(count)
    lock = threading.Lock()

    def tell(done: Deployed) -> None:
        with lock:  # Threads tell of what they did.
            shown.update(done)

    try:
        yield tell
    finally:
        shown.close()


class _Line:
    """One line that changes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._done = 0

    def update(self, done: Deployed) -> None:
        self._done += 1
        told = f"{self._done}/{self._count} {done.action} {done.full_name}"
        output.status(told)

    def close(self) -> None:
        output.status("")


class _Bar:
    """The bar of tqdm; made when the first is done, so that no message breaks it."""

    def __init__(self, tqdm: Any, count: int) -> None:
        self._tqdm = tqdm
        self._count = count
        self._bar: Any = None

    def update(self, done: Deployed) -> None:
        if self._bar is None:
            self._bar = self._tqdm(
                total=self._count,
                unit="deployment",
                leave=False,
                ncols=output.columns(),
                nrows=20,  # What it takes itself where a terminal has no size.
            )
        self._bar.update()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(count: int) -> Optional[_Bar]:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return _Bar(tqdm, count)
