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


def test_first_documents_at_once(tmp_path):
    """All that succeed can be read afterwards; who was refused succeeds later."""
    (tmp_path / "hello.py").write_text(SCRIPT)
    with orion_server(tmp_path) as server:
        for refused in deploy_at_once(tmp_path, server.api, range(8)):
            assert deploy_at_once(tmp_path, server.api, [refused]) == []
        with get_client(server.api) as client:
            deployments = client.read_deployments()
            assert len(deployments) == 8
            for each in deployments:
                data: Any = each.flow_data
                client.read_block_document(data.stored_object.block_document_id)


def deploy_at_once(folder, api, names):
    """Start processes that wait for one another; return whom the server refused.

    While it makes its key, 2.0b7 may answer 500, which nobody repeats.
    """
    refused = []
    started: List[Any] = [
        subprocess.Popen(
            [sys.executable, "-c", DEPLOY, str(folder), str(own), api],
            cwd=PACKAGE.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in names
    ]
    try:
        for process in started:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        for own, process in zip(names, started):
            _, errors = process.communicate(timeout=120)
            if process.returncode:
                assert "APIStatusError: POST" in errors and "answered 500" in errors
                refused.append(own)
    finally:
        for process in started:
            process.kill()
            process.communicate()
    return refused
