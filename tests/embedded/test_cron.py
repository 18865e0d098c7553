"""What counts as a cron expression."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.embedded.cron import is_cron

FIELD = st.from_regex(r"[*\dlrhjanfri?#/,-]{1,8}", fullmatch=True)


@given(st.text() | st.lists(FIELD, min_size=4, max_size=7).map(" ".join))
def test_any_text_is_judged(expression):
    """No text makes the check raise, and spaces around it do not matter."""
    assert is_cron(expression) in (True, False)
    assert is_cron(f" {expression.strip()} ") == is_cron(expression.strip()) or (
        expression.strip().startswith("@")
    )


@given(
    st.tuples(
        st.integers(0, 59),
        st.integers(0, 23),
        st.integers(1, 31),
        st.integers(1, 12),
        st.integers(0, 7),
    )
)
def test_numbers_in_their_ranges(numbers):
    """Every minute, hour, day, month and weekday can be named."""
    assert is_cron(" ".join(map(str, numbers)))


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize("item", ["60", "-1", "1-", "x", "1//2", "1/0", "*-5", "9-3"])
def test_wrong_items(index, item):
    """What no field understands is wrong in each."""
    fields = ["*"] * 6
    fields[index] = item
    assert not is_cron(" ".join(fields))


@pytest.mark.parametrize(
    ("field", "right"),
    [
        ("fri#5", True),
        ("fri#6", False),
        ("l5", True),
        ("l8", False),
        ("fri#2,1#3", True),
        ("fri#2,mon", False),
        ("5-0", True),
        ("fri-sun/2", True),
        ("r", True),
        ("r(1-5)", True),
        ("r(5-9)", False),
        ("r/2", True),
        ("r/0", False),
    ],
)
def test_weekdays(field, right):
    """Weekdays can be counted and chosen at random."""
    assert is_cron(f"0 0 * * {field}") is right


def test_long_texts_are_refused_at_once():
    """A text that no person wrote is no expression."""
    assert not is_cron(",".join("1" * 10_000) + " * * * *")
