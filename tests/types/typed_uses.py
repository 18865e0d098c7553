"""What users write, for type checkers: all of it is accepted; nothing here is run."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union
from uuid import UUID, uuid4

import attrs

import flowpack
from flowpack import UNSET, Action, AzureBlobStorageBlock, Block, Client, CompleteSpec
from flowpack import CronSchedule, DataDocument, Deployed, DeploymentCreate, DeploymentSchedule
from flowpack import DeploymentSpec, DockerFlowRunner, FileStorageBlock, FlowRunner
from flowpack import FlowRunnerSettings, GoogleCloudStorageBlock, IntervalSchedule
from flowpack import KubernetesFlowRunner, KVServerStorageBlock, LocalStorageBlock, Package
from flowpack import Packager, Plan, ProjectPackager, RRuleSchedule, S3StorageBlock
from flowpack import ScriptPackager, StorageBlock, SubprocessFlowRunner, TempStorageBlock
from flowpack import UniversalFlowRunner, VerifyResult, apply, deploy, flow, get_client
from flowpack import load_flow_from_deployment, load_flow_from_script, plan, verify_all
from flowpack.blocks.secret import Secret
from flowpack.exceptions import DeploymentsFailedError, DeploymentValidationError
from flowpack.urls import Address

if sys.version_info >= (3, 11):
    from typing import Literal, assert_type
else:
    from typing_extensions import Literal, assert_type


# --- flows keep the signature of their function ---------------------------------------------


@flow
def hello(name: str, times: int = 1) -> List[str]:
    return [name] * times


@flow(name="Hello", version=1, description="Greets.", retries=2)
def named(name: str) -> int:
    return len(name)


def call() -> None:
    assert_type(hello("Ada", times=2), List[str])
    assert_type(named("Ada"), int)
    assert_type(hello.version, Optional[str])
    assert_type(hello.with_options(name="other")("Ada"), List[str])


# --- specs: each field, in each form that it takes -------------------------------------------

LOCATIONS = [
    DeploymentSpec(flow_location="flows.py"),
    DeploymentSpec(flow_location=Path("flows.py")),
    DeploymentSpec(flow_location=Address("https://user:password@host.example/flows.py")),
    DeploymentSpec(flow_location=None, flow=hello),
    DeploymentSpec(entrypoint="flows.py:hello"),
]
SCHEDULES = [
    DeploymentSpec(schedule="0 6 * * *"),
    DeploymentSpec(schedule={"cron": "0 6 * * *", "timezone": "Europe/Berlin"}),
    DeploymentSpec(schedule=CronSchedule("0 6 * * *", timezone="Europe/Berlin", day_or=False)),
    DeploymentSpec(schedule=IntervalSchedule(timedelta(hours=1))),
    DeploymentSpec(schedule=RRuleSchedule("FREQ=DAILY", timezone=None)),
    DeploymentSpec(schedule=None),
    DeploymentSpec(schedule=UNSET),
    DeploymentSpec(schedules=["@daily", {"interval": 60}, CronSchedule("@weekly")]),
    DeploymentSpec(schedules=(DeploymentSchedule("@daily", active=False, parameters={"n": 1}),)),
    DeploymentSpec(schedules=[]),
    DeploymentSpec(schedules=None),
]


def from_variables(
    tags: Sequence[str], texts: List[str], mappings: List[Dict[str, Any]], crons: List[CronSchedule]
) -> List[DeploymentSpec]:
    return [
        DeploymentSpec(tags=tags, schedules=texts),
        DeploymentSpec(tags={"etl"}, schedules=mappings),
        DeploymentSpec(tags=("etl",), schedules=crons),
        DeploymentSpec(tags=frozenset(tags)),
        DeploymentSpec(tags=["etl"]),
        DeploymentSpec(tags=None),
        DeploymentSpec(tags=UNSET),
    ]


WHOLE = DeploymentSpec(
    name="nightly",
    flow_name="hello",
    flow_location="flows.py",
    flow_storage="file:///srv/flows",
    flow_runner={"type": "docker", "config": {"image": "python:3.12"}},
    parameters={"name": "Ada", "times": 2},
    enforce_parameter_schema=False,
    tags=["etl"],
    paused=True,
    description="Greets.",
    version="1",
    work_pool="docker",
    work_queue=None,
    create_work_pool=True,
    concurrency_limit={"limit": 1, "collision_strategy": "ENQUEUE"},
    labels={"team": "data", "size": 3, "on": True},
    job_variables={"env.A": 1},
    check_job_variables=False,
    pull="flowpack",
    pull_requires="flowpack==0.1.0",
    replace_schedules=False,
)
OTHERS = [
    DeploymentSpec(flow_storage=uuid4(), flow_runner="subprocess", concurrency_limit=3),
    DeploymentSpec(flow_storage=LocalStorageBlock(), flow_runner=DockerFlowRunner()),
    DeploymentSpec(flow_storage=None, flow_runner=FlowRunnerSettings("docker", {})),
    DeploymentSpec(flow_storage=Path("/srv/flows"), parameters=None, labels=None),
    DeploymentSpec(packager=ScriptPackager("file:///srv/flows"), pull="stock"),
    DeploymentSpec(packager=ProjectPackager(root=Path("."), include=["data/*.sql"])),
]


# --- the other classes -----------------------------------------------------------------------

INTERVALS = [
    IntervalSchedule(3600),
    IntervalSchedule(0.5),
    IntervalSchedule("PT1H", anchor_date="2020-01-01T00:00:00Z", timezone="Europe/Berlin"),
    IntervalSchedule("01:00:00", anchor_date=datetime(2020, 1, 1, tzinfo=timezone.utc)),
]
RUNNERS: Tuple[FlowRunner, ...] = (
    UniversalFlowRunner(env={"A": "1", "B": 2, "C": True}),
    SubprocessFlowRunner(virtualenv=Path("/srv/venv"), stream_output=False),
    SubprocessFlowRunner(condaenv="flows"),
    DockerFlowRunner(
        image="python:3.12",
        image_pull_policy="ALWAYS",
        networks=["flows"],
        labels={"team": "data"},
        volumes=("/a:/b",),
    ),
    KubernetesFlowRunner(
        namespace="flows",
        image_pull_policy="Always",
        labels={"team": "data"},
        job={"kind": "Job"},
        customizations=[{"op": "add", "path": "/a", "value": 1}],
        job_watch_timeout_seconds=10,
    ),
)
STORAGES: Tuple[StorageBlock, ...] = (
    LocalStorageBlock(),
    LocalStorageBlock("/srv/flows"),
    LocalStorageBlock(storage_path=Path("/srv/flows")),
    TempStorageBlock(),
    FileStorageBlock("/srv/flows", key_type="uuid"),
    FileStorageBlock(Path("/srv/flows")),
    FileStorageBlock(Address("https://host.example/"), options={"headers": {"A": "b"}}),
    KVServerStorageBlock("https://host.example/kv"),
    S3StorageBlock("flows", aws_access_key_id="key", aws_secret_access_key=Secret("secret")),
    GoogleCloudStorageBlock("flows", project="data", service_account_info={"type": "x"}),
    AzureBlobStorageBlock("flows", "UseDevelopmentStorage=true"),
)


def records(flow_id: UUID) -> DeploymentCreate:
    document = DataDocument.encode("text", "print()")
    assert_type(document, DataDocument)
    return DeploymentCreate(name="nightly", flow_id=flow_id, flow_data=document, tags=("a",))


# --- calls and their results -----------------------------------------------------------------


def use(client: Client, specs: Sequence[DeploymentSpec]) -> None:
    planned = plan(specs, client)
    assert_type(planned, Plan)
    for action in planned:
        assert_type(action, Action)
        assert_type(action.kind, Literal["create", "update", "unchanged"])
        assert_type(action.full_name, str)
    for done in apply(planned, client):
        assert_type(done, Deployed)
    first = deploy(WHOLE, client)[0]
    assert_type(first, Deployed)
    assert_type(first.action, Literal["created", "updated", "unchanged"])
    assert_type(first.id, UUID)
    assert_type(first.sha256, Optional[str])
    assert_type(WHOLE.create(), UUID)
    results = verify_all(client, names=["hello/nightly"])
    assert_type(results, Tuple[VerifyResult, ...])
    assert_type(
        results[0].status,
        Literal["ok", "missing", "corrupt", "unreadable", "unverifiable", "skipped"],
    )


def load(client: Client) -> None:
    assert_type(load_flow_from_script("flows.py"), Any)
    assert_type(load_flow_from_deployment("hello/nightly", client), Any)


def handle() -> None:
    with get_client() as client:
        assert_type(client, Client)
        try:
            deploy(WHOLE, client)
        except DeploymentValidationError as exc:
            assert_type(exc.where, str)
            assert_type(exc.problems, Tuple[str, ...])
        except DeploymentsFailedError as exc:
            assert_type(exc.failed[0][1], flowpack.FlowpackError)


# --- classes of one's own ----------------------------------------------------------------------


@attrs.frozen
class Memory(StorageBlock):
    block_type_name = "Memory"

    size: int = 10

    def write(self, data: bytes) -> str:
        return data.decode()

    def read(self, token: str) -> bytes:
        return token.encode()


@attrs.frozen
class Account(Block):
    block_type_name = "Account"

    user: str
    password: Secret


@attrs.frozen(kw_only=True)
class BatchFlowRunner(UniversalFlowRunner):
    typename = "batch"

    queue: str = "default"


@attrs.frozen
class Own(Packager):
    def check_compat(self, deployment: CompleteSpec, client: Optional[Client] = None) -> None:
        assert_type(deployment.tags, Union[Tuple[str, ...], flowpack.models.Unset])

    def package(
        self, deployment: CompleteSpec, client: Optional[Client] = None
    ) -> DeploymentCreate:
        assert_type(deployment.full_name, str)
        return records(uuid4())


def use_own(package: Package, settings: Mapping[str, Any]) -> None:
    assert_type(Memory(size=3).size, int)
    assert_type(Account("Ada", Secret("secret")).password, Secret)
    DeploymentSpec(
        flow_runner=BatchFlowRunner(queue="x", env={}), flow_storage=Memory(), packager=None
    )
    DeploymentSpec(packager=Own())
    assert_type(package.content.sha256, str)
