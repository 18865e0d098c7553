"""Models that own a rule: data documents, names, UNSET."""

import json
import pickle
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.exceptions import WireError
from flowpack.models import UNSET, DataDocument, StoredObject, name_problem

DOCUMENT = UUID(int=7)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


def test_blockstorage_is_json_three_deep():
    """The blob is what stock clients write, with the digest added."""
    document = DataDocument.encode("blockstorage", StoredObject("tok", DOCUMENT))
    assert document.blob == (
        '{"data": "\\"tok\\"", "block_document_id":'
        ' "00000000-0000-0000-0000-000000000007"}'
    )
    stored = StoredObject("tok", DOCUMENT, "ab" * 32)
    with_digest = DataDocument.encode("blockstorage", stored)
    assert json.loads(with_digest.blob)["sha256"] == "ab" * 32


@given(st.builds(StoredObject, TEXT, st.none() | st.uuids(), st.none() | TEXT))
def test_stored_object_survives_encoding(stored):
    """Decoding gives back what was encoded, whatever the token."""
    assert DataDocument.encode("blockstorage", stored).decode() == stored


@given(VALUES)
def test_json_survives_encoding(value):
    """Any JSON value comes back equal."""
    assert DataDocument.encode("json", value).decode() == value


def test_text_is_kept_as_it_is():
    """A text document's blob is the text."""
    assert DataDocument.encode("text", "print()").decode() == "print()"


@pytest.mark.parametrize(
    "blob",
    [
        '{"data": "\\"tok\\"", "block_id": "00000000-0000-0000-0000-000000000007"}',
        '{"data": "\\"tok\\"", "block_document_id": null,'
        ' "block_id": "00000000-0000-0000-0000-000000000007"}',
    ],
    ids=["missing", "null"],
)
def test_older_key_of_the_block_is_read(blob):
    """A blob of an older client names its block under another key."""
    assert DataDocument("blockstorage", blob).decode().block_document_id == DOCUMENT


@pytest.mark.parametrize("encoding", ["cloudpickle", "pickle", "CloudPickle"])
def test_pickle_is_refused_by_name_and_never_decoded(encoding):
    """A pickle is refused, and the text says that it is one."""
    with pytest.raises(WireError, match="holds a pickle"):
        DataDocument(
            encoding, "gASVHAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg=="
        ).decode()


@pytest.mark.parametrize(
    ("encoding", "blob"),
    [
        ("file", "x"),
        ("json", "{"),
        ("json", "[" * 100_000),
        ("blockstorage", ""),
        ("blockstorage", "[]"),
        ("blockstorage", "{}"),
        ("blockstorage", '{"data": 1}'),
        ("blockstorage", '{"data": "tok"}'),
        ("blockstorage", '{"data": "1"}'),
        ("blockstorage", '{"data": "\\"t\\"", "block_document_id": "x"}'),
        ("blockstorage", '{"data": "\\"t\\"", "block_document_id": 7}'),
        ("blockstorage", '{"data": "\\"t\\"", "sha256": 7}'),
    ],
)
def test_broken_document_is_a_wire_error(encoding, blob):
    """A document that cannot be decoded raises our error, nothing else."""
    with pytest.raises(WireError):
        DataDocument(encoding, blob).decode()


@given(st.text(), st.text())
def test_decoding_any_document_raises_only_our_error(encoding, blob):
    """Whatever the server holds, decoding gives a value or a WireError."""
    try:
        DataDocument(encoding, blob).decode()
        DataDocument("blockstorage", blob).decode()
    except WireError:
        pass


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("text", b"x"),
        ("json", {1, 2}),
        ("json", float("nan")),
        ("pickle", 1),
        ("blockstorage", "t"),
    ],
)
def test_unfit_data_is_not_encoded(encoding, data):
    """Encoding refuses what its encoding cannot hold."""
    with pytest.raises(WireError):
        DataDocument.encode(encoding, data)


def test_blob_is_not_in_the_repr():
    """A blob may be a whole script; its repr leaves it out."""
    assert "secret" not in repr(DataDocument("text", "secret"))


@pytest.mark.parametrize("name", ["a b", "ü?#:\\|", "😀", "a\nb"])
def test_names_that_servers_take(name):
    """What the name rule allows is no problem."""
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", "  ", "a/b", "100%", "a&b", "a>b", "<b", "\ud800", "a\0b", 5]
)
def test_names_that_servers_refuse(name):
    """A name that breaks the rule has a problem, in one line."""
    problem = name_problem(name)
    assert problem
    assert problem.isprintable()


def test_unset_is_false_and_one():
    """UNSET is false in a condition and stays itself through a pickle."""
    assert not UNSET
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert repr(UNSET) == "UNSET"
