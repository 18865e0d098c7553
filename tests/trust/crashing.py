"""Deploys that die, or fail, at each of their steps; run as a program of its own.

    python -m tests.trust.crashing HOW STATE FOLDER [STRIDE]

A step is what Python tells its audit hooks about files below the folder, each call
that brings something to the disk, and each SQL statement. The program deploys in
a forked child that HOW happens to, looks at what is left, deploys again in another
one, and prints one line of JSON for each step that it tried.

HOW is ``kill`` (SIGKILL), ``lines`` (the same, and steps are the executed lines of
the library), ``data`` (and what was not synced is cut in half),
``entries`` (and names whose folder was not synced are as before), or the name of
an exception to raise. STATE is ``fresh``, ``update`` (an earlier deploy of other
bytes) or ``again`` (of the same bytes).
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import shutil
import signal
import sqlite3
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from flowpack import (
    DeploymentSpec,
    EmbeddedAPIWarning,
    FileStorageBlock,
    deploy,
    get_client,
)
from flowpack.exceptions import FlowpackError
from tests.clients import SCRIPT
from tests.source import PACKAGE
from tests.trust.invariants import objects_in, problems, state_of

EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.chmod", "sqlite3.connect")
OLD, NEW = SCRIPT.encode(), SCRIPT.encode() + b"# more\n" * 3000

RAISED: Dict[str, Callable[[], BaseException]] = {
    "KeyboardInterrupt": KeyboardInterrupt,
    "MemoryError": MemoryError,
    "OSError": lambda: OSError(errno.EIO, os.strerror(errno.EIO)),
}


class Steps:
    """Counts the steps of this process, and strikes before one of them."""

    def __init__(
        self, folder: Path, at: int, strike: Callable[[], Any], lines: bool = False
    ) -> None:
        self._folder = os.fsencode(folder)
        self._at = at
        self._lines = lines
        self._strike = strike
        self._log = os.open(folder / "steps", os.O_CREAT | os.O_WRONLY)
        self.count = 0
        self._active = False

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count what happens meanwhile."""
        if self._lines:
            self._active = True
            sys.settrace(self._trace)
            yield
            self._active = False
            return
        sys.addaudithook(self._audit)
        os.fsync = self._wrapped(os.fsync)
        os.fchmod = self._wrapped(os.fchmod)
        connect: Any = sqlite3.connect

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> Any:
                steps.step("sql", sql.split()[0])
                return super().execute(sql, *values)

        steps = self
        counting: Any = functools.partial(connect, factory=Connection)
        sqlite3.connect = counting
        self._active = True
        try:
            yield
        finally:
            self._active = False

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(str(PACKAGE)):
            return None
        if event == "line":
            self.step(code.co_filename, str(frame.f_lineno))
        return self._trace

    def _audit(self, event: str, arguments: Tuple[Any, ...]) -> None:
        if self._active and event in EVENTS:
            paths = [each for each in arguments if isinstance(each, (str, bytes))]
            if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
                event = "opened to write"
            if paths and os.fsencode(paths[0]).startswith(self._folder):
                self.step(event, *map(os.fsdecode, paths[:2]))

    def _wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(descriptor: int, *arguments: Any) -> None:
            if not self._active:
                call(descriptor, *arguments)
                return
            self.step(call.__name__, str(descriptor))
            call(descriptor, *arguments)
            if call.__name__ == "fsync":
                self._note("synced", os.readlink(f"/proc/self/fd/{descriptor}"))

        return wrapper

    def step(self, *what: str) -> None:
        """Take note of a step, unless it is the one to strike at."""
        if not self._active:
            return
        self.count += 1
        if self.count == self._at:
            self._active = False
            self._strike()
        self._note(*what)

    def _note(self, *what: str) -> None:
        os.write(self._log, (json.dumps(what) + "\n").encode())


def deploy_here(folder: Path, content: bytes, steps: Optional[Steps] = None) -> str:
    """Deploy *content* to the embedded API and a folder; *steps* counts meanwhile."""
    watched = contextlib.nullcontext() if steps is None else steps.counted()
    script = folder / "hello.py"
    script.write_bytes(content)
    warnings.simplefilter("ignore", EmbeddedAPIWarning)
    spec = DeploymentSpec(
        name="first",
        flow_location=script,
        flow_storage=FileStorageBlock(str(folder / "new" / "store")),
    )
    with get_client() as client:
        try:
            with watched:
                return deploy(spec, client)[0].action
        finally:
            assert_free(folder)


def assert_free(folder: Path) -> None:
    """See that nobody holds a lock of the database, or has a transaction open."""
    database = folder / "home" / "flowpack.db"
    if database.exists():
        connection = sqlite3.connect(database, timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()


def in_child(work: Callable[[], str]) -> str:
    """Run *work* in a forked child; return what it returned, or how it ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        try:
            said = work()
        except BaseException as exc:
            said = ("FlowpackError: " if isinstance(exc, FlowpackError) else "") + (
                f"{type(exc).__name__}: {exc}"
            )
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else said


def strike_for(how: str) -> Callable[[], Any]:
    """Return what happens at the step."""
    if how not in RAISED:
        return lambda: os.kill(os.getpid(), signal.SIGKILL)

    def fail() -> None:
        raise RAISED[how]()

    return fail


def lose(folder: Path, entries: bool) -> None:
    """Leave of the storage what a power loss leaves, by what was synced."""
    log = [json.loads(line) for line in (folder / "steps").read_text().splitlines()]
    store = folder / "new" / "store"
    synced = {entry[1] for entry in log if entry[0] == "synced"}
    renames = [(entry[1], entry[2]) for entry in log if entry[0] == "os.rename"]
    whole = synced | {new for old, new in renames if old in synced}
    for name, data in objects_in(store).items():
        path = store / name
        if str(path) not in whole and _was_written(str(path), log):
            path.write_bytes(data[: len(data) // 2])
    if entries:
        _undo(log, folder / "new")


def _undo(log: List[List[str]], below: Path) -> None:
    """Undo what was made and renamed in folders that were not synced afterwards."""
    todo: List[List[str]] = []
    for what, *paths in log:
        if what == "synced":
            todo = [each for each in todo if os.path.dirname(each[-1]) != paths[0]]
        elif what in ("os.rename", "os.mkdir") and paths[-1].startswith(str(below)):
            todo.append(paths)
    for paths in reversed(todo):
        if len(paths) == 1:
            shutil.rmtree(paths[0], ignore_errors=True)
        elif os.path.exists(paths[1]):
            os.rename(paths[1], paths[0])


def _was_written(path: str, log: List[List[str]]) -> bool:
    return any(
        path in entry[1:]
        for entry in log
        if entry[0] in ("opened to write", "os.rename")
    )


def try_step(how: str, state: str, folder: Path, at: int) -> Optional[Dict[str, Any]]:
    """Strike at one step and see what is left; None if there is no such step."""
    os.makedirs(folder)
    os.environ["FLOWPACK_HOME"] = str(folder / "home")
    if state != "fresh":
        earlier = OLD if state == "update" else NEW
        in_child(lambda: deploy_here(folder, earlier))

    def work() -> str:
        steps = Steps(folder, at, strike_for(how), lines=how == "lines")
        return f"done {deploy_here(folder, NEW, steps)}"

    ended = in_child(work)
    if ended.startswith("done"):
        return None
    if how in ("data", "entries"):
        lose(folder, entries=how == "entries")
    found = check(folder, drafts=how not in RAISED)
    again = in_child(lambda: deploy_here(folder, NEW))
    steps = (folder / "steps").read_text().splitlines()
    result = {
        "at": at,
        "before": steps[-1] if steps else "",
        "ended": ended,
        "problems": found,
        "again": again,
        "problems_again": check(folder, drafts=0),
        "counts": state_here(folder).counts,
    }
    shutil.rmtree(folder)
    return result


def state_here(folder: Path) -> Any:
    return state_of(folder / "home" / "flowpack.db", objects_in(folder / "new/store"))


def check(folder: Path, drafts: int) -> List[str]:
    """Return what is wrong in *folder*."""
    database = folder / "home" / "flowpack.db"
    if database.exists() and not database.stat().st_size:
        return ["the database is empty"]
    new = database.with_name("flowpack.db-new")
    litter = ["litter: a new database"] if new.exists() and not drafts else []
    return litter + problems(state_here(folder), [OLD, NEW], drafts=drafts)


def main(how: str, state: str, folder: str, stride: str = "1") -> None:
    """Try every *stride*-th step."""
    at = 1
    while True:
        result = try_step(how, state, Path(folder) / str(at), at)
        if result is None:
            break
        print(json.dumps(result), flush=True)
        at += int(stride)


if __name__ == "__main__":
    main(*sys.argv[1:])
