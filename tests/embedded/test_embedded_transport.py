"""The transport: lazy, closable, and an answer to all that the client sends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.client import Client
from flowpack.embedded import EmbeddedTransport
from flowpack.embedded.embedded_transport import ROUTES, find_route
from flowpack.models import DataDocument, DeploymentCreate
from flowpack.transport import Effect
from tests.contract.records import definition
from tests.embedded.calls import call, create_flow


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
    status, flow = create_flow(api, "f")
    files = set(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else set()
    api.close()
    api.close()
    if files:
        assert set(os.listdir("/proc/self/fd")) < files
    assert call(api, "GET", f"/flows/{flow['id']}") == (200, flow)


def test_answers_survive(open_api):
    """What one transport wrote another one reads."""
    _, flow = create_flow(open_api(), "f")
    assert create_flow(open_api(), "f") == (200, flow)


class Recorder(EmbeddedTransport):
    """Keeps the requests that it is sent."""

    def __init__(self, database):
        super().__init__(database)
        self.requests = []

    def send(self, request):
        self.requests.append(request)
        return super().send(request)


def send_everything(client):
    """Call each method of *client* that a 2.0b7 server has an endpoint for."""
    data = DataDocument.encode("text", "x")
    flow_id = client.create_flow("f")
    client.read_flow(flow_id)
    client.read_flow_by_name("f")
    client.read_flows()
    new = DeploymentCreate(name="d", flow_id=flow_id, flow_data=data)
    deployment_id = client.create_deployment(new)
    client.read_deployment(deployment_id)
    client.read_deployment_by_name("f/d")
    client.read_deployments()
    client.set_schedule_active(deployment_id, True)
    client.set_schedule_active(deployment_id, False)
    run = client.create_flow_run_from_deployment(deployment_id)
    client.read_flow_run(run.id)
    client.read_flow_run_logs(run.id)
    client.delete_deployment(deployment_id)
    new_block = definition()
    block_type = client.create_block_type(new_block)
    client.read_block_type_by_name(block_type.name)
    schema = client.create_block_schema(new_block, block_type.id)
    client.read_block_schema_by_checksum(schema.checksum)
    ids = {"block_schema_id": schema.id, "block_type_id": block_type.id}
    document = client.create_block_document(data={"x": 1}, name="n", **ids)
    client.read_block_document(document.id)
    client.read_block_document_by_name("n", block_type.name)
    client.read_block_documents(anonymous=True)
    client.update_block_document(document.id, data={"x": 2})
    client.set_default_storage_block_document(document.id)
    client.get_default_storage_block_document()
    client.clear_default_storage_block_document()
    client.delete_block_document(document.id)


def test_routes_are_what_the_client_sends(database):
    """Each request has a route that writes if the request does; no route is idle."""
    recorder = Recorder(database)
    with Client(transport=recorder) as client:
        send_everything(client)
    found = {
        find_route(request.method, request.path)[0]: request.effect
        for request in recorder.requests
    }
    assert set(found) == set(ROUTES)
    for route, effect in found.items():
        assert route.writes == (effect is not Effect.READ), route


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nope"), ("PUT", "/flows/"), ("GET", "/flows/a/b/c"), ("GET", "/")],
)
def test_unknown_requests(api, method, path):
    """What the client never sends is not found."""
    assert call(api, method, path) == (404, {"detail": "Not Found"})


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A client for many examples."""
    database = tmp_path_factory.mktemp("laws") / "flowpack.db"
    with Client(transport=EmbeddedTransport(database)) as client:
        yield client


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON), st.lists(st.text()))
def test_fields_come_back(shared, parameters, tags):
    """Whatever JSON a deployment holds can be read again."""
    new = DeploymentCreate(
        name="d",
        flow_id=shared.create_flow("f"),
        flow_data=DataDocument.encode("json", parameters),
        parameters=parameters,
        tags=tuple(tags),
    )
    found = shared.read_deployment(shared.create_deployment(new))
    assert (found.parameters, found.tags) == (parameters, tuple(tags))
    assert found.flow_data == new.flow_data


@given(st.dictionaries(st.text(), JSON))
def test_anonymous_documents_are_one_for_each_content(shared, data):
    """The order of the fields does not matter, the values do."""
    checksum = "3a67d4187da98a983d948e042969437dbd14d49854c528a8026cb9a96121ccef"
    schema = shared.read_block_schema_by_checksum(f"sha256:{checksum}")

    def document_id(data):
        return shared.create_block_document(
            data=data,
            block_schema_id=schema.id,
            block_type_id=schema.block_type_id,
            is_anonymous=True,
        ).id

    found, other = document_id(data), {**data, "one more": 1}
    assert document_id(dict(reversed(list(data.items())))) == found
    assert (document_id(other) != found) or data == other


def test_long_lists(shared):
    """A list of more than a page comes whole."""
    names = [f"flow {number:04}" for number in range(401)]
    for name in names:
        shared.create_flow(name)
    assert [flow.name for flow in shared.read_flows(names=names)] == names
