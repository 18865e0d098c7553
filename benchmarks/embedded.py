"""The embedded API: how many deployments a second, and how many it can hold."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import sqlite3
import statistics
import time
import uuid
from pathlib import Path

from benchmarks.startup import SCRIPT
from benchmarks.timing import Figure, Side, at_least, at_most, paired, share
from flowpack import Client, DeploymentSpec, FileStorageBlock, deploy
from flowpack.embedded import EmbeddedTransport

_FEW = 100
_MANY = 100_000

#: Deployments of one flow in the filled database.
_OF_A_FLOW = 100

_numbers = itertools.count()


def figures(parent: Path, rounds: int) -> list[Figure]:
    """Measure first deployments, and look-ups and redeploys among few and many."""
    folder = parent / "embedded"
    folder.mkdir()
    return [_rate(folder, rounds), *_among_many(folder, rounds)]


def _spec(folder: Path, name: str) -> DeploymentSpec:
    script = folder / f"{name}.py"
    script.write_text(f"{SCRIPT}# {name}\n")
    return DeploymentSpec(
        name=name,
        flow_location=script,
        flow_storage=FileStorageBlock(str(folder / "store")),
    )


def _new_spec(folder: Path) -> DeploymentSpec:
    return _spec(folder, f"new-{next(_numbers):08}")


def _rate(folder: Path, rounds: int) -> Figure:
    rates = []
    with Client(transport=EmbeddedTransport(folder / "rate.db")) as client:
        deploy(_new_spec(folder), client)
        for _ in range(rounds):
            specs = [_new_spec(folder) for _ in range(200)]
            started = time.perf_counter()
            for spec in specs:
                deploy(spec, client)
            rates.append(len(specs) / (time.perf_counter() - started))
    return Figure(
        what="embedded first ``deploy``, a new script each, all of it durable",
        against="no other side",
        unit="/s",
        goal=at_least(300),
        values=rates,
        ours=1 / statistics.median(rates),
    )


def _among_many(folder: Path, rounds: int) -> list[Figure]:
    """Measure in a large database and, in turns, in a small one."""
    few, many = folder / "few.db", folder / "many.db"
    specs = [_spec(folder, f"few-{number:03}") for number in range(_FEW)]
    with Client(transport=EmbeddedTransport(few)) as client:
        deploy(specs, client)
    shutil.copy(few, many)
    _fill(many)
    with contextlib.ExitStack() as stack:
        small = stack.enter_context(Client(transport=EmbeddedTransport(few)))
        large = stack.enter_context(Client(transport=EmbeddedTransport(many)))
        return [
            _compare("look-up by name", _look_up(large), _look_up(small), rounds),
            _compare(
                "unchanged ``deploy``",
                Side(lambda: deploy(specs[50], large)),
                Side(lambda: deploy(specs[50], small)),
                rounds,
            ),
            _compare(
                "first ``deploy``", _first(large, folder), _first(small, folder), rounds
            ),
        ]


def _compare(what: str, large: Side, small: Side, rounds: int) -> Figure:
    pairs = paired(large, small, rounds=rounds, repeats=40)
    return share(
        f"embedded: {what} among {_MANY:,}",
        f"among {_FEW}",
        pairs,
        at_most(1.2),
    )


def _look_up(client: Client) -> Side:
    return Side(lambda: client.read_deployment_by_name("hello/few-050"))


def _first(client: Client, folder: Path) -> Side:
    ready: list[DeploymentSpec] = []
    return Side(
        run=lambda: deploy(ready.pop(), client),
        prepare=lambda: ready.append(_new_spec(folder)),
    )


def _fill(database: Path) -> None:
    """Copy what is in *database* until it has as many deployments as wanted."""
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        flows = [str(uuid.uuid4()) for _ in range(_MANY // _OF_A_FLOW)]
        _copy(db, "flow", [{"id": each, "name": f"flow {each}"} for each in flows])
        _copy(
            db,
            "deployment",
            [
                {"id": str(uuid.uuid4()), "name": f"other-{number:03}", "flow_id": flow}
                for flow in flows
                for number in range(_OF_A_FLOW)
            ][: _MANY - _FEW],
        )
        db.execute("ANALYZE")


def _copy(
    db: sqlite3.Connection, table: str, changes: list[dict[str, str]]
) -> None:
    """Insert the first row of *table* once for each of *changes*, so changed."""
    cursor = db.execute(f"SELECT * FROM {table} LIMIT 1")
    first = dict(zip((column[0] for column in cursor.description), cursor.fetchone()))
    places = ", ".join(f":{column}" for column in first)
    rows = ({**first, **change} for change in changes)
    db.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
