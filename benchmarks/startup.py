"""Whole processes: importing flowpack, and one cold deployment."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Mapping

import attrs

from benchmarks.places import call, variables
from benchmarks.timing import Figure, Side, at_least, at_most, extra
from benchmarks.timing import faster, paired
from tests.peers.environments import Environment
from tests.peers.prefect import Server

SCRIPT = '''\
try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow
def hello(name="world"):
    """Greet."""
    return f"Hello {name}!"
'''

_SPEC = '''\
from prefect.blocks.storage import FileStorageBlock
from prefect.deployments import DeploymentSpec

DeploymentSpec(
    name={name!r},
    flow_location={script!r},
    flow_name="hello",
    flow_storage=FileStorageBlock(base_path={store!r}),
)
'''

#: ``prefect deploy`` ends by asking who works for the pool, which the server of the
#: same environment refuses when it is built with today's web framework. The request
#: is left out, or printing the error would count against Prefect.
_PREFECT_DEPLOY = """\
import sys
from prefect.client.orchestration._work_pools.client import WorkPoolAsyncClient

async def nobody(*args, **kwargs):
    return []

WorkPoolAsyncClient.read_workers_for_work_pool = nobody
from prefect.cli import app
sys.exit(app())
"""

_names = itertools.count()


@attrs.frozen
class Workshop:
    """A folder with a script, a store, and a home for each side."""

    folder: Path

    @classmethod
    def made_in(cls, parent: Path) -> Workshop:
        """Return one below *parent*."""
        folder = parent / f"workshop-{next(_names)}"
        for name in ("ours", "theirs", "store"):
            (folder / name).mkdir(parents=True)
        (folder / "hello.py").write_text(SCRIPT)
        return cls(folder)

    @property
    def script(self) -> Path:
        """The script with one flow, ``hello``."""
        return self.folder / "hello.py"

    @property
    def store(self) -> Path:
        """Where scripts are stored."""
        return self.folder / "store"


def imported(place: Environment, home: Path, rounds: int) -> Figure:
    """Measure what ``import flowpack`` adds to an interpreter's start."""
    environ = variables(place, home)

    def start(code: str) -> Side:
        return Side(
            lambda: call(place.python, "-c", code, folder=home, environ=environ)
        )

    pairs = paired(start("import flowpack"), start("pass"), rounds=rounds, repeats=5)
    release = place.name.rpartition("flowpack-")[2]
    return extra(
        f"``import flowpack``, on the Python of {release}",
        "a bare interpreter",
        pairs,
        at_most(15),
    )


def against_orion(
    server: Server, ours: Environment, parent: Path, rounds: int
) -> Figure:
    """Measure a cold deployment to a running 2.0b7 server."""
    shop = Workshop.made_in(parent)
    reach = {"PREFECT_API_URL": server.api}
    pairs = paired(
        _flowpack(shop, ours, reach),
        _orion_cli(shop, server.environment, {**server.variables, **reach}),
        rounds=rounds,
    )
    return faster(
        "cold ``flowpack deploy`` to a 2.0b7 server",
        "``prefect deployment create`` of 2.0b7",
        pairs,
        at_least(6.5),
    )


def embedded(
    theirs: Environment, ours: Environment, parent: Path, rounds: int
) -> Figure:
    """Measure a cold deployment to the embedded API."""
    shop = Workshop.made_in(parent)
    quiet = {"PREFECT_ORION_ANALYTICS_ENABLED": "false"}
    environ = variables(theirs, shop.folder / "theirs", **quiet)
    pairs = paired(
        _flowpack(shop, ours, {}), _orion_cli(shop, theirs, environ), rounds=rounds
    )
    return faster(
        "cold ``flowpack deploy`` to the embedded API",
        "``prefect deployment create`` of 2.0b7 with its in-process server",
        pairs,
        at_least(15),
    )


def against_prefect3(
    server: Server, ours: Environment, parent: Path, rounds: int
) -> Figure:
    """Measure a cold deployment to a running 3.9.1 server."""
    shop = Workshop.made_in(parent)
    server.run("prefect", "work-pool", "create", "bench", "--type", "process")
    reach = {
        "PREFECT_API_URL": server.api,
        "PREFECT_DEFAULT_WORK_POOL_NAME": "bench",
    }
    environ = {**server.variables, **reach}
    python = server.environment.python

    def prefect_deploy() -> None:
        name = f"theirs-{next(_names)}"
        words = ("--no-prompt", "deploy", "hello.py:hello", "-n", name, "-p", "bench")
        call(python, "-c", _PREFECT_DEPLOY, *words, folder=shop.folder, environ=environ)

    pairs = paired(_flowpack(shop, ours, reach), Side(prefect_deploy), rounds=rounds)
    return faster(
        "cold ``flowpack deploy`` to a 3.9.1 server",
        "``prefect deploy`` of 3.9.1",
        pairs,
        at_least(6.5),
    )


def _flowpack(shop: Workshop, place: Environment, reach: Mapping[str, str]) -> Side:
    environ = variables(place, shop.folder / "ours", **reach)
    program = place.folder / "bin" / "flowpack"
    storage = f"file:{shop.store}"

    def deploy() -> None:
        name = f"ours-{next(_names)}"
        words = ("deploy", "hello.py", "--name", name, "--storage", storage)
        call(program, *words, folder=shop.folder, environ=environ)

    return Side(deploy)


def _orion_cli(
    shop: Workshop, place: Environment, environ: Mapping[str, str]
) -> Side:
    program = place.folder / "bin" / "prefect"
    spec = shop.folder / "deployment.py"

    def write() -> None:
        name = f"theirs-{next(_names)}"
        store = str(shop.store)
        spec.write_text(_SPEC.format(name=name, script=str(shop.script), store=store))

    def create() -> None:
        words = ("deployment", "create", "deployment.py")
        call(program, *words, folder=shop.folder, environ=environ)

    return Side(create, prepare=write)
