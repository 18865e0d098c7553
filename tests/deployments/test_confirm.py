"""Reading back: what server or storage lost or changed is not called a success."""

import hashlib
import json
import os
import tracemalloc

import attrs
import pytest

from flowpack import (
    DataDocument,
    DeploymentCreate,
    DeploymentSpec,
    FileStorageBlock,
    Packager,
    StorageBlock,
    UniversalFlowRunner,
    deploy,
)
from flowpack.client import Client
from flowpack.exceptions import (
    ObjectMissingError,
    StorageIntegrityError,
    WireError,
)
from flowpack.models import StoredObject
from flowpack.transport import Answer

SECRET = "canary-77aa"


@pytest.fixture
def spec(script, tmp_path):
    return DeploymentSpec(
        name="d",
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "store")),
        flow_runner=UniversalFlowRunner(env={"TOKEN": SECRET}),
    )


class Forgetful:
    """A server whose reads by id tell something else than was written."""

    def __init__(self, transport, change):
        self.transport = transport
        self.change = change

    url, embedded = "forgetful", False

    def send(self, request):
        answer = self.transport.send(request)
        parts = request.path.split("/")
        if request.method != "GET" or parts[1] != "deployments" or len(parts) != 3:
            return answer
        body = json.loads(answer.body)
        self.change(body)
        return Answer(answer.status, json.dumps(body).encode())

    def close(self):
        pass


def elsewhere(body):
    blob = json.loads(body["flow_data"]["blob"])
    blob.update(data=json.dumps("f" * 64), sha256="e" * 64)
    body["flow_data"]["blob"] = json.dumps(blob)


LOST = {
    "code": (elsewhere, f"it points at '{'f' * 64}' \\(SHA-256 {'e' * 64}\\), and was"),
    "inline": (
        lambda body: body.update(flow_data={"encoding": "text", "blob": "x"}),
        "it points at 'text' data, and was deployed with",
    ),
    "field": (
        lambda body: body.update(tags=["theirs"], parameters={"x": 1}),
        "it has another parameters, tags",
    ),
    "secret": (
        lambda body: body["flow_runner"]["config"]["env"].clear(),
        "it has another flow_runner",
    ),
}


@pytest.mark.parametrize(("change", "told"), LOST.values(), ids=LOST)
def test_server_that_lost_it(transport, spec, change, told):
    """What the server has otherwise is named, without secrets."""
    client = Client(transport=Forgetful(transport, change))
    with pytest.raises(WireError, match=told) as caught:
        deploy(spec, client, confirm=True)
    assert "hello/d was deployed, but the server has" in str(caught.value)
    assert SECRET not in str(caught.value)


@attrs.frozen
class Lossy(StorageBlock):
    """A storage of a user's own that says it holds what it does not."""

    folder: str
    kept: int

    def write(self, data):
        """Keep the first bytes only."""
        path = os.path.join(self.folder, "object")
        if self.kept:
            with open(path, "wb") as file:
                file.write(data[: self.kept])
        return path

    def read(self, token):
        """Give back what was kept."""
        try:
            with open(token, "rb") as file:
                return file.read()
        except FileNotFoundError as exc:
            raise ObjectMissingError("Lossy", token, "gone") from exc

    def holds(self, token, sha256, size):
        """Say yes to everything."""
        return True


@pytest.mark.parametrize(
    ("kept", "error"), [(0, ObjectMissingError), (10, StorageIntegrityError)]
)
@pytest.mark.parametrize("again", [False, True], ids=["created", "unchanged"])
def test_storage_that_lost_it(client, spec, tmp_path, kept, error, again):
    """Bytes that are not there, or not these, are told; of unchanged ones too."""
    lossy = attrs.evolve(spec, flow_storage=Lossy(str(tmp_path), kept))
    assert deploy(lossy, client)[0].action == "created"
    if again:
        assert deploy(lossy, client)[0].action == "unchanged"
    with pytest.raises(error) as caught:
        deploy(lossy, client, confirm=True)
    if kept:
        content = (tmp_path / "object").read_bytes()
        assert caught.value.found == hashlib.sha256(content).hexdigest()


def test_unchanged_bytes_are_read(client, spec, tmp_path):
    """Where only the length is asked, --confirm finds what verify would."""
    done = deploy(spec, client)[0]
    assert deploy(spec, client, confirm=True)[0].action == "unchanged"
    (tmp_path / "store" / done.key).unlink()
    assert deploy(spec, client, confirm=True)[0].action == "unchanged"
    assert (tmp_path / "store" / done.key).exists()


@attrs.frozen
class Own(Packager):
    """A packager of a user's own that points at what it likes."""

    document: DataDocument

    def check_compat(self, deployment, client=None):
        """Take everything."""

    def package(self, deployment, client=None):
        """Store nothing."""
        return DeploymentCreate(
            name=deployment.name,
            flow_id=client.create_flow(deployment.flow_name),
            flow_data=self.document,
        )


def test_packagers_of_users(client, script, tmp_path):
    """Their deployments are read back as far as it can be told what is right."""
    folder = tmp_path / "store"
    saved = FileStorageBlock(str(folder)).save("store", client)
    digest = saved.write(b"content")

    def confirm(document):
        spec = DeploymentSpec(
            name="d", flow_location=script, packager=Own(document)
        )
        return deploy(spec, client, confirm=True)

    def stored(token, sha256=None):
        found = StoredObject(token, saved.document_id, sha256)
        return DataDocument.encode("blockstorage", found)

    confirm(DataDocument.encode("text", "x"))
    confirm(stored(digest))
    (folder / "plain").write_bytes(b"content")
    confirm(stored("plain"))
    with pytest.raises(StorageIntegrityError):
        confirm(stored("plain", "0" * 64))
    with pytest.raises(ObjectMissingError):
        confirm(stored("gone"))


def test_huge_object_in_constant_memory(client, script, tmp_path):
    """What is read back is hashed as it comes."""
    size = 64 * 1024 * 1024
    folder = tmp_path / "store"
    folder.mkdir()
    saved = FileStorageBlock(str(folder)).save("store", client)
    digest = hashlib.sha256(bytes(size)).hexdigest()
    with open(folder / digest, "wb") as file:
        file.truncate(size)
    document = DataDocument.encode(
        "blockstorage", StoredObject(digest, saved.document_id, digest)
    )
    spec = DeploymentSpec(name="d", flow_location=script, packager=Own(document))
    tracemalloc.start()
    try:
        deploy(spec, client, confirm=True)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
