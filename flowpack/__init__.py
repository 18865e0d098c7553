"""Package Prefect flows and register them as deployments.

The public names are here; each is loaded when it is first used, so that importing
flowpack costs next to nothing. Every error is in :mod:`flowpack.exceptions`.
"""

from __future__ import annotations

__version__ = "0.1.0"

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
    "DeploymentSpec",
    "DockerFlowRunner",
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
    "RRuleSchedule",
    "S3StorageBlock",
    "ScriptPackager",
    "StorageBlock",
    "SubprocessFlowRunner",
    "TempStorageBlock",
    "Transport",
    "UNSET",
    "UniversalFlowRunner",
    "apply",
    "deploy",
    "flow",
    "get_client",
    "load_flow_from_deployment",
    "load_flow_from_script",
    "plan",
    "verify_all",
]

# True for type checkers; importing it from typing costs more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from flowpack.blocks.cloud import (
        AzureBlobStorageBlock,
        GoogleCloudStorageBlock,
        S3StorageBlock,
    )
    from flowpack.blocks.core import Block
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
    from flowpack.deployments.load import load_flow_from_deployment
    from flowpack.deployments.plan import apply, deploy, plan
    from flowpack.deployments.spec import DeploymentSpec
    from flowpack.deployments.verify import Finding, verify_all
    from flowpack.exceptions import FlowpackError
    from flowpack.flow_runners import (
        DockerFlowRunner,
        FlowRunner,
        KubernetesFlowRunner,
        SubprocessFlowRunner,
        UniversalFlowRunner,
    )
    from flowpack.flows import Flow, flow
    from flowpack.loading import load_flow_from_script
    from flowpack.models import (
        UNSET,
        DataDocument,
        DeploymentCreate,
        FlowRunnerSettings,
    )
    from flowpack.packaging.base import CompleteSpec, Package, Packager
    from flowpack.packaging.script import ScriptPackager
    from flowpack.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
    from flowpack.transport import Transport
else:
    # Kept from type checkers, so that they reject misspelt names.
    _HOMES = {
        "Action": "flowpack.deployments.actions",
        "AzureBlobStorageBlock": "flowpack.blocks.cloud",
        "Block": "flowpack.blocks.core",
        "Client": "flowpack.client",
        "CompleteSpec": "flowpack.packaging.base",
        "CronSchedule": "flowpack.schedules",
        "DataDocument": "flowpack.models",
        "Deployed": "flowpack.deployments.actions",
        "DeploymentCreate": "flowpack.models",
        "DeploymentSpec": "flowpack.deployments.spec",
        "DockerFlowRunner": "flowpack.flow_runners",
        "FileStorageBlock": "flowpack.blocks.storage",
        "Finding": "flowpack.deployments.verify",
        "Flow": "flowpack.flows",
        "FlowRunner": "flowpack.flow_runners",
        "FlowRunnerSettings": "flowpack.models",
        "FlowpackError": "flowpack.exceptions",
        "GoogleCloudStorageBlock": "flowpack.blocks.cloud",
        "IntervalSchedule": "flowpack.schedules",
        "KVServerStorageBlock": "flowpack.blocks.storage",
        "KubernetesFlowRunner": "flowpack.flow_runners",
        "LocalStorageBlock": "flowpack.blocks.storage",
        "Package": "flowpack.packaging.base",
        "Packager": "flowpack.packaging.base",
        "Plan": "flowpack.deployments.actions",
        "RRuleSchedule": "flowpack.schedules",
        "S3StorageBlock": "flowpack.blocks.cloud",
        "ScriptPackager": "flowpack.packaging.script",
        "StorageBlock": "flowpack.blocks.storage",
        "SubprocessFlowRunner": "flowpack.flow_runners",
        "TempStorageBlock": "flowpack.blocks.storage",
        "Transport": "flowpack.transport",
        "UNSET": "flowpack.models",
        "UniversalFlowRunner": "flowpack.flow_runners",
        "apply": "flowpack.deployments.plan",
        "deploy": "flowpack.deployments.plan",
        "flow": "flowpack.flows",
        "get_client": "flowpack.connect",
        "load_flow_from_deployment": "flowpack.deployments.load",
        "load_flow_from_script": "flowpack.loading",
        "plan": "flowpack.deployments.plan",
        "verify_all": "flowpack.deployments.verify",
    }

    def __getattr__(name):
        """Load a public name from the module that defines it, and keep it."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        value = getattr(importlib.import_module(home), name)
        globals()[name] = value
        return value

    def __dir__():
        """List the public names too, loaded or not."""
        return sorted({*globals(), *__all__})
