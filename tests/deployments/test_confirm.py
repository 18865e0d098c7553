"""Reading back: what server or storage lost or changed is not called a success."""

import hashlib
import json
import os
import tracemalloc
from typing import Any, Dict

import attrs
import pytest

from flowpack import (
    Client,
    DataDocument,
    DeploymentCreate,
    DeploymentSpec,
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
    Packager,
    StorageBlock,
    UniversalFlowRunner,
    apply,
    deploy,
    plan,
    verify_all,
)
from flowpack.cli import main
from flowpack.exceptions import (
    ObjectMissingError,
    PlanChangedError,
    StorageIntegrityError,
    StorageUnavailableError,
    WireError,
)
from flowpack.models import StoredObject
from flowpack.transport import Response
from tests.blocks.servers import FileServer, serving
from tests.peers.keyvalue import KeyValueServer

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
    """A server whose reads by id return something else than was written."""

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
        return Response(answer.status, json.dumps(body).encode())

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


@pytest.mark.parametrize(("change", "message"), LOST.values(), ids=LOST)
def test_server_that_lost_it(transport, spec, change, message):
    """What the server has otherwise is named, without secrets."""
    client = Client(transport=Forgetful(transport, change))
    with pytest.raises(WireError, match=message) as caught:
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


@pytest.mark.parametrize("kept", [0, 10])
@pytest.mark.parametrize("again", [False, True], ids=["created", "unchanged"])
def test_storage_that_lost_it(client, spec, tmp_path, kept, again):
    """Bytes that are not there, or not these, are an error before anything points there."""
    lossy = attrs.evolve(spec, flow_storage=Lossy(str(tmp_path), kept))
    if again:
        assert deploy(lossy, client)[0].action == "created"
        assert deploy(lossy, client)[0].action == "unchanged"
    with pytest.raises(StorageUnavailableError, match="does not have them"):
        deploy(lossy, client, confirm=True)
    assert len(client.read_deployments()) == again


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
    """Their deployments are read back as far as their digests are known."""
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
    with pytest.raises(StorageIntegrityError, match="delete them and deploy again"):
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


DAMAGED = ("file", "local", "file-uuid", "http", "http-uuid", "http-timestamp", "kv")


class Place:
    """A storage of a kind, and the bytes in it as they really are."""

    def __init__(self, kind, folder, files, values):
        self.kind, self.folder = kind, folder
        self.files, self.values = files, values
        key_type: Any = kind.partition("-")[2] or "hash"
        self.block: StorageBlock
        if kind == "kv":
            self.block = KVServerStorageBlock(values.address)
        elif kind == "local":
            self.block = LocalStorageBlock(str(folder))
        elif kind.startswith("http"):
            self.block = FileStorageBlock(f"{files.address}/", key_type=key_type)
        else:
            self.block = FileStorageBlock(str(folder), key_type=key_type)

    def damage(self, key):
        """Change a byte; the length stays."""
        if self.kind == "kv":
            self.values.values[key] = self._other(self.values.values[key])
        elif self.kind.startswith("http"):
            self.files.files[f"/{key}"] = self._other(self.files.files[f"/{key}"])
        else:
            path = self.folder / os.path.basename(key)
            path.write_bytes(self._other(path.read_bytes()))

    def _other(self, content):
        return content[:-2] + (b"#\n" if isinstance(content, bytes) else "#\n")


@pytest.fixture
def files():
    with serving(FileServer()) as server:
        yield server


@pytest.fixture
def values():
    with serving(KeyValueServer()) as server:
        yield server


@pytest.fixture
def place(request, tmp_path, files, values):
    return Place(getattr(request, "param", "http"), tmp_path / "store", files, values)


@pytest.mark.filterwarnings("ignore:.*only usable from the current machine")
@pytest.mark.parametrize("place", DAMAGED, indirect=True)
def test_damage_of_equal_length_is_mended(client, spec, place):
    """Whatever the storage, --confirm puts the right bytes back and says so."""
    spec = attrs.evolve(spec, flow_storage=place.block, flow_runner=None)
    place.damage(deploy(spec, client)[0].key)
    assert [each.status for each in verify_all(client)] == ["corrupt"]
    mended = deploy(spec, client, confirm=True)[0]
    assert any("missing or damaged" in note for note in mended.notes)
    assert [each.status for each in verify_all(client)] == ["ok"]
    again = deploy(spec, client, confirm=True)[0]
    assert (again.action, again.key) == ("unchanged", mended.key)
    assert not any("missing or damaged" in note for note in again.notes)


def test_damage_is_mended_before_a_new_deployment_points_at_it(client, spec, place):
    """Also where the deployment is new, or others of a set share the object."""
    specs = [
        attrs.evolve(spec, name=name, flow_storage=place.block) for name in "abc"
    ]
    place.damage(deploy(specs[0], client)[0].key)
    done = deploy(specs, client, confirm=True, jobs=2)
    assert [each.action for each in done] == ["unchanged", "created", "created"]
    assert [each.status for each in verify_all(client)] == ["ok"] * 3
    assert deploy(specs, client, confirm=True)[0].notes == done[1].notes


def test_plan_with_confirm_tells_of_damage(client, spec, place):
    """It reads the bytes, and applying it mends them; nothing else is sent."""
    spec = attrs.evolve(spec, flow_storage=place.block)
    place.damage(deploy(spec, client)[0].key)
    assert plan(spec, client).actions[0].upload is False
    found = plan(spec, client, confirm=True)
    assert "missing or damaged" in str(found)
    planned = found.to_json()
    assert apply(found, client)[0].action == "unchanged"
    assert [each.status for each in verify_all(client)] == ["ok"]
    with pytest.raises(PlanChangedError):
        deploy(spec, client, confirm=True, planned=planned)


class Stubborn(Dict[str, Any]):
    """Values that stay as they are."""

    def __setitem__(self, key, value):
        pass


@pytest.mark.parametrize("place", ["http", "kv"], indirect=True)
def test_server_that_keeps_the_old_bytes(client, spec, place, files, values):
    """What says yes and keeps what it has is an error that says what to do."""
    spec = attrs.evolve(spec, flow_storage=place.block)
    place.damage(deploy(spec, client)[0].key)
    files.behaviour.kept, values.values = "none", Stubborn(values.values)
    with pytest.raises(StorageUnavailableError, match="delete .* deploy again"):
        deploy(spec, client, confirm=True)


@attrs.frozen
class WriteOnce(StorageBlock):
    """A storage of a user's own that never writes over what it has."""

    folder: str

    def write(self, data):
        """Keep *data* unless there is something."""
        path = os.path.join(self.folder, hashlib.md5(data).hexdigest())
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(data)
        return path

    def read(self, token):
        """Give back what was kept."""
        with open(token, "rb") as file:
            return file.read()


@attrs.frozen
class Quick(WriteOnce):
    """One that believes the length, and can write over what it has."""

    def holds(self, token, sha256, size):
        """Ask for the length only."""
        return os.path.exists(token) and os.path.getsize(token) == size

    def replace_from(self, file, sha256):
        """Take what is there away first."""
        data = file.read()
        os.unlink(os.path.join(self.folder, hashlib.md5(data).hexdigest()))
        return self.write(data)


@pytest.mark.parametrize("confirm", [False, True])
def test_own_storage_that_never_overwrites(client, spec, tmp_path, confirm):
    """Its error says that somebody must delete the object; then a deploy mends."""
    spec = attrs.evolve(spec, flow_storage=WriteOnce(str(tmp_path)))
    token = str(deploy(spec, client)[0].key)
    with open(token, "r+b") as file:
        file.write(b"#")
    with pytest.raises(StorageUnavailableError, match="delete .* deploy again"):
        deploy(spec, client, confirm=confirm)
    os.unlink(token)
    deploy(spec, client, confirm=confirm)
    assert [each.status for each in verify_all(client)] == ["ok"]


def test_own_storage_that_can_overwrite(client, spec, tmp_path):
    """It is asked to, where it has other bytes than it says."""
    spec = attrs.evolve(spec, flow_storage=Quick(str(tmp_path)))
    token = str(deploy(spec, client)[0].key)
    with open(token, "r+b") as file:
        file.write(b"#")
    assert deploy(spec, client)[0].action == "unchanged"
    # Its tokens are known after a write, so they could be others.
    assert deploy(spec, client, confirm=True)[0].action == "updated"
    assert [each.status for each in verify_all(client)] == ["ok"]


def test_command_that_verify_names(fresh_home, script, tmp_path, place, files, capsys):
    """It mends what verify found, as it stands there; so it does for a set."""
    store = f"--storage={files.address}/"
    assert main(["deploy", str(script), "-n", "d", store]) == 0
    (key,) = [path.lstrip("/") for path in files.files]
    place.damage(key)
    capsys.readouterr()
    assert main(["verify"]) == 1
    assert "flowpack deploy SCRIPT:hello -n d --confirm" in capsys.readouterr().out
    assert main(["run", "hello/d"]) == 1
    assert "flowpack deploy" in capsys.readouterr().err
    assert main(["deploy", f"{script}:hello", "-n", "d", store, "--confirm"]) == 0
    printed = capsys.readouterr()
    assert "unchanged hello/d" in printed.out and "missing or damaged" in printed.err
    assert main(["verify"]) == 0
    spec_file = tmp_path / "set.json"
    wanted = {"flow_location": str(script), "flow_storage": f"{files.address}/"}
    spec_file.write_text(json.dumps([{"name": name, **wanted} for name in "de"]))
    place.damage(key)
    assert main(["plan", str(spec_file), "--confirm"]) == 0
    assert "missing or damaged" in capsys.readouterr().out
    assert main(["deploy", str(spec_file), "--confirm"]) == 0
    assert main(["verify"]) == 0
