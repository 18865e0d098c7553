"""Small pieces of JSON schema, and the unions and literals behind them."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping

from flowpack.signatures.values import Member, Subscripted, Symbol, UnionOf

Json = Dict[str, Any]

NULL: Mapping[str, Any] = {"type": "null"}
#: A schema of more parts than this is given up.
MOST = 5_000

_TYPES: Mapping[type, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    type(None): "null",
}


class NoSchema(Exception):
    """The official client makes no schema of that and says nothing of the type."""


class NotInJson(NoSchema):
    """JSON schema has no notion of that; a union goes without it."""


def union_members(arguments: Iterable[object]) -> List[object]:
    """Return the members of a union, those of unions in it in their place.

    Raises:
        NoSchema: They are too many.
    """
    members: List[object] = []
    waiting = list(arguments)[::-1]
    for _ in range(MOST):
        if not waiting:
            return members
        member = waiting.pop()
        if isinstance(member, UnionOf):
            waiting.extend(reversed(member.members))
        elif isinstance(member, Subscripted) and member.origin in _UNIONS:
            null = [None] if member.origin == _UNIONS[1] else []
            waiting.extend([*null, *reversed(member.arguments)])
        else:
            members.append(member)
    raise NoSchema


_UNIONS = (Symbol("typing.Union"), Symbol("typing.Optional"))


def literal_values(arguments: Iterable[object]) -> List[object]:
    """Return the values of a ``Literal``, those of literals in it in their place.

    Raises:
        NoSchema: They are too many, or something else is among them.
    """
    values: List[object] = []
    waiting = list(arguments)[::-1]
    for _ in range(MOST):
        if not waiting:
            return values
        value = waiting.pop()
        if isinstance(value, Subscripted):
            waiting.extend(reversed(value.arguments))
        elif value is None or isinstance(value, (str, bytes, int, float, Member)):
            values.append(value)
        else:
            raise NoSchema
    raise NoSchema


def is_none(member: object) -> bool:
    """Tell whether *member* of a union is None."""
    return member is None or member == Symbol("types.NoneType")


def any_of(choices: Iterable[Json]) -> Json:
    """Return the schema of what fits one of *choices*, those within them included."""
    unique: List[Json] = []
    for choice in choices:
        for each in choice["anyOf"] if set(choice) == {"anyOf"} else [choice]:
            if each not in unique:
                unique.append(each)
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def common_type(values: Iterable[Any]) -> Json:
    """Return the ``type`` that all *values* have in common, if any."""
    found = {_TYPES.get(type(value)) for value in values}
    kind = found.pop() if len(found) == 1 else None
    return {} if kind is None else {"type": kind}


def has_own_title(schema: Json) -> bool:
    """Tell whether *schema* refers to a class, or to a class or null."""
    choices = schema.get("anyOf", ())
    nullable = len(choices) == 2 and choices[1] == NULL and "$ref" in choices[0]
    return "$ref" in schema or nullable


def title_of(name: str) -> str:
    """Return the title that a field called *name* gets."""
    return name.title().replace("_", " ").strip()
