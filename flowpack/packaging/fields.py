"""What a deployment has besides on servers with work pools, and how it is checked."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Union

import attrs

from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import DeploymentValidationError, printable, quoted
from flowpack.jsonvalues import json_problem
from flowpack.models import UNSET, Unset
from flowpack.urls import URL, Address, as_address, url_of


def wrong(field: str, problem: str) -> DeploymentValidationError:
    """Return the error for a value of *field* that cannot be right."""
    return DeploymentValidationError("DeploymentSpec", [f"{field}: {problem}"])


def kind_of(value: object) -> str:
    """Return what messages call the type of *value*; others have names like ours."""
    kind = value if isinstance(value, type) else type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    name = printable(f"{module}{kind.__name__}")
    return f"the class {name}" if isinstance(value, type) else name


def address(value: object) -> Any:
    """Take text; with credentials in a URL in it, it is printed without them."""
    return as_address(value) if isinstance(value, (str, Address)) else value


def check_address(_: object, field: attrs.Attribute[Any], value: Any) -> None:
    """Take text, an address or None; a validator."""
    check_text(_, field, url_of(value))


def check_text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Take text that names something, None or UNSET; a validator."""
    _check_kept_text(_, field, value)
    if isinstance(value, str) and not value.strip():
        raise wrong(field.name, "it is empty; leave it out if it is not to be given")


def check_flag(_: object, field: attrs.Attribute[Any], value: object) -> None:
    """Take True, False or UNSET; a validator."""
    if not isinstance(value, (bool, Unset)):
        raise wrong(field.name, f"expected True or False, not {kind_of(value)}")


def _check_kept_text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None or isinstance(value, Unset):
        return
    if not isinstance(value, str) or json_problem(value):
        raise wrong(field.name, f"expected text, not {kind_of(value)}")


def _check_limit(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None or isinstance(value, Unset):
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise wrong(field.name, "expected a number of runs, at least 1")


def _labels(value: object) -> Any:
    """Take a mapping from text to text, numbers and booleans."""
    if isinstance(value, Unset):
        return value
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise wrong("labels", f"expected a mapping, not {kind_of(value)}")
    copy = dict(value)
    problem = json_problem(copy)
    for key, item in copy.items():
        if not str(key).strip():
            problem = problem or "a label has no name"
        if not isinstance(item, (str, int, float)):
            problem = problem or f"{quoted(key)} holds {kind_of(item)}"
    if problem:
        raise wrong("labels", problem)
    return copy


def _check_pull(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value not in (None, "stock", "flowpack"):
        raise wrong(field.name, f"expected 'stock' or 'flowpack', not {quoted(value)}")


def choose_pool(named: Optional[str]) -> Optional[str]:
    """Return the name of the pool: *named*, else that of the settings."""
    if named:
        return named
    from flowpack.settings import load_settings

    return load_settings().default_work_pool


def inherited_last(
    _: type, fields: List[attrs.Attribute[Any]]
) -> List[attrs.Attribute[Any]]:
    """Put the fields of a class itself before those of its base, as people read."""
    # The stubs of attrs do not know the attribute.
    return sorted(fields, key=lambda each: each.inherited)  # type: ignore[attr-defined]


@attrs.frozen(kw_only=True)
class PoolFields(HidesLocals):
    """The fields of a spec for today's Prefect; see ``DeploymentSpec``."""

    description: Union[str, None, Unset] = attrs.field(
        default=UNSET, validator=_check_kept_text
    )
    version: Union[str, None, Unset] = attrs.field(
        default=UNSET, validator=_check_kept_text
    )
    work_pool: Optional[str] = attrs.field(default=None, validator=check_text)
    work_queue: Union[str, None, Unset] = attrs.field(
        default=UNSET, validator=check_text
    )
    create_work_pool: bool = attrs.field(default=False, validator=check_flag)
    concurrency_limit: Union[int, None, Unset] = attrs.field(
        default=UNSET, validator=_check_limit
    )
    labels: Union[Mapping[str, Any], Unset] = attrs.field(
        default=UNSET, converter=_labels
    )
    enforce_parameter_schema: Union[bool, Unset] = attrs.field(
        default=UNSET, validator=check_flag
    )
    pull: Optional[str] = attrs.field(default=None, validator=_check_pull)
    pull_requires: Optional[URL] = attrs.field(
        default=None, converter=address, validator=check_address
    )
