"""What lists are asked for: criteria, limit and offset, and the SQL they become."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack.embedded.answers import encode, refused
from flowpack.embedded.bodies import STATE_TYPES
from flowpack.embedded.checks import (
    Check,
    Envelope,
    Field,
    Loc,
    Shape,
    at_least,
    boolean,
    identifier,
    integer,
    list_of,
    one_of,
    text,
)
from flowpack.embedded.moments import moment

MOST_ROWS = 200
FLOW_ORDERS = {
    "CREATED_DESC": "f.created DESC",
    "UPDATED_DESC": "f.updated DESC",
    "NAME_ASC": "f.name",
    "NAME_DESC": "f.name DESC",
}

#: A condition for WHERE, and the values of its question marks.
Condition = Tuple[str, List[Any]]


@attrs.frozen
class Operator:
    """One way to compare a column.

    Attributes:
        check: What may be asked for.
        sql: The condition, with one question mark.
        listed: Whether the value is a list, which SQLite reads as JSON.
    """

    check: Check
    sql: str
    listed: bool = False


#: Criteria as they stand in a request: operators, by the names that lead to them.
Criteria = Mapping[str, Union[Operator, "Criteria"]]


def _any_of(column: str, check: Check = text) -> Dict[str, Operator]:
    sql = f"{column} IN (SELECT value FROM json_each(?))"
    return {"any_": Operator(list_of(check), sql, listed=True)}


def _is_null(column: str) -> Dict[str, Operator]:
    return {"is_null_": Operator(boolean, f"({column} IS NULL) = ?")}


def _name(column: str) -> Dict[str, Operator]:
    like = Operator(text, f"{column} LIKE '%' || ? || '%'")
    return {**_any_of(column), "like_": like}


def _tags(column: str) -> Dict[str, Operator]:
    has_all = (
        "NOT EXISTS (SELECT 1 FROM json_each(?) AS wanted WHERE wanted.value NOT IN"
        f" (SELECT value FROM json_each({column})))"
    )
    return {
        "all_": Operator(list_of(text), has_all, listed=True),
        "is_null_": Operator(boolean, f"({column} = '[]') = ?"),
    }


def _time(column: str) -> Dict[str, Operator]:
    return {
        "before_": Operator(moment, f"julianday({column}) <= julianday(?)"),
        "after_": Operator(moment, f"julianday({column}) >= julianday(?)"),
    }


def _state(kind: str, name: str) -> Criteria:
    return {"type": _any_of(kind, one_of(*STATE_TYPES)), "name": _any_of(name)}


FLOW: Criteria = {
    "id": _any_of("f.id", identifier),
    "name": _name("f.name"),
    "tags": _tags("f.tags"),
}
DEPLOYMENT: Criteria = {
    "id": _any_of("d.id", identifier),
    "name": _name("d.name"),
    "is_schedule_active": {"eq_": Operator(boolean, "d.is_schedule_active = ?")},
    "tags": _tags("d.tags"),
}
FLOW_RUN: Criteria = {
    "id": {
        **_any_of("r.id", identifier),
        "not_any_": Operator(
            list_of(identifier),
            "r.id NOT IN (SELECT value FROM json_each(?))",
            listed=True,
        ),
    },
    "name": _name("r.name"),
    "tags": _tags("r.tags"),
    "deployment_id": {
        **_any_of("r.deployment_id", identifier),
        **_is_null("r.deployment_id"),
    },
    "state": _state("r.state_type", "r.state_name"),
    "flow_version": _any_of("NULL"),
    "start_time": {**_time("r.start_time"), **_is_null("r.start_time")},
    "expected_start_time": _time("r.expected_start_time"),
    "next_scheduled_start_time": _time(
        "CASE r.state_type WHEN 'SCHEDULED' THEN r.expected_start_time END"
    ),
    "parent_task_run_id": {**_any_of("NULL", identifier), **_is_null("NULL")},
    "flow_runner_type": _any_of("r.flow_runner_type"),
}
#: There are no task runs here: whoever asks for them finds nothing.
TASK_RUN: Criteria = {
    "id": _any_of("NULL", identifier),
    "name": _name("NULL"),
    "tags": _tags("NULL"),
    "state": _state("NULL", "NULL"),
    "start_time": {**_time("NULL"), **_is_null("NULL")},
    "subflow_runs": {"exists_": Operator(boolean, "NULL = ?")},
}
BLOCK_SCHEMA: Criteria = {"block_type_id": _any_of("s.block_type_id", identifier)}
BLOCK_DOCUMENT: Criteria = {
    "is_anonymous": {"eq_": Operator(boolean, "b.is_anonymous = ?")}
}


def _limit(value: Any, loc: Loc) -> int:
    """Check how many rows are asked for; too many are refused before all else."""
    rows = integer(value, loc)
    if rows > MOST_ROWS:
        said = f"Invalid limit: must be less than or equal to {MOST_ROWS}."
        raise refused(422, said)
    if rows < 0:
        raise refused(422, "Invalid limit: must be greater than or equal to 0.")
    return rows


def _shape(criteria: Criteria) -> Shape:
    return Shape(
        {
            key: Field(
                part.check if isinstance(part, Operator) else _shape(part), default=None
            )
            for key, part in criteria.items()
        }
    )


_LIMIT = Field(_limit, default=MOST_ROWS)
_OFFSET = Field(at_least(0), default=0)
_RELATED = {
    "flows": Field(_shape(FLOW), default=None),
    "flow_runs": Field(_shape(FLOW_RUN), default=None),
    "task_runs": Field(_shape(TASK_RUN), default=None),
    "deployments": Field(_shape(DEPLOYMENT), default=None),
}
_NOT_ANONYMOUS = {"is_anonymous": {"eq_": False}}
_DOCUMENTS = Shape(
    {
        "is_anonymous": Field(
            _shape(BLOCK_DOCUMENT).fields["is_anonymous"].check,
            default=_NOT_ANONYMOUS["is_anonymous"],
            nullable=True,
        )
    }
)

COUNT = Envelope(_RELATED)
DEPLOYMENTS = Envelope({"limit": _LIMIT, "offset": _OFFSET, **_RELATED})
FLOWS = Envelope(
    {
        **DEPLOYMENTS.parts,
        "sort": Field(one_of(*FLOW_ORDERS), default="NAME_ASC"),
    }
)
BLOCK_TYPES = Envelope({"limit": _LIMIT, "offset": _OFFSET})
BLOCK_SCHEMAS = Envelope(
    {
        "limit": _LIMIT,
        "block_schema_filter": Field(_shape(BLOCK_SCHEMA), default=None),
        "offset": _OFFSET,
    }
)
BLOCK_DOCUMENTS = Envelope(
    {
        "limit": _LIMIT,
        "block_document_filter": Field(_DOCUMENTS, default=_NOT_ANONYMOUS),
        "block_schema_type": Field(text, default=None),
        "offset": _OFFSET,
    }
)


def where(criteria: Criteria, asked: Optional[Mapping[str, Any]]) -> Condition:
    """Return the condition that rows meet all that is *asked*."""
    return _all(_conditions(criteria, asked or {}))


def flows_where(asked: Mapping[str, Any]) -> Condition:
    """Return the condition on flows, ``f``, that a filter's body asks for."""
    parts = _conditions(FLOW, asked["flows"] or {})
    if asked["deployments"] is not None:
        sql, values = where(DEPLOYMENT, asked["deployments"])
        of_flow = f"SELECT d.flow_id FROM deployment AS d WHERE {sql}"
        parts.append((f"f.id IN ({of_flow})", values))
    return _all(parts + _runs(asked, "f.id", "flow_id"))


def deployments_where(asked: Mapping[str, Any]) -> Condition:
    """Return the condition on deployments, ``d``, that a filter's body asks for."""
    parts = _conditions(DEPLOYMENT, asked["deployments"] or {})
    if asked["flows"] is not None:
        sql, values = where(FLOW, asked["flows"])
        parts.append((f"d.flow_id IN (SELECT f.id FROM flow AS f WHERE {sql})", values))
    return _all(parts + _runs(asked, "d.id", "deployment_id"))


def _runs(asked: Mapping[str, Any], column: str, reference: str) -> List[Condition]:
    if asked["task_runs"] is not None:
        return [("0", [])]
    if asked["flow_runs"] is None:
        return []
    sql, values = where(FLOW_RUN, asked["flow_runs"])
    runs = f"SELECT r.{reference} FROM flow_run AS r WHERE {sql}"
    return [(f"{column} IN ({runs})", values)]


def _conditions(criteria: Criteria, asked: Mapping[str, Any]) -> List[Condition]:
    found: List[Condition] = []
    for key, part in criteria.items():
        value = asked.get(key)
        if value is None:
            continue
        if isinstance(part, Operator):
            found.append((part.sql, [encode(value) if part.listed else value]))
        else:
            found += _conditions(part, value)
    return found


def _all(conditions: List[Condition]) -> Condition:
    sql = " AND ".join(part for part, _ in conditions) or "1"
    return sql, [value for _, values in conditions for value in values]
