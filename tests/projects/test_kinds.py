"""Projects of each kind, deployed by the command line and run where their files are not."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator

import pytest

from tests.projects.kinds import KINDS, Home, copy_projects

EACH = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))

#: Loads deployments in turn, runs each, then all once more; warnings are kept.
PROGRAM = """\
import json, os, sys, warnings
from flowpack import load_flow_from_deployment

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    flows = {}
    first = {}
    for name in sys.argv[2:]:
        flows[name] = load_flow_from_deployment(name)
        first[name] = flows[name]()
    given = json.loads(sys.argv[1])
    again = {name: flow(**given) for name, flow in flows.items()}
told = [str(each.message) for each in caught if "embedded" not in str(each.message)]
print(json.dumps({"first": first, "again": again, "warnings": told}))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Where all kinds are deployed, from copies that are gone by now."""
    home = Home(tmp_path_factory.mktemp("home"))
    projects = copy_projects(home.folder / "projects")
    with ThreadPoolExecutor(2) as pool:
        deploys = [
            pool.submit(home.deploy, name, kind, projects) for name, kind in KINDS.items()
        ]
        for each in deploys:
            each.result()
    shutil.rmtree(projects)
    yield home
    assert not list(home.folder.glob("flowpack-*")), "temporary folders were left"


def load(home: Home, *names: str, **parameters: object) -> Any:
    """Load and run deployments in one new process."""
    wanted = [KINDS[name].full_name for name in names]
    return json.loads(home.python("-c", PROGRAM, json.dumps(parameters), *wanted))


@EACH
def test_run(home, kind):
    """``flowpack run`` runs the packed files; their code, data and pickles work."""
    assert home.flowpack("run", kind.full_name) == f"{kind.result}\n"


@EACH
def test_files(home, kind, tmp_path):
    """What was taken is what the flow needs, no file more, and comes back as it was."""
    home.flowpack("pull", kind.full_name, "--extract", str(tmp_path / "extracted"))
    extracted = {
        path.relative_to(tmp_path / "extracted").as_posix(): path.read_bytes()
        for path in (tmp_path / "extracted").rglob("*")
        if path.is_file()
    }
    assert extracted == kind.files


def test_all_in_one_process(home):
    """A process loads all of them in turn, and runs them again when all are loaded."""
    alone = [name for name in KINDS if name not in ("src-layout", "namesakes-b")]
    done = load(home, *alone)
    results = {KINDS[name].full_name: KINDS[name].result for name in alone}
    assert (done["first"], done["again"], done["warnings"]) == (results, results, [])


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_namesakes(home, order):
    """Each sees its own helpers; what is imported late is the last one's, with a warning."""
    done = load(home, *(f"namesakes-{letter}" for letter in order), lazily=True)
    a, b = KINDS["namesakes-a"], KINDS["namesakes-b"]
    assert done["first"] == {a.full_name: a.result, b.full_name: b.result}
    late = f", {order[-1]} came late"
    assert done["again"] == {a.full_name: a.result + late, b.full_name: b.result + late}
    (warning,) = done["warnings"]
    assert "helpers, tools" in warning
