"""Measures two things in turns, and keeps their ratio rather than their times.

A machine is faster in one minute than in the next. Both sides of a pair run right
after each other, so that what disturbs one disturbs the other too; what counts is
the median of the pairs' ratios, and how far they lie apart.
"""

from __future__ import annotations

import statistics
import time
from typing import Callable, Sequence

import attrs

Action = Callable[[], object]


@attrs.frozen
class Side:
    """One of the two things that are compared.

    Attributes:
        run: Does it once.
        prepare: Is called before, outside of the time that counts.
    """

    run: Action
    prepare: Action = lambda: None

    def seconds(self) -> float:
        """Prepare, do it once, and return how long that took."""
        self.prepare()
        started = time.perf_counter()
        self.run()
        return time.perf_counter() - started


@attrs.frozen
class Pair:
    """What one round took on both sides, in seconds."""

    ours: float
    other: float


def paired(
    ours: Side, other: Side, *, rounds: int, repeats: int = 1
) -> tuple[Pair, ...]:
    """Run both sides in turns, after one round that does not count.

    Args:
        ours: flowpack.
        other: What it is held against.
        rounds: How many pairs are wanted.
        repeats: How often each side runs in one round, in turns as well. More of
            them for what is short.
    """
    for side in (ours, other):
        side.seconds()
    return tuple(_round(ours, other, repeats, turn) for turn in range(rounds))


def _round(ours: Side, other: Side, repeats: int, turn: int) -> Pair:
    taken: dict[Side, list[float]] = {ours: [], other: []}
    for repeat in range(repeats):
        # Neither side always comes first.
        order = (ours, other) if (turn + repeat) % 2 else (other, ours)
        for side in order:
            taken[side].append(side.seconds())
    return Pair(sum(taken[ours]) / repeats, sum(taken[other]) / repeats)


@attrs.frozen
class Goal:
    """What a figure ought to be.

    Attributes:
        limit: The worst value that is good enough.
        at_least: Whether more is better.
    """

    limit: float
    at_least: bool

    def met(self, value: float) -> bool:
        """Return whether *value* is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit


def at_least(limit: float) -> Goal:
    """Return the goal of *limit* or more."""
    return Goal(limit, at_least=True)


def at_most(limit: float) -> Goal:
    """Return the goal of *limit* or less."""
    return Goal(limit, at_least=False)


@attrs.frozen
class Figure:
    """A line of the table.

    Attributes:
        what: What flowpack does.
        against: What that is held against.
        unit: Of the values: ``x``, ``ms``, ``s``, ``/s`` or ``MiB``.
        goal: What the values' median ought to be.
        values: One for each round.
        ours: Median time of flowpack's side, in seconds.
        other: Median time of the other side, in seconds; None where there is none.
    """

    what: str
    against: str
    unit: str
    goal: Goal
    values: Sequence[float]
    ours: float | None = None
    other: float | None = None

    @property
    def median(self) -> float:
        """The value that counts."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.goal.met(self.median)


def faster(
    what: str, against: str, pairs: Sequence[Pair], goal: Goal
) -> Figure:
    """Return how many times as fast as the other side flowpack is."""
    values = [pair.other / pair.ours for pair in pairs]
    return _figure(what, against, "x", goal, values, pairs)


def share(what: str, against: str, pairs: Sequence[Pair], goal: Goal) -> Figure:
    """Return how many times the other side's time flowpack takes."""
    values = [pair.ours / pair.other for pair in pairs]
    return _figure(what, against, "x", goal, values, pairs)


def extra(what: str, against: str, pairs: Sequence[Pair], goal: Goal) -> Figure:
    """Return how many milliseconds more than the other side flowpack takes."""
    values = [1000 * (pair.ours - pair.other) for pair in pairs]
    return _figure(what, against, "ms", goal, values, pairs)


def _figure(
    what: str,
    against: str,
    unit: str,
    goal: Goal,
    values: Sequence[float],
    pairs: Sequence[Pair],
) -> Figure:
    ours = statistics.median(pair.ours for pair in pairs)
    other = statistics.median(pair.other for pair in pairs)
    return Figure(what, against, unit, goal, values, ours, other)
