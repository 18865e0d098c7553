"""Objects in folders: whole, durable, private, and nothing outside of the folder."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import stat
import subprocess
import sys
import tempfile
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowpack.blocks.folder import Folder
from flowpack.blocks.storage import (
    FileStorageBlock,
    LocalStorageBlock,
    TempStorageBlock,
)
from flowpack.exceptions import (
    FlowpackError,
    ObjectExistsError,
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
)

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root")
DATA = b"print('hello')\n"
KEY = hashlib.sha256(DATA).hexdigest()


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def everything_in(folder):
    return sorted(os.path.relpath(path, folder) for path in folder.rglob("*"))


@pytest.fixture
def store(tmp_path):
    """Where the storage of a test lies; it does not exist yet."""
    return tmp_path / "a" / "store"


@pytest.fixture
def local(store):
    return LocalStorageBlock(str(store))


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request):
    """The process's umask."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


# Modes


def test_what_flowpack_makes_is_private(local, store, umask):
    """New folders are 0700 and objects in them 0600, whatever the umask."""
    path = local.write(DATA)
    assert mode_of(path) == 0o600
    assert mode_of(store) == 0o700
    assert mode_of(store.parent) == 0o700


@pytest.mark.parametrize("mode", [0o750, 0o2770, 0o755], ids=oct)
def test_folder_open_to_its_group_is_shared(local, store, umask, mode):
    """In a folder that its group can read the group can read the objects too."""
    store.mkdir(parents=True)
    store.chmod(mode)
    assert mode_of(local.write(DATA)) == 0o640
    assert mode_of(store) == mode


def test_existing_private_folder_stays_private(local, store, umask):
    """No folder that is there is given another mode."""
    store.mkdir(parents=True)
    store.chmod(0o700)
    assert mode_of(local.write(DATA)) == 0o600
    assert mode_of(store) == 0o700


def test_temporary_storage_is_never_shared(temporary, umask):
    """In a temporary folder that the group can read objects are still private."""
    folder = temporary / "prefect"
    folder.mkdir()
    folder.chmod(0o755)
    assert mode_of(TempStorageBlock().write(DATA)) == 0o600


# Objects


def test_object_has_its_digest_as_name(local, store):
    """Nothing else than the object is in the folder."""
    assert local.write(DATA) == str(store / KEY)
    assert everything_in(store) == [KEY]


def test_equal_object_is_left_alone(local, store):
    """What is there already is not written again."""
    path = local.write(DATA)
    before = os.stat(path)
    local.write(DATA)
    after = os.stat(path)
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("damage", [b"", b"print", DATA[::-1], DATA + b"x"], ids=repr)
def test_damaged_object_is_replaced(local, store, damage):
    """An object that is not what its name says is put right by a write."""
    path = local.write(DATA)
    with open(path, "wb") as file:
        file.write(damage)
    assert not local.holds(path, KEY, len(DATA))
    assert local.write(DATA) == path
    assert local.read(path) == DATA


def test_reader_of_a_replaced_object_keeps_the_old_one(local):
    """A replacement is a new file; who has the old one open reads that to the end."""
    path = local.write(DATA)
    os.truncate(path, 3)
    with open(path, "rb") as reader:
        local.write(DATA)
        assert reader.read() == DATA[:3]


def test_uuid_keys(store):
    """UUID keys have no hyphens."""
    storage = FileStorageBlock(store, key_type="uuid")
    key = storage.write(DATA)
    assert len(key) == 32 and int(key, 16)
    assert everything_in(store) == [key]


def test_timestamp_keys(store):
    """Time stamps are local, with microseconds and offset."""
    from datetime import datetime

    storage = FileStorageBlock(store, key_type="timestamp")
    key = storage.write(DATA)
    assert datetime.fromisoformat(key).tzinfo is not None
    assert len(key.partition(".")[2]) == len("123456+00:00")


def test_stock_agents_find_local_objects(local, store):
    """The token of Local Storage is the absolute path of the file."""
    with open(local.write(DATA), "rb") as file:
        assert file.read() == DATA


def test_stock_agents_find_file_objects(store):
    """Base path and key, one after the other, are the path of the file."""
    storage = FileStorageBlock(store)
    key = storage.write(DATA)
    path = f"{storage.base_path}{key}"
    with open(path, "rb") as file:
        assert file.read() == DATA
    assert storage.location(key) == path


def test_taken_name_that_is_no_digest(store):
    """Two writers in one microsecond do not write over each other."""
    folder = Folder(str(store), "File Storage")
    name = "2024-02-29T12:00:00.000000+00:00"
    folder.write_from(io.BytesIO(DATA), name, KEY)
    folder.write_from(io.BytesIO(DATA), name, KEY)
    other = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(ObjectExistsError, match="Try again"):
        folder.write_from(io.BytesIO(b"other"), name, other)
    assert (store / name).read_bytes() == DATA


# Where


def test_home_folder_is_registered_as_absolute_path(fresh_home):
    """Without a path objects go to flowpack's home, and the document names the path."""
    storage = LocalStorageBlock()
    folder = str(fresh_home / "storage")
    assert storage.to_document_data() == {"storage_path": folder}
    assert storage.write(DATA) == os.path.join(folder, KEY)


def test_prefect_home_is_read_where_no_path_is_registered(fresh_home):
    """A document of others without a path means Prefect's home."""
    foreign = fresh_home.parent / ".prefect" / "storage" / "ceb5e786"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(DATA)
    assert LocalStorageBlock().read(str(foreign)) == DATA
    elsewhere = LocalStorageBlock(str(fresh_home))
    with pytest.raises(StorageError, match="leads out"):
        elsewhere.read(str(foreign))


def test_storage_folder_may_be_a_link(tmp_path):
    """The user's own link to a folder is followed, under both names."""
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    by_link = LocalStorageBlock(str(tmp_path / "link"))
    token = by_link.write(DATA)
    assert token == str(tmp_path / "link" / KEY)
    assert by_link.read(str(real / KEY)) == DATA
    assert LocalStorageBlock(str(real)).read(token) == DATA


# Tokens


def hostile_tokens(folder, outside):
    """Return tokens that lead out of *folder*, or to no plain object."""
    return [
        outside,
        f"{folder}/../{os.path.basename(outside)}",
        f"{folder}/./../{os.path.basename(outside)}",
        f"../{os.path.basename(outside)}",
        os.path.basename(outside),
        f"{folder}/sub/../../{os.path.basename(outside)}",
        f"file://{outside}",
        f"{outside}\0",
        f"{folder}/x\0y",
        f"{folder}/",
        f"{folder}/.",
        f"{folder}/..",
        folder,
        "",
        ".",
        "/",
        "//",
        "~",
        "~/x",
        "/etc/passwd",
        "/etc/hostname",
        "/proc/self/environ",
        "/dev/zero",
        f"//{outside}",
        f"{folder}x/{KEY}",
        "\udcff",
        "\ud800",
        f"{folder}/\ud800",
        f"{folder}/{'x' * 300}",
        "/" + "x" * 5000,
        f"{folder}/" + "../" * 1500 + "etc/passwd",
        "C:\\windows\\win.ini",
        "%2e%2e/outside",
        "http://127.0.0.1:1/x",
        "\n",
        f"{folder}/sub/inside",
    ]


@pytest.fixture
def outside(tmp_path):
    """A file that no token may lead to."""
    path = tmp_path / "a" / "outside"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"canary")
    return str(path)


@pytest.fixture
def opened():
    """What Python opened since, as absolute paths."""
    _watch.paths.clear()
    _watch.on = True
    yield _watch.paths
    _watch.on = False


class _Watch:
    """An audit hook, which cannot be taken away again."""

    def __init__(self):
        self.on = self.added = False
        self.paths = []

    def __call__(self, event, arguments):
        if self.on and event == "open" and isinstance(arguments[0], str):
            self.paths.append(os.path.abspath(arguments[0]))


_watch = _Watch()
sys.addaudithook(_watch)


@pytest.mark.parametrize("kind", [LocalStorageBlock, FileStorageBlock])
def test_no_token_leads_out(kind, store, outside, opened):
    """Every hostile token is refused with a clean error, and nothing is opened."""
    storage = kind(str(store))
    storage.write(DATA)
    (store / "sub").mkdir()
    (store / "sub" / "inside").write_bytes(b"canary")
    (store / "linked").symlink_to(store / "sub")
    tokens = hostile_tokens(str(store), outside) + [f"{store}/linked/inside"]
    for token in tokens:
        opened.clear()
        target = io.BytesIO()
        with pytest.raises(StorageError) as caught:
            storage.read_into(token, target)
        assert not isinstance(caught.value, StorageUnavailableError), token
        assert target.getvalue() == b""
        assert "canary" not in str(caught.value)
        assert len(str(caught.value)) < 1000
        assert str(caught.value).isprintable()
        beyond = [path for path in opened if not path.startswith(f"{store}{os.sep}")]
        assert beyond == [], token


@pytest.mark.parametrize("kind", [LocalStorageBlock, FileStorageBlock])
def test_hostile_tokens_hold_nothing(kind, store, outside):
    """A deployment with such a token is repaired by the next deploy."""
    storage = kind(str(store))
    storage.write(DATA)
    for token in hostile_tokens(str(store), outside):
        assert storage.holds(token, KEY, len(DATA)) is False


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(token=st.text(max_size=50))
def test_any_token_is_an_object_or_a_clean_error(local, token):
    """Reading any text as token never raises anything but our errors."""
    local.write(DATA)
    with pytest.raises(StorageError):
        local.read(token)
    with pytest.raises(StorageError):
        local.read(os.path.join(local.storage_path, token))


@pytest.mark.parametrize("token", [None, 5, b"x", ["x"]], ids=repr)
def test_token_must_be_text(local, token):
    """Anything but text is wrong use."""
    with pytest.raises(TypeError):
        local.read(token)


def make_fifo(path):
    os.mkfifo(path)


def make_folder(path):
    os.mkdir(path)


def make_link(path):
    other = os.path.join(os.path.dirname(os.path.dirname(path)), "target")
    with open(other, "wb") as file:
        file.write(DATA)
    os.symlink(other, path)


def make_dangling_link(path):
    os.symlink("nowhere", path)


@pytest.mark.parametrize("make", [make_fifo, make_folder, make_link])
def test_only_plain_files_are_read(local, store, make):
    """Links, pipes and folders in place of an object are refused at once."""
    store.mkdir(parents=True)
    make(str(store / KEY))
    with pytest.raises(StorageError, match="symbolic link|no plain file"):
        local.read(str(store / KEY))
    assert not local.holds(str(store / KEY), KEY, len(DATA))


@pytest.mark.parametrize("make", [make_fifo, make_link, make_dangling_link])
def test_planted_things_are_replaced_and_not_followed(local, store, make):
    """A write puts the object in the place of a link or pipe that stands there."""
    store.mkdir(parents=True)
    make(str(store / KEY))
    path = local.write(DATA)
    assert stat.S_ISREG(os.lstat(path).st_mode)
    assert local.read(path) == DATA


def test_folder_in_place_of_an_object(local, store):
    """What cannot be replaced raises an error, and nothing is left over."""
    (store / KEY / "full").mkdir(parents=True)
    for use in (lambda: local.write(DATA), lambda: local.read(str(store / KEY))):
        with pytest.raises(StorageError, match="Move it away, and deploy again"):
            use()
    assert everything_in(store) == [KEY, f"{KEY}/full"]


def test_links_at_temporary_names_are_not_followed(local, store, tmp_path):
    """A link at the name of a temporary file is passed by."""
    store.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (store / ".flowpack-00.tmp").symlink_to(victim)
    os.mkfifo(store / ".flowpack-01.tmp")
    assert local.read(local.write(DATA)) == DATA
    assert victim.read_bytes() == b"precious"


# A temporary folder that others may have planted


def plant_link(folder, temporary):
    (temporary / "other").mkdir(mode=0o700)
    folder.symlink_to(temporary / "other")


def plant_file(folder, temporary):
    folder.write_bytes(b"")


def plant_fifo(folder, temporary):
    os.mkfifo(folder)


def plant_open_folder(folder, temporary):
    folder.mkdir()
    folder.chmod(0o777)


def plant_group_folder(folder, temporary):
    folder.mkdir()
    folder.chmod(0o770)


def plant_foreign_folder(folder, temporary):
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize(
    "plant",
    [
        plant_link,
        plant_file,
        plant_fifo,
        plant_open_folder,
        plant_group_folder,
        pytest.param(plant_foreign_folder, marks=AS_ROOT),
    ],
)
def test_planted_temporary_folder_is_refused(temporary, plant):
    """Nothing is written to, nor read from, a folder that others can change."""
    folder = temporary / "prefect"
    plant(folder, temporary)
    with pytest.raises(StorageUnavailableError, match="is not used") as caught:
        TempStorageBlock().write(DATA)
    assert "TMPDIR" in str(caught.value)
    with pytest.raises(StorageError):
        TempStorageBlock().read(str(folder / KEY))
    others = temporary / "other"
    assert not others.exists() or everything_in(others) == []


# Errors of the system


def test_no_temporary_folder(monkeypatch):
    """Where the system has none, the error names the variable to set."""

    def refuse():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    with pytest.raises(StorageUnavailableError, match="Set TMPDIR"):
        TempStorageBlock().write(DATA)


def test_storage_folder_below_a_file(tmp_path):
    """A file where a folder should be is named."""
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        storage = LocalStorageBlock(str(folder))
        with pytest.raises(StorageUnavailableError, match="no folder") as caught:
            storage.write(DATA)
        assert isinstance(caught.value.__cause__, NotADirectoryError)
        assert str(folder) in str(caught.value)


def test_storage_folder_that_is_a_dangling_link(tmp_path):
    """A link to nowhere is not followed into being."""
    (tmp_path / "store").symlink_to(tmp_path / "gone")
    with pytest.raises(StorageUnavailableError):
        LocalStorageBlock(str(tmp_path / "store")).write(DATA)
    assert not (tmp_path / "gone").exists()


def test_storage_folder_in_a_loop_of_links(tmp_path):
    """A loop of links is an error that names the links."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(StorageUnavailableError, match="links"):
        LocalStorageBlock(str(tmp_path / "a")).write(DATA)


def test_storage_path_that_is_too_long(tmp_path):
    """The error asks for a shorter path."""
    with pytest.raises(StorageUnavailableError, match="shorter"):
        LocalStorageBlock(str(tmp_path / ("x" * 300))).write(DATA)


@pytest.fixture
def nobody():
    """Without the rights of root, where the tests have them."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    if before == 0:
        os.seteuid(before)


def test_folder_without_permission(local, store, request):
    """A folder that may not be written is an error, and left empty."""
    store.mkdir(parents=True)
    store.chmod(0o500)
    request.getfixturevalue("nobody")
    with pytest.raises(StorageUnavailableError, match="may use") as caught:
        local.write(DATA)
    assert isinstance(caught.value.__cause__, PermissionError)


def run(code, *arguments, before=None):
    """Run *code* in a process of its own, and return what it printed."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        preexec_fn=before,
    )


WRITE = """
import sys
from flowpack.blocks.storage import LocalStorageBlock
from flowpack.exceptions import FlowpackError
try:
    print(LocalStorageBlock(sys.argv[1]).write(b"x" * int(sys.argv[2])))
except FlowpackError as exc:
    print(type(exc).__name__, exc)
"""


@pytest.mark.parametrize("limit", [0, 1, 512, 4096, 65536])
def test_file_size_limit(store, limit):
    """Where no file may be so large there is a clean error and no file."""

    def before():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = run(WRITE, store, 70000, before=before)
    assert done.stdout.startswith("StorageUnavailableError"), done
    assert "ulimit -f" in done.stdout
    assert done.stderr == ""
    assert everything_in(store) == []
    again = run(WRITE, store, 70000)
    assert again.stdout.strip().startswith(str(store))


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for a few kilobytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    made = subprocess.run(["mount", *options], capture_output=True)
    if made.returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@AS_ROOT
def test_full_disk(small_disk):
    """A full disk is an error; what was stored before stays; it works again later."""
    storage = LocalStorageBlock(str(small_disk))
    first = storage.write(DATA)
    (small_disk / "ballast").write_bytes(b"x" * 8000)
    with pytest.raises(StorageUnavailableError, match="free some space"):
        storage.write(b"y" * 9000)
    assert everything_in(small_disk) == sorted([KEY, "ballast"])
    assert storage.read(first) == DATA
    (small_disk / "ballast").unlink()
    assert storage.read(storage.write(b"y" * 9000)) == b"y" * 9000


@AS_ROOT
def test_read_only_disk(small_disk):
    """A file system that cannot be written is an error; what is there is still read."""
    storage = LocalStorageBlock(str(small_disk))
    token = storage.write(DATA)
    mount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(mount, check=True)
    assert storage.read(token) == DATA
    with pytest.raises(StorageUnavailableError, match="read-only|can be written"):
        storage.write(b"other")


def test_error_of_the_disk_while_reading(local, monkeypatch):
    """The system's error of a broken disk becomes ours."""
    token = local.write(DATA)

    def fail(path, *arguments, **named):
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fail)
        with pytest.raises(StorageUnavailableError, match="disk may be failing"):
            local.read(token)


# Durability


class Steps:
    """What was done to files, in order, as far as durability goes."""

    def __init__(self, monkeypatch):
        self.taken = []
        for name in ("fsync", "replace", "mkdir"):
            monkeypatch.setattr(os, name, self._watched(getattr(os, name), name))

    def _watched(self, real, name):
        def step(target, *arguments, **named):
            result = real(target, *arguments, **named)
            self.taken.append((name, self._name_of(target)))
            return result

        return step

    def _name_of(self, target):
        if not isinstance(target, int):
            return os.path.basename(target)
        is_folder = stat.S_ISDIR(os.fstat(target).st_mode)
        if not is_folder:
            return "file"
        return os.path.basename(os.readlink(f"/proc/self/fd/{target}"))


@pytest.mark.parametrize(
    ("number", "works"), [(errno.EINVAL, True), (errno.EIO, False)]
)
def test_folder_that_cannot_be_brought_to_the_disk(local, monkeypatch, number, works):
    """Where a file system knows no such thing, nothing is lost; a failing disk is an error."""
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if works:
        assert local.read(local.write(DATA)) == DATA
    else:
        with pytest.raises(StorageUnavailableError, match="disk may be failing"):
            local.write(DATA)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="looks into /proc")
def test_order_of_what_makes_it_last(local, store, monkeypatch):
    """A rename comes after the file is on the disk, and before its folder is."""
    steps = Steps(monkeypatch)
    local.write(DATA)
    assert steps.taken == [
        ("mkdir", "a"),
        ("mkdir", "store"),
        ("fsync", "a"),
        ("fsync", os.path.basename(store.parent.parent)),
        ("fsync", "file"),
        ("replace", ".flowpack-00.tmp"),
        ("fsync", "store"),
    ]
    steps.taken.clear()
    local.write(DATA)
    assert steps.taken == [("fsync", "store")]


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="looks into /proc")
def test_folder_whose_maker_was_killed(local, store, monkeypatch):
    """The first to put something into a folder brings it to the disk, too."""
    store.mkdir(parents=True)
    steps = Steps(monkeypatch)
    local.write(DATA)
    synced = [("fsync", "a"), ("fsync", os.path.basename(store.parent.parent))]
    assert steps.taken[:3] == [*synced, ("fsync", "file")]
    steps.taken.clear()
    local.write(DATA + b"# more\n")
    assert steps.taken[0] == ("fsync", "file")


def test_final_name_is_never_opened_for_writing(local, store, opened):
    """Only temporary names are written to."""
    modes = []

    def watch(event, arguments):
        if _watch.on and event == "open" and KEY in str(arguments[0]):
            modes.append(arguments[2] & os.O_ACCMODE)

    sys.addaudithook(watch)
    local.write(DATA)
    local.write(DATA)
    assert set(modes) == {os.O_RDONLY}


# Many at once


def test_threads_that_write_the_same(local):
    """All of them succeed, and there is one object."""
    data = os.urandom(200_000)
    failures = []

    def write():
        try:
            assert local.read(local.write(data)) == data
        except Exception as exc:
            failures.append(exc)

    threads = [threading.Thread(target=write) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(os.listdir(local.storage_path)) == 1


def test_readers_see_whole_objects(local):
    """While damaged objects are replaced a reader sees all of one or of the other."""
    data = os.urandom(1_000_000)
    path = local.write(data)
    damaged = data[:500_000]
    stop = threading.Event()

    def spoil():
        while not stop.is_set():
            other = f"{path}.spoiled"
            with open(other, "wb") as file:
                file.write(damaged)
            os.replace(other, path)
            local.write(data)

    thread = threading.Thread(target=spoil)
    thread.start()
    seen = {len(local.read(path)) for _ in range(100)}
    stop.set()
    thread.join()
    assert seen <= {len(data), len(damaged)}


def test_large_objects_need_little_memory(store):
    """A large object goes in and out in constant memory."""
    code = """
import io, resource, sys, hashlib
from flowpack.blocks.storage import LocalStorageBlock
class Zeros(io.RawIOBase):
    left = 300 << 20
    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)
class Nothing(io.RawIOBase):
    def write(self, block):
        return len(block)
digest = hashlib.sha256()
for _ in range(300):
    digest.update(bytes(1 << 20))
storage = LocalStorageBlock(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
token = storage.write_from(Zeros(), digest.hexdigest())
assert storage.holds(token, digest.hexdigest(), 300 << 20)
storage.read_into(token, Nothing())
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = run(code, store)
    assert done.stderr == ""
    assert int(done.stdout) < 16


def test_missing_object_names_path_and_step(local, store):
    """The error says which file and what to do."""
    with pytest.raises(ObjectMissingError, match="flowpack deploy .*--conf") as caught:
        local.read(str(store / KEY))
    assert str(store) in str(caught.value)
    assert isinstance(caught.value, FlowpackError)
