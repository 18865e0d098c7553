"""What the fields of flow runners may hold: their converters and validators.

A converter brings a value into the type of its field where that is plain, and
leaves the rest to the validator, which names the field and all its problems.
"""

from __future__ import annotations

import enum
import os
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple, Union

from flowpack._callers import warn
from flowpack.exceptions import DeploymentValidationError, printable, quoted
from flowpack.jsonvalues import json_copy, json_problem

#: What a Kubernetes job must hold at least; a run's own values are put into it.
BASE_JOB: Mapping[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"labels": {}},
    "spec": {
        "template": {"spec": {"containers": [{"name": "prefect-job", "env": []}]}}
    },
}

#: The operations of RFC 6902 and the member that each needs besides ``path``.
_PATCH_OPERATIONS: Mapping[str, Optional[str]] = {
    "add": "value",
    "replace": "value",
    "test": "value",
    "remove": None,
    "move": "from",
    "copy": "from",
}


def text_mapping(value: Mapping[str, Any]) -> Dict[str, str]:
    """Return a copy of *value* with scalars as text."""
    given: Any = value
    if not isinstance(given, Mapping):
        return given  # type: ignore[no-any-return]  # refused by the validator
    return {_scalar_text(key): _scalar_text(item) for key, item in given.items()}


def _scalar_text(value: Any) -> Any:
    value = plain(value)
    return str(value) if isinstance(value, (bool, int, float)) else value


def text_tuple(value: Any) -> Tuple[str, ...]:
    """Return a list as a tuple."""
    return tuple(value) if isinstance(value, list) else value


def path_text(value: Union[str, os.PathLike[str], None]) -> Optional[str]:
    """Return a path as text, as it is: nothing is expanded."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def plain(value: Any) -> Any:
    """Return what an enum member stands for; other values as they are."""
    return value.value if isinstance(value, enum.Enum) else value


def as_json(value: Any) -> Any:
    """Return a copy of *value* if it is JSON; else *value*, to be refused."""
    return value if json_problem(value) else json_copy(value)


def base_job() -> Dict[str, Any]:
    """Return a new copy of :data:`BASE_JOB`."""
    return json_copy(BASE_JOB)  # type: ignore[no-any-return]  # an object


def dropped(value: Optional[str]) -> None:
    """Return None, with a warning if that loses something."""
    if value is not None:
        warn(
            f"the flow runner's restart_policy {quoted(value)} is not used, and null is"
            " sent; set it in job or customizations"
        )


def replaced_env(value: Any, replace: Callable[[Any, str], Any]) -> Any:
    """Return a runner's settings, or job variables, with other values of variables.

    Variables stand under ``env``, wherever that is: as a mapping, or as the list of
    a Kubernetes manifest. Older servers flatten them to ``env.NAME``. Operations of
    a JSON patch may put them in too.

    Args:
        value: The settings, or a part of them.
        replace: Given a value and its name, returns what is to stand there.
    """
    if isinstance(value, list):
        return [replaced_env(item, replace) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "/env" in str(value.get("path")) and "value" in value:
        return {**value, "value": _replaced_entry(value["value"], replace)}
    return {
        key: _replaced_values(item, key, replace)
        if key == "env" or key.startswith("env.")
        else replaced_env(item, replace)
        for key, item in value.items()
    }


def _replaced_values(value: Any, key: str, replace: Callable[[Any, str], Any]) -> Any:
    """Return *value* with each text and number in it replaced."""
    if isinstance(value, Mapping):
        return {k: _replaced_values(item, str(k), replace) for k, item in value.items()}
    if isinstance(value, list):
        return [_replaced_entry(item, replace) for item in value]
    return value if value in (None, "") else replace(value, key)


def _replaced_entry(value: Any, replace: Callable[[Any, str], Any]) -> Any:
    """Return an entry of a manifest's list, its name as it is."""
    if not isinstance(value, Mapping):
        return _replaced_values(value, "value", replace)
    return {
        key: item if key == "name" else _replaced_values(item, str(key), replace)
        for key, item in value.items()
    }


def names_only(value: Any) -> str:
    """Return *value* for repr without its values, which may be secret."""
    return "{" + ", ".join(f"{quoted(name)}: ***" for name in value) + "}"


def refusal(runner: object, *problems: str) -> DeploymentValidationError:
    """Return the error that says *problems* of *runner*, an object or a class."""
    kind = getattr(runner, "typename", "") or type(runner).__name__
    return DeploymentValidationError(f"flow runner {printable(kind)}", problems)


_Problems = Callable[[Any], Iterator[str]]


def rule(problems_of: _Problems) -> Callable[[Any, Any, Any], None]:
    """Return the attrs validator that refuses what *problems_of* finds fault with."""

    def validate(runner: Any, field: Any, value: Any) -> None:
        problems = [f"{field.name} {problem}" for problem in problems_of(value)]
        if problems:
            raise refusal(runner, *problems)

    return validate


def optional(problems_of: _Problems) -> Callable[[Any, Any, Any], None]:
    """Return the same as :func:`rule`, but for a field that may be None."""
    return rule(lambda value: iter(()) if value is None else problems_of(value))


def one_of(*known: str) -> _Problems:
    """Return what finds fault with all values but *known*."""

    def problems_of(value: Any) -> Iterator[str]:
        if value not in known:
            yield f"must be one of {', '.join(known)}, not {quoted(value)}"

    return problems_of


def text(value: Any) -> Iterator[str]:
    """Find fault with what is not text, or empty."""
    if not isinstance(value, str):
        yield f"must be text, not {type(value).__name__}"
    elif not value.strip():
        yield "must not be empty"
    elif json_problem(value):
        yield f"{quoted(value)}: {json_problem(value)}"


def flag(value: Any) -> Iterator[str]:
    """Find fault with what is neither True nor False."""
    if not isinstance(value, bool):
        yield f"must be true or false, not {quoted(value)}"


def seconds(value: Any) -> Iterator[str]:
    """Find fault with what is no whole number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        yield f"must be a whole number of seconds from 0, not {quoted(value)}"


def texts(value: Any) -> Iterator[str]:
    """Find fault with what is no tuple of texts."""
    if not isinstance(value, tuple):
        yield f"must be a list of texts, not {type(value).__name__}"
        return
    for item in value:
        yield from text(item)


def volumes(value: Any) -> Iterator[str]:
    """Find fault with volumes without the two paths."""
    yield from texts(value)
    for item in value if isinstance(value, tuple) else ():
        if isinstance(item, str) and ":" not in item:
            yield f"{quoted(item)} must be HOST-PATH:CONTAINER-PATH"


def mapped_texts(value: Any) -> Iterator[str]:
    """Find fault with what maps other things than texts.

    The values may be secret, so no problem shows one.
    """
    if not isinstance(value, dict):
        yield f"must map names to texts, not {type(value).__name__}"
        return
    for name, item in value.items():
        if not isinstance(name, str):
            yield f"has a name of type {type(name).__name__}, not text"
        elif not isinstance(item, str):
            yield f"{quoted(name)} must be text, not {type(item).__name__}"
        elif json_problem(name) or json_problem(item):
            yield f"{quoted(name)} holds half a surrogate pair, which cannot travel"


def environment(value: Any) -> Iterator[str]:
    """Find fault with variables that no process could be started with."""
    problems = list(mapped_texts(value))
    yield from problems
    for name, item in {} if problems else value.items():
        if not name or "=" in name or "\0" in name:
            yield f"has the name {quoted(name)}, which no variable can have"
        elif "\0" in item:
            yield f"{quoted(name)} has a NUL in its value, which no variable can hold"


def job(value: Any) -> Iterator[str]:
    """Find fault with a manifest that has not all of :data:`BASE_JOB`."""
    problem = json_problem(value)
    if problem is not None:
        yield f"is no manifest: {problem}"
        return
    for lack in _lacking(BASE_JOB, value, ""):
        yield f"is no manifest that runs can be put into: {lack}"


def _lacking(base: Any, found: Any, path: str) -> Iterator[str]:
    """Find what *found* lacks of *base*, each with its JSON pointer."""
    if isinstance(base, Mapping):
        if not isinstance(found, dict):
            yield f"{path or 'it'} must be a mapping"
            return
        for key, item in base.items():
            if key in found:
                yield from _lacking(item, found[key], f"{path}/{key}")
            else:
                yield f"{path}/{key} is missing"
    elif isinstance(base, list):
        if not isinstance(found, list) or len(found) < len(base):
            yield f"{path} must be a list of {len(base)} or more"
            return
        for index, item in enumerate(base):
            yield from _lacking(item, found[index], f"{path}/{index}")
    elif base != found:
        yield f"{path} must be {quoted(base)}, not {quoted(found)}"


def customizations(value: Any) -> Iterator[str]:
    """Find fault with what is no JSON patch (RFC 6902)."""
    problem = json_problem(value)
    if problem is not None or not isinstance(value, list):
        found = problem or f"not {type(value).__name__}"
        yield f"must be a list of JSON patch operations: {found}"
        return
    for index, operation in enumerate(value):
        for problem in _operation_problems(operation):
            yield f"[{index}] {problem}"


def _operation_problems(operation: Any) -> Iterator[str]:
    if not isinstance(operation, dict):
        yield f"must be a mapping, not {type(operation).__name__}"
        return
    name = operation.get("op")
    if not isinstance(name, str) or name not in _PATCH_OPERATIONS:
        known = ", ".join(_PATCH_OPERATIONS)
        yield f"must have an 'op' that is one of {known}, not {quoted(name)}"
        return
    needed = _PATCH_OPERATIONS[name]
    if needed == "value" and "value" not in operation:
        yield f"({name}) must have a 'value'"
    for key in ("path", "from") if needed == "from" else ("path",):
        pointer = operation.get(key)
        if not isinstance(pointer, str) or pointer[:1] not in ("", "/"):
            yield f"({name}) must have a '{key}' such as /metadata/labels/team"
