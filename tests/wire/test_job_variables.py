"""Job variables: what is given, what a runner stands for, what the server has."""

from typing import Any

import attrs
import pytest

from flowpack.models import UNSET, FlowRunnerSettings
from flowpack.wire import dialect_for
from flowpack.wire.job_variables import merged_variables
from tests.wire.test_prefect3 import RELEASES, on_server, to_create

HAS = {"env": {"A": "1"}, "env.B": "2", "memory": 5}
RUNNER = FlowRunnerSettings("universal", {"env": {"A": "3", "C": "4"}})


@pytest.mark.parametrize(
    ("given", "runner", "expected"),
    [
        (UNSET, None, {"env": {"A": "1", "B": "2"}, "memory": 5}),
        (UNSET, RUNNER, {"env": {"A": "3", "B": "2", "C": "4"}, "memory": 5}),
        ({}, None, {}),
        (None, None, {}),
        ({}, RUNNER, {"env": {"A": "3", "C": "4"}}),
        ({"cpu": 1}, None, {"cpu": 1}),
        (
            {"cpu": 1, "env": {"A": "5"}},
            RUNNER,
            {"env": {"A": "5", "C": "4"}, "cpu": 1},
        ),
        ({"env.A": "5"}, RUNNER, {"env": {"A": "5", "C": "4"}}),
        ({"env": "{{ prefect.variables.e }}"}, RUNNER, {"env": "{{ prefect.variables.e }}"}),
    ],
)
def test_merged(given, runner, expected):
    """What is given takes the place of the server's, over what the runner stands for."""
    new = attrs.evolve(to_create(job_variables=given), flow_runner=runner)
    assert merged_variables({"job_variables": HAS}, new) == expected
    assert HAS == {"env": {"A": "1"}, "env.B": "2", "memory": 5}


@pytest.mark.parametrize("release", RELEASES)
def test_cleared(release):
    """3.0 to 3.8.3 keep what they have where the mapping is empty, so there it is not."""
    dialect: Any = dialect_for(release)
    bare = attrs.evolve(to_create(job_variables={}), flow_runner=None)
    field = "job_variables" if dialect.has("job_variables") else "infra_overrides"
    assert dialect.body(dialect.settled(bare, None))[field] == {}
    current = on_server(dialect, bare, **{field: {"memory": 5}})
    new = dialect.settled(bare, current)
    sent: Any = {"env": {}} if dialect.has("concurrency_limit") and release < "3.8.8" else {}
    assert dialect.body(new)[field] == sent
    (change,) = dialect.differences(current, new)
    assert (change.field, change.old) == ("flow_runner", {"memory": 5})
    cleared = on_server(dialect, bare, **{field: sent})
    assert dialect.differences(cleared, dialect.settled(bare, cleared)) == ()
