"""The script packager: which storage fits which runner, what is stored and sent."""

import hashlib
import warnings
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from flowpack import (
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    FlowRunner,
    KubernetesFlowRunner,
    LocalStorageBlock,
    ScriptPackager,
    StorageBlock,
    SubprocessFlowRunner,
    TempStorageBlock,
    UniversalFlowRunner,
    deploy,
)
from flowpack.exceptions import (
    DeploymentValidationError,
    ObjectNotFound,
    StorageUnavailableError,
)

RUNNERS = {
    "subprocess": SubprocessFlowRunner,
    "universal": UniversalFlowRunner,
    "docker": DockerFlowRunner,
    "kubernetes": KubernetesFlowRunner,
}


@attrs.frozen
class Shelf(StorageBlock):
    """A storage of a user's own: files named in order."""

    folder: str

    def write(self, data):
        token = str(len(list(Path(self.folder).iterdir())))
        Path(self.folder, token).write_bytes(data)
        return token

    def read(self, token):
        return Path(self.folder, token).read_bytes()


@attrs.frozen
class Sieve(Shelf):
    """Takes bytes and keeps none."""

    def write(self, data):
        return "lost"

    def read(self, token):
        return b""


def local(folder):
    return LocalStorageBlock(str(folder))


def file(folder):
    return FileStorageBlock(str(folder))


def shelf(folder):
    folder.mkdir(exist_ok=True)
    return Shelf(str(folder))


LOCAL = {"local": local, "temp": lambda folder: TempStorageBlock()}
REMOTE = {"file": file, "own": shelf}


def given(storage, how, client):
    """Return flow_storage for *storage* given as object, by id or as default."""
    if how == "object":
        return storage
    saved = storage.save("kept", client)
    if how == "registered":
        return saved
    if how == "id":
        return saved.document_id
    client.set_default_storage_block_document(saved.document_id)
    return None


WAYS = ["object", "registered", "id", "default"]


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Keep temporary storage inside the test's folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize("runner", RUNNERS)
def test_remote_storage_fits_every_runner(client, script, tmp_path, runner, kind, how):
    """Remote storage is taken in silence, whatever the runner and however given."""
    storage = given(REMOTE[kind](tmp_path / "store"), how, client)
    spec = DeploymentSpec(
        name="d",
        flow_location=script,
        flow_runner=RUNNERS[runner](),
        flow_storage=storage,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spec.validate(client).flow_runner.typename == runner


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("kind", LOCAL)
@pytest.mark.parametrize("runner", RUNNERS)
def test_local_storage_fits_subprocess_only(
    client, script, tmp_path, runner, kind, how
):
    """Storage of this machine warns with subprocess and is refused with others."""
    storage = given(LOCAL[kind](tmp_path / "store"), how, client)
    spec = DeploymentSpec(
        name="d",
        flow_location=script,
        flow_runner=RUNNERS[runner](),
        flow_storage=storage,
    )
    if runner == "subprocess":
        with pytest.warns(UserWarning, match="only usable from the current machine"):
            spec.validate(client)
    else:
        name = runner.capitalize()
        with pytest.raises(
            DeploymentValidationError, match=f"{name} flow runner needs"
        ):
            spec.validate(client)


@pytest.mark.parametrize("runner", RUNNERS)
def test_no_storage_at_all(client, script, runner):
    """Without storage and default, subprocess warns and others are refused."""
    spec = DeploymentSpec(name="d", flow_location=script, flow_runner=RUNNERS[runner]())
    if runner == "subprocess":
        with pytest.warns(UserWarning, match="no default storage is configured"):
            spec.validate(client)
    else:
        with pytest.raises(DeploymentValidationError, match="no default storage"):
            spec.validate(client)


@pytest.mark.parametrize(
    ("kind", "runner"),
    [
        ("local", "subprocess"),
        ("temp", "subprocess"),
        ("file", "universal"),
        ("own", "universal"),
    ],
)
def test_runner_that_nobody_named(client, script, tmp_path, kind, runner):
    """No runner means subprocess for storage of this machine, else universal."""
    storage = {**LOCAL, **REMOTE}[kind](tmp_path / "store")
    spec = DeploymentSpec(name="d", flow_location=script, flow_storage=storage)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert spec.validate(client).flow_runner.typename == runner


def test_sub_types_of_runners_count_as_their_base(client, script, tmp_path):
    """A runner of one's own that extends subprocess may use local storage."""

    @attrs.frozen(kw_only=True)
    class Careful(SubprocessFlowRunner):
        """A subprocess of one's own."""

    spec = DeploymentSpec(
        name="d",
        flow_location=script,
        flow_runner=Careful(),
        flow_storage=local(tmp_path / "store"),
    )
    with pytest.warns(UserWarning, match="current machine"):
        spec.validate(client)


def test_unknown_id_of_a_storage(client, script):
    """The id of no block document is an error of the server."""
    spec = DeploymentSpec(name="d", flow_location=script, flow_storage=uuid4())
    with pytest.raises(ObjectNotFound):
        spec.validate(client)


@pytest.mark.parametrize(
    "value", [LocalStorageBlock, {"type": "Local Storage"}, b"folder", 5]
)
def test_what_is_no_storage(value):
    """A class or a mapping is refused at once."""
    with pytest.raises(DeploymentValidationError, match="must be a storage block"):
        ScriptPackager(value)


@pytest.mark.parametrize("text", ["", "redis:x", "block:nope", "file:", "http://a b/"])
def test_text_that_is_no_storage(text):
    """The error names the field and the forms of a storage."""
    for make, field in (
        (ScriptPackager, "storage"),
        (lambda text: DeploymentSpec(flow_storage=text), "flow_storage"),
    ):
        with pytest.raises(DeploymentValidationError, match=r"s3://BUCKET") as caught:
            make(text)
        (problem,) = caught.value.problems
        assert problem.startswith(f"{field}: ")


def test_text_with_a_password_is_refused_and_not_shown():
    """Credentials have no place in it, and no message repeats them."""
    with pytest.raises(DeploymentValidationError) as caught:
        DeploymentSpec(flow_storage="https://user:hidden-value@host/flows")
    assert "hidden-value" not in f"{caught.value} {caught.value!r}"


def test_storage_as_text(tmp_path, monkeypatch):
    """A folder is taken from the working folder, an id from its text."""
    monkeypatch.chdir(tmp_path)
    folder = LocalStorageBlock(str(tmp_path / "store"))
    assert ScriptPackager("store").storage == folder
    assert ScriptPackager(tmp_path / "store").storage == folder
    assert DeploymentSpec(flow_storage="./store").flow_storage == folder
    known = uuid4()
    for text in (str(known), f"block:{known}"):
        assert DeploymentSpec(flow_storage=text).flow_storage == known


@pytest.mark.parametrize("how", ["spec", "packager"])
def test_storage_by_its_names(client, transport, script, tmp_path, how):
    """The names of a block are looked up when the spec is validated, not before."""
    text = "block:File Storage/prod"
    spec = DeploymentSpec(name="d", flow_location=script)
    given: Any = ScriptPackager(text) if how == "packager" else text
    field = {"packager": "packager", "spec": "flow_storage"}[how]
    spec = attrs.evolve(spec, **{field: given})
    with pytest.raises(ObjectNotFound, match="prod"):
        deploy(spec, client)
    saved = FileStorageBlock(str(tmp_path / "store")).save("prod", client)
    (done,) = deploy(spec, client)
    assert done.document_id == saved.document_id
    assert len(list((tmp_path / "store").iterdir())) == 1
    (again,) = deploy(spec, client)
    assert again.action == "unchanged"


def test_abstract_runner_cannot_be_deployed(client, script, tmp_path):
    """The base class of runners says where nothing is run."""
    with pytest.raises(DeploymentValidationError):
        DeploymentSpec(
            name="d",
            flow_location=script,
            flow_runner=FlowRunner(),
            flow_storage=file(tmp_path / "store"),
        ).validate(client)


def test_package_stores_and_registers_but_does_not_deploy(
    client, transport, script, tmp_path
):
    """package() stores the bytes, then registers flow and block, and no more."""
    storage = file(tmp_path / "store")
    packager = ScriptPackager(storage)
    complete = DeploymentSpec(
        name="d", flow_location=script, packager=packager
    ).validate(client)
    transport.sent.clear()
    deployment = packager.package(complete, client)
    content = script.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert (tmp_path / "store" / digest).read_bytes() == content
    assert transport.calls() == [
        "POST /flows/",
        "GET /block_schemas/checksum/" + storage.schema_checksum(),
        "POST /block_documents/",
    ]
    stored = deployment.flow_data.decode()
    assert (stored.token, stored.sha256) == (digest, digest)
    assert isinstance(stored.block_document_id, UUID)
    assert packager == ScriptPackager(storage), "nothing is mutated"
    assert storage.document_id is None


def test_first_deploy_sends_no_more_than_five(client, transport, script, tmp_path):
    """A first deployment takes one request more than the stock client's four."""
    client.dialect
    transport.sent.clear()
    DeploymentSpec(
        name="d", flow_location=script, flow_storage=file(tmp_path / "store")
    ).create(client)
    assert transport.calls()[0] == "GET /deployments/name/hello/d"
    assert transport.calls()[1:] == [
        "POST /flows/",
        "GET /block_schemas/checksum/" + file(tmp_path).schema_checksum(),
        "POST /block_documents/",
        "POST /deployments/",
    ]


def test_storage_that_loses_bytes_deploys_nothing(client, transport, script, tmp_path):
    """A storage that takes bytes and has none is an error before any write."""
    spec = DeploymentSpec(
        name="d", flow_location=script, flow_storage=Sieve(str(tmp_path))
    )
    with pytest.raises(StorageUnavailableError, match="does not have them"):
        spec.create(client)
    assert transport.writes() == []
