"""The client: ids as they come, and answers that are somebody else's."""

import itertools
import json
from typing import Any, Dict
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
from flowpack.client import Client
from flowpack.exceptions import FlowpackError, WireError
from flowpack.transport import Answer
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
        return Answer(answer.status, json.dumps(body).encode())

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


def test_server_that_ignores_the_offset():
    """A list that would never end is an error."""
    one = {"id": str(uuid4()), "name": "f", "tags": []}
    page = json.dumps([one] * 200).encode()

    def answer(request):
        return Answer(200, page if "filter" in request.path else b'"2.0b7"')

    with serve(answer) as url, Client(url) as client:
        with pytest.raises(WireError, match=r"POST .*/flows/filter: the same page"):
            client.read_flows()
    assert len(url.requests) == 3


KEY = "pnu_c4n4ry-of-some-length"

_RECORD: Dict[str, Any] = {"id": str(uuid4()), "name": KEY, "tags": []}


@pytest.mark.parametrize(
    "body",
    [
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"padding": "x" * 165, "key": KEY},
        [{"id": KEY, "name": "f"}],
        _RECORD,
        f"token {KEY}".encode(),
        f"{{Authorization: Bearer {KEY}}}".encode(),
        f"{'x' * 60}{KEY}".encode(),
    ],
)
@pytest.mark.parametrize("call", ["read_flows", "read_flow_by_name"])
def test_echo_of_the_key_is_not_shown(body, call):
    """Neither whole nor cut, whatever it stands in and whatever it breaks."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(request):
        version = request.path == "/admin/version"
        return Answer(200, b'"2.0b7"' if version else content)

    with serve(answer) as url, Client(url, api_key=KEY) as client:
        with pytest.raises(WireError) as caught:
            getattr(client, call)(*(["f"] if call == "read_flow_by_name" else []))
    error: Any = caught.value
    while error is not None:
        assert KEY[:12] not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def test_key_as_version_is_not_shown():
    """A server that answers with what it was sent is none of Prefect's."""
    body = json.dumps(KEY).encode()
    with serve(lambda request: Answer(200, body)) as url:
        with Client(url, api_key=KEY) as client:
            with pytest.raises(FlowpackError, match=r"\*\*\*") as caught:
                client.read_flows()
    assert KEY[:12] not in str(caught.value)


def test_version_is_no_secret():
    """What an error says of versions can be read."""
    text = "this server speaks 0.8.0 and got 0.6.0"

    def answer(request):
        if request.path == "/admin/version":
            return Answer(200, b'"2.0b7"')
        return Answer(400, json.dumps({"detail": text}).encode())

    with serve(answer) as url, Client(url, api_key=KEY) as client:
        with pytest.raises(FlowpackError, match=text):
            client.read_flows()


class WithTokens:
    """A server that wants a CSRF token with whatever is no GET."""

    def __init__(self, token):
        self.token = token

    def __call__(self, request):
        if request.path == "/admin/version":
            return Answer(200, b'"3.8.8"')
        if request.path == "/csrf-token":
            return Answer(200, self.token)
        if request.headers.get("prefect-csrf-token") != "good":
            return Answer(403, b'{"detail": "Missing CSRF token."}')
        return Answer(200, b"[]")


def test_plan_reads_with_a_csrf_token():
    """What a snapshot remembers is no refusal that a token lifts."""
    with serve(WithTokens(b'{"token": "good"}')) as url, Client(url) as client:
        assert client.snapshot().read_work_pools() == ()
        assert [path.path for path in url.requests].count("/csrf-token") == 1


@pytest.mark.parametrize("token", [b"[" * 100_000, b"nonsense", b'{"token": "bad"}'])
def test_bad_csrf_token(token):
    """It is an error that does not ask for credentials."""
    with serve(WithTokens(token)) as url, Client(url) as client:
        with pytest.raises(FlowpackError, match="Missing CSRF token") as caught:
            client.read_flows()
    assert "credential" not in str(caught.value)


def test_server_that_ignores_the_offset_and_is_alive():
    """A page is known again by its ids, though a field of it changes."""
    names = itertools.count()
    ids = [str(uuid4()) for _ in range(200)]

    def answer(request):
        if request.path == "/admin/version":
            return Answer(200, b'"2.0b7"')
        record = {**_RECORD, "name": f"flow {next(names)}"}
        page = [{**record, "id": each} for each in ids]
        return Answer(200, json.dumps(page).encode())

    with serve(answer) as url, Client(url) as client:
        with pytest.raises(WireError, match="same page"):
            client.read_flows()
