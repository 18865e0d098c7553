"""The three schedules: what they take, what they make of it, what they refuse."""

from __future__ import annotations

import json
import pickle
import zoneinfo
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowpack.exceptions import DeploymentValidationError, SpecError
from flowpack.schedules import (
    CronSchedule,
    DeploymentSchedule,
    IntervalSchedule,
    RRuleSchedule,
    parse_deployment_schedule,
    parse_schedule,
    same_runs,
)

#: What each release makes of many texts: ``y`` for taken, in the order of ``releases``.
TEXTS = json.loads((Path(__file__).parent / "data" / "schedule_texts.json").read_text())

UTC = timezone.utc
HOUR = timedelta(hours=1)


def problem(call, *arguments, **keywords) -> str:
    """Return the only problem that *call* finds."""
    with pytest.raises(DeploymentValidationError) as caught:
        call(*arguments, **keywords)
    assert caught.value.where == "schedule"
    (message,) = caught.value.problems
    assert len(message) < 1_000
    assert message.isprintable()
    return message


# Intervals


@pytest.mark.parametrize(
    "given_, expected",
    [
        (HOUR, HOUR),
        (3600, HOUR),
        (3600.0, HOUR),
        (0.25, timedelta(milliseconds=250)),
        ("3600", HOUR),
        (" 90.5 ", timedelta(seconds=90.5)),
        (".5", timedelta(seconds=0.5)),
        ("01:00:00", HOUR),
        ("100:00:00", 100 * HOUR),
        ("00:00:01.5", timedelta(seconds=1.5)),
        ("2 days, 00:30:00", timedelta(days=2, minutes=30)),
        ("1 day, 0:00:00", timedelta(days=1)),
        ("3 01:00:00", timedelta(days=3, hours=1)),
        ("PT1H", HOUR),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("P2W", timedelta(weeks=2)),
        ("P1D", timedelta(days=1)),
        ("PT0.5H", timedelta(minutes=30)),
    ],
    ids=str,
)
def test_spellings_of_an_interval(given_, expected):
    """A duration is taken in each of its spellings."""
    assert IntervalSchedule(given_).interval == expected


@pytest.mark.parametrize(
    "given_, message",
    [
        (0, "no duration of at least 0.001 seconds"),
        (-5, "no duration of at least 0.001 seconds"),
        (timedelta(0), "no duration of at least 0.001 seconds"),
        (timedelta.max, "no duration of at least 0.001 seconds"),
        (1e300, "no duration of at least 0.001 seconds"),
        (10**5000, "no duration of at least 0.001 seconds"),
        ("9" * 90, "no duration of at least 0.001 seconds"),
        ("0", "no duration of at least 0.001 seconds"),
        ("PT0S", "no duration of at least 0.001 seconds"),
        (True, "no duration"),
        (float("nan"), "no duration"),
        (float("inf"), "no duration"),
        (None, "no duration"),
        ("", "no duration"),
        ("soon", "no duration"),
        ("-5", "no duration"),
        ("P", "no duration"),
        ("PT", "no duration"),
        ("P1M", "no duration"),
        ("01:00", "no duration"),
        ("01:99:00", "no duration"),
        ("٣", "no duration"),
        ("1e3", "no duration"),
        ("1_000", "no duration"),
        ("5\n5", "no duration"),
        ("9" * 10_000, "no duration"),
        ([], "no duration"),
        (b"5", "no duration"),
    ],
    ids=range(28),
)
def test_interval_refused(given_, message):
    """What is no duration above zero is refused, with the value."""
    assert message in problem(IntervalSchedule, given_)


@pytest.mark.parametrize(
    "given_, expected",
    [
        (datetime(2021, 1, 2, tzinfo=UTC), datetime(2021, 1, 2, tzinfo=UTC)),
        ("2021-01-02T03:04:05+00:00", datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2021-01-02T03:04:05Z", datetime(2021, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2021-01-02 03:04Z", datetime(2021, 1, 2, 3, 4, tzinfo=UTC)),
        ("2021-01-02T03:04:05.5Z", datetime(2021, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
        (
            "2021-01-02T03:04:05.123456789-05:30",
            datetime(2021, 1, 2, 8, 34, 5, 123_456, tzinfo=UTC),
        ),
        ("2021-01-02T03:04:05+0100", datetime(2021, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("2021-01-02T03:04:05+01", datetime(2021, 1, 2, 2, 4, 5, tzinfo=UTC)),
    ],
    ids=str,
)
def test_spellings_of_an_anchor(given_, expected):
    """A time with an offset is taken as it is and as ISO 8601."""
    assert IntervalSchedule(60, anchor_date=given_).anchor_date == expected


@pytest.mark.parametrize(
    "given_",
    [
        datetime(2021, 1, 2),
        datetime(9999, 1, 1, tzinfo=UTC),
        "2021-01-02T00:00:00",
        "2021-01-02",
        date(2021, 1, 2),
        "2021-13-02T00:00:00Z",
        "2021-01-02T25:00:00Z",
        "2021-01-02T00:00:00+99:00",
        "",
        5,
    ],
    ids=str,
)
def test_anchor_refused(given_):
    """A time without an offset never starts a run, so it is refused like no time."""
    expected = "is no time with a UTC offset"
    assert expected in problem(IntervalSchedule, 60, anchor_date=given_)


def test_anchor_and_timezone_go_together():
    """The model takes both; a dialect decides what its server can do."""
    schedule = IntervalSchedule(
        60, anchor_date="2021-07-01T00:00Z", timezone="Europe/Paris"
    )
    assert schedule.timezone == "Europe/Paris"
    assert schedule.anchor_date == datetime(2021, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "keywords, anchor",
    [
        ({}, "2020-01-01T00:00:00+00:00"),
        ({"timezone": "UTC"}, "2020-01-01T00:00:00+00:00"),
        ({"timezone": "Europe/Paris"}, "2020-01-01T00:00:00+01:00"),
        ({"anchor_date": "2021-07-01T00:00:00-05:00"}, "2021-07-01T00:00:00-05:00"),
        (
            {"anchor_date": "2021-07-01T00:00:00Z", "timezone": "Europe/Paris"},
            "2021-07-01T02:00:00+02:00",
        ),
    ],
    ids=["nothing", "utc", "zone", "anchor", "both"],
)
def test_without_timezone(keywords, anchor):
    """The zone becomes the anchor's offset; the default anchor is the reference's."""
    plain = IntervalSchedule(60, **keywords).without_timezone()
    assert plain.timezone is None
    assert plain.anchor_date is not None
    assert plain.anchor_date.isoformat() == anchor
    assert pickle.loads(pickle.dumps(plain)) == plain


# Time zones


@pytest.mark.parametrize("name", ["UTC", "Europe/Paris", "America/New_York"])
@pytest.mark.parametrize(
    "make",
    [
        lambda zone: IntervalSchedule(60, timezone=zone),
        lambda zone: CronSchedule("* * * * *", timezone=zone),
        lambda zone: RRuleSchedule("FREQ=DAILY", timezone=zone),
    ],
    ids=["interval", "cron", "rrule"],
)
def test_timezone(make, name):
    """Each kind takes the names of the time zone database."""
    assert make(name).timezone == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Europe/Nowhere",
        "europe/paris",
        "Europe",
        "../../etc/passwd",
        "/etc/passwd",
        "zone.tab",
        "Europe/Paris\0",
        "a" * 10_000,
        "\ud800",
        "Europe/\nParis",
        5,
    ],
    ids=range(12),
)
def test_timezone_refused(name):
    """An unknown zone, and what is no name at all, is refused with an example."""
    message = problem(CronSchedule, "* * * * *", timezone=name)
    assert "timezone" in message


def test_machine_without_zones(monkeypatch):
    """Without a database the error names what to install; UTC needs none."""

    def missing(key):
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", missing)
    message = problem(RRuleSchedule, "FREQ=DAILY", timezone="Europe/Paris")
    assert "no time zone database" in message
    assert "'tzdata'" in message
    assert RRuleSchedule("FREQ=DAILY", timezone="UTC").timezone == "UTC"


# Cron

@pytest.mark.parametrize("text, releases", TEXTS["cron"].items(), ids=range(len(TEXTS["cron"])))
def test_cron_that_a_server_takes(text, releases):
    """What one of the releases takes is taken, and kept as it is."""
    if "y" in releases and text != "0 0 * * L01":
        assert CronSchedule(text).cron == text


def test_most_plain_mistakes_are_found_here():
    """Few texts that no server takes are left to the servers."""
    left = []
    for text, releases in TEXTS["cron"].items():
        if "y" not in releases:
            with suppress(DeploymentValidationError):
                CronSchedule(text)
                left.append(text)
    assert len(left) < 15, left


@pytest.mark.parametrize("text", [" 0 0 * * * ", "0\t0\n* * *", "0 0 * * *\n"])
def test_white_space_in_cron(text):
    """White space around and between the fields is no mistake."""
    assert CronSchedule(text).cron == text


@pytest.mark.parametrize(
    "text, message",
    [
        ("60 * * * *", "minute '60': '60' must be 0 to 59"),
        ("* 24 * * *", "hour '24': '24' must be 0 to 23"),
        ("* * 0 * *", "day '0': '0' must be 1 to 31"),
        ("* * 1,32 * *", "day '1,32': '32' must be 1 to 31"),
        ("* * * 13 *", "month '13': '13' must be 1 to 12 or jan"),
        ("* * * * 8", "weekday '8': '8' must be 0 to 7 or sun"),
        ("* * * * * 60", "second '60': '60' must be 0 to 59"),
        ("* * * * * * 1969", "year '1969': '1969' must be 1970 to 2099"),
        ("0-60 * * * *", "'0-60' must be 0 to 59"),
        ("*/0 * * * *", "'*/0' must be"),
        ("1/2/3 * * * *", "'1/2/3' must be"),
        ("1,,2 * * * *", "'' must be"),
        ("-5 * * * *", "'-5' must be"),
        ("1.5 * * * *", "'1.5' must be"),
        ("jan * * * *", "'jan' must be 0 to 59"),
        ("* * * * monday", "'monday' must be"),
        ("* * * * mon#6", "'mon#6' must be"),
        ("* * * * 5L", "'5L' must be"),
        ("H * * * *", "'H' must be"),
        ("", "has 0 fields"),
        ("   ", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("* * * * * * * *", "has 8 fields"),
        ("@reboot", "or is one of @hourly"),
        (" @daily", "without spaces around it"),
        ("* " * 5_000, "longer than 6,500"),
        ("9" * 900 + " * * * *", "minute"),
        ("9" * 6_000 + " * * * *", "minute"),
        (None, "must be text, not NoneType"),
        (5, "must be text, not int"),
    ],
    ids=range(30),
)
def test_cron_refused(text, message):
    """A plain mistake is refused; the error has field, value and range."""
    assert message in problem(CronSchedule, text)


def test_all_problems_at_once():
    """The error has every column that is wrong."""
    with pytest.raises(SpecError) as caught:
        CronSchedule("60 24 * * 9")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("day_or", ["yes", 1, None])
def test_day_or_refused(day_or: Any):
    """It is true or false."""
    assert "day_or: must be true or false" in problem(CronSchedule, "* * * * *", day_or=day_or)


# Recurrence rules


#: Servers take these and never start a run, never end looking for one, or ignore the zone.
NEVER_RUN = """INTERVAL=0 INTERVAL=-1 INTERVAL=1_0 COUNT=0 COUNT=-1 BYMONTH=0 BYMONTH=13 BYMONTH=-1
BYDAY=54MO BYDAY=60MO INTERVAL=2147483648
BYMONTHDAY=32 BYMONTHDAY=-32 BYYEARDAY=367 BYWEEKNO=54 BYHOUR=24 BYMINUTE=61
TZID=Nowhere tzid=europe/paris""".split()


@pytest.mark.parametrize("text, releases", TEXTS["rrule"].items(), ids=range(len(TEXTS["rrule"])))
def test_rrule_that_a_server_takes(text, releases):
    """What a server that reads rules takes is taken, and kept as it is; 2.0b7 reads none."""
    makes_runs = not text.startswith("EX") and not any(part in text for part in NEVER_RUN)
    if "y" in releases[1:] and makes_runs:
        assert RRuleSchedule(text).rrule == text


@pytest.mark.parametrize(
    "text, message",
    [
        ("garbage", "unknown key 'GARBAGE'; known are UNTIL, FREQ"),
        ("FREQ=DAILY;", "unknown key ''"),
        ("FREQ=", "FREQ: '' must be one of YEARLY"),
        ("FREQ=OFTEN", "'OFTEN' must be one of YEARLY, MONTHLY"),
        ("INTERVAL=2", "FREQ is missing"),
        ("FREQ=DAILY;EVERY=2", "unknown key 'EVERY'"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL: '0' must be a whole number from 1"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL: '-1'"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR: '24' must be a whole number from 0 to 23"),
        ("FREQ=DAILY;BYHOUR=-1", "BYHOUR: '-1'"),
        ("FREQ=DAILY;BYMONTH=0", "BYMONTH: '0'"),
        ("FREQ=DAILY;BYMONTHDAY=32", "from -31 to 31"),
        ("FREQ=DAILY;BYHOUR=1,,2", "BYHOUR: '' must be"),
        ("FREQ=DAILY;BYSECOND=60", "BYSECOND: '60' must be"),
        ("FREQ=DAILY;BYDAY=XX", "'XX' must be one of MO, TU"),
        ("FREQ=DAILY;BYDAY=0MO", "'0MO' must be one of"),
        ("FREQ=DAILY;WKST=1", "'1' must be one of MO"),
        ("FREQ=DAILY;UNTIL=20301301", "'20301301' is no time"),
        ("FREQ=DAILY;UNTIL=soon", "is no time"),
        ("DTSTART:20200230T000000\nFREQ=DAILY", "is no time"),
        ("DTSTART;TZID=Nowhere:20200101T000000\nFREQ=DAILY", "'Nowhere' is unknown"),
        ("DTSTART:20200101", "no line that makes runs"),
        ("EXRULE:FREQ=DAILY", "no line that makes runs"),
        ("SUMMARY:x\nRRULE:FREQ=DAILY", "unknown property 'SUMMARY'"),
        ("", "no line that makes runs"),
        (" \n ", "no line that makes runs"),
        ("FREQ=DAILY;" * 1_000, "longer than 6,500"),
        (None, "must be text, not NoneType"),
    ],
    ids=range(28),
)
def test_rrule_refused(text, message):
    """A rule that no server can follow is refused; the error has line, key and value."""
    assert message in problem(RRuleSchedule, text)


# From mappings


@pytest.mark.parametrize(
    "mapping, expected",
    [
        ({"interval": "PT1H"}, IntervalSchedule(HOUR)),
        (
            {"interval": 60.0, "timezone": None, "anchor_date": "2020-01-01T00:00:00Z"},
            IntervalSchedule(60, anchor_date=datetime(2020, 1, 1, tzinfo=UTC)),
        ),
        (
            {"cron": "0 6 * * *", "timezone": "Europe/Paris", "day_or": False},
            CronSchedule("0 6 * * *", timezone="Europe/Paris", day_or=False),
        ),
        (
            {"rrule": "FREQ=DAILY", "timezone": "UTC"},
            RRuleSchedule("FREQ=DAILY", timezone="UTC"),
        ),
    ],
    ids=["interval", "anchor", "cron", "rrule"],
)
def test_parse_schedule(mapping, expected):
    """One key is the kind, the others are its fields; the mapping is not changed."""
    before = dict(mapping)
    assert parse_schedule(mapping) == expected
    assert mapping == before


@pytest.mark.parametrize(
    "value, message",
    [
        ({}, "found none of them"),
        ({"timezone": "UTC"}, "found none of them"),
        ({"cron": "* * * * *", "interval": 5}, "found interval and cron"),
        ({"cron": "* * * * *", "anchor_date": None}, "has no 'anchor_date'; it takes"),
        ({"interval": 5, 7: 1}, "has no '7'"),
        ({"interval": 5, **{f"k{n}": 1 for n in range(99)}}, "'k4'; it takes"),
        ("every day", "'0 6 * * *', '@daily', 'PT1H' or 'FREQ=DAILY', not 'every day'"),
        (None, "must be a mapping"),
        ([], "must be a mapping"),
    ],
    ids=range(9),
)
def test_parse_schedule_refuses(value, message):
    """A mapping of no kind, of several, or with other keys is refused."""
    assert message in problem(parse_schedule, value)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0 6 * * *", CronSchedule("0 6 * * *")),
        ("@daily", CronSchedule("@daily")),
        ("PT1H", IntervalSchedule(HOUR)),
        ("01:00:00", IntervalSchedule(HOUR)),
        ("3600", IntervalSchedule(HOUR)),
        ("2 days, 00:00:00", IntervalSchedule(48 * HOUR)),
        ("FREQ=DAILY", RRuleSchedule("FREQ=DAILY")),
        ("rrule:freq=weekly", RRuleSchedule("rrule:freq=weekly")),
        ("RDATE:20300101T000000Z", RRuleSchedule("RDATE:20300101T000000Z")),
    ],
    ids=str,
)
def test_parse_schedule_of_a_text(text, expected):
    """A text is an interval, a rule or, if it is neither, a cron expression."""
    assert parse_schedule(text) == parse_schedule(expected) == expected
    assert DeploymentSchedule(text) == DeploymentSchedule(expected)


@pytest.mark.parametrize("text", ["9" * 90, "daily", "", "P1M", "FREQ=", "\ud800"])
def test_parse_schedule_refuses_a_text(text):
    """A text that is none of them is refused."""
    problem(parse_schedule, text)


# The schedules of a deployment


def test_item_of_schedules():
    """A mapping as in prefect.yaml holds the schedule and what is about it."""
    item = {
        "cron": "0 6 * * *",
        "timezone": "Europe/Paris",
        "active": False,
        "parameters": {"x": 1},
        "slug": "morning",
        "max_scheduled_runs": 3,
    }
    schedule = CronSchedule("0 6 * * *", timezone="Europe/Paris")
    made = parse_deployment_schedule(item)
    assert made == DeploymentSchedule(schedule, False, {"x": 1}, "morning", 3)
    assert parse_deployment_schedule(made) is made
    assert parse_deployment_schedule(schedule) == DeploymentSchedule(schedule)
    nothing = dict.fromkeys(["active", "parameters", "slug", "max_scheduled_runs"])
    made = parse_deployment_schedule({"interval": 60, **nothing})
    assert made == DeploymentSchedule(IntervalSchedule(60))
    assert not made.switches_on
    assert parse_deployment_schedule({"interval": 60, "active": True}).switches_on


@pytest.mark.parametrize(
    "item",
    [
        None,
        5,
        [],
        {},
        {"cron": "0 6 * * *", "slug": " "},
        {"cron": "0 6 * * *", "active": "yes"},
        {"cron": "0 6 * * *", "parameters": [1]},
        {"cron": "0 6 * * *", "parameters": {"x": object()}},
        {"cron": "0 6 * * *", "max_scheduled_runs": 0},
        {"cron": "0 6 * * *", "catchup": True},
        {"slug": "a"},
    ],
    ids=str,
)
def test_item_of_schedules_refused(item):
    """What cannot be a schedule of a deployment is refused."""
    problem(parse_deployment_schedule, item)


@pytest.mark.parametrize(
    "current, wanted, same",
    [
        ({"cron": "0  6 * * *"}, {"cron": "0 6 * * *", "timezone": "UTC"}, True),
        ({"cron": "0 6 1 * 1"}, {"cron": "0 6 1 * 1", "day_or": False}, False),
        ({"cron": "0 6 * * *"}, {"cron": "0 6 * * *", "timezone": "Asia/Tokyo"}, False),
        ({"rrule": "DTSTART:20200101T000000\nFREQ=DAILY"}, "FREQ=DAILY", True),
        ({"rrule": "DTSTART:20210101T000000\nFREQ=DAILY"}, "FREQ=DAILY", False),
        ({"interval": 60}, {"interval": 3600}, False),
        ({"interval": 60}, "0 6 * * *", False),
        ({"interval": 3600, "anchor_date": "2021-05-05T00:30:00Z"}, "PT1H", True),
        (
            {"interval": 3600, "anchor_date": "2021-05-05T00:30:00Z"},
            {"interval": 3600, "anchor_date": "2020-01-01T07:30:00+00:00"},
            True,
        ),
        (
            {"interval": 3600, "anchor_date": "2021-05-05T00:30:00Z"},
            {"interval": 3600, "anchor_date": "2020-01-01T00:00:00+00:00"},
            False,
        ),
        (
            {
                "interval": 86400,
                "anchor_date": "2021-07-05T06:00:00+02:00",
                "timezone": "Europe/Paris",
            },
            {
                "interval": 86400,
                "anchor_date": "2020-01-01T06:00:00+01:00",
                "timezone": "Europe/Paris",
            },
            True,
        ),
    ],
    ids=range(11),
)
def test_same_runs(current, wanted, same):
    """Spellings, defaults and whole intervals between anchors make no difference."""
    assert same_runs(parse_schedule(current), parse_schedule(wanted)) is same


def test_interval_without_an_anchor():
    """It means the start of 2020 by the clock of its timezone."""
    anchored = IntervalSchedule(HOUR, timezone="Europe/Paris").anchored()
    assert anchored.anchor_date is not None
    assert anchored.anchor_date.isoformat() == "2020-01-01T00:00:00+01:00"
    assert anchored.anchored() == anchored


# Laws


@pytest.mark.parametrize("cls", [IntervalSchedule, CronSchedule, RRuleSchedule])
def test_frozen_and_keyword_only(cls):
    """Only what the schedule is about may be given by position."""
    first, *rest = attrs.fields(cls)
    assert not first.kw_only
    assert all(field.kw_only for field in rest)
    values = {"interval": 5, "cron": "* * * * *", "rrule": "FREQ=DAILY"}
    schedule = cls(values[first.name])
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        schedule.timezone = "UTC"


HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="0123456789-,/*#LWR?()@ \tjanmon", max_size=40),
    st.text(alphabet="FREQ=DAILY;BYTUNTIL:0123456789,\n", max_size=60),
    st.integers(),
    st.floats(),
    st.none(),
    st.booleans(),
    st.datetimes(),
    st.timedeltas(),
    st.binary(),
    st.lists(st.integers(), max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["interval", "cron", "rrule", "timezone", "anchor_date", "day_or", "x"]
        ),
        HOSTILE,
        max_size=4,
    )
)
def test_any_mapping_is_parsed_or_refused(mapping):
    """Whatever a mapping holds, only our error comes out, bounded and printable."""
    try:
        schedule = parse_schedule(mapping)
    except DeploymentValidationError as exc:
        assert len(str(exc)) < 10_000
        assert all(message.isprintable() for message in exc.problems)
    else:
        assert parse_schedule(attrs.asdict(schedule)) == schedule


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("0123456789*/,-?LWR#montue@ ", max_size=6), max_size=7))
def test_cron_is_decided_by_its_fields(columns):
    """The answer never depends on the white space between the fields."""

    def taken(text):
        try:
            CronSchedule(text)
        except DeploymentValidationError:
            return False
        return True

    fields = " ".join(columns).split()
    if not any(field.startswith("@") for field in fields):
        assert taken(" ".join(fields)) == taken("  " + "\t".join(fields) + "\n")


@settings(max_examples=100, deadline=None)
@given(st.timedeltas(timedelta(milliseconds=1), timedelta(999_999_999)))
def test_interval_survives_seconds(interval):
    """Seconds as a float, which is what servers keep, give the same schedule."""
    schedule = IntervalSchedule(interval)
    assert IntervalSchedule(schedule.interval.total_seconds()) == schedule
    assert abs(schedule.interval - interval) < timedelta(milliseconds=10)
