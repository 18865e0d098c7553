"""Whether a text is a cron expression, in the dialect of the reference's server.

Fields and ranges are checked; dates that never come, like February 30, are not
found out, as there.
"""

from __future__ import annotations

import re
from typing import Dict, Optional, Set, Tuple

_ALIASES = frozenset(
    "@midnight @hourly @daily @weekly @monthly @yearly @annually".split()
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_WEEKDAYS = "sun mon tue wed thu fri sat".split()

#: Least and largest number and the words for numbers, field by field; the sixth
#: field counts seconds.
_FIELDS: Tuple[Tuple[int, int, Dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {word: number for number, word in enumerate(_MONTHS, 1)}),
    (0, 7, {word: number for number, word in enumerate(_WEEKDAYS)}),
    (0, 59, {}),
)
_DAY, _WEEKDAY = 2, 4
_LONGEST = 1000

_SPAN = r"(?a)(\*|\w{1,9})(?:-(\w{1,9}))?(?:/(\d{1,9}))?"
_COUNTED = r"(?a)(\w+)#[1-5]|l(\d)"
_RANDOM = r"(?a)r(?:\((\d{1,9})-(\d{1,9})\))?(?:/(\d{1,9}))?"


def is_cron(expression: str) -> bool:
    """Say whether *expression* is an alias, or five or six fields that are right."""
    lowered = expression.lower()
    if lowered in _ALIASES:
        return True
    if len(lowered) > _LONGEST:
        return False
    fields = lowered.split()
    return len(fields) in (5, 6) and all(
        _is_field(index, field, len(fields)) for index, field in enumerate(fields)
    )


def _is_field(index: int, field: str, count: int) -> bool:
    random = re.fullmatch(_RANDOM, field)
    if random is not None:
        return _is_random(index, *random.groups())
    plain: Set[int] = set()
    counted: Set[int] = set()
    for item in field.split(","):
        nth = re.fullmatch(_COUNTED, item) if index == _WEEKDAY else None
        numbers = _numbers(index, (nth[1] or nth[2]) if nth else item, count)
        if numbers is None:
            return False
        (counted if nth else plain).update(numbers)
    # ``fri#2`` is the second Friday; beside it plain weekdays have no meaning.
    return not counted or plain <= counted


def _is_random(
    index: int, low: Optional[str], high: Optional[str], step: Optional[str]
) -> bool:
    """Say whether ``r``, ``r(LOW-HIGH)``, ``r/STEP`` always give a right number."""
    least, most, _ = _FIELDS[index]
    if low is not None and not least <= int(low) <= int(high or 0) <= most:
        return False
    return step is None or 1 <= int(step) <= most


def _numbers(index: int, item: str, count: int) -> Optional[Set[int]]:
    """Return the numbers that *item* names, none for all; None if it is wrong."""
    if item == "*" or (item == "l" and index == _DAY):
        return set()
    span = re.fullmatch(_SPAN, item)
    if span is None:
        return None
    bounds = _bounds(index, *span.groups())
    least, most, _ = _FIELDS[index]
    if count == 6 and index == _DAY:
        least = 0  # Taken for 1, in this form only.
    if bounds is None or not least <= bounds[0] <= bounds[1] <= most:
        return None
    return set(range(bounds[0], bounds[1] + 1, bounds[2]))


def _bounds(
    index: int, low: str, high: Optional[str], step: Optional[str]
) -> Optional[Tuple[int, int, int]]:
    least, most, _ = _FIELDS[index]
    if low == "*":
        if high is not None or step is None:
            return None
        first, last = least, most
    else:
        end = high or (str(most) if step else low)
        if index == _DAY and end == "l":
            end = str(most)
        found = _number(index, low), _number(index, end)
        if found[0] is None or found[1] is None:
            return None
        first, last = found[0], found[1]
    if index == _WEEKDAY and last == 0 and first > last:
        last = 7  # Sunday, at the end of the week.
    stride = 1 if step is None else int(step)
    return (first, last, stride) if stride else None


def _number(index: int, word: str) -> Optional[int]:
    words = _FIELDS[index][2]
    if word in words:
        return words[word]
    return int(word) if word.isdigit() else None
