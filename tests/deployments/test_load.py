"""From a deployment back to its flow: every byte is checked before it runs."""

import hashlib
from uuid import uuid4

import attrs
import pytest

from flowpack import (
    DeploymentSpec,
    FileStorageBlock,
    LocalStorageBlock,
    TempStorageBlock,
    deploy,
    load_flow_from_deployment,
)
from flowpack.deployments.load import Digest, expected_digest, fetch_script
from flowpack.exceptions import (
    BlockError,
    IdentifierError,
    MissingFlowError,
    ObjectMissingError,
    ObjectNotFound,
    PackagingError,
    StorageError,
    StorageIntegrityError,
    WireError,
)
from flowpack.models import DataDocument, DeploymentCreate, StoredObject


@pytest.fixture
def storage(tmp_path):
    return FileStorageBlock(str(tmp_path / "store"))


@pytest.fixture
def deployed(client, script, storage):
    """A deployment of hello.py."""
    spec = DeploymentSpec(name="d", flow_location=script, flow_storage=storage)
    return deploy(spec, client)[0]


def of_others(client, token, document_id, encoding="blockstorage", blob=None):
    """Register a deployment as another tool would, without a digest."""
    data = DataDocument.encode("blockstorage", StoredObject(token, document_id))
    if blob is not None:
        data = DataDocument(encoding, blob)
    return client.create_deployment(
        DeploymentCreate(
            name="theirs", flow_id=client.create_flow("hello"), flow_data=data
        )
    )


def test_flow_comes_back(client, deployed, script):
    """By name, id and record the same flow comes back, with the bytes' version."""
    record = client.read_deployment(deployed.id)
    for given in ("hello/d", deployed.id, record):
        flow = load_flow_from_deployment(given, client)
        assert flow(name="Ada") == "Hello Ada!"
        assert flow.version == hashlib.md5(script.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data.replace(b"Hello", b"Hallo"),
        lambda data: b"null",
        lambda data: b"<html>",
    ],
    ids=["cut", "empty", "other", "null", "page"],
)
def test_changed_bytes_are_not_run(client, deployed, tmp_path, change):
    """Any other byte is an error that names both digests."""
    stored = tmp_path / "store" / deployed.key
    stored.write_bytes(change(stored.read_bytes()))
    with pytest.raises(StorageIntegrityError) as caught:
        load_flow_from_deployment("hello/d", client, unverified=True)
    assert caught.value.expected == deployed.sha256
    assert caught.value.found in str(caught.value)


def test_missing_bytes(client, deployed, tmp_path):
    """An object that is gone is named."""
    (tmp_path / "store" / deployed.key).unlink()
    with pytest.raises(ObjectMissingError, match=deployed.key[:20]):
        load_flow_from_deployment("hello/d", client)


def test_pinned_digest(client, deployed):
    """A digest given by the caller counts, whatever the server says."""
    assert load_flow_from_deployment("hello/d", client, sha256=deployed.sha256)
    with pytest.raises(StorageIntegrityError, match="ask for these"):
        load_flow_from_deployment("hello/d", client, sha256="0" * 64)


def test_stock_key_is_checked_as_md5(client, script, storage):
    """The stock client names objects by MD5; that is what can be checked."""
    content = script.read_bytes()
    key = hashlib.md5(content).hexdigest()
    (saved := storage.save("theirs", client)).write(content)
    folder = script.parent / "store"
    (folder / key).write_bytes(content)
    of_others(client, key, saved.document_id)
    assert fetch_script("hello/theirs", client).verified
    (folder / key).write_bytes(content + b"#")
    with pytest.raises(StorageIntegrityError):
        load_flow_from_deployment("hello/theirs", client)


def test_what_cannot_be_checked_needs_a_word(client, script, tmp_path):
    """Bytes without a digest are run only when the caller says so."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    path = folder / str(uuid4())
    path.write_bytes(script.read_bytes())
    saved = LocalStorageBlock(str(folder)).save("theirs", client)
    of_others(client, str(path), saved.document_id)
    with pytest.raises(PackagingError, match="unverified=True"):
        load_flow_from_deployment("hello/theirs", client)
    flow = load_flow_from_deployment("hello/theirs", client, unverified=True)
    assert flow() == "Hello world!"


@pytest.mark.parametrize("encoding", ["text", "json"])
def test_script_in_the_deployment_itself(client, script, encoding):
    """A script that stands in the deployment has no digest either."""
    blob = DataDocument.encode(encoding, script.read_text()).blob
    of_others(client, "", None, encoding, blob)
    with pytest.raises(PackagingError, match="stands in the deployment"):
        load_flow_from_deployment("hello/theirs", client)
    flow = load_flow_from_deployment("hello/theirs", client, unverified=True)
    assert flow() == "Hello world!"


def test_pickle_is_never_loaded(client):
    """A deployment that holds a pickle is refused by name."""
    of_others(client, "", None, "cloudpickle", "gAVLAS4=\n")
    with pytest.raises(WireError, match="pickle"):
        load_flow_from_deployment("hello/theirs", client, unverified=True)


def test_deleted_storage_block(client, deployed):
    """A deployment whose block was deleted says so, and what to do."""
    client.delete_block_document(deployed.document_id)
    with pytest.raises(BlockError, match="was deleted on the server; deploy again"):
        load_flow_from_deployment("hello/d", client)


def test_deploying_again_mends_a_deleted_block(client, deployed, script, storage):
    """After the block was deleted, the same command registers it anew."""
    client.delete_block_document(deployed.document_id)
    spec = DeploymentSpec(name="d", flow_location=script, flow_storage=storage)
    assert deploy(spec, client)[0].action == "updated"
    assert load_flow_from_deployment("hello/d", client)() == "Hello world!"


@pytest.mark.parametrize(
    "token",
    ["/etc/hostname", "../outside", "a/../../b", "\0", "x" * 5000],
    ids=["absolute", "above", "around", "nul", "long"],
)
def test_token_that_leads_outside_is_refused(client, storage, token):
    """What a server says to read must be inside the storage."""
    saved = storage.save("theirs", client)
    of_others(client, token, saved.document_id)
    with pytest.raises(StorageError):
        load_flow_from_deployment("hello/theirs", client, unverified=True)


@pytest.mark.parametrize("name", ["", "hello", "hello/", "/d", "a/b/c"])
def test_what_names_no_deployment(client, name):
    """A text that is not FLOW/DEPLOYMENT says how to write one."""
    with pytest.raises(IdentifierError, match="FLOW/DEPLOYMENT"):
        load_flow_from_deployment(name, client)


def test_unknown_deployment(client):
    """A name that the server does not know is its error."""
    with pytest.raises(ObjectNotFound):
        load_flow_from_deployment("hello/nothing", client)


def test_flow_that_the_script_lacks(client, deployed, script, storage):
    """A deployment of another flow's name does not find it in the script."""
    record = client.read_deployment(deployed.id)
    client.create_deployment(
        DeploymentCreate(
            name="d",
            flow_id=client.create_flow("other"),
            flow_data=record.flow_data,
        )
    )
    with pytest.raises(MissingFlowError, match="other"):
        load_flow_from_deployment("other/d", client)


def test_record_is_not_changed_by_loading(client, deployed):
    """Loading reads; the deployment stays as it is."""
    before = client.read_deployment(deployed.id)
    load_flow_from_deployment("hello/d", client)
    assert attrs.evolve(client.read_deployment(deployed.id)) == before


def test_deployment_whose_pull_step_was_edited(client, deployed):
    """It says so, and is not taken for one of another tool."""
    record = client.read_deployment(deployed.id)
    edited = attrs.evolve(record, flow_data=None, script_problem="somebody edited it")
    with pytest.raises(PackagingError, match="somebody edited it; deploy the script"):
        fetch_script(edited, client)


A, B, C = "a" * 64, "b" * 64, "c" * 32
FILES = FileStorageBlock("/store")


@pytest.mark.parametrize(
    ("token", "sha256", "storage", "expected"),
    [
        (A, None, FILES, Digest("sha256", A)),
        (A, B, FILES, Digest("sha256", B)),
        (f"/store/{A}", None, LocalStorageBlock("/store"), Digest("sha256", A)),
        (f"C:\\store\\{A}", None, LocalStorageBlock("/store"), Digest("sha256", A)),
        (A.upper(), None, FILES, Digest("sha256", A)),
        ("plain", B.upper(), FILES, Digest("sha256", B)),
        (C, None, FILES, Digest("md5", C)),
        (C, None, FileStorageBlock("/store", key_type="uuid"), None),
        (f"/tmp/prefect/{C}", None, TempStorageBlock(), None),
        ("plain", None, FILES, None),
        ("g" * 64, None, FILES, None),
        (A[:-1], None, FILES, None),
    ],
)
def test_what_is_expected(token, sha256, storage, expected):
    """The deployment's digest counts, else the key, where keys are digests."""
    stored = StoredObject(token, None, sha256)
    assert expected_digest(stored, storage) == expected
