"""Flow runs that are created from deployments."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import pytest

from flowpack.exceptions import ObjectNotFound
from tests.contract.records import deployment, unique


@pytest.fixture(scope="module")
def deployed(client):
    """A deployment with parameters and tags."""
    return deployment(client, parameters={"a": 1, "b": 2}, tags=("x", "y"))


def test_flow_run(client, deployed):
    """A run takes after its deployment and is due at once."""
    run = client.create_flow_run_from_deployment(
        deployed.id, name="jumping-rhino", parameters={"b": 3}, tags=["y", "z"]
    )
    assert (run.name, run.deployment_id) == ("jumping-rhino", deployed.id)
    assert run.flow_id == deployed.flow_id
    assert (run.state_type, run.state_name) == ("SCHEDULED", "Scheduled")
    assert run.parameters == {"a": 1, "b": 3}
    assert sorted(run.tags) == ["x", "y", "z"]
    found = client.read_flow_run(run.id)
    assert (found.name, found.parameters) == (run.name, run.parameters)


def test_name_is_made_up(client, deployed):
    """Without a name each run gets one."""
    assert client.create_flow_run_from_deployment(deployed.id).name


def test_idempotency_key(client, deployed):
    """A key makes one run for each flow, whatever is asked for later."""
    key, create = unique("key"), client.create_flow_run_from_deployment
    first = create(deployed.id, idempotency_key=key, parameters={"a": 5})
    second = create(deployed.id, idempotency_key=key, parameters={"a": 6})
    assert (second.id, second.parameters) == (first.id, {"a": 5, "b": 2})
    assert create(deployment(client).id, idempotency_key=key).id != first.id
    assert create(deployed.id).id != create(deployed.id).id


def test_missing(client):
    """What is not there cannot run, and no run of it is found."""
    with pytest.raises(ObjectNotFound, match="Deployment not found"):
        client.create_flow_run_from_deployment(uuid.uuid4())
    with pytest.raises(ObjectNotFound, match="Flow run not found"):
        client.read_flow_run(uuid.uuid4())


def test_deletion_of_the_deployment(client):
    """Runs that have not begun go with it."""
    deployed = deployment(client)
    run = client.create_flow_run_from_deployment(deployed.id)
    client.delete_deployment(deployed.id)
    with pytest.raises(ObjectNotFound, match="Flow run not found"):
        client.read_flow_run(run.id)


@pytest.mark.parametrize("zone", [timezone(timedelta(hours=-5)), None], ids=["zone", "local"])
def test_scheduled_time(client, deployed, zone):
    """A run is due at a time of any zone, which is the local one where none is given."""
    due = datetime(2033, 5, 6, 7, 8, 9, tzinfo=zone)
    run = client.create_flow_run_from_deployment(deployed.id, scheduled_time=due)
    assert (run.state_type, run.expected_start_time) == ("SCHEDULED", due.astimezone())
    found = client.read_flow_run(run.id)
    assert found.expected_start_time == due.astimezone()
    details = found.extra["state"]["state_details"]
    assert datetime.fromisoformat(details["scheduled_time"]) == due.astimezone()


def test_no_logs(client, deployed):
    """A run that did not begin has none."""
    run = client.create_flow_run_from_deployment(deployed.id)
    assert client.read_flow_run_logs(run.id) == ()
    assert client.read_flow_run_logs(str(run.id), last=5, level=30) == ()
