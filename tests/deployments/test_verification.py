"""Verifying: every planted defect is found, and nothing else is called one."""

import hashlib
import json
import os
import sqlite3
import tracemalloc
from contextlib import closing
from uuid import UUID

import attrs
import pytest

from flowpack import (
    DataDocument,
    DeploymentCreate,
    DeploymentSpec,
    FileStorageBlock,
    Finding,
    LocalStorageBlock,
    StorageBlock,
    VerifyResult,
    deploy,
)
from flowpack.client import Client
from flowpack.deployments.verification import find_unreferenced, verify_all
from flowpack.exceptions import (
    IdentifierError,
    ObjectNotFound,
    StorageIntegrityError,
)
from flowpack.models import ScriptSource, StoredObject
from flowpack.transport import Response
from flowpack.wire import dialect_for
from tests.blocks.servers import FileServer, serving

SCRIPT = """\
from flowpack import flow


@flow
def hello():
    return {number}
"""


def deploy_many(client, folder, storage, count):
    """Deploy so many scripts of different bytes; return what became of each."""
    specs = []
    for number in range(count):
        script = folder / f"script{number:03}.py"
        script.write_text(SCRIPT.format(number=number))
        specs.append(
            DeploymentSpec(
                name=f"d{number:03}", flow_location=script, flow_storage=storage
            )
        )
    return deploy(specs, client)


def statuses(results):
    return {each.name: each.status for each in results}


# What can go wrong with an object, as a function of its path and another's.


def gone(path, other):
    path.unlink()


def cut(path, other):
    path.write_bytes(path.read_bytes()[:-1])


def longer(path, other):
    path.write_bytes(path.read_bytes() + b"\n")


def flipped(path, other):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def emptied(path, other):
    path.write_bytes(b"")


def swapped(path, other):
    path.write_bytes(other.read_bytes())


def page(path, other):
    path.write_bytes(b"<html>404 Not Found</html>")


def folder(path, other):
    path.unlink()
    path.mkdir()


def link(path, other):
    path.unlink()
    path.symlink_to(other)


def pipe(path, other):
    path.unlink()
    os.mkfifo(path)


DEFECTS = {
    gone: "missing",
    cut: "corrupt",
    longer: "corrupt",
    flipped: "corrupt",
    emptied: "corrupt",
    swapped: "corrupt",
    page: "corrupt",
    folder: "unreadable",
    link: "unreadable",
    pipe: "unreadable",
}


@pytest.mark.parametrize("block", [FileStorageBlock, LocalStorageBlock])
@pytest.mark.filterwarnings("ignore:.*current machine:UserWarning")
def test_fifty_planted_defects(client, tmp_path, block):
    """All of fifty are found, of fifty sound ones none is called broken."""
    store = tmp_path / "store"
    done = deploy_many(client, tmp_path, block(str(store)), 100)
    assert set(statuses(verify_all(client)).values()) == {"ok"}
    expected = {each.full_name: "ok" for each in done}
    sound = store / os.path.basename(done[1].key)
    for number, bad in enumerate(done[::2]):
        defect = list(DEFECTS)[number % len(DEFECTS)]
        defect(store / os.path.basename(bad.key), sound)
        expected[bad.full_name] = DEFECTS[defect]
    assert sum(status != "ok" for status in expected.values()) == 50
    found = verify_all(client)
    assert statuses(found) == expected
    assert [each.is_broken for each in found] == [each.status != "ok" for each in found]


def test_fifty_planted_defects_over_http(client, tmp_path):
    """The same where the storage is a server."""
    with serving(FileServer()) as files:
        storage = FileStorageBlock(f"{files.address}/flows")
        done = deploy_many(client, tmp_path, storage, 100)
        expected = {each.full_name: "ok" for each in done}
        for number, bad in enumerate(done[::2]):
            path = f"/flows/{bad.key}"
            content = files.files[path]
            change = [None, content[:-1], content + b" ", b"", b"null"][number % 5]
            if change is None:
                del files.files[path]
            else:
                files.files[path] = change
            expected[bad.full_name] = "missing" if change is None else "corrupt"
        files.log.clear()
        found = verify_all(client)
        assert statuses(found) == expected
        assert len(files.log) == 100
        files.behaviour.statuses["GET"] = 403
        (result,) = verify_all(client, ["hello/d001"])
        assert result.status == "unreadable"
        assert "403" in result.reason


def edit(client, deployed, **values):
    """Change what the server says about a deployment's object, or its kind."""
    record = client.read_deployment(deployed.id)
    stored = attrs.evolve(record.flow_data.stored_object, **values)
    return register(client, deployed.name, DataDocument.encode("blockstorage", stored))


def register(client, name, document):
    """Make a deployment as another tool would."""
    new = DeploymentCreate(
        name=name, flow_id=client.create_flow("hello"), flow_data=document
    )
    return client.create_deployment(new)


def test_what_the_server_says_wrongly(client, tmp_path):
    """Edited records, deleted blocks and unknown classes are found too."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    done = deploy_many(client, tmp_path, storage, 6)
    edit(client, done[0], sha256="0" * 64)
    edit(client, done[1], sha256="no digest\x1b[31m")
    edit(client, done[2], token="../../etc/passwd")
    edit(client, done[3], block_document_id=UUID(int=7))
    register(client, done[4].name, DataDocument("blockstorage", "{broken"))
    found = verify_all(client)
    assert [each.status for each in found] == [
        *("corrupt", "corrupt", "unreadable", "unreadable", "unreadable", "ok")
    ]
    assert found[0].expected == "0" * 64
    assert found[0].found == done[0].sha256
    assert "\x1b" not in str(found[1].expected) + found[1].reason
    assert "was deleted on the server" in found[3].reason


def test_deployments_of_others(client, script, tmp_path):
    """What carries no digest is unverifiable, what is no script is skipped."""
    folder = tmp_path / "theirs"
    saved = FileStorageBlock(str(folder)).save("theirs", client)
    content = script.read_bytes()
    md5 = hashlib.md5(content).hexdigest()
    folder.mkdir()
    for name in (md5, "0" * 32, "plain"):
        (folder / name).write_bytes(content)

    def stored(token):
        document = StoredObject(token, saved.document_id)
        return DataDocument.encode("blockstorage", document)

    documents = {
        "by-md5": (stored(md5), "ok"),
        "by-other-md5": (stored("0" * 32), "corrupt"),
        "by-name": (stored("plain"), "unverifiable"),
        "by-name-gone": (stored("nothing"), "missing"),
        "in-text": (DataDocument.encode("text", "x"), "unverifiable"),
        "in-json": (DataDocument.encode("json", "x"), "unverifiable"),
        "no-script": (DataDocument.encode("json", {"x": 1}), "skipped"),
        "pickled": (DataDocument("cloudpickle", "gASV"), "skipped"),
        "broken-json": (DataDocument("json", "{"), "unreadable"),
    }
    for name, (document, _) in documents.items():
        register(client, name, document)
    assert statuses(verify_all(client)) == {
        f"hello/{name}": status for name, (_, status) in sorted(documents.items())
    }


def test_each_object_is_read_once(client, script, tmp_path):
    """Deployments of one script share an object, whatever block they name it by."""
    with serving(FileServer()) as files:
        storage = FileStorageBlock(f"{files.address}/flows")
        named = storage.save("flows", client)
        specs = [
            DeploymentSpec(
                name=f"d{number}",
                flow_location=script,
                flow_storage=named if number % 2 else storage,
            )
            for number in range(10)
        ]
        assert len({each.document_id for each in deploy(specs, client)}) == 2
        files.log.clear()
        assert set(statuses(verify_all(client)).values()) == {"ok"}
        assert files.methods() == "GET"


def test_only_reads(client, transport, script, tmp_path):
    """Nothing is written, to the API or to the storage."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    deploy(DeploymentSpec(flow_location=script, flow_storage=storage), client)
    (tmp_path / "store" / ("a" * 64)).write_bytes(b"unreferenced")
    before = {path: path.stat() for path in (tmp_path / "store").iterdir()}
    transport.sent.clear()
    verify_all(client)
    find_unreferenced(client)
    assert transport.writes() == []
    after = {path: path.stat() for path in (tmp_path / "store").iterdir()}
    assert [each.st_mtime_ns for each in after.values()] == [
        each.st_mtime_ns for each in before.values()
    ]


def test_huge_object_in_constant_memory(client, tmp_path):
    """An object of 64 MiB is hashed in a few."""
    folder = tmp_path / "store"
    folder.mkdir()
    size = 64 * 1024 * 1024
    digest = hashlib.sha256(bytes(size)).hexdigest()
    with open(folder / digest, "wb") as file:
        file.truncate(size)
    saved = FileStorageBlock(str(folder)).save("huge", client)
    stored = StoredObject(digest, saved.document_id, digest)
    register(client, "huge", DataDocument.encode("blockstorage", stored))
    tracemalloc.start()
    try:
        (result,) = verify_all(client)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (result.status, result.size) == ("ok", size)
    assert peak < 8 * 1024 * 1024


def test_names(client, tmp_path):
    """Only what is named is verified, in that order; an unknown name is an error."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    done = deploy_many(client, tmp_path, storage, 3)
    (tmp_path / "store" / done[0].key).unlink()
    found = verify_all(client, ["hello/d002", "hello/d001"])
    assert statuses(found) == {"hello/d002": "ok", "hello/d001": "ok"}
    assert [each.deployment_id for each in found] == [done[2].id, done[1].id]
    with pytest.raises(ObjectNotFound):
        verify_all(client, ["hello/d001", "hello/none"])
    with pytest.raises(IdentifierError, match="write FLOW/DEPLOYMENT"):
        verify_all(client, ["hello"])


@attrs.frozen
class Moody(StorageBlock):
    """A storage of a user's own that fails in ways of its own."""

    mood: str

    def write(self, data):
        """Keep nothing."""
        return "token"

    def read(self, token):
        """Fail, or give what was asked for."""
        if self.mood == "broken":
            raise KeyError("canary")
        if self.mood == "own check":
            raise StorageIntegrityError("Moody", token, "a", "b")
        return self.mood.encode()


def test_storages_of_users(client):
    """A class that raises what it likes fails its own deployments only."""
    digest = hashlib.sha256(b"fine").hexdigest()
    for mood in ("broken", "fine", "other", "own check"):
        saved = Moody(mood).save(mood, client)
        stored = StoredObject("token", saved.document_id, digest)
        register(client, mood, DataDocument.encode("blockstorage", stored))
    found = {each.name: each for each in verify_all(client)}
    assert [each.status for each in found.values()] == [
        *("unreadable", "ok", "corrupt", "corrupt")
    ]
    assert "KeyError" in found["hello/broken"].reason
    assert "canary" not in found["hello/broken"].reason


def test_class_that_nobody_knows(client, fresh_home):
    """A block whose class is not here makes its deployments unreadable."""
    saved = Moody("fine").save("moody", client)
    stored = StoredObject("token", saved.document_id, "0" * 64)
    register(client, "d", DataDocument.encode("blockstorage", stored))
    client.close()
    with closing(sqlite3.connect(fresh_home / "flowpack.db")) as db, db:
        db.execute("UPDATE block_type SET name = 'Elsewhere' WHERE name = 'Moody'")
    (result,) = verify_all(client)
    assert result.status == "unreadable"
    assert "no class is known" in result.reason


def test_earlier_names(client, tmp_path):
    """What was called a finding with a fault still is."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    (done,) = deploy_many(client, tmp_path, storage, 1)
    (tmp_path / "store" / done.key).unlink()
    (result,) = verify_all(client)
    assert type(result) is Finding is VerifyResult
    assert result.is_fault is result.is_broken is True


def test_unreferenced(client, script, tmp_path):
    """What no deployment points at is listed, if its name is a key of flowpack's."""
    storage = FileStorageBlock(str(tmp_path / "store"))
    (tmp_path / "link").symlink_to(tmp_path / "store")
    same = FileStorageBlock(str(tmp_path / "link"))
    spec = DeploymentSpec(name="a", flow_location=script, flow_storage=storage)
    first = deploy(spec, client)[0]
    deploy(attrs.evolve(spec, name="b", flow_storage=same), client)
    assert find_unreferenced(client) == ()
    script.write_text(script.read_text() + "# more\n")
    deploy(spec, client)
    store = tmp_path / "store"
    (store / "README").write_text("by hand")
    (store / ("A" * 64)).write_text("no key")
    (store / ("f" * 63)).write_text("no key")
    (store / ("e" * 64)).mkdir()
    (store / ("d" * 64)).symlink_to(script)
    assert find_unreferenced(client) == ()
    deploy(attrs.evolve(spec, name="b", flow_storage=same), client)
    old = os.path.realpath(store / first.key)
    assert find_unreferenced(client) == (old,)
    for record in client.read_deployments():
        client.delete_deployment(record.id)
    assert len(find_unreferenced(client)) == 2
    assert os.path.exists(old)


# Today's Prefect: what its servers answer, and stock steps that name no block.


class Prefect3:
    """Answers as a server of today's Prefect that has some deployments."""

    url, embedded = "http://127.0.0.1/api", False

    def __init__(self, bodies):
        self.lists = {
            "/deployments/filter": bodies,
            "/flows/filter": [{"id": str(UUID(int=1)), "name": "hello"}],
            "/block_documents/filter": [],
        }

    def send(self, request):
        answer = "3.8.8"
        if request.path != "/admin/version":
            answer = self.lists[request.path]
        return Response(200, json.dumps(answer).encode())

    def close(self):
        pass


def prefect3_body(number, path, content):
    dialect = dialect_for("3.8.8")
    digest = hashlib.sha256(content).hexdigest()
    new = DeploymentCreate(
        name=f"d{number}",
        flow_id=UUID(int=1),
        flow_data=DataDocument.encode(
            "blockstorage", StoredObject(str(path), None, digest)
        ),
        script=ScriptSource(
            filename="hello.py",
            size=len(content),
            location=path.as_uri(),
            storage_type="Local Storage",
            storage_data={"storage_path": str(path.parent)},
        ),
        entrypoint="hello.py:hello",
    )
    sent = dialect.create_deployment(dialect.settled(new, None))
    return {**json.loads(sent.body or b""), "id": str(UUID(int=100 + number))}


def test_prefect3(tmp_path):
    """Stock steps are verified by what stands in them; others' are skipped."""
    store = tmp_path / "store"
    store.mkdir()
    bodies = []
    for number, content in enumerate([b"one", b"two", b"three"]):
        path = store / hashlib.sha256(content).hexdigest()
        path.write_bytes(content if number != 1 else b"changed")
        bodies.append(prefect3_body(number, path, content))
    (store / hashlib.sha256(b"three").hexdigest()).unlink()
    (store / ("f" * 64)).write_bytes(b"unreferenced")
    steps = [{"prefect.deployments.steps.git_clone": {"repository": "x"}}]
    theirs = {**bodies[0], "name": "theirs", "id": str(UUID(int=9))}
    bodies.append({**theirs, "pull_steps": steps})
    client = Client(transport=Prefect3(bodies))
    assert statuses(verify_all(client)) == {
        "hello/d0": "ok",
        "hello/d1": "corrupt",
        "hello/d2": "missing",
        "hello/theirs": "skipped",
    }
    assert find_unreferenced(client) == (os.path.realpath(store / ("f" * 64)),)
