"""What is wrong with a cron expression.

The dialect is croniter's, the library that Prefect's servers read cron with:
five fields or six (seconds last), names, ``L``, ``#``, ``W``, ``?``, ``R`` and the
aliases. Where its releases differ, what one of them takes is taken here.
"""

from __future__ import annotations

import re
from typing import List, Mapping, Optional

import attrs

from flowpack.exceptions import quoted

_LONGEST = 1_000
_SPACE = " \t\r\n"
_ALIASES = (
    "@hourly",
    "@daily",
    "@midnight",
    "@weekly",
    "@monthly",
    "@yearly",
    "@annually",
)


@attrs.frozen(kw_only=True)
class _Field:
    """A column of a cron expression and the numbers that may stand in it."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = attrs.field(factory=dict)

    @property
    def range(self) -> str:
        names = f" or {' '.join(self.names)}" if self.names else ""
        return f"{self.low} to {self.high}{names}"

    def value(self, text: str) -> Optional[int]:
        """Return the number that *text* means, or None when it has no place here."""
        if text.lower() in self.names:
            return self.names[text.lower()]
        if not re.fullmatch("[0-9]{1,9}", text):
            return None
        number = int(text)
        return number if self.low <= number <= self.high else None


_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_WEEKDAYS = "sun mon tue wed thu fri sat".split()
_DAY = _Field(name="day", low=1, high=31)
_WEEKDAY = _Field(
    name="weekday", low=0, high=7, names={n: i for i, n in enumerate(_WEEKDAYS)}
)
_FIELDS = (
    _Field(name="minute", low=0, high=59),
    _Field(name="hour", low=0, high=23),
    _DAY,
    _Field(
        name="month", low=1, high=12, names={n: i for i, n in enumerate(_MONTHS, 1)}
    ),
    _WEEKDAY,
    _Field(name="second", low=0, high=59),
)


def cron_problems(text: object) -> List[str]:
    """Return what is wrong with *text*, one sentence for each field at fault."""
    if not isinstance(text, str):
        return [f"the cron expression must be text, not {type(text).__name__}"]
    if text.lower() in _ALIASES:
        return []
    if len(text) > _LONGEST:
        return [f"the cron expression is longer than {_LONGEST} characters"]
    columns = re.split(f"[{_SPACE}]+", text.strip(_SPACE)) if text.strip(_SPACE) else []
    if columns[:1] and columns[0].startswith("@"):
        return [_alias_problem(text)]
    if len(columns) not in (5, 6):
        return [
            f"the cron expression {quoted(text)} has {len(columns)} fields; it takes"
            " five (minute hour day month weekday), with seconds as a sixth, or one of"
            f" {' '.join(_ALIASES)}"
        ]
    problems = []
    for field, column in zip(_FIELDS, columns):
        problem = _column_problem(field, column)
        if problem is not None:
            problems.append(
                f"cron expression {quoted(text)}, {field.name} {quoted(column)}:"
                f" {problem}"
            )
    return problems


def _alias_problem(text: str) -> str:
    known = f"the aliases are {' '.join(_ALIASES)}, without spaces around them"
    if text.strip(_SPACE).lower() == "@reboot":
        return f"the cron alias '@reboot' has no meaning on a server; {known}"
    return f"the cron expression {quoted(text)} is no alias; {known}"


def _column_problem(field: _Field, column: str) -> Optional[str]:
    if column[0] in "rRhH":
        return _random_problem(field, column)
    items = column.split(",")
    for item in items:
        problem = _item_problem(field, item)
        if problem is not None:
            return problem
    if field is _WEEKDAY:
        nth = [item for item in items if "#" in item or item[0] in "lL"]
        plain = [item for item in items if item not in nth and item not in "*?"]
        if nth and plain:
            return (
                f"{quoted(nth[0])} counts weekdays in the month and cannot stand beside"
                f" {quoted(plain[0])}"
            )
    return None


def _random_problem(field: _Field, column: str) -> Optional[str]:
    match = re.fullmatch(
        r"[rR](?:\(([0-9]{1,9})-([0-9]{1,9})\))?(?:/([0-9]{1,9}))?", column
    )
    if match is None or (match.group(3) is not None and int(match.group(3)) == 0):
        return (
            "'R' stands for a random value, as in R, R(0-30) or R/15; 'H' (hashed) is"
            " not known to servers"
        )
    low, high = match.group(1, 2)
    if low is None:
        return None
    if int(low) > int(high):
        return f"the range {quoted(f'{low}-{high}')} runs backwards"
    return _value_problem(field, low) or _value_problem(field, high)


def _item_problem(field: _Field, item: str) -> Optional[str]:
    if not item:
        return "there is nothing before or after a comma"
    body, slash, step = item.partition("/")
    if slash and not re.fullmatch("0*[1-9][0-9]{0,8}", step):
        return f"the step {quoted(step)} must be a whole number more than 0"
    if body == "*" or (not slash and _is_special(field, body)):
        return None
    if "#" in body and field is _WEEKDAY:
        body, _, nth = body.partition("#")
        if slash or not re.fullmatch("[1-5]", nth):
            return f"{quoted(item)} must be a weekday, '#' and 1 to 5, as in mon#2"
    low, dash, high = body.partition("-")
    if not dash:
        return _value_problem(field, body)
    return _range_problem(field, low, high)


def _is_special(field: _Field, item: str) -> bool:
    """Tell whether *item* is a form that only days or weekdays have."""
    if field is _DAY:
        nearest = item[:-1] if item[-1:] in ("w", "W") else ""
        return item in ("?", "l", "L") or field.value(nearest) is not None
    if field is _WEEKDAY:
        return item == "?" or re.fullmatch("[lL][0-7]", item) is not None
    return False


def _value_problem(field: _Field, text: str) -> Optional[str]:
    if field.value(text) is not None:
        return None
    return f"{quoted(text)} must be {field.range}"


def _range_problem(field: _Field, low: str, high: str) -> Optional[str]:
    to_last = field is _DAY and high in ("l", "L")
    for text in (low,) if to_last else (low, high):
        problem = _value_problem(field, text)
        if problem is not None:
            return problem
    first = field.value(low) or 0
    last = field.high if to_last else field.value(high) or 0
    if field is _WEEKDAY and last == 0:
        last = 7  # fri-sun and 5-0: Sunday ends the week as well
    named = low.lower() in field.names and high.lower() in field.names
    if first > last and not named:
        return (
            f"the range {quoted(f'{low}-{high}')} runs backwards; write two,"
            f" {low}-{field.high},{field.low}-{high}"
        )
    return None
