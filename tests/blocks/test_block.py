"""Blocks as values, and from documents."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import traceback
import weakref
from typing import Any, Dict, List
from uuid import UUID

import attrs
import pytest

from flowpack.blocks.cloud import (
    AzureBlobStorageBlock,
    GoogleCloudStorageBlock,
    S3StorageBlock,
)
from flowpack.blocks.block import Block
from flowpack.blocks.secret import Secret
from flowpack.blocks.storage import (
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
    StorageBlock,
)
from flowpack.exceptions import BlockError
from flowpack.models import BlockDocument, BlockSchema, BlockType
from flowpack.urls import Address
from tests.blocks.blocks import EVERYTHING, Everything, Inner, MemoryStorage

ID = UUID(int=9)
CANARY = "canary-7f3a"


def document_of(block, type_name=None, checksum=None, **changes):
    """Return the document that a server would have of *block*."""
    definition = block.definition()
    schema = BlockSchema(
        id=UUID(int=1),
        checksum=checksum or block.schema_checksum(),
        fields=block.schema(),
        block_type_id=UUID(int=2),
        block_type=BlockType(id=UUID(int=2), name=type_name or definition.type_name),
    )
    document = attrs.evolve(block, document_id=ID).to_document(schema, "mine")
    return attrs.evolve(document, **changes)


# Values


def test_copies_are_equal():
    """Copies, pickles and evolved blocks compare by their fields."""
    block = attrs.evolve(EVERYTHING, document_id=ID)
    for twin in (
        copy.copy(block),
        copy.deepcopy(block),
        pickle.loads(pickle.dumps(block)),
        attrs.evolve(block),
    ):
        assert twin == block
        assert twin.document_id == ID
    assert attrs.evolve(block, whole=5) != block


def test_document_id_is_no_part_of_the_value():
    """Where a block is saved is not what it is."""
    saved = attrs.evolve(Inner(1), document_id=ID)
    assert saved == Inner(1)
    assert hash(saved) == hash(Inner(1))
    assert repr(saved) == repr(Inner(1))
    assert "document_id" not in saved.to_document_data()
    assert "document_id" not in Inner.schema()["properties"]


def test_document_id_goes_by_name_only():
    """It takes no place among the positional fields."""
    make: Any = Inner
    with pytest.raises(TypeError):
        make(1, None, ID)
    assert Inner(1, document_id=ID).document_id == ID


def test_blocks_cannot_be_changed():
    """A block is frozen."""
    block: Any = Inner(1)
    with pytest.raises(AttributeError):
        block.a = 2


def test_other_attrs_decorators_will_do():
    """Classes with slots or without, kw_only and define are blocks like others."""

    @attrs.define
    class Defined(Block):
        x: int

    @attrs.frozen(slots=False, kw_only=True)
    class Loose(Block):
        x: int

    for block in (Defined(1), Loose(x=1)):
        assert block.to_document_data() == {"x": 1}
        assert type(block).from_document(document_of(block)) == block
        assert attrs.evolve(block, document_id=ID).document_id == ID
    defined: Any = Defined(1)
    with pytest.raises(AttributeError):
        defined.x = 2


# Documents


def test_document_there_and_back():
    """A block comes back from its document, with the document's id."""
    block = Everything.from_document(document_of(EVERYTHING))
    assert block == EVERYTHING
    assert block.document_id == ID


@pytest.mark.parametrize(
    "block",
    [
        LocalStorageBlock("/x"),
        FileStorageBlock("/x", key_type="uuid", options={"a": {"b": [1]}}),
        FileStorageBlock("http://h/x", options={"headers": {"A": "b"}}),
        KVServerStorageBlock("http://localhost:1/x"),
        S3StorageBlock("bucket", "key", "secret", region_name="here"),
        S3StorageBlock("bucket"),
        GoogleCloudStorageBlock("bucket", "project", {"a": "b"}),
        AzureBlobStorageBlock("container", "AccountName=x;AccountKey=y"),
    ],
    ids=lambda block: type(block).__name__,
)
def test_built_in_classes_are_found_from_the_base(block):
    """A stock document is read without naming its class."""
    again = Block.from_document(document_of(block))
    assert type(again) is type(block)
    assert again == block
    assert again.to_document_data() == block.to_document_data()


def test_class_alive_in_the_process_is_found():
    """A user's class is found once its module is imported."""
    block = MemoryStorage("shelf")
    assert Block.from_document(document_of(block)) == block
    assert StorageBlock.from_document(document_of(block)) == block


def test_newest_of_equal_classes_is_found():
    """A class that was defined again, as notebooks do, counts as its last form."""

    def define():
        @attrs.frozen
        class Again(Block):
            x: int

        return Again

    first, second = define(), define()
    assert type(Block.from_document(document_of(first(1)))) is second
    assert type(first.from_document(document_of(first(1)))) is first


def test_classes_are_not_kept_alive():
    """What is known of a class goes with it."""

    @attrs.frozen
    class Passing(Block):
        x: int

    Passing(1).to_document_data()
    Passing.definition()
    Block.from_document(document_of(Passing(1)))
    watch = weakref.ref(Passing)
    del Passing
    gc.collect()
    assert watch() is None


def test_unknown_class_is_reported():
    """Type name, checksum and what to do stand in the error."""
    document = document_of(Inner(1), type_name="Gone", checksum="sha256:0")
    with pytest.raises(BlockError) as caught:
        Block.from_document(document)
    message = str(caught.value)
    for part in ("'mine'", "'Gone'", "sha256:0", "Import", "flowpack.blocks"):
        assert part in message


@pytest.mark.parametrize("asked", [Block, StorageBlock, LocalStorageBlock])
def test_other_schema_is_reported(asked):
    """A known type whose fields differ is not read as if they did not."""
    document = document_of(LocalStorageBlock("/x"), checksum="sha256:0")
    other = attrs.evolve(document.block_schema, fields=FileStorageBlock.schema())
    with pytest.raises(BlockError) as caught:
        asked.from_document(attrs.evolve(document, block_schema=other))
    assert "'Local Storage' has other fields than" in str(caught.value)
    assert "flowpack.blocks.storage.LocalStorageBlock" in str(caught.value)


def test_document_of_another_class_is_reported():
    """The class that is called on must fit."""
    document = document_of(LocalStorageBlock("/x"))
    with pytest.raises(BlockError, match="'Local Storage' is no FileStorageBlock"):
        FileStorageBlock.from_document(document)
    with pytest.raises(BlockError, match="is no StorageBlock"):
        StorageBlock.from_document(document_of(Inner(1)))


def test_unfit_class_does_not_stand_in_the_way():
    """A class of that name that cannot be a block is passed by."""

    def define(kind):
        @attrs.frozen
        class Named(Block):
            __annotations__ = {"x": kind}
            x = attrs.field()

        return Named

    fit, unfit = define(int), define(complex)
    document = document_of(fit(1))
    assert unfit.block_type_name == "Named"
    assert type(Block.from_document(document)) is fit


def test_document_without_schema_is_reported():
    """Without its schema the class of a document is unknown."""
    document = document_of(Inner(1), block_schema=None)
    with pytest.raises(BlockError, match="without its schema"):
        Block.from_document(document)


def test_type_may_stand_in_the_schema_only():
    """Servers embed the type in document and schema; one will do."""
    document = document_of(Inner(1), block_type=None)
    assert Block.from_document(document) == Inner(1)


def test_entry_points_are_the_last_resort(tmp_path, monkeypatch):
    """A class of another distribution is found by its entry point."""
    (tmp_path / "their_blocks.py").write_text(
        "import attrs\n"
        "from flowpack.blocks.block import Block\n"
        "@attrs.frozen\n"
        "class Theirs(Block):\n"
        "    x: int\n"
        "nothing = 5\n"
    )
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[flowpack.blocks]\n"
        "broken = their_missing_module:Nothing\n"
        "number = their_blocks:nothing\n"
        "theirs = their_blocks:Theirs\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    @attrs.frozen
    class Theirs(Block):
        x: int

    document = document_of(Theirs(4))
    del Theirs
    gc.collect()
    block = Block.from_document(document)
    assert type(block).__module__ == "their_blocks"
    assert block.to_document_data() == {"x": 4}
    with pytest.raises(BlockError) as caught:
        Block.from_document(document_of(Inner(1), type_name="Gone"))
    assert "their_missing_module" in str(caught.value)
    assert "number is no block class" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "field 'a' is missing"),
        ({"a": "1"}, "field 'a': expected a whole number"),
        ({"a": 1, "b": 2}, "no field 'b'"),
        ({"a": 1, "token": 5}, "field 'token': expected text"),
    ],
    ids=str,
)
def test_data_that_do_not_fit(data, message):
    """The field is named."""
    with pytest.raises(BlockError, match=message):
        Inner.from_document(document_of(Inner(1), data=data))


def test_constructor_that_refuses_is_reported():
    """What a validator raises becomes a BlockError with its words."""

    @attrs.frozen
    class Positive(Block):
        x: int = attrs.field(validator=attrs.validators.gt(0))

    with pytest.raises(BlockError, match="Positive block: ValueError: .*> 0"):
        Positive.from_data({"x": -1})


def test_stock_document_with_relative_data():
    """Data of the stock client are taken as they are."""
    data = {"base_path": "/x/", "key_type": "hash", "options": {}}
    document = document_of(FileStorageBlock("/x"), data=data)
    assert Block.from_document(document) == FileStorageBlock("/x")


# Secrets


@attrs.frozen
class Plain(Block):
    """A user's class whose secrets are plain text."""

    secret_fields = ("password",)

    user: str
    password: str


@attrs.frozen
class Careful(Block):
    """A user's class whose secrets have a type of their own."""

    token: Secret
    tokens: Dict[str, Secret]
    inner: Inner


BLOCKS = {
    "own": Careful(Secret(CANARY), {"a": Secret(CANARY)}, Inner(1, Secret(CANARY))),
    "s3": S3StorageBlock("b", f"{CANARY}-1", f"{CANARY}-2", f"{CANARY}-3"),
    "gcs": GoogleCloudStorageBlock("b", None, {"private_key": CANARY}),
    "azure": AzureBlobStorageBlock("c", f"AccountName=x;AccountKey={CANARY}"),
    "headers": FileStorageBlock("http://h/", options={"headers": {"A": CANARY}}),
    "userinfo": FileStorageBlock(f"http://user:{CANARY}@h/"),
    "kv": KVServerStorageBlock(f"http://{CANARY}:{CANARY}@h"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_secrets_are_never_shown(name, caplog):
    """repr, str, format, asdict and logs are without them."""
    block = BLOCKS[name]
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%s %r", block, block)
    shown = [
        repr(block),
        str(block),
        f"{block}",
        repr(attrs.asdict(block)),
        str(attrs.astuple(block)),
        repr(block.to_document_data()),
        str(block.to_document_data()),
        repr(document_of(block)),
        caplog.text,
        *(f"{getattr(block, field.name)}" for field in attrs.fields(type(block))),
    ]
    assert [text for text in shown if CANARY in text] == []


@pytest.mark.parametrize("name", BLOCKS)
def test_secrets_travel(name):
    """What is registered has them, and what is read back too."""
    block = BLOCKS[name]
    assert CANARY in str(list(block.to_document_data().values()))
    assert type(block).from_data(block.to_document_data()) == block


def test_named_secret_fields_are_masked():
    """Plain text that a class names as secret is left out of its repr."""
    block = Plain("me", CANARY)
    assert CANARY not in repr(block)
    assert "user='me'" in repr(block)
    assert block.password == CANARY


def test_repr_of_the_author_is_kept():
    """A class with a repr of its own keeps it."""

    @attrs.frozen
    class Own(Block):
        secret_fields = ("x",)
        x: str

        def __repr__(self):
            return "<own>"

    assert repr(Own("y")) == "<own>"


def errors_of(block, data):
    """Yield what goes wrong with wrong data, one field after the other."""
    for name in data:
        for wrong in (5, None, [CANARY], {CANARY: CANARY}, {"x": CANARY, "y": 5}):
            try:
                type(block).from_data({**data, name: wrong})
            except BlockError as exc:
                yield exc
    try:
        type(block).from_data({**data, "more": CANARY})
    except BlockError as exc:
        yield exc


@pytest.mark.parametrize("name", BLOCKS)
def test_errors_show_no_secrets(name):
    """Neither the text, nor the chain, nor the variables of our frames have them."""
    block = BLOCKS[name]
    count = 0
    for exc in errors_of(block, dict(block.to_document_data())):
        count += 1
        assert CANARY not in str(exc)
        assert exc.__cause__ is None
        trace = traceback.TracebackException.from_exception(exc, capture_locals=True)
        own = [frame for frame in trace.stack if "/flowpack/" in frame.filename]
        assert CANARY not in "".join(traceback.StackSummary.from_list(own).format())
    assert count


def test_validator_that_quotes_a_secret():
    """The text of a validator's error is left out for a block with secrets."""

    @attrs.frozen
    class Fussy(Block):
        secret_fields = ("password",)
        password: str = attrs.field(validator=attrs.validators.max_len(3))

    with pytest.raises(BlockError, match="ValueError") as caught:
        Fussy.from_data({"password": CANARY})
    assert CANARY not in str(caught.value)


def test_secret_text():
    """A Secret gives its text when asked, and compares by it."""
    secret = Secret("x")
    assert secret.get_secret_value() == "x"
    assert secret == Secret("x") != Secret("y")
    assert hash(secret) == hash(Secret("x"))
    assert secret != "x"
    assert "x" not in repr(secret) + str(secret) + f"{secret:>20}"
    assert pickle.loads(pickle.dumps(secret)) == copy.deepcopy(secret) == secret
    make: Any = Secret
    with pytest.raises(TypeError, match="text"):
        make(5)


@pytest.mark.parametrize(
    "make, name",
    [(FileStorageBlock, "base_path"), (KVServerStorageBlock, "api_address")],
)
def test_address_with_credentials_is_no_text(make, name):
    """It is sent and kept as a whole; without credentials it is plain text."""
    block = make(f"http://user:{CANARY}@h/")
    address = getattr(block, name)
    assert isinstance(address, Address)
    assert address.url == f"http://user:{CANARY}@h/"
    assert block.to_document_data()[name] == address.url
    assert make(address) == block == make.from_data(block.to_document_data())
    assert type(getattr(make("http://h/"), name)) is str


def test_data_show_their_fields_only():
    """Tracebacks with local variables show the repr of data, which holds no value."""
    assert repr(Inner(1).to_document_data()) == "<'a', 'token'>"


def test_mapping_with_secrets():
    """Its keys are shown and its values are not; it compares like any mapping."""
    options = FileStorageBlock("/x", options={"token": CANARY}).options
    assert "token" in repr(options) and CANARY not in repr(options)
    assert options == {"token": CANARY}
    assert (len(options), list(options)) == (1, ["token"])
    assert pickle.loads(pickle.dumps(options)) == options


def test_options_cannot_be_changed():
    """The mapping that was given may change, the block does not."""
    given: Dict[str, Any] = {"headers": {"A": "b"}}
    block = FileStorageBlock("http://h/", options=given)
    given["more"] = 1
    assert block.options == {"headers": {"A": "b"}}
    with pytest.raises(TypeError):
        block.options["more"] = 1  # type: ignore[index]


def test_document_of_a_block():
    """A document has the data, the schema's ids and the name."""
    document: BlockDocument = document_of(Inner(1))
    assert document.id == ID
    assert document.name == "mine"
    assert document.data == {"a": 1, "token": None}
    assert document.block_schema_id == UUID(int=1)
    assert document.block_type_id == UUID(int=2)
    assert not document.is_anonymous
    assert document.block_schema is not None
    anonymous = Inner(1).to_document(document.block_schema)
    assert anonymous.is_anonymous and not anonymous.name


def test_lists_of_blocks_travel():
    """Blocks in lists are written and read with all their fields."""

    @attrs.frozen
    class Many(Block):
        inner: List[Inner]

    many = Many([Inner(1), Inner(2, Secret("x"))])
    assert Many.from_data(many.to_document_data()) == many
