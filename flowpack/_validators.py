"""What the fields of data classes may hold: checks, and attrs validators made of them."""

from __future__ import annotations

import enum
from typing import Any, Callable, Iterable, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack.exceptions import DeploymentValidationError, printable, quoted
from flowpack.jsonvalues import json_copy, json_problem

#: Returns the problem of a value, or several, or none.
Check = Callable[[Any], Union[None, str, Iterable[str]]]


def validator(check: Check) -> Any:
    """Return an attrs validator that raises for what *check* finds; a field's default is valid."""

    def validate(instance: object, field: attrs.Attribute[Any], value: object) -> None:
        found = None if value is field.default else check(value)
        problems = [found] if isinstance(found, str) else list(found or ())
        if problems:
            raise field_error(type(instance), field.name, *problems)

    return validate


def field_error(cls: type, field: str, *problems: str) -> DeploymentValidationError:
    """Return the error for the value of a field; ``_kind`` of a class is what messages call it."""
    where = getattr(cls, "_kind", cls.__name__)
    return DeploymentValidationError(where, [f"{field}: {problem}" for problem in problems])


def describe_type(value: object) -> str:
    """Return what messages call the type of *value*, with its module unless it is built in."""
    kind = value if isinstance(value, type) else type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    name = printable(f"{module}{kind.__name__}")
    return f"the class {name}" if isinstance(value, type) else name


def plain(value: Any) -> Any:
    """Return the value of a member of an enumeration; others as they are."""
    return value.value if isinstance(value, enum.Enum) else value


def copied_json(value: Optional[Mapping[str, Any]]) -> Any:
    """Return a copy of *value* if it is JSON, else *value*."""
    return value if json_problem(value) else json_copy(value)


def optional(check: Check) -> Check:
    """Return *check* for values that may be None."""
    return lambda value: None if value is None else check(value)


def instance_of(cls: Union[type, Tuple[type, ...]], expected: str) -> Callable[[Any], Any]:
    """Return the check of an instance of *cls*, which messages call *expected*."""
    problem = f"must be {expected}, not "
    return lambda value: None if isinstance(value, cls) else problem + describe_type(value)


def is_text(value: object) -> Optional[str]:
    """Check text, which may be empty."""
    problem = json_problem(value) if isinstance(value, str) else None
    return f"{quoted(value)}: {problem}" if problem else instance_of(str, "text")(value)


def is_filled_text(value: object) -> Optional[str]:
    """Check text that names something."""
    if isinstance(value, str) and not value.strip():
        return "must not be empty; leave it out if it is not to be given"
    return is_text(value)


def is_flag(value: object) -> Optional[str]:
    """Check a truth value."""
    return None if isinstance(value, bool) else f"must be true or false, not {quoted(value)}"


def at_least(least: int, unit: str, most: Optional[int] = None) -> Check:
    """Return the check of a whole number of some *unit*."""
    limits = f"from {least}" if most is None else f"from {least} to {most}"

    def check(value: Any) -> Optional[str]:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        fits = is_number and least <= value <= (value if most is None else most)
        return None if fits else f"must be a whole number of {unit} {limits}, not {quoted(value)}"

    return check


def one_of(*choices: str) -> Check:
    """Return the check of a value that is one of *choices*."""
    expected = f"must be one of {', '.join(choices)}"
    return lambda value: None if value in choices else f"{expected}, not {quoted(value)}"


def is_list_of_texts(value: object) -> List[str]:
    """Check a tuple of texts that are not empty."""
    if not isinstance(value, tuple):
        return [f"must be a list of texts, not {describe_type(value)}"]
    problems = ((number, is_filled_text(item)) for number, item in enumerate(value, 1))
    return [f"item {number} {problem}" for number, problem in problems if problem]


def is_json_mapping(value: object) -> Optional[str]:
    """Check a mapping of JSON values."""
    return instance_of(dict, "a mapping")(value) or json_problem(value)


def is_json_list(value: object) -> Optional[str]:
    """Check a list of JSON values."""
    return instance_of(list, "a list of JSON values")(value) or json_problem(value)


def is_text_mapping(value: object) -> List[str]:
    """Check a mapping from names to texts; no problem shows a text, which may be secret."""
    if not isinstance(value, Mapping):
        return [f"must be a mapping, not {describe_type(value)}"]
    problems = []
    for name, item in value.items():
        if not isinstance(name, str):
            problems.append(f"has a name of type {describe_type(name)}, not text")
        elif not isinstance(item, str):
            problems.append(f"{quoted(name)} must be text, not {describe_type(item)}")
        elif json_problem(name) or json_problem(item):
            problems.append(f"{quoted(name)} holds half a surrogate pair, which cannot travel")
    return problems
