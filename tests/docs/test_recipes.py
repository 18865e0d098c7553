"""The recipes, followed as they stand, with real servers, workers and programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict, Iterator, Mapping

import pytest

from tests.docs.transcripts import Session, read_page
from tests.peers.fixtures import needed
from tests.peers.prefect import Server, prefect_server, prefect_worker

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"

#: Where the programs are that a recipe's reader has installed.
BIN = Path(sys.executable).parent


def play(
    page: str,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    replace: Mapping[str, str] | None = None,
) -> None:
    """Follow the page *page* in *folder*: write its files, run its commands, compare."""
    home = folder / "ada"
    home.mkdir()
    environment: Dict[str, str] = {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": f"{BIN}:{os.defpath}:/usr/sbin",
        **(variables or {}),
    }
    with Session(home, environment) as session:
        done = session.play(read_page(RECIPES / page), {"/home/ada": str(home), **(replace or {})})
    assert done


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """A server of Prefect with nothing but a work pool ``etl`` and a worker for it."""
    with needed(prefect_server("3.9.1", tmp_path_factory.mktemp("server"))) as server:
        with prefect_worker(server, "etl"):
            yield server


@pytest.fixture
def at_server(server: Server) -> Dict[str, str]:
    """The server's address in place of that of the pages."""
    return {"127.0.0.1:4200": server.api.split("/")[2]}


@pytest.mark.peer
def test_several_deployments(tmp_path, at_server):
    """Spec files in YAML and in Python, and what they print when they are wrong."""
    play("several-deployments.rst", tmp_path, replace=at_server)
