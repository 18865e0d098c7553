"""Deployments."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.contract.api import nobody, problems, unique

NOT_FOUND = {"detail": "Deployment not found"}
BROKEN = {"exception_message": "Internal Server Error"}

TEXT = {"encoding": "text", "blob": "x"}
#: A body as packaging sends it, without name and flow.
FULL = {
    "flow_data": {"encoding": "blockstorage", "blob": '{"data": "\\"k\\""}'},
    "schedule": {
        "interval": 3600.0,
        "timezone": None,
        "anchor_date": "2020-01-01T00:00:00+00:00",
    },
    "is_schedule_active": False,
    "parameters": {"a": [1, None], "b": {"ä": 0.5}},
    "tags": ["y", "x"],
    "flow_runner": {"type": "universal", "config": {"env": {}}},
}


@pytest.fixture
def body(api):
    """The least that makes a deployment."""
    name, flow_id = unique("deployment"), api.flow()["id"]
    return {"name": name, "flow_id": flow_id, "flow_data": TEXT}


def test_deployment(api, body):
    """A deployment keeps all that it is given and is found by id and names."""
    body.update(FULL)
    status, deployment = api.call("POST", "/deployments/", json=body)
    assert status == 201
    assert deployment == {**deployment, **body}
    assert list(deployment) == [
        "id",
        "created",
        "updated",
        "name",
        "flow_id",
        "flow_data",
        "schedule",
        "is_schedule_active",
        "parameters",
        "tags",
        "flow_runner",
    ]
    assert api.call("GET", f"/deployments/{deployment['id']}") == (200, deployment)
    flow = api.done("GET", f"/flows/{body['flow_id']}")
    path = f"/deployments/name/{quote(flow['name'])}/{quote(body['name'])}"
    assert api.call("GET", path) == (200, deployment)
    in_one = f"/deployments/name/{quote(flow['name'] + '/' + body['name'], safe='')}"
    assert api.call("GET", in_one) == (200, deployment)


def test_defaults(api, body):
    """What is left out has a default."""
    deployment = api.done("POST", "/deployments/", json=body)
    assert deployment["schedule"] is None
    assert deployment["is_schedule_active"] is True
    assert deployment["parameters"] == {}
    assert deployment["tags"] == []
    assert deployment["flow_runner"] == {"type": None, "config": None}


def test_update_in_place(api, body):
    """A second one of the same flow and name replaces the first, but for its id."""
    first = api.done("POST", "/deployments/", json={**body, **FULL})
    other = {"encoding": "text", "blob": "y"}
    changed = {**body, "flow_data": other}
    status, second = api.call("POST", "/deployments/", json=changed)
    assert (status, second["id"]) == (200, first["id"])
    assert second["created"] == first["created"]
    assert second["updated"] > first["updated"]
    assert second["flow_data"] == other
    assert second["schedule"] is None
    assert second["is_schedule_active"] is True
    assert (second["parameters"], second["tags"]) == ({}, [])
    assert api.done("GET", f"/deployments/{first['id']}") == second


@pytest.mark.parametrize(
    ("runner", "kept"),
    [
        ("nothing", FULL["flow_runner"]),
        (None, FULL["flow_runner"]),
        ({"type": "docker"}, {"type": "docker", "config": None}),
        ({"config": {"a": 1}}, {"type": None, "config": {"a": 1}}),
        ({}, {"type": None, "config": None}),
    ],
)
def test_flow_runner_of_an_update(api, body, runner, kept):
    """The flow runner alone stays where none is given."""
    api.done("POST", "/deployments/", json={**body, **FULL})
    given = {} if runner == "nothing" else {"flow_runner": runner}
    updated = api.done("POST", "/deployments/", json={**body, **given})
    assert updated["flow_runner"] == kept


def test_names_are_each_flows_own(api, body):
    """Two flows may have deployments of one name."""
    first = api.done("POST", "/deployments/", json=body)
    body["flow_id"] = api.flow()["id"]
    assert api.done("POST", "/deployments/", json=body)["id"] != first["id"]


def test_empty_name(api, body):
    """A name may be empty."""
    assert api.done("POST", "/deployments/", json={**body, "name": ""})["name"] == ""


def test_unknown_flow(api, body):
    """A deployment of no flow is a conflict."""
    body["flow_id"] = nobody()
    status, answer = api.call("POST", "/deployments/", json=body)
    assert status == 409
    assert answer["detail"].startswith("Data integrity conflict.")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": None}, (("name",), "type_error.none.not_allowed")),
        ({"name": "a/b"}, (("name",), "value_error.invalidname")),
        ({"flow_id": "x"}, (("flow_id",), "type_error.uuid")),
        ({"flow_id": None}, (("flow_id",), "type_error.none.not_allowed")),
        ({"flow_data": None}, (("flow_data",), "type_error.none.not_allowed")),
        ({"flow_data": "x"}, (("flow_data",), "type_error.dict")),
        (
            {"flow_data": {"encoding": "x"}},
            (("flow_data", "blob"), "value_error.missing"),
        ),
        (
            {"flow_data": {"encoding": "x", "blob": {}}},
            (("flow_data", "blob"), "type_error.bytes"),
        ),
        (
            {"flow_data": {**TEXT, "zz": 1}},
            (("flow_data", "zz"), "value_error.extra"),
        ),
        ({"parameters": None}, (("parameters",), "type_error.none.not_allowed")),
        ({"parameters": "s"}, (("parameters",), "type_error.dict")),
        ({"parameters": 5}, (("parameters",), "type_error.dict")),
        ({"tags": "t"}, (("tags",), "type_error.list")),
        ({"tags": None}, (("tags",), "type_error.none.not_allowed")),
        (
            {"is_schedule_active": None},
            (("is_schedule_active",), "type_error.none.not_allowed"),
        ),
        ({"is_schedule_active": 2}, (("is_schedule_active",), "type_error.bool")),
        ({"is_schedule_active": []}, (("is_schedule_active",), "type_error.bool")),
        ({"flow_runner": "x"}, (("flow_runner",), "type_error.dict")),
        ({"flow_runner": {"zz": 1}}, (("flow_runner", "zz"), "value_error.extra")),
        ({"flow_runner": {"type": []}}, (("flow_runner", "type"), "type_error.str")),
        (
            {"flow_runner": {"config": "x"}},
            (("flow_runner", "config"), "type_error.dict"),
        ),
        ({"id": nobody()}, (("id",), "value_error.extra")),
    ],
)
def test_refused_deployments(api, body, fields, expected):
    """A deployment that is wrong is refused."""
    body.update(fields)
    status, answer = api.call("POST", "/deployments/", json=body)
    loc, kind = expected
    assert (status, problems(answer)) == (422, [(("body", *loc), kind)])
    assert answer["request_body"] == body


@pytest.mark.parametrize("key", ["name", "flow_id", "flow_data"])
def test_needed_fields(api, body, key):
    """Name, flow and code must be there."""
    del body[key]
    status, answer = api.call("POST", "/deployments/", json=body)
    assert (status, problems(answer)) == (422, [(("body", key), "value_error.missing")])


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"is_schedule_active": "yes"}, {"is_schedule_active": True}),
        ({"is_schedule_active": "OFF"}, {"is_schedule_active": False}),
        ({"is_schedule_active": 0}, {"is_schedule_active": False}),
        ({"is_schedule_active": 1.0}, {"is_schedule_active": True}),
        ({"tags": ["b", "a", "b", 1, True]}, {"tags": ["b", "a", "b", "1", "True"]}),
        ({"parameters": [["a", 1]]}, {"parameters": {"a": 1}}),
        ({"parameters": []}, {"parameters": {}}),
        (
            {"flow_data": {"encoding": 5, "blob": 7}},
            {"flow_data": {"encoding": "5", "blob": "7"}},
        ),
        (
            {"flow_data": {"encoding": "text", "blob": "é\u0000"}},
            {"flow_data": {"encoding": "text", "blob": "é\u0000"}},
        ),
        ({"flow_runner": {"type": 5}}, {"flow_runner": {"type": "5", "config": None}}),
    ],
)
def test_coercions(api, body, fields, kept):
    """Values are turned into what they are wanted as, where that is usual."""
    deployment = api.done("POST", "/deployments/", json={**body, **fields})
    assert deployment == {**deployment, **kept}


ANCHOR = "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("schedule", "kept"),
    [
        ({"interval": 60}, {"interval": 60.0}),
        ({"interval": "3600"}, {"interval": 3600.0}),
        ({"interval": 0.5}, {"interval": 0.5}),
        ({"interval": "PT1H"}, {"interval": 3600.0}),
        ({"interval": "P1DT1.5H"}, {"interval": 91800.0}),
        ({"interval": "01:00:00"}, {"interval": 3600.0}),
        ({"interval": "1 02:03:04.5"}, {"interval": 93784.5}),
        ({"interval": 60, "anchor_date": None}, {"interval": 60.0}),
        ({"interval": 60, "anchor_date": ""}, {"interval": 60.0}),
        ({"interval": 60, "timezone": ""}, {"interval": 60.0, "timezone": ""}),
        (
            {"interval": 60, "anchor_date": "2021-01-01T00:00:00Z"},
            {"interval": 60.0, "anchor_date": "2021-01-01T00:00:00+00:00"},
        ),
        (
            {"interval": 60, "anchor_date": "2021-01-01 00:00"},
            {"interval": 60.0, "anchor_date": "2021-01-01T00:00:00"},
        ),
        (
            {"interval": 60, "anchor_date": "2021-01-01T00:00:00.123456-0530"},
            {"interval": 60.0, "anchor_date": "2021-01-01T00:00:00.123456-05:30"},
        ),
        (
            {"interval": 60, "anchor_date": 1577836800},
            {"interval": 60.0, "anchor_date": ANCHOR},
        ),
        (
            {"interval": 60, "anchor_date": "1577836800000"},
            {"interval": 60.0, "anchor_date": ANCHOR},
        ),
    ],
)
def test_interval_schedules(api, body, schedule, kept):
    """An interval is kept in seconds, with an anchor."""
    deployment = api.done("POST", "/deployments/", json={**body, "schedule": schedule})
    expected = {"timezone": None, "anchor_date": ANCHOR, **kept}
    assert deployment["schedule"] == expected


@pytest.mark.parametrize(
    ("schedule", "kept"),
    [
        ({"cron": "0 0 * * *"}, {"timezone": None, "day_or": True}),
        (
            {"cron": "@daily", "timezone": "Europe/Paris", "day_or": "no"},
            {"day_or": False},
        ),
        ({"cron": "* * * * *", "timezone": "US/Eastern"}, {"day_or": True}),
        ({"rrule": "FREQ=DAILY"}, {"timezone": "UTC"}),
        ({"rrule": "no rule", "timezone": "Asia/Tokyo"}, {}),
        ({"rrule": 5}, {"rrule": "5", "timezone": "UTC"}),
    ],
)
def test_calendar_schedules(api, body, schedule, kept):
    """Cron is looked at, a recurrence rule is not."""
    deployment = api.done("POST", "/deployments/", json={**body, "schedule": schedule})
    assert deployment["schedule"] == {**schedule, **kept}


EXTRA, MISSING = "value_error.extra", "value_error.missing"


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({}, [("cron", MISSING), ("interval", MISSING), ("rrule", MISSING)]),
        (
            {"interval": 0},
            [
                ("cron", MISSING),
                ("interval", "value_error"),
                ("interval", EXTRA),
                ("interval", EXTRA),
                ("rrule", MISSING),
            ],
        ),
        (
            {"interval": "x"},
            [
                ("cron", MISSING),
                ("interval", "value_error.duration"),
                ("interval", EXTRA),
                ("interval", EXTRA),
                ("rrule", MISSING),
            ],
        ),
        (
            {"interval": 60, "anchor_date": "2020-01-01"},
            [
                ("anchor_date", "value_error.datetime"),
                ("anchor_date", EXTRA),
                ("anchor_date", EXTRA),
                ("cron", MISSING),
                ("interval", EXTRA),
                ("interval", EXTRA),
                ("rrule", MISSING),
            ],
        ),
        (
            {"interval": 60, "timezone": "UTC", "anchor_date": ANCHOR},
            [
                ("anchor_date", "value_error"),
                ("anchor_date", EXTRA),
                ("anchor_date", EXTRA),
                ("cron", MISSING),
                ("interval", EXTRA),
                ("interval", EXTRA),
                ("rrule", MISSING),
            ],
        ),
        (
            {"cron": "0 0 * *"},
            [
                ("cron", "value_error"),
                ("cron", EXTRA),
                ("cron", EXTRA),
                ("interval", MISSING),
                ("rrule", MISSING),
            ],
        ),
        (
            {"cron": "* * * * *", "timezone": "Mars/X"},
            [
                ("cron", EXTRA),
                ("cron", EXTRA),
                ("interval", MISSING),
                ("rrule", MISSING),
                ("timezone", "value_error"),
                ("timezone", "value_error"),
                ("timezone", "value_error"),
            ],
        ),
        (
            {"interval": 60, "cron": "* * * * *"},
            [
                ("cron", EXTRA),
                ("cron", EXTRA),
                ("interval", EXTRA),
                ("interval", EXTRA),
                ("rrule", MISSING),
            ],
        ),
    ],
)
def test_refused_schedules(api, body, schedule, expected):
    """A schedule that is none is refused with what all three kinds lack."""
    body["schedule"] = schedule
    status, answer = api.call("POST", "/deployments/", json=body)
    wanted = sorted((("body", "schedule", key), kind) for key, kind in expected)
    assert (status, problems(answer)) == (422, wanted)


@pytest.mark.parametrize(
    ("fields", "key", "kind"),
    [
        ({"interval": []}, "interval", "type_error"),
        ({"interval": "-PT1H"}, "interval", "value_error"),
        ({"interval": True}, "interval", "value_error.duration"),
        ({"interval": "P1W"}, "interval", "value_error.duration"),
        ({"interval": None}, "interval", "type_error.none.not_allowed"),
        ({"interval": 60, "timezone": []}, "timezone", "type_error.str"),
        ({"interval": 60, "anchor_date": [1]}, "anchor_date", "type_error"),
        (
            {"interval": 60, "anchor_date": "2020-13-01T00:00:00Z"},
            "anchor_date",
            "value_error.datetime",
        ),
    ],
)
def test_refused_intervals(api, body, fields, key, kind):
    """Durations and times must be such."""
    body["schedule"] = fields
    status, answer = api.call("POST", "/deployments/", json=body)
    assert status == 422
    first = answer["exception_detail"][0]
    assert (first["loc"], first["type"]) == (["body", "schedule", key], kind)


@pytest.mark.parametrize("schedule", ["x", 5, True])
def test_schedules_that_are_no_objects(api, body, schedule):
    """What is no object fits none of the three kinds."""
    body["schedule"] = schedule
    status, answer = api.call("POST", "/deployments/", json=body)
    expected = [(("body", "schedule"), "type_error.dict")] * 3
    assert (status, problems(answer)) == (422, expected)


@pytest.mark.parametrize(
    "cron",
    [
        "bad",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * 0 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "* * * jon *",
        "* * * *",
        "* * * * * * *",
        "H * * * *",
        "@never",
        "",
    ],
)
def test_refused_crons(api, body, cron):
    """A cron expression has five or six fields with numbers that exist."""
    body["schedule"] = {"cron": cron}
    status, answer = api.call("POST", "/deployments/", json=body)
    assert status == 422
    assert (("body", "schedule", "cron"), "value_error") in problems(answer)


@pytest.mark.parametrize(
    "cron",
    [
        "0 6 * * *",
        "*/15 0-6,18-23/2 1,15 jan-MAR mon-fri",
        "0 0 l * *",
        "0 0 30 2 *",
        "0 0 * * 7",
        "0 0 * * fri#2",
        "0 0 * * sat-sun",
        "0 0 * * * 30",
        "R * * * *",
        "5/10 * * * *",
        "@hourly",
        "@Yearly",
    ],
)
def test_crons(api, body, cron):
    """Numbers, names, ranges, steps, lists and aliases are understood."""
    body["schedule"] = {"cron": cron}
    assert api.done("POST", "/deployments/", json=body)["schedule"]["cron"] == cron


@pytest.mark.parametrize(
    "schedule",
    [
        {"interval": 60, "timezone": "UTC"},
        {"interval": 60, "timezone": "Mars/X", "anchor_date": ANCHOR},
    ],
)
def test_interval_with_a_timezone(api, body, schedule):
    """The reference breaks at an interval with a time zone; nothing is kept."""
    answer = api.call("POST", "/deployments/", json={**body, "schedule": schedule})
    assert answer == (500, BROKEN)
    count = {"deployments": {"name": {"any_": [body["name"]]}}}
    assert api.done("POST", "/deployments/count", json=count) == 0


def test_schedule_switch(api):
    """The schedule is switched on and off, as often as one likes."""
    deployment = api.deployment()
    path = f"/deployments/{deployment['id']}"
    for switch, active in (
        ("set_schedule_inactive", False),
        ("set_schedule_inactive", False),
        ("set_schedule_active", True),
        ("set_schedule_active", True),
    ):
        assert api.call("POST", f"{path}/{switch}") == (200, None)
        assert api.done("GET", path)["is_schedule_active"] is active


@pytest.mark.parametrize("switch", ["set_schedule_inactive", "set_schedule_active"])
def test_schedule_switch_of_nobody(api, switch):
    """What is not there has no switch."""
    path = f"/deployments/{nobody()}/{switch}"
    assert api.call("POST", path) == (404, NOT_FOUND)
    status, answer = api.call("POST", f"/deployments/x/{switch}")
    assert (status, problems(answer)) == (422, [(("path", "id"), "type_error.uuid")])


@pytest.mark.parametrize("body", [{}, {"max_runs": 1}, {"start_time": ANCHOR}, None])
def test_scheduling(api, body):
    """Runs may be asked for, of nobody even."""
    for deployment_id in (api.deployment()["id"], nobody()):
        path = f"/deployments/{deployment_id}/schedule"
        assert api.call("POST", path, json=body) == (200, None)


def test_refused_scheduling(api):
    """Times are times and numbers are numbers."""
    body = {"start_time": "x", "end_time": "2020-01-01", "max_runs": "y"}
    path = f"/deployments/{nobody()}/schedule"
    status, answer = api.call("POST", path, json=body)
    assert status == 422
    assert problems(answer) == [
        (("body", "end_time"), "value_error.datetime"),
        (("body", "max_runs"), "type_error.integer"),
        (("body", "start_time"), "value_error.datetime"),
    ]


def test_deletion(api):
    """A deleted deployment is gone."""
    path = f"/deployments/{api.deployment()['id']}"
    assert api.call("DELETE", path) == (204, None)
    assert api.call("DELETE", path) == (404, NOT_FOUND)
    assert api.call("GET", path) == (404, NOT_FOUND)


@pytest.mark.parametrize("path", ["nobody/nobody", "{}/nobody", "nobody/{}"])
def test_unknown_names(api, path):
    """Both names must be right."""
    deployment = api.deployment()
    flow = api.done("GET", f"/flows/{deployment['flow_id']}")
    known = flow["name"] if path.startswith("{") else deployment["name"]
    answer = api.call("GET", f"/deployments/name/{path.format(known)}")
    assert answer == (404, NOT_FOUND)


@pytest.fixture(scope="module")
def family(api):
    """Three deployments with a name of their own in common, of two flows."""
    common = unique("Family")
    first, second = api.flow(name=f"{common} 1", tags=["f"]), api.flow()
    return common, {
        "Ada": api.deployment(
            flow_id=first["id"], name=f"{common} Ada", tags=["x", "y"]
        ),
        "bob": api.deployment(flow_id=first["id"], name=f"{common} bob", tags=["x"]),
        "cat": api.deployment(
            flow_id=second["id"], name=f"{common} cat", is_schedule_active=False
        ),
    }


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, ["Ada", "bob", "cat"]),
        ({"tags": {"all_": ["x"]}}, ["Ada", "bob"]),
        ({"tags": {"is_null_": True}}, ["cat"]),
        ({"is_schedule_active": {"eq_": False}}, ["cat"]),
        ({"is_schedule_active": {"eq_": None}}, ["Ada", "bob", "cat"]),
        ({"id": {"any_": []}}, []),
    ],
)
def test_criteria(api, family, criteria, expected):
    """Criteria are and-ed; rows come by name; counting agrees with listing."""
    common, deployments = family
    body = {"deployments": {"name": {"like_": common.upper()}, **criteria}}
    wanted = [deployments[name] for name in expected]
    assert api.call("POST", "/deployments/filter", json=body) == (200, wanted)
    assert api.call("POST", "/deployments/count", json=body) == (200, len(wanted))


@pytest.mark.parametrize(
    ("related", "expected"),
    [
        ({"flows": {"tags": {"all_": ["f"]}}}, ["Ada", "bob"]),
        ({"flows": {"name": {"any_": ["{} 1"]}}}, ["Ada", "bob"]),
        ({"flows": {}}, ["Ada", "bob", "cat"]),
        ({"flows": {"name": {"any_": []}}}, []),
        ({"flow_runs": {}}, []),
        ({"task_runs": {}}, []),
        (
            {"flow_runs": None, "task_runs": None, "flows": None, "sort": "x"},
            ["Ada", "bob", "cat"],
        ),
    ],
)
def test_related_criteria(api, family, related, expected):
    """A criterion on something else keeps deployments that have such a thing."""
    common, deployments = family
    if (related.get("flows") or {}).get("name", {}).get("any_"):
        related = {"flows": {"name": {"any_": [f"{common} 1"]}}}
    body = {"deployments": {"name": {"like_": common}}, **related}
    wanted = [deployments[name] for name in expected]
    assert api.done("POST", "/deployments/filter", json=body) == wanted


def test_pages(api, family):
    """Limit and offset cut a page out of the list."""
    common, deployments = family
    body = {"deployments": {"name": {"like_": common}}, "limit": 1, "offset": 2}
    found = api.done("POST", "/deployments/filter", json=body)
    assert found == [deployments["cat"]]
