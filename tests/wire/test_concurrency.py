"""Concurrency limits of deployments, over the releases."""

import attrs
import pytest

from flowpack.models import UNSET
from flowpack.wire import dialect_for
from flowpack.wire.dialect import Change
from tests.wire.test_prefect3 import body, on_server, to_create

CANCELLING = {"limit": 3, "collision_strategy": "CANCEL_NEW"}
LIMITED = {**CANCELLING, "grace_period_seconds": 90}


def settled(dialect, current, limit):
    """Return a deployment with another limit, settled."""
    return dialect.settled(to_create(concurrency_limit=limit), current)


@pytest.mark.parametrize(
    ("release", "limit", "sent"),
    [
        ("3.0.0", 3, {"concurrency_limit": 3}),
        ("3.8.8", 3, {"concurrency_limit": 3, "concurrency_options": None}),
        (
            "3.8.8",
            LIMITED,
            {
                "concurrency_limit": 3,
                "concurrency_options": {
                    "collision_strategy": "CANCEL_NEW",
                    "grace_period_seconds": 90,
                },
            },
        ),
        (
            "3.8.8",
            {"limit": 1},
            {"concurrency_limit": 1, "concurrency_options": {"collision_strategy": "ENQUEUE"}},
        ),
        ("2.20.25", None, {}),
    ],
)
def test_what_is_sent(release, limit, sent):
    """The number in a field of its own, the rest in another, where the release has them."""
    found = body(dialect_for(release), to_create(concurrency_limit=limit))
    assert {key: each for key, each in found.items() if "concurrency" in key} == sent


@pytest.mark.parametrize(
    ("release", "limit", "missing", "left"),
    [
        ("2.20.25", 3, "concurrency_limit, which came with 3.0.0", None),
        ("2.20.25", LIMITED, "concurrency_limit, which came with 3.0.0", None),
        ("3.0.2", CANCELLING, "concurrency_options, which came with 3.0.3", 3),
        ("3.6.5", LIMITED, "grace_period_seconds, which came with 3.6.6", CANCELLING),
        ("3.0.0", 3, None, 3),
        ("3.6.6", LIMITED, None, LIMITED),
        ("2.20.25", None, None, None),
    ],
)
def test_what_a_release_does_not_have(release, limit, missing, left):
    """It is said; what is left makes no difference every time."""
    dialect = dialect_for(release)
    problems = dialect.unkept(limit, UNSET)
    assert [missing in each for each in problems] == ([True] if missing else [])
    assert settled(dialect, None, limit).concurrency_limit == left
    current = on_server(dialect, to_create(concurrency_limit=limit))
    assert dialect.differences(current, settled(dialect, current, limit)) == ()


@pytest.mark.parametrize(
    ("answer", "given", "is_change"),
    [
        ({"concurrency_options": None}, {"limit": 3, "collision_strategy": "ENQUEUE"}, False),
        ({"concurrency_options": {"collision_strategy": "ENQUEUE"}}, 3, False),
        ({"concurrency_options": {"collision_strategy": "CANCEL_NEW"}}, 3, True),
        ({"concurrency_options": {"collision_strategy": "CANCEL_NEW"}}, CANCELLING, False),
        ({}, 4, True),
        ({}, None, True),
    ],
)
def test_what_is_a_difference(answer, given, is_change):
    """Runs wait where nothing else is said; what is given is the whole of the limit."""
    dialect = dialect_for("3.8.8")
    limit = {"global_concurrency_limit": {"limit": 3, "name": f"deployment:{'0' * 35}2"}}
    answer = {"concurrency_limit": None, **limit, **answer}
    current = on_server(dialect, to_create(), **answer)
    changes = dialect.differences(current, settled(dialect, current, given))
    assert [each.field for each in changes] == (["concurrency_limit"] if is_change else [])
    kept = dialect.settled(to_create(), current)
    assert dialect.differences(current, kept) == ()


def test_what_is_kept_is_sent_again():
    """With its options, for others have set them."""
    dialect = dialect_for("3.8.8")
    current = on_server(
        dialect,
        to_create(),
        concurrency_limit=None,
        concurrency_options={"collision_strategy": "CANCEL_NEW", "grace_period_seconds": 90},
        global_concurrency_limit={"limit": 3},
    )
    kept = dialect.settled(to_create(), current)
    assert kept.concurrency_limit == LIMITED
    assert dialect.body(kept)["concurrency_options"]["grace_period_seconds"] == 90


def shared(dialect):
    """Return a deployment with the limit of a team."""
    limit = {"id": "1", "name": "team", "limit": 5}
    return on_server(dialect, to_create(), global_concurrency_limit=limit)


@pytest.mark.parametrize("given", [2, None, {"limit": 5, "collision_strategy": "CANCEL_NEW"}])
def test_shared_limit_is_left(given):
    """Servers would change or delete it for all who use it; so it is left for one's own."""
    dialect = dialect_for("3.8.8")
    current = shared(dialect)
    new = settled(dialect, current, given)
    (change,) = dialect.differences(current, new)
    assert change == Change("concurrency_limit", 5, given)
    assert dialect.body(new)["global_concurrency_limit_id"] is None
    assert "the shared concurrency limit 'team' stays, for others" in dialect.notes(new)


def test_shared_limit_is_kept():
    """Where nothing is said, or the same number, it stays, and a note says whose it is."""
    dialect = dialect_for("3.8.8")
    current = shared(dialect)
    for new in (settled(dialect, current, 5), dialect.settled(to_create(), current)):
        assert dialect.differences(current, new) == ()
        assert "global_concurrency_limit_id" not in dialect.body(new)
        assert "the concurrency limit 'team' is shared with others" in dialect.notes(new)
    own = attrs.evolve(current, extra={**current.extra, "global_concurrency_limit": None})
    assert not any("shared" in each for each in dialect.notes(dialect.settled(to_create(), own)))
