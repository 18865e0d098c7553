"""Packages of projects, run by a stock 2.0b7 agent and by stock workers of later releases."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import attrs
import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    FileStorageBlock,
    KVServerStorageBlock,
    ProjectPackager,
    SubprocessFlowRunner,
    deploy,
    plan,
)
from flowpack.deployments.load import fetch_script
from tests.clients import Counting
from tests.peers.prefect import Server
from tests.projects.kinds import KINDS, Kind, copy_projects
from tests.source import ROOT

pytestmark = pytest.mark.peer

SERVERS = {
    "orion": "2.0b7",
    "prefect214": "2.14.21",
    "prefect2": "2.20.25",
    "prefect3": "3.9.1",
}


@attrs.frozen
class Release:
    """A server, a client of it, and an agent or a worker that takes its flow runs.

    Attributes:
        folder: Where packages are stored, and where flow runs have their temporary files.
        place: The fields of a spec that say who runs the deployment.
    """

    server: Server
    client: Client
    folder: Path
    place: Dict[str, Any]

    def spec(self, kind: Kind, projects: Path, **fields: Any) -> DeploymentSpec:
        """Return what deploys *kind*, of which there is a copy in *projects*.

        *fields* are more of the spec's, a ``storage`` and an ``env``.
        """
        env = fields.pop("env", {})
        storage = fields.pop("storage", None) or FileStorageBlock(str(self.folder / "store"))
        include = tuple(each for each in kind.options if each != "--include")
        given = {
            "name": f"d-{uuid.uuid4().hex[:8]}",
            "entrypoint": kind.target(projects),
            "packager": ProjectPackager(storage, include=include),
            "flow_runner": SubprocessFlowRunner(env={"TMPDIR": str(self.folder), **env}),
            **self.place,
        }
        return DeploymentSpec(**{**given, **fields})

    def run(self, *runs: Tuple[Any, str]) -> List[Tuple[str, List[str]]]:
        """Run deployments, all at once; return the state that each ends in and its log.

        A run is the deployment's id and what is expected in the log.
        """
        made = [
            self.client.create_flow_run_from_deployment(each, idempotency_key=uuid.uuid4().hex)
            for each, _ in runs
        ]
        return [
            self.server.outcome(str(run.id), expected) for run, (_, expected) in zip(made, runs)
        ]

    def leftovers(self) -> List[Path]:
        """Return the folders of packages that are there when the runs' processes have ended.

        A run is over before its process is.
        """
        deadline = time.monotonic() + 20
        while (found := list(self.folder.glob("flowpack-flow-*"))) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found


@pytest.fixture(scope="module", params=SERVERS, ids=list(SERVERS.values()))
def release(request, tmp_path_factory) -> Iterator[Release]:
    """Each of the servers, with its agent or worker."""
    server = request.getfixturevalue(request.param)
    if request.param == "orion":
        place: Dict[str, Any] = {"tags": [request.getfixturevalue("agent_tag")]}
    else:
        place = {"work_pool": request.getfixturevalue("pool_of")(server)}
    with Client(server.api) as client:
        yield Release(server, client, tmp_path_factory.mktemp("projects"), place)


@pytest.fixture(scope="module")
def deployed(release, tmp_path_factory):
    """What was deployed of each kind, from copies that are gone by now."""
    projects = copy_projects(tmp_path_factory.mktemp("copies") / "projects")
    specs = [release.spec(kind, projects, name=name) for name, kind in KINDS.items()]
    done = dict(zip(KINDS, deploy(specs, release.client)))
    shutil.rmtree(projects)
    return done


@pytest.fixture(scope="module")
def outcomes(release, deployed):
    """How a flow run of each kind ended, and what it logged."""
    runs = [(each.id, KINDS[name].result) for name, each in deployed.items()]
    return dict(zip(deployed, release.run(*runs)))


@pytest.mark.parametrize("name", KINDS)
def test_flow_run(outcomes, name):
    """It is completed, and its log has the result."""
    state, logs = outcomes[name]
    assert (state, KINDS[name].result in logs) == ("COMPLETED", True), "\n".join(logs)


def test_nothing_is_left(release, outcomes):
    """Each run has removed its temporary folder."""
    assert release.leftovers() == []


#: Loads scripts with the stock client, then runs the flows.
PROGRAM = """\
import json, sys
import prefect, prefect.deployments, prefect.flows

def load(path, name):
    if prefect.__version__ == "2.0b7":
        return prefect.deployments.load_flow_from_script(path)
    return prefect.flows.load_flow_from_entrypoint(f"{path}:{name}")

flows = [load(*each.split(":")) for each in sys.argv[1:]]
results = [flow() for flow in flows]
print(json.dumps([getattr(each, "result", lambda: each)() for each in results]))
"""


def test_namesakes_in_one_process(release, deployed, tmp_path):
    """The stock client loads two projects with modules of the same names, each sees its own."""
    targets = []
    for name in ("namesakes-a", "namesakes-b"):
        path = tmp_path / f"{name}.py"
        path.write_bytes(fetch_script(deployed[name].id, release.client).content)
        targets.append(f"{path}:{KINDS[name].flow}")
    said = release.server.run("python", "-W", "ignore", "-c", PROGRAM, *targets)
    results = json.loads(said.stdout.splitlines()[-1])
    assert results == [KINDS["namesakes-a"].result, KINDS["namesakes-b"].result]


only_newest = pytest.mark.parametrize("release", ["prefect3"], ids=["3.9.1"], indirect=True)


@pytest.fixture
def projects(tmp_path):
    """Copies of all kinds."""
    return copy_projects(tmp_path / "projects")


@only_newest
def test_redeploy(release, projects):
    """Nothing is written if no file has changed; a helper that has changed is named."""
    spec = release.spec(KINDS["package"], projects)
    counting = Counting(release.client._transport)
    client = Client(transport=counting)
    (done,) = deploy(spec, client)
    stored = set((release.folder / "store").iterdir())
    counting.sent.clear()
    assert deploy(spec, client)[0].action == "unchanged"
    assert counting.writes() == []
    assert set((release.folder / "store").iterdir()) == stored
    helper = projects / "package" / "shop" / "money.py"
    helper.write_text(f"# More.\n{helper.read_text('utf-8')}", "utf-8")
    (action,) = plan(spec, client).actions
    (change,) = action.changes
    assert (change.field, action.files["changed"]) == ("code", ["shop/money.py"])
    (again,) = deploy(spec, client)
    assert (again.action, again.id, again.key == done.key) == ("updated", done.id, False)


@only_newest
def test_many_runs_at_once(release, deployed):
    """A worker runs a package many times at once."""
    for state, logs in release.run(*[(deployed["package"].id, KINDS["package"].result)] * 8):
        assert (state, KINDS["package"].result in logs) == ("COMPLETED", True), logs
    assert release.leftovers() == []


@only_newest
def test_pull_steps(release, projects, kv):
    """What stock steps cannot pull is pulled, and checked, by flowpack's."""
    kind, env = KINDS["package"], {"PYTHONPATH": str(ROOT)}
    specs = [
        release.spec(kind, projects, env=env, storage=KVServerStorageBlock(kv.address)),
        release.spec(kind, projects, env=env, pull="flowpack"),
    ]
    done = deploy(specs, release.client)
    shutil.rmtree(projects)
    for each in done:
        steps = release.server.request("GET", f"/deployments/{each.id}")["pull_steps"]
        assert "flowpack.steps" in json.dumps(steps)
    for state, logs in release.run(*((each.id, kind.result) for each in done)):
        assert (state, kind.result in logs) == ("COMPLETED", True), logs


@only_newest
def test_killed_run(release, projects, tmp_path):
    """What a flow run that was killed left behind is removed by the next one."""
    mark = tmp_path / "mark"
    killed = Kind("killed", "once.py", "once", "went on")
    (done,) = deploy(release.spec(killed, projects, parameters={"mark": str(mark)}), release.client)
    ((state, _),) = release.run((done.id, ""))
    folder = Path(mark.read_text("utf-8"))
    assert (state, folder.parent) == ("CRASHED", release.folder)
    ((state, logs),) = release.run((done.id, killed.result))
    assert (state, killed.result in logs) == ("COMPLETED", True), logs
    assert not folder.exists()
