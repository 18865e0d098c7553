"""Against real servers and stock workers of Prefect 2.14, 2.20 and 3.9."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, Dict, Literal, Tuple

import attrs
import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
    SubprocessFlowRunner,
    UniversalFlowRunner,
    apply,
    deploy,
    get_client,
    load_flow_from_deployment,
    plan,
    verify_all,
)
from flowpack.cli import main
from flowpack.deployments.load import fetch_script
from flowpack.exceptions import (
    APIStatusError,
    DeploymentValidationError,
    PackagingError,
    PlanChangedError,
    StorageIntegrityError,
)
from flowpack.loading import load_flow_from_script
from tests.clients import Counting
from tests.peers.nginx import nginx_webdav
from tests.peers.prefect import prefect_server

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore:.*current machine:UserWarning"),
]

#: For the pull step that needs flowpack where a flow runs.
WITH_FLOWPACK = SubprocessFlowRunner(env={"PYTHONPATH": str(Path(__file__).parents[2])})
VERSIONS = {"prefect214": "2.14.21", "prefect2": "2.20.25", "prefect3": "3.9.1"}

SCRIPT = '''\
import os

try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


@flow(version="v1")
def greet_people(name: str = "world", n: int = 1):
    """Greet.

    Args:
        name: who
    """
    get_run_logger().info(f"{os.environ.get('GREETING', 'Hello')} {name}!")
    return n
'''


@pytest.fixture(params=VERSIONS, ids=list(VERSIONS.values()))
def server(request):
    """Each of the servers."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def client(server):
    """A client of the server, which is watched."""
    with Client(server.api) as real:
        yield Client(transport=Counting(real._transport))


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "greet.py"
    path.write_text(SCRIPT)
    return path


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def run(server, client, done, *expected):
    """Run deployments at once by a stock worker; return how each ended and what it logged."""
    flow_runs = [
        client.create_flow_run_from_deployment(
            each.id, parameters={"name": "Grace"}, idempotency_key=unique("run")
        )
        for each in done
    ]
    lines = expected * len(done) if len(expected) == 1 else expected
    return [server.outcome(str(each.id), line) for each, line in zip(flow_runs, lines)]


def test_stock_worker_runs_what_every_worker_can_pull(
    server, client, script, tmp_path, webdav, capsys, pool_of
):
    """Local folder and HTTP without credentials: nothing is installed on a worker.

    The runs have the environment variables that were deployed.
    """
    storages = {
        "local": LocalStorageBlock(str(tmp_path / "local folder")),
        "file": FileStorageBlock(str(tmp_path / "files")),
        "http": FileStorageBlock(f"{webdav}/some folder"),
    }
    specs = [
        DeploymentSpec(
            name=unique(name),
            flow_location=script,
            flow_storage=storage,
            flow_runner=SubprocessFlowRunner(env={"GREETING": "Good day"}),
            work_pool=pool_of(server),
            parameters={"n": 2},
            tags=["x"],
        )
        for name, storage in storages.items()
    ]
    found = plan(specs, client)
    for action in found.actions:
        changes = {each.field: each.new for each in action.changes}
        assert changes["pull"] == "stock"
    done = deploy(specs, client, confirm=True)
    again = deploy(specs, client)
    assert [each.action for each in again] == ["unchanged"] * 3
    assert all(each.document_id is None for each in done)
    for state, said in run(server, client, done, "Good day Grace!"):
        assert (state, "Good day Grace!" in said) == ("COMPLETED", True), said
    trigger = ["trigger", done[0].full_name, "-p", "name=Eve", "--api", server.api]
    assert main([*trigger, "--wait"]) == 0
    for each in done:
        assert fetch_script(each.full_name, client).verified
        assert load_flow_from_deployment(each.id, client)(n="3") == 3


def test_flow_renamed_outside_its_script(server, client, script, tmp_path, pool_of):
    """Workers go by the entry point, and so does flowpack."""
    flow = load_flow_from_script(script).with_options(name=unique("weekly"))
    spec = DeploymentSpec(
        name="d",
        flow=flow,
        flow_storage=FileStorageBlock(str(tmp_path / "files")),
        work_pool=pool_of(server),
    )
    done = deploy(spec, client)[0]
    assert deploy(spec, client)[0].action == "unchanged"
    ((state, said),) = run(server, client, [done], "Hello Grace!")
    assert (state, "Hello Grace!" in said) == ("COMPLETED", True), said
    assert load_flow_from_deployment(done.id, client).name == flow.name


IN_CLASSES = """\
try:
    from prefect import flow, get_run_logger
except ImportError:
    import logging

    from flowpack import flow

    get_run_logger = logging.getLogger


class Greetings:
    @staticmethod
    @flow
    def alone(name: str):
        get_run_logger().info(f"Hello {name}!")
        return name

    @flow
    def together(self, name: str):
        get_run_logger().info(f"Hello {name}!")
        return name
"""


def test_flow_in_a_class(server, client, tmp_path, pool_of):
    """Newer workers run ``Class.method``; a deployment for older ones is refused."""
    path = tmp_path / "greetings.py"
    path.write_text(IN_CLASSES)
    alone, together = (
        DeploymentSpec(
            name=unique(name),
            entrypoint=f"{path}:Greetings.{name}",
            flow_storage=FileStorageBlock(str(tmp_path / "files")),
            work_pool=pool_of(server),
            parameters=parameters,
        )
        for name, parameters in (("alone", {}), ("together", {"self": None}))
    )
    if not client.dialect.loads_methods:
        with pytest.raises(DeploymentValidationError, match="is in a class"):
            deploy(alone, client)
        return
    (action,) = plan(together, client).actions
    assert any("on no instance" in note for note in action.notes)
    done = deploy([alone, together], client)
    for state, said in run(server, client, done, "Hello Grace!"):
        assert (state, "Hello Grace!" in said) == ("COMPLETED", True), said
    assert load_flow_from_deployment(done[0].id, client)("Eve") == "Eve"


def test_changed_byte_is_never_run(server, client, script, tmp_path, pool_of):
    """A stored script that was changed fails the run, with both digests in its log."""
    pulls: Tuple[Literal["stock"], Literal["flowpack"]] = ("stock", "flowpack")
    done = deploy(
        [
            DeploymentSpec(
                name=pull,
                flow_location=script,
                flow_storage=FileStorageBlock(str(tmp_path / pull)),
                flow_runner=WITH_FLOWPACK,
                work_pool=pool_of(server),
                pull=pull,
            )
            for pull in pulls
        ],
        client,
    )
    ran = tmp_path / "ran"
    for each in done:
        stored = tmp_path / each.name / each.key
        stored.write_bytes(
            stored.read_bytes() + f"\nopen({str(ran)!r}, 'w')\n".encode()
        )
        with pytest.raises(StorageIntegrityError):
            load_flow_from_deployment(each.id, client)
    digests = [str(each.sha256) for each in done]
    for digest, (state, said) in zip(digests, run(server, client, done, *digests)):
        assert state in ("FAILED", "CRASHED")
        assert digest in "\n".join(said)
    assert not ran.exists()


def test_flowpack_step_reads_what_needs_a_client(server, client, script, tmp_path, kv, pool_of):
    """KV and HTTP with a header are pulled by flowpack's step, secrets unseen."""
    files, prefix = tmp_path / "closed", tmp_path / "nginx2"
    files.mkdir()
    prefix.mkdir()
    rule = 'if ($http_authorization != "Bearer canary") { return 401; }'
    with nginx_webdav(files, prefix, rules=rule) as url:
        headers = {"Authorization": "Bearer canary"}
        storages = {
            "kv": KVServerStorageBlock(kv.address),
            "header": FileStorageBlock(url, options={"headers": headers}),
            "file": FileStorageBlock(str(tmp_path / "files")),
        }
        specs = [
            DeploymentSpec(
                name=name,
                flow_location=script,
                flow_storage=storage,
                flow_runner=WITH_FLOWPACK,
                work_pool=pool_of(server),
                pull="flowpack" if name == "file" else None,
            )
            for name, storage in storages.items()
        ]
        done = deploy(specs, client)
        assert [each.action for each in deploy(specs, client)] == ["unchanged"] * 3
        assert all(each.document_id for each in done)
        for state, said in run(server, client, done, "Hello Grace!"):
            assert (state, "Hello Grace!" in said) == ("COMPLETED", True), said
            assert "canary" not in "\n".join(said)
        for each in done:
            record = server.request("GET", f"/deployments/{each.id}")
            assert "canary" not in json.dumps(record)
            assert fetch_script(each.id, client).content == script.read_bytes()


def test_what_is_registered(server, client, script, tmp_path):
    """The server has what the official client would have sent."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
        flow_runner=UniversalFlowRunner(env={"X": "1"}),
        work_pool=unique("pool"),
        create_work_pool=True,
        schedule={"cron": "0 6 * * *", "timezone": "Europe/Paris"},
    )
    done = deploy(spec, client)[0]
    record = server.request("GET", f"/deployments/{done.id}")
    assert record["entrypoint"] == "greet.py:greet_people"
    assert record["version"] == "v1"
    assert record["description"].startswith("Greet.")
    assert record["enforce_parameter_schema"] is True
    assert record["parameter_openapi_schema"] == {
        "title": "Parameters",
        "type": "object",
        "properties": {
            "name": {
                "title": "name",
                "position": 0,
                "type": "string",
                "default": "world",
                "description": "who",
            },
            "n": {"title": "n", "position": 1, "type": "integer", "default": 1},
        },
    }
    variables = record.get("job_variables") or record.get("infra_overrides")
    assert variables == {"env": {"X": "1"}}
    (schedule,) = record.get("schedules", [record])
    assert schedule["schedule"]["cron"] == "0 6 * * *"


@pytest.mark.parametrize(
    "schedule, words",
    [
        ({"cron": "R * * * *"}, "cron: Random and Hashed expressions are unsupported, received"),
        ({"rrule": "FREQ=DAILY;UNTIL=soon1"}, "rrule: Invalid RRule string"),
    ],
    ids=["cron", "rrule"],
)
def test_schedule_that_the_server_refuses(server, client, script, tmp_path, schedule, words):
    """A schedule that only the server can judge is told in its own words, once."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
        work_pool=unique("pool"),
        create_work_pool=True,
        schedule=schedule,
    )
    with pytest.raises(APIStatusError) as caught:
        deploy(spec, client)
    (text,) = schedule.values()
    assert caught.value.detail.startswith(f"schedule, {words}")
    assert f'"{text}"' in caught.value.detail
    assert "required" not in caught.value.detail


def test_redeploy_keeps_what_people_changed(server, client, script, tmp_path):
    """A schedule made by hand, a paused deployment and parameters stay."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
        work_pool=unique("pool"),
        create_work_pool=True,
        schedule={"interval": 3600},
        parameters={"n": 5},
    )
    done = deploy(spec, client)[0]
    path = f"/deployments/{done.id}"
    expected: Dict[Any, bool] = {None: True}
    if "schedules" in server.request("GET", path):
        theirs = {"schedule": {"cron": "1 1 * * *", "timezone": "UTC"}, "active": False}
        server.request("POST", f"{path}/schedules", [theirs])
        expected["1 1 * * *"] = False
    client.set_schedule_active(done.id, False)
    assert client.read_deployment(done.id).is_schedule_active is False
    script.write_text(SCRIPT + "\n# more\n")
    bare = attrs.evolve(spec, parameters=flowpack_unset())
    assert deploy(bare, client)[0].action == "updated"
    assert client.read_deployment(done.id).is_schedule_active is False
    record = server.request("GET", path)
    assert record["parameters"] == {"n": 5}
    crons = {
        each["schedule"].get("cron"): each.get("active", True)
        for each in record.get("schedules", [record])
    }
    assert crons == expected
    assert deploy(bare, client)[0].action == "unchanged"
    client.set_schedule_active(done.id, True)
    assert client.read_deployment(done.id).is_schedule_active is True


def flowpack_unset():
    from flowpack import UNSET

    return UNSET


def test_pools(server, client, script, tmp_path, monkeypatch):
    """No pool, an unknown one and one that does not fit are clear errors."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
    )
    pool = unique("pool")
    client.create_work_pool(pool, "process")
    with pytest.raises(DeploymentValidationError, match=f"no work pool.*{pool}"):
        deploy(spec, client)
    with pytest.raises(DeploymentValidationError, match="no work pool 'none-such'"):
        deploy(attrs.evolve(spec, work_pool="none-such"), client)
    unfit = attrs.evolve(spec, work_pool=pool, flow_runner=DockerFlowRunner())
    with pytest.raises(DeploymentValidationError, match="docker.*type process"):
        deploy(unfit, client)
    monkeypatch.setenv("PREFECT_DEFAULT_WORK_POOL_NAME", pool)
    done = deploy(spec, client)[0]
    assert server.request("GET", f"/deployments/{done.id}")["work_pool_name"] == pool
    assert deploy(spec, client)[0].action == "unchanged"
    assert not list((tmp_path / "t").glob("*"))


def test_storage_blocks(server, client, script, tmp_path, capsys, monkeypatch):
    """save, ls, show and the default work, though today's servers have no default."""
    monkeypatch.setenv("PREFECT_API_URL", server.api)
    name = f"kept-{uuid.uuid4().hex[:8]}"
    folder = f"file:{tmp_path / 'kept'}"
    assert main(["storage", "save", folder, name, "--json"]) == 0
    saved = json.loads(capsys.readouterr().out)
    assert main(["storage", "default", "--set", saved["id"]]) == 0
    try:
        assert str(client.get_default_storage_block_document().id) == saved["id"]
        spec = DeploymentSpec(
            name=unique("d"),
            flow_location=script,
            work_pool=unique("pool"),
            create_work_pool=True,
        )
        done = deploy(spec, client)[0]
        assert (tmp_path / "kept" / done.key).exists()
        client._transport.sent.clear()
        assert deploy(spec, client)[0].action == "unchanged"
        assert len(client._transport.calls()) <= 4
    finally:
        assert main(["storage", "default", "--clear"]) == 0
    assert client.get_default_storage_block_document() is None
    capsys.readouterr()
    assert main(["storage", "ls", "--json"]) == 0
    assert name in capsys.readouterr().out


def test_deployment_of_others(server, client, tmp_path, capsys):
    """Listed and inspected; pull says why it cannot fetch one."""
    flow = server.request("POST", "/flows/", {"name": unique("theirs")})
    body = {
        "name": "theirs",
        "flow_id": flow["id"],
        "entrypoint": "x.py:f",
        "parameter_openapi_schema": {"type": "object", "properties": {}},
        "pull_steps": [
            {"prefect.deployments.steps.set_working_directory": {"directory": "/x"}}
        ],
    }
    server.request("POST", "/deployments/", body)
    full = f"{flow['name']}/theirs"
    assert main(["ls", "--json", "--api", server.api]) == 0
    assert full in capsys.readouterr().out
    assert main(["inspect", full, "--api", server.api]) == 0
    with pytest.raises(PackagingError, match="made by another tool"):
        fetch_script(full, client)


def edited(steps, what):
    """Return pull steps that somebody edited."""
    step = steps[0]["timeit.timeit"]
    if what == "unreadable":
        del step["globals"]["sha256"]
    elif what == "location":
        step["globals"]["location"] = "http://elsewhere.example/x"
    elif what == "more":
        steps.append({"prefect.deployments.steps.run_shell_script": {"script": "x"}})
    return [] if what == "removed" else steps


def fields_of(found):
    return [change.field for change in found.actions[0].changes]


def set_by_others(server, deployment_id, **fields):
    """Change a deployment as another client would."""
    has = server.request("GET", f"/deployments/{deployment_id}")
    kept = ("name", "flow_id", "entrypoint", "work_pool_name", "version", "pull_steps")
    same = {field: has[field] for field in (*kept, "parameter_openapi_schema")}
    if "job_variables" in fields and "job_variables" not in has:
        fields["infra_overrides"] = fields.pop("job_variables")
    server.request("POST", "/deployments/", {**same, **fields})


@pytest.mark.parametrize("what", ["unreadable", "location", "more", "removed"])
def test_pull_step_edited_on_the_server(server, client, script, tmp_path, what):
    """A plan sees it and says so, one from before is refused, a redeploy mends it."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
        work_pool=unique("pool"),
        create_work_pool=True,
    )
    done = deploy(spec, client)[0]
    before = plan(spec, client)
    path = f"/deployments/{done.id}"
    steps = server.request("GET", path)["pull_steps"]
    theirs = edited(json.loads(json.dumps(steps)), what)
    set_by_others(server, done.id, pull_steps=theirs)
    found = plan(spec, client).actions[0]
    told = {change.field: (change.old, change.new) for change in found.changes}
    assert told["pull_steps"][0] != told["pull_steps"][1]
    client._transport.sent.clear()
    with pytest.raises(PlanChangedError, match="pull_steps"):
        apply(before, client)
    assert client._transport.writes() == []
    if what == "unreadable":
        with pytest.raises(PackagingError, match="somebody edited it"):
            fetch_script(done.full_name, client)
        (finding,) = verify_all(client, [done.full_name])
        assert (finding.status, "edited" in finding.reason) == ("unreadable", True)
    assert deploy(spec, client)[0].action == "updated"
    assert server.request("GET", path)["pull_steps"] == steps
    assert plan(spec, client).actions == before.actions


def test_named_storage_that_moved(server, client, script, tmp_path):
    """Workers go by the address in the pull step, so that is what has to move too."""
    saved = FileStorageBlock(str(tmp_path / "one")).save(unique("block"), client)
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=saved.document_id,
        work_pool=unique("pool"),
        create_work_pool=True,
    )
    done = deploy(spec, client)[0]
    moved = FileStorageBlock(str(tmp_path / "two")).to_document_data()
    client.update_block_document(saved.document_id, data=moved)
    (change,) = plan(spec, client).actions[0].changes
    assert change.field == "storage"
    assert [Path(each["base_path"]).name for each in (change.old, change.new)] == [
        *("one", "two")
    ]
    assert deploy(spec, client, confirm=True)[0].action == "updated"
    steps = server.request("GET", f"/deployments/{done.id}")["pull_steps"]
    assert "/two/" in steps[0]["timeit.timeit"]["globals"]["location"]
    assert deploy(spec, client)[0].action == "unchanged"


def test_what_people_set_stays(server, client, script, tmp_path):
    """Job variables and a queue that somebody set in the UI are kept, or cleared."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
        work_pool=unique("pool"),
        create_work_pool=True,
    )
    done = deploy(spec, client)[0]
    path = f"/deployments/{done.id}"
    theirs = {"env": {"A": "1"}}
    set_by_others(server, done.id, job_variables=theirs, work_queue_name="q")
    assert fields_of(plan(spec, client)) == []
    script.write_text(script.read_text() + "# more\n")
    assert deploy(spec, client)[0].action == "updated"
    has = server.request("GET", path)
    name = "job_variables" if "job_variables" in has else "infra_overrides"
    assert (has[name], has["work_queue_name"]) == (theirs, "q")
    clear = attrs.evolve(spec, flow_runner=UniversalFlowRunner(), work_queue=None)
    assert sorted(fields_of(plan(clear, client))) == ["flow_runner", "work_queue"]
    deploy(clear, client)
    has = server.request("GET", path)
    assert (has[name], has["work_queue_name"]) == ({}, "default")


def test_names_that_crash_the_server_are_not_sent(server, client):
    """They are refused before anything is sent."""
    for name in ("a/b", "a%b", "a&b", "a>b", "a<b"):
        with pytest.raises(DeploymentValidationError):
            DeploymentSpec(name=name)
    assert client._transport.sent == []


def test_unchanged_takes_four_requests(server, client, script, tmp_path):
    """Reads only, and few of them."""
    spec = DeploymentSpec(
        name=unique("d"),
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
        flow_runner=SubprocessFlowRunner(),
        work_pool=unique("pool"),
        create_work_pool=True,
    )
    deploy(spec, client)
    client._transport.sent.clear()
    assert deploy(spec, client)[0].action == "unchanged"
    assert client._transport.writes() == []
    assert len(client._transport.calls()) <= 4


def test_csrf_and_basic_auth(tmp_path, script, monkeypatch):
    """A server that wants a password and CSRF tokens is served too."""
    settings = {
        "PREFECT_SERVER_API_AUTH_STRING": "admin:canary",
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    }
    home = tmp_path / "server"
    home.mkdir()
    spec = DeploymentSpec(
        name="d",
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "s")),
        work_pool="pool",
        create_work_pool=True,
    )
    with prefect_server("3.9.1", home, **settings) as server:
        with get_client(server.api) as client:
            with pytest.raises(APIStatusError, match="sent was no credential"):
                deploy(spec, client)
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:wrong-canary")
        with get_client(server.api) as client:
            with pytest.raises(
                APIStatusError, match="PREFECT_API_AUTH_STRING"
            ) as caught:
                deploy(spec, client)
        assert "canary" not in str(caught.value)
        monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:canary")
        with get_client(server.api) as client:
            assert deploy(spec, client)[0].action == "created"
            assert deploy(spec, client)[0].action == "unchanged"
