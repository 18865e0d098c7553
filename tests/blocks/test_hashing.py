"""Files that hash what goes through them."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.blocks.stores import ChangedError, Checked, Hashing


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
    file.write(b"half a res")
    with pytest.raises(io.UnsupportedOperation):
        file.seek(4)
    with pytest.raises(io.UnsupportedOperation):
        file.seek(0, io.SEEK_END)
    assert file.seek(0) == 0
    assert file.truncate() == 0
    file.write(b"whole.")
    assert file.hexdigest("sha256") == hashlib.sha256(b"whole.").hexdigest()
    assert file.tell() == 6


@given(st.binary(max_size=50), st.binary(max_size=5), st.integers(1, 60))
def test_right_bytes_pass(before, data, size):
    """All of them, from where the file stood, and once more after going back."""
    file = io.BytesIO(before + data)
    file.seek(len(before))
    whole = Checked(file, hashlib.sha256(data).hexdigest(), len(data))
    for _ in range(2):
        assert b"".join(iter(lambda: whole.read(size), b"")) == data
        whole.seek(len(before))


@given(st.binary(max_size=50), st.integers(1, 60))
def test_wrong_bytes_are_held_back(data, size):
    """Their end is not given, and the error has their digest."""
    with pytest.raises(ChangedError) as caught:
        whole = Checked(io.BytesIO(data), "0" * 64, len(data))
        for _ in range(len(data)):
            whole.read(size)
    assert caught.value.found == hashlib.sha256(data).hexdigest()
