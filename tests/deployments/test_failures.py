"""What fails in one deployment of a set fails that one only, with a clean error."""

import hashlib

import attrs
import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    FileStorageBlock,
    LocalStorageBlock,
    Packager,
    ScriptPackager,
    StorageBlock,
    deploy,
    load_flow_from_deployment,
    plan,
    verify_all,
)
from flowpack.exceptions import (
    APIConnectionError,
    DeploymentsFailedError,
    DeploymentValidationError,
    ObjectMissingError,
    PackagingError,
    StorageUnavailableError,
    WireError,
)
from flowpack.models import DataDocument, DeploymentCreate
from flowpack.transport import Response
from tests.clients import Counting

OBJECTS: dict[str, bytes] = {}
FAILING: set[str] = set()


@attrs.frozen
class Moody(StorageBlock):
    """A storage of a user's own that raises what it likes."""

    label: str = "moody"

    def write(self, data):
        """Keep them, or fail."""
        self._fail("write")
        token = hashlib.sha256(data).hexdigest()
        OBJECTS[token] = data
        return token

    def read(self, token):
        """Return them, or fail."""
        self._fail("read")
        if self.label == "files":
            return OBJECTS[token] if token in OBJECTS else self._missing()
        return OBJECTS[token]

    def token_for(self, sha256):
        """Name objects by their digests."""
        return sha256

    def _fail(self, what):
        if what in FAILING:
            raise OSError(28, "canary")

    def _missing(self):
        raise FileNotFoundError(2, "canary")


@pytest.fixture(autouse=True)
def objects():
    """Keep nothing from one test to the next."""
    OBJECTS.clear()
    FAILING.clear()


@pytest.fixture
def specs_with(script, tmp_path):
    """Return a set of three, the second with a storage or a packager of its own."""

    def make(tag="a", **own):
        other = FileStorageBlock(str(tmp_path / "store"))
        return [
            DeploymentSpec(
                name=name,
                flow_location=script,
                tags=[tag],
                **(own if name == "own" else {"flow_storage": other}),
            )
            for name in ("one", "own", "two")
        ]

    return make


def failure(specs, client):
    """Deploy a set of which one fails, the others done; return its error."""
    with pytest.raises(DeploymentsFailedError) as caught:
        deploy(specs, client)
    ((name, error),) = caught.value.failed
    assert name == "hello/own"
    assert [each.name for each in caught.value.deployed] == ["one", "two"]
    assert "canary" not in str(caught.value)
    return error


def tags(client):
    """Return the tags of all deployments by name."""
    return {each.name: list(each.tags) for each in client.read_deployments()}


def test_storage_that_cannot_be_asked_loses_its_own_only(client, specs_with):
    """A redeploy of the others goes on, and a plan of all says what is wrong."""
    deploy(specs_with(flow_storage=Moody()), client)
    specs = specs_with("b", flow_storage=Moody())
    FAILING.add("read")
    error = failure(specs, client)
    assert isinstance(error, StorageUnavailableError)
    assert tags(client) == {"one": ["b"], "own": ["a"], "two": ["b"]}
    with pytest.raises(StorageUnavailableError):
        plan(specs, client)
    with pytest.raises(StorageUnavailableError):
        deploy(specs[1], client)
    with pytest.raises(StorageUnavailableError):
        deploy(specs, client, fail_fast=True)
    FAILING.clear()
    again = deploy(specs, client)
    assert [each.action for each in again] == ["unchanged", "updated", "unchanged"]


def test_storage_that_gives_no_answer_is_asked_once(
    client, specs_with, script, monkeypatch
):
    """Others of a set do not wait for it, each until a deadline."""
    storage = FileStorageBlock("http://127.0.0.1:1/store")
    asked = []

    def holds(self, token, sha256, size):
        if self.base_path != storage.base_path:
            return True
        asked.append(token)
        raise StorageUnavailableError("x", token, "?") from error

    error: Exception = APIConnectionError("HEAD", str(storage.base_path), "it is down")
    monkeypatch.setattr(FileStorageBlock, "holds", lambda *arguments: True)
    monkeypatch.setattr(FileStorageBlock, "write_from", lambda *arguments: "token")
    more = [
        DeploymentSpec(name=f"d{number}", flow_location=script, flow_storage=storage)
        for number in range(3)
    ]
    specs = [*specs_with(flow_storage=Moody()), *more]
    deploy(specs, client)
    monkeypatch.setattr(FileStorageBlock, "holds", holds)
    with pytest.raises(DeploymentsFailedError) as caught:
        deploy(specs, client)
    assert [name for name, _ in caught.value.failed] == [
        *("hello/d0", "hello/d1", "hello/d2")
    ]
    assert len(caught.value.deployed) == 3
    assert len(asked) == 1
    error = ValueError("it answered, and refused one object")
    with pytest.raises(DeploymentsFailedError):
        deploy(specs, client)
    assert len(asked) == 4


class Garbled(Counting):
    """Answers reads of one deployment with what is no record."""

    def send(self, request):
        answer = super().send(request)
        if request.path.endswith("/own"):
            return Response(200, b'{"name": "own"}')
        return answer


class Down(Counting):
    """Gives no answer to reads of one deployment."""

    def send(self, request):
        if request.path.endswith("/own"):
            raise APIConnectionError("GET", self.url, "it is down")
        return super().send(request)


def test_record_that_cannot_be_read_loses_its_own_only(transport, specs_with):
    """An answer that does not say what it must is of one deployment."""
    with Client(transport=Garbled(transport)) as client:
        assert isinstance(failure(specs_with(flow_storage=Moody()), client), WireError)


def test_server_that_is_down_is_asked_once(transport, specs_with):
    """It would be the same with the others."""
    with Client(transport=Down(transport)) as client:
        with pytest.raises(APIConnectionError):
            deploy(specs_with(flow_storage=Moody()), client)


def test_storage_that_raises_while_it_writes(client, specs_with):
    """The error names the exception, not its text, and is its cause's."""
    FAILING.add("write")
    error = failure(specs_with(flow_storage=Moody()), client)
    assert isinstance(error, StorageUnavailableError)
    assert "OSError: No space left on device (test_failures.py, line" in str(error)
    assert isinstance(error.__cause__, OSError)
    assert "own" not in tags(client)


def test_file_that_is_gone_is_put_back(client, specs_with):
    """What a storage of files raises for a missing one is known."""
    (spec,) = specs_with(flow_storage=Moody("files"))[1:2]
    deploy(spec, client)
    OBJECTS.clear()
    with pytest.raises(ObjectMissingError, match="found no file"):
        load_flow_from_deployment("hello/own", client)
    assert [each.status for each in verify_all(client)] == ["missing"]
    (action,) = plan(spec, client).actions
    assert (action.kind, action.upload) == ("unchanged", True)
    assert deploy(spec, client)[0].action == "unchanged"
    assert load_flow_from_deployment("hello/own", client)() == "Hello world!"


def test_exception_that_may_mean_anything(client, specs_with):
    """A KeyError may be a mistake of the class: nothing is written for it."""
    (spec,) = specs_with(flow_storage=Moody())[1:2]
    deploy(spec, client)
    OBJECTS.clear()
    for attempt in (plan, deploy):
        with pytest.raises(StorageUnavailableError, match="raised KeyError"):
            attempt(spec, client)
    assert OBJECTS == {}
    with pytest.raises(StorageUnavailableError, match="raised KeyError"):
        load_flow_from_deployment("hello/own", client)


@attrs.frozen
class Mine(Packager):
    """A packager of a user's own."""

    failing: str = ""

    def check_compat(self, deployment, client=None):
        """Take everything, or fail."""
        if self.failing == "check_compat":
            raise ValueError("canary")

    def prepare(self, deployment, client=None):
        """Return nothing, or what is no package."""
        return "canary" if self.failing == "prepare" else None

    def package(self, deployment, client=None):
        """Put the script into the deployment, or fail."""
        if self.failing == "package":
            raise RuntimeError("canary")
        if self.failing == "nothing":
            return None
        flow = "other" if self.failing == "flow" else deployment.flow_name
        return DeploymentCreate(
            name="other" if self.failing == "name" else deployment.name,
            flow_id=client.create_flow(flow),
            flow_data=DataDocument.encode("text", "pass"),
            flow_runner=deployment.flow_runner.to_settings(),
        )


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        ("package", r"Mine.package raised RuntimeError \(test_failures"),
        ("nothing", r"Mine.package returned NoneType, not DeploymentCreate"),
        ("name", "asked for 'hello/own' and returned 'hello/other'"),
        ("flow", "asked for 'hello/own' and returned 'other/own'"),
    ],
)
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_packager_that_fails_loses_its_own_only(client, specs_with, failing, message, known):
    """Nothing is deployed that was not asked for, and the others are done."""
    if known:
        deploy(specs_with(packager=Mine()), client)
    error = failure(specs_with("b", packager=Mine(failing)), client)
    with pytest.raises(PackagingError, match=message):
        raise error
    assert set(tags(client)) == {"one", "two"} | ({"own"} if known else set())
    with pytest.raises(PackagingError, match=message):
        deploy(specs_with("b", packager=Mine(failing))[1], client)


@attrs.frozen
class Text(ScriptPackager):
    """Returns text where bytes are wanted."""

    def content(self, deployment):
        """Return the wrong thing."""
        return "text", "hello.py:hello"


@pytest.mark.parametrize(
    ("packager", "message"),
    [
        (Mine("check_compat"), "Mine.check_compat raised ValueError"),
        (Mine("prepare"), "Mine.prepare returned str, not Package"),
        (Text(), "Text.prepare raised TypeError"),
    ],
    ids=["check_compat", "prepare", "content"],
)
@pytest.mark.filterwarnings("ignore:.*only usable from:UserWarning")
def test_packager_that_fails_while_planning(
    client, transport, specs_with, packager, message
):
    """It is listed with the problems of the others, and nothing is written."""
    specs = specs_with(packager=packager)
    specs[2] = attrs.evolve(specs[2], flow_location="none.py")
    with pytest.raises(DeploymentValidationError) as caught:
        deploy(specs, client)
    first, second = caught.value.problems
    assert message in first and "none.py" in second
    assert "canary" not in str(caught.value)
    assert transport.writes() == []
    with pytest.raises(PackagingError):
        plan(specs[1], client)


def test_warning_of_a_packager_stays_one(client, specs_with, tmp_path):
    """Who turns warnings into errors gets them as they are."""
    specs = specs_with(flow_storage=LocalStorageBlock(str(tmp_path)))
    with pytest.raises(UserWarning, match="only usable from"):
        plan(specs, client)
