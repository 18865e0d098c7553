"""Which flows a script defines, told from its source; the script is never run.

A :class:`Script` is the bytes, read once. Its syntax tree is followed statement by
statement, as Python would run the module, to tell what each name stands for in the
end (``names``). Names that stand for a flow are described from literals, constants
and docstrings (``found``). What only running would tell becomes an
:class:`Undetermined`, which says why; it is an error when it is asked for, and only
then. Nothing is ever guessed.
"""

from __future__ import annotations

from flowpack.discovery.choice import Candidate, choose
from flowpack.discovery.examination import (
    Findings,
    examine,
    find_flows,
    select_flow,
)
from flowpack.discovery.found import FoundFlow, Parameter, Undetermined
from flowpack.discovery.script import SIZE_LIMIT, Script

__all__ = [
    "SIZE_LIMIT",
    "Candidate",
    "Findings",
    "FoundFlow",
    "Parameter",
    "Script",
    "Undetermined",
    "choose",
    "examine",
    "find_flows",
    "select_flow",
]
