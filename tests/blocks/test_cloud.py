"""The storages of clouds, as far as this machine can have them."""

from __future__ import annotations

import hashlib
import io
import sys
from typing import Any

import pytest

from flowpack.blocks.cloud import (
    AzureBlobStorageBlock,
    GoogleCloudStorageBlock,
    S3StorageBlock,
)
from flowpack.exceptions import StorageError, StorageUnavailableError

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
def test_missing_extra(extra, monkeypatch):
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
    expected: Any = {
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
        lambda: S3StorageBlock(5),  # type: ignore[arg-type]
        lambda: S3StorageBlock("b", 5),  # type: ignore[arg-type]
        lambda: S3StorageBlock("b", region_name=5),  # type: ignore[arg-type]
        lambda: GoogleCloudStorageBlock("b", 5),  # type: ignore[arg-type]
        lambda: GoogleCloudStorageBlock("b", "p", "text"),  # type: ignore[arg-type]
        lambda: GoogleCloudStorageBlock("b", "p", {"a": 5}),  # type: ignore[dict-item]
        lambda: AzureBlobStorageBlock("c", None),  # type: ignore[arg-type]
    ],
)
def test_wrong_type_is_wrong_use(make):
    """Fields take what the reference's take."""
    with pytest.raises(TypeError):
        make()
