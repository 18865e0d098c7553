"""What bytes must hash to."""

import pytest

from flowpack import FileStorageBlock, LocalStorageBlock, TempStorageBlock
from flowpack.deployments.load import Digest, expected_digest
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
