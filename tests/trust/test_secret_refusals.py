"""What a constructor refuses shows no secret, nor do the frames that it passed."""

# Values of wrong types are what is tried here.
# mypy: disable-error-code="arg-type, dict-item"

from __future__ import annotations

import calendar
import copy
import inspect
import json
import pickle
import traceback
from typing import Any, Optional

import attrs
import pytest

from flowpack import (
    AzureBlobStorageBlock,
    Block,
    Client,
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    FlowRunnerSettings,
    GoogleCloudStorageBlock,
    IntervalSchedule,
    KubernetesFlowRunner,
    KVServerStorageBlock,
    LocalStorageBlock,
    S3StorageBlock,
    ScriptPackager,
    StorageBlock,
    SubprocessFlowRunner,
    get_client,
    steps,
)
from flowpack._http import HTTPTransport, ObjectClient
from flowpack.blocks.secret import Secret, SecretMapping, as_secret
from flowpack.blocks.storage_url import parse_storage_url
from flowpack.deployments.specfiles import load_specs
from flowpack.exceptions import BlockError, FlowpackError, SpecError
from flowpack.flow_runners import FlowRunner
from flowpack.settings import load_settings
from flowpack.urls import Address
from flowpack.wire import dialect_for
from tests.trust.invariants import CANARY

URL = f"http://ann:{CANARY}@host:99999/x"


def chain_of(error):
    """Return *error* and all that it comes from, suppressed or not."""
    found, following = [], [error]
    while following:
        each = following.pop()
        if each is not None and each not in found:
            found.append(each)
            following += [each.__cause__, each.__context__]
            following += getattr(each, "exceptions", ())
    return found


def seen_of(error):
    """Return what tools may print of *error* but for the variables of these tests."""
    texts = []
    for each in chain_of(error):
        trace = traceback.TracebackException.from_exception(each, capture_locals=True)
        texts += list(trace.format_exception_only())
        texts += [repr(each), repr(each.args), repr(vars(each))]
        texts += [
            f"{frame.filename}:{frame.name} {frame.locals}"
            for frame in trace.stack
            if frame.filename != __file__
        ]
    return "\n".join(texts)


def call(make: Any, *arguments, **keywords):
    """Call *make* with what no type checker lets pass."""
    return make(*arguments, **keywords)


def refused(make):
    """Return the error that *make* raises."""
    with pytest.raises((FlowpackError, LookupError, TypeError, ValueError)) as caught:
        make()
    return caught.value


@attrs.frozen
class Mailbox(Block):
    """A block of a user's own."""

    address: str
    password: Secret = attrs.field(converter=as_secret)
    port: int = attrs.field(default=25, converter=int)


@attrs.define(slots=False)
class Loose(Block):
    """One with a dict, and a check of its own."""

    password: str = attrs.field(repr=False)

    def __attrs_post_init__(self):
        if self.password:
            raise ValueError("this is no password")


class Undecorated(Mailbox):
    """One that was forgotten to decorate."""


@attrs.frozen
class Called(FileStorageBlock):
    """One that passes on what it was given."""

    def __init__(self, password):
        super().__init__(f"http://ann:{password}@host:99999/")


@attrs.frozen(kw_only=True)
class OwnRunner(SubprocessFlowRunner):
    """A runner of a user's own."""

    typename = "own"

    token: str = attrs.field(default="", validator=attrs.validators.max_len(3))


def client():
    """A client that never sends anything."""
    return Client("http://127.0.0.1:9/api", dialect=dialect_for("3.4.0"))


def in_a_group(value):
    """Raise what some libraries raise: a group of errors that others raised."""
    error = LookupError("several")
    try:
        calendar.isleap(value)
    except TypeError as exc:
        error.exceptions = [exc]  # type: ignore[attr-defined]  # as 3.11 has it
    raise error


@attrs.frozen
class Grouped(Block):
    """One whose converter raises a group of errors."""

    password: str = attrs.field(repr=False, converter=in_a_group)


class Abstract(StorageBlock):
    """One that cannot be made."""


attrs.frozen(Abstract)

#: Each is given values of which one is secret, and one cannot be right.
REFUSED = {
    "api_key": lambda: get_client("http://h/api", api_key=f"{CANARY}\n"),
    "api_key_environ": lambda: get_client(
        environ={"PREFECT_API_KEY": f"{CANARY}\n", "PREFECT_API_URL": "http://h/api"}
    ),
    "api_url": lambda: get_client(f"http://ann:{CANARY}@h:bad/api"),
    "api_url_query": lambda: get_client(f"http://h/api?token={CANARY}"),
    "api_url_of_settings": lambda: get_client(URL, settings=load_settings(api="")),
    "api_timeout": lambda: get_client("http://h/api", api_key=CANARY, timeout=-1),
    "api_unknown": lambda: call(get_client, "http://h/api", key=CANARY),
    "client": lambda: Client(URL, api_key=CANARY),
    "client_key": lambda: Client("http://h/api", api_key=f"{CANARY}\n"),
    "client_nothing": lambda: Client(api_key=CANARY),
    "client_unknown": lambda: call(Client, "http://h/api", token=CANARY),
    "transport_headers": lambda: HTTPTransport(
        "http://h/api", headers={"X-Token": f"{CANARY}\r\n"}
    ),
    "transport_auth": lambda: HTTPTransport("http://h", auth_string=f"u:{CANARY}\n"),
    "object_headers": lambda: ObjectClient(headers={"X": f"{CANARY}\n"}),
    "settings_url": lambda: load_settings(environ={"PREFECT_API_URL": URL}),
    "settings_headers": lambda: load_settings(
        environ={"PREFECT_CLIENT_CUSTOM_HEADERS": f'{{"X": ["{CANARY}"]}}'}
    ),
    "settings_other": lambda: load_settings(
        environ={"PREFECT_API_KEY": CANARY, "PREFECT_CLIENT_MAX_RETRIES": "x"}
    ),
    "settings_evolve": lambda: call(
        attrs.evolve, load_settings(environ={}), api_key=CANARY, key=1
    ),
    "secret": lambda: call(Secret, [CANARY]),
    "file": lambda: FileStorageBlock(URL),
    "file_query": lambda: FileStorageBlock(f"http://h/x?token={CANARY}"),
    "file_kind": lambda: FileStorageBlock(f"ftp://ann:{CANARY}@h/x"),
    "file_options": lambda: FileStorageBlock("http://h/", options=[CANARY]),
    "file_headers": lambda: FileStorageBlock(
        "http://h/", options={"headers": {"X": [CANARY]}}
    ),
    "file_key_type": lambda: call(
        FileStorageBlock, "http://h/", key_type="x", options={"a": CANARY}
    ),
    "file_unknown": lambda: call(FileStorageBlock, "/x", headers={"X": CANARY}),
    "file_evolve": lambda: attrs.evolve(FileStorageBlock("/x"), base_path=URL),
    "file_evolve_other": lambda: call(
        attrs.evolve, FileStorageBlock("/x", options={"a": CANARY}), key_type="x"
    ),
    "spec_replace": lambda: call(
        getattr(copy, "replace", attrs.evolve), DeploymentSpec(), pull_requires=[CANARY]
    ),
    "local": lambda: LocalStorageBlock(f"http://ann:{CANARY}@host/x"),
    "kv": lambda: KVServerStorageBlock(URL),
    "kv_type": lambda: KVServerStorageBlock([CANARY]),
    "s3": lambda: S3StorageBlock("b", aws_secret_access_key=[CANARY]),
    "s3_other": lambda: S3StorageBlock(5, aws_secret_access_key=CANARY),
    "s3_unknown": lambda: call(S3StorageBlock, bucket="b", aws_secret=CANARY),
    "s3_missing": lambda: call(S3StorageBlock, aws_secret_access_key=CANARY),
    "gcs": lambda: GoogleCloudStorageBlock("b", service_account_info={"a": [CANARY]}),
    "gcs_other": lambda: GoogleCloudStorageBlock(
        "b", project=5, service_account_info={"a": CANARY}
    ),
    "azure": lambda: AzureBlobStorageBlock("c", [CANARY]),
    "azure_other": lambda: AzureBlobStorageBlock(5, f"AccountKey={CANARY}"),
    "own": lambda: Mailbox("x", [CANARY]),
    "own_converter": lambda: Mailbox("x", CANARY, "y"),
    "own_post_init": lambda: Loose(CANARY),
    "own_group": lambda: Grouped(CANARY),
    "own_undecorated": lambda: Undecorated("x", CANARY),
    "own_init": lambda: Called(CANARY),
    "own_abstract": lambda: call(Abstract, password=CANARY),
    "from_data": lambda: Mailbox.from_data({"address": "x", "password": [CANARY]}),
    "from_data_converter": lambda: S3StorageBlock.from_data(
        {"bucket": "b", "aws_secret_access_key": CANARY, "other": 1}
    ),
    "runner": lambda: SubprocessFlowRunner(env={"TOKEN": 5, "PW": [CANARY]}),
    "runner_name": lambda: DockerFlowRunner(env={"": CANARY}),
    "runner_other": lambda: call(DockerFlowRunner, env={"PW": CANARY}, image=5),
    "runner_unknown": lambda: call(DockerFlowRunner, env={"PW": CANARY}, imago="x"),
    "runner_both": lambda: SubprocessFlowRunner(
        env={"PW": CANARY}, condaenv="x", virtualenv="y"
    ),
    "runner_job": lambda: KubernetesFlowRunner(job=[{"env": CANARY}]),
    "runner_own": lambda: OwnRunner(token=CANARY),
    "runner_settings": lambda: FlowRunner.from_settings(
        FlowRunnerSettings("docker", {"env": {"PW": CANARY}, "image": 5})
    ),
    "runner_settings_evolve": lambda: call(
        attrs.evolve, FlowRunnerSettings(), config={"env": {"PW": CANARY}}, env=1
    ),
    "spec_parameters": lambda: DeploymentSpec(parameters={"a": CANARY, "b": object()}),
    "spec_location": lambda: DeploymentSpec(flow_location=f"ftp://a:{CANARY}@h/x.py"),
    "spec_entrypoint": lambda: DeploymentSpec(
        entrypoint=f"https://a:{CANARY}@h/x.py:f",
        tags=5,  # refused
    ),
    "spec_requires": lambda: DeploymentSpec(
        pull_requires=[CANARY]  # refused
    ),
    "spec_requires_other": lambda: call(
        DeploymentSpec, pull_requires=f"git+https://a:{CANARY}@h/x", work_pool=5
    ),
    "spec_runner": lambda: DeploymentSpec(
        flow_runner={"type": "docker", "config": {"env": {"PW": [CANARY]}}}
    ),
    "spec_storage": lambda: DeploymentSpec(flow_storage=URL),
    "spec_labels": lambda: DeploymentSpec(labels={"a": [CANARY]}),
    "spec_unknown": lambda: call(DeploymentSpec, env={"PW": CANARY}),
    "packager": lambda: ScriptPackager(URL),
    "where": lambda: parse_storage_url(URL),
    "address": lambda: call(Address, [CANARY]),
    "mapping": lambda: call(SecretMapping, [CANARY]),
    "headers_environ": lambda: get_client(
        "http://h/api",
        environ={"PREFECT_CLIENT_CUSTOM_HEADERS": f'{{"X": "{CANARY}\\r\\n"}}'},
    ),
}

#: What is given secrets later, and fails.
FAILING = {
    "storage_headers": lambda: FileStorageBlock(
        "http://127.0.0.1:9/", options={"headers": {"X": f"{CANARY}\n"}}
    ).write(b"x"),
    "s3_library": lambda: S3StorageBlock(
        "b", profile_name="nobody's", aws_secret_access_key=CANARY
    ).write(b"x"),
    "runner_settings": lambda: OwnRunner(
        env={"PW": CANARY}, token="\ud800"
    ).to_settings(),
    "document_data": lambda: Mailbox("\ud800", CANARY).to_document_data(),
    "create_document": lambda: client().create_block_document(
        data={"password": CANARY}, block_schema_id="x", block_type_id="y"
    ),
    "update_document": lambda: client().update_block_document(
        "x", data={"password": CANARY}
    ),
    "entrypoint": lambda: DeploymentSpec(
        entrypoint=f"https://a:{CANARY}@h/"
    ).validate(),
    "entrypoint_and_flow": lambda: DeploymentSpec(
        entrypoint=f"https://a:{CANARY}@h/x.py:f", flow_name="g"
    ).validate(),
    "step": lambda: steps.pull(
        storage={"password": CANARY}, sha256="", size=1, filename="x", flow_data={}
    ),
}


CASES = {**REFUSED, **FAILING}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_refused_values_show_nothing(make):
    """Neither in what the error says nor in the variables of any frame."""
    error = refused(make)
    assert CANARY not in seen_of(error)
    assert str(error)


SPEC_FILES = {
    "unknown.json": json.dumps({"flow_location": URL, "env": CANARY}),
    "runner.json": json.dumps(
        {
            "flow_location": "x.py",
            "flow_runner": {"type": "docker", "config": {"env": {"PW": [CANARY]}}},
        }
    ),
    "location.json": json.dumps({"flow_location": f"ftp://a:{CANARY}@h/x.py"}),
    "broken.json": f'{{"flow_location": "{URL}"',
    "twice.yaml": f"flow_location: {URL}\nflow_location: {URL}\n",
    "broken.yaml": f"flow_runner: {{config: {{env: {{PW: {CANARY}}}\n",
    "storage.yaml": f"flow_location: x.py\nflow_storage: {URL}\n",
    "latin.yaml": f"flow_location: {URL}\nname: \xe9\n",
}


@pytest.mark.parametrize("name", SPEC_FILES)
def test_spec_files_show_nothing(tmp_path, name):
    """Nor what they hold that is right."""
    path = tmp_path / name
    path.write_text(SPEC_FILES[name], "latin-1")
    with pytest.raises(SpecError) as caught:
        load_specs(path)
    assert CANARY not in seen_of(caught.value)
    assert name in str(caught.value)


def test_lines_stay_in_the_traceback():
    """Where it went wrong can be read, only the variables are gone."""
    trace = traceback.extract_tb(refused(REFUSED["own_post_init"]).__traceback__)
    assert trace[-1].name == "__attrs_post_init__"
    assert trace[-1].line == 'raise ValueError("this is no password")'


def test_errors_of_before_keep_their_variables():
    """An exception that is being handled is not flowpack's to strip."""

    def fail():
        mine = "kept"
        raise LookupError(mine)

    with pytest.raises(BlockError) as caught:
        try:
            fail()
        except LookupError:
            FileStorageBlock("")
    before = [each for each in chain_of(caught.value) if isinstance(each, LookupError)]
    trace = before[0].__traceback__
    assert trace is not None and trace.tb_next is not None
    assert trace.tb_next.tb_frame.f_locals["mine"] == "kept"


HALF_MADE = [
    FileStorageBlock,
    S3StorageBlock,
    Mailbox,
    Loose,
    SubprocessFlowRunner,
    OwnRunner,
    DeploymentSpec,
    ScriptPackager,
    IntervalSchedule,
    Client,
    HTTPTransport,
    ObjectClient,
    Secret,
]


@pytest.mark.parametrize("cls", HALF_MADE, ids=lambda cls: cls.__name__)
def test_half_made_objects_can_be_printed(cls):
    """As they are where their constructor raises, and a debugger looks at them."""
    half: Any = cls.__new__(cls)
    assert cls.__name__ in repr(half)


SIGNATURES = [
    (FileStorageBlock, "base_path", "document_id"),
    (S3StorageBlock, "bucket", "document_id"),
    (Mailbox, "address", "document_id"),
    (DockerFlowRunner, "env", "stream_output"),
    (OwnRunner, "env", "token"),
    (DeploymentSpec, "name", "pull_requires"),
    (Client, "api", "renewing"),
    (get_client, "api", "notify"),
    (load_settings, "environ", "api"),
]


@pytest.mark.parametrize("made", [False, True])
@pytest.mark.parametrize("call, first, last", SIGNATURES, ids=lambda it: str(it))
def test_signatures_stay(call, first, last, made):
    """They name the arguments, before the first object is made and afterwards."""
    if made and call in (FileStorageBlock, DeploymentSpec, DockerFlowRunner):
        call("/x") if call is FileStorageBlock else call()
    names = list(inspect.signature(call).parameters)
    assert names[0] == first
    assert not hasattr(FileStorageBlock("/x"), "__signature__")
    assert last in names and "self" not in names
    assert call.__doc__


MADE = [
    FileStorageBlock("http://h/x", options={"a": CANARY}),
    S3StorageBlock("b", aws_secret_access_key=CANARY),
    Mailbox("x", CANARY),
    DockerFlowRunner(env={"PW": CANARY}),
    OwnRunner(token="abc"),
    DeploymentSpec(name="d", flow_location="x.py"),
]


@pytest.mark.parametrize("one", MADE, ids=lambda it: type(it).__name__)
def test_objects_are_copied_and_pickled(one):
    """As any others of attrs."""
    assert copy.copy(one) == copy.deepcopy(one) == attrs.evolve(one) == one
    assert pickle.loads(pickle.dumps(one)) == one


def test_class_made_in_steps_has_its_own_constructor():
    """A base whose constructor was used before lends none to classes below it."""
    Mailbox("x", CANARY)

    @attrs.frozen
    class Below(Mailbox):
        folder: Optional[str] = None

    assert Below("x", CANARY, folder="in").folder == "in"
    with pytest.raises(TypeError, match="folder"):
        Mailbox("x", CANARY, folder="in")  # type: ignore[call-arg]


def test_wrong_arguments_are_named():
    """As Python names them."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'aws_secret'"):
        REFUSED["s3_unknown"]()
    with pytest.raises(TypeError, match="missing 1 required.* 'bucket'"):
        REFUSED["s3_missing"]()
