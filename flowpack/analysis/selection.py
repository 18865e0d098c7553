"""Which of several flows a name means."""

from __future__ import annotations

from typing import Optional, Protocol, Sequence, Tuple, TypeVar

from flowpack.exceptions import MissingFlowError, UnspecifiedFlowError, printable, quoted

#: So many names are listed in a message, and so many characters of each.
_LISTED = 20
_SHOWN = 60


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
    """Return the one flow that *name* means.

    Args:
        candidates: The flows of a script.
        name: A flow's name, the module-level name that it is bound to, or its
            function's; None means the only flow there is.
        where: The script, for messages.

    Raises:
        UnspecifiedFlowError: Several are meant.
        MissingFlowError: None is.
    """
    if name is None:
        meant = list(candidates)
        if len(meant) > 1:
            asked = "it has {} flows; say which: {}"
            raise UnspecifiedFlowError(where, asked.format(len(meant), listed(meant)))
    else:
        meant = [each for each in candidates if _answers(each, name, candidates)]
        if len({each.name for each in meant}) == 1:  # Only their variables differ.
            meant = [each for each in meant if name in each.variables] or meant
        if len(meant) > 1:
            asked = "{} means {} flows: {}. Use a name that only one of them has"
            text = asked.format(quoted(name), len(meant), listed(meant))
            raise UnspecifiedFlowError(where, text)
    if not meant:
        raise MissingFlowError(where, f"{_missing(name)}; {_present(candidates)}")
    return meant[0]


def listed(candidates: Sequence[Candidate]) -> str:
    """Return the names of *candidates*, sorted, for a message."""
    names = sorted(map(_shown, candidates))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _answers(candidate: Candidate, name: str, candidates: Sequence[Candidate]) -> bool:
    if name == candidate.name or name in candidate.variables:
        return True
    if name != candidate.function:
        return False
    # The function's name may be that of another flow: y = x.with_options(...).
    return not any(name in other.variables for other in candidates)


def _shown(candidate: Candidate) -> str:
    variables = "/".join(candidate.variables)
    if candidate.name is None:
        return f"the flow bound to {printable(variables, _SHOWN)}"
    shown = quoted(candidate.name, _SHOWN)
    if candidate.name in (variables, variables.replace("_", "-")):
        return shown
    return f"{shown} ({printable(variables, _SHOWN)})"


def _missing(name: Optional[str]) -> str:
    return f"it defines no flow {quoted(name)}" if name else "it defines no flow"


def _present(candidates: Sequence[Candidate]) -> str:
    if candidates:
        return f"its flows are {listed(candidates)}"
    return (
        "a flow is a function at module level, outside of if __name__ =="
        " '__main__', under @flow from prefect or flowpack"
    )
