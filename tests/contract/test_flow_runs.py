"""Flow runs that are made from deployments."""

from __future__ import annotations

import pytest

from tests.contract.api import nobody, problems, unique

SCHEDULED = {"type": "SCHEDULED"}


@pytest.fixture(scope="module")
def deployment(api):
    """A deployment with something of everything."""
    return api.deployment(
        parameters={"a": 1, "b": 2},
        tags=["x", "y"],
        flow_runner={"type": "docker", "config": {"image": "i"}},
    )


def run(api, deployment, **body):
    """Make a run that must succeed."""
    path = f"/deployments/{deployment['id']}/create_flow_run"
    return api.done("POST", path, json=body)


def test_scheduled_run(api, deployment):
    """A run takes after its deployment and is due at its time."""
    due = "2031-01-01T00:00:00.250000+00:00"
    made = run(
        api,
        deployment,
        name="jumping-rhino",
        parameters={"b": 3},
        tags=["y", "z"],
        context={"c": 4},
        state={
            "type": "SCHEDULED",
            "name": "Scheduled",
            "message": None,
            "data": None,
            "state_details": {"scheduled_time": due, "cache_key": None},
        },
    )
    assert sorted(made.pop("tags")) == ["x", "y", "z"]
    state = made["state"]
    expected = {
        "name": "jumping-rhino",
        "flow_id": deployment["flow_id"],
        "state_id": state["id"],
        "deployment_id": deployment["id"],
        "flow_version": None,
        "parameters": {"a": 1, "b": 3},
        "idempotency_key": None,
        "context": {"c": 4},
        "empirical_policy": {},
        "empirical_config": {},
        "parent_task_run_id": None,
        "state_type": "SCHEDULED",
        "state_name": "Scheduled",
        "run_count": 0,
        "expected_start_time": due,
        "next_scheduled_start_time": due,
        "start_time": None,
        "end_time": None,
        "total_run_time": 0.0,
        "estimated_run_time": 0.0,
        "estimated_start_time_delta": 0.0,
        "auto_scheduled": False,
        "flow_runner": deployment["flow_runner"],
    }
    stamps = {key: made[key] for key in ("id", "created", "updated")}
    assert {**expected, **stamps, "state": state} == made
    assert state["type"] == "SCHEDULED"
    assert state["message"] is state["data"] is None
    assert state["state_details"] == {
        "flow_run_id": made["id"],
        "task_run_id": None,
        "child_flow_run_id": None,
        "scheduled_time": due,
        "cache_key": None,
        "cache_expiration": None,
    }
    found = api.done("GET", f"/flow_runs/{made['id']}")
    assert found["state"] == state
    assert found["parameters"] == {"a": 1, "b": 3}


def test_pending_run(api, deployment):
    """Without a state a run is pending; it has a made-up name."""
    made = run(api, deployment)
    assert (made["state_type"], made["state_name"]) == ("PENDING", "Pending")
    assert made["next_scheduled_start_time"] is None
    assert made["expected_start_time"] == made["state"]["timestamp"]
    assert made["estimated_start_time_delta"] > 0
    assert made["name"]


def test_run_that_is_due_now(api, deployment):
    """A scheduled run without a time is due now."""
    made = run(api, deployment, state=SCHEDULED)
    due = made["state"]["state_details"]["scheduled_time"]
    assert made["expected_start_time"] == made["next_scheduled_start_time"] == due
    assert made["created"][:10] in due


@pytest.mark.parametrize(
    ("state", "name", "count"),
    [
        ({"type": "RUNNING"}, "Running", 1),
        ({"type": "COMPLETED", "name": "Done"}, "Done", 0),
        ({"type": "FAILED", "message": 5}, "Failed", 0),
        ({"type": "SCHEDULED", "name": ""}, "", 0),
    ],
)
def test_other_states(api, deployment, state, name, count):
    """A run may begin in any state."""
    made = run(api, deployment, state=state)
    assert (made["state_type"], made["state_name"]) == (state["type"], name)
    assert made["run_count"] == count
    assert made["state"]["message"] in (None, "5")
    assert (made["start_time"] is not None) == (state["type"] == "RUNNING")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, {"type": "docker", "config": {"image": "i"}}),
        ({"type": "zz"}, {"type": "zz", "config": None}),
        ({}, {"type": None, "config": None}),
    ],
)
def test_flow_runner(api, deployment, given, kept):
    """A run has its own flow runner, or the deployment's."""
    assert run(api, deployment, flow_runner=given)["flow_runner"] == kept


@pytest.mark.parametrize("name", [None, "", 0, []])
def test_names_that_are_none(api, deployment, name):
    """What is empty is no name; one is made up."""
    assert run(api, deployment, name=name)["name"]


def test_idempotency_key(api, deployment):
    """A key makes one run for each flow, whatever is asked for later."""
    key = unique("key")
    path = f"/deployments/{deployment['id']}/create_flow_run"
    body = {"idempotency_key": key, "parameters": {"a": 5}}
    status, first = api.call("POST", path, json=body)
    assert (status, first["idempotency_key"]) == (201, key)
    body = {"idempotency_key": key, "parameters": {"a": 6}, "state": SCHEDULED}
    status, second = api.call("POST", path, json=body)
    assert (status, second["id"]) == (200, first["id"])
    assert second["parameters"] == {"a": 5, "b": 2}
    assert run(api, api.deployment(), idempotency_key=key)["id"] != first["id"]


def test_empty_idempotency_key(api):
    """An empty key is none, but can be had only once."""
    path = f"/deployments/{api.deployment()['id']}/create_flow_run"
    assert api.call("POST", path, json={"idempotency_key": ""})[0] == 201
    status, answer = api.call("POST", path, json={"idempotency_key": ""})
    assert status == 409
    assert answer["detail"].startswith("Data integrity conflict.")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"zz": 1}, (("zz",), "value_error.extra")),
        ({"flow_id": nobody()}, (("flow_id",), "value_error.extra")),
        ({"parameters": None}, (("parameters",), "type_error.none.not_allowed")),
        ({"tags": None}, (("tags",), "type_error.none.not_allowed")),
        ({"context": None}, (("context",), "type_error.none.not_allowed")),
        ({"name": [1]}, (("name",), "type_error.str")),
        ({"state": {}}, (("state", "type"), "value_error.missing")),
        ({"state": "x"}, (("state", "type"), "value_error.missing")),
        ({"state": {"type": "scheduled"}}, (("state", "type"), "type_error.enum")),
        ({"state": {**SCHEDULED, "id": "x"}}, (("state", "id"), "value_error.extra")),
        (
            {"state": {**SCHEDULED, "state_details": None}},
            (("state", "state_details"), "type_error.none.not_allowed"),
        ),
        (
            {"state": {**SCHEDULED, "state_details": {"scheduled_time": "soon"}}},
            (("state", "state_details", "scheduled_time"), "value_error.datetime"),
        ),
    ],
)
def test_refused_runs(api, deployment, body, expected):
    """A run that is wrong is refused."""
    path = f"/deployments/{deployment['id']}/create_flow_run"
    status, answer = api.call("POST", path, json=body)
    loc, kind = expected
    assert (status, problems(answer)) == (422, [(("body", *loc), kind)])


def test_time_without_offset(api, deployment):
    """The reference breaks at a time that may be anywhere."""
    details = {"scheduled_time": "2031-01-01T00:00:00"}
    path = f"/deployments/{deployment['id']}/create_flow_run"
    body = {"state": {**SCHEDULED, "state_details": details}}
    assert api.call("POST", path, json=body)[0] == 500


def test_run_of_nobody(api):
    """What is not there cannot run."""
    path = f"/deployments/{nobody()}/create_flow_run"
    answer = {"detail": "Deployment not found"}
    assert api.call("POST", path, json={}) == (404, answer)


def test_deletion_of_the_deployment(api):
    """Runs that have not begun go with it, others stay without it."""
    deployment = api.deployment()
    waiting = run(api, deployment, state=SCHEDULED)
    begun = run(api, deployment)
    api.done("DELETE", f"/deployments/{deployment['id']}")
    missing = {"detail": "Flow run not found"}
    assert api.call("GET", f"/flow_runs/{waiting['id']}") == (404, missing)
    assert api.done("GET", f"/flow_runs/{begun['id']}")["deployment_id"] is None
    api.done("DELETE", f"/flows/{deployment['flow_id']}")
    assert api.call("GET", f"/flow_runs/{begun['id']}") == (404, missing)


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, 1),
        ({"state": {"type": {"any_": ["SCHEDULED"]}}}, 1),
        ({"state": {"name": {"any_": ["Late"]}}}, 0),
        ({"tags": {"all_": ["run"]}}, 1),
        ({"deployment_id": {"is_null_": True}}, 0),
        ({"name": {"any_": ["own-name"]}}, 1),
        ({"flow_runner_type": {"any_": ["docker"]}}, 1),
        ({"flow_version": {"any_": ["1"]}}, 0),
        ({"id": {"not_any_": []}}, 1),
        ({"start_time": {"is_null_": True}}, 1),
        ({"expected_start_time": {"before_": "2031-01-01T00:00:01Z"}}, 1),
        ({"expected_start_time": {"after_": "2031-01-01T00:00:01Z"}}, 0),
        ({"next_scheduled_start_time": {"after_": "2030-12-31T23:00:00-02:00"}}, 0),
        ({"next_scheduled_start_time": {"after_": "2030-12-31T21:00:00-02:00"}}, 1),
        ({"parent_task_run_id": {"is_null_": True}}, 1),
    ],
)
def test_criteria_on_runs(api, criteria, found):
    """Flows and deployments are found by the runs that they have."""
    deployment = api.deployment(flow_runner={"type": "docker"})
    details = {"scheduled_time": "2031-01-01T00:00:00+00:00"}
    state = {**SCHEDULED, "state_details": details}
    run(api, deployment, name="own-name", tags=["run"], state=state)
    body = {"flow_runs": criteria, "deployments": {"id": {"any_": [deployment["id"]]}}}
    assert api.done("POST", "/deployments/count", json=body) == found
    assert api.done("POST", "/flows/count", json=body) == found
