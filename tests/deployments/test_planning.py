"""Plan, apply and deploy: what is compared, written and left alone."""

import itertools
import json
import os
import threading
import time
import warnings
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import attrs
import pytest

from flowpack import (
    UNSET,
    Client,
    CronSchedule,
    DeploymentSpec,
    FileStorageBlock,
    IntervalSchedule,
    LocalStorageBlock,
    Packager,
    TempStorageBlock,
    UniversalFlowRunner,
    apply,
    deploy,
    load_flow_from_deployment,
    plan,
)
from flowpack.blocks.secret import MASK
from flowpack.exceptions import (
    APIStatusError,
    DeploymentsFailedError,
    DeploymentValidationError,
    FlowpackError,
    PackagingError,
    PlanChangedError,
    SpecError,
    StorageUnavailableError,
)
from flowpack.models import DataDocument, DeploymentCreate
from flowpack.transport import Response
from tests.clients import Counting

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is only kept:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*only usable from:UserWarning"),
]


@pytest.fixture
def spec(script, tmp_path):
    """A spec that sets all that can be set."""
    return DeploymentSpec(
        name="d",
        flow_location=script,
        flow_storage=FileStorageBlock(str(tmp_path / "store")),
        parameters={"name": "Ada"},
        schedule=IntervalSchedule(timedelta(hours=1)),
        tags=["b", "a"],
        flow_runner=UniversalFlowRunner(env={"X": "1"}),
    )


def kinds(found):
    return [(action.kind, action.upload) for action in found.actions]


def fields(found):
    return [change.field for change in found.actions[0].changes]


def test_first_plan_creates_and_writes_nothing(client, transport, spec, tmp_path):
    """A plan only reads, and leaves no file behind."""
    assert kinds(plan(spec, client)) == [("create", True)]
    assert transport.writes() == []
    assert not (tmp_path / "store").exists()


def test_unchanged_is_left_alone(client, transport, spec):
    """Deploying again writes nothing and takes at most three requests."""
    first = deploy(spec, client)[0]
    transport.sent.clear()
    second = deploy(spec, client)[0]
    assert (first.action, second.action) == ("created", "unchanged")
    assert attrs.evolve(second, action="created") == first
    assert transport.writes() == []
    assert len(transport.calls()) <= 3


def test_unchanged_with_default_storage(client, transport, script, tmp_path):
    """The server's default storage costs two reads more, three in all."""
    saved = FileStorageBlock(str(tmp_path / "store")).save("main", client)
    client.set_default_storage_block_document(saved.document_id)
    spec = DeploymentSpec(name="d", flow_location=script)
    deploy(spec, client)
    transport.sent.clear()
    assert deploy(spec, client)[0].action == "unchanged"
    assert len(transport.calls()) <= 3


def test_fresh_clone_is_unchanged(client, spec, script, tmp_path):
    """Other folder, time and mode of the script: still unchanged."""
    deploy(spec, client)
    clone = tmp_path / "clone" / "hello.py"
    clone.parent.mkdir()
    clone.write_bytes(script.read_bytes())
    os.utime(clone, (1, 1))
    clone.chmod(0o755)
    moved = attrs.evolve(spec, flow_location=clone)
    assert kinds(plan(moved, client)) == [("unchanged", False)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parameters", {"name": "Grace"}),
        ("tags", ("c",)),
        ("schedule", CronSchedule("0 6 * * *")),
        ("flow_runner", UniversalFlowRunner()),
        ("paused", True),
    ],
)
def test_changed_field_is_an_update(client, spec, field, value):
    """One field that differs is shown, written and then unchanged."""
    first = deploy(spec, client)[0]
    changed = attrs.evolve(spec, **{field: value})
    assert fields(plan(changed, client)) == [field]
    updated = deploy(changed, client)[0]
    assert (updated.action, updated.id) == ("updated", first.id)
    assert deploy(changed, client)[0].action == "unchanged"


def test_changed_code_is_an_update(client, spec, script):
    """Other bytes are shown by digest and size."""
    deploy(spec, client)
    script.write_text(script.read_text() + "\n# more\n")
    found = plan(spec, client)
    (change,) = found.actions[0].changes
    assert change.field == "code"
    assert change.new["size"] == script.stat().st_size
    assert deploy(spec, client)[0].action == "updated"


def test_other_storage_is_an_update(client, spec, tmp_path):
    """A storage of another folder is shown."""
    deploy(spec, client)
    moved = attrs.evolve(spec, flow_storage=FileStorageBlock(str(tmp_path / "two")))
    (change,) = plan(moved, client).actions[0].changes
    assert change.field == "storage"
    assert (change.old["base_path"], change.new["base_path"]) == (
        str(tmp_path / "store") + "/",
        str(tmp_path / "two") + "/",
    )
    assert deploy(moved, client)[0].action == "updated"
    assert len(list((tmp_path / "two").iterdir())) == 1


_STORAGES = {
    "local": lambda folder: LocalStorageBlock(str(folder)),
    "other local": lambda folder: LocalStorageBlock(str(folder / "other")),
    "file": lambda folder: FileStorageBlock(str(folder)),
    "other file": lambda folder: FileStorageBlock(str(folder / "other")),
    "uuid": lambda folder: FileStorageBlock(str(folder), key_type="uuid"),
    "temporary": lambda folder: TempStorageBlock(),
}


@pytest.mark.parametrize(("old", "new"), [*itertools.permutations(_STORAGES, 2)])
def test_unchanged_script_moves_to_another_storage(
    client, script, tmp_path, monkeypatch, old, new
):
    """One storage's token may be none of another's."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def spec(kind):
        storage = _STORAGES[kind](tmp_path / "store")
        return DeploymentSpec(name="d", flow_location=script, flow_storage=storage)

    deploy(spec(old), client)
    assert fields(plan(spec(new), client))[0] == "storage"
    actions = [deploy(spec(new), client)[0].action for _ in range(2)]
    assert actions == ["updated", "unchanged"]
    assert load_flow_from_deployment("hello/d", client)(name="Ada") == "Hello Ada!"


def test_token_that_leads_out_of_its_storage_is_replaced(client, script, tmp_path):
    """A deployment that somebody broke is mended by deploying it again."""
    storage = LocalStorageBlock(str(tmp_path / "store"))
    spec = DeploymentSpec(name="d", flow_location=script, flow_storage=storage)
    done = deploy(spec, client)[0]
    current = client.read_deployment_by_name("hello/d")
    stored = current.flow_data.stored_object
    odd = str(tmp_path / "elsewhere" / done.sha256)
    client.create_deployment(
        DeploymentCreate(
            name="d",
            flow_id=current.flow_id,
            flow_data=DataDocument.encode(
                "blockstorage", attrs.evolve(stored, token=odd)
            ),
        )
    )
    assert fields(plan(spec, client))[0] == "key"
    assert deploy(spec, client)[0].action == "updated"
    assert load_flow_from_deployment("hello/d", client)(name="Ada") == "Hello Ada!"


def test_missing_bytes_are_put_back(client, transport, spec, tmp_path):
    """An object that has gone missing is stored again; the API is left alone."""
    done = deploy(spec, client)[0]
    (tmp_path / "store" / done.key).unlink()
    assert kinds(plan(spec, client)) == [("unchanged", True)]
    transport.sent.clear()
    assert deploy(spec, client)[0].action == "unchanged"
    assert transport.writes() == []
    assert (tmp_path / "store" / done.key).exists()


@pytest.mark.parametrize("key_type", ["uuid", "timestamp"])
def test_missing_bytes_under_a_chance_key_are_an_update(
    client, script, tmp_path, key_type
):
    """Where the key cannot be made again, the deployment points at a new one."""
    storage = FileStorageBlock(str(tmp_path / "store"), key_type=key_type)
    spec = DeploymentSpec(name="d", flow_location=script, flow_storage=storage)
    first = deploy(spec, client)[0]
    assert deploy(spec, client)[0].action == "unchanged"
    (tmp_path / "store" / first.key).unlink()
    second = deploy(spec, client)[0]
    assert second.action == "updated"
    assert second.key != first.key


def test_unset_fields_keep_what_the_server_has(client, spec):
    """What a spec does not set stays, also when something else is updated."""
    done = deploy(spec, client)[0]
    client.set_schedule_active(done.id, False)
    bare = DeploymentSpec(
        name="d",
        flow_location=spec.flow_location,
        flow_storage=spec.flow_storage,
        flow_runner={"config": {"env": {"MORE": "1"}}},
    )
    assert fields(plan(bare, client)) == ["flow_runner"]
    before = client.read_deployment(done.id)
    assert deploy(bare, client)[0].action == "updated"
    after = client.read_deployment(done.id)
    kept = ("schedule", "is_schedule_active", "parameters", "tags")
    assert [getattr(after, each) for each in kept] == [
        getattr(before, each) for each in kept
    ]
    assert after.is_schedule_active is False


def test_none_and_empty_clear(client, spec):
    """None or empty clears what the server has."""
    done = deploy(spec, client)[0]
    cleared = attrs.evolve(spec, schedule=None, tags=(), parameters={})
    assert sorted(fields(plan(cleared, client))) == ["parameters", "schedule", "tags"]
    deploy(cleared, client)
    record = client.read_deployment(done.id)
    assert (record.schedule, record.tags, dict(record.parameters)) == (None, (), {})


def test_two_plans_are_equal_to_the_byte(client, spec):
    """A plan of unchanged input is the same, and is JSON and a table."""
    deploy(spec, client)
    changed = attrs.evolve(spec, parameters={"name": "Grace"})
    one, two = plan(changed, client), plan(changed, client)
    assert one == two
    assert one.to_json() == two.to_json()
    action = json.loads(one.to_json())["actions"][0]
    assert action["changes"] == [
        {"field": "parameters", "old": {"name": "Ada"}, "new": {"name": "Grace"}}
    ]
    assert 'parameters: {"name": "Ada"} -> {"name": "Grace"}' in str(one)


def test_new_deployment_is_shown_field_by_field(client, spec, tmp_path):
    """So a plan of other fields, or of another storage, is another plan."""
    found = plan(spec, client)
    changes = {change.field: change.new for change in found.actions[0].changes}
    assert changes["parameters"] == {"name": "Ada"}
    assert changes["tags"] == ["b", "a"]
    assert changes["storage"] == {
        "type": "File Storage",
        "base_path": f"{tmp_path}/store/",
        "key_type": "hash",
        "options": {},
    }
    assert {change.old is None for change in found.actions[0].changes} == {True}
    assert '             parameters: {"name": "Ada"}\n' in str(found)
    others = {
        "parameters": {"name": "Grace"},
        "tags": (),
        "paused": True,
        "schedule": None,
        "flow_runner": UniversalFlowRunner(env={"Y": "1"}),
        "flow_storage": FileStorageBlock(str(tmp_path / "other")),
    }
    more = [plan(attrs.evolve(spec, **{key: others[key]}), client) for key in others]
    assert len({each.to_json() for each in [found, *more]}) == 1 + len(others)


def test_values_of_variables_are_not_shown(client, spec):
    """Text, JSON and repr have names, and say which value changed; to their end."""

    def spec_with(secret):
        env = {"TOKEN": secret, "OTHER": "canary-0"}
        return attrs.evolve(spec, flow_runner=UniversalFlowRunner(env=env))

    plans = [plan(spec_with("canary-1"), client)]
    deploy(spec_with("canary-1"), client)
    plans += [plan(spec_with(secret), client) for secret in ("canary-2", "canary-3")]
    for each in plans:
        shown = f"{each} {each.to_json()} {each!r} {attrs.asdict(each.actions[0])}"
        assert "canary" not in shown
        assert "TOKEN" in str(each) and "TOKEN" in each.to_json()
    (change,) = plans[1].actions[0].changes
    assert change.new["config"]["env"] == {"TOKEN": f"{MASK} (changed)", "OTHER": MASK}
    assert plans[1].to_json() == plans[2].to_json()
    assert plan(spec_with("canary-1"), client).actions[0].kind == "unchanged"


def test_thousand_secrets_are_planned_at_once(client, spec):
    """What a plan says of secrets takes no time to work out."""
    env = {f"TOKEN_{number}": f"canary-{number}" for number in range(1000)}
    many = attrs.evolve(spec, flow_runner=UniversalFlowRunner(env=env))
    start = time.process_time()
    assert "canary" not in plan(many, client).to_json()
    assert time.process_time() - start < 1


def test_names_and_notes_stay_in_their_lines(client, script, tmp_path):
    """Whatever is in a name, it cannot pass for another line of the plan."""
    spec = DeploymentSpec(
        name="d\ncreate     other \x1b[31m\u202e",
        flow_location=script,
        packager=InTheDeployment(),
        tags=["a\nb\x7f"],
        work_pool="p\nq",
    )
    lines = str(plan(spec, client)).split("\n")
    assert [line for line in lines if not line.startswith(" ")] == lines[:1]
    assert all(line.isprintable() for line in lines)
    stored = attrs.evolve(
        spec, packager=None, flow_storage=FileStorageBlock(str(tmp_path / "s\ns"))
    )
    lines = str(plan(stored, client)).split("\n")
    assert [line for line in lines if not line.startswith(" ")] == lines[:1]
    assert all(line.isprintable() for line in lines)


def test_what_a_server_cannot_keep_is_noted(client, spec):
    """Fields of today's Prefect are named where the server has no place for them."""
    assert plan(spec, client).actions[0].notes == ()
    more = attrs.evolve(spec, work_pool="p", labels={"a": 1}, pull="stock")
    (note,) = plan(more, client).actions[0].notes
    assert "no place for work_pool, labels, pull" in note
    deploy(spec, client)
    assert kinds(plan(more, client)) == [("unchanged", False)]
    empty: Any = {"job_variables": {}, "concurrency_limit": None, "description": None}
    nothing = attrs.evolve(spec, check_job_variables=False, **empty)
    assert plan(nothing, client).actions[0].notes == ()


@pytest.mark.parametrize(
    ("field", "value", "empty"),
    [("job_variables", {"a": 1}, {}), ("concurrency_limit", 3, None)],
)
def test_what_a_server_cannot_keep_and_runs_need(client, transport, spec, field, value, empty):
    """It is an error before any write, for runs would be others than asked for."""
    wrong = attrs.evolve(spec, **{field: value})
    for attempt in (plan, deploy):
        with pytest.raises(DeploymentValidationError, match=f"keeps no {field}"):
            attempt(wrong, client)
    assert transport.writes() == []
    deploy(spec, client)
    assert kinds(plan(attrs.evolve(spec, **{field: empty}), client)) == [("unchanged", False)]
    lenient = plan(attrs.evolve(wrong, check_job_variables=False), client)
    assert f"has no place for {field}" in str(lenient.actions[0].notes)
    assert kinds(lenient) == [("unchanged", False)]


def test_schedule_on_the_embedded_api_is_a_warning(client, spec):
    """One for each deployment that sets one, at the line that deploys."""
    specs = [
        spec,
        attrs.evolve(spec, name="b"),
        attrs.evolve(spec, name="never", schedule=None),
        attrs.evolve(spec, name="kept", schedule=UNSET),
    ]
    for act in (
        lambda: deploy(specs, client),
        lambda: apply(plan(specs, client), client),
    ):
        with pytest.warns(UserWarning, match="no server runs behind") as caught:
            act()
        assert [str(each.message).partition(":")[0] for each in caught] == [
            *("hello/d", "hello/b")
        ]
        assert {each.filename for each in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan(specs, client)


def test_deploy_of_an_earlier_plan(client, transport, spec, script):
    """It goes on only if planning again says the same; else nothing is written."""
    planned = plan(spec, client).to_json()
    assert deploy(spec, client, planned=planned)[0].action == "created"
    changed = attrs.evolve(spec, tags=("new",))
    planned = plan(changed, client).to_json()
    script.write_text(script.read_text() + "# more\n")
    transport.sent.clear()
    with pytest.raises(PlanChangedError) as caught:
        deploy(changed, client, planned=planned)
    assert {each.split(" was ")[0] for each in caught.value.moved} == {
        "hello/d: sha256",
        "hello/d: size",
        "hello/d: code",
        "hello/d: upload",
    }
    assert transport.writes() == []
    with pytest.raises(SpecError, match="this is no plan"):
        deploy(changed, client, planned="{}")


def test_plan_is_applied(client, spec):
    """A plan that still holds is carried out."""
    found = plan(spec, client)
    assert apply(found, client)[0].action == "created"


def test_plan_of_a_script_that_is_gone_is_refused(client, transport, spec, script):
    """What could be planned and cannot any more has changed."""
    found = plan(spec, client)
    script.unlink()
    with pytest.raises(PlanChangedError, match="there is no such file"):
        apply(found, client)
    with pytest.raises(PlanChangedError, match="there is no such file"):
        deploy(spec, client, planned=found.to_json())
    assert transport.writes() == []


def test_plan_is_a_value(client, spec):
    """Equal plans have equal hashes, and nobody alters what one says."""
    parameters = {"name": ["Ada"]}
    found = plan(attrs.evolve(spec, parameters=parameters), client)
    before = found.to_json()
    assert hash(found) == hash(plan(found.specs, client))
    cast(Any, found.specs[0]).parameters["name"].append("Grace")
    assert found.to_json() == before
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(found, "actions", ())
    with pytest.raises(PlanChangedError, match="Grace"):
        apply(found, client)


@pytest.mark.parametrize("what", ["script", "server"])
def test_plan_that_no_longer_holds_is_refused(client, transport, spec, script, what):
    """Files or deployments that moved since the plan stop it; nothing is written."""
    deploy(spec, client)
    changed = attrs.evolve(spec, tags=("new",))
    found = plan(changed, client)
    if what == "script":
        script.write_text(script.read_text() + "\n")
    else:
        deploy(attrs.evolve(spec, tags=("other",)), client)
    transport.sent.clear()
    with pytest.raises(PlanChangedError, match="hello/d"):
        apply(found, client)
    assert transport.writes() == []


def test_problems_of_a_set_are_listed_together(client, transport, spec, tmp_path):
    """One bad spec in a set writes nothing; all problems stand in one error."""
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")
    bad = [
        attrs.evolve(spec, name="two", flow_location=tmp_path / "missing.py"),
        attrs.evolve(spec, name="three", flow_location=broken),
    ]
    with pytest.raises(DeploymentValidationError) as caught:
        deploy([spec, *bad], client)
    assert len(caught.value.problems) == 2
    assert transport.writes() == []
    assert not (tmp_path / "store").exists()


def test_problems_of_every_kind_are_listed_together(client, transport, spec, tmp_path):
    """Whatever is wrong with a spec keeps no other problem from being listed."""
    plain = tmp_path / "plain.py"
    plain.write_text("x = 1\n")
    unknown = UUID(int=7)
    bad = {
        "it defines no flow": attrs.evolve(spec, name="two", flow_location=plain),
        str(unknown): attrs.evolve(spec, name="three", flow_storage=unknown),
        "remote storage": attrs.evolve(
            spec, name="four", flow_storage=LocalStorageBlock(str(tmp_path / "l"))
        ),
        "a plan only reads": attrs.evolve(
            spec, name="five", flow_storage=None, packager=Eager()
        ),
        "2 times": attrs.evolve(spec, source="here"),
    }
    with pytest.raises(DeploymentValidationError) as caught:
        plan([spec, *bad.values()], client)
    problems = caught.value.problems
    assert len(problems) == len(bad)
    assert all(text in problem for text, problem in zip(bad, problems)), problems
    assert "three" in problems[1]
    assert transport.writes() == []


class Answering(Counting):
    """Answers requests that name a deployment with a status, so many times."""

    def __init__(self, transport, name, status, method, times=1000):
        super().__init__(transport)
        self.name, self.status, self.method = name.encode(), status, method
        self.times = times

    def send(self, request):
        at = request.path.encode() + (request.body or b"")
        if request.method == self.method and self.name in at and self.times:
            self.times -= 1
            self.sent.append(request)
            return Response(self.status, b'{"detail": "injected"}')
        return super().send(request)


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("status", [422, 500])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refusal_of_one_does_not_lose_the_others(
    transport, spec, method, status, jobs
):
    """A server that fails with one, read or written, gets the others all the same."""
    specs = [attrs.evolve(spec, name=f"n{index}") for index in range(6)]
    watched = Answering(transport, "n2", status, method)
    with Client(transport=watched) as client:
        with pytest.raises(DeploymentsFailedError) as caught:
            deploy(specs, client, jobs=jobs)
        assert [name.rpartition("/")[2] for name, _ in caught.value.failed] == ["n2"]
        names = [each.name for each in caught.value.deployed]
        assert names == ["n0", "n1", "n3", "n4", "n5"]
        with pytest.raises(APIStatusError if method == "GET" else FlowpackError):
            deploy(specs[1:4], client, fail_fast=True)


def test_failures_are_listed_in_the_order_of_the_set(transport, spec):
    """Whether they failed while they were read or while they were written."""
    specs = [attrs.evolve(spec, name=f"n{index}") for index in range(4)]
    watched = Answering(
        Answering(Answering(transport, "n2", 500, "GET"), "n1", 422, "POST"),
        "n3",
        422,
        "POST",
    )
    with Client(transport=watched) as client:
        with pytest.raises(DeploymentsFailedError) as caught:
            deploy(specs, client)
    assert [name.rpartition("/")[2] for name, _ in caught.value.failed] == [
        *("n1", "n2", "n3")
    ]


@pytest.mark.parametrize(("times", "action"), [(1, "created"), (2, None)])
def test_busy_server_is_asked_once_more(transport, spec, times, action):
    """What a busy server had no time for is done at the end, one by one."""
    specs = [attrs.evolve(spec, name=f"n{index}") for index in range(5)]
    watched = Answering(transport, "n2", 503, "POST", times)
    with Client(transport=watched) as client:
        if action:
            done = deploy(specs, client, jobs=3)
            assert [each.action for each in done] == [action] * 5
        else:
            with pytest.raises(DeploymentsFailedError) as caught:
                deploy(specs, client, jobs=3)
            assert len(caught.value.deployed) == 4
    sent = [each for each in watched.sent if b"n2" in (each.body or b"")]
    assert len(sent) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_tried_once(transport, spec, status):
    """Where nothing may be read, the first answer is enough."""
    specs = [attrs.evolve(spec, name=f"n{index}") for index in range(3)]
    watched = Answering(transport, "/n", status, "GET")
    with Client(transport=watched) as client, pytest.raises(APIStatusError):
        deploy(specs, client)
    assert len([each for each in watched.sent if "/name/" in each.path]) == 1


def test_progress_is_reported_one_at_a_time(client, spec):
    """A callback needs no lock of its own."""
    specs = [attrs.evolve(spec, name=f"n{index}") for index in range(12)]
    inside = threading.Lock()
    together = []

    def report(done):
        if not inside.acquire(blocking=False):
            together.append(done)
            return
        threading.Event().wait(0.005)
        inside.release()

    deploy(specs, client, jobs=6, progress=report)
    assert not together


def test_one_name_twice_in_a_set(client, transport, spec):
    """Two specs of one name would overwrite each other, so they are refused."""
    with pytest.raises(DeploymentValidationError, match="2 times in one set"):
        deploy([spec, spec], client)
    assert transport.writes() == []


def test_one_failure_does_not_lose_the_others(client, spec, tmp_path):
    """The others of a set are done, and the error says which failed."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    bad = attrs.evolve(
        spec, name="bad", flow_storage=FileStorageBlock(str(blocked / "x"))
    )
    other = attrs.evolve(spec, name="other")
    with pytest.raises(DeploymentsFailedError) as caught:
        deploy([spec, bad, other], client)
    assert [name for name, _ in caught.value.failed] == ["hello/bad"]
    assert isinstance(caught.value.failed[0][1], StorageUnavailableError)
    assert [each.full_name for each in caught.value.deployed] == [
        "hello/d",
        "hello/other",
    ]
    with pytest.raises(DeploymentsFailedError) as caught:
        deploy([bad, attrs.evolve(spec, name="late")], client, fail_fast=True)
    assert caught.value.deployed == ()


@pytest.mark.parametrize("jobs", [1, 4])
def test_set_registers_each_thing_once(client, transport, spec, jobs):
    """Equal storages and flows of a set are looked up once; order is kept."""
    specs = [attrs.evolve(spec, name=f"d{index}") for index in range(10)]
    seen: list[Any] = []
    done = deploy(specs, client, jobs=jobs, progress=seen.append)
    assert [each.name for each in done] == [each.name for each in specs]
    assert sorted(each.name for each in seen) == sorted(each.name for each in specs)
    calls = transport.calls()
    assert calls.count("POST /flows/") == 1
    assert calls.count("POST /block_documents/") == 1
    assert len({each.document_id for each in done}) == 1


@pytest.mark.parametrize("most", [0, 1])
def test_set_with_too_few_threads(client, spec, monkeypatch, most):
    """Where the system gives fewer threads than asked for, fewer do all of it."""
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def refuse(thread):
        if len(started) == most:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    specs = [attrs.evolve(spec, name=f"d{index}") for index in range(6)]
    done = deploy(specs, client, jobs=4)
    assert [each.name for each in done] == [each.name for each in specs]
    assert len(started) == most


def test_same_storage_of_two_specs_is_one_document(client, script, tmp_path):
    """Equal configurations share a document, whatever object says them."""
    ids = {
        deploy(
            DeploymentSpec(
                name=name,
                flow_location=script,
                flow_storage=FileStorageBlock(str(tmp_path / "store")),
            ),
            client,
        )[0].document_id
        for name in ("one", "two", "three")
    }
    assert len(ids) == 1
    assert len(client.read_block_documents(anonymous=True)) == 1


@attrs.frozen
class InTheDeployment(Packager):
    """A packager of a user's own: the script stands in the deployment."""

    def check_compat(self, deployment, client=None):
        """Take everything."""

    def package(self, deployment, client=None):
        """Put the text of the script into the deployment."""
        text = deployment.flow.script.content.decode()
        return DeploymentCreate(
            name=deployment.name,
            flow_id=client.create_flow(deployment.flow_name),
            flow_data=DataDocument.encode("text", text),
            flow_runner=deployment.flow_runner.to_settings(),
        )


def test_packager_of_ones_own(client, transport, script):
    """check_compat and package are enough; a plan never calls package."""
    spec = DeploymentSpec(name="d", flow_location=script, packager=InTheDeployment())
    found = plan(spec, client)
    assert "known when it is packaged" in str(found)
    assert transport.writes() == []
    assert deploy(spec, client)[0].action == "created"
    assert deploy(spec, client)[0].action == "updated"
    assert client.read_deployment_by_name("hello/d").flow_data.encoding == "text"


class Eager(InTheDeployment):
    """Registers the flow too early."""

    def prepare(self, deployment, client=None):
        """Write, which a plan may not."""
        client.create_flow(deployment.flow_name)


def test_packager_that_writes_while_planning_is_stopped(client, script):
    """What a packager would write while only reading is refused."""
    with pytest.raises(PackagingError, match="a plan only reads"):
        plan(DeploymentSpec(name="d", flow_location=script, packager=Eager()), client)


def test_packager_and_storage_exclude_each_other(client, script, tmp_path):
    """A spec that is given a packager takes no flow_storage."""
    spec = DeploymentSpec(
        name="d",
        flow_location=script,
        packager=InTheDeployment(),
        flow_storage=LocalStorageBlock(str(tmp_path)),
    )
    with pytest.raises(DeploymentValidationError, match="both given"):
        spec.validate(client)


def test_confirm_reads_back(client, transport, spec, tmp_path):
    """With confirm deployment and storage are read once more after the last write."""
    done = deploy(spec, client, confirm=True)[0]
    assert transport.calls()[-3:] == [
        "POST /deployments/",
        f"GET /deployments/{done.id}",
        f"GET /block_documents/{done.document_id}",
    ]


def test_cost_does_not_grow_with_redeploys(client, transport, spec):
    """The tenth changed redeploy takes as many requests as the second."""
    counts = []
    for index in range(10):
        transport.sent.clear()
        deploy(attrs.evolve(spec, parameters={"name": str(index)}), client)
        counts.append(len(transport.calls()))
    assert len(set(counts[1:])) == 1
    assert len(client.read_block_documents(anonymous=True)) == 1


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_jobs_is_wrong_use(client, spec, jobs):
    """A number of jobs below one is a ValueError."""
    with pytest.raises(ValueError, match="at least 1"):
        deploy(spec, client, jobs=jobs)
