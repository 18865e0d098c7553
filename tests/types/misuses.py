"""What type checkers refuse: each marked line, and no other; nothing here is run."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import flowpack
from flowpack import Action, AzureBlobStorageBlock, CronSchedule, DataDocument, Deployed
from flowpack import DeploymentSchedule, DeploymentSpec, DockerFlowRunner, FileStorageBlock
from flowpack import FlowRunnerSettings, GoogleCloudStorageBlock, IntervalSchedule
from flowpack import KubernetesFlowRunner, KVServerStorageBlock, LocalStorageBlock, Package
from flowpack import ProjectPackager, RRuleSchedule, S3StorageBlock, ScriptPackager
from flowpack import SubprocessFlowRunner, UniversalFlowRunner, VerifyResult, deploy, flow
from flowpack import load_flow_from_script, plan, verify_all


@flow
def hello(name: str) -> str:
    return name


def kind(action: Action) -> Literal["delete"]:
    return action.kind  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def done(deployed: Deployed) -> Literal["create"]:
    return deployed.action  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def status(verified: VerifyResult) -> Literal["broken"]:
    return verified.status  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


DeploymentSpec(flow_location=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(flow_location=[])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(flow_location=b"x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(tags=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(tags=[1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
DeploymentSpec(schedule=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(
    schedule=timedelta(hours=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
DeploymentSpec(schedules=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(schedules="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(schedules=[7])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
DeploymentSpec(parameters=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(labels=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(job_variables=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(
    concurrency_limit="x"  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
DeploymentSpec(pull="other")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(pull_requires=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(entrypoint=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(flow=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(flow_runner=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(flow_storage=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(packager=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(name=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(paused="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(paused=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSpec(nope=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
DeploymentSpec("x.py")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
IntervalSchedule([])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
IntervalSchedule(interval=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
IntervalSchedule(60, anchor_date=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
IntervalSchedule(60, timezone=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
IntervalSchedule(
    60, "2020-01-01T00:00:00Z"  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
)
CronSchedule(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
CronSchedule("0 6 * * *", "UTC")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
CronSchedule("@daily", day_or="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
RRuleSchedule(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
RRuleSchedule("F", "UTC")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
DeploymentSchedule(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeploymentSchedule(
    "@daily",
    max_scheduled_runs="x",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
DeploymentSchedule(
    "@daily", parameters=5  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
ScriptPackager(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ProjectPackager(root=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ProjectPackager(paths=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ProjectPackager(include="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ProjectPackager(size_limit="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
UniversalFlowRunner(env=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
UniversalFlowRunner(env=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
UniversalFlowRunner(env={"a": []})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
SubprocessFlowRunner(condaenv=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
SubprocessFlowRunner(virtualenv=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DockerFlowRunner(image=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DockerFlowRunner(
    image_pull_policy="Often"  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
DockerFlowRunner(networks=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DockerFlowRunner(labels=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DockerFlowRunner(volumes=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DockerFlowRunner(auto_remove="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
KubernetesFlowRunner(job=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
KubernetesFlowRunner(job=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
KubernetesFlowRunner(
    customizations=5  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
KubernetesFlowRunner(labels=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
KubernetesFlowRunner(labels=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
KubernetesFlowRunner(
    image_pull_policy="ALWAYS"  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
KubernetesFlowRunner(
    job_watch_timeout_seconds="x"  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
LocalStorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
FileStorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
FileStorageBlock("x", key_type="y")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
FileStorageBlock("x", options=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
KVServerStorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
S3StorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
S3StorageBlock(
    "b", aws_access_key_id=5  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
S3StorageBlock("b", region_name=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
GoogleCloudStorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
GoogleCloudStorageBlock(
    "x", service_account_info=5  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
AzureBlobStorageBlock(5, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
AzureBlobStorageBlock("x", 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DataDocument(5, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
FlowRunnerSettings(5, {})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
deploy(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
plan(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
verify_all(names=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
load_flow_from_script(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Package(
    content=b"",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    entrypoint="",
    storage=5,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
flow(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
hello(name=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
hello()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
flowpack.deploi  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
