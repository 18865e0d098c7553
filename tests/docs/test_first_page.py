"""What the first page and those it leads to say is so: samples, numbers, links, picture."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import xml.etree.ElementTree
from pathlib import Path
from typing import Iterable

import attrs
import pytest

from flowpack import _http, connect, jsonvalues, steps
from flowpack._http import session
from flowpack.analysis.script import SIZE_LIMIT
from flowpack.blocks import web
from flowpack.cli import deploy, main, parser
from flowpack.deployments import datafiles, source
from flowpack.projects import reader
from flowpack.settings import Settings
from flowpack.wire import pulling
from flowpack.wire.dialect import Dialect
from flowpack.wire.prefect3 import OLDEST, Prefect3
from tests.docs.transcripts import Session, difference, read_page
from tests.peers.prefect import Server
from tests.source import ROOT
from tests.test_repository import metadata

DOCS = ROOT / "docs"
README = ROOT / "README.rst"
LIMITS = (DOCS / "limits.rst").read_text("utf-8")
MIB = 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with the examples in it."""
    shutil.copytree(ROOT / "examples", tmp_path / "work" / "examples")
    return tmp_path / "work"


def play(page: Path, folder: Path, **variables: str) -> None:
    """Do in *folder* what the console sessions of *page* show, and compare what is printed."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with Session(folder, {**os.environ, "PATH": programs, **variables}) as session:
        assert session.play(read_page(page))


@pytest.mark.parametrize("page", [README, DOCS / "limits.rst"], ids=lambda page: str(page.name))
def test_sessions(page, folder):
    """The samples that need no server are what the commands print."""
    play(page, folder)


@pytest.mark.peer
@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum")
def test_sessions_with_a_server(folder, prefect3: Server):
    """Those of "How it works" are what a server of today gives, and so is the pull step."""
    page = DOCS / "how-it-works.rst"
    play(page, folder, PREFECT_API_URL=prefect3.api)
    [shown] = [each for each in read_page(page) if each.language == "text"]
    kept = prefect3.request("GET", "/deployments/name/hello/first")["pull_steps"]
    assert kept[0]["timeit.timeit"]["stmt"] == pulling.PROGRAM
    assert not difference(shown.text, json.dumps(kept, indent=2))


def test_first_page_is_one_page():
    """It is short, and has the two lines to type and links to pages that are there."""
    text = README.read_text("utf-8")
    lines = text.splitlines()
    assert len(lines) <= 165
    assert len(re.findall(r"^ {4}(.*\.venv/bin/pip install .*)$", text, re.M)) == 2
    # The table of contents has the pages, and Sphinx fails where one of them is missing.
    contents = (DOCS / "index.rst").read_text("utf-8").split()
    for page in re.findall(r"docs/([\w/-]+)\.rst", text):
        assert page in contents
    for file in re.findall(r"``([\w/]+\.rst)``", text):
        assert (ROOT / file).exists()


def test_first_page_names_every_extra():
    """None that can be installed is missing, and none is named that cannot."""
    text = README.read_text("utf-8")
    named = re.search(r"^Extras, as in .*?\n\n", text, re.M | re.S)
    extras = set(metadata()["options.extras_require"])
    assert named is not None
    assert set(re.findall(r"``(\w+)``", named[0])) == extras


def test_picture():
    """It says in words what it shows, and its colours change where the reader's do."""
    text = (DOCS / "overview.svg").read_text("utf-8")
    picture = xml.etree.ElementTree.fromstring(text)
    ids = {each.get("id") for each in picture.iter()}
    assert ids >= set(picture.attrib["aria-labelledby"].split())
    assert "prefers-color-scheme: dark" in text


def limit(what: str) -> str:
    """Return the second column of the row about *what*, in the page's table of numbers."""
    found = re.search(rf"^   \* - {re.escape(what)}\n     - (.+)$", LIMITS, re.M)
    assert found is not None, what
    return found[1]


OPTIONS = _http.HTTPOptions()
RETRIES = _http.RetryPolicy()

#: Rows of that table, and the numbers that they are to show.
NUMBERS: list[tuple[str, list[float]]] = [
    ("a script", [SIZE_LIMIT / MIB]),
    ("a script", [source.SCRIPT_LIMIT / MIB]),
    ("a project's files together", [reader.SIZE_LIMIT / MIB]),
    ("a spec file", [datafiles.SIZE_LIMIT / MIB, datafiles.MOST_VALUES]),
    ("``--params``", [parser._LIMIT / MIB]),
    ("a saved plan", [deploy.PLAN_LIMIT / MIB]),
    ("nesting of parameters and files", [jsonvalues.DEEPEST]),
    ("a script in a KV server, as JSON", [web.LONGEST_TEXT / MIB]),
    ("a response of the API", [session._BODY_LIMIT / MIB]),
    ("one network step", [OPTIONS.timeout]),
    ("one network step", [attrs.fields(Settings).request_timeout.metadata["setting"].default]),
    ("a call, its repetitions included", [connect._DEADLINE]),
    ("fetching or storing an object", [steps.DEADLINE, 1]),
    ("attempts of a request", [RETRIES.attempts]),
    ("a server's ``Retry-After``", [RETRIES.longest_retry_after]),
    ("deployments at a time", [Dialect.workers, Prefect3.workers, 1]),
]


@pytest.mark.parametrize(("what", "numbers"), NUMBERS)
def test_numbers(what: str, numbers: Iterable[float]):
    """Each number among the limits is that of the code."""
    shown = re.sub(r"2\.0b7", "", limit(what)).replace(",", "")
    assert [float(each) for each in re.findall(r"\d+", shown)] == list(numbers)


def test_every_number_is_checked():
    """No row of the table is without a check."""
    rows = re.findall(r"^   \* - (.+)$", LIMITS, re.M)
    assert rows[0] == "What"
    assert set(rows[1:]) == {what for what, _ in NUMBERS}


def test_module_above_the_root(folder, capsys):
    """As the limits say: it is listed as one that must be installed."""
    (folder / "app").mkdir()
    (folder / "above.py").write_text("")
    script = folder / "app" / "etl.py"
    script.write_text("import above\nfrom flowpack import flow\n\n@flow\ndef etl(): ...\n")
    assert main(["explain", str(script), "--project", str(script.parent)]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^MODULE +INSTALLED HERE", shown, re.M)
    assert re.search(r"^above +no +etl\.py:1$", shown, re.M)
    assert "above.py" not in shown


def test_oldest_release():
    """The pages name the oldest release of today's Prefect that is spoken to."""
    oldest = ".".join(map(str, OLDEST))
    for page in (README, DOCS / "limits.rst", DOCS / "how-it-works.rst"):
        assert re.findall(r"\b2\.10\.\d+", page.read_text("utf-8")), page
        assert set(re.findall(r"\b2\.10\.\d+", page.read_text("utf-8"))) == {oldest}
