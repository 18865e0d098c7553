"""Package Prefect flows and register them as deployments.

The public names are here; each is loaded when it is first used, so that importing
flowpack costs next to nothing. Every error is in :mod:`flowpack.exceptions`.
"""

from __future__ import annotations

from flowpack._lazy import TYPE_CHECKING, hand_on

__version__ = "0.2.0"

__all__ = [
    "Action",
    "AzureBlobStorageBlock",
    "Block",
    "Client",
    "CompleteSpec",
    "CronSchedule",
    "DataDocument",
    "Deployed",
    "DeploymentCreate",
    "DeploymentSchedule",
    "DeploymentSpec",
    "DockerFlowRunner",
    "EmbeddedAPIWarning",
    "FileStorageBlock",
    "Finding",
    "Flow",
    "FlowRunner",
    "FlowRunnerSettings",
    "FlowpackError",
    "GoogleCloudStorageBlock",
    "IntervalSchedule",
    "KVServerStorageBlock",
    "KubernetesFlowRunner",
    "LocalStorageBlock",
    "Package",
    "Packager",
    "Plan",
    "ProjectPackager",
    "RRuleSchedule",
    "S3StorageBlock",
    "ScriptPackager",
    "StorageBlock",
    "SubprocessFlowRunner",
    "TempStorageBlock",
    "Transport",
    "UNSET",
    "UniversalFlowRunner",
    "VerifyResult",
    "apply",
    "deploy",
    "flow",
    "get_client",
    "load_flow_from_deployment",
    "load_flow_from_script",
    "plan",
    "verify_all",
]

if TYPE_CHECKING:
    from flowpack import blocks as blocks
    from flowpack import client as client
    from flowpack import connect as connect
    from flowpack import deployments as deployments
    from flowpack import exceptions as exceptions
    from flowpack import flow_runners as flow_runners
    from flowpack import flows as flows
    from flowpack import loading as loading
    from flowpack import models as models
    from flowpack import packaging as packaging
    from flowpack import schedules as schedules
    from flowpack import transport as transport
    from flowpack.blocks.cloud import AzureBlobStorageBlock, GoogleCloudStorageBlock, S3StorageBlock
    from flowpack.blocks.block import Block
    from flowpack.blocks.storage import (
        FileStorageBlock,
        KVServerStorageBlock,
        LocalStorageBlock,
        StorageBlock,
        TempStorageBlock,
    )
    from flowpack.client import Client
    from flowpack.connect import get_client
    from flowpack.deployments.actions import Action, Deployed, Plan
    from flowpack.deployments.applying import apply, deploy
    from flowpack.deployments.load import load_flow_from_deployment
    from flowpack.deployments.planning import plan
    from flowpack.deployments.spec import DeploymentSpec
    from flowpack.deployments.verification import Finding, VerifyResult, verify_all
    from flowpack.exceptions import EmbeddedAPIWarning, FlowpackError
    from flowpack.flow_runners import (
        DockerFlowRunner,
        FlowRunner,
        KubernetesFlowRunner,
        SubprocessFlowRunner,
        UniversalFlowRunner,
    )
    from flowpack.flows import Flow, flow
    from flowpack.loading import load_flow_from_script
    from flowpack.models import UNSET, DataDocument, DeploymentCreate, FlowRunnerSettings
    from flowpack.packaging.base import CompleteSpec, Package, Packager
    from flowpack.packaging.project import ProjectPackager
    from flowpack.packaging.script import ScriptPackager
    from flowpack.schedules import CronSchedule, DeploymentSchedule, IntervalSchedule, RRuleSchedule
    from flowpack.transport import Transport
else:
    # Kept from type checkers, so that they reject misspelt names.
    _NAMES = {
        "flowpack.blocks.block": "Block",
        "flowpack.blocks.cloud": "AzureBlobStorageBlock GoogleCloudStorageBlock S3StorageBlock",
        "flowpack.blocks.storage": (
            "FileStorageBlock KVServerStorageBlock LocalStorageBlock StorageBlock TempStorageBlock"
        ),
        "flowpack.client": "Client",
        "flowpack.connect": "get_client",
        "flowpack.deployments.actions": "Action Deployed Plan",
        "flowpack.deployments.applying": "apply deploy",
        "flowpack.deployments.load": "load_flow_from_deployment",
        "flowpack.deployments.planning": "plan",
        "flowpack.deployments.spec": "DeploymentSpec",
        "flowpack.deployments.verification": "Finding VerifyResult verify_all",
        "flowpack.exceptions": "EmbeddedAPIWarning FlowpackError",
        "flowpack.flow_runners": (
            "DockerFlowRunner FlowRunner KubernetesFlowRunner SubprocessFlowRunner "
            "UniversalFlowRunner"
        ),
        "flowpack.flows": "Flow flow",
        "flowpack.loading": "load_flow_from_script",
        "flowpack.models": "DataDocument DeploymentCreate FlowRunnerSettings UNSET",
        "flowpack.packaging.base": "CompleteSpec Package Packager",
        "flowpack.packaging.project": "ProjectPackager",
        "flowpack.packaging.script": "ScriptPackager",
        "flowpack.schedules": "CronSchedule DeploymentSchedule IntervalSchedule RRuleSchedule",
        "flowpack.transport": "Transport",
    }
    __getattr__, __dir__ = hand_on(__name__, _NAMES)
