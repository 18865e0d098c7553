"""``flowpack verify`` and plan files against real servers of every generation."""

from __future__ import annotations

import json
import os
import uuid

import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    FileStorageBlock,
    KVServerStorageBlock,
    UniversalFlowRunner,
    deploy,
    plan,
)
from flowpack.cli import main
from flowpack.deployments.verification import verify_all
from flowpack.exceptions import PlanChangedError
from tests.peers.fixtures import needed
from tests.peers.prefect import orion_server, prefect_server

pytestmark = pytest.mark.peer

SCRIPT = """\
from prefect import flow


@flow
def checked(n: int = {number}):
    return n
"""


@pytest.fixture(scope="module", params=["2.0b7", "2.20.25", "3.9.1"])
def server(request, tmp_path_factory):
    """Each of the servers, without deployments of other tests: all are verified."""
    home = tmp_path_factory.mktemp("verified")
    orion = request.param == "2.0b7"
    with needed(orion_server(home) if orion else prefect_server(request.param, home)) as server:
        yield server


@pytest.fixture
def client(server):
    with Client(server.api) as client:
        yield client


def specs(tmp_path, storages, **fields):
    """Return a spec for each storage, each with a script of its own."""
    made = []
    for number, (name, storage) in enumerate(storages.items()):
        script = tmp_path / f"script{number}.py"
        script.write_text(SCRIPT.format(number=number))
        made.append(
            DeploymentSpec(
                name=f"{name}-{uuid.uuid4().hex[:8]}",
                flow_location=script,
                flow_storage=storage,
                work_pool="verified",
                create_work_pool=True,
                **fields,
            )
        )
    return made


def test_damage_is_found(server, client, tmp_path, webdav, capsys):
    """What is missing or changed is told, whatever the server and the storage."""
    storages = {
        "file": FileStorageBlock(str(tmp_path / "files")),
        "web": FileStorageBlock(f"{webdav}/flows"),
        "gone": FileStorageBlock(str(tmp_path / "gone")),
    }
    # One at a time: a new 2.0b7 server makes its encryption key at the first write of
    # a block, and where two come at once it makes two and loses one.
    done = deploy(specs(tmp_path, storages), client, jobs=1, confirm=True)
    names = [each.full_name for each in done]
    found = verify_all(client, names)
    assert [each.status for each in found] == ["ok"] * 3, found
    (tmp_path / "webdav" / "flows" / done[1].key).write_bytes(b"other")
    (tmp_path / "gone" / done[2].key).unlink()
    found = verify_all(client, names)
    assert [each.status for each in found] == ["ok", "corrupt", "missing"]
    assert main(["verify", "--json", "--api", server.api]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {
        each["name"]: each["status"]
        for each in told["deployments"]
        if each["name"] in names
    } == dict(zip(names, ["ok", "corrupt", "missing"]))


def test_damage_is_mended(server, client, tmp_path, webdav, kv, capsys):
    """Bytes of another content and equal length are put back by --confirm."""
    storages = {
        "web": FileStorageBlock(f"{webdav}/flows"),
        "uuid": FileStorageBlock(f"{webdav}/flows", key_type="uuid"),
        "kv": KVServerStorageBlock(kv.address),
    }
    wanted = specs(tmp_path, storages)
    done = deploy(wanted, client, jobs=1)
    names = [each.full_name for each in done]
    for each in done[:2]:
        file = tmp_path / "webdav" / "flows" / each.key
        file.write_bytes(file.read_bytes().upper())
    kv.values[done[2].key] = kv.values[done[2].key].upper()
    assert [each.status for each in verify_all(client, names)] == ["corrupt"] * 3
    assert main(["verify", names[0], "--api", server.api]) == 1
    told = capsys.readouterr().out
    script = "SCRIPT" if server.environment.name == "prefect-2.0b7" else "script0.py"
    assert f"deploy {script}:checked -n {done[0].name} --confirm" in told
    mended = deploy(wanted, client, confirm=True)
    assert [each.action for each in mended] == ["unchanged", "updated", "unchanged"]
    assert all("damaged" in "".join(each.notes) for each in mended)
    assert [each.status for each in verify_all(client, names)] == ["ok"] * 3
    again = deploy(wanted, client, confirm=True)
    assert [each.action for each in again] == ["unchanged"] * 3


def test_unreferenced_is_told(server, client, tmp_path, capsys):
    """What an update leaves behind is no deployment's any more."""
    storage = FileStorageBlock(str(tmp_path / "files"))
    (spec,) = specs(tmp_path, {"file": storage})
    first = deploy(spec, client)[0]
    (tmp_path / "script0.py").write_text(SCRIPT.format(number=99))
    deploy(spec, client)
    main(["verify", "--json", "--api", server.api])
    told = json.loads(capsys.readouterr().out)
    mine = os.path.realpath(tmp_path)
    found = [path for path in told["unreferenced"] if path.startswith(mine)]
    assert found == [os.path.join(mine, "files", str(first.key))]


def test_plan_that_moved(client, tmp_path):
    """A plan is the same until what it says is no longer so; it holds no secret."""
    storages = {"file": FileStorageBlock(str(tmp_path / "files"))}
    runner = UniversalFlowRunner(env={"TOKEN": "canary-1"})
    (spec,) = specs(tmp_path, storages, flow_runner=runner)
    planned = plan(spec, client).to_json()
    assert "canary" not in planned and "TOKEN" in planned
    assert deploy(spec, client, planned=planned, confirm=True)[0].action == "created"
    with pytest.raises(PlanChangedError, match="kind was"):
        deploy(spec, client, planned=planned)
    unchanged = plan(spec, client)
    assert [each.kind for each in unchanged.actions] == ["unchanged"]
    done = deploy(spec, client, planned=unchanged.to_json(), confirm=True)
    assert done[0].action == "unchanged"
