"""The calls that users of ``prefect.packaging`` write, as they write them."""

import hashlib
import sys
import types
import warnings
from typing import Any
from uuid import UUID

import attrs
import pytest

import flowpack
from flowpack import (
    DataDocument,
    DeploymentCreate,
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    KubernetesFlowRunner,
    KVServerStorageBlock,
    LocalStorageBlock,
    SubprocessFlowRunner,
    TempStorageBlock,
    UniversalFlowRunner,
)
from flowpack.embedded import EmbeddedTransport
from flowpack.packaging import Packager, ScriptPackager
from tests.peers.keyvalue import kv_server

RUNNERS = {
    "subprocess": SubprocessFlowRunner,
    "universal": UniversalFlowRunner,
    "docker": DockerFlowRunner,
    "kubernetes": KubernetesFlowRunner,
}

#: How a storage is given, and whether it is one of this machine.
STORAGES = {
    "none": True,
    "local": True,
    "temp": True,
    "file": False,
    "kv": False,
    "uuid of local": True,
    "uuid of file": False,
    "default local": True,
    "default file": False,
    "default: file": False,
}


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Keep temporary storage inside the test's folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def flow(script):
    """A flow object, of the script that defines it."""
    module = types.ModuleType("own_flows")
    module.__file__ = str(script)
    exec(compile(script.read_bytes(), script, "exec"), vars(module))
    return module.hello


@pytest.fixture
def kv():
    """A key-value server."""
    with kv_server() as server:
        yield KVServerStorageBlock(server.address)


def storage_of(kind, client, folder, kv):
    """Return what ``ScriptPackager(storage=...)`` gets; registers what that needs."""
    how, _, target = kind.partition(" ")
    blocks = {"local": LocalStorageBlock(folder), "file": FileStorageBlock(folder)}
    if how in blocks:
        return blocks[how]
    if how in ("temp", "kv"):
        return TempStorageBlock() if how == "temp" else kv
    if how == "none":
        return None
    saved = blocks[target.split()[-1]].save("kept", client)
    if how == "uuid":
        return saved.document_id
    client.set_default_storage_block_document(saved.document_id)
    return "default:" if how == "default:" else None


@pytest.mark.parametrize("given", ["spec", "complete"])
@pytest.mark.parametrize("kind", STORAGES)
@pytest.mark.parametrize("runner", RUNNERS)
def test_truth_table(client, flow, script, tmp_path, kv, runner, kind, given):
    """Storage of this machine fits subprocess alone, and warns there, once."""
    packager = ScriptPackager(storage=storage_of(kind, client, tmp_path / "s", kv))
    plain = DeploymentSpec(name="d", flow=flow, flow_runner=RUNNERS[runner]())
    spec = plain.complete(packager, client) if given == "complete" else plain
    if STORAGES[kind] and runner != "subprocess":
        for method in (packager.check_compat, packager.package):
            with pytest.raises(
                flowpack.exceptions.DeploymentValidationError,
                match=f"{runner.capitalize()} flow runner needs",
            ):
                method(spec, client)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        packager.check_compat(spec, client)
        create = packager.package(spec, client)
    assert isinstance(create, DeploymentCreate)
    assert [each.filename for each in caught] == [__file__] * STORAGES[kind]
    stored = create.flow_data.stored_object
    assert stored is not None
    assert stored.sha256 == hashlib.sha256(script.read_bytes()).hexdigest()
    assert isinstance(stored.block_document_id, UUID)
    client.create_deployment(create)
    assert flowpack.load_flow_from_deployment("hello/d", client)() == "Hello world!"


@pytest.mark.filterwarnings("ignore:.*current machine:UserWarning")
def test_with_nothing_but_settings(flow, fresh_home):
    """No client is needed, and what ``validate`` returned is taken too."""
    spec = DeploymentSpec(name="d", flow=flow, flow_runner=SubprocessFlowRunner())
    packager = ScriptPackager()
    packager.check_compat(spec)
    create = packager.package(spec)
    assert packager.package(spec.validate()) == create
    with flowpack.client.get_client() as client:
        client.create_deployment(create)
    assert flowpack.load_flow_from_deployment("hello/d")(name="Ada") == "Hello Ada!"


def test_package_alone_keeps_nothing(client, flow, tmp_path):
    """As in the reference: with no storage it is the server's default."""
    old, new = FileStorageBlock(tmp_path / "old"), FileStorageBlock(tmp_path / "new")
    spec = DeploymentSpec(name="d", flow=flow)
    flowpack.deploy(attrs.evolve(spec, flow_storage=old), client)
    saved = new.save("kept", client)
    client.set_default_storage_block_document(saved.document_id)
    create = ScriptPackager().package(spec, client)
    stored = create.flow_data.stored_object
    assert stored is not None and stored.block_document_id == saved.document_id


class OfTheReference(Packager):
    """Written to the reference's abstract signatures: no client."""

    def __init__(self):
        self.checked = []

    def check_compat(self, deployment):  # type: ignore[override] # the reference's
        self.checked.append(deployment.flow_runner.typename)

    def package(self, deployment):  # type: ignore[override] # the reference's
        with flowpack.get_client() as client:
            flow_id = client.create_flow(deployment.flow)
        return DeploymentCreate(
            name=deployment.name,
            flow_id=flow_id,
            flow_data=DataDocument.encode("text", "print('hello')"),
            parameters=deployment.parameters,
            flow_runner=deployment.flow_runner.to_settings(),
        )


class KeywordOnly(OfTheReference):
    """Wants the client by name."""

    def package(self, deployment, *, client):  # type: ignore[override] # allowed
        assert client.embedded
        return super().package(deployment)


class OtherName(OfTheReference):
    """Calls the client something else."""

    def package(self, deployment, api):  # type: ignore[override] # allowed
        assert api.embedded
        return super().package(deployment)


class OtherOption(OfTheReference):
    """Has an option of its own."""

    def package(self, deployment, strict=False):
        assert strict is False
        return super().package(deployment)


def logged(method):
    """Return *method* as careless decorators do, without its signature."""

    def call(*args, **kwargs):
        return method(*args, **kwargs)

    return call


class Decorated(OfTheReference):
    """Cannot be asked what it takes."""

    package = logged(OfTheReference.package)


@pytest.mark.parametrize(
    "kind", [OfTheReference, KeywordOnly, OtherName, OtherOption, Decorated]
)
def test_packager_of_the_reference_deploys(flow, kind):
    """Its methods are called with what they take."""
    packager = kind()
    spec = DeploymentSpec(name="d", flow=flow, packager=packager, tags=["a"])
    assert flowpack.deploy(spec)[0].action == "created"
    assert packager.checked == ["universal"]
    assert flowpack.deploy(spec)[0].action == "updated"


class Delegating(Packager):
    """Leaves the work to another one, and names no client."""

    def __init__(self, folder):
        self.inner = ScriptPackager(FileStorageBlock(folder))

    def check_compat(self, deployment):  # type: ignore[override] # the reference's
        self.inner.check_compat(deployment)

    def package(self, deployment):  # type: ignore[override] # the reference's
        return self.inner.package(deployment)


def test_packager_without_a_client_writes_where_the_deploy_does(
    flow, tmp_path, monkeypatch
):
    """Not where the settings lead."""
    monkeypatch.setenv("FLOWPACK_HOME", str(tmp_path / "settings"))
    other = EmbeddedTransport(str(tmp_path / "other.db"))
    packager = Delegating(tmp_path / "store")
    spec = DeploymentSpec(name="d", flow=flow, packager=packager)
    with flowpack.Client(transport=other) as client:
        assert flowpack.deploy(spec, client)[0].action == "created"
        assert flowpack.load_flow_from_deployment("hello/d", client)() == "Hello world!"
    assert not (tmp_path / "settings").exists()


class Tagging(ScriptPackager):
    """Changes what is packaged; in the style of the reference, without a client."""

    def __init__(self, tag):
        super().__init__()
        object.__setattr__(self, "tag", tag)

    def package(self, deployment):  # type: ignore[override] # the reference's
        create = super().package(deployment)
        tag = self.tag  # type: ignore[attr-defined] # set above
        return attrs.evolve(create, tags=(tag,))


@pytest.mark.filterwarnings("ignore:.*current machine:UserWarning")
def test_own_package_of_a_subclass_counts(client, flow, tmp_path):
    """What its base class prepares does not stand in for it; storage is kept."""
    spec = DeploymentSpec(name="d", flow=flow)
    store = FileStorageBlock(tmp_path / "store")
    flowpack.deploy(attrs.evolve(spec, flow_storage=store), client)
    spec = attrs.evolve(spec, packager=Tagging("blue"))
    assert flowpack.plan(spec, client).actions[0].sha256 is None
    done = flowpack.deploy(spec, client)[0]
    deployment = client.read_deployment(done.id)
    assert list(deployment.tags) == ["blue"]
    (content,) = (tmp_path / "store").iterdir()
    assert deployment.flow_data.stored_object.sha256 == content.name


class Async(OfTheReference):
    """As Prefect's own packagers are written."""

    async def package(self, deployment):  # type: ignore[override] # refused
        """Never awaited."""


class AsyncGenerator(OfTheReference):
    """Neither awaited nor iterated over."""

    async def check_compat(self, deployment):  # type: ignore[override] # refused
        yield


class Narrow(OfTheReference):
    """Takes no deployment."""

    def check_compat(self):  # type: ignore[override] # refused
        """Never called."""


class Disguised(OfTheReference):
    """A plain function that returns a coroutine, as decorators make them."""

    def check_compat(self, deployment):  # type: ignore[override] # refused
        async def later():
            """Never awaited."""

        return later()


def test_async_packager_is_refused(flow):
    """With a sentence, and before anything else is done with it."""
    for kind, method in ((Async, "package"), (AsyncGenerator, "check_compat")):
        with pytest.raises(
            flowpack.exceptions.DeploymentValidationError,
            match=f"{kind.__name__}.{method} is async",
        ):
            DeploymentSpec(name="d", flow=flow, packager=kind())
    spec = DeploymentSpec(name="d", flow=flow, packager=Disguised())
    with pytest.raises(
        flowpack.exceptions.PackagingError, match="flowpack awaits nothing"
    ):
        flowpack.plan(spec)


def test_packager_with_other_arguments_is_refused(flow):
    """The text names the method."""
    spec = DeploymentSpec(name="d", flow=flow, packager=Narrow())
    with pytest.raises(
        flowpack.exceptions.PackagingError, match="Narrow.check_compat cannot be called"
    ):
        flowpack.plan(spec)


class Runner:
    """Called like one of flowpack's, as Prefect's own are."""


@pytest.mark.parametrize("wrong", [None, {"name": "d"}, DeploymentSpec, Runner()])
def test_what_is_no_spec_is_refused(wrong):
    """By all that take specs."""
    packager = ScriptPackager()
    for take in (packager.check_compat, packager.package, flowpack.deploy):
        with pytest.raises(
            flowpack.exceptions.DeploymentValidationError, match="of flowpack, not"
        ):
            take(wrong)


def test_classes_of_others_are_told_apart(script):
    """Their names may be those of flowpack's."""
    with pytest.raises(
        flowpack.exceptions.DeploymentValidationError,
        match=f"a flow runner, not {__name__}.Runner",
    ):
        wrong: Any = Runner()
        DeploymentSpec(flow_location=script, flow_runner=wrong)


def line():
    """Return the number of the line that calls this."""
    return sys._getframe(1).f_lineno


@pytest.mark.parametrize("jobs", [1, 3])
def test_warnings_name_the_line_that_deploys(flow, script, monkeypatch, jobs):
    """Also those of work in threads."""
    monkeypatch.setattr("flowpack.connect._has_warned", False)
    specs = [
        DeploymentSpec(name=f"d{n}", flow=flow, schedule={"interval": 60})
        for n in range(3)
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        here = line() + 1
        flowpack.deploy(specs, jobs=jobs)
    assert {(each.filename, each.lineno) for each in caught} == {(__file__, here)}
    said = [str(each.message) for each in caught]
    assert len([each for each in said if "only usable from" in each]) == 3
    assert len([each for each in said if "the schedule is only kept" in each]) == 3
    assert len([each for each in said if "writing to the embedded" in each]) == 1


def test_warnings_of_constructors_and_calls_name_their_line(script):
    """One of a value, and one of a flow that its script calls while it is loaded."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        here = line() + 1
        KubernetesFlowRunner(restart_policy="Never")
        script.write_text(script.read_text() + "hello()\n")
        flowpack.load_flow_from_script(script)
    first, second = caught
    assert (first.filename, first.lineno) == (__file__, here)
    assert (second.filename, second.lineno) == (str(script), 11)
