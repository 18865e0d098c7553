"""What bytes must hash to, and the file that only hashes."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack import FileStorageBlock, LocalStorageBlock, TempStorageBlock
from flowpack.deployments.digests import Digest, Hashing, expected_digest
from flowpack.models import StoredObject

A, B, C = "a" * 64, "b" * 64, "c" * 32
FILES = FileStorageBlock("/store")


@pytest.mark.parametrize(
    ("token", "sha256", "storage", "expected"),
    [
        (A, None, FILES, Digest("sha256", A)),
        (A, B, FILES, Digest("sha256", B)),
        (f"/store/{A}", None, LocalStorageBlock("/store"), Digest("sha256", A)),
        (f"C:\\store\\{A}", None, LocalStorageBlock("/store"), Digest("sha256", A)),
        (A.upper(), None, FILES, Digest("sha256", A)),
        ("plain", B.upper(), FILES, Digest("sha256", B)),
        (C, None, FILES, Digest("md5", C)),
        (C, None, FileStorageBlock("/store", key_type="uuid"), None),
        (f"/tmp/prefect/{C}", None, TempStorageBlock(), None),
        ("plain", None, FILES, None),
        ("g" * 64, None, FILES, None),
        (A[:-1], None, FILES, None),
    ],
)
def test_what_is_expected(token, sha256, storage, expected):
    """The deployment's digest counts, else the key, where keys are digests."""
    stored = StoredObject(token, None, sha256)
    assert expected_digest(stored, storage) == expected


@given(st.lists(st.binary(max_size=50)))
def test_hashing(blocks):
    """Whatever the blocks, digests and length are those of the whole."""
    whole = b"".join(blocks)
    file = Hashing(["sha256", "md5"])
    for block in blocks:
        assert file.write(memoryview(block)) == len(block)
    assert file.tell() == len(whole)
    assert file.hexdigest("sha256") == hashlib.sha256(whole).hexdigest()
    assert file.hexdigest("md5") == hashlib.md5(whole).hexdigest()


def test_another_attempt():
    """Back at the start it has forgotten everything; it goes nowhere else."""
    file = Hashing(["sha256"])
    assert file.writable() and not file.seekable()
    file.write(b"half an ans")
    with pytest.raises(io.UnsupportedOperation):
        file.seek(4)
    with pytest.raises(io.UnsupportedOperation):
        file.seek(0, io.SEEK_END)
    assert file.seek(0) == 0
    assert file.truncate() == 0
    file.write(b"answer")
    assert file.hexdigest("sha256") == hashlib.sha256(b"answer").hexdigest()
    assert file.tell() == 6
