"""Deployments of one process to a running 2.0b7 server, beside raw requests."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

from benchmarks.floor import Raw, Recorder, first_deployment, replay
from benchmarks.startup import SCRIPT
from benchmarks.timing import Figure, Side, at_most, paired, share
from flowpack import Client, DeploymentSpec, FileStorageBlock, deploy
from flowpack._http import HTTPTransport
from flowpack.transport import Request

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

    def spec(self, name: str, flow: str = "hello") -> DeploymentSpec:
        """Return the spec of a new script, which holds the deployment's name."""
        script = self.folder / f"{name}.py"
        text = SCRIPT.replace("@flow\n", f'@flow(name="{flow}")\n')
        script.write_text(f"{text}# {name}\n")
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
            _against_replay(bench, api, rounds),
            _unchanged(bench, rounds),
            _set(bench, api, max(3, rounds // 2)),
        ]
    raw.close()
    return found


def _first_side(bench: Bench) -> Side:
    ready: list[DeploymentSpec] = []
    return Side(
        run=lambda: deploy(ready.pop(), bench.client),
        prepare=lambda: ready.append(bench.spec(_fresh_name("own"))),
    )


def _first(bench: Bench, rounds: int) -> Figure:
    pairs = paired(_first_side(bench), bench.floor(), rounds=rounds, repeats=10)
    return share("warm first ``deploy``, a new script", _FLOOR, pairs, at_most(1.25))


def _against_replay(bench: Bench, api: str, rounds: int) -> Figure:
    name = _fresh_name("own")
    recorded = _recorded(bench, api, name)
    again = Side(lambda: replay(bench.raw, recorded, name, _fresh_name("rep")))
    pairs = paired(_first_side(bench), again, rounds=rounds, repeats=10)
    return share(
        "warm first ``deploy``, a new script",
        f"raw replay of flowpack's own {len(recorded)} requests",
        pairs,
        at_most(1.05),
    )


def _recorded(bench: Bench, api: str, name: str) -> list[Request]:
    """Return what a warm client sends for a first deployment called *name*."""
    recorder = Recorder(HTTPTransport(api))
    with Client(transport=recorder) as client:
        deploy(bench.spec(_fresh_name("own")), client)
        recorder.sent.clear()
        deploy(bench.spec(name), client)
    return recorder.sent


def _unchanged(bench: Bench, rounds: int) -> Figure:
    spec = bench.spec(_fresh_name("own"))
    deploy(spec, bench.client)
    again = Side(lambda: deploy(spec, bench.client))
    pairs = paired(again, bench.floor(), rounds=rounds, repeats=10)
    return share("warm ``deploy`` of what is unchanged", _FLOOR, pairs, at_most(0.55))


def _set(bench: Bench, api: str, rounds: int) -> Figure:
    ready: list[list[DeploymentSpec]] = []

    def write() -> None:
        names = [_fresh_name("set") for _ in range(_SET)]
        ready.append([bench.spec(name, flow=f"flow-{name}") for name in names])

    store = str(bench.folder / "store")
    with ThreadPoolExecutor(_JOBS) as pool:
        lines = [Raw(api) for _ in range(_JOBS)]

        def share_of(line: Raw) -> None:
            for _ in range(_SET // _JOBS):
                name = _fresh_name("raw")
                first_deployment(line, f"flow-{name}", name, store)

        def raw_set() -> None:
            list(pool.map(share_of, lines))
            for line in lines[: _SET % _JOBS]:
                name = _fresh_name("raw")
                first_deployment(line, f"flow-{name}", name, store)

        own = Side(lambda: deploy(ready.pop(), bench.client, jobs=_JOBS), write)
        pairs = paired(own, Side(raw_set), rounds=rounds)
        for line in lines:
            line.close()
    what = f"``deploy`` of {_SET} new deployments and flows, {_JOBS} at a time"
    against = f"raw floor: {_SET} times four requests, {_JOBS} sockets"
    return share(what, against, pairs, at_most(1.25))
