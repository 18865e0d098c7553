"""Writes the figures down, with what has to be known to read them."""

from __future__ import annotations

import datetime
import os
import platform
from typing import Iterable, Mapping, Sequence

from benchmarks.timing import Figure

_HEAD = """\
Benchmarks
==========

Made by ``python -m benchmarks``{options} on {date}; running that again replaces this
page. {machine}. {load}

Each figure is the median of several rounds, with the lowest and the highest. In a
round both sides run right after each other, on the same machine and with compiled
bytecode, so that the ratios say more than the times. A ratio of times "as fast" is
better when it is higher, one of the other side's time when it is lower.

.. list-table::
   :header-rows: 1
   :widths: 30 26 22 10 12

   * - flowpack
     - against
     - figure
     - goal
     - times
"""

_NOTES_HEAD = """
Notes
-----

"""

_VERSIONS_HEAD = """
Versions
--------

"""


def render(
    figures: Iterable[Figure],
    versions: Mapping[str, str],
    notes: Sequence[str],
    load: Sequence[float],
    quick: bool,
) -> str:
    """Return the page with *figures*, in reStructuredText.

    Args:
        figures: The lines of the table.
        versions: Releases, by what they are of.
        notes: Further sentences.
        load: What :func:`os.getloadavg` said of the last minute, at times.
        quick: Whether only some of it was measured.
    """
    head = _HEAD.format(
        options=" --quick" if quick else "",
        date=datetime.date.today().isoformat(),
        machine=machine(),
        load=_load(load),
    )
    page = head + "".join(map(_row, figures))
    page += _NOTES_HEAD + "".join(f"* {note}\n" for note in notes)
    page += _VERSIONS_HEAD
    return page + "".join(f"* {name}: {said}\n" for name, said in versions.items())


def line(figure: Figure) -> str:
    """Return *figure* in one line for the terminal."""
    state = "" if figure.met else "  MISSED"
    return (
        f"{figure.what}, against {figure.against}: {_spread(figure)},"
        f" goal {_goal(figure)}{state}"
    )


def machine() -> str:
    """Return what kind of machine this is, and no more of it than that."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()},"
        f" {platform.system()} {platform.release().split('-')[0]}"
    )


def _load(load: Sequence[float]) -> str:
    """Return how busy the machine was: what else ran makes all of it slower."""
    between = f"{min(load):.1f} to {max(load):.1f}"
    quiet = max(load) <= 1.5 * (os.cpu_count() or 1)
    state = "" if quiet else ": it was **busy with other work**, which adds spread"
    return f"Its load average was {between}{state}."


def _row(figure: Figure) -> str:
    missed = "" if figure.met else ", **missed**"
    cells = (
        figure.what,
        figure.against,
        _spread(figure) + missed,
        _goal(figure),
        _times(figure),
    )
    return "   * - " + "\n     - ".join(cells) + "\n"


def _spread(figure: Figure) -> str:
    lowest, highest = min(figure.values), max(figure.values)
    unit = figure.unit if figure.unit == "x" else f" {figure.unit}"
    if lowest == highest:
        return f"{_number(lowest)}{unit}"
    between = f"{_number(lowest)} to {_number(highest)}"
    return f"{_number(figure.median)}{unit} ({between})"


def _goal(figure: Figure) -> str:
    sign = "≥" if figure.goal.at_least else "≤"
    return f"{sign} {figure.goal.limit:g}"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _times(figure: Figure) -> str:
    sides = [figure.ours, figure.other]
    return " : ".join(_duration(side) for side in sides if side is not None) or "–"


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{_number(1000 * seconds)} ms"
