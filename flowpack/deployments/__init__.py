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
            "Action": "flowpack.deployments.actions",
            "Deployed": "flowpack.deployments.actions",
            "DeploymentSpec": "flowpack.deployments.spec",
            "Finding": "flowpack.deployments.verification",
            "Plan": "flowpack.deployments.actions",
            "VerifyResult": "flowpack.deployments.verification",
            "apply": "flowpack.deployments.applying",
            "deploy": "flowpack.deployments.applying",
            "load_flow_from_deployment": "flowpack.deployments.load",
            "load_flow_from_script": "flowpack.loading",
            "plan": "flowpack.deployments.planning",
            "verify_all": "flowpack.deployments.verification",
        },
    )
