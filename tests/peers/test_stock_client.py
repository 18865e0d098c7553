"""Deployments made by flowpack against those that the stock client makes of the same files.

The project in ``data/project`` is deployed by ``prefect deploy --all``, then by
``flowpack deploy prefect.yaml``, on each release. What may differ stands in EXPLAINED.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from tests.peers.prefect import Server, prefect_worker

pytestmark = pytest.mark.peer

CHECKOUT = Path(__file__).parents[2]
PROJECT = Path(__file__).parent / "data" / "project"
VERSIONS = {"prefect2": "2.20.25", "prefect34": "3.4.13", "prefect3": "3.9.1"}
NAMES = ("load-orders/full", "load-orders/plain", "Clean Up/paused", "report/module")

#: Fields that may differ, and why. All others are equal.
EXPLAINED = {
    "pull_steps": "flowpack stores the code itself, and says how workers get it",
    "entrypoint": "the stored script has its own name, without the folder",
    "path": "where the code lies is said in the pull steps",
}

#: Of the server's making.
OWN = {
    *("id", "created", "updated", "flow_id", "work_queue_id", "last_polled", "status"),
    *("created_by", "updated_by", "deployment_id"),
}


@dataclass
class Side:
    """A project, a server and a pool: what one client works with."""

    server: Server
    folder: Path
    pool: str

    @property
    def variables(self) -> Dict[str, str]:
        return {"STAGE": "test", "POOL": self.pool}

    def prefect(self, *command: str) -> None:
        """Run the stock client in the project's folder."""
        program = self.server.environment.folder / "bin" / "prefect"
        _run(
            [str(program), "--no-prompt", *command],
            self.folder,
            {**self.server.variables, **self.variables},
        )

    def flowpack(self, *command: str) -> str:
        """Run flowpack from another folder and return what it printed."""
        return _run(
            [sys.executable, "-m", "flowpack", *command],
            self.server.home,
            {
                "HOME": str(self.server.home),
                "PATH": os.defpath,
                "PYTHONPATH": str(CHECKOUT),
                "PREFECT_API_URL": self.server.api,
                **self.variables,
            },
        )

    def deploy(self, *options: str) -> Any:
        """Deploy the whole project with flowpack; return what ``--json`` says."""
        store = self.folder.parent / "store"
        file = str(self.folder / "prefect.yaml")
        command = ("deploy", file, "--storage", str(store), "--json", *options)
        return json.loads(self.flowpack(*command))

    def deployments(self) -> Dict[str, Any]:
        """Return all deployments in the pool, by their names."""
        flows = {
            each["id"]: each["name"]
            for each in self.server.request("POST", "/flows/filter", {})
        }
        only = {"work_pools": {"name": {"any_": [self.pool]}}}
        found = self.server.request("POST", "/deployments/filter", only)
        return {f"{flows[each['flow_id']]}/{each['name']}": each for each in found}

    def wipe(self) -> None:
        for each in self.deployments().values():
            self.server.request("DELETE", f"/deployments/{each['id']}")


def _run(command: List[str], folder: Path, variables: Dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    print(done.stdout, done.stderr, sep="\n")
    done.check_returncode()
    return done.stdout


@pytest.fixture(scope="module", params=VERSIONS, ids=list(VERSIONS.values()))
def server(request) -> Server:
    """Each of the servers."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def pool(server) -> str:
    """A pool of these tests on the server."""
    name = f"pool-{uuid.uuid4().hex[:8]}"
    server.run("prefect", "work-pool", "create", name, "--type", "process")
    return name


@contextlib.contextmanager
def side(server: Server, folder: Path, pool: str) -> Iterator[Side]:
    """Give a copy of the project; what was deployed to *pool* is deleted afterwards."""
    shutil.copytree(PROJECT, folder)
    made = Side(server, folder, pool)
    try:
        yield made
    finally:
        made.wipe()


@pytest.fixture(scope="module")
def both(server, pool, tmp_path_factory):
    """What each client made of the project: the stock one, and flowpack."""
    with side(server, tmp_path_factory.mktemp("both") / "project", pool) as each:
        each.prefect("deploy", "--all")
        stock = each.deployments()
        each.wipe()
        each.deploy()
        ours = each.deployments()
    return stock, ours


@pytest.fixture
def project(server, pool, tmp_path):
    """A copy of the project, of which nothing is deployed."""
    with side(server, tmp_path / "project", pool) as made:
        yield made


def facts(deployment):
    """Return what counts of a deployment."""
    kept = {key: value for key, value in deployment.items() if key not in OWN}
    limit = kept.pop("global_concurrency_limit", None)
    kept["limit"] = limit and limit["limit"]
    kept["labels"] = {
        key: value
        for key, value in (kept.get("labels") or {}).items()
        if key != "prefect.flow.id"
    }
    kept["schedules"] = sorted(
        (
            {key: value for key, value in each.items() if key not in OWN}
            for each in kept["schedules"]
        ),
        key=lambda each: json.dumps(each["schedule"], sort_keys=True),
    )
    return kept


@pytest.mark.parametrize("name", NAMES)
def test_every_field(both, name):
    """What the server has of both is equal, field by field."""
    stock, ours = (facts(side[name]) for side in both)
    assert stock.keys() == ours.keys()
    different = {key for key in stock if stock[key] != ours[key]} - EXPLAINED.keys()
    if name == "Clean Up/paused":
        # Clients before 3.9 take **options for a required number.
        different -= {"parameter_openapi_schema"}
    assert {key: ours[key] for key in different} == {key: stock[key] for key in different}


def schedules(deployments):
    """Return what the server has of each schedule, by the deployment's name."""
    return {name: facts(each)["schedules"] for name, each in deployments.items()}


def schedule_ids(deployments):
    return {
        name: {each["id"] for each in deployment["schedules"]}
        for name, deployment in deployments.items()
    }


#: So far ahead that no time of a run passes while a test runs.
AHEAD = f"{date.today() + timedelta(days=2)}T00:00:00Z"


def times(project):
    """Have the server make runs of other days; return for when, by the deployment's name."""
    found: Dict[str, List[str]] = {}
    for name, deployment in project.deployments().items():
        body = {"start_time": AHEAD, "min_runs": 5, "max_runs": 30}
        path = f"/deployments/{deployment['id']}/schedule"
        project.server.request("POST", path, body)
        wanted = {"deployments": {"id": {"any_": [deployment["id"]]}}}
        runs = project.server.request("POST", "/flow_runs/filter", wanted)
        found[name] = sorted(each["expected_start_time"] for each in runs)
    return found


def test_takeover_and_back(project):
    """Deployments go from one client to the other and back; no schedule is doubled or lost."""
    project.prefect("deploy", "--all")
    stock, planned = project.deployments(), times(project)
    done = project.deploy()
    assert {each["action"] for each in done} == {"updated"}
    ours = project.deployments()
    if project.server.environment.name != "prefect-2.20.25":  # That one makes all schedules anew.
        assert schedule_ids(ours) == schedule_ids(stock)
    assert schedules(ours) == schedules(stock)
    for name, deployment in ours.items():
        assert deployment["id"] == stock[name]["id"]
        before, after = facts(stock[name]), facts(deployment)
        changed = {key for key in before if before[key] != after[key]}
        assert changed <= {*EXPLAINED, "parameter_openapi_schema"}
    assert times(project) == planned
    again = project.deploy()
    assert {each["action"] for each in again} == {"unchanged"}
    assert project.deployments() == ours
    project.prefect("deploy", "--all")
    back = project.deployments()
    assert {name: facts(each) for name, each in back.items()} == {
        name: facts(each) for name, each in stock.items()
    }
    project.deploy()
    assert schedules(project.deployments()) == schedules(stock)
    assert times(project) == planned


def test_runs(project):
    """Runs start and get their parameters and variables."""
    project.deploy()
    expected = {
        "load-orders/full": "loaded orders 3 2026-01-01 ['id'] ('test', 'debug')",
        "load-orders/plain": "loaded orders 10 None ['id'] (None, None)",
        "Clean Up/paused": "cleaned 2 {'a': 1}",
        "report/module": "reported all 2.0",
    }
    runs = {
        name: json.loads(project.flowpack("trigger", name, "--json"))["id"]
        for name in expected
    }
    with prefect_worker(project.server, project.pool):
        for name, line in expected.items():
            state, logs = project.server.outcome(runs[name], line)
            assert (state, line in logs) == ("COMPLETED", True), (name, logs)
