"""Block types and block schemas."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

import pytest

from tests.contract.api import nobody, problems, unique

#: The types that every server is born with, their checksums and what they can do.
BORN = {
    "Local Storage": "3a67d4187da98a983d948e042969437dbd14d49854c528a8026cb9a96121ccef",
    "Temporary Local Storage": (
        "a50cea996168db8db0c10db1d0bf2227a4885a9f6c19acaac642d2801ed83a73"
    ),
    "File Storage": "f74b9cc237a54c0ad8f269f2d0f770ea29c1252c96a47ce3c5a9ddbbd4e722d8",
    "S3 Storage": "3ffda32926202a34fc30d7618e4792f71088d37fbcf92c18d070104ca6da7431",
    "Google Cloud Storage": (
        "8a87d925d3fb2a95c0ac89d00a167360084a0b7c3fe83efbab4a5ea84cc80271"
    ),
    "Azure Blob Storage": (
        "4488e8f7d196f7627e3ead24ca136860f0a54d54f6c98533cf3ef2f4ba9cf51b"
    ),
    "KV Server Storage": (
        "9a8e5718deb49bdfedad40fd3d350039b3269d986af752e2ab59a6ebab31ba45"
    ),
    "Debug Print Notification": (
        "1e037d5721dc503b3b01824d949a4ac4d7294cdda64d046fa4945632c87c3fcc"
    ),
}
STORAGE = ["writeable", "readable", "storage"]


def checksum(fields):
    """Compute a schema's checksum apart from the code under test."""

    def identity(value):
        if not isinstance(value, dict):
            return value
        return {
            key: identity(item)
            for key, item in value.items()
            if key not in ("description", "definitions")
        }

    content = json.dumps([[identity(fields)], {}], sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize("name", BORN)
def test_born_types(api, name):
    """The reference's block types are there, with schemas of its checksums."""
    block_type = api.done("GET", f"/block_types/name/{quote(name)}")
    schema = api.done("GET", f"/block_schemas/checksum/sha256:{BORN[name]}")
    assert schema["checksum"] == f"sha256:{BORN[name]}" == checksum(schema["fields"])
    assert schema["fields"]["block_type_name"] == name
    assert schema["block_type"] == block_type
    assert schema["block_type_id"] == block_type["id"]
    expected = [] if name == "Debug Print Notification" else STORAGE
    assert schema["capabilities"] == expected
    for key in ("logo_url", "documentation_url", "description", "code_example"):
        assert block_type[key] is None


def test_block_type(api):
    """A block type keeps what it is given; its texts are escaped for pages."""
    name = unique("Type with spaces")
    body = {
        "name": name,
        "logo_url": "https://example.com/logo.png",
        "description": '<a> & "b"',
        "code_example": "x > y",
    }
    status, block_type = api.call("POST", "/block_types/", json=body)
    assert status == 201
    assert block_type["logo_url"] == body["logo_url"]
    assert block_type["documentation_url"] is None
    assert block_type["description"] == '&lt;a&gt; &amp; "b"'
    assert block_type["code_example"] == "x &gt; y"
    assert api.call("GET", f"/block_types/{block_type['id']}") == (200, block_type)
    assert api.call("GET", f"/block_types/name/{quote(name)}") == (200, block_type)
    assert api.call("GET", f"/block_types/name/{quote(name.upper())}")[0] == 404


def test_taken_type_name(api):
    """A type's name can be had once."""
    body = {"name": unique("Type")}
    api.done("POST", "/block_types/", json=body)
    detail = f'Block type with name "{body["name"]}" already exists'
    assert api.call("POST", "/block_types/", json=body) == (409, {"detail": detail})


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("", "value_error.any_str.min_length"),
        ("x", "value_error.url.scheme"),
        ("//a.com", "value_error.url.scheme"),
        ("ftp://a.com", "value_error.url.scheme"),
        (5, "value_error.url.scheme"),
        ("http://", "value_error.url.host"),
        ("http://localhost", "value_error.url.host"),
        ("http://a.b", "value_error.url.host"),
        ("http://-a.com", "value_error.url.host"),
        ("http://a.com:99999", "value_error.url.port"),
        ("http://a.com/x y", "value_error.url.extra"),
        ("http://a.com/" + "x" * 2083, "value_error.any_str.max_length"),
        ([], "type_error.str"),
    ],
)
def test_refused_addresses(api, address, kind):
    """A logo is somewhere on the web, or nowhere."""
    body = {"name": unique("Type"), "logo_url": address}
    status, answer = api.call("POST", "/block_types/", json=body)
    assert (status, problems(answer)) == (422, [(("body", "logo_url"), kind)])


@pytest.mark.parametrize(
    "address",
    [
        "http://1.2.3.4/x",
        "http://[::1]/",
        "https://user:word@a_b.example.com:8080/x?y=z#w",
        "HTTP://EXAMPLE.COM",
    ],
)
def test_addresses(api, address):
    """Addresses come in many forms."""
    assert api.block_type(logo_url=address)["logo_url"] == address


def test_type_changes(api):
    """What is said about a type changes, as it is sent; the name does not."""
    block_type = api.block_type(description="old", code_example="kept")
    path = f"/block_types/{block_type['id']}"
    changes = {"description": "<b>", "documentation_url": "https://example.com"}
    assert api.call("PATCH", path, json=changes) == (204, None)
    changed = api.done("GET", path)
    assert changed == {**block_type, **changes, "updated": changed["updated"]}
    status, answer = api.call("PATCH", path, json={"name": "x"})
    expected = [(("body", "name"), "value_error.extra")]
    assert (status, problems(answer)) == (422, expected)
    assert api.call("PATCH", path, json={}) == (204, None)
    missing = {"detail": "Block type not found"}
    assert api.call("PATCH", f"/block_types/{nobody()}", json={}) == (404, missing)


def test_type_deletion(api):
    """A deleted type takes its schemas and documents with it."""
    schema = api.block_schema()
    document = api.block_document(schema)
    path = f"/block_types/{schema['block_type_id']}"
    assert api.call("DELETE", path) == (204, None)
    assert api.call("DELETE", path) == (404, {"detail": "Block type not found"})
    assert api.call("GET", f"/block_schemas/{schema['id']}")[0] == 404
    assert api.call("GET", f"/block_documents/{document['id']}")[0] == 404


def test_types_are_listed_by_name(api):
    """Block types come by name, page by page."""
    page = {"limit": 2, "offset": 1}
    api.block_type()
    everything = api.done("POST", "/block_types/filter", json={})
    names = [block_type["name"] for block_type in everything]
    assert names == sorted(names)
    assert api.done("POST", "/block_types/filter", json=page) == everything[1:3]


def test_schema(api):
    """A schema is known by its id and by a checksum that the server computes."""
    block_type = api.block_type()
    fields = {
        "title": "X",
        "description": "prose",
        "properties": {"b": {"title": "B", "description": "p"}, "a": {"title": "ä"}},
        "required": ["b", "a"],
        "block_type_name": block_type["name"],
        "block_schema_references": {},
    }
    body = {"fields": fields, "block_type_id": block_type["id"]}
    status, schema = api.call("POST", "/block_schemas/", json=body)
    assert status == 201
    assert schema["checksum"] == checksum(fields)
    assert schema["fields"] == fields
    assert schema["capabilities"] == []
    assert schema["block_type"] == block_type
    for path in (schema["id"], f"checksum/{schema['checksum'].replace(':', '%3A')}"):
        found = api.done("GET", f"/block_schemas/{path}")
        assert found == {**schema, "updated": found["updated"]}


def test_schema_without_references(api):
    """The answer says which blocks are inside, if only that there are none."""
    schema = api.block_schema()
    sent = {"title": "Own", "block_type_name": schema["block_type"]["name"]}
    assert schema["fields"] == {**sent, "block_schema_references": {}}
    assert schema["checksum"] == checksum(sent)


def test_equal_schemas(api):
    """Schemas that differ in prose only are one."""
    schema = api.block_schema()
    fields = {"title": "Own", "block_type_name": schema["block_type"]["name"]}
    body = {"block_type_id": schema["block_type_id"], "capabilities": []}
    same = {**body, "fields": {"description": "other prose", **fields}}
    detail = "Identical block schema already exists."
    assert api.call("POST", "/block_schemas/", json=same) == (409, {"detail": detail})
    other = {**body, "fields": {**fields, "title": "Other"}}
    assert api.call("POST", "/block_schemas/", json=other)[0] == 201


def test_schema_of_no_type(api):
    """A schema needs a type; the reference has the wrong words for it."""
    body = {"fields": {"title": unique("X")}, "block_type_id": nobody()}
    detail = "Identical block schema already exists."
    assert api.call("POST", "/block_schemas/", json=body) == (409, {"detail": detail})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (("body", "block_type_id"), "value_error.missing")),
        ({"block_type_id": "x"}, (("body", "block_type_id"), "type_error.uuid")),
        (
            {"block_type_id": nobody(), "fields": "x"},
            (("body", "fields"), "type_error.dict"),
        ),
        (
            {"block_type_id": nobody(), "checksum": "sha256:0"},
            (("body", "checksum"), "value_error.extra"),
        ),
        (
            {"block_type_id": nobody(), "capabilities": None},
            (("body", "capabilities"), "type_error.none.not_allowed"),
        ),
    ],
)
def test_refused_schemas(api, body, expected):
    """A schema that is wrong is refused."""
    status, answer = api.call("POST", "/block_schemas/", json=body)
    assert (status, problems(answer)) == (422, [expected])


@pytest.mark.parametrize("checksum", ["sha256:00", "SHA256:AA", "x"])
def test_unknown_checksums(api, checksum):
    """A checksum that nobody has is not found."""
    answer = {"detail": "Block schema not found"}
    assert api.call("GET", f"/block_schemas/checksum/{checksum}") == (404, answer)


def test_schemas_are_listed_newest_first(api):
    """The newest schema of a type is the first in the list."""
    first = api.block_schema()
    body = {
        "fields": {"title": unique("Second")},
        "block_type_id": first["block_type_id"],
        "capabilities": [],
    }
    second = api.done("POST", "/block_schemas/", json=body)
    wanted = {"block_type_id": {"any_": [first["block_type_id"]]}}
    found = api.done(
        "POST", "/block_schemas/filter", json={"block_schema_filter": wanted}
    )
    assert [schema["id"] for schema in found] == [second["id"], first["id"]]
    body = {"block_schema_filter": {"block_type_id": {"any_": [nobody()]}}}
    assert api.done("POST", "/block_schemas/filter", json=body) == []


def test_schema_deletion(api):
    """A deleted schema is gone, and its documents are."""
    schema = api.block_schema()
    document = api.block_document(schema)
    path = f"/block_schemas/{schema['id']}"
    assert api.call("DELETE", path) == (204, None)
    assert api.call("DELETE", path) == (404, {"detail": "Block schema not found"})
    assert api.call("GET", f"/block_documents/{document['id']}")[0] == 404


@pytest.fixture
def nested(api):
    """Fields of a block with another one inside, and the two types."""
    inner, outer = api.block_type(), api.block_type()
    child = {
        "title": inner["name"],
        "properties": {"x": {"title": "X", "type": "string"}},
        "block_type_name": inner["name"],
        "block_schema_references": {},
    }
    fields = {
        "title": outer["name"],
        "properties": {"kid": {"$ref": f"#/definitions/{inner['name']}"}},
        "block_type_name": outer["name"],
        "block_schema_references": {
            "kid": {
                "block_type_name": inner["name"],
                "block_schema_checksum": checksum(child),
            }
        },
        "definitions": {inner["name"]: child},
    }
    return inner, outer, fields


def test_nested_schema(api, nested):
    """The schema of a block inside is registered with that of the outer one."""
    inner, outer, fields = nested
    body = {"fields": fields, "block_type_id": outer["id"]}
    schema = api.done("POST", "/block_schemas/", json=body)
    assert schema["checksum"] == checksum(fields)
    (child,) = fields["definitions"].values()
    found = api.done("GET", f"/block_schemas/checksum/{checksum(child)}")
    assert (found["block_type_id"], found["fields"]) == (inner["id"], child)
    assert found["capabilities"] == []
    assert api.done("GET", f"/block_schemas/{schema['id']}")["fields"] == fields


def test_nested_schema_of_unknown_type(api, nested):
    """A block inside needs its type first; nothing is registered without."""
    inner, outer, fields = nested
    api.done("DELETE", f"/block_types/{inner['id']}")
    body = {"fields": fields, "block_type_id": outer["id"]}
    status, answer = api.call("POST", "/block_schemas/", json=body)
    assert status == 409
    assert f"block type '{inner['name']}' was not found" in answer["detail"]
    assert api.call("GET", f"/block_schemas/checksum/{checksum(fields)}")[0] == 404


def test_nested_schema_without_definition(api, nested):
    """Without the definition of the block inside the reference breaks."""
    _, outer, fields = nested
    del fields["definitions"]
    body = {"fields": fields, "block_type_id": outer["id"]}
    assert api.call("POST", "/block_schemas/", json=body)[0] == 500
    assert api.call("GET", f"/block_schemas/checksum/{checksum(fields)}")[0] == 404


@pytest.mark.parametrize("references", [5, {"kid": 5}, {"kid": {}}, {"kid": [{}]}])
def test_broken_references(api, references):
    """At references that say nothing the reference breaks; nothing is registered."""
    block_type = api.block_type()
    fields = {"title": block_type["name"], "block_schema_references": references}
    body = {"fields": fields, "block_type_id": block_type["id"]}
    assert api.call("POST", "/block_schemas/", json=body)[0] == 500
    assert api.call("GET", f"/block_schemas/checksum/{checksum(fields)}")[0] == 404


def test_one_block_of_several(api, nested):
    """A field may take one of several blocks; all their schemas are registered."""
    inner, outer, fields = nested
    other = api.block_type()
    child = {
        "title": other["name"],
        "block_type_name": other["name"],
        "block_schema_references": {},
    }
    fields["definitions"][other["name"]] = child
    fields["properties"]["kid"] = {
        "anyOf": [{"$ref": f"#/definitions/{name}"} for name in fields["definitions"]]
    }
    fields["block_schema_references"]["kid"] = [
        fields["block_schema_references"]["kid"],
        {
            "block_type_name": other["name"],
            "block_schema_checksum": checksum(child),
        },
    ]
    body = {"fields": fields, "block_type_id": outer["id"]}
    schema = api.done("POST", "/block_schemas/", json=body)
    found = api.done("GET", f"/block_schemas/{schema['id']}")["fields"]
    assert found["definitions"] == fields["definitions"]
    assert len(found["block_schema_references"]["kid"]) == 2
    assert api.call("GET", f"/block_schemas/checksum/{checksum(child)}")[0] == 200


def test_nested_documents(api, nested):
    """A document refers to another; it shows the other's data in its own."""
    inner, outer, fields = nested
    body = {"fields": fields, "block_type_id": outer["id"]}
    schema = api.done("POST", "/block_schemas/", json=body)
    (child,) = fields["definitions"].values()
    child_schema = api.done("GET", f"/block_schemas/checksum/{checksum(child)}")
    kid = api.block_document(child_schema, data={"x": "1"})
    data = {"kid": {"$ref": {"block_document_id": kid["id"]}}, "own": 2}
    document = api.block_document(schema, data=data)
    assert document["data"] == {"own": 2, "kid": {"x": "1"}}
    reference = document["block_document_references"]["kid"]["block_document"]
    assert (reference["id"], reference["name"]) == (kid["id"], kid["name"])
    assert reference["block_type"]["id"] == inner["id"]
    path = f"/block_documents/{kid['id']}"
    api.done("PATCH", path, json={"data": {"x": "2"}})
    assert api.done("GET", f"/block_documents/{document['id']}")["data"] == {
        "own": 2,
        "kid": {"x": "2"},
    }
    api.done("DELETE", path)
    after = api.done("GET", f"/block_documents/{document['id']}")
    assert (after["data"], after["block_document_references"]) == ({"own": 2}, {})


@pytest.mark.parametrize(
    ("reference", "created", "changed"),
    [
        ({}, 500, 400),
        ({"block_document_id": "x"}, 500, 400),
        ({"block_document_id": nobody()}, 409, 409),
        (5, 500, 500),
        (None, 500, 500),
    ],
)
def test_references_to_nothing(api, reference, created, changed):
    """A reference that leads nowhere is refused; nothing is written."""
    document = api.block_document(data={"a": 1})
    data = {"kid": {"$ref": reference}}
    body = {
        "name": unique("document"),
        "data": data,
        "block_schema_id": document["block_schema_id"],
        "block_type_id": document["block_type_id"],
    }
    assert api.call("POST", "/block_documents/", json=body)[0] == created
    path = f"/block_documents/{document['id']}"
    assert api.call("PATCH", path, json={"data": data})[0] == changed
    assert api.done("GET", path)["data"] == {"a": 1}
