"""What moved between two plans of the same specs, told by deployment and field."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from flowpack.exceptions import SpecError, printable

#: Longest part of a value that is shown, in characters.
_SHOWN = 100

#: How the fields of an action are told.
_TOLD = {"kind": "what is to be done", "upload": "whether bytes are to be stored"}


def parse_plan(text: str, where: str = "the plan") -> Dict[str, Any]:
    """Return a plan that was written as JSON.

    Args:
        text: What ``Plan.to_json`` gave, or ``flowpack plan --json`` printed.
        where: What messages call it.

    Raises:
        SpecError: It is no plan.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        found = None
    actions = found.get("actions") if isinstance(found, dict) else None
    if not isinstance(actions, list) or not all(map(_is_action, actions)):
        raise SpecError(where, ["this is no plan; flowpack plan --json writes one"])
    return dict(found)


def _is_action(value: Any) -> bool:
    return isinstance(value, dict) and {"flow_name", "name", "kind"} <= value.keys()


def find_moves(planned: Mapping[str, Any], now: Mapping[str, Any]) -> Tuple[str, ...]:
    """Return what *now* says otherwise than *planned*, one sentence each."""
    if _text(planned) == _text(now):
        return ()
    return tuple(_moves(planned, now)) or ("the plan says other things than planned",)


def _moves(planned: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if planned.get("api") != now.get("api"):
        yield (
            f"the plan is for {_shown(planned.get('api'))}, not for"
            f" {_shown(now.get('api'))}"
        )
    old, new = _by_name(planned), _by_name(now)
    yield from (f"{name} is not to be deployed now" for name in old if name not in new)
    yield from (f"{name} was not planned" for name in new if name not in old)
    common = [name for name in old if name in new]
    if common != [name for name in new if name in old]:
        yield "the deployments are in another order"
    for name in common:
        yield from _moves_of(name, old[name], new[name])


def _by_name(plan: Mapping[str, Any]) -> Dict[str, Mapping[str, Any]]:
    return {
        printable(f"{action['flow_name']}/{action['name']}"): action
        for action in plan["actions"]
    }


def _moves_of(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[str]:
    for field in dict.fromkeys([*old, *new]):
        was, is_now = old.get(field), new.get(field)
        if _text(was) == _text(is_now):
            continue
        if field == "changes":
            yield from _moves_in_changes(name, was, is_now)
        else:
            told = _TOLD.get(field, printable(field))
            yield f"{name}: {told} was {_shown(was)}, and is {_shown(is_now)}"


def _moves_in_changes(name: str, old: Any, new: Any) -> Iterator[str]:
    before, after = _by_field(old), _by_field(new)
    for field in dict.fromkeys([*before, *after]):
        was, is_now = before.get(field), after.get(field)
        if _text(was) != _text(is_now):
            told = f"{name}: {printable(field)}"
            yield f"{told} was to {_words(was)}, and is to {_words(is_now)}"


def _by_field(changes: Any) -> Dict[str, Mapping[str, Any]]:
    listed = changes if isinstance(changes, list) else []
    return {str(each.get("field")): each for each in listed if isinstance(each, dict)}


def _words(change: Optional[Mapping[str, Any]]) -> str:
    if change is None:
        return "stay"
    return f"go from {_shown(change.get('old'))} to {_shown(change.get('new'))}"


def _text(value: Any) -> str:
    """Return *value* so that equal texts are equal JSON, where 1 is not true."""
    return json.dumps(value, indent=2, sort_keys=True)


def _shown(value: Any) -> str:
    return printable(json.dumps(value, sort_keys=True), _SHOWN)
