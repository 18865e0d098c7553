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
    return action.kind  # type: ignore[return-value]  # pyright: ignore


def done(deployed: Deployed) -> Literal["create"]:
    return deployed.action  # type: ignore[return-value]  # pyright: ignore


def status(verified: VerifyResult) -> Literal["broken"]:
    return verified.status  # type: ignore[return-value]  # pyright: ignore


DeploymentSpec(flow_location=5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(flow_location=[])  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(flow_location=b"x.py")  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(tags=3)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(tags=[1])  # type: ignore[list-item]  # pyright: ignore
DeploymentSpec(schedule=7)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(schedule=timedelta(hours=1))  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(schedules=7)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(schedules="x")  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(schedules=[7])  # type: ignore[list-item]  # pyright: ignore
DeploymentSpec(parameters=7)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(labels=7)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(job_variables=7)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(concurrency_limit="x")  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(pull="other")  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(pull_requires=5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(entrypoint=5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(flow=5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(flow_runner=5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(flow_storage=5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(packager=5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(name=5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(paused="yes")  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(paused=None)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSpec(nope=1)  # type: ignore[call-arg]  # pyright: ignore
DeploymentSpec("x.py")  # type: ignore[call-arg]  # pyright: ignore
IntervalSchedule([])  # type: ignore[arg-type]  # pyright: ignore
IntervalSchedule(interval=None)  # type: ignore[arg-type]  # pyright: ignore
IntervalSchedule("PT1H", anchor_date=5)  # type: ignore[arg-type]  # pyright: ignore
IntervalSchedule("PT1H", timezone=5)  # type: ignore[arg-type]  # pyright: ignore
IntervalSchedule("PT1H", "2020-01-01T00:00:00Z")  # type: ignore[call-arg]  # pyright: ignore
CronSchedule(5)  # type: ignore[arg-type]  # pyright: ignore
CronSchedule("0 6 * * *", "UTC")  # type: ignore[call-arg]  # pyright: ignore
CronSchedule("0 6 * * *", day_or="x")  # type: ignore[arg-type]  # pyright: ignore
RRuleSchedule(5)  # type: ignore[arg-type]  # pyright: ignore
RRuleSchedule("F", "UTC")  # type: ignore[call-arg]  # pyright: ignore
DeploymentSchedule(5)  # type: ignore[arg-type]  # pyright: ignore
DeploymentSchedule("@daily", max_scheduled_runs="x")  # type: ignore[arg-type]  # pyright: ignore
DeploymentSchedule("@daily", parameters=5)  # type: ignore[arg-type]  # pyright: ignore
ScriptPackager(5)  # type: ignore[arg-type]  # pyright: ignore
ProjectPackager(root=5)  # type: ignore[arg-type]  # pyright: ignore
ProjectPackager(paths=5)  # type: ignore[arg-type]  # pyright: ignore
ProjectPackager(include="x")  # type: ignore[arg-type]  # pyright: ignore
ProjectPackager(size_limit="x")  # type: ignore[arg-type]  # pyright: ignore
UniversalFlowRunner(env=5)  # type: ignore[arg-type]  # pyright: ignore
UniversalFlowRunner(env={"a": []})  # type: ignore[dict-item]  # pyright: ignore
SubprocessFlowRunner(condaenv=5)  # type: ignore[arg-type]  # pyright: ignore
SubprocessFlowRunner(virtualenv=5)  # type: ignore[arg-type]  # pyright: ignore
DockerFlowRunner(image=5)  # type: ignore[arg-type]  # pyright: ignore
DockerFlowRunner(image_pull_policy="Often")  # type: ignore[arg-type]  # pyright: ignore
DockerFlowRunner(networks=5)  # type: ignore[arg-type]  # pyright: ignore
DockerFlowRunner(labels=5)  # type: ignore[arg-type]  # pyright: ignore
DockerFlowRunner(volumes=5)  # type: ignore[arg-type]  # pyright: ignore
DockerFlowRunner(auto_remove="x")  # type: ignore[arg-type]  # pyright: ignore
KubernetesFlowRunner(job=5)  # type: ignore[arg-type]  # pyright: ignore
KubernetesFlowRunner(customizations=5)  # type: ignore[arg-type]  # pyright: ignore
KubernetesFlowRunner(labels=5)  # type: ignore[arg-type]  # pyright: ignore
KubernetesFlowRunner(image_pull_policy="ALWAYS")  # type: ignore[arg-type]  # pyright: ignore
KubernetesFlowRunner(job_watch_timeout_seconds="x")  # type: ignore[arg-type]  # pyright: ignore
LocalStorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore
FileStorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore
FileStorageBlock("x", key_type="y")  # type: ignore[arg-type]  # pyright: ignore
FileStorageBlock("x", options=5)  # type: ignore[arg-type]  # pyright: ignore
KVServerStorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore
S3StorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore
S3StorageBlock("b", aws_access_key_id=5)  # type: ignore[arg-type]  # pyright: ignore
S3StorageBlock("b", region_name=5)  # type: ignore[arg-type]  # pyright: ignore
GoogleCloudStorageBlock(5)  # type: ignore[arg-type]  # pyright: ignore
GoogleCloudStorageBlock("x", service_account_info=5)  # type: ignore[arg-type]  # pyright: ignore
AzureBlobStorageBlock(5, "x")  # type: ignore[arg-type]  # pyright: ignore
AzureBlobStorageBlock("x", 5)  # type: ignore[arg-type]  # pyright: ignore
DataDocument(5, "x")  # type: ignore[arg-type]  # pyright: ignore
FlowRunnerSettings(5, {})  # type: ignore[arg-type]  # pyright: ignore
deploy(5)  # type: ignore[arg-type]  # pyright: ignore
plan(5)  # type: ignore[arg-type]  # pyright: ignore
verify_all(names=5)  # type: ignore[arg-type]  # pyright: ignore
load_flow_from_script(5)  # type: ignore[arg-type]  # pyright: ignore
Package(content=b"", entrypoint="", storage=5)  # type: ignore[arg-type]  # pyright: ignore
flow(5)  # type: ignore[call-overload]  # pyright: ignore
hello(name=5)  # type: ignore[arg-type]  # pyright: ignore
hello()  # type: ignore[call-arg]  # pyright: ignore
flowpack.deploi  # type: ignore[attr-defined]  # pyright: ignore
