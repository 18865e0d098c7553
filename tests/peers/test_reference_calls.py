"""The reference's calls, and what a deployment keeps, against real servers."""

from __future__ import annotations

import warnings

import attrs
import pytest

import flowpack
from flowpack import (
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    LocalStorageBlock,
    SubprocessFlowRunner,
    deploy,
    load_flow_from_script,
    plan,
)
from flowpack.client import get_client
from flowpack.packaging import ScriptPackager
from tests.clients import SCRIPT

pytestmark = pytest.mark.peer

SERVERS = {"orion": "2.0b7", "prefect2": "2.20.25", "prefect3": "3.9.1"}


@pytest.fixture(params=SERVERS, ids=list(SERVERS.values()))
def client(request, monkeypatch):
    """A client of each server, which the settings name, too."""
    server = request.getfixturevalue(request.param)
    monkeypatch.setenv("PREFECT_API_URL", server.api)
    with get_client() as client:
        yield client


@pytest.fixture
def flow(tmp_path):
    """A flow object of a script."""
    script = tmp_path / "hello.py"
    script.write_text(SCRIPT)
    return load_flow_from_script(script)


@pytest.mark.parametrize("kind", ["none", "local", "file", "uuid", "default"])
def test_check_compat_and_package(client, flow, tmp_path, kind):
    """A plain spec is packaged by hand, without naming a client."""
    local = LocalStorageBlock(tmp_path / "store")
    file = FileStorageBlock(tmp_path / "store")
    saved = file.save("kept", client, overwrite=True)
    blocks = {"local": local, "file": file, "uuid": saved.document_id}
    packager = ScriptPackager(storage=blocks.get(kind))
    if kind == "default" and not client.dialect.uses_work_pools:
        client.set_default_storage_block_document(saved.document_id)
    spec = DeploymentSpec(name=kind, flow=flow, flow_runner=SubprocessFlowRunner())
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            packager.check_compat(spec)
            create = packager.package(spec)
        found = packager.find_storage(client)
    finally:
        if not client.dialect.uses_work_pools:
            client.clear_default_storage_block_document()
    assert [each.filename for each in caught] == [__file__] * found.only_this_machine
    client.create_deployment(create)
    flow_again = flowpack.load_flow_from_deployment(f"hello/{kind}", client)
    assert flow_again("Ada") == "Hello Ada!"
    if found.only_this_machine:
        docker = attrs.evolve(spec, flow_runner=DockerFlowRunner())
        with pytest.raises(flowpack.exceptions.DeploymentValidationError):
            packager.package(docker)


def test_what_nobody_names_is_kept(client, flow, tmp_path):
    """Storage and runner stay where they are, and variables are added."""
    bare = DeploymentSpec(
        name="keeping", flow=flow, work_pool="keeping", create_work_pool=True
    )
    first = attrs.evolve(
        bare,
        flow_storage=FileStorageBlock(tmp_path / "store"),
        flow_runner=SubprocessFlowRunner(env={"A": "1"}),
    )
    done = deploy(first, client)[0]
    (action,) = plan(bare, client).actions
    assert (action.kind, set(action.kept)) == ("unchanged", {"storage", "flow_runner"})
    more = attrs.evolve(bare, flow_runner={"config": {"env": {"B": "2"}}})
    assert deploy(more, client)[0].action == "updated"
    whole = SubprocessFlowRunner(env={"A": "1", "B": "2"})
    both = attrs.evolve(first, flow_runner=whole)
    assert deploy(both, client)[0].action == "unchanged"
    flow_file = tmp_path / "hello.py"
    flow_file.write_text(SCRIPT + "# changed\n")
    changed = deploy(bare, client)[0]
    assert (changed.action, changed.id) == ("updated", done.id)
    assert (tmp_path / "store" / changed.sha256).read_text() == flow_file.read_text()
