"""Against a real 2.0b7 server, its agent and its client, in both directions."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any, Optional

import attrs
import pytest

from flowpack import (
    Block,
    Client,
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    KubernetesFlowRunner,
    KVServerStorageBlock,
    LocalStorageBlock,
    StorageBlock,
    SubprocessFlowRunner,
    TempStorageBlock,
    UniversalFlowRunner,
    deploy,
    load_flow_from_deployment,
)
from flowpack.cli import main
from flowpack.deployments.load import fetch_script
from flowpack.exceptions import (
    APIStatusError,
    BlockError,
    DeploymentValidationError,
    ObjectAlreadyExists,
    ObjectNotFound,
    PackagingError,
    ScriptError,
)
from flowpack.loading import load_flow_from_script
from tests.clients import Counting
from tests.peers.environments import add_beside

pytestmark = pytest.mark.peer

SCRIPT = '''\
try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow
def greet_people(name: str = "world", n: int = 1):
    """Greet."""
    print(f"Hello {name}!")
    return n
'''

#: What a person prints goes to the run's log only through a logger.
LOGGING = """\
from prefect import flow, get_run_logger


@flow(name="Logged Flow", version="v7")
def logged(name="world"):
    get_run_logger().info(f"Hello {name}!")
"""

CHECKSUMS = [
    "3a67d4187da98a983d948e042969437dbd14d49854c528a8026cb9a96121ccef",
    "a50cea996168db8db0c10db1d0bf2227a4885a9f6c19acaac642d2801ed83a73",
    "f74b9cc237a54c0ad8f269f2d0f770ea29c1252c96a47ce3c5a9ddbbd4e722d8",
    "3ffda32926202a34fc30d7618e4792f71088d37fbcf92c18d070104ca6da7431",
    "8a87d925d3fb2a95c0ac89d00a167360084a0b7c3fe83efbab4a5ea84cc80271",
    "4488e8f7d196f7627e3ead24ca136860f0a54d54f6c98533cf3ef2f4ba9cf51b",
    "9a8e5718deb49bdfedad40fd3d350039b3269d986af752e2ab59a6ebab31ba45",
]

RUNNERS = {
    "subprocess": SubprocessFlowRunner(env={"X": "1"}),
    "universal": UniversalFlowRunner(),
    "docker": DockerFlowRunner(image="example/image:1", networks=["a"]),
    "kubernetes": KubernetesFlowRunner(namespace="flows"),
}


@pytest.fixture
def client(orion):
    """A client of the real server, which is watched."""
    with Client(orion.api) as client:
        counting = Counting(client._transport)
        yield Client(transport=counting)


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "greet.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def storages(tmp_path, webdav, kv, monkeypatch):
    """One storage of each kind that needs nothing but this machine."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return {
        "local": LocalStorageBlock(str(tmp_path / "local")),
        "temp": TempStorageBlock(),
        "file": FileStorageBlock(str(tmp_path / "files")),
        "http": FileStorageBlock(f"{webdav}/some folder/ü"),
        "kv": KVServerStorageBlock(kv.address),
    }


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def stock_load(orion, name: str, **variables: str) -> Any:
    """Load a deployment's flow with the stock client; return what it says of it."""
    code = (
        "import json, sys, anyio, prefect\n"
        "from prefect.client import get_client\n"
        "from prefect.deployments import load_flow_from_deployment\n"
        "async def load():\n"
        "    async with get_client() as client:\n"
        "        found = await client.read_deployment_by_name(sys.argv[1])\n"
        "        flow = await load_flow_from_deployment(found, client=client)\n"
        "        print(json.dumps([flow.name, flow.version]))\n"
        "anyio.run(load)\n"
    )
    said = orion.run("python", "-W", "ignore", "-c", code, name, **variables)
    return json.loads(said.stdout.splitlines()[-1])


PAIRS = [
    (storage, runner)
    for storage in ("local", "temp", "file", "http", "kv")
    for runner in RUNNERS
    if storage not in ("local", "temp") or runner == "subprocess"
]


@pytest.mark.parametrize(("storage", "runner"), PAIRS)
@pytest.mark.filterwarnings("ignore:.*current machine:UserWarning")
def test_deploy_with_each_storage_and_runner(client, script, storages, storage, runner):
    """Each pair that fits is deployed, unchanged the second time, and comes back."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=storages[storage],
        flow_runner=RUNNERS[runner],
        parameters={"name": "Ada"},
        tags=["x"],
    )
    first = deploy(spec, client, confirm=True)[0]
    again = deploy(spec, client)[0]
    assert (first.action, again.action) == ("created", "unchanged")
    assert again.document_id == first.document_id
    record = client.read_deployment(first.id)
    assert record.flow_runner == RUNNERS[runner].to_settings()
    script_back = fetch_script(first.full_name, client)
    assert script_back.verified
    assert script_back.content == script.read_bytes()
    assert load_flow_from_deployment(first.id, client)(name="Ada", n="3") == 3


@pytest.mark.parametrize("storage", ["local", "temp", "file", "http", "kv"])
@pytest.mark.filterwarnings("ignore:.*current machine:UserWarning")
def test_stock_client_loads_what_flowpack_deployed(
    orion, client, script, storages, storage, tmp_path
):
    """The stock client finds the same name, and the version it computes itself."""
    spec = DeploymentSpec(
        name=unique("d"), flow_location=script, flow_storage=storages[storage]
    )
    done = deploy(spec, client)[0]
    md5 = hashlib.md5(script.read_bytes()).hexdigest()
    said = stock_load(orion, done.full_name, TMPDIR=str(tmp_path))
    assert said == ["greet-people", md5]


@pytest.mark.parametrize("storage", ["local", "file", "http", "kv"])
@pytest.mark.filterwarnings("ignore:.*current machine:UserWarning")
def test_stock_agent_runs_what_flowpack_deployed(
    orion, client, tmp_path, storages, storage, capsys, agent_tag
):
    """flowpack deploys and triggers, a stock agent runs, the line is in the log."""
    path = tmp_path / "logged.py"
    path.write_text(LOGGING)
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=path,
        flow_storage=storages[storage],
        tags=[agent_tag],
        parameters={"name": "Ada"},
    )
    done = deploy(spec, client)[0]
    assert client.read_deployment(done.id).flow_runner.type == (
        "subprocess" if storage == "local" else "universal"
    )
    arguments = ["trigger", done.full_name, "-p", "name=Grace", "--api", orion.api]
    assert main(arguments) == 0
    run_id = capsys.readouterr().out.split()[-1]
    state, said = orion.outcome(run_id, "Hello Grace!")
    assert state == "COMPLETED", said
    assert "Hello Grace!" in said


STOCK = """\
from prefect import flow
from prefect.blocks.storage import (
    FileStorageBlock, KVServerStorageBlock, LocalStorageBlock, TempStorageBlock
)
from prefect.deployments import DeploymentSpec
from prefect.flow_runners import SubprocessFlowRunner

@flow
def theirs(x: int = 1):
    return x + 1

DeploymentSpec(
    flow=theirs, name={name!r}, flow_storage={storage},
    flow_runner=SubprocessFlowRunner(), parameters={{"x": 5}},
)
"""


@pytest.mark.parametrize("storage", ["local", "temp", "file", "uuid", "kv"])
def test_flowpack_reads_what_the_stock_client_deployed(
    orion, client, tmp_path, storages, storage, capsys
):
    """It is listed, pulled and, where its key allows, verified."""
    written = {
        "local": f"LocalStorageBlock(storage_path={str(tmp_path / 'theirs')!r})",
        "temp": "TempStorageBlock()",
        "file": f"FileStorageBlock(base_path={str(tmp_path / 'theirs')!r})",
        "uuid": f"FileStorageBlock(base_path={str(tmp_path)!r}, key_type='uuid')",
        "kv": f"KVServerStorageBlock(api_address={storages['kv'].api_address!r})",
    }
    name = unique("theirs")
    path = tmp_path / "theirs.py"
    path.write_text(STOCK.format(name=name, storage=written[storage]))
    orion.run("prefect", "deployment", "create", path, TMPDIR=str(tmp_path))
    full = f"theirs/{name}"
    verified = storage == "file"
    if not verified:
        with pytest.raises(PackagingError, match="--unverified"):
            fetch_script(full, client)
    script = fetch_script(full, client, unverified=not verified)
    assert script.verified is verified
    assert script.content == path.read_bytes()
    assert main(["ls", "--json", "--api", orion.api]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert full in listed
    assert main(["inspect", full, "--json", "--api", orion.api]) == 0
    target = tmp_path / "pulled.py"
    pull = ["pull", full, "-o", str(target), "--api", orion.api]
    assert main([*pull, *([] if verified else ["--unverified"])]) == 0
    assert target.read_bytes() == path.read_bytes()
    with pytest.raises(ScriptError, match="prefect"):
        load_flow_from_deployment(full, client, unverified=True)


def test_flowpack_loads_where_prefect_is_installed(orion, tmp_path):
    """In an environment with Prefect, the stock client's flow comes back."""
    name = unique("theirs")
    path = tmp_path / "theirs.py"
    storage = f"FileStorageBlock(base_path={str(tmp_path / 'theirs')!r})"
    path.write_text(STOCK.format(name=name, storage=storage))
    orion.run("prefect", "deployment", "create", path)
    code = (
        "import sys\n"
        "from flowpack import load_flow_from_deployment\n"
        "flow = load_flow_from_deployment(sys.argv[1])\n"
        "print(type(flow).__module__, flow.name, flow.fn(4))\n"
    )
    checkout = Path(__file__).parents[2]
    beside = add_beside(
        orion.environment, tmp_path / "packages", "attrs", "cattrs", "requests"
    )
    said = orion.run(
        "python",
        "-W",
        "ignore",
        "-c",
        code,
        f"theirs/{name}",
        PYTHONPATH=f"{checkout}:{beside}",
    )
    assert said.stdout.split() == ["prefect.flows", "theirs", "5"]


def test_all_seven_checksums_are_known(client):
    """The real server has each built-in storage type under its checksum."""
    for checksum in CHECKSUMS:
        schema = client.read_block_schema_by_checksum(f"sha256:{checksum}")
        assert "storage" in schema.capabilities


@attrs.frozen
class Attic(StorageBlock):
    """A storage of a user's own."""

    block_type_name = "Attic of the peer tests"

    folder: str
    floor: int = 3
    note: Optional[str] = None

    def write(self, data):
        key = hashlib.sha256(data).hexdigest()
        Path(self.folder, key).write_bytes(data)
        return key

    def read(self, token):
        return Path(self.folder, token).read_bytes()


def test_storage_of_ones_own(client, script, tmp_path):
    """It registers with its capabilities, becomes the default, and packages."""
    saved = Attic(str(tmp_path)).save(unique("attic"), client)
    again = Attic.load(client.read_block_document(saved.document_id).name, client)
    assert again == saved
    client.set_default_storage_block_document(saved.document_id)
    try:
        spec = DeploymentSpec(name=unique("d"), flow_location=script)
        done = deploy(spec, client)[0]
        assert deploy(spec, client)[0].action == "unchanged"
        assert done.document_id == saved.document_id
        assert load_flow_from_deployment(done.id, client)(n=4) == 4
    finally:
        client.clear_default_storage_block_document()
    assert client.get_default_storage_block_document() is None
    by_id = DeploymentSpec(
        name=unique("d"), flow_location=script, flow_storage=saved.document_id
    )
    assert deploy(by_id, client)[0].document_id == saved.document_id


@attrs.frozen
class Described(Block):
    """Where reports go.

    Example:
        Described()
    """


def test_description_and_example_of_a_block_type(client):
    """The server keeps them apart."""
    Described.register(client)
    kept = client.read_block_type_by_name("Described")
    assert (kept.description, kept.code_example) == ("Where reports go.", "Described()")


def test_renamed_flow(orion, client, script, tmp_path):
    """The stock client finds it where the script renames it, and only there."""
    flow = load_flow_from_script(script).with_options(name="weekly")
    storage = FileStorageBlock(str(tmp_path / "files"))
    spec = DeploymentSpec(name=unique("d"), flow=flow, flow_storage=storage)
    with pytest.raises(DeploymentValidationError, match="no flow called 'weekly'"):
        deploy(spec, client)
    script.write_text(f"{SCRIPT}\nw = greet_people.with_options(name='weekly')\n")
    done = deploy(spec, client)[0]
    assert stock_load(orion, done.full_name)[0] == "weekly"
    assert load_flow_from_deployment(done.id, client).name == "weekly"


def test_block_that_is_no_storage_cannot_be_the_default(client):
    """The server says no, and its words come through."""

    @attrs.frozen
    class Note(Block):
        """Not a storage."""

        block_type_name = "Note of the peer tests"

        text: str

    saved = Note("x").save(unique("note"), client)
    with pytest.raises(APIStatusError, match="not a storage block") as caught:
        client.set_default_storage_block_document(saved.document_id)
    assert caught.value.status == 422


def test_deleted_block_is_told_at_load(client, script, tmp_path):
    """A deployment whose block is gone says so; deploying again mends it."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / unique("store"))),
    )
    done = deploy(spec, client)[0]
    client.delete_block_document(done.document_id)
    with pytest.raises(BlockError, match="deleted on the server"):
        load_flow_from_deployment(done.id, client)
    assert deploy(spec, client)[0].action == "updated"
    assert load_flow_from_deployment(done.id, client)(n=2) == 2


def test_four_shapes_of_errors(client):
    """Each shape of the real server gives its words, and the right class."""
    with pytest.raises(ObjectNotFound, match="Deployment not found"):
        client.read_deployment(uuid.uuid4())
    with pytest.raises(ObjectNotFound, match="Block document not found"):
        client.read_block_document(uuid.uuid4())
    with pytest.raises(APIStatusError, match="body.name: .*invalid character"):
        client.create_flow("a/b")
    with pytest.raises(ObjectAlreadyExists):
        client.create_block_document(
            data={}, block_schema_id=uuid.uuid4(), block_type_id=uuid.uuid4(), name="x"
        )


def test_headers_of_the_api(orion):
    """The server takes the version and the key that flowpack sends."""
    with Client(orion.api, api_key="anything") as client:
        counting = Counting(client._transport)
        client = Client(transport=counting)
        assert client.read_flows(names=["nothing"]) == ()
    assert counting.sent[-1].headers == {"X-PREFECT-API-VERSION": "0.6.0"}


def test_requests_of_a_first_deployment(orion, script, tmp_path):
    """At most one request more than the stock client's four; three when unchanged.

    Where the storage is new, too, its block is read back once.
    """
    with Client(orion.api) as real:
        counting = Counting(real._transport)
        client = Client(transport=counting)
        spec = DeploymentSpec(
            name=unique("d"),
            flow_location=script,
            flow_storage=FileStorageBlock(str(tmp_path / unique("s"))),
        )
        deploy(spec, client)
        assert len(counting.calls()) <= 6
        counting.sent.clear()
        deploy(attrs.evolve(spec, name=unique("d")), client)
        assert len(counting.calls()) <= 5
        counting.sent.clear()
        deploy(spec, client)
        assert len(counting.calls()) <= 3
        assert counting.writes() == []


@pytest.mark.parametrize("name", ["..", ".", "a?b#c", "a b", "ü😀", "a:b|c\\d"])
def test_odd_names_come_back(client, script, tmp_path, name):
    """Whatever name the server takes is found again by it."""
    done = deploy(
        DeploymentSpec(
            name=name,
            flow_location=script,
            flow_storage=FileStorageBlock(str(tmp_path / "s")),
        ),
        client,
    )[0]
    assert client.read_deployment_by_name(f"greet-people/{name}").id == done.id
    client.delete_deployment(done.id)


def test_schedule_survives_redeploys(client, script, tmp_path):
    """A schedule switched off on the server stays off."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
        schedule={"cron": "0 6 * * *", "timezone": "Europe/Paris"},
    )
    done = deploy(spec, client)[0]
    client.set_schedule_active(done.id, False)
    script.write_text(SCRIPT + "\n# more\n")
    assert deploy(spec, client)[0].action == "updated"
    assert client.read_deployment(done.id).is_schedule_active is False


@pytest.mark.filterwarnings("ignore:.*current machine:UserWarning")
def test_schedule_that_this_server_refuses(client, script, tmp_path, capsys):
    """What newer servers take and this one refuses is told in its own words, once."""
    where = str(tmp_path / "s")
    arguments = ["deploy", str(script), "-n", unique("d"), "--storage", where, "--api", client.url]
    assert main([*arguments, "--cron", "0 0 ? * MON"]) == 1
    told = capsys.readouterr().err
    words = 'schedule, cron: Invalid cron string: "0 0 ? * MON"'
    assert told.endswith(f"/deployments/ answered 422: {words}\n")
