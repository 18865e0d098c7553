"""Every recorded exchange of a real 2.0b7 server reads, and writes back unchanged."""

import json
import re
from pathlib import Path

import pytest

from flowpack.models import (
    BlockDocument,
    BlockSchema,
    BlockType,
    Deployment,
    DeploymentCreate,
    FlowRecord,
    FlowRun,
)
from flowpack.wire.block_schemas import orion_checksum as checksum
from flowpack.wire.dialect import Dialect

DATA = Path(__file__).parent / "data" / "orion"
KINDS = (
    (r"/api/deployments/[^/]+/create_flow_run", FlowRun),
    (r"/api/flow_runs/", FlowRun),
    (r"/api/flows/", FlowRecord),
    (r"/api/deployments/", Deployment),
    (r"/api/block_types/name/[^/]+/block_documents", BlockDocument),
    (r"/api/block_types/", BlockType),
    (r"/api/block_schemas/", BlockSchema),
    (r"/api/block_documents/", BlockDocument),
)


def body(message):
    """Return the JSON of a recorded request or answer, or None."""
    return ((message or {}).get("body") or {}).get("json")


def exchanges():
    """Yield every recorded exchange that succeeded."""
    for file in sorted(DATA.glob("*.json")):
        for exchange in json.loads(file.read_text())["exchanges"]:
            if 200 <= exchange["response"]["status"] < 300:
                yield file.stem, exchange


def answers():
    """Yield each recorded object with the model that stands for it."""
    for name, exchange in exchanges():
        path = exchange["path"].partition("?")[0]
        cls = next((cls for pattern, cls in KINDS if re.match(pattern, path)), None)
        content = body(exchange["response"])
        for index, item in enumerate(
            content if isinstance(content, list) else [content]
        ):
            if cls and isinstance(item, dict) and "id" in item:
                where = f"{name}-{exchange['seq']}-{index}"
                yield pytest.param(cls, item, id=where)


def deployment_requests():
    """Yield the body of each recorded POST /deployments/ that succeeded."""
    for name, exchange in exchanges():
        if (exchange["method"], exchange["path"]) == ("POST", "/api/deployments/"):
            where = f"{name}-{exchange['seq']}"
            yield pytest.param(body(exchange["request"]), id=where)


@pytest.fixture(scope="module")
def dialect():
    return Dialect("2.0b7")


@pytest.mark.parametrize(("cls", "recorded"), list(answers()))
def test_answer_is_written_back_unchanged(dialect, cls, recorded):
    """What a server sent is written back as it came, unknown fields included."""
    written = dialect.unstructure(dialect.structure(recorded, cls))
    if cls is Deployment:  # Of today's servers only.
        assert (written.pop("script"), written.pop("script_problem")) == (None, None)
    assert written == recorded


@pytest.mark.parametrize("recorded", list(deployment_requests()))
def test_deployment_request_is_written_back_unchanged(dialect, recorded):
    """The body of a deployment is read and written as clients send it."""
    read = dialect.structure(recorded, DeploymentCreate)
    assert json.loads(dialect.create_deployment(read).body) == recorded


@pytest.mark.parametrize("recorded", list(deployment_requests()))
def test_blob_is_encoded_as_the_stock_client_does(dialect, recorded):
    """Decoding and encoding a blockstorage document gives the same blob."""
    document = dialect.structure(recorded, DeploymentCreate).flow_data
    if document.encoding == "blockstorage":
        again = type(document).encode("blockstorage", document.decode())
        assert again == document


def test_complete_body_has_all_eight_keys(dialect):
    """A deployment is sent with every key that the stock client sends."""
    recorded = next(
        body(exchange["request"])
        for name, exchange in exchanges()
        if name.startswith("05-") and exchange["path"] == "/api/deployments/"
    )
    read = dialect.structure(recorded, DeploymentCreate)
    bare = DeploymentCreate(
        name=read.name,
        flow_id=read.flow_id,
        flow_data=read.flow_data,
        flow_runner=read.flow_runner,
    )
    sent = dialect.create_deployment(dialect.settled(bare, None))
    assert list(json.loads(sent.body)) == [
        "name",
        "flow_id",
        "flow_data",
        "schedule",
        "is_schedule_active",
        "parameters",
        "tags",
        "flow_runner",
    ]


def test_recorded_schemas_have_their_checksums():
    """The checksum of every recorded schema is computed from its fields."""
    seen = {}
    for name, exchange in exchanges():
        content = body(exchange["response"])
        for item in content if isinstance(content, list) else [content]:
            schema = item.get("block_schema", item) if isinstance(item, dict) else None
            if isinstance(schema, dict) and "checksum" in schema:
                seen[schema["checksum"]] = checksum(schema["fields"])
    assert len(seen) >= 7
    assert all(recorded == computed for recorded, computed in seen.items())
