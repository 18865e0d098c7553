"""Which flows a script defines, told from its source; the script is never run."""

from __future__ import annotations

from flowpack.discovery.choice import Candidate, choose
from flowpack.discovery.found import Discovery, find_flows, select_flow
from flowpack.discovery.info import FlowInfo, Parameter, Undetermined
from flowpack.discovery.script import SIZE_LIMIT, Script

FoundFlow = FlowInfo

__all__ = [
    "SIZE_LIMIT",
    "Candidate",
    "Discovery",
    "FlowInfo",
    "FoundFlow",
    "Parameter",
    "Script",
    "Undetermined",
    "choose",
    "find_flows",
    "select_flow",
]
