"""Specs, and what becomes of them: plans, deployments, and flows loaded from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowpack._lazy import hand_on

__all__ = [
    "Action",
    "Deployed",
    "DeploymentSpec",
    "Finding",
    "Plan",
    "VerifyResult",
    "apply",
    "deploy",
    "load_flow_from_deployment",
    "load_flow_from_script",
    "plan",
    "verify_all",
]

if TYPE_CHECKING:
    from flowpack.deployments.actions import Action, Deployed, Plan
    from flowpack.deployments.applying import apply, deploy
    from flowpack.deployments.load import load_flow_from_deployment
    from flowpack.deployments.planning import plan
    from flowpack.deployments.spec import DeploymentSpec
    from flowpack.deployments.verification import Finding, VerifyResult, verify_all
    from flowpack.loading import load_flow_from_script
else:
    __getattr__, __dir__ = hand_on(
        __name__,
        {
            "flowpack.deployments.actions": "Action Deployed Plan",
            "flowpack.deployments.applying": "apply deploy",
            "flowpack.deployments.load": "load_flow_from_deployment",
            "flowpack.deployments.planning": "plan",
            "flowpack.deployments.spec": "DeploymentSpec",
            "flowpack.deployments.verification": "Finding VerifyResult verify_all",
            "flowpack.loading": "load_flow_from_script",
        },
    )
