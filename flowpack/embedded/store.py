"""The database: one SQLite file that many processes and threads may share."""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

import attrs

from flowpack.embedded import files, migrations
from flowpack.exceptions import printable, quoted

Result = TypeVar("Result")
Row = sqlite3.Row

#: What the file says it is: "flpk", for ``PRAGMA application_id``.
APPLICATION_ID = int.from_bytes(b"flpk", "big")

#: How long SQLite itself waits for a lock, in seconds. Short, for nothing can
#: interrupt it, and other threads wait meanwhile; who waits longer asks again.
_LOCK_WAIT = 0.02
_PAUSE = 0.005

#: Held by the one thread of this process that is in SQLite.
_turn = threading.RLock()


@functools.lru_cache(maxsize=None)
def _keep_forks_out() -> None:
    """See that no process is forked while one of its threads is in SQLite.

    The child would inherit SQLite's own locks as they are, with nobody to release
    them.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_turn.acquire,
            after_in_parent=_turn.release,
            after_in_child=_turn.release,
        )


class Unusable(Exception):
    """The database cannot be used as it is."""


class Conflict(Exception):
    """A constraint refused a write: something is taken, or refers to nothing."""


#: What may come out of a store's methods; :meth:`Store.explain` has words for it.
FAILURES = (sqlite3.Error, OSError, Unusable)


_RESTORE = (
    "Put a copy of it back, or move it away to begin with an empty one; flowpack does"
    " not touch it"
)

#: Parts of SQLite's messages, and what they mean here. (Its error codes reach
#: Python in 3.11 only.)
_MEANINGS = (
    ("readonly", "cannot be written. Check owner and mode, its folder's too"),
    ("disk is full", "cannot grow: the disk is full. Make room; nothing was changed"),
    (
        "disk I/O error",
        "cannot be read or written: the disk is full, over its quota or faulty."
        " Nothing was changed",
    ),
    ("malformed", f"is damaged. {_RESTORE}"),
    ("not a database", f"is damaged, or no SQLite database at all. {_RESTORE}"),
    ("unable to open", "cannot be opened. Check the owner and the mode of its folder"),
)


@attrs.frozen
class Session:
    """Runs statements inside one transaction."""

    _connection: sqlite3.Connection

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement and return how many rows it changed.

        Raises:
            Conflict: A constraint refused it.
        """
        try:
            return self._connection.execute(sql, values).rowcount
        except sqlite3.IntegrityError as exc:
            raise Conflict(str(exc)) from exc

    def one(self, sql: str, *values: Any) -> Optional[Row]:
        """Return the first row that a query finds."""
        row: Optional[Row] = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> List[Row]:
        """Return every row that a query finds."""
        return self._connection.execute(sql, values).fetchall()


@attrs.define
class _Handle:
    """What one process has open; *identity* tells whether it is still that file."""

    connection: Optional[sqlite3.Connection] = None
    identity: Optional[Tuple[int, int]] = None

    def drop(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class Store:
    """Runs transactions on the database at *path*, one at a time in each process.

    The file is opened by the first transaction, which makes it if it is missing.
    A forked process opens it anew: a connection of SQLite's must not cross a fork.

    Attributes:
        path: The file, absolute.
    """

    def __init__(self, path: str, busy_timeout: float) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self._handles: Dict[int, _Handle] = {}

    def read(self, action: Callable[[Session], Result]) -> Result:
        """Run *action* on one unchanging view of the database.

        *action* may run again from its start, if the database was busy.
        """
        return self._transaction("BEGIN", action)

    def write(self, action: Callable[[Session], Result]) -> Result:
        """Run *action* and keep what it wrote, on the disk, when it returns.

        All of it is undone if *action* raises. It may run again from its start, if
        the database was busy.
        """
        return self._transaction("BEGIN IMMEDIATE", action)

    def close(self) -> None:
        """Close the file, unless it is closed; the next transaction opens it."""
        with _turn:
            self._handle().drop()

    def explain(self, failure: BaseException) -> str:
        """Say what a failure means, and what to do."""
        file = f"the database {quoted(self.path, 500)}"
        if isinstance(failure, Unusable):
            return f"{file} {failure}"
        if isinstance(failure, OSError):
            said = failure.strerror or failure
            return f"{file} cannot be opened: {printable(said)}"
        if _is_busy(failure):
            return (
                f"{file} is busy: others wrote to it for the whole"
                f" {self._busy_timeout:g} s that this process waited. Try again; if it"
                " stays so, look for a flowpack process that hangs"
            )
        for words, meaning in _MEANINGS:
            if words in str(failure):
                return f"{file} {meaning} ({printable(failure)})"
        return f"{file} failed: {printable(failure)}"

    def _transaction(self, begin: str, action: Callable[[Session], Result]) -> Result:
        _keep_forks_out()
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                with _turn:
                    return self._attempt(begin, action)
            except sqlite3.OperationalError as exc:
                if not _is_busy(exc) or time.monotonic() >= deadline:
                    raise
            time.sleep(_PAUSE)

    def _attempt(self, begin: str, action: Callable[[Session], Result]) -> Result:
        handle = self._handle()
        connection = self._connection(handle)
        try:
            connection.execute(begin)
            result = action(Session(connection))
            connection.execute("COMMIT")
        except BaseException as exc:
            _undo(handle, connection, exc)
            raise
        return result

    def _handle(self) -> _Handle:
        """Return this process's handle; that of a parent stays as it is."""
        return self._handles.setdefault(os.getpid(), _Handle())

    def _connection(self, handle: _Handle) -> sqlite3.Connection:
        if handle.connection is None or handle.identity != _identity(self.path):
            # Closed, or somebody removed the file or put another in its place.
            handle.drop()
            handle.connection = self._open()
            handle.identity = _identity(self.path)
        return handle.connection

    def _open(self) -> sqlite3.Connection:
        self._refuse_lone_log()
        files.prepare(self.path)
        connection = sqlite3.connect(
            self.path,
            timeout=_LOCK_WAIT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection)
            # Waits for the others that are just beginning, too: ``_transaction``
            # tries again.
            connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_lone_log(self) -> None:
        """Refuse a log whose database is gone: SQLite would throw the log away.

        flowpack's own databases are never empty any more when their log begins.
        """
        log = self.path + "-wal"
        if _size(log) and not _size(self.path):
            raise Unusable(
                "is empty or gone, but its log is not. Put a copy of it back, or move"
                f" the log {quoted(log, 500)} away to begin with an empty one; flowpack"
                " does not touch it"
            )


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest version, unless it is there.

    Raises:
        Unusable: It is another program's, or a newer release's.
    """
    newest = len(migrations.STEPS)
    if _marks(connection) == (APPLICATION_ID, newest):
        return
    connection.execute("BEGIN IMMEDIATE")
    application, version = _marks(connection)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (application or version or tables):
        raise Unusable("is an SQLite database of another program. Name another file")
    if version > newest:
        raise Unusable(
            f"was made by a newer flowpack (its version is {version}, this release"
            f" knows {newest}). Install that release, or name another file"
        )
    for step in migrations.STEPS[version:]:
        step(Session(connection))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {newest}")
    connection.execute("COMMIT")


def _marks(connection: sqlite3.Connection) -> Tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _undo(
    handle: _Handle, connection: sqlite3.Connection, failure: BaseException
) -> None:
    if isinstance(failure, sqlite3.Error) and not _is_busy(failure):
        handle.drop()  # Which rolls back. Whatever happened, the next one starts anew.
        return
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        handle.drop()


def _is_busy(failure: BaseException) -> bool:
    said = str(failure)
    return isinstance(failure, sqlite3.OperationalError) and (
        "is locked" in said or "locking protocol" in said
    )


def _identity(path: str) -> Optional[Tuple[int, int]]:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
