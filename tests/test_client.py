"""The client: ids as they come, and answers that are somebody else's."""

import json
from uuid import UUID, uuid4

import pytest

from flowpack import (
    DeploymentCreate,
    DeploymentSpec,
    FileStorageBlock,
    IntervalSchedule,
    UniversalFlowRunner,
    deploy,
)
from flowpack.client import Client, get_client
from flowpack.exceptions import WireError
from flowpack.transport import Response
from flowpack.wire import dialect_for
from tests.clients import client, script, transport
from tests.http_server import serve

__all__ = ["client", "script", "transport"]

SECRET = "canary-5d1c"


@pytest.fixture
def done(client, script, tmp_path):
    """A deployment of hello.py."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    spec = DeploymentSpec(name="d", flow_location=script, flow_storage=storage)
    return deploy(spec, client)[0]


@pytest.mark.parametrize("form", [str, lambda each: each.hex, lambda each: each])
def test_ids_may_be_text(client, done, form):
    """A UUID and its text mean the same, in every method that takes one."""
    deployment_id, flow_id = form(done.id), form(done.flow_id)
    assert client.read_deployment(deployment_id).id == done.id
    assert client.read_flow(flow_id).id == done.flow_id
    assert [each.id for each in client.read_flows(ids=[flow_id])] == [done.flow_id]
    assert client.read_flows(ids=[]) == ()
    document_id = form(done.document_id)
    document = client.read_block_document(document_id)
    assert document.id == done.document_id
    client.set_default_storage_block_document(document_id)
    client.update_block_document(document_id, data=document.data)
    client.set_schedule_active(deployment_id, False)
    assert not client.read_deployment(done.id).is_schedule_active
    run = client.create_flow_run_from_deployment(deployment_id)
    assert client.read_flow_run(form(run.id)).deployment_id == done.id
    made = client.create_block_document(
        data=document.data,
        block_schema_id=form(document.block_schema_id),
        block_type_id=form(document.block_type_id),
        is_anonymous=True,
    )
    assert made.id == done.document_id
    client.delete_deployment(deployment_id)
    client.delete_block_document(document_id)
    assert client.read_deployments() == ()


@pytest.mark.parametrize("value", ["hello/d", "", "12", None, 7, b"bytes"], ids=repr)
def test_nonsense_is_no_id(client, transport, value):
    """What is no id is a ValueError that shows it, and nothing is sent for it."""
    _ = client.dialect
    transport.sent.clear()
    for method in (
        client.read_deployment,
        client.read_flow,
        client.read_flow_run,
        client.read_block_document,
        client.delete_deployment,
        client.delete_block_document,
        client.create_flow_run_from_deployment,
        client.set_default_storage_block_document,
    ):
        with pytest.raises(ValueError, match="is no id; an id is a UUID"):
            method(value)
    with pytest.raises(ValueError):
        client.read_flows(ids=[uuid4(), value])
    assert transport.sent == []


def test_block_document_data_keeps_its_order(client, transport, done):
    """Data is sent in the order given: a server derives anonymous names from it."""
    document = client.read_block_document(done.document_id)
    ids = {"block_schema_id": document.block_schema_id, "block_type_id": document.block_type_id}
    data = dict(reversed(document.data.items()))
    client.create_block_document(data=data, is_anonymous=True, **ids)
    assert list(transport.body("/block_documents/")["data"]) == list(data)


@pytest.mark.parametrize("deep", [list, lambda items: {"x": items[0]}], ids=["list", "object"])
def test_parameters_that_are_nested_too_deep(client, done, deep):
    """They are refused as deploy refuses them, before they are sent."""
    value = 1
    for _ in range(500):
        value = deep([value])
    deployment = client.read_deployment(done.id)
    new = DeploymentCreate(
        name="d",
        flow_id=done.flow_id,
        flow_data=deployment.flow_data,
        parameters={"p": value},
    )
    with pytest.raises(WireError, match="nested more than 200 levels deep"):
        client.create_deployment(new)


class Changing:
    """A transport whose answers to new deployments are changed."""

    def __init__(self, transport, change):
        self.transport = transport
        self.change = change

    url, embedded = "changing", False

    def send(self, request):
        answer = self.transport.send(request)
        if (request.method, request.path) != ("POST", "/deployments/"):
            return answer
        body = json.loads(answer.body)
        self.change(body)
        return Response(answer.status, json.dumps(body).encode())

    def close(self):
        pass


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("name", lambda body: body.update(name="other")),
        ("flow_id", lambda body: body.update(flow_id=str(UUID(int=5)))),
        ("tags", lambda body: body["tags"].append("more")),
        ("flow_runner", lambda body: body["flow_runner"]["config"]["env"].update(A="")),
        ("schedule", lambda body: body.update(schedule=None)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answer_of_another_deployment(client, done, transport, field, change):
    """An answer must name what was sent; the error shows no variable's value."""
    new = DeploymentCreate(
        name="d",
        flow_id=done.flow_id,
        flow_data=client.read_deployment(done.id).flow_data,
        flow_runner=UniversalFlowRunner(env={"A": SECRET}).to_settings(),
        schedule=IntervalSchedule(3600),
    )
    other = Client(transport=Changing(transport, change))
    with pytest.raises(WireError, match=f"another {field}") as caught:
        other.create_deployment(new)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("change", ["nothing", "field", "order"])
def test_server_that_ignores_the_offset(change):
    """A list that would never end is an error, also where its records change."""
    page = [{"id": str(UUID(int=i)), "name": "f", "tags": []} for i in range(200)]

    def answer(request):
        if "filter" not in request.path:
            return Response(200, b'"2.0b7"')
        if change == "order":
            page.append(page.pop(0))
        if change == "field":
            page[0]["last_polled"] = str(uuid4())
        return Response(200, json.dumps(page).encode())

    with serve(answer) as url, Client(url) as client:
        with pytest.raises(WireError, match=r"POST .*/flows/filter: the same page"):
            client.read_flows()
    assert len(url.requests) == 3


class Terse:
    """A server whose answers of success have no more body than they need."""

    url, embedded = "http://terse/api", False

    def __init__(self, version, status, body):
        self.version, self.answer = version, Response(status, body)

    def send(self, request):
        if request.path == "/admin/version":
            return Response(200, json.dumps(self.version).encode())
        return self.answer

    def close(self):
        pass


@pytest.mark.parametrize("body", [b"", b"\n", b"null"], ids=repr)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("version", ["2.0b7", "2.14.21", "3.8.8"])
def test_answer_without_a_value(version, status, body):
    """No default storage is none; what changes something needs no words."""
    client = Client(transport=Terse(version, status, body))
    assert client.get_default_storage_block_document() is None
    client.set_schedule_active(uuid4(), True)
    client.set_default_storage_block_document(uuid4())
    client.clear_default_storage_block_document()
    client.update_block_document(uuid4(), data={})
    client.delete_block_document(uuid4())
    client.delete_deployment(uuid4())
    for read in (
        client.read_deployments,
        client.read_flows,
        lambda: client.read_flow(uuid4()),
        lambda: client.create_flow("f"),
        lambda: client.read_deployment_by_name("f/d"),
    ):
        with pytest.raises(WireError, match="expected an object|came as"):
            read()


class Server:
    """A transport to a server of some release, which is only asked for that."""

    embedded = False

    def __init__(self, version, url):
        self.version, self.url = version, url

    def send(self, request):
        """Response to any request."""
        return Response(200, json.dumps(self.version).encode())

    def close(self):
        """Do nothing."""


ID = "00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("version", "kind", "id_", "where"),
    [
        ("3.9.1", "deployment", UUID(ID), f"deployments/deployment/{ID}"),
        ("3.9.1", "flow-run", ID, f"runs/flow-run/{ID}"),
        ("3.0.11", "flow-run", ID, f"runs/flow-run/{ID}"),
        ("2.20.25", "flow-run", ID, f"flow-runs/flow-run/{ID}"),
        ("2.14.21", "deployment", ID, f"deployments/deployment/{ID}"),
        ("3.9.1", "work-pool", "a b/ü%", "work-pools/work-pool/a%20b%2F%C3%BC%25"),
    ],
)
def test_addresses_of_the_user_interface(version, kind, id_, where):
    """As the stock client of the server's release prints them."""
    client = Client(transport=Server(version, "http://h.example/x/api"))
    assert client.ui_url(kind, id_) == f"http://h.example/x/{where}"
    assert client.snapshot().ui_url(kind, id_) == client.ui_url(kind, id_)


@pytest.mark.parametrize("ui", ["https://ui.example/p", "https://ui.example/p/"])
def test_address_of_the_user_interface_is_set(ui):
    """It counts as it is written, with one slash at its end."""
    client = Client(transport=Server("3.9.1", "http://h/api"), ui=ui)
    found = client.ui_url("deployment", ID)
    assert found == f"https://ui.example/p/deployments/deployment/{ID}"


def test_no_user_interface(monkeypatch):
    """2.0b7 and the embedded API have no such addresses."""
    monkeypatch.setenv("PREFECT_UI_URL", "https://ui.example")
    with get_client() as embedded:
        assert embedded.ui_url("deployment", ID) is None
    orion = Client(transport=Server("2.0b7", "http://h/api"))
    assert orion.ui_url("deployment", ID) is None


def test_address_from_the_settings_has_no_credentials(monkeypatch):
    """Neither those of the API's address nor those of the user interface's."""
    monkeypatch.setenv("PREFECT_API_URL", f"http://ann:{SECRET}@h.example/api")
    for ui, where in (("", "h.example"), (f"http://bob:{SECRET}@ui", "ui")):
        monkeypatch.setenv("PREFECT_UI_URL", ui)
        with get_client() as client:
            client._api._dialect = dialect_for("3.9.1")
            found = client.ui_url("deployment", ID)
        assert found == f"http://{where}/deployments/deployment/{ID}"
