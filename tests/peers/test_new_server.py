"""Several clients at once on a server that has no block document yet."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, List

import pytest

from flowpack import get_client
from tests.clients import SCRIPT
from tests.peers.prefect import orion_server
from tests.source import PACKAGE

pytestmark = pytest.mark.peer

#: FOLDER OWN API: deploys with a storage of its own once it is told to.
DEPLOY = """
import sys
from pathlib import Path
from flowpack import DeploymentSpec, FileStorageBlock, deploy, get_client

folder, own, api = sys.argv[1:]
storage = FileStorageBlock(str(Path(folder, f"store-{own}")))
spec = DeploymentSpec(
    name=own, flow_location=Path(folder, "hello.py"), flow_storage=storage
)
with get_client(api) as client:
    spec.validate(client)
    print("ready", flush=True)
    sys.stdin.readline()
    deploy(spec, client)
"""


@pytest.mark.parametrize(
    "rounds", [1, pytest.param(10, marks=pytest.mark.stress)], ids=str
)
def test_first_documents_at_once(tmp_path, rounds):
    """All succeed, and what each has registered can be read afterwards."""
    for number in range(rounds):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "hello.py").write_text(SCRIPT)
        with orion_server(folder) as server:
            deploy_at_once(folder, server.api, 8)
            with get_client(server.api) as client:
                deployments = client.read_deployments()
                assert len(deployments) == 8
                for each in deployments:
                    data: Any = each.flow_data
                    document_id = data.stored_object.block_document_id
                    client.read_block_document(document_id)


def deploy_at_once(folder, api, count):
    """Start processes that wait for one another; all must succeed."""
    started: List[Any] = [
        subprocess.Popen(
            [sys.executable, "-c", DEPLOY, str(folder), str(own), api],
            cwd=PACKAGE.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in range(count)
    ]
    try:
        for process in started:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in started:
            _, errors = process.communicate(timeout=120)
            assert (process.returncode, errors) == (0, "")
    finally:
        for process in started:
            process.kill()
            process.communicate()
