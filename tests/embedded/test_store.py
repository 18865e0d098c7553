"""The file: who may read it, what it promises, and how it refuses."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import sqlite3
import stat
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flowpack.embedded import EmbeddedTransport, migrations, store
from flowpack.embedded.api import read_deployments
from flowpack.embedded.session import Refused
from flowpack.embedded.store import APPLICATION_ID, Store
from flowpack.exceptions import APIConnectionError, FlowpackError
from tests.embedded.calls import PAGE, call, create_flow, deploy, names
from tests.embedded.conftest import run_python


def modes(folder):
    """Return the mode of the folder and of each file in it, by name."""
    return {
        path.name: oct(stat.S_IMODE(path.stat().st_mode))
        for path in [folder, *folder.iterdir()]
    }


def fill(transport):
    """Write enough for several pages: ten flows, each with a deployment."""
    for number in range(10):
        deploy(transport, f"flow {number}", "d", parameters={"x": "x" * 3000})


@pytest.fixture
def closed(database):
    """A database with something in it, that nobody has open."""
    transport = EmbeddedTransport(database)
    fill(transport)
    transport.close()
    assert os.listdir(database.parent) == ["flowpack.db"]
    return database


def refused(transport, method="POST", path="/flows/", body={"name": "f", "tags": []}):
    """Send a request that must fail; return the error's text."""
    with pytest.raises(APIConnectionError) as caught:
        call(transport, method, path, body)
    assert caught.value.__cause__ is not None
    assert str(caught.value).isprintable()
    return str(caught.value)


class TestModes:
    """Only the owner reads and writes, whatever the umask."""

    @pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777], ids=oct)
    def test_what_flowpack_makes(self, database, umask):
        """Folders are 0700; the file, its log and its index are 0600."""
        before = os.umask(umask)
        try:
            transport = EmbeddedTransport(database.parent / "deep" / "flowpack.db")
            create_flow(transport, "f")
            found = modes(database.parent / "deep")
            transport.close()
        finally:
            os.umask(before)
        assert found == {
            "deep": "0o700",
            "flowpack.db": "0o600",
            "flowpack.db-shm": "0o600",
            "flowpack.db-wal": "0o600",
        }
        assert modes(database.parent)["new"] == "0o700"

    def test_what_was_there(self, database, open_api):
        """A folder that exists is left as it is, and so is a file that is in use."""
        database.parent.mkdir(mode=0o755)
        database.parent.chmod(0o755)
        call(open_api(), "GET", "/flows/filter")
        transport = open_api()
        fill(transport)
        database.chmod(0o640)
        fill(open_api())
        assert modes(database.parent)["new"] == "0o755"
        assert modes(database.parent)["flowpack.db"] == "0o640"


class TestPromises:
    """What SQLite is told to keep."""

    def test_settings(self, database):
        """Answered is on the disk, readers do not wait, references hold."""
        store = Store(str(database), 1.0)

        def setting(name):
            (value,) = store.read(lambda session: session.all(f"PRAGMA {name}"))[0]
            return value

        assert setting("synchronous") == 2  # FULL
        assert setting("journal_mode") == "wal"
        assert setting("foreign_keys") == 1
        assert setting("application_id") == APPLICATION_ID
        assert setting("user_version") == len(migrations.STEPS)
        store.close()

    def test_all_or_nothing(self, database):
        """What a transaction wrote is undone when it fails, however it fails."""
        store = Store(str(database), 1.0)

        def write(session):
            session.run("DELETE FROM block_type")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store.write(write)
        rows = store.read(lambda session: session.all("SELECT * FROM block_type"))
        assert len(rows) == 8
        with sqlite3.connect(database, timeout=0) as other:
            other.execute("BEGIN IMMEDIATE")
        other.close()
        store.close()

    def test_constraints_decide(self, database):
        """A constraint's refusal undoes the statement, not the transaction."""
        store = Store(str(database), 1.0)
        insert = "INSERT INTO flow VALUES (?, 'c', 'u', 'name', '[]')"

        def write(session):
            session.run(insert, "one")
            with pytest.raises(Refused):
                session.run(insert, "two")

        store.write(write)
        (row,) = store.read(lambda session: session.all("SELECT id FROM flow"))
        assert row["id"] == "one"
        store.close()

    @pytest.mark.parametrize(
        ("sql", "values"),
        [
            ("SELECT * FROM flow WHERE name = ?", ["x"]),
            (
                "SELECT d.* FROM deployment AS d JOIN flow AS f ON f.id = d.flow_id"
                " WHERE f.name = ? AND d.name = ?",
                ["x", "y"],
            ),
            ("SELECT * FROM block_schema WHERE checksum = ?", ["x"]),
            (
                "SELECT * FROM block_document WHERE block_type_id = ? AND name = ?",
                ["x", "y"],
            ),
            ("DELETE FROM flow_run WHERE deployment_id = ?", ["x"]),
            ("DELETE FROM deployment WHERE id = ?", ["x"]),
            ("DELETE FROM block_document WHERE id = ?", ["x"]),
        ],
    )
    def test_look_ups_use_indexes(self, api, database, sql, values):
        """No look-up reads a whole table, so that it is as fast with many rows."""
        assert not scans(api, database, sql, values)

    @pytest.mark.parametrize(
        "asked",
        [
            {"deployments": {"name": {"any_": ["x"]}}},
            {"flows": {"name": {"any_": ["x"]}}},
            {"flows": {"name": {"any_": ["x"]}}, "deployments": {"name": {"any_": []}}},
        ],
    )
    def test_filters_use_indexes(self, api, database, asked):
        """Names are looked up, not searched for."""
        watched: Any = Watched()
        read_deployments(watched, {"limit": 200, "offset": 0, **asked})
        assert not scans(api, database, *watched.query)


class Watched:
    """A transaction that only keeps the query it is asked to run."""

    def all(self, sql, *values):
        """Keep a query; it finds nothing."""
        self.query = sql, values
        return []


def scans(api, database, sql, values):
    """Return the steps of a query that read a whole table."""
    call(api, "GET", "/flows/name/x")
    connection = sqlite3.connect(database)
    try:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    finally:
        connection.close()
    tables = ("flow", "deployment", "block", "f", "d")
    return [
        step[3]
        for step in steps
        if step[3].startswith("SCAN ")
        and step[3].replace("TABLE ", "").split()[1].startswith(tables)
    ]


class TestDamage:
    """What cannot be used is named, and never touched."""

    def expect_refusal(self, database, words):
        """Every request is refused in clean words; the file stays as it is."""
        before = database.read_bytes()
        transport = EmbeddedTransport(database)
        for method, path, body in [
            ("POST", "/flows/", {"name": "f", "tags": []}),
            ("POST", "/flows/filter", PAGE),
        ]:
            said = refused(transport, method, path, body)
            assert str(database) in said
            assert words in said
        transport.close()
        assert database.read_bytes() == before

    def test_no_database(self, closed):
        """A file of something else."""
        closed.write_text("this is no database, " * 100)
        self.expect_refusal(closed, "is damaged, or no SQLite database at all")

    @pytest.mark.parametrize("size", [10, 99, 100, 511, 512, 4096, 20_000, -4096])
    def test_truncated(self, closed, size):
        """A file that was cut off."""
        content = closed.read_bytes()
        closed.write_bytes(content[:size])
        self.expect_refusal(closed, "is damaged")

    def test_zeroed_header(self, closed):
        """A file whose beginning was wiped out."""
        content = closed.read_bytes()
        closed.write_bytes(bytes(4096) + content[4096:])
        self.expect_refusal(closed, "is damaged")

    def test_zeroed_pages(self, closed):
        """A file with a page wiped out: each request works or is refused cleanly."""
        content = closed.read_bytes()
        refusals = 0
        for start in range(4096, len(content), 4096):
            closed.write_bytes(content[:start] + bytes(4096) + content[start + 4096 :])
            transport = EmbeddedTransport(closed)
            for path in ("/flows/filter", "/deployments/filter"):
                try:
                    assert call(transport, "POST", path, PAGE)[0] == 200
                except APIConnectionError as exc:
                    assert f"{str(closed)!r} is damaged" in str(exc)
                    refusals += 1
            transport.close()
        assert refusals

    def test_newer_version(self, closed):
        """A file that a later release has changed."""
        self.mark(closed, "PRAGMA user_version = 99")
        self.expect_refusal(closed, "was made by a newer flowpack (its version is 99")

    @pytest.mark.parametrize(
        "statement",
        ["PRAGMA application_id = 7", "PRAGMA user_version = 7", "CREATE TABLE x (y)"],
    )
    def test_foreign(self, database, statement):
        """A file of another program's."""
        database.parent.mkdir()
        self.mark(database, statement)
        self.expect_refusal(database, "is an SQLite database of another program")

    def mark(self, database, statement):
        connection = sqlite3.connect(database)
        connection.execute(statement)
        connection.commit()
        connection.close()

    def test_log_without_database(self, closed):
        """A log holds what its database does not: it is not thrown away."""
        log = closed.with_name("flowpack.db-wal")
        log.write_bytes(b"x" * 100)
        for damage in (lambda: closed.write_bytes(b""), closed.unlink):
            damage()
            transport = EmbeddedTransport(closed)
            assert "is empty or gone, but its log is not" in refused(transport)
            assert log.read_bytes() == b"x" * 100

    def test_empty_file(self, database, open_api):
        """An empty file is damaged: nobody knows what was in it."""
        database.parent.mkdir()
        database.touch()
        self.expect_refusal(database, "is empty, so what was in it is lost")
        assert os.listdir(database.parent) == ["flowpack.db"]
        database.unlink()
        fill(open_api())

    def test_left_by_a_killed_process(self, database, open_api):
        """What one that was making the database left is used by the next."""
        database.parent.mkdir()
        database.with_name("flowpack.db-new").write_bytes(b"half a page" * 100)
        fill(open_api())
        assert "flowpack.db-new" not in modes(database.parent)

    @pytest.mark.parametrize("kind", ["folder", "fifo"])
    def test_no_file(self, database, kind):
        """What is no file is refused, and not waited for."""
        database.parent.mkdir()
        database.mkdir() if kind == "folder" else os.mkfifo(database)
        said = refused(EmbeddedTransport(database))
        assert "directory" in said if kind == "folder" else "regular file" in said

    def test_folder_that_is_a_file(self, database):
        """A path through a file leads nowhere."""
        database.parent.write_text("")
        assert "cannot be opened" in refused(EmbeddedTransport(database))

    def test_odd_path_in_the_message(self, tmp_path):
        """A message is one line, whatever the file is called."""
        database = tmp_path / "a\nb\x1b[31m" / "flowpack.db"
        database.mkdir(parents=True)
        assert "\\n" in refused(EmbeddedTransport(database))


class TestBeginning:
    """The file is there with all its tables, or not at all."""

    def test_who_is_making_it_is_waited_for(self, database, open_api):
        """As long as for any other writer."""
        database.parent.mkdir()
        with open(f"{database}-new", "wb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert "is busy" in refused(open_api(busy_timeout=0.2))
            assert other.tell() == 0 and not database.exists()
        fill(open_api())

    def test_who_was_faster_wins(self, database, closed, monkeypatch):
        """A database that came while another was made is the one that is used."""
        content = closed.read_bytes()
        closed.unlink()
        real = store._make_file

        def late(path):
            Path(path).write_bytes(content)
            return real(path)

        monkeypatch.setattr(store, "_make_file", late)
        transport = EmbeddedTransport(closed)
        assert len(names(transport)) == 10
        transport.close()
        assert os.listdir(closed.parent) == ["flowpack.db"]

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
    def test_occupied_draft(self, database, make):
        """What is no file of ours is refused, and not waited for."""
        database.parent.mkdir()
        make(f"{database}-new")
        assert "flowpack.db-new'" in refused(EmbeddedTransport(database))
        assert "cannot be opened" in refused(EmbeddedTransport(database))


class TestReplaced:
    """The file may go and come back while a process has it open."""

    def test_removed(self, api, database):
        """Where the file was removed a new one begins."""
        fill(api)
        for path in database.parent.iterdir():
            path.unlink()
        assert len(names(api)) == 0
        assert create_flow(api, "f")[0] == 201
        assert database.exists()

    def test_put_back(self, api, database, tmp_path):
        """Where a copy was put back the copy counts."""
        fill(api)
        api.close()
        shutil.copy(database, tmp_path / "copy")
        create_flow(api, "later")
        api.close()
        assert len(names(api)) == 11
        os.replace(tmp_path / "copy", database)
        for path in database.parent.glob("*-*"):
            path.unlink()
        assert len(names(api)) == 10


class TestBusy:
    """One writes, others wait; readers do not."""

    @pytest.fixture
    def writer(self, api, database):
        """Somebody who holds the write lock."""
        create_flow(api, "f")
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.close()

    def test_time_out(self, open_api, writer):
        """Who has waited long enough says so, and is served later."""
        api = open_api(busy_timeout=0.2)
        began = time.monotonic()
        assert "is busy: others wrote to it for the whole 0.2 s" in refused(api)
        assert 0.2 <= time.monotonic() - began < 5
        writer.execute("COMMIT")
        assert create_flow(api, "f")[0] == 200

    def test_patience(self, api, database):
        """Who waits is served when the other one has finished."""
        create_flow(api, "f")
        writing = threading.Event()

        def write():
            with contextlib.closing(sqlite3.connect(database)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                writing.set()
                time.sleep(0.3)
                connection.execute("COMMIT")

        other = threading.Thread(target=write)
        other.start()
        writing.wait()
        assert create_flow(api, "g")[0] == 201
        other.join()

    def test_readers_do_not_wait(self, open_api, writer):
        """A reader sees what was there before."""
        api = open_api(busy_timeout=0.0)
        assert len(names(api)) == 1

    def test_interrupt(self, open_api, writer):
        """Ctrl-C ends the waiting at once, and nothing stays locked."""
        api = open_api()

        def interrupt(*_):
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        began = time.monotonic()
        try:
            with pytest.raises(KeyboardInterrupt):
                create_flow(api, "f")
        finally:
            signal.signal(signal.SIGALRM, before)
        assert time.monotonic() - began < 1
        writer.execute("COMMIT")
        assert create_flow(api, "f")[0] == 200

    def test_other_threads_time_out_too(self, open_api, writer):
        """A thread that waits behind another one does not wait twice as long."""
        api = open_api(busy_timeout=0.4)
        began = time.monotonic()
        errors = []

        def write():
            try:
                create_flow(api, "f")
            except FlowpackError as exc:
                errors.append(str(exc))

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([error for error in errors if "is busy" in error]) == 4
        assert time.monotonic() - began < 2


DISK_FULL = """
import json, resource, sys
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import FlowpackError
from tests.embedded.calls import call, create_flow

api = EmbeddedTransport(sys.argv[1])
limit = int(sys.argv[2])
if limit > 4096:
    assert create_flow(api, "before")[0] == 201
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
written, refused = [], None
while refused is None and len(written) < 2000:
    try:
        status, flow = create_flow(api, f"{len(written)} " + "x" * 500)
        written.append(flow["id"])
    except FlowpackError as exc:
        refused = str(exc)
assert refused and "cannot" in refused and sys.argv[1] in refused, refused
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
assert create_flow(api, "after")[0] == 201
for flow_id in written:
    assert call(api, "GET", f"/flows/{flow_id}")[0] == 200, flow_id
print(len(written))
api.close()
"""


@pytest.mark.parametrize("limit", [0, 100, 4096, 100_000])
def test_full_disk(database, limit):
    """A full disk is a clean error; all that was answered is there, and it goes on."""
    written = int(run_python(DISK_FULL, database, limit))
    assert (written > 0) == (limit > 4096)
    connection = sqlite3.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


READ_ONLY = """
import os, sqlite3, sys
from flowpack.embedded import EmbeddedTransport
from flowpack.exceptions import FlowpackError
from tests.embedded.calls import call, create_flow

if os.geteuid() == 0:  # Whom no mode stops.
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
api = EmbeddedTransport(sys.argv[1], busy_timeout=1.0)
for _ in range(2):
    try:
        create_flow(api, "f")
    except FlowpackError as exc:
        print(exc)
"""


class TestReadOnly:
    """What may not be written is a clean error."""

    @pytest.fixture
    def folder(self):
        """A folder that everybody may reach, unlike those of pytest's."""
        path = Path(tempfile.mkdtemp())
        path.chmod(0o755)
        yield path
        path.chmod(0o755)
        shutil.rmtree(path)

    def errors(self, database):
        errors = run_python(READ_ONLY, database).splitlines()
        assert len(errors) == 2
        assert all(str(database) in error for error in errors)
        return errors[0]

    def test_folder(self, folder):
        """A folder that may not be written gets no database."""
        folder.chmod(0o555)
        said = self.errors(folder / "x.db")
        assert "cannot be opened: Permission denied" in said
        assert said.endswith("or set FLOWPACK_HOME to another folder")

    def test_folder_above(self, folder):
        """A folder that may not be written gets no folder."""
        folder.chmod(0o555)
        said = self.errors(folder / "new" / "x.db")
        assert "cannot be opened: Permission denied" in said

    def test_file(self, folder):
        """A database that may not be written, in a folder that may."""
        transport = EmbeddedTransport(folder / "x.db")
        fill(transport)
        transport.close()
        (folder / "x.db").chmod(0o444)
        folder.chmod(0o777)
        assert "Check" in self.errors(folder / "x.db")

    def test_file_in_folder(self, folder):
        """A database and a folder that may be read only."""
        transport = EmbeddedTransport(folder / "x.db")
        fill(transport)
        transport.close()
        (folder / "x.db").chmod(0o444)
        folder.chmod(0o555)
        assert "Check" in self.errors(folder / "x.db")
