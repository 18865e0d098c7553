"""The texts in schedules: timezones, cron expressions and recurrence rules.

A text is refused here only where no server could follow it; the server has the last word.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone, tzinfo
from typing import Any, Iterator, List, Mapping, Optional, Tuple

from flowpack._validators import describe_type
from flowpack.exceptions import quoted

# Patterns are compiled where they are used: most commands see no schedule.


def find_zone(name: str) -> Optional[tzinfo]:
    """Return the zone called *name*, or None when this machine knows none."""
    if name == "UTC":  # Known everywhere; all else depends on the machine's database.
        return timezone.utc
    import zoneinfo  # Imported here because most schedules name no zone.

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None  # Odd names end as files that cannot be opened, or are no zone.


def zone_problem(name: object) -> Optional[str]:
    """Return what is wrong with the name of a timezone."""
    if not isinstance(name, str):
        return f"the timezone must be text, not {describe_type(name)}"
    if find_zone(name) is not None:
        return None
    reason = "names look like 'Europe/Paris' or 'UTC' (upper and lower case matter)"
    if find_zone("Europe/Paris") is None:
        reason = (
            "this machine has no time zone database. Install the system package or the Python"
            " package 'tzdata', or leave the timezone out"
        )
    return f"the timezone {quoted(name)} is unknown; {reason}"


# --- cron, in the dialect of croniter, the library of Prefect's servers -------------------
#
# Its releases differ; what one of them takes is taken here.

#: Servers keep no longer text, in characters.
_LONGEST = 6_500

_CRON_ALIASES = "@hourly @daily @midnight @weekly @monthly @yearly @annually".split()
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DAYS = "sun|mon|tue|wed|thu|fri|sat"

#: Of each field the name, the least and the largest number, words for them and other forms.
_CRON_FIELDS = (
    ("minute", 0, 59, "", ""),
    ("hour", 0, 23, "", ""),
    ("day", 1, 31, "", r"|\?|l|\d+w"),
    ("month", 1, 12, f"|{_MONTHS}", ""),
    ("weekday", 0, 7, f"|{_DAYS}", rf"|\?|l\d|(\d+|{_DAYS})(-(\d+|{_DAYS}))?#0*[1-5]"),
    ("second", 0, 59, "", ""),
    ("year", 1970, 2099, "", ""),
)


def _text_problem(text: Any) -> Optional[str]:
    if not isinstance(text, str):
        return f"must be text, not {describe_type(text)}"
    return f"is longer than {_LONGEST:,} characters" if len(text) > _LONGEST else None


def cron_problems(text: Any) -> Iterator[str]:
    """Yield what is wrong with a cron expression, one sentence for each field."""
    problem = _text_problem(text)
    if problem:
        yield problem
    elif text.lower() not in _CRON_ALIASES:
        columns = text.split()
        if not 5 <= len(columns) <= 7 or text.startswith("@"):
            yield (
                f"{quoted(text)} has {len(columns)} fields; it takes five (minute hour day month"
                " weekday), with seconds as a sixth and years as a seventh, or is one of"
                f" {' '.join(_CRON_ALIASES)}, without spaces around it"
            )
            return
        for (name, low, high, words, other), column in zip(_CRON_FIELDS, columns):
            # Where there are seconds, croniter takes day 0 for day 1.
            low = 0 if name == "day" and len(columns) > 5 else low
            problem = _column_problem(column, low, high, words, other)
            if problem:
                yield f"{quoted(text)}, {name} {quoted(column)}: {problem}"


def _column_problem(column: str, low: int, high: int, words: str, other: str) -> Optional[str]:
    value, step = rf"\d{{1,9}}{words}", r"(/0*[1-9]\d*)?"
    if re.fullmatch(rf"(?i)r(\(\d+-\d+\))?{step}", column):
        return None  # A random value, as 2.0b7 knows it.
    shape = rf"(?i)(\*|({value})(-({value}|l))?{other}){step}"
    for item in column.split(","):
        numbers = map(int, re.findall(r"\d{1,9}", re.split("[/#]", item)[0]))
        if not re.fullmatch(shape, item) or not all(low <= each <= high for each in numbers):
            named = f" or {words[1:].replace('|', ' ')}" if words else ""
            return (
                f"{quoted(item)} must be {low} to {high}{named}, a range such as {low}-{high}, or"
                " *, each with or without a step such as /5"
            )
    return None


# --- recurrence rules of RFC 5545, as dateutil reads them, the library of Prefect's servers
#
# Upper and lower case are one, lines end at any white space, ``RRULE:`` may be left out.

_WEEKDAYS = "MO TU WE TH FR SA SU".split()
_WEEKDAY_COUNT = r"^[+-]?0*([1-9]|[1-4]\d|5[0-3])(?=\D)|\([+-]?\d+\)$"

#: The words that may stand in a part of a rule; those of BYDAY also counted, as in -1FR.
_RRULE_WORDS: Mapping[str, List[str]] = {
    "FREQ": "YEARLY MONTHLY WEEKLY DAILY HOURLY MINUTELY SECONDLY".split(),
    **dict.fromkeys(("WKST", "BYDAY", "BYWEEKDAY"), _WEEKDAYS),
}

#: The least and the largest number in a part of a rule; beyond, no run would ever start.
_RRULE_RANGES: Mapping[str, Tuple[float, float]] = {
    "INTERVAL": (1, 2**31 - 1),
    "COUNT": (1, math.inf),
    "BYSECOND": (0, 59),
    "BYMINUTE": (0, 59),
    "BYHOUR": (0, 23),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYMONTH": (1, 12),
    "BYSETPOS": (-366, 366),
    "BYEASTER": (-math.inf, math.inf),
}


def rrule_problems(text: Any) -> Iterator[str]:
    """Yield what is wrong with a recurrence rule, line by line."""
    problem = _text_problem(text)
    if problem:
        yield problem
        return
    names = set()
    for line in text.split():
        head, _, value = line.partition(":") if ":" in line else ("RRULE", "", line)
        name, zone = head.upper().partition(";")[0], re.search("(?i);TZID=([^;]*)", head)
        names.add(name)
        problems: List[Optional[str]] = []
        if name in ("RRULE", "EXRULE"):
            problems = [_rule_problem(value.upper())]
        elif name in ("DTSTART", "RDATE", "EXDATE"):
            problems = [zone_problem(zone[1]) if zone else None]
            problems += map(_date_problem, value.split(","))
        else:
            known = "DTSTART, RRULE, EXRULE, RDATE, EXDATE"
            problems = [f"unknown property {quoted(name)}; known are {known}"]
        yield from (f"{quoted(line)}: {problem}" for problem in problems if problem)
    if not names & {"RRULE", "RDATE"}:
        yield "there is no line that makes runs, such as FREQ=DAILY"


def _rule_problem(rule: str) -> Optional[str]:
    parts = [part.partition("=")[::2] for part in rule.split(";")]
    problems = (_part_problem(key, item) for key, value in parts for item in value.split(","))
    missing = None if "FREQ" in dict(parts) else "FREQ is missing, as in FREQ=DAILY"
    return next(filter(None, problems), missing)


def _part_problem(key: str, item: str) -> Optional[str]:
    if key == "UNTIL":
        return _date_problem(item)
    if key in _RRULE_WORDS:
        word = re.sub(_WEEKDAY_COUNT, "", item) if key.startswith("BY") else item
        allowed = "one of " + ", ".join(_RRULE_WORDS[key])
        is_allowed = word in _RRULE_WORDS[key]
    elif key in _RRULE_RANGES:
        low, high = _RRULE_RANGES[key]
        allowed = f"a whole number from {low} to {high}"
        is_allowed = bool(re.fullmatch(r"[+-]?\d{1,18}", item)) and low <= int(item) <= high
    else:
        known = ", ".join(["UNTIL", *_RRULE_WORDS, *_RRULE_RANGES])
        return f"unknown key {quoted(key)}; known are {known}, each with a value"
    return None if is_allowed else f"{key}: {quoted(item)} must be {allowed}"


def _date_problem(text: str) -> Optional[str]:
    """Return what is wrong with a date in the form of RFC 5545; others may be dates, too."""
    form = r"(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):?(\d\d)(?::?(\d\d))?(?:Z|[+-]\d\d:?\d\d)?)?"
    match = re.fullmatch(form, text.upper())
    try:
        if match is not None:
            datetime(*(int(number or 0) for number in match.groups()))  # type: ignore[arg-type]
        if re.search(r"\d", text):
            return None
    except ValueError:
        pass
    return f"{quoted(text)} is no time; write 20300131T235959Z or 20300131"
