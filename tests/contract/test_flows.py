"""Flows."""

from __future__ import annotations

import pytest

from tests.contract.api import nobody, problems, unique


def test_flow_is_made_once(api):
    """A name that exists gives the flow that has it, unchanged."""
    body = {"name": unique("flow"), "tags": ["a", 1]}
    status, flow = api.call("POST", "/flows/", json=body)
    assert status == 201
    assert list(flow) == ["id", "created", "updated", "name", "tags"]
    assert (flow["name"], flow["tags"]) == (body["name"], ["a", "1"])
    assert api.call("POST", "/flows/", json={**body, "tags": ["b"]}) == (200, flow)


@pytest.mark.parametrize(
    "name",
    ["a b", "ä😀", "a?b#c", "a:b|c", "..", "a\\b", "a+b", "{x}", "'\""],
)
def test_names_come_back(api, name):
    """A name is found again, however it is to be encoded."""
    from urllib.parse import quote

    flow = api.flow(name=unique("flow") + name)
    assert flow["name"].endswith(name)
    path = f"/flows/name/{quote(flow['name'], safe='')}"
    assert api.call("GET", path) == (200, flow)


@pytest.mark.parametrize(
    ("value", "name"),
    [(5, "5"), (5.0, "5.0"), (True, "True")],
)
def test_scalars_become_text(api, value, name):
    """A number is taken for the text that Python makes of it."""
    assert api.done("POST", "/flows/", json={"name": value})["name"] == name


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [(("body", "name"), "value_error.missing")]),
        ({"name": None}, [(("body", "name"), "type_error.none.not_allowed")]),
        ({"name": ["x"]}, [(("body", "name"), "type_error.str")]),
        ({"name": "a/b"}, [(("body", "name"), "value_error.invalidname")]),
        ({"name": "a%b"}, [(("body", "name"), "value_error.invalidname")]),
        ({"name": "a&b"}, [(("body", "name"), "value_error.invalidname")]),
        ({"name": "a<b"}, [(("body", "name"), "value_error.invalidname")]),
        ({"name": "a>b"}, [(("body", "name"), "value_error.invalidname")]),
        ({"name": "x", "tags": "t"}, [(("body", "tags"), "type_error.list")]),
        ({"name": "x", "tags": {}}, [(("body", "tags"), "type_error.list")]),
        (
            {"name": "x", "tags": [None, 1, {}]},
            [
                (("body", "tags", 0), "type_error.none.not_allowed"),
                (("body", "tags", 2), "type_error.str"),
            ],
        ),
        (
            {"name": "x", "zz": 1, "id": nobody()},
            [
                (("body", "id"), "value_error.extra"),
                (("body", "zz"), "value_error.extra"),
            ],
        ),
    ],
    ids=str,
)
def test_refused_bodies(api, body, expected):
    """A body that is wrong is refused with all that is wrong with it."""
    status, answer = api.call("POST", "/flows/", json=body)
    assert (status, problems(answer)) == (422, expected)
    assert answer["request_body"] == body


def test_tags_are_replaced(api):
    """PATCH changes the tags and nothing else."""
    flow = api.flow(tags=["a"])
    path = f"/flows/{flow['id']}"
    assert api.call("PATCH", path, json={"tags": ["b", "c"]}) == (204, None)
    changed = api.done("GET", path)
    assert changed["tags"] == ["b", "c"]
    assert (changed["name"], changed["created"]) == (flow["name"], flow["created"])
    assert changed["updated"] > flow["updated"]


def test_empty_change(api):
    """A change of nothing changes nothing."""
    flow = api.flow(tags=["a"])
    assert api.call("PATCH", f"/flows/{flow['id']}", json={}) == (204, None)
    assert api.done("GET", f"/flows/{flow['id']}")["tags"] == ["a"]


def test_deletion(api):
    """A deleted flow is gone, and its deployments are."""
    deployment = api.deployment()
    path = f"/flows/{deployment['flow_id']}"
    assert api.call("DELETE", path) == (204, None)
    assert api.call("DELETE", path) == (404, {"detail": "Flow not found"})
    assert api.call("GET", f"/deployments/{deployment['id']}")[0] == 404


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_changing_nobody(api, method):
    """What is not there cannot be changed."""
    answer = {"detail": "Flow not found"}
    assert api.call(method, f"/flows/{nobody()}", json={}) == (404, answer)


@pytest.fixture(scope="module")
def family(api):
    """Three flows with a name of their own in common; one has a deployment."""
    common = unique("Family")
    flows = {
        "Ada": api.flow(name=f"{common} Ada", tags=["x", "y"]),
        "bob": api.flow(name=f"{common} bob", tags=["x"]),
        "cat": api.flow(name=f"{common} cat"),
    }
    api.deployment(flow_id=flows["bob"]["id"], name=common, tags=["d"])
    return common, flows


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, ["Ada", "bob", "cat"]),
        ({"tags": {"all_": ["x"]}}, ["Ada", "bob"]),
        ({"tags": {"all_": ["x", "y"]}}, ["Ada"]),
        ({"tags": {"all_": []}}, ["Ada", "bob", "cat"]),
        ({"tags": {"is_null_": True}}, ["cat"]),
        ({"tags": {"is_null_": False}}, ["Ada", "bob"]),
        ({"tags": {"is_null_": "no"}}, ["Ada", "bob"]),
        ({"id": {"any_": []}}, []),
        ({"id": None, "tags": {"all_": None}}, ["Ada", "bob", "cat"]),
    ],
    ids=str,
)
def test_criteria(api, family, criteria, expected):
    """Criteria are and-ed; rows come by name; counting agrees with listing."""
    common, flows = family
    body = {"flows": {"name": {"like_": common.lower()}, **criteria}}
    wanted = [flows[name] for name in expected]
    assert api.call("POST", "/flows/filter", json=body) == (200, wanted)
    assert api.call("POST", "/flows/count", json=body) == (200, len(wanted))


def test_criteria_by_list(api, family):
    """Names and ids may be listed."""
    _, flows = family
    names = {"name": {"any_": [flows["Ada"]["name"], flows["cat"]["name"]]}}
    ids = {"id": {"any_": [flows["cat"]["id"].upper(), flows["bob"]["id"]]}}
    body = {"flows": {**names, **ids}}
    assert api.done("POST", "/flows/filter", json=body) == [flows["cat"]]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("NAME_ASC", ["Ada", "bob", "cat"]),
        ("NAME_DESC", ["cat", "bob", "Ada"]),
        ("CREATED_DESC", ["cat", "bob", "Ada"]),
        (None, ["Ada", "bob", "cat"]),
    ],
)
def test_orders(api, family, order, expected):
    """Flows can be put in order."""
    common, flows = family
    body = {"flows": {"name": {"like_": common}}, "sort": order}
    found = api.done("POST", "/flows/filter", json=body)
    assert found == [flows[name] for name in expected]


def test_pages(api, family):
    """Limit and offset cut a page out of the list."""
    common, flows = family
    body = {"flows": {"name": {"like_": common}}, "limit": 1, "offset": 1}
    assert api.done("POST", "/flows/filter", json=body) == [flows["bob"]]


@pytest.mark.parametrize(
    ("related", "expected"),
    [
        ({"deployments": {}}, ["bob"]),
        ({"deployments": {"tags": {"all_": ["d"]}}}, ["bob"]),
        ({"deployments": {"tags": {"all_": ["e"]}}}, []),
        ({"flow_runs": {}}, []),
        ({"task_runs": {}}, []),
        ({"task_runs": None, "flow_runs": None}, ["Ada", "bob", "cat"]),
    ],
    ids=str,
)
def test_related_criteria(api, family, related, expected):
    """A criterion on something else keeps flows that have such a thing."""
    common, flows = family
    body = {"flows": {"name": {"like_": common}}, **related}
    wanted = [flows[name] for name in expected]
    assert api.done("POST", "/flows/filter", json=body) == wanted


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"flows": {"zz": 1}}, (("body", "flows", "zz"), "value_error.extra")),
        ({"flows": "x"}, (("body", "flows"), "type_error.dict")),
        (
            {"flows": {"id": {"any_": ["x"]}}},
            (("body", "flows", "id", "any_", 0), "type_error.uuid"),
        ),
        (
            {"flows": {"tags": {"is_null_": "maybe"}}},
            (("body", "flows", "tags", "is_null_"), "type_error.bool"),
        ),
        ({"sort": "x"}, (("body", "sort"), "type_error.enum")),
        ({"limit": "x"}, (("body", "limit"), "type_error.integer")),
        ({"flow_runs": {"zz": 1}}, (("body", "flow_runs", "zz"), "value_error.extra")),
        (
            {"flow_runs": {"state": {"type": {"any_": ["X"]}}}},
            (
                ("body", "flow_runs", "state", "type", "any_", 0),
                "type_error.enum",
            ),
        ),
    ],
    ids=str,
)
def test_refused_criteria(api, body, expected):
    """A criterion that does not exist is refused."""
    status, answer = api.call("POST", "/flows/filter", json=body)
    assert (status, problems(answer)) == (422, [expected])
