"""A storage block that names a document is what the document holds."""

import attrs
import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    FileStorageBlock,
    LocalStorageBlock,
    TempStorageBlock,
    apply,
    deploy,
    load_flow_from_deployment,
    plan,
)
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import BlockError, DeploymentValidationError
from tests.todays_server import TodaysServer

pytestmark = pytest.mark.filterwarnings("ignore:.*only usable from:UserWarning")


@pytest.fixture(params=["orion", "prefect3"])
def api(request):
    """A client of a server of each dialect, and the log of its requests."""
    if request.param == "orion":
        log = request.getfixturevalue("transport")
        yield request.getfixturevalue("client"), log
        return
    log = TodaysServer()
    with Client(transport=log) as client:
        client.create_work_pool("pool", "process")
        yield client, log


@pytest.fixture
def spec_for(script):
    """Return a spec that stores in a storage."""

    def make(storage, name="d"):
        return DeploymentSpec(
            name=name, flow_location=script, flow_storage=storage, work_pool="pool"
        )

    return make


def folder(tmp_path, name):
    """Return a storage in a folder of a test."""
    return FileStorageBlock(str(tmp_path / name))


def writes(log):
    """Return the writes in a log of requests."""
    return [each for each in log.sent if each.effect.name != "READ"]


def refused(api, spec, match):
    """Say that a spec is refused by whatever would deploy it, before any write."""
    client, log = api
    log.sent.clear()
    for attempt in (plan, deploy):
        with pytest.raises(BlockError, match=match):
            attempt(spec, client)
    complete = spec.validate(client)
    with pytest.raises(BlockError, match=match):
        complete.packager.package(complete, client)
    with pytest.raises(BlockError, match=match):
        spec.flow_storage.ensure_document(client)
    assert writes(log) == []


def test_evolved_block_is_not_its_document(api, spec_for, tmp_path):
    """attrs.evolve keeps the id of a document that holds something else."""
    client, _ = api
    folder(tmp_path, "a").save("prod", client)
    loaded = FileStorageBlock.load("prod", client)
    other = attrs.evolve(loaded, base_path=str(tmp_path / "b"))
    refused(api, spec_for(other), "holds something else on the server")
    assert not (tmp_path / "b").exists()
    free = attrs.evolve(other, document_id=None)
    done = deploy(spec_for(free), client)[0]
    assert done.document_id != loaded.document_id
    assert (tmp_path / "b" / done.key).exists()
    named = other.save("other", client)
    assert deploy(spec_for(named, "e"), client)[0].document_id == named.document_id


def test_block_that_was_overwritten_since(api, spec_for, tmp_path):
    """What a document held before is not what runs would find."""
    client, _ = api
    old = folder(tmp_path, "a").save("prod", client)
    deploy(spec_for(old), client)
    new = folder(tmp_path, "b").save("prod", client, overwrite=True)
    assert new.document_id == old.document_id
    refused(api, spec_for(old), "Load the block again")
    for storage in (new, FileStorageBlock.load("prod", client), new.document_id):
        assert deploy(spec_for(storage), client, confirm=True)[0].key
    assert len(list((tmp_path / "b").iterdir())) == 1


def test_block_of_another_server(api, spec_for, tmp_path):
    """A server is not pointed at a document that another one has."""
    with Client(transport=EmbeddedTransport(tmp_path / "other.db")) as other:
        storage = folder(tmp_path, "a").save("prod", other)
    refused(api, spec_for(storage), "is of another server, or was deleted")
    client, _ = api
    here = storage.save("prod", client)
    assert deploy(spec_for(here), client, confirm=True)[0].action == "created"


def test_document_that_was_deleted(client, transport, spec_for, tmp_path):
    """A deployment whose document is gone is not called unchanged."""
    storage = folder(tmp_path, "a").save("prod", client)
    deploy(spec_for(storage), client)
    client.delete_block_document(storage.document_id)
    refused((client, transport), spec_for(storage), "was deleted")
    again = storage.save("prod", client)
    assert deploy(spec_for(again), client)[0].action == "updated"
    assert load_flow_from_deployment("hello/d", client)() == "Hello world!"


def test_document_of_another_type(client, transport, spec_for, tmp_path):
    """The id of a document of another class is no better than a wrong one."""
    saved = LocalStorageBlock(str(tmp_path)).save("mine", client)
    wrong = FileStorageBlock(str(tmp_path), document_id=saved.document_id)
    refused((client, transport), spec_for(wrong), "holds something else")


@pytest.mark.parametrize(
    "make",
    [
        lambda tmp_path: folder(tmp_path, "a"),
        lambda tmp_path: LocalStorageBlock(str(tmp_path / "a")),
        lambda tmp_path: LocalStorageBlock(),
        lambda tmp_path: TempStorageBlock(),
    ],
    ids=["file", "local", "home", "temp"],
)
def test_saved_block_costs_one_read(api, spec_for, tmp_path, make):
    """A redeploy reads the document, and stays within three and four requests."""
    client, log = api
    storage = make(tmp_path).save("mine", client)
    spec = spec_for(storage)
    assert deploy(spec, client)[0].document_id == storage.document_id
    for given in (storage, type(storage).load("mine", client), storage.document_id):
        log.sent.clear()
        assert deploy(spec_for(given), client)[0].action == "unchanged"
        assert writes(log) == []
        asked = [call for call in log.calls() if "/block_documents/" in call]
        assert asked == [f"GET /block_documents/{storage.document_id}"]
        assert len(log.calls()) <= (3 if client.dialect.name == "orion" else 4)


def test_document_that_leaves_out_what_has_a_default(client, spec_for, tmp_path):
    """Documents that others made hold the block that is read from them."""
    saved = folder(tmp_path, "a").save("theirs", client)
    client.update_block_document(
        saved.document_id, data={"base_path": str(tmp_path / "a")}
    )
    for storage in (saved, FileStorageBlock.load("theirs", client)):
        storage.check_document(client)
        assert deploy(spec_for(storage), client)[0].document_id == saved.document_id
    client.update_block_document(saved.document_id, data={"base_path": 5})
    with pytest.raises(BlockError, match="holds something else"):
        saved.check_document(client)


def test_plan_of_a_block_that_was_overwritten_is_not_applied(
    client, transport, spec_for, tmp_path
):
    """Applying looks again, as it does at files and deployments."""
    storage = folder(tmp_path, "a").save("prod", client)
    found = plan(spec_for(storage), client)
    folder(tmp_path, "b").save("prod", client, overwrite=True)
    transport.sent.clear()
    with pytest.raises(BlockError, match="holds something else"):
        apply(found, client)
    assert writes(transport) == []


def test_others_of_a_set_are_told_with_it(client, transport, spec_for, tmp_path):
    """A wrong id is a problem of its spec, told with the problems of others."""
    storage = folder(tmp_path, "a").save("prod", client)
    wrong = attrs.evolve(storage, base_path=str(tmp_path / "b"))
    bad = attrs.evolve(spec_for(storage, "bad"), flow_location=tmp_path / "none.py")
    transport.sent.clear()
    with pytest.raises(DeploymentValidationError) as caught:
        deploy([spec_for(storage, "ok"), spec_for(wrong, "wrong"), bad], client)
    assert len(caught.value.problems) == 2
    assert "wrong" in caught.value.problems[0]
    assert writes(transport) == []


def test_block_without_a_document_sends_nothing(client, transport, tmp_path):
    """There is nothing to hold it against."""
    folder(tmp_path, "a").check_document(client)
    assert transport.sent == []
