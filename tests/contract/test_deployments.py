"""Deployments."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import attrs
import pytest

from flowpack.exceptions import APIStatusError, ObjectAlreadyExists, ObjectNotFound
from flowpack.models import DataDocument, FlowRunnerSettings
from flowpack.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from tests.contract.records import deployment, new_deployment, unique

ANCHOR = datetime(2020, 1, 1, tzinfo=timezone.utc)
HOURLY = IntervalSchedule(3600, anchor_date=ANCHOR)
#: What packaging sends, without name and flow.
FULL = {
    "flow_data": DataDocument("blockstorage", '{"data": "\\"é\\""}'),
    "schedule": HOURLY,
    "is_schedule_active": False,
    "parameters": {"a": [1, None], "b": {"ä": 0.5}},
    "tags": ("y", "x"),
    "flow_runner": FlowRunnerSettings(type="universal", config={"env": {}}),
}


def test_deployment(client):
    """A deployment keeps all that it is given and is found by id and names."""
    new = new_deployment(client, **FULL)
    deployment_id = client.create_deployment(new)
    found = client.read_deployment(deployment_id)
    assert {field: getattr(found, field) for field in FULL} == FULL
    assert (found.name, found.flow_id, found.extra) == (new.name, new.flow_id, {})
    flow = client.read_flow(new.flow_id)
    assert client.read_deployment_by_name(f"{flow.name}/{new.name}") == found


def test_defaults(client):
    """What is left out has a default."""
    found = deployment(client)
    assert (found.schedule, found.is_schedule_active) == (None, True)
    assert (found.parameters, found.tags) == ({}, ())
    assert found.flow_runner == FlowRunnerSettings(type=None, config=None)


def test_update_in_place(client):
    """A second one of the same flow and name replaces the first, but for its id."""
    first = deployment(client, **FULL)
    data = DataDocument.encode("text", "y")
    second = deployment(client, name=first.name, flow_id=first.flow_id, flow_data=data)
    assert (second.id, second.created) == (first.id, first.created)
    assert second.updated > first.updated
    assert (second.flow_data, second.schedule) == (data, None)
    assert (second.is_schedule_active, second.parameters, second.tags) == (True, {}, ())


@pytest.mark.parametrize(
    ("runner", "kept"),
    [
        (None, FULL["flow_runner"]),
        (FlowRunnerSettings(type="docker"), FlowRunnerSettings(type="docker", config=None)),
        (FlowRunnerSettings(type="x", config={}), FlowRunnerSettings(type="x", config={})),
    ],
    ids=["none", "type", "both"],
)
def test_flow_runner_of_an_update(client, runner, kept):
    """The flow runner alone stays where none is given."""
    new = new_deployment(client, **FULL)
    client.create_deployment(new)
    update = client.dialect.create_deployment(
        client.dialect.settled(attrs.evolve(new, flow_runner=runner), None)
    )
    assert client._transport.send(update).status == 200
    (found,) = client.read_deployments(names=[new.name])
    assert found.flow_runner == kept


def test_names_are_each_flows_own(client):
    """Two flows may have deployments of one name."""
    name = unique("deployment")
    first, second = deployment(client, name=name), deployment(client, name=name)
    assert first.id != second.id


def test_refused_deployments(client):
    """A deployment of no flow is a conflict, and a name with a slash is refused."""
    with pytest.raises(ObjectAlreadyExists):
        client.create_deployment(new_deployment(client, flow_id=uuid.uuid4()))
    with pytest.raises(APIStatusError) as caught:
        client.create_deployment(new_deployment(client, name="a/b"))
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("schedule", "kept"),
    [
        (IntervalSchedule(0.5), IntervalSchedule(0.5, anchor_date=ANCHOR)),
        (
            IntervalSchedule(60, timezone="Asia/Tokyo"),
            IntervalSchedule(60, anchor_date=ANCHOR - timedelta(hours=9)),
        ),
        (CronSchedule("0 0 * * *"), CronSchedule("0 0 * * *")),
        (CronSchedule("@daily", timezone="Europe/Paris", day_or=False), None),
        (RRuleSchedule("FREQ=DAILY"), RRuleSchedule("FREQ=DAILY", timezone="UTC")),
        (RRuleSchedule("FREQ=WEEKLY", timezone="Asia/Tokyo"), None),
    ],
)
def test_schedules(client, schedule, kept):
    """A schedule is kept as the client writes it."""
    assert deployment(client, schedule=schedule).schedule == (kept or schedule)


def test_schedule_is_switched(client):
    """A schedule can be switched off and on, and that is all that changes."""
    before = deployment(client, schedule=HOURLY)
    for active in (False, False, True):
        client.set_schedule_active(before.id, active)
        after = client.read_deployment(before.id)
        assert after == attrs.evolve(before, is_schedule_active=active, updated=after.updated)


def test_deletion(client):
    """A deleted deployment is gone."""
    deployment_id = deployment(client).id
    client.delete_deployment(deployment_id)
    for call in (client.delete_deployment, client.read_deployment):
        with pytest.raises(ObjectNotFound, match="Deployment not found"):
            call(deployment_id)
    with pytest.raises(ObjectNotFound, match="Deployment not found"):
        client.set_schedule_active(deployment_id, True)


def test_unknown_names(client):
    """Both names must be right."""
    found = deployment(client)
    flow = client.read_flow(found.flow_id)
    for name in (f"{flow.name}/nobody", f"nobody/{found.name}"):
        with pytest.raises(ObjectNotFound, match="Deployment not found"):
            client.read_deployment_by_name(name)


def test_lists(client):
    """Deployments come by name; flows and names may be asked for, and both must fit."""
    flow, flow_id = unique("flow"), None
    flow_id = client.create_flow(flow)
    names = [unique(prefix) for prefix in ("bob", "Ada")]
    of_flow = [deployment(client, flow_id=flow_id, name=name) for name in names]
    other = deployment(client)
    assert list(client.read_deployments(flow_names=[flow])) == of_flow[::-1]
    assert client.read_deployments(names=[names[0], other.name], flow_names=[flow]) == (
        of_flow[0],
    )
    assert client.read_deployments(names=[]) == ()
    everything = {found.id for found in client.read_deployments()}
    assert {found.id for found in [*of_flow, other]} <= everything
