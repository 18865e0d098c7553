"""Block types, schemas and documents, and the default storage."""

from __future__ import annotations

import uuid

import attrs
import pytest

from flowpack.exceptions import APIStatusError, ObjectAlreadyExists, ObjectNotFound
from tests.contract.records import block_document, block_schema, definition, unique


def test_block_type(client):
    """A type keeps its description, and its name can be had once."""
    new = definition(logo_url="https://example.com/logo.png", description="What it is")
    block_type = client.create_block_type(new)
    assert (block_type.name, block_type.logo_url) == (new.type_name, new.logo_url)
    assert (block_type.description, block_type.code_example) == ("What it is", None)
    assert client.read_block_type_by_name(new.type_name).id == block_type.id
    with pytest.raises(ObjectAlreadyExists, match=new.type_name):
        client.create_block_type(new)
    with pytest.raises(ObjectNotFound, match="Block type not found"):
        client.read_block_type_by_name(unique("Type"))


def test_block_schema(client):
    """A schema is known by a checksum that the server computes; prose is no part of it."""
    new = definition()
    block_type = client.create_block_type(new)
    schema = client.create_block_schema(new, block_type.id)
    checksum = client.dialect.block_schema(new)[1]
    assert (schema.checksum, schema.capabilities) == (checksum, ("storage",))
    assert (schema.block_type_id, schema.block_type.name) == (block_type.id, new.type_name)
    assert client.read_block_schema_by_checksum(checksum).id == schema.id
    described = attrs.evolve(new, fields={**new.fields, "description": "prose"})
    with pytest.raises(ObjectAlreadyExists):
        client.create_block_schema(described, block_type.id)


def test_missing_schema(client):
    """A schema needs a type; a checksum that nobody has is not found."""
    with pytest.raises(ObjectAlreadyExists):  # The reference's words for it.
        client.create_block_schema(definition(), uuid.uuid4())
    with pytest.raises(ObjectNotFound, match="Block schema not found"):
        client.read_block_schema_by_checksum("sha256:00")


def test_schema_of_a_block_with_blocks_inside(client):
    """It is created when those of the blocks inside it are there."""
    inner = [definition(capabilities=()), definition(capabilities=())]
    for each in inner:
        client.create_block_schema(each, client.create_block_type(each).id)
    titles = [each.type_name for each in inner]
    outer = definition(
        fields={
            "title": "Outer",
            "properties": {"kid": {"anyOf": [{"$ref": f"#/definitions/{t}"} for t in titles]}},
            "definitions": {
                each.type_name: client.dialect.block_schema(each)[0] for each in inner
            },
        },
        references={"kid": tuple(inner)},
    )
    schema = client.create_block_schema(outer, client.create_block_type(outer).id)
    assert client.read_block_schema_by_checksum(schema.checksum).id == schema.id
    document = block_document(client, schema, data={"kid": {"x": "1"}})
    assert client.read_block_document(document.id).data == {"kid": {"x": "1"}}


@pytest.fixture(scope="module")
def schema(client):
    """A schema of this module's own."""
    return block_schema(client)


def test_block_document(client, schema):
    """A document shows its data, its schema and its type, and is found by its names."""
    data = {"b": [1, None, {"x": "ä"}], "a": {"$r": 1}}
    document = block_document(client, schema, data=data, name=unique("with space ?#"))
    assert (document.data, document.is_anonymous) == (data, False)
    assert document.block_schema.checksum == schema.checksum
    assert document.block_type.name == schema.block_type.name
    assert client.read_block_document(document.id).data == data
    read = client.read_block_document_by_name
    assert read(document.name, schema.block_type.name).id == document.id
    for type_name in (schema.block_type.name, "nobody"):
        with pytest.raises(ObjectNotFound, match="Block document not found"):
            read("nobody", type_name)


def test_taken_document_name(client, schema):
    """A name can be had once for each type; a document needs a schema and a type."""
    name = block_document(client, schema).name
    with pytest.raises(ObjectAlreadyExists):
        block_document(client, schema, name=name)
    assert block_document(client, block_schema(client), name=name).name == name
    for field in ("id", "block_type_id"):
        with pytest.raises(ObjectAlreadyExists):
            block_document(client, attrs.evolve(schema, **{field: uuid.uuid4()}))


def test_update_and_deletion(client, schema):
    """New data replaces the old as a whole; a deleted document is gone."""
    document = block_document(client, schema, data={"a": 1, "b": 2})
    client.update_block_document(document.id, data={"c": 3})
    changed = client.read_block_document(document.id)
    assert (changed.data, changed.name) == ({"c": 3}, document.name)
    client.delete_block_document(document.id)
    for call in (client.read_block_document, client.delete_block_document):
        with pytest.raises(ObjectNotFound, match="Block document not found"):
            call(document.id)
    with pytest.raises(ObjectNotFound, match="Block document not found"):
        client.update_block_document(document.id, data={})


def anonymous_document(client, schema, data):
    """Create an anonymous document, or read the one with equal content."""
    return block_document(client, schema, name=None, data=data, is_anonymous=True)


def test_anonymous_documents(client, schema):
    """Equal content gives the same document, other data or another schema another one."""
    data = {"path": unique("x"), "z": None}
    document = anonymous_document(client, schema, data)
    assert document.is_anonymous
    assert anonymous_document(client, schema, dict(data)).id == document.id
    assert anonymous_document(client, schema, {**data, "z": 1}).id != document.id
    assert anonymous_document(client, block_schema(client), data).id != document.id


def test_anonymous_document_with_new_data(client, schema):
    """It is as if it had been created with that data."""
    document = anonymous_document(client, schema, {"path": unique("x")})
    data = {"path": unique("y")}
    client.update_block_document(document.id, data=data)
    assert anonymous_document(client, schema, data).id == document.id


def test_lists(client, schema):
    """Documents come by name, the anonymous ones only if asked for."""
    hidden = anonymous_document(client, schema, {"path": unique("x")})
    shown = block_document(client, schema)
    found = client.read_block_documents()
    names = [document.name for document in found]
    assert names == sorted(names)
    ids = {document.id for document in found}
    everything = {each.id for each in client.read_block_documents(anonymous=True)}
    assert {hidden.id, shown.id} & ids == {shown.id}
    assert {hidden.id, shown.id} <= everything


class TestDefaultStorage:
    """The storage that is used where none is named."""

    @pytest.fixture(autouse=True)
    def no_default(self, client):
        """Begin and end without one."""
        client.clear_default_storage_block_document()
        assert client.get_default_storage_block_document() is None
        yield
        client.clear_default_storage_block_document()

    def test_set(self, client, schema):
        """The last one that was set is it, an anonymous one too."""
        anonymous = anonymous_document(client, schema, {"path": unique("x")})
        for document in (block_document(client, schema, data={"a": 1}), anonymous):
            client.set_default_storage_block_document(document.id)
            found = client.get_default_storage_block_document()
            assert (found.id, found.data) == (document.id, document.data)
            assert found.block_schema.checksum == schema.checksum

    def test_deleted(self, client, schema):
        """It goes with its document."""
        document = block_document(client, schema)
        client.set_default_storage_block_document(document.id)
        client.delete_block_document(document.id)
        assert client.get_default_storage_block_document() is None

    def test_no_storage(self, client):
        """Only a block that stores can be it."""
        document = block_document(client, block_schema(client, capabilities=("x",)))
        with pytest.raises(APIStatusError, match="not a storage block") as caught:
            client.set_default_storage_block_document(document.id)
        assert caught.value.status == 422
        with pytest.raises(ObjectNotFound, match="Block document not found"):
            client.set_default_storage_block_document(uuid.uuid4())
