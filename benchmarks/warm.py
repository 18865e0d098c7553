"""Deployments of one process to a running 2.0b7 server, beside raw requests."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import attrs

from benchmarks.floor import Raw, first_deployment
from benchmarks.startup import SCRIPT
from benchmarks.timing import Figure, Side, at_most, paired, share
from flowpack import Client, DeploymentSpec, FileStorageBlock, deploy

_FLOOR = "raw floor: four requests over one kept-alive socket"

#: As many at a time as ``deploy`` takes by itself.
_JOBS = 8
_SET = 100

_numbers = itertools.count()


def _fresh_name(side: str) -> str:
    """Return a name that no deployment has; all are of one length."""
    return f"{side}-{next(_numbers):08}"


@attrs.frozen
class Bench:
    """One client of flowpack's, one raw connection, and a folder for scripts."""

    client: Client
    raw: Raw
    folder: Path

    def spec(self, name: str) -> DeploymentSpec:
        """Return the spec of one script under a new name."""
        return self._spec(name, "hello", SCRIPT)

    def new_script(self, name: str, flow: str = "hello") -> DeploymentSpec:
        """Return the spec of a new script, which holds the deployment's name."""
        text = SCRIPT.replace("@flow\n", f'@flow(name="{flow}")\n')
        return self._spec(name, name, f"{text}# {name}\n")

    def _spec(self, name: str, stem: str, text: str) -> DeploymentSpec:
        script = self.folder / f"{stem}.py"
        script.write_text(text)
        return DeploymentSpec(
            name=name,
            flow_location=script,
            flow_storage=FileStorageBlock(str(self.folder / "store")),
        )

    def floor(self) -> Side:
        """Return the raw floor of a first deployment."""
        store = str(self.folder / "store")
        return Side(
            lambda: first_deployment(self.raw, "hello", _fresh_name("raw"), store)
        )


def figures(api: str, parent: Path, rounds: int) -> list[Figure]:
    """Measure first deployments, unchanged ones, and sets, to the server at *api*."""
    folder = parent / "warm"
    folder.mkdir()
    raw = Raw(api)
    with Client(api) as client:
        bench = Bench(client, raw, folder)
        found = [
            _first(bench, rounds),
            _first_of_new_script(bench, rounds),
            _unchanged(bench, rounds),
            _set(bench, api, max(3, rounds // 2)),
        ]
    raw.close()
    return found


def _side(bench: Bench, make: Callable[[str], DeploymentSpec]) -> Side:
    """Return flowpack's side: first deployments of the specs that *make* makes."""
    ready: list[DeploymentSpec] = []
    return Side(
        run=lambda: deploy(ready.pop(), bench.client),
        prepare=lambda: ready.append(make(_fresh_name("own"))),
    )


def _first(bench: Bench, rounds: int) -> Figure:
    side = _side(bench, bench.spec)
    pairs = paired(side, bench.floor(), rounds=rounds, repeats=10)
    return share("warm first ``deploy``, a new name", _FLOOR, pairs, at_most(1.35))


def _first_of_new_script(bench: Bench, rounds: int) -> Figure:
    side = _side(bench, bench.new_script)
    pairs = paired(side, bench.floor(), rounds=rounds, repeats=10)
    what = "warm first ``deploy``, a new script, which is stored and synced"
    return share(what, _FLOOR, pairs, at_most(1.35))


def _unchanged(bench: Bench, rounds: int) -> Figure:
    spec = bench.spec(_fresh_name("own"))
    deploy(spec, bench.client)
    again = Side(lambda: deploy(spec, bench.client))
    pairs = paired(again, bench.floor(), rounds=rounds, repeats=10)
    return share("warm ``deploy`` of what is unchanged", _FLOOR, pairs, at_most(0.5))


def _set(bench: Bench, api: str, rounds: int) -> Figure:
    ready: list[list[DeploymentSpec]] = []

    def write() -> None:
        names = [_fresh_name("set") for _ in range(_SET)]
        ready.append([bench.new_script(name, f"flow-{name}") for name in names])

    own = Side(lambda: deploy(ready.pop(), bench.client, jobs=_JOBS), write)
    pairs = paired(own, _raw_set(api, str(bench.folder / "store")), rounds=rounds)
    what = f"``deploy`` of {_SET} new deployments and flows, {_JOBS} at a time"
    against = f"raw floor: {_SET} times four requests, {_JOBS} sockets"
    return share(what, against, pairs, at_most(1.25))


def _raw_set(api: str, store: str) -> Side:
    """Return the raw floor of a set, split evenly among the connections."""

    def some(names: list[str]) -> None:
        # A server hangs up on those that are silent for long: new ones each time.
        raw = Raw(api)
        for name in names:
            first_deployment(raw, f"flow-{name}", name, store)
        raw.close()

    def run() -> None:
        names = [_fresh_name("raw") for _ in range(_SET)]
        with ThreadPoolExecutor(_JOBS) as pool:
            list(pool.map(some, (names[start::_JOBS] for start in range(_JOBS))))

    return Side(run)
