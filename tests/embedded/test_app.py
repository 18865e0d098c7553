"""The transport: lazy, closable, and never out of answers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowpack.embedded import EmbeddedTransport
from flowpack.embedded.routes import ROUTES
from flowpack.transport import Request
from tests.embedded.calls import call


def test_nothing_is_made_before_the_first_request(database):
    """Making the transport, asking its version and closing it leave no trace."""
    transport = EmbeddedTransport(database)
    assert call(transport, "GET", "/admin/version") == (200, "2.0b7")
    transport.close()
    assert not database.parent.exists()


def test_address(monkeypatch, tmp_path):
    """The address names the file in full, for people to read."""
    monkeypatch.chdir(tmp_path)
    transport = EmbeddedTransport(Path("x") / ".." / "flowpack.db")
    assert transport.url == f"embedded://{tmp_path}/flowpack.db"
    assert transport.embedded is True
    assert str(tmp_path) in repr(transport)


def test_closing(api):
    """A closed transport holds no file; a second close does nothing."""
    status, flow = call(api, "POST", "/flows/", {"name": "f"})
    files = set(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else set()
    api.close()
    api.close()
    if files:
        assert set(os.listdir("/proc/self/fd")) < files
    assert call(api, "GET", f"/flows/{flow['id']}") == (200, flow)


def test_answers_survive(open_api):
    """What one transport wrote another one reads."""
    _, flow = call(open_api(), "POST", "/flows/", {"name": "f"})
    assert call(open_api(), "POST", "/flows/", {"name": "f"}) == (200, flow)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One API for many examples, with something in it."""
    transport = EmbeddedTransport(tmp_path_factory.mktemp("laws") / "flowpack.db")
    _, flow = call(transport, "POST", "/flows/", {"name": "f"})
    yield transport, flow["id"]
    transport.close()


#: Lone surrogates included.
ANY_CHARACTER = st.integers(0, 0x10FFFF).map(chr)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(ANY_CHARACTER, max_size=8)
    | st.sampled_from(["text", "2020-01-01", "PT1H", "* * * * *", "UTC", "f", "$ref"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
KEYS = sorted(
    {
        key
        for route in ROUTES
        if route.body is not None
        for key in getattr(route.body, "fields", None) or getattr(route.body, "parts")
    }
    | {"any_", "like_", "all_", "eq_", "is_null_", "id", "$ref", "zz"}
    | {"interval", "cron", "rrule", "timezone", "anchor_date", "encoding", "blob"}
)
BODIES = st.recursive(
    JSON,
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)


def answers(transport, request):
    """Send *request*; its answer must be one, whatever it says."""
    answer = transport.send(request)
    assert 200 <= answer.status <= 500
    if answer.status in (204, 307):
        assert answer.body == b""
    else:
        json.loads(answer.body)
        assert answer.headers["content-type"] == "application/json"
    return answer


@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]) | st.text(max_size=5),
    path=st.text() | st.sampled_from([route.path for route in ROUTES]),
    body=st.none() | st.binary(),
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "x-prefect-api-version"]), st.text()
    ),
)
@example("POST", "/flows/", b'{"name": "\\ud800"}', {})
@example("GET", "/flows/name/%ED%A0%80", None, {})
@example("GET", "/flows/name/\ud800", None, {})
@example("POST", "/flows/filter", b'{"offset": 99999999999999999999}', {})
@example("POST", "/flows/filter", b'{"limit": 1e999}', {})
@example("POST", "/flows/filter", b'{"limit": ' + b"9" * 5000 + b"}", {})
@example("POST", "/flows/", b"[" * 100_000, {})
def test_any_bytes_get_an_answer(shared, method, path, body, headers):
    """No request makes the API raise."""
    answers(shared[0], Request(method, path, body, headers=headers))


@given(route=st.sampled_from(ROUTES), name=st.text(min_size=1), body=BODIES)
def test_any_json_gets_an_answer(shared, route, name, body):
    """No JSON makes an endpoint raise, and what it took it shows again."""
    transport, flow_id = shared
    path = route.path.replace("{id}", flow_id).replace("{raw_id}", flow_id)
    content = json.dumps(body).encode()
    answers(transport, Request(route.method, path.replace("{name}", name), content))


def deployment(flow_id, **fields):
    return {
        "name": "d",
        "flow_id": flow_id,
        "flow_data": {"encoding": "text", "blob": "x"},
        **fields,
    }


@given(
    key=st.sampled_from(["parameters", "tags", "schedule", "flow_runner", "name"]),
    value=BODIES,
)
def test_any_field_of_a_deployment_gets_an_answer(shared, key, value):
    """A field that is taken can be read again; one that is not changes nothing."""
    transport, _ = shared
    _, flow = call(transport, "POST", "/flows/", {"name": "fields"})
    before = call(transport, "POST", "/deployments/filter", {})
    content = json.dumps(deployment(flow["id"], **{key: value})).encode()
    answer = answers(transport, Request("POST", "/deployments/", content))
    if answer.status in (200, 201):
        made = json.loads(answer.body)
        assert call(transport, "GET", f"/deployments/{made['id']}") == (200, made)
    else:
        assert call(transport, "POST", "/deployments/filter", {}) == before


@given(st.dictionaries(st.text(), JSON))
def test_anonymous_documents_are_one_for_each_content(shared, data):
    """The order of the fields does not matter, the values do."""
    transport, _ = shared
    checksum = "3a67d4187da98a983d948e042969437dbd14d49854c528a8026cb9a96121ccef"
    _, schema = call(transport, "GET", f"/block_schemas/checksum/sha256:{checksum}")
    body = {
        "block_schema_id": schema["id"],
        "block_type_id": schema["block_type_id"],
        "is_anonymous": True,
    }
    status, document = call(
        transport, "POST", "/block_documents/", {**body, "data": data}
    )
    if status == 500:  # It holds what JSON cannot say.
        return
    turned = dict(reversed(list(data.items())))
    again = call(transport, "POST", "/block_documents/", {**body, "data": turned})
    assert again == (200, document)
    other = {**data, "one more": 1}
    _, different = call(
        transport, "POST", "/block_documents/", {**body, "data": other}
    )
    assert different["id"] != document["id"] or data == other
