"""Block documents and the default storage."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.api import nobody, problems, unique

CONFLICT = {
    "detail": "Data integrity conflict. This usually means a unique or foreign key"
    " constraint was violated. See server logs for details."
}
NOT_FOUND = {"detail": "Block document not found"}
BROKEN = {"exception_message": "Internal Server Error"}

GET_DEFAULT = "/block_documents/get_default_storage_block_document"
CLEAR_DEFAULT = "/block_documents/clear_default_storage_block_document"


def set_default(document_id):
    return f"/block_documents/{document_id}/set_default_storage_block_document"


@pytest.fixture(scope="module")
def schema(api):
    """A schema of this module's own."""
    return api.block_schema()


def body_of(schema, **fields):
    """Return the body that makes a document of *schema*."""
    ids = {"block_schema_id": schema["id"], "block_type_id": schema["block_type_id"]}
    return {"name": unique("document"), "data": {}, **ids, **fields}


def test_document(api, schema):
    """A document shows its data, its schema and its type."""
    data = {"b": [1, None, {"x": "ä"}], "a": {"$r": 1}}
    body = body_of(schema, data=data, name=unique("with space ?#"))
    status, document = api.call("POST", "/block_documents/", json=body)
    assert status == 201
    assert list(document) == [
        "id",
        "created",
        "updated",
        "name",
        "data",
        "block_schema_id",
        "block_schema",
        "block_type_id",
        "block_type",
        "block_document_references",
        "is_anonymous",
    ]
    assert (document["name"], document["data"]) == (body["name"], data)
    assert document["block_schema"]["checksum"] == schema["checksum"]
    assert document["block_type"] == schema["block_type"]
    assert document["block_document_references"] == {}
    assert document["is_anonymous"] is False
    found = api.done("GET", f"/block_documents/{document['id']}")
    assert found["data"] == data
    type_name = quote(schema["block_type"]["name"])
    own_name = quote(document["name"], safe="")
    by_name = f"/block_types/name/{type_name}/block_documents/name/{own_name}"
    assert api.done("GET", by_name)["id"] == document["id"]


def test_missing_name(api, schema):
    """A document of that name, or a type of that name, is not there."""
    for type_name in (schema["block_type"]["name"], "nobody"):
        path = f"/block_types/name/{type_name}/block_documents/name/nobody"
        assert api.call("GET", path) == (404, NOT_FOUND)


def test_taken_name(api, schema):
    """A name can be had once for each type."""
    body = body_of(schema, data={"a": 1})
    api.done("POST", "/block_documents/", json=body)
    answer = {"detail": "Block already exists"}
    assert api.call("POST", "/block_documents/", json=body) == (409, answer)
    elsewhere = body_of(api.block_schema(), name=body["name"])
    assert api.call("POST", "/block_documents/", json=elsewhere)[0] == 201


@pytest.mark.parametrize("key", ["block_schema_id", "block_type_id"])
def test_unknown_schema_or_type(api, schema, key):
    """A document of nothing is refused in the words for a taken name."""
    body = {**body_of(schema), key: nobody()}
    answer = {"detail": "Block already exists"}
    assert api.call("POST", "/block_documents/", json=body) == (409, answer)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": None}, [(("body", "__root__"), "value_error")]),
        ({"name": ""}, [(("body", "__root__"), "value_error")]),
        (
            {"name": "a/b"},
            [
                (("body", "__root__"), "value_error"),
                (("body", "name"), "value_error.invalidname"),
            ],
        ),
        ({"name": "anonymous"}, [(("body", "__root__"), "value_error")]),
        ({"name": "anonymous-x"}, [(("body", "__root__"), "value_error")]),
        ({"is_anonymous": True}, [(("body", "__root__"), "value_error")]),
        ({"data": "s"}, [(("body", "data"), "type_error.dict")]),
        ({"data": None}, [(("body", "data"), "type_error.none.not_allowed")]),
        ({"block_schema_id": "x"}, [(("body", "block_schema_id"), "type_error.uuid")]),
        ({"block_type_id": 5}, [(("body", "block_type_id"), "type_error.uuid")]),
        ({"id": nobody()}, [(("body", "id"), "value_error.extra")]),
        (
            {"is_anonymous": None, "name": None},
            [
                (("body", "__root__"), "value_error"),
                (("body", "is_anonymous"), "type_error.none.not_allowed"),
            ],
        ),
    ],
)
def test_refused_documents(api, schema, fields, expected):
    """A document that is wrong is refused."""
    body = body_of(schema, **fields)
    status, answer = api.call("POST", "/block_documents/", json=body)
    assert (status, problems(answer)) == (422, expected)


def test_other_spellings_of_anonymous(api, schema):
    """Only the lower-case word is reserved."""
    body = body_of(schema, name=unique("Anonymous"))
    assert api.call("POST", "/block_documents/", json=body)[0] == 201


def test_pairs_are_an_object(api, schema):
    """Data may be a list of pairs."""
    document = api.block_document(schema, data=[["a", 1], [2, "b"]])
    assert document["data"] == {"a": 1, "2": "b"}


class TestAnonymous:
    """Documents without a name, one for each content."""

    def test_made_once(self, api, schema):
        """Equal content gives the same document."""
        data = {"path": unique("x"), "z": None}
        body = body_of(schema, name=None, data=data, is_anonymous=True)
        status, document = api.call("POST", "/block_documents/", json=body)
        assert (status, document["is_anonymous"]) == (201, True)
        kind, _, digest = document["name"].partition(":")
        assert (kind, len(digest)) == ("anonymous", 32)
        del body["name"]
        status, again = api.call("POST", "/block_documents/", json=body)
        assert (status, again["id"]) == (200, document["id"])

    def test_other_content(self, api, schema):
        """Other data, or another schema, is another document."""
        data = {"path": unique("x")}
        body = body_of(schema, name=None, data=data, is_anonymous=True)
        first = api.done("POST", "/block_documents/", json=body)
        for other in (
            {**body, "data": {"path": unique("y")}},
            {**body_of(api.block_schema()), **{"name": None, "is_anonymous": True}},
        ):
            status, document = api.call("POST", "/block_documents/", json=other)
            assert status == 201
            assert document["id"] != first["id"]

    def test_renaming(self, api, schema):
        """It cannot be given a name."""
        data = {"path": unique("x")}
        document = api.block_document(
            schema, name=None, data=data, is_anonymous=True
        )
        path = f"/block_documents/{document['id']}"
        status, answer = api.call("PATCH", path, json={"name": "x"})
        assert (status, answer) == (400, {"detail": "Bad Request"})

    def test_new_data(self, api, schema):
        """New data is a new name: as if it had been made with that data."""
        document = api.block_document(
            schema, name=None, data={"path": unique("x")}, is_anonymous=True
        )
        path = f"/block_documents/{document['id']}"
        data = {"path": unique("y")}
        assert api.call("PATCH", path, json={"data": data}) == (204, None)
        changed = api.done("GET", path)
        assert changed["name"] != document["name"]
        same = api.block_document(schema, name=None, data=data, is_anonymous=True)
        assert same["id"] == document["id"]

    def test_listing(self, api, schema):
        """It is listed only where it is asked for."""
        block_schema = api.block_schema()
        hidden = api.block_document(
            block_schema, name=None, data={"x": unique("x")}, is_anonymous=True
        )
        shown = api.block_document(block_schema)
        name = block_schema["block_type"]["name"]
        listed = api.done("GET", f"/block_types/name/{name}/block_documents")
        assert [document["id"] for document in listed] == [shown["id"]]
        for criteria, found in (
            ({}, {shown["id"]}),
            ({"is_anonymous": {"eq_": False}}, {shown["id"]}),
            ({"is_anonymous": {"eq_": True}}, {hidden["id"]}),
            ({"is_anonymous": {"eq_": None}}, {shown["id"], hidden["id"]}),
            ({"is_anonymous": None}, {shown["id"], hidden["id"]}),
        ):
            body = {"block_document_filter": criteria}
            own = {document["id"] for document in everything(api, body)}
            assert own & {shown["id"], hidden["id"]} == found


def everything(api, body):
    """Return all pages of a list of documents."""
    found: list[Any] = []
    while True:
        page = {**body, "offset": len(found)}
        rows = api.done("POST", "/block_documents/filter", json=page)
        found += rows
        if len(rows) < 200:
            return found


def test_documents_are_listed_by_name(api, schema):
    """Documents come by name; a kind of schema may be named and is ignored."""
    api.block_document(schema)
    body = {"block_schema_type": "X", "block_document_filter": None}
    names = [document["name"] for document in everything(api, body)]
    assert names == sorted(names)
    assert not any(name.startswith("anonymous:") for name in names)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"block_document_filter": {"zz": 1}},
            (("body", "block_document_filter", "zz"), "value_error.extra"),
        ),
        (
            {"block_document_filter": {"is_anonymous": {"eq_": "x"}}},
            (
                ("body", "block_document_filter", "is_anonymous", "eq_"),
                "type_error.bool",
            ),
        ),
        ({"block_schema_type": []}, (("body", "block_schema_type"), "type_error.str")),
    ],
)
def test_refused_criteria(api, body, expected):
    """A criterion that does not exist is refused."""
    status, answer = api.call("POST", "/block_documents/filter", json=body)
    assert (status, problems(answer)) == (422, [expected])


def test_documents_of_an_unknown_type(api):
    """A type that is not there has no documents to list."""
    answer = {"detail": "Block type not found"}
    path = "/block_types/name/nobody/block_documents"
    assert api.call("GET", path) == (404, answer)


def test_changes(api, schema):
    """New data replaces the old as a whole; a new name replaces the old."""
    document = api.block_document(schema, data={"a": 1, "b": 2})
    path = f"/block_documents/{document['id']}"
    name = unique("document")
    assert api.call("PATCH", path, json={"data": {"c": 3}}) == (204, None)
    assert api.call("PATCH", path, json={"name": name}) == (204, None)
    changed = api.done("GET", path)
    assert (changed["data"], changed["name"]) == ({"c": 3}, name)
    assert changed["updated"] > document["updated"]


@pytest.mark.parametrize("body", [{}, {"data": None}])
def test_empty_changes(api, schema, body):
    """A change of nothing changes nothing."""
    document = api.block_document(schema, data={"a": 1})
    path = f"/block_documents/{document['id']}"
    assert api.call("PATCH", path, json=body) == (204, None)
    assert api.done("GET", path)["data"] == {"a": 1}


def test_renaming_to_a_taken_name(api, schema):
    """A name that is taken, or none, cannot be given."""
    taken, document = api.block_document(schema), api.block_document(schema)
    path = f"/block_documents/{document['id']}"
    for name in (taken["name"], None):
        assert api.call("PATCH", path, json={"name": name}) == (409, CONFLICT)
    assert api.done("GET", path)["name"] == document["name"]


def test_refused_changes(api, schema):
    """Only name and data can be changed."""
    path = f"/block_documents/{api.block_document(schema)['id']}"
    status, answer = api.call("PATCH", path, json={"is_anonymous": True})
    expected = [(("body", "is_anonymous"), "value_error.extra")]
    assert (status, problems(answer)) == (422, expected)
    status, answer = api.call("PATCH", path, text="5")
    assert (status, problems(answer)) == (422, [(("body",), "type_error.dict")])


def test_deletion(api, schema):
    """A deleted document is gone."""
    path = f"/block_documents/{api.block_document(schema)['id']}"
    assert api.call("DELETE", path) == (204, None)
    assert api.call("DELETE", path) == (404, NOT_FOUND)
    assert api.call("PATCH", path, json={"data": {}}) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/block_documents/x"),
        ("DELETE", "/block_documents/x"),
        ("POST", set_default("x")),
    ],
)
def test_ids_that_are_none(api, method, path):
    """Where the reference does not check ids it breaks at them."""
    assert api.call(method, path, json={}) == (500, BROKEN)


class TestDefaultStorage:
    """The storage that is used where none is named."""

    @pytest.fixture(autouse=True)
    def no_default(self, api):
        """Begin and end without one."""
        assert api.call("POST", CLEAR_DEFAULT) == (204, None)
        yield
        assert api.call("POST", CLEAR_DEFAULT) == (204, None)

    def test_none(self, api):
        """Without one there is no content."""
        assert api.call("POST", GET_DEFAULT) == (204, None)
        assert api.call("POST", GET_DEFAULT, json={}) == (204, None)

    def test_one(self, api, schema):
        """The last one that was set is it."""
        for data in ({"a": 1}, {"a": 2}):
            document = api.block_document(schema, data=data)
            assert api.call("POST", set_default(document["id"])) == (204, None)
            status, found = api.call("POST", GET_DEFAULT)
            assert (status, found["id"]) == (200, document["id"])
            assert (found["data"], found["block_schema"]["id"]) == (data, schema["id"])

    def test_cleared(self, api, schema):
        """It can be taken away."""
        api.done("POST", set_default(api.block_document(schema)["id"]))
        api.done("POST", CLEAR_DEFAULT)
        assert api.call("POST", GET_DEFAULT) == (204, None)

    def test_deleted(self, api, schema):
        """It goes with its document."""
        document = api.block_document(schema)
        api.done("POST", set_default(document["id"]))
        api.done("DELETE", f"/block_documents/{document['id']}")
        assert api.call("POST", GET_DEFAULT) == (204, None)

    def test_anonymous(self, api, schema):
        """It may be an anonymous document."""
        document = api.block_document(
            schema, name=None, data={"x": unique("x")}, is_anonymous=True
        )
        api.done("POST", set_default(document["id"]))
        assert api.done("POST", GET_DEFAULT)["id"] == document["id"]

    def test_no_storage(self, api, schema):
        """A block that cannot store cannot be it; the old one stays."""
        document = api.block_document(schema)
        api.done("POST", set_default(document["id"]))
        no_storage = api.block_document(api.block_schema(capabilities=[]))
        detail = "Specified block document is not a storage block document"
        answer = api.call("POST", set_default(no_storage["id"]))
        assert answer == (422, {"detail": detail})
        assert api.done("POST", GET_DEFAULT)["id"] == document["id"]

    def test_nothing(self, api):
        """What is not there cannot be it."""
        assert api.call("POST", set_default(nobody())) == (404, NOT_FOUND)
