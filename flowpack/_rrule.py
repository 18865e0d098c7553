"""What is wrong with a recurrence rule.

The grammar is that of RFC 5545, section 3.3.10, in the reading of dateutil, which
Prefect's servers use: upper and lower case are one, lines end at any white space,
``RRULE:`` may be left out.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Callable, Dict, List, Mapping, Optional

from flowpack._timezones import zone_problem
from flowpack.exceptions import quoted

#: Prefect's servers refuse longer ones.
_LONGEST = 6_500
_SPACE = " \t\r\n"
_FREQUENCIES = "YEARLY MONTHLY WEEKLY DAILY HOURLY MINUTELY SECONDLY".split()
_DAYS = "MO TU WE TH FR SA SU".split()

_PartCheck = Callable[[str], Optional[str]]


def rrule_problems(text: object) -> List[str]:
    """Return what is wrong with *text*, one sentence for each line at fault."""
    if not isinstance(text, str):
        return [f"the recurrence rule must be text, not {type(text).__name__}"]
    if len(text) > _LONGEST:
        return [f"the recurrence rule is longer than {_LONGEST} characters"]
    stripped = text.strip(_SPACE)
    if not stripped:
        return ["the recurrence rule is empty; write one such as FREQ=DAILY"]
    lines = re.split(f"[{_SPACE}]+", stripped)
    problems = [
        f"recurrence rule, {quoted(line)}: {problem}"
        for line in lines
        for problem in [_line_problem(line.upper(), line)]
        if problem is not None
    ]
    return problems or _set_problems(lines)


def _set_problems(lines: List[str]) -> List[str]:
    names = [_property(line.upper()) for line in lines]
    problems = []
    if names.count("DTSTART") > 1:
        problems.append("the recurrence rule has more than one DTSTART")
    if not {"RRULE", "RDATE"} & set(names):
        problems.append(
            "the recurrence rule has no line that makes runs; add one such as"
            " RRULE:FREQ=DAILY"
        )
    return problems


def _property(line: str) -> str:
    """Return the name of the property on *line*; a bare rule is an RRULE."""
    head, colon, _ = line.partition(":")
    return head.partition(";")[0] if colon else "RRULE"


def _line_problem(line: str, original: str) -> Optional[str]:
    name = _property(line)
    head, colon, value = line.partition(":")
    if name not in ("RRULE", "EXRULE", "DTSTART", "RDATE", "EXDATE"):
        return (
            f"unknown property {quoted(name)}; known are DTSTART, RRULE, EXRULE, RDATE"
            " and EXDATE"
        )
    if name in ("RRULE", "EXRULE"):
        if ";" in head and colon:
            return f"{name} takes no parameters before the colon"
        return _rule_problem(value if colon else line)
    parameters = original.partition(":")[0].split(";")[1:]
    for parameter in parameters:
        problem = _parameter_problem(parameter)
        if problem is not None:
            return problem
    dates = [value] if name == "DTSTART" else value.split(",")
    wrong = [date for date in dates if not _is_time(date)]
    return _time_problem(wrong[0]) if wrong else None


def _parameter_problem(parameter: str) -> Optional[str]:
    key, _, value = parameter.partition("=")
    if key.upper() == "TZID":
        return zone_problem(value)
    if key.upper() == "VALUE" and value.upper() in ("DATE", "DATE-TIME"):
        return None
    return f"unknown parameter {quoted(parameter)}; known are TZID=... and VALUE=DATE"


def _rule_problem(rule: str) -> Optional[str]:
    parts: Dict[str, str] = {}
    for part in rule.split(";"):
        key, equals, value = part.partition("=")
        if not equals or not value:
            return f"{quoted(part)} is no KEY=VALUE"
        if key not in _PARTS:
            return f"unknown key {quoted(key)}; known are {', '.join(_PARTS)}"
        if key in parts:
            return f"{key} is given twice"
        problem = _PARTS[key](value)
        if problem is not None:
            return f"{key}: {problem}"
        parts[key] = value
    if "FREQ" not in parts:
        return f"FREQ is missing; it is one of {', '.join(_FREQUENCIES)}"
    if "COUNT" in parts and "UNTIL" in parts:
        return "COUNT and UNTIL exclude each other"
    return None


_TIME = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:T([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}))?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def _is_time(text: str) -> bool:
    """Tell whether *text* is a date or time of ISO 8601 that exists."""
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    year, month, day, hour, minute, second = map(int, match.groups(default="0"))
    try:
        datetime(year, month, day, hour, minute, second)
    except ValueError:
        return False
    return True


def _time_problem(text: str) -> str:
    return f"{quoted(text)} is no time; write 20300131T235959Z or 20300131"


def _frequency(value: str) -> Optional[str]:
    if value in _FREQUENCIES:
        return None
    return f"{quoted(value)} is none of {', '.join(_FREQUENCIES)}"


def _until(value: str) -> Optional[str]:
    return None if _is_time(value) else _time_problem(value)


def _week_start(value: str) -> Optional[str]:
    return None if value in _DAYS else f"{quoted(value)} is none of {', '.join(_DAYS)}"


def _weekdays(value: str) -> Optional[str]:
    for item in value.split(","):
        match = re.fullmatch("([+-]?[0-9]{1,2})?([A-Z]{2})", item)
        if match is None or match.group(2) not in _DAYS:
            return f"{quoted(item)} is no weekday; write MO, or 1MO, -1FR in a month"
        if match.group(1) is not None and not 1 <= abs(int(match.group(1))) <= 53:
            return f"{quoted(item)} must count from 1 to 53 or -1 to -53"
    return None


def _number(low: int, high: int) -> _PartCheck:
    """Return a check for one number from *low* to *high*."""

    def check(value: str) -> Optional[str]:
        if re.fullmatch("[0-9]{1,10}", value) and low <= int(value) <= high:
            return None
        return f"{quoted(value)} must be a whole number from {low} to {high}"

    return check


def _numbers(low: int, high: int, *, from_end: bool = False) -> _PartCheck:
    """Return a check for a list of numbers; *from_end* allows negative ones too."""
    said = f"{low} to {high}" + (f" or -{high} to -{low}" if from_end else "")

    def check(value: str) -> Optional[str]:
        for item in value.split(","):
            match = re.fullmatch("([+-]?)([0-9]{1,4})", item)
            fits = match is not None and low <= int(match.group(2)) <= high
            if match is None or not fits or (match.group(1) == "-" and not from_end):
                return f"{quoted(item)} must be {said}"
        return None

    return check


_PARTS: Mapping[str, _PartCheck] = {
    "FREQ": _frequency,
    "INTERVAL": _number(1, 2**31 - 1),
    "COUNT": _number(1, 2**31 - 1),
    "UNTIL": _until,
    "BYSECOND": _numbers(0, 59),  # 60, a leap second, is more than dateutil takes
    "BYMINUTE": _numbers(0, 59),
    "BYHOUR": _numbers(0, 23),
    "BYDAY": _weekdays,
    "BYWEEKDAY": _weekdays,  # dateutil's second name for BYDAY
    "BYMONTHDAY": _numbers(1, 31, from_end=True),
    "BYYEARDAY": _numbers(1, 366, from_end=True),
    "BYWEEKNO": _numbers(1, 53, from_end=True),
    "BYMONTH": _numbers(1, 12),
    "BYSETPOS": _numbers(1, 366, from_end=True),
    "BYEASTER": _numbers(0, 366, from_end=True),  # days from Easter; dateutil's own
    "WKST": _week_start,
}
