"""Checks of fields, and the errors of the validators that are made of them."""

from __future__ import annotations

from typing import Any, ClassVar, Optional

import attrs
import pytest

from flowpack import _validators as checks
from flowpack.exceptions import DeploymentValidationError


@attrs.frozen
class Job:
    """A class with a field of each behaviour."""

    _kind: ClassVar[str] = "job"

    name: str = attrs.field(validator=checks.validator(checks.is_filled_text))
    note: Optional[str] = attrs.field(
        default="", validator=checks.validator(checks.optional(checks.is_filled_text))
    )
    tags: Any = attrs.field(default=(), validator=checks.validator(checks.is_list_of_texts))


def test_valid_values():
    """Nothing is raised for what a check takes, for None where it is optional, for defaults."""
    assert Job("a", None, ("b",)).tags == ("b",)
    assert Job("a").note == ""


@pytest.mark.parametrize(
    "fields, problems",
    [
        ({"name": 5}, ["name: must be text, not int"]),
        ({"name": " "}, ["name: must not be empty; leave it out if it is not to be given"]),
        ({"tags": "ab"}, ["tags: must be a list of texts, not str"]),
        (
            {"tags": (1, "")},
            ["tags: item 1 must be text, not int", "tags: item 2 must not be empty"],
        ),
    ],
    ids=["type", "empty", "no list", "several"],
)
def test_problems(fields, problems):
    """The error names kind and field, and has all problems of the field."""
    with pytest.raises(DeploymentValidationError) as caught:
        Job(**{"name": "a", **fields})
    assert caught.value.where == "job"
    assert len(caught.value.problems) == len(problems)
    assert all(map(str.startswith, caught.value.problems, problems))


@pytest.mark.parametrize(
    "check, taken, refused",
    [
        (checks.is_text, "", b""),
        (checks.is_text, "a", "\ud800"),
        (checks.is_flag, False, 0),
        (checks.at_least(1, "runs"), 1, 0),
        (checks.at_least(0, "runs"), 0, True),
        (checks.one_of("a", "b"), "a", "c"),
        (checks.instance_of(Job, "a job"), Job("a"), Job),
        (checks.is_json_mapping, {"a": [1]}, {"a": {1}}),
        (checks.is_json_mapping, {}, []),
        (checks.is_json_list, [{}], {}),
        (checks.is_text_mapping, {"a": "b"}, {"a": 1}),
        (checks.is_text_mapping, {}, {1: "a"}),
    ],
)
def test_checks(check, taken, refused):
    """A check finds nothing wrong with what it is for."""
    assert not check(taken)
    assert check(refused)
