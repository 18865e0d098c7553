"""Types, schemas and documents on a server: made once, found again."""

from __future__ import annotations

import threading
from typing import Any, List

import attrs
import pytest

from flowpack import DeploymentSpec, deploy
from flowpack.blocks.block import Block
from flowpack.blocks.secret import Secret
from flowpack.blocks.storage import FileStorageBlock, LocalStorageBlock
from flowpack.exceptions import (
    APIStatusError,
    BlockError,
    FlowpackError,
    ObjectAlreadyExists,
    ObjectNotFound,
)
from flowpack.models import BlockDefinition
from tests.blocks.blocks import EVERYTHING, Everything, Inner, MemoryStorage
from tests.clients import SCRIPT
from tests.todays_server import TodaysServer


@attrs.frozen
class Deep(Block):
    """A block in a block in a block."""

    inner: Inner


@attrs.frozen
class Deeper(Block):
    deep: Deep
    more: List[Inner]


def register_path(cls):
    return f"GET /block_schemas/checksum/{cls.schema_checksum()}"


# Types and schemas


def test_unknown_class_is_registered(client, transport):
    """Type and schema are made, and the schema is found afterwards."""
    schema = MemoryStorage.register(client)
    assert transport.calls() == [
        register_path(MemoryStorage),
        "GET /block_types/name/MemoryStorage",
        "POST /block_types/",
        "POST /block_schemas/",
    ]
    assert schema.checksum == MemoryStorage.schema_checksum()
    assert schema.capabilities == ("writeable", "readable", "storage")
    assert client.read_block_schema_by_checksum(schema.checksum).id == schema.id


def test_registering_again_is_one_read(client, transport):
    """What is there is looked up with one request."""
    first = MemoryStorage.register(client)
    transport.sent.clear()
    assert MemoryStorage.register(client).id == first.id
    assert transport.calls() == [register_path(MemoryStorage)]


@pytest.mark.parametrize("cls", [LocalStorageBlock, FileStorageBlock])
def test_storages_of_the_reference_are_there_already(client, transport, cls):
    """A server knows the classes of the reference from its birth."""
    cls.register(client)
    assert transport.writes() == []


def test_nested_classes_are_registered_first(client, transport):
    """A server must know the blocks that a block refers to."""
    Deeper.register(client)
    made = [
        transport_body["fields"]["title"] for transport_body in schemas_made(transport)
    ]
    assert made == ["Inner", "Deep", "Deeper"]


def schemas_made(transport):
    import json

    return [
        json.loads(request.body)
        for request in transport.sent
        if f"{request.method} {request.path}" == "POST /block_schemas/"
    ]


def test_new_version_of_a_class_keeps_its_type(client):
    """Other fields are another schema of the same type."""

    @attrs.frozen
    class First(Block):
        block_type_name = "Versioned"
        x: int

    @attrs.frozen
    class Second(Block):
        block_type_name = "Versioned"
        x: int
        y: int = 1

    one, other = First.register(client), Second.register(client)
    assert one.id != other.id
    assert one.block_type_id == other.block_type_id


class Late:
    """A client that learns only from a conflict what others made meanwhile."""

    def __init__(self, client, *blind):
        self._client = client
        self._blind = set(blind)

    def __getattr__(self, name):
        real = getattr(self._client, name)
        if name not in self._blind:
            return real

        def blind(*arguments, **named):
            self._blind.discard(name)
            raise ObjectNotFound(404, "GET", name, "not yet")

        return blind


def test_lost_race_for_type_and_schema(client):
    """Who comes second takes what the first one made."""
    first = MemoryStorage.register(client)
    late: Any = Late(client, "read_block_schema_by_checksum", "read_block_type_by_name")
    assert MemoryStorage.register(late).id == first.id


def test_conflict_for_another_reason_is_reported(client):
    """A conflict after which nothing is there is the server's own error."""

    class Broken(Late):
        def create_block_schema(self, definition: BlockDefinition, block_type_id):
            raise ObjectAlreadyExists(409, "POST", "/block_schemas/", "type is gone")

    broken: Any = Broken(client)
    with pytest.raises(ObjectAlreadyExists, match="type is gone"):
        MemoryStorage.register(broken)


def test_unfit_class_sends_nothing(client, transport):
    """A class that cannot be a block is refused before anything is sent."""

    class Undecorated(Block):
        pass

    with pytest.raises(BlockError, match="attrs.frozen"):
        Undecorated.register(client)
    with pytest.raises(BlockError):
        Block.register(client)
    assert transport.sent == []


# Anonymous documents


def test_document_of_a_known_class_takes_two_requests(client, transport, tmp_path):
    """The schema is looked up, and the document is made or found."""
    storage = FileStorageBlock(tmp_path, options={"b": 1, "a": {"z": 1, "y": 2}})
    document_id = storage.ensure_document(client)
    assert transport.calls() == [
        register_path(FileStorageBlock),
        "POST /block_documents/",
    ]
    body = transport.body("/block_documents/")
    assert body["is_anonymous"] is True
    assert body.get("name") is None
    assert list(body["data"]) == ["base_path", "key_type", "options"]
    assert list(body["data"]["options"]) == ["a", "b"]
    assert list(body["data"]["options"]["a"]) == ["y", "z"]
    read = Block.from_document(client.read_block_document(document_id))
    assert read == storage
    assert read.document_id == document_id


def test_equal_configurations_share_a_document(client, tmp_path):
    """One document for each distinct configuration, however it was given."""
    options = {"b": 1, "a": 2}
    again = dict(reversed(options.items()))
    ids = {
        FileStorageBlock(tmp_path, options=options).ensure_document(client),
        FileStorageBlock(f"{tmp_path}/", options=again).ensure_document(client),
        FileStorageBlock(tmp_path).ensure_document(client),
        FileStorageBlock(str(tmp_path)).ensure_document(client),
    }
    assert len(ids) == 2
    assert len(client.read_block_documents(anonymous=True)) == 2


def test_known_schema_saves_a_request(client, transport, tmp_path):
    """Who has the schema need not look it up."""
    schema = LocalStorageBlock.register(client)
    transport.sent.clear()
    LocalStorageBlock(str(tmp_path)).ensure_document(client, schema)
    assert transport.calls() == ["POST /block_documents/"]


def test_block_with_a_document_makes_none(client, transport, tmp_path):
    """A block that was saved has its document, which is read and no more."""
    storage = LocalStorageBlock(str(tmp_path)).save("mine", client)
    transport.sent.clear()
    assert storage.ensure_document(client) == storage.document_id
    assert transport.calls() == [f"GET /block_documents/{storage.document_id}"]


def test_unknown_class_is_registered_with_its_document(client):
    """A user's storage needs no step of its own."""
    storage = MemoryStorage("shelf")
    document_id = storage.ensure_document(client)
    client.set_default_storage_block_document(document_id)
    default = client.get_default_storage_block_document()
    assert default is not None
    assert Block.from_document(default) == storage


def test_documents_made_at_once_are_one(client, tmp_path):
    """Threads that register the same storage get the same document."""
    found, failures = set(), []

    def ensure():
        try:
            found.add(MemoryStorage("shared").ensure_document(client))
        except FlowpackError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=ensure) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(found) == 1


def test_document_that_another_made_meanwhile(client, tmp_path):
    """A conflict about an anonymous document is asked about once more."""
    storage = FileStorageBlock(tmp_path)
    document_id = storage.ensure_document(client)

    class Racing(Late):
        refusals = 1

        def create_block_document(self, **named):
            if self.refusals:
                self.refusals -= 1
                raise ObjectAlreadyExists(409, "POST", "/block_documents/", "exists")
            return self._client.create_block_document(**named)

    racing: Any = Racing(client)
    assert storage.ensure_document(racing) == document_id
    racing.refusals = 2
    with pytest.raises(ObjectAlreadyExists):
        storage.ensure_document(racing)


# Named documents


def test_saved_block_is_loaded_again(client):
    """A saved block has its document's id, and so has the loaded one."""
    saved = EVERYTHING.save("every thing", client)
    assert saved == EVERYTHING
    assert saved.document_id is not None
    assert EVERYTHING.document_id is None
    loaded = Everything.load("every thing", client)
    assert loaded == EVERYTHING
    assert loaded.document_id == saved.document_id


def test_saving_the_same_again_changes_nothing(client, transport):
    """Equal data under a taken name are the same document."""
    first = Inner(1, Secret("x")).save("mine", client)
    transport.sent.clear()
    again = Inner(1, Secret("x")).save("mine", client)
    assert again.document_id == first.document_id
    assert not [call for call in transport.calls() if call.startswith("PATCH")]


def test_taken_name_is_reported(client):
    """Other data under a taken name are an error that names the fields."""
    Inner(1, Secret("canary")).save("mine", client)
    with pytest.raises(BlockError) as caught:
        Inner(2, Secret("canary-2")).save("mine", client)
    message = str(caught.value)
    assert "'mine'" in message and "'a', 'token'" in message and "overwrite=True" in message
    assert "canary" not in message
    assert Inner.load("mine", client) == Inner(1, Secret("canary"))


def test_overwriting_keeps_the_document(client):
    """With overwrite the data change and the id stays: credentials rotate."""
    first = Inner(1, Secret("old")).save("mine", client)
    second = Inner(1, Secret("new")).save("mine", client, overwrite=True)
    assert second.document_id == first.document_id
    assert Inner.load("mine", client) == Inner(1, Secret("new"))


def test_document_of_an_older_class_is_reported(client):
    """A name that another version of the class took is not written over."""

    @attrs.frozen
    class First(Block):
        block_type_name = "Versioned"
        x: int

    @attrs.frozen
    class Second(Block):
        block_type_name = "Versioned"
        x: str

    First(1).save("mine", client)
    for overwrite in (False, True):
        with pytest.raises(BlockError, match="another version"):
            Second("1").save("mine", client, overwrite=overwrite)


@pytest.mark.parametrize(
    "name", ["a/b", "a%b", "a&b", "a<b", "a>b", "", "anonymous:x", "anonymously", "a\0"]
)
def test_name_that_servers_refuse(client, transport, name):
    """Such a name is refused before anything is sent."""
    with pytest.raises(BlockError):
        Inner(1).save(name, client)
    assert transport.sent == []


@pytest.mark.parametrize("name", ["été", "a b", "a?b#c", "..", "x:y", "🙂"])
def test_odd_names(client, name):
    """Names that servers take come back."""
    Inner(1).save(name, client)
    assert Inner.load(name, client) == Inner(1)


def test_name_that_is_gone_again(client):
    """A conflict after which there is no such document is the server's own error."""

    class Gone(Late):
        def create_block_document(self, **named):
            raise ObjectAlreadyExists(
                409, "POST", "/block_documents/", "schema is gone"
            )

    gone: Any = Gone(client)
    with pytest.raises(ObjectAlreadyExists, match="schema is gone"):
        Inner(1).save("mine", gone)


def test_name_that_cannot_be_read(client):
    """A failure of the server after a conflict is raised as it is, at once."""

    class Broken(Late):
        def create_block_document(self, **named):
            raise ObjectAlreadyExists(409, "POST", "/block_documents/", "exists")

        def read_block_document_by_name(self, name, block_type_name):
            raise APIStatusError(500, "GET", "/block_types/name/1", "broken")

    broken: Any = Broken(client)
    with pytest.raises(APIStatusError, match="GET .* answered 500: broken"):
        Inner(1).save("mine", broken)


def test_missing_name_is_reported(client):
    """Nothing is saved under that name."""
    with pytest.raises(ObjectNotFound):
        LocalStorageBlock.load("nothing", client)


def test_base_cannot_load(client, transport):
    """A name alone does not name the class."""
    with pytest.raises(BlockError, match="no block itself"):
        Block.load("mine", client)
    assert transport.sent == []


def test_value_that_json_cannot_hold_is_not_sent(client, transport):
    """A block is turned into data before anything is sent."""
    block = attrs.evolve(EVERYTHING, anything=object())
    for use in (lambda: block.save("x", client), lambda: block.ensure_document(client)):
        with pytest.raises(BlockError, match="anything"):
            use()
    assert transport.sent == []


def test_client_of_the_settings(fresh_home):
    """Without a client the block is saved where the settings point."""
    saved = Inner(1).save("mine")
    assert Inner.load("mine").document_id == saved.document_id
    assert Inner(1).ensure_document() != saved.document_id
    assert Inner.register().checksum == Inner.schema_checksum()


# Servers where equal anonymous documents are not one


class Named:
    """A client of such a server, as far as documents go."""

    class dialect:
        name = "prefect3"

        @staticmethod
        def block_schema(definition):
            return {}, "checksum"

    def __init__(self, client):
        self._client = client
        self.names: List[str] = []

    def read_block_schema_by_checksum(self, checksum):
        return Careful.register(self._client)

    def create_block_document(self, **named):
        self.names.append(named["name"])
        return self._client.create_block_document(**named)

    def __getattr__(self, name):
        return getattr(self._client, name)


@attrs.frozen
class Careful(Block):
    user: str
    inner: Inner
    token: Secret


def test_document_named_by_its_content(client):
    """Equal configurations get one name, whatever their secrets."""
    named: Any = Named(client)
    one = Careful("me", Inner(1, Secret("a")), Secret("b"))
    first = one.ensure_document(named)
    assert one.ensure_document(named) == first
    other = attrs.evolve(one, user="you").ensure_document(named)
    assert other != first
    assert len(set(named.names)) == 2
    assert all(name.startswith("flowpack-") and len(name) == 25 for name in named.names)


@pytest.mark.parametrize(
    "changes",
    [{"token": Secret("c")}, {"inner": Inner(1, Secret("c"))}],
    ids=["own", "nested"],
)
def test_other_secrets_are_reported(client, changes):
    """The same configuration with other secrets is not registered silently."""
    named: Any = Named(client)
    one = Careful("me", Inner(1, Secret("a")), Secret("b"))
    one.ensure_document(named)
    with pytest.raises(BlockError, match=f"another '{next(iter(changes))}'.*save") as caught:
        attrs.evolve(one, **changes).ensure_document(named)
    assert named.names[0] == named.names[-1]
    assert "'c'" not in str(caught.value)


# Other docstrings


def described(text, kind=int, **metadata):
    """Return a block class with that docstring and description of a field."""

    @attrs.frozen
    class Described(Block):
        __doc__ = text
        __annotations__ = {"size": kind, "token": Secret, "inner": Inner}

        size = attrs.field(metadata=metadata)
        token = attrs.field()
        inner = attrs.field(metadata=metadata)

    make: Any = Described
    return make(1, Secret("x"), Inner(2))


#: Classes that differ in their texts only.
BEFORE = described("Once."), described("Once.")
AFTER = described("Today."), described("Once.", title="Size", description="Bytes.")


@pytest.fixture(params=["embedded", "work pools"])
def any_client(request, client):
    """Clients of servers for which texts count in a checksum, and for which they do not."""
    if request.param == "embedded":
        return client
    return TodaysServer().client()


@pytest.mark.parametrize("before, after", list(zip(BEFORE, AFTER)), ids=["class", "field"])
def test_other_texts_make_no_other_class(any_client, before, after):
    """What was saved is loaded, checked and saved again once texts have changed."""
    saved = before.save("mine", any_client)
    assert type(after).load("mine", any_client) == after
    again = attrs.evolve(after, document_id=saved.document_id)
    again.check_document(any_client)
    assert after.save("mine", any_client).document_id == saved.document_id
    with pytest.raises(BlockError, match="with another 'token'"):
        attrs.evolve(after, token=Secret("y")).save("mine", any_client)
    found = before.ensure_document(any_client)
    if any_client.dialect.name == "prefect3":
        assert after.ensure_document(any_client) == found


def test_other_fields_are_not_called_other_secrets():
    """The error names another version of the class."""
    client = TodaysServer().client()
    described("Once.").ensure_document(client)
    with pytest.raises(BlockError, match="another version of its class") as caught:
        described("Once.", kind=Any).ensure_document(client)
    assert "secrets" not in str(caught.value)


def test_other_texts_are_no_change_in_a_plan(tmp_path, monkeypatch):
    """A deployment stays as it is where only the docstring of its storage's class changed."""
    script = tmp_path / "hello.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(FileStorageBlock, "location", lambda self, token: None)
    with TodaysServer().client() as client:
        for text, action in (("Once.", "created"), ("Today.", "unchanged")):
            make: Any = type("Kept", (FileStorageBlock,), {"__doc__": text})
            storage = attrs.frozen(make)(tmp_path / "kept")
            spec = DeploymentSpec(
                name="d",
                flow_location=script,
                flow_storage=storage,
                work_pool="p",
                create_work_pool=True,
            )
            assert deploy(spec, client)[0].action == action
