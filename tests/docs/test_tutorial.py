"""The tutorial, followed from its first command to its last on a real server."""

import os
import sys
from pathlib import Path

import pytest

from tests.docs.transcripts import Session, read_page
from tests.peers.environments import HERE, PeerUnavailable, environment
from tests.peers.processes import free_port

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.rst"
ROOT = PAGE.parents[1]

#: No statistics to other machines, and a worker that looks for runs each second.
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
}


@pytest.fixture
def blocks():
    """The code blocks of the page."""
    return read_page(PAGE)


def installation(blocks):
    """Return the index of the block that installs, the only one that is not played."""
    (index,) = [number for number, block in enumerate(blocks) if "setup" in block.classes]
    return index


def test_installation(blocks):
    """The page installs this project, and the release of Prefect that the tests know."""
    commands = [command for command, _ in blocks[installation(blocks)].commands]
    release = (HERE / "prefect-3.9.1.txt").read_text()
    wanted = commands[3].split()[-1]
    assert wanted.startswith("prefect==") and f"\n{wanted}\n" in release
    assert commands == [
        "python3 -m venv .venv",
        ".venv/bin/pip install ~/flowpack",
        "python3 -m venv prefect-env",
        f"prefect-env/bin/pip install {wanted}",
        ". .venv/bin/activate",
    ]
    assert (ROOT / "setup.py").exists()


@pytest.mark.peer
def test_tutorial(blocks, tmp_path):
    """Each command prints what the page shows, with a server and a worker of Prefect."""
    try:
        place = environment("prefect-3.9.1")
    except PeerUnavailable as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(exc))
    port = str(free_port())
    variables = {
        **place.variables(tmp_path),
        **QUIET,
        # What the page's command without a port would take.
        "PREFECT_SERVER_API_PORT": port,
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
    }
    replace = {"127.0.0.1:4200": f"127.0.0.1:{port}", "/home/ada": str(tmp_path)}
    index = installation(blocks)
    with Session(tmp_path, variables) as session:
        assert session.play(blocks[:index], replace) == 1
        (session.folder / "prefect-env").symlink_to(place.folder)
        assert session.play(blocks[index:], replace) > 20
        assert not (tmp_path / "space").exists()
