"""The storages of clouds, as far as this machine can have them."""

from __future__ import annotations

import hashlib
import io
import sys

import pytest

from flowpack.blocks.cloud import (
    AzureBlobStorageBlock,
    GoogleCloudStorageBlock,
    S3StorageBlock,
)
from flowpack.blocks.core import Block
from flowpack.exceptions import (
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
)

DATA = b"print('hello')\n"
KEY = hashlib.sha256(DATA).hexdigest()
CANARY = "canary-7f3a-0123456789"
CONNECTION = f"DefaultEndpointsProtocol=http;AccountName=me;AccountKey={CANARY}"

BLOCKS = {
    "s3": S3StorageBlock("bucket", aws_secret_access_key=CANARY),
    "gcs": GoogleCloudStorageBlock("bucket", service_account_info={"key": CANARY}),
    "azure": AzureBlobStorageBlock("container", CONNECTION),
}
LIBRARIES = {"s3": "boto3", "gcs": "google.cloud", "azure": "azure.storage.blob"}


@pytest.mark.parametrize("extra", BLOCKS)
def test_missing_extra_is_told(extra, monkeypatch):
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, LIBRARIES[extra], None)
    block = BLOCKS[extra]
    for use in (
        lambda: block.write(DATA),
        lambda: block.read(KEY),
        lambda: block.holds(KEY, KEY, len(DATA)),
    ):
        with pytest.raises(StorageUnavailableError) as caught:
            use()
        assert f"pip install 'flowpack[{extra}]'" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize("extra", BLOCKS)
def test_data_hold_every_field(extra):
    """Fields that are not given are registered as null, in declared order."""
    expected = {
        "s3": {
            "bucket": "bucket",
            "aws_access_key_id": None,
            "aws_secret_access_key": CANARY,
            "aws_session_token": None,
            "profile_name": None,
            "region_name": None,
        },
        "gcs": {
            "bucket": "bucket",
            "project": None,
            "service_account_info": {"key": CANARY},
        },
        "azure": {"container": "container", "connection_string": CONNECTION},
    }[extra]
    data = BLOCKS[extra].to_document_data()
    assert data == expected
    assert list(data) == list(expected)


@pytest.mark.parametrize("extra", BLOCKS)
@pytest.mark.parametrize("token", ["", "../x", "a/b", "a?b", "é"])
def test_no_token_leads_elsewhere(extra, token):
    """Only plain keys are asked for; nothing is loaded for others."""
    with pytest.raises(StorageError, match="refused"):
        BLOCKS[extra].read(token)
    assert BLOCKS[extra].holds(token, KEY, 1) is False


@pytest.mark.parametrize("extra", BLOCKS)
def test_token_and_location(extra):
    """The key is the digest; nobody reads it without credentials."""
    assert BLOCKS[extra].token_for(KEY) == KEY
    assert BLOCKS[extra].location(KEY) is None


@pytest.mark.parametrize("extra", BLOCKS)
def test_wrong_bytes_are_not_sent(extra):
    """They are hashed before anything is opened."""
    with pytest.raises(StorageError, match="Nothing was stored"):
        BLOCKS[extra].write_from(io.BytesIO(DATA), "0" * 64)


@pytest.mark.parametrize(
    "make",
    [
        lambda: S3StorageBlock(5),
        lambda: S3StorageBlock("b", 5),
        lambda: S3StorageBlock("b", region_name=5),
        lambda: GoogleCloudStorageBlock("b", 5),
        lambda: GoogleCloudStorageBlock("b", "p", "text"),
        lambda: GoogleCloudStorageBlock("b", "p", {"a": 5}),
        lambda: AzureBlobStorageBlock("c", None),
    ],
)
def test_wrong_type_is_wrong_use(make):
    """Fields take what the reference's take."""
    with pytest.raises(TypeError):
        make()


# A real server of each kind, where its SDK and an emulator are installed


@pytest.fixture(scope="module")
def moto():
    """The address of an S3 server with a bucket."""
    pytest.importorskip("boto3")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(moto, monkeypatch):
    """A storage on that server, in an empty bucket."""
    import uuid

    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bucket = f"bucket-{uuid.uuid4().hex}"
    block = S3StorageBlock(bucket, "key-id", CANARY, region_name="us-east-1")
    client = boto3.client(
        "s3",
        aws_access_key_id="key-id",
        aws_secret_access_key=CANARY,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=bucket)
    return block


def test_s3_keeps_and_gives_back(s3):
    """Objects are named by their content, written once, read back."""
    assert s3.write(DATA) == KEY
    assert s3.write(DATA) == KEY
    assert s3.read(KEY) == DATA
    assert s3.holds(KEY, KEY, len(DATA))
    assert not s3.holds(KEY, KEY, 1)
    assert Block.from_data is not None
    assert S3StorageBlock.from_data(s3.to_document_data()).read(KEY) == DATA


def test_s3_missing_object(s3):
    """What is not there is told as missing."""
    with pytest.raises(ObjectMissingError):
        s3.read(KEY)
    assert not s3.holds(KEY, KEY, 1)


def test_s3_damaged_object_is_replaced(s3):
    """A cut object under the key is written over."""
    client = s3._store().open_client()
    client.put_object(Bucket=s3.bucket, Key=KEY, Body=b"cut")
    s3.write(DATA)
    assert s3.read(KEY) == DATA


def test_s3_limit(s3):
    """No more is read than may be."""
    s3.write(DATA)
    with pytest.raises(StorageError, match="5 bytes"):
        s3.read_into(KEY, io.BytesIO(), limit=5)


def test_s3_missing_bucket(s3):
    """The bucket must exist; the error says what S3 said, without credentials."""
    other = S3StorageBlock("no-such-bucket", "key-id", CANARY, region_name="us-east-1")
    for use in (lambda: other.write(DATA), lambda: other.read(KEY)):
        with pytest.raises(StorageUnavailableError, match="NoSuchBucket") as caught:
            use()
        assert CANARY not in str(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None
