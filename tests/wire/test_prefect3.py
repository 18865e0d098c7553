"""The dialect of today's Prefect, over all releases that it speaks to."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Dict
from uuid import UUID

import attrs
import pytest

from flowpack.exceptions import WireError
from flowpack.models import (
    UNSET,
    DataDocument,
    Deployment,
    DeploymentCreate,
    FlowRunnerSettings,
    ScriptSource,
    StoredObject,
)
from flowpack.schedules import CronSchedule, DeploymentSchedule, IntervalSchedule, RRuleSchedule
from flowpack.wire import dialect_for
from flowpack.wire.dialect import Change
from flowpack.wire.job_variables import pool_problem, runner_variables
from flowpack.wire.block_schemas import slug
from flowpack.wire.prefect3_schedules import SLUG
from flowpack.wire.prefect3 import parse_version

DATA = Path(__file__).parent / "data" / "prefect3"
RELEASES = [
    "2.10.14",
    "2.10.21",
    "2.14.21",
    "2.16.0",
    "2.17.0",
    "2.20.25",
    "3.0.11",
    "3.1.5",
    "3.4.13",
    "3.8.8",
]
HISTORY = json.loads((DATA / "field_history.json").read_text())["DeploymentCreate"]
DIGEST = "ab" * 32
SCRIPT = ScriptSource(
    filename="x.py",
    size=10,
    location="file:///store/" + DIGEST,
    storage_type="File Storage",
    storage_data={"base_path": "/store/", "key_type": "hash"},
    version="f" * 32,
    description="Doc.",
)
STORED = StoredObject(DIGEST, None, DIGEST)


def to_create(**fields):
    """Return a deployment to be created."""
    return DeploymentCreate(
        name="d",
        flow_id=UUID(int=1),
        flow_data=DataDocument.encode("blockstorage", fields.pop("stored", STORED)),
        script=fields.pop("script", SCRIPT),
        entrypoint="x.py:f",
        parameter_openapi_schema={"type": "object", "properties": {}},
        flow_runner=FlowRunnerSettings("universal", {"env": {"A": "1"}}),
        **{"work_pool_name": "pool", **fields},
    )


def body(dialect, new):
    return json.loads(dialect.create_deployment(dialect.settled(new, None)).body)


def on_server(dialect, new, **more):
    """Return what a server would answer to *new*, as a deployment."""
    sent = body(dialect, new)
    return dialect.structure({**sent, "id": str(UUID(int=2)), **more}, Deployment)


def introduced(field):
    """Return the first and the last release that has *field*, from the history."""
    first, last = HISTORY[field][-1].split("..", 1)
    return parse_version(first), parse_version(last) or (99,)


@pytest.mark.parametrize("release", RELEASES)
def test_only_fields_that_the_release_knows_are_sent(release):
    """Servers refuse what they do not know; the history of releases says what."""
    dialect = dialect_for(release)
    full = to_create(
        labels={"x": 1},
        concurrency_limit=3,
        description="d",
        version="v",
        schedule=CronSchedule("0 6 * * *"),
        work_queue_name="q",
    )
    sent = body(dialect, full)
    for field in sent:
        first, last = introduced(field)
        assert first <= parse_version(release) <= last, field
    for field in ("entrypoint", "pull_steps", "parameter_openapi_schema", "work_pool_name"):
        assert field in sent
    with_slug = '"slug"' in json.dumps(sent)
    assert with_slug is (parse_version(release) >= (3, 2, 0))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("named", [True, False], ids=["runner", "kept"])
def test_variables_that_older_releases_wrote(release, named):
    """Workers of all releases read ``env``; ``env.A`` is written anew, once."""
    dialect = dialect_for(release)
    is_new = parse_version(release) >= (2, 17)
    field = "job_variables" if is_new else "infra_overrides"
    assert body(dialect, to_create())[field] == {"env": {"A": "1"}}
    old = {"env.A": "1", "env.B": "2", "env": {"B": "3"}, "image": "i"}
    current = on_server(dialect, to_create(), **{field: old})
    runner = FlowRunnerSettings("docker", {"env": {"A": "1", "B": "3"}, "image": "i"})
    new = attrs.evolve(to_create(job_variables=None if named else UNSET), flow_runner=runner)
    settled = dialect.settled(new, current)
    (change,) = dialect.differences(current, settled)
    better = {"env": {"A": "1", "B": "3"}, "image": "i"}
    assert change == Change("flow_runner", old, better)
    sent = json.loads(dialect.create_deployment(settled).body or b"")
    assert sent[field] == better
    current = on_server(dialect, to_create(), **{field: better})
    assert dialect.differences(current, dialect.settled(new, current)) == ()


@pytest.mark.parametrize("field", ["job_variables", "infra_overrides"])
def test_variables_that_are_none(field):
    """An answer whose variables are no mapping is refused, and null is none."""
    dialect = dialect_for("2.20.25")
    with pytest.raises(WireError, match=f"{field} must be an object"):
        on_server(dialect, to_create(), **{field: ["x"]})
    empty = on_server(dialect, to_create(), job_variables=None, infra_overrides=None)
    new = attrs.evolve(to_create(job_variables=UNSET), flow_runner=None)
    assert dialect.settled(new, empty).job_variables == {}


@pytest.mark.parametrize("odd", ["{{ env }}", ["A"], 5], ids=repr)
def test_odd_variables_of_others_stay(odd):
    """What is no mapping is not merged into."""
    dialect = dialect_for("3.8.8")
    variables = {"env": odd, "env.A": "1"}
    current = on_server(dialect, to_create(), job_variables=variables)
    new = attrs.evolve(to_create(job_variables=UNSET), flow_runner=None)
    assert dialect.settled(new, current).job_variables == variables


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    "schedule",
    [
        None,
        CronSchedule("0 6 * * *", timezone="Europe/Paris"),
        IntervalSchedule(timedelta(hours=1)),
        IntervalSchedule(timedelta(hours=1), timezone="Europe/Paris"),
        RRuleSchedule("FREQ=DAILY"),
    ],
    ids=["none", "cron", "interval", "interval-zone", "rrule"],
)
def test_what_was_sent_is_no_difference(release, schedule):
    """A server's answer to a deployment does not differ from it."""
    dialect = dialect_for(release)
    new = to_create(schedule=schedule, tags=("a",), parameters={"n": 1})
    current = on_server(dialect, new)
    assert current.flow_data.stored_object == STORED
    assert current.schedule == schedule
    assert dialect.differences(current, dialect.settled(new, current)) == ()


@pytest.mark.parametrize(
    ("release", "added"),
    [
        ("3.8.8", {"interval": 3600.0, "anchor_date": "2020-01-01T00:00:00Z", "timezone": "UTC"}),
        (
            "2.20.25",
            {"interval": 3600.0, "anchor_date": "2026-01-01T00:00:00+00:00", "timezone": "UTC"},
        ),
    ],
)
def test_what_a_server_adds_to_a_schedule_is_no_difference(release, added):
    """An anchor date, a zone and a rule's start are added by servers."""
    dialect = dialect_for(release)
    new = to_create(schedule=IntervalSchedule(timedelta(hours=1)))
    current = on_server(dialect, new)
    schedules = [{**current.extra["schedules"][0], "schedule": added, "id": "x"}]
    current = dialect.structure({**current.extra, "schedules": schedules}, Deployment)
    assert dialect.differences(current, dialect.settled(new, current)) == ()


@pytest.mark.parametrize("release", ["2.20.25", "3.8.8"])
def test_schedules_of_others_are_sent_again(release):
    """A redeploy changes flowpack's own schedule and no other."""
    dialect = dialect_for(release)
    own = to_create(schedule=CronSchedule("0 6 * * *"))
    sent = body(dialect, own)["schedules"]
    theirs = {"schedule": {"cron": "1 1 * * *", "timezone": "UTC", "day_or": True}, "active": False}
    listed = [{**theirs, "id": "1", "created": "x", "deployment_id": "y"}, *sent]
    current = on_server(dialect, own, schedules=listed)
    changed = dialect.settled(to_create(schedule=CronSchedule("0 7 * * *")), current)
    crons = {each["schedule"]["cron"]: each for each in dialect.body(changed)["schedules"]}
    assert set(crons) == {"0 7 * * *", "1 1 * * *"}
    assert crons["1 1 * * *"] == theirs
    cleared = dialect.settled(to_create(schedule=None), current)
    (left,) = cleared.schedules or ()
    assert left.schedule == CronSchedule("1 1 * * *", timezone="UTC")
    kept = dialect.settled(to_create(), current)
    assert len(kept.schedules or ()) == 2


def test_own_schedule_switched_off_stays_off():
    """A schedule of flowpack's that people switched off is changed, not woken."""
    dialect = dialect_for("3.8.8")
    new = to_create(schedule=CronSchedule("0 6 * * *"))
    (own,) = body(dialect, new)["schedules"]
    assert own["slug"] == SLUG
    current = on_server(dialect, new, schedules=[{**own, "active": False}])
    later = dialect.settled(to_create(schedule=CronSchedule("0 7 * * *")), current)
    assert (later.schedules or ())[0].active is False


def test_unset_fields_keep_what_the_server_has():
    """What a POST would reset is sent again."""
    dialect = dialect_for("3.8.8")
    full = to_create(
        parameters={"n": 1},
        tags=("a",),
        labels={"x": 1},
        description="theirs",
        version="v7",
        concurrency_limit=2,
        work_queue_name="q",
        is_schedule_active=False,
    )
    labels = {"prefect.flow.id": "1", "x": 1}
    current = on_server(
        dialect, full, labels=labels, global_concurrency_limit={"limit": 2}, concurrency_limit=None
    )
    settled = dialect.settled(to_create(), current)
    sent = json.loads(dialect.create_deployment(settled).body or b"")
    assert (sent["parameters"], sent["tags"], sent["labels"]) == ({"n": 1}, ["a"], {"x": 1})
    assert (sent["description"], sent["version"]) == ("theirs", "v7")
    assert (sent["concurrency_limit"], sent["work_queue_name"]) == (2, "q")
    assert sent["paused"] is True
    assert dialect.differences(current, settled) == ()


@pytest.mark.parametrize(
    "release, loads", [("2.20.25", False), ("3.0.11", False), ("3.4.13", True), ("3.8.8", True)]
)
def test_flows_in_classes(release, loads):
    """Which workers load ``Class.method`` depends on the release."""
    assert dialect_for(release).loads_methods is loads


def test_computed_version_follows_the_code():
    """A version that is a digest is the tool's own; it changes with the script."""
    dialect = dialect_for("3.8.8")
    current = on_server(dialect, to_create())
    script = attrs.evolve(SCRIPT, version="e" * 32)
    assert dialect.settled(to_create(script=script), current).version == "e" * 32


@pytest.mark.parametrize("release", ["2.10.21", "2.14.21", "2.20.25", "3.0.11", "3.4.13", "3.8.8"])
@pytest.mark.parametrize("trace", ["recommended_local", "recommended_stdlib", "recommended_pkg"])
def test_recorded_deployments_of_others_are_read(release, trace):
    """A deployment that another tool made is read; it says not where its script is."""
    dialect = dialect_for(release)
    exchanges = json.loads((DATA / release / f"{trace}.json").read_text())["exchanges"]
    found = 0
    for exchange in exchanges:
        value = exchange["response"]["json"]
        if isinstance(value, dict) and "pull_steps" in value:
            text = re.sub(r"<uuid-(\d+)>", lambda m: str(UUID(int=int(m[1]))), json.dumps(value))
            text = text.replace("<timestamp>", "2026-01-01T00:00:00Z")
            deployment = dialect.structure(json.loads(text), Deployment)
            assert deployment.flow_data is None
            assert deployment.parameters == value["parameters"]
            found += 1
    assert found >= 2


@pytest.mark.parametrize(
    "edit",
    [
        lambda step: step["globals"].pop("sha256"),
        lambda step: step["globals"].pop("size"),
        lambda step: step["globals"].pop("filename"),
        lambda step: step["globals"].pop("flow_data"),
        lambda step: step["globals"].update(flow_data=5),
        lambda step: step.pop("globals"),
    ],
)
def test_pull_step_that_was_edited(edit):
    """A step that lacks a value gives no script; a redeploy writes it anew."""
    dialect = dialect_for("3.8.8")
    sent = body(dialect, to_create())
    edit(sent["pull_steps"][0]["timeit.timeit"])
    edited = dialect.structure({**sent, "id": str(UUID(int=2))}, Deployment)
    assert (edited.flow_data, edited.script) == (None, None)
    assert edited.script_problem is not None and "edited" in edited.script_problem
    changes = dialect.differences(edited, dialect.settled(to_create(), edited))
    assert "pull_steps" in [change.field for change in changes]


@pytest.mark.parametrize(
    "edit",
    [
        lambda step: step.update(stmt=step["stmt"] + "\npass"),
        lambda step: step.update(number=2),
        lambda step: step["globals"].update(location="http://elsewhere/x"),
        lambda step: step["globals"].update(size=9),
        lambda step: step["globals"].update(filename="y.py"),
        lambda step: step["globals"].update(more=1),
    ],
    ids=["stmt", "number", "location", "size", "filename", "more"],
)
def test_any_edit_of_a_pull_step_is_a_difference(edit):
    """What is not as flowpack writes it is a change, and a redeploy mends it."""
    dialect = dialect_for("3.8.8")
    sent = body(dialect, to_create())
    steps = json.loads(json.dumps(sent["pull_steps"]))
    edit(steps[0]["timeit.timeit"])
    current = on_server(dialect, to_create(), pull_steps=steps)
    (change,) = dialect.differences(current, dialect.settled(to_create(), current))
    assert change == Change("pull_steps", steps, sent["pull_steps"])


def test_step_that_somebody_added_is_a_difference():
    """Steps of others beside flowpack's go away with a redeploy."""
    dialect = dialect_for("3.8.8")
    sent = body(dialect, to_create())
    steps = [*sent["pull_steps"], {"run_shell_script": {"script": "echo"}}]
    current = on_server(dialect, to_create(), pull_steps=steps)
    (change,) = dialect.differences(current, dialect.settled(to_create(), current))
    assert change == Change("pull_steps", steps, sent["pull_steps"])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"pull": "flowpack"}, [Change("pull", "stock", "flowpack")]),
        (
            {"pull": "flowpack", "requires": "flowpack==1"},
            {"pull": "flowpack", "requires": "flowpack==2"},
            [Change("pull_requires", "flowpack==1", "flowpack==2")],
        ),
        ({}, {"requires": "flowpack==2"}, []),
        ({"storage_data": {"base_path": "/old/"}, "location": "file:///old/x"}, {}, []),
    ],
    ids=["step", "requires", "requires nothing", "storage"],
)
def test_how_a_script_is_pulled_by_field(before, after, expected):
    """Fields of the spec that the pull step holds have their own names in a plan."""
    dialect = dialect_for("3.8.8")
    current = on_server(dialect, to_create(script=attrs.evolve(SCRIPT, **before)))
    new = to_create(script=attrs.evolve(SCRIPT, **after))
    assert list(dialect.differences(current, dialect.settled(new, current))) == expected


def test_steps_of_another_tool_are_replaced():
    """What another tool made is shown by its steps and those that take their place."""
    dialect = dialect_for("3.8.8")
    theirs = [{"git_clone": {"repository": "https://example.org/x.git"}}]
    current = on_server(dialect, to_create(), pull_steps=theirs)
    found = dialect.differences(current, dialect.settled(to_create(), current))
    assert [change.field for change in found] == ["pull", "pull_steps"]
    assert (found[1].old, [*found[1].new[0]]) == (theirs, ["timeit.timeit"])


def test_queue_is_cleared():
    """None goes back to the default queue of the pool, and stays there."""
    dialect = dialect_for("3.8.8")
    current = on_server(dialect, to_create(work_queue_name="q"))
    new = dialect.settled(to_create(work_queue_name=None), current)
    assert dialect.differences(current, new) == (Change("work_queue", "q", "default"),)
    current = on_server(dialect, to_create(), work_queue_name="default")
    new = dialect.settled(to_create(work_queue_name=None), current)
    assert dialect.differences(current, new) == ()


@pytest.mark.parametrize("release", RELEASES)
def test_job_variables_of_others_stay_where_no_runner_is_named(release):
    """Variables that somebody set in the UI are kept, as they are."""
    dialect = dialect_for(release)
    variables = {"env": {"UI": "1"}, "memory": 5}
    current = on_server(dialect, to_create(), job_variables=variables, infra_overrides=variables)
    unnamed = attrs.evolve(to_create(job_variables=UNSET), flow_runner=None)
    kept = dialect.settled(unnamed, current)
    assert dialect.differences(current, kept) == ()
    sent = json.loads(dialect.create_deployment(kept).body or b"")
    assert variables in (sent.get("job_variables"), sent.get("infra_overrides"))
    named = dialect.settled(to_create(), current)
    assert [each.field for each in dialect.differences(current, named)] == ["flow_runner"]


def test_true_is_not_one():
    """JSON distinguishes booleans from numbers, and so do plans."""
    dialect = dialect_for("3.8.8")
    current = on_server(dialect, to_create(labels={"a": True}, parameters={"n": [1]}))
    new = dialect.settled(to_create(labels={"a": 1}, parameters={"n": [True]}), current)
    fields = [change.field for change in dialect.differences(current, new)]
    assert fields == ["parameters", "labels"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("File Storage", "file-storage"),
        ("KV Server Storage", "kv-server-storage"),
        ("a--B 9!", "a-b-9"),
    ],
)
def test_slug(name, expected):
    """A block type's slug is made of its name."""
    assert slug(name) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (FlowRunnerSettings("universal", {"env": {}}), {}),
        (
            FlowRunnerSettings("subprocess", {"env": {"A": "1"}, "stream_output": False}),
            {"env": {"A": "1"}, "stream_output": False},
        ),
        (
            FlowRunnerSettings("subprocess", {"virtualenv": "/v"}),
            {"command": "/v/bin/python -m prefect.engine"},
        ),
        (
            FlowRunnerSettings("subprocess", {"condaenv": "e"}),
            {"command": "conda run -n e python -m prefect.engine"},
        ),
        (
            FlowRunnerSettings(
                "docker", {"image": "prefecthq/prefect:2.0b7-python3.9", "networks": []}
            ),
            {},
        ),
        (
            FlowRunnerSettings("docker", {"image": "i", "image_pull_policy": "ALWAYS"}),
            {"image": "i", "image_pull_policy": "Always"},
        ),
        (
            FlowRunnerSettings("kubernetes", {"namespace": "n", "image": "i"}),
            {"namespace": "n", "image": "i"},
        ),
    ],
)
def test_job_variables(settings, expected):
    """A runner's settings become the variables of its kind of pool."""
    assert runner_variables(settings) == expected


@pytest.mark.parametrize(
    ("runner", "pool", "fits"),
    [
        ("universal", "kubernetes", True),
        ("subprocess", "process", True),
        ("subprocess", "docker", False),
        ("docker", "docker", True),
        ("docker", "process", False),
        ("kubernetes", "process", False),
    ],
)
def test_runner_and_pool(runner, pool, fits):
    """A runner that does not fit a pool is named with the pool."""
    problem = pool_problem(FlowRunnerSettings(runner, {}), pool)
    assert bool(problem) is not fits
    if problem:
        assert runner in problem and pool in problem


SCHEDULES = (
    DeploymentSchedule("0 6 * * *", slug="a", parameters={"n": 1}, max_scheduled_runs=3),
    DeploymentSchedule("0 7 * * *", active=False),
)
BARE = attrs.evolve(SCHEDULES[0], slug=None, parameters=None, max_scheduled_runs=None)
OF_SCHEDULES = ["slug", "parameters"]


@pytest.mark.parametrize(
    ("release", "left_out", "expected"),
    [
        ("3.9.1", [], {}),
        ("3.4.13", [], {}),
        (
            "3.0.11",
            OF_SCHEDULES,
            {
                "schedules": (attrs.evolve(BARE, max_scheduled_runs=3), SCHEDULES[1]),
                "version": None,
            },
        ),
        (
            "2.18.0",
            [*OF_SCHEDULES, "max_scheduled_runs"],
            {"schedules": (BARE, SCHEDULES[1]), "version": None, "enforce_parameter_schema": False},
        ),
    ],
)
def test_make_fit(release, left_out, expected):
    """What a release does not keep is left out, and its own client's defaults are taken."""
    fields = {
        "schedules": SCHEDULES,
        "paused": UNSET,
        "version": UNSET,
        "enforce_parameter_schema": UNSET,
    }
    before = dict(fields)
    assert dialect_for(release).make_fit(fields, {}) == left_out
    assert fields == {**before, **expected}


@pytest.mark.parametrize("release", ["2.0b7", "2.14.21"])
def test_make_fit_of_an_inactive_schedule(release):
    """Where schedules are not switched off by themselves, the deployment is paused."""
    fields: Dict[str, Any] = dict.fromkeys(("paused", "version", "enforce_parameter_schema"), UNSET)
    fields["schedules"] = SCHEDULES[1:]
    assert dialect_for(release).make_fit(fields, {}) == []
    assert fields["paused"] is True
    assert fields["schedules"] == (attrs.evolve(SCHEDULES[1], active=True),)


def test_make_fit_keeps_what_is_given():
    """Where the version and the check of parameters are given, no default counts."""
    given = {"version": "1", "enforce_parameter_schema": True}
    fields = {**given, "schedules": UNSET, "paused": False}
    assert dialect_for("3.9.1").make_fit(fields, {}) == []
    assert fields == {**given, "schedules": UNSET, "paused": False}
