"""The recipes, followed as they stand, with real servers, workers and programs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import yaml

import flowpack
from tests.docs.recipes import RECIPES, ROOT, SERVER, play, read_recipe, variables, write_files
from tests.docs.transcripts import Block, difference
from tests.peers.environments import CALLER, Environment, add_beside
from tests.peers.fixtures import needed
from tests.peers.nginx import nginx_webdav
from tests.peers.prefect import Server, prefect_server, prefect_worker
from tests.peers.processes import free_port

#: What flowpack imports, by the names of distributions.
PACKAGES = ("attrs", "cattrs", "certifi", "charset-normalizer", "idna", "requests", "urllib3")
PACKAGES_OF_OLDER = ("exceptiongroup", "tomli") if sys.version_info < (3, 11) else ()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The reader's folder."""
    home = tmp_path / "ada"
    home.mkdir()
    return home


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """A server of Prefect that has nothing but the work pool ``etl`` and a worker for it."""
    with needed(prefect_server("3.9.1", tmp_path_factory.mktemp("server"))) as server:
        with prefect_worker(server, "etl"):
            yield server


@pytest.fixture
def at_server(server) -> Dict[str, str]:
    """The server's address in place of that of the pages."""
    return {SERVER: server.api.split("/")[2]}


def test_all_recipes_are_listed():
    """The table of contents has each page, and none that is not there."""
    index = (RECIPES / "index.rst").read_text("utf-8")
    listed = index.partition(":maxdepth: 1\n")[2].split()
    assert sorted(listed) == sorted({each.stem for each in RECIPES.glob("*.rst")} - {"index"})


@pytest.mark.peer
def test_several_deployments(home, at_server):
    """Spec files in YAML and in Python, and what they print when they are wrong."""
    play("several-deployments", home, at_server)


@pytest.mark.peer
@pytest.mark.gevent
def test_gevent(home, at_server):
    """Greenlets deploy to a real server, and take turns."""
    pytest.importorskip("gevent")
    play("gevent", home, at_server)


@pytest.mark.peer
def test_webdav(server, home, at_server):
    """A real nginx with the page's configuration, read by workers with and without flowpack."""
    if shutil.which("nginx", path=variables(home)["PATH"]) is None:
        pytest.fail("nginx is missing") if os.environ.get("CI") else pytest.skip("no nginx")
    places = {**at_server, "127.0.0.1:8080": f"127.0.0.1:{free_port()}"}
    if os.geteuid() == 0:
        # The workers of an nginx that root starts could not read root's folders.
        places["worker_processes 1;"] = "worker_processes 1; user root;"
    with prefect_worker(server, "etl-private", PYTHONPATH=str(ROOT)):
        play("webdav", home, places)


# --- Without asyncio ----------------------------------------------------------------------


def test_no_asyncio(home):
    """Programs of their own that block asyncio, and one archive that has all of flowpack."""
    app = home / "app"
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(flowpack.__file__).parent, app / "flowpack", ignore=without)
    for name in (*PACKAGES, "typing-extensions", *PACKAGES_OF_OLDER):
        found = distribution(name)
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (app / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(found.locate_file(file)), app / file)
    play("no-asyncio", home)


# --- Notebooks ----------------------------------------------------------------------------

#: Runs the cells of standard input in a kernel; prints the outputs of each as JSON.
RUN_CELLS = """
import json, sys
import nbclient, nbformat
from jupyter_client.manager import KernelManager

cells = [nbformat.v4.new_code_cell(each) for each in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
manager = KernelManager(kernel_cmd=command)
nbclient.NotebookClient(notebook, km=manager, allow_errors=True, timeout=120).execute()
json.dump([cell.outputs for cell in notebook.cells], sys.stdout)
"""


def shown(outputs: List[Dict[str, Any]]) -> str:
    """Return what a notebook shows under a cell, tables as text."""
    texts = []
    for each in outputs:
        if each["output_type"] == "error":
            texts.append(f"{each['ename']}: {each['evalue']}")
        elif "text/html" in each.get("data", ()):
            table = re.sub(r"</?a\b[^>]*>", "", each["data"]["text/html"])
            rows = re.findall(r"<tr>(.*?)</tr>", table)
            texts += [" | ".join(re.findall(r"<t[dh][^>]*>(.*?)</t", row)) for row in rows]
        else:
            texts.append(each["text"] if "text" in each else each["data"]["text/plain"])
    return "\n".join(texts)


@pytest.mark.peer
def test_notebooks(home, at_server, tmp_path):
    """The cells run in a real kernel, whose event loop runs, and show what the page shows."""
    ((page, real),) = at_server.items()
    blocks = read_recipe("notebooks")
    write_files(blocks, home, {})
    cells = [block for block in blocks if "cell" in block.classes]
    loop = "import asyncio; asyncio.get_running_loop().is_running()"
    sources = [loop, *(block.text.replace(page, real) for block in cells)]
    with needed(installed("ipykernel", "nbclient", folder=tmp_path / "jupyter")) as beside:
        done = subprocess.run(
            [sys.executable, "-c", RUN_CELLS],
            input=json.dumps(sources),
            capture_output=True,
            text=True,
            cwd=home,
            env=variables(home, PYTHONPATH=f"{ROOT}:{beside}"),
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    printed = [shown(outputs) for outputs in json.loads(done.stdout)]
    assert printed[0] == "True"
    following = {id(one): other for one, other in zip(blocks, blocks[1:])}
    for block, text in zip(cells, printed[1:]):
        output = following.get(id(block))
        expected = output.text if output is not None and "output" in output.classes else ""
        problem = difference(expected.replace(page, real), text)
        assert not problem, f"line {block.line}:\n{problem}"


@contextlib.contextmanager
def installed(*wanted: str, folder: Path) -> Iterator[Path]:
    """Give *folder* with packages for this Python in it, for a PYTHONPATH."""
    yield add_beside(Environment("here", Path(sys.prefix)), folder, *wanted)


# --- Continuous integration ---------------------------------------------------------------

INSTALL = "pip install 'flowpack[yaml]'"


def github_jobs(text: str) -> Tuple[Dict[str, str], Dict[str, List[str]]]:
    """Return the variables of a workflow, and the commands of each job."""
    workflow = yaml.safe_load(text)
    assert workflow[True] == {"pull_request": None, "push": {"branches": ["main"]}}
    jobs = workflow["jobs"]
    assert jobs["deploy"]["needs"] == "plan"
    assert jobs["deploy"]["if"] == "github.ref == 'refs/heads/main'"
    for job in jobs.values():
        assert job["steps"][0]["uses"].startswith("actions/checkout@")
    return workflow["env"], {
        name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()
    }


def gitlab_jobs(text: str) -> Tuple[Dict[str, str], Dict[str, List[str]]]:
    """Return the variables of a pipeline, and the commands of each job."""
    pipeline = yaml.safe_load(text)
    assert pipeline["plan"]["artifacts"]["paths"] == ["plan.json"]
    assert pipeline["deploy"]["rules"] == [
        {"if": '$CI_COMMIT_BRANCH == "main"', "when": "manual"}
    ]
    before = pipeline["default"]["before_script"]
    jobs = {name: [*before, *pipeline[name]["script"]] for name in ("plan", "deploy")}
    return pipeline["variables"], jobs


def run_job(commands: List[str], folder: Path, environment: Dict[str, str]) -> str:
    """Run a job's commands but the installation with bash, as the services do."""
    assert commands[0] == INSTALL
    script = "\n".join(commands[1:])
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def storage(tmp_path) -> Iterator[str]:
    """The address of an nginx that keeps files."""
    for name in ("webdav", "nginx"):
        (tmp_path / name).mkdir()
    with needed(nginx_webdav(tmp_path / "webdav", tmp_path / "nginx")) as url:
        yield url


@pytest.mark.peer
@pytest.mark.parametrize(
    ("caption", "read"),
    [(".github/workflows/flows.yml", github_jobs), (".gitlab-ci.yml", gitlab_jobs)],
    ids=["github", "gitlab"],
)
def test_jobs(server, storage, tmp_path, caption, read):
    """The jobs' own commands, each job in a checkout of its own, deploy what was planned."""
    blocks = read_recipe("ci")
    (text,) = [block.text for block in blocks if block.caption == caption]
    name = f"nightly-{read.__name__}"
    settings = {
        "FLOW_STORAGE": f"{storage}/flows/",
        "PREFECT_API_URL": server.api,
        "PREFECT_API_KEY": "unused",
    }
    given, jobs = read(text)
    checkouts = {}
    for job in jobs:
        checkouts[job] = tmp_path / job
        checkouts[job].mkdir()
        write_files(blocks, checkouts[job], {"name: nightly": f"name: {name}"})
    # ``${{ vars.NAME }}`` is the variable of that name; GitLab gives them without being told.
    named = {
        key: re.sub(r"\$\{\{ \w+\.(\w+) \}\}", lambda found: settings[str(found[1])], value)
        for key, value in given.items()
    }
    environment = variables(tmp_path, **{**settings, **named})
    assert environment["FLOWPACK_REQUIRE_SERVER"] == "1"
    assert f"create     sync/{name}" in run_job(jobs["plan"], checkouts["plan"], environment)
    shutil.copy(checkouts["plan"] / "plan.json", checkouts["deploy"])
    assert f"created sync/{name}" in run_job(jobs["deploy"], checkouts["deploy"], environment)
    found = server.request("GET", f"/deployments/name/sync/{name}")
    assert found["work_pool_name"] == "etl"
    (kept,) = (tmp_path / "webdav" / "flows").iterdir()
    assert kept.read_text() == (checkouts["deploy"] / "sync.py").read_text()


@pytest.mark.peer
def test_ci_in_a_terminal(home, at_server):
    """The same by hand, and how a plan that no longer holds and a missing server look."""
    play("ci", home, at_server)


# --- Containers ---------------------------------------------------------------------------


def container_commands(block: Block) -> Iterator[Tuple[List[str], Dict[str, str], bool, str]]:
    """Yield arguments, variables, whether there is a volume, and output of each command."""
    for command, output in block.commands:
        words = shlex.split(command)
        at = words.index("flowpack")
        options = words[2:at]
        given = [options[number + 1] for number, each in enumerate(options) if each == "-e"]
        pairs = (each.partition("=") for each in given)
        yield words[at + 1 :], {key: value for key, _, value in pairs}, "-v" in options, output


@pytest.mark.peer
def test_container(home, at_server, storage, tmp_path):
    """What the image's lines run, in a new environment; there is no Docker to build it."""
    places = {**at_server, "http://127.0.0.1:8080": storage}
    blocks = read_recipe("container")
    write_files(blocks, home, places)
    lines = dict(
        line.split(" ", 1) for line in (home / "Dockerfile").read_text().splitlines()
    )
    assert lines["RUN"] == "pip install --no-cache-dir 'flowpack[yaml]'"
    assert json.loads(lines["ENTRYPOINT"]) == ["flowpack"]
    name, _, value = lines["ENV"].partition("=")
    program = _make_environment(tmp_path)
    environment = {"PATH": os.defpath, "HOME": "/nonexistent", name: value}

    def run(arguments: List[str], folder: Path, **more: str) -> str:
        done = subprocess.run(
            [program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={**environment, **more},
        )
        return done.stdout

    assert run(json.loads(lines["CMD"]), home).startswith("usage: flowpack")
    empty = tmp_path / "empty"
    empty.mkdir()
    count = 0
    for block in blocks:
        for arguments, given, volume, expected in (
            container_commands(block) if "docker" in block.classes else ()
        ):
            for old, new in places.items():
                expected = expected.replace(old, new)
                given = {key: value.replace(old, new) for key, value in given.items()}
            # On the page the files are in the folder /work.
            printed = run(arguments, home if volume else empty, **given)
            printed = printed.replace(str(home), "/work").replace(str(empty), "/work")
            problem = difference(expected, printed)
            assert not problem, problem
            count += 1
    assert count == 5


def _make_environment(tmp_path: Path) -> Path:
    """Install flowpack from a copy into a new environment; return its program."""
    source = tmp_path / "source"
    source.mkdir()
    shutil.copytree(ROOT / "flowpack", source / "flowpack")
    for name in ("setup.cfg", "setup.py", "README.rst", "LICENSE"):
        shutil.copy(ROOT / name, source)
    folder = tmp_path / "image"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = [str(folder / "bin" / "pip"), "install", "--no-cache-dir", "--quiet"]
    done = subprocess.run([*command, f"{source}[yaml]"], env=CALLER, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    packages = next(folder.glob("lib/python3*/site-packages"))
    there_before = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    ours = [each for each in packages.iterdir() if not each.name.startswith(there_before)]
    files = [file for each in ours for file in (each, *each.rglob("*")) if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    assert 8 < size / 2**20 < 14, "the page says 11 MB"
    return folder / "bin" / "flowpack"
