"""The guides for users of ``prefect deploy`` and of ``prefect.packaging``."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import re
import shlex
import sys
from operator import attrgetter
from pathlib import Path
from typing import Dict, List, Tuple

import attrs
import pytest

import flowpack
from flowpack.cli.commands import make_parser
from tests.docs.transcripts import Session, read_page
from tests.peers.prefect import orion_agent, prefect_worker

DOCS = Path(__file__).parents[2] / "docs"
DEPLOY = DOCS / "from-prefect-deploy.rst"
PACKAGING = DOCS / "from-prefect-packaging.rst"

#: What stands in the pages for the storage and for the server.
STORAGE, API = "/srv/flows", "http://127.0.0.1:4200"

#: What a command needs beside the options that a table shows.
NAMED = {"flowpack deploy": "flows.py", "flowpack trigger": "report/nightly"}


# --- tables ---------------------------------------------------------------------------------


def read_tables(page):
    """Return the csv-tables of a page: the cells of the header, and the rows."""
    found = re.findall(r"^\.\. csv-table::\n((?:   .*\n|\n)+)", page.read_text(), re.MULTILINE)
    tables = []
    for body in found:
        lines = [line.strip() for line in body.splitlines()]
        rows = [line for line in lines if line and not line.startswith(":")]
        header, *rest = csv.reader(rows, delimiter="|", quoting=csv.QUOTE_NONE)
        tables.append(tuple(tuple(map(str.strip, row)) for row in (header, *rest)))
    return tables


def literals(cell):
    """Return what a cell has in double backticks, up to a semicolon outside of them."""
    before = re.sub(r"(``.*?``)|;.*", lambda match: match[1] or "", cell)
    return re.findall(r"``(.+?)``", before)


def command_lines(side):
    """Return each command line on one side of the tables of commands."""
    lines = []
    for header, *rows in read_tables(DEPLOY):
        if not header[1].startswith("``flowpack"):
            continue
        for row in rows:
            left, right = row
            cell = left if side == 0 or right.startswith("the same") else right
            lines += [f"{literals(header[side])[0]} {each}" for each in literals(cell)]
    return lines


@pytest.mark.parametrize("line", command_lines(1))
def test_flowpack_commands_parse(line):
    """What a reader is to write now is a command line of flowpack."""
    words = shlex.split(line)
    command = " ".join(words[:2])
    if command in NAMED and words[2].startswith("-") and "--prefect-file" not in words:
        words.insert(2, NAMED[command])
    arguments = make_parser(words[1:]).parse_args(words[1:])
    assert arguments.function.endswith(words[1])


def reference_names(side):
    """Return the names on one side of the table of the reference's."""
    (rows,) = read_tables(PACKAGING)
    return [name for row in rows[1:] for name in literals(row[side])]


def test_tables_are_read():
    """All tables are found, with both of their sides."""
    assert len(command_lines(1)) > 40
    assert len(command_lines(0)) > 45
    assert len(reference_names(0)) > 40


#: Prints what the stock client's command line says to each of some argument lists, in one
#: process: it takes seconds to start.
HELPS = """\
import contextlib, io, json, sys
from prefect.cli import app

def said(arguments):
    sys.argv = ["prefect", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.suppress(SystemExit):
        app()
    return output.getvalue()

json.dump([said(each) for each in json.load(sys.stdin)], sys.stdout)
"""


@pytest.mark.peer
def test_stock_commands(prefect3):
    """What a reader wrote so far are commands and options of the stock client."""
    used: Dict[Tuple[str, ...], List[List[str]]] = {}
    for line in command_lines(0):
        words = shlex.split(line)[1:]
        size = {"deploy": 1}.get(words[0], 3 if words[1:2] == ["schedule"] else 2)
        used.setdefault(tuple(words[:size]), []).append(words[size:])
    asked = json.dumps([[*command, "--help"] for command in used])
    done = prefect3.run("python", "-c", HELPS, input=asked, COLUMNS="200", NO_COLOR="1")
    for (command, lines), said in zip(used.items(), json.loads(done.stdout)):
        assert f"Usage: prefect {' '.join(command)} " in said
        for word in itertools.chain(*lines):
            if re.match("--?[a-z]", word):
                assert re.search(rf"(?<!\S){word}(?!\S)", said), (command, word)


def arguments_of(side):
    """Return the names on one side of the table of arguments."""
    (rows,) = [rows for header, *rows in read_tables(DEPLOY) if "DeploymentSpec" in header[1]]
    cells = [left if side == 0 or right == "the same" else right for left, right in rows]
    return [name for cell in cells for name in literals(cell)]


def test_fields_of_specs():
    """What takes the place of an argument of ``flow.deploy`` is a field of a spec."""
    assert set(arguments_of(1)) <= {field.name for field in attrs.fields(flowpack.DeploymentSpec)}


@pytest.mark.peer
def test_arguments_of_the_stock_call(prefect3):
    """The table has every argument of ``flow.deploy`` but those for what it prints."""
    code = "import inspect, prefect; print(*inspect.signature(prefect.Flow.deploy).parameters)"
    known = set(prefect3.run("python", "-c", code).stdout.split())
    silent = {"self", "print_next_steps", "ignore_warnings", "_sla"}
    assert set(arguments_of(0)) == known - silent


@pytest.mark.parametrize("name", reference_names(1))
def test_names_exist(name):
    """What a name of the reference is called now is there."""
    attrgetter(name)(flowpack)


@pytest.mark.peer
def test_reference_names_exist(orion):
    """What has another name now was there in the reference."""
    code = """if True:
        import pkgutil, prefect, sys
        for name in sys.argv[1:]:
            pkgutil.resolve_name("prefect." + name)
    """
    orion.run("python", "-c", code, *reference_names(0))


# --- what is typed --------------------------------------------------------------------------


@pytest.fixture
def reader(tmp_path):
    """Return what does as a reader does of a page, in a folder and with a server."""
    with contextlib.ExitStack() as sessions:

        def read(page, server):
            folders = (Path(sys.executable).parent, server.environment.folder / "bin")
            variables = {
                **server.variables,
                "FLOWPACK_HOME": str(tmp_path / "home"),
                "PATH": os.pathsep.join([*map(str, folders), os.defpath]),
            }
            session = sessions.enter_context(Session(tmp_path, variables))
            replace = {STORAGE: str(tmp_path / "storage"), API: server.api[: -len("/api")]}
            return session, lambda languages: session.play(
                [block for block in read_page(page) if block.language in languages], replace
            )

        yield read


@pytest.mark.peer
def test_prefect_yaml(prefect3, reader):
    """The project of the page moves over and back, with the commands and output shown."""
    _, play = reader(DEPLOY, prefect3)
    with prefect_worker(prefect3, "reports"):
        assert play(["python", "yaml", "console"]) == 8


@pytest.mark.peer
def test_python_side_by_side(prefect3, reader):
    """Both scripts make the same deployment, and the second is of flowpack's code."""
    session, play = reader(DEPLOY, prefect3)
    play(["python"])
    session.run("prefect --no-prompt work-pool create reports --type process")
    prefect3.run("python", "deploy_before.py", folder=session.folder)
    path = "/deployments/name/report/from-python"
    before = prefect3.request("GET", path)
    assert session.run("python deploy_after.py") == ("updated from-python\n", 0)
    after = prefect3.request("GET", path)
    assert session.run("python deploy_after.py") == ("unchanged from-python\n", 0)
    for field in ("id", "parameters", "work_pool_name", "job_variables", "description", "tags"):
        assert after[field] == before[field], field
    schedules = [[each["schedule"] for each in found["schedules"]] for found in (before, after)]
    assert schedules[0] == schedules[1]
    assert after["pull_steps"] != before["pull_steps"]


@pytest.mark.peer
def test_deploying_scripts(orion, reader):
    """The script of 2.0b7 and those of flowpack make one deployment, which an agent runs."""
    session, play = reader(PACKAGING, orion)
    play(["python"])
    before = orion.run("python", "deploy_before.py", folder=session.folder).stdout
    path = "/deployments/name/etl/nightly"
    made = orion.request("GET", path)
    assert session.run("python deploy_after.py") == (before, 0)
    found = orion.request("GET", path)
    assert found.keys() == made.keys()
    changed = {field for field in made if found[field] != made[field]}
    assert changed - {"updated", "flow_runner"} == {"flow_data"}
    assert play(["console"]) == 3
    with orion_agent(orion, "daily"):
        run_id, _ = session.run("flowpack trigger etl/nightly 2> trigger.log")
        state, logs = orion.outcome(run_id.strip(), "loaded monday")
    assert state == "COMPLETED"
    assert "loaded monday" in logs


@pytest.mark.peer
def test_todays_server(prefect3, reader):
    """The same script deploys to a server of today, whose worker runs the flow."""
    session, play = reader(PACKAGING, prefect3)
    play(["python"])
    with prefect_worker(prefect3, "etl-pool"):
        session.run("export PREFECT_DEFAULT_WORK_POOL_NAME=etl-pool")
        id, status = session.run("python deploy_after.py")
        assert status == 0, id
        found = prefect3.request("GET", f"/deployments/{id.strip()}")
        assert found["job_variables"]["env"] == {"LEVEL": "high"}
        run_id, _ = session.run("flowpack trigger etl/nightly 2> trigger.log")
        state, logs = prefect3.outcome(run_id.strip(), "loaded monday")
    assert state == "COMPLETED"
    assert "loaded monday" in logs
