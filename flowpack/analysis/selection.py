"""Which of several flows a name means."""

from __future__ import annotations

from typing import Optional, Protocol, Sequence, Tuple, TypeVar

from flowpack.exceptions import MissingFlowError, UnspecifiedFlowError, printable, quoted

#: So many names are listed in a message, and so many characters of each.
_LISTED = 20
_SHOWN = 60
_WHAT_IS_A_FLOW = (
    "a flow is a function at module level, outside of if __name__ == '__main__', under @flow"
    " from prefect or flowpack"
)


class Candidate(Protocol):
    """What can be chosen: a flow found in a source, or a loaded one."""

    @property
    def name(self) -> Optional[str]:
        """The flow's name; None where it is not known."""

    @property
    def function(self) -> str:
        """The name of its function."""

    @property
    def variables(self) -> Tuple[str, ...]:
        """The module-level names that it is bound to."""


Chosen = TypeVar("Chosen", bound=Candidate)


def choose(candidates: Sequence[Chosen], name: Optional[str], where: str) -> Chosen:
    """Return the one of *candidates* that *name* means, or the only one if it is None.

    Args:
        candidates: The flows of a script.
        name: A flow's name, the module-level name that it is bound to, or its function's.
        where: The script, for messages.

    Raises:
        UnspecifiedFlowError: Several are meant.
        MissingFlowError: None is.
    """
    # The function's name may be that of another flow: y = x.with_options(...).
    taken = any(name in each.variables for each in candidates)
    meant = [
        each
        for each in candidates
        if name in (None, each.name, *each.variables) or (name == each.function and not taken)
    ]
    if name is not None and len({each.name for each in meant}) == 1:  # Variables decide.
        meant = [each for each in meant if name in each.variables] or meant
    if len(meant) > 1:
        text = f"it has {len(meant)} flows; say which: {_listed(meant)}"
        if name is not None:
            text = f"{quoted(name)} means {len(meant)} flows: {_listed(meant)}. Use a name that"
            text += " only one of them has"
        raise UnspecifiedFlowError(where, text)
    if not meant:
        what = f"it defines no flow {quoted(name)}" if name else "it defines no flow"
        there = f"its flows are {_listed(candidates)}" if candidates else _WHAT_IS_A_FLOW
        raise MissingFlowError(where, f"{what}; {there}")
    return meant[0]


def _listed(candidates: Sequence[Candidate]) -> str:
    names = sorted(map(_shown, candidates))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _shown(candidate: Candidate) -> str:
    variables = "/".join(candidate.variables)
    if candidate.name is None:
        return f"the flow bound to {printable(variables, _SHOWN)}"
    shown = quoted(candidate.name, _SHOWN)
    if candidate.name in (variables, variables.replace("_", "-")):
        return shown
    return f"{shown} ({printable(variables, _SHOWN)})"
