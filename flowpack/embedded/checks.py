"""What a field of a request may hold.

A check takes a value and where it stands, and returns what is kept of it: the
reference turns ``5`` into ``"5"`` where it wants text. What does not fit raises
:class:`Invalid` with all that is wrong, in the reference's words and order.
"""

from __future__ import annotations

import enum
import json
import uuid
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

import attrs

#: Where a value stands: ``("body", "tags", 1)``.
Loc = Tuple[Union[str, int], ...]
Check = Callable[[Any, Loc], Any]
Problem = Dict[str, Any]

FORBIDDEN_IN_NAMES = ("/", "%", "&", ">", "<")

_TRUE = frozenset({1, "1", "on", "t", "true", "y", "yes"})
_FALSE = frozenset({0, "0", "off", "f", "false", "n", "no"})


class Invalid(Exception):
    """A request does not hold what it must.

    Attributes:
        problems: One for each thing that is wrong.
    """

    def __init__(self, problems: List[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


def invalid(loc: Loc, message: str, kind: str, **context: Any) -> Invalid:
    """Return the one problem of the value at *loc*."""
    problem: Problem = {"loc": list(loc), "msg": message, "type": kind}
    if context:
        problem["ctx"] = context
    return Invalid([problem])


def missing_field(loc: Loc) -> Invalid:
    """Return the problem of a field that must be there."""
    return invalid(loc, "field required", "value_error.missing")


def text(value: Any, loc: Loc) -> str:
    """Check text; numbers become text."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    raise invalid(loc, "str type expected", "type_error.str")


def blob(value: Any, loc: Loc) -> str:
    """Check the data of a document, which the reference holds as bytes."""
    if isinstance(value, (str, int, float)):
        return str(value)
    raise invalid(loc, "byte type expected", "type_error.bytes")


def name(value: Any, loc: Loc) -> str:
    """Check a name: text without the characters that paths and pages need."""
    chosen = text(value, loc)
    if any(character in chosen for character in FORBIDDEN_IN_NAMES):
        raise invalid(
            loc,
            f"Name {chosen!r} contains an invalid character. Must not contain any of: "
            f"{list(FORBIDDEN_IN_NAMES)}.",
            "value_error.invalidname",
        )
    return chosen


def boolean(value: Any, loc: Loc) -> bool:
    """Check a truth value; some numbers and words are understood."""
    folded = value.lower() if isinstance(value, str) else value
    if isinstance(folded, (str, int, float)):
        if folded in _TRUE:
            return True
        if folded in _FALSE:
            return False
    raise invalid(loc, "value could not be parsed to a boolean", "type_error.bool")


def integer(value: Any, loc: Loc) -> int:
    """Check a whole number; text is read and fractions are dropped."""
    try:
        return int(value)
    except (TypeError, ValueError):
        problem = invalid(loc, "value is not a valid integer", "type_error.integer")
        raise problem from None


def at_least(least: int) -> Check:
    """Return a check for a whole number of *least* or more."""

    def check(value: Any, loc: Loc) -> int:
        number = integer(value, loc)
        if number < least:
            raise invalid(
                loc,
                f"ensure this value is greater than or equal to {least}",
                "value_error.number.not_ge",
                limit_value=least,
            )
        return number

    return check


def identifier(value: Any, loc: Loc) -> str:
    """Check an id in any spelling that Python reads, and return the usual one."""
    try:
        if isinstance(value, str):
            return str(uuid.UUID(value))
    except ValueError:
        pass
    raise invalid(loc, "value is not a valid uuid", "type_error.uuid")


def mapping(value: Any, loc: Loc) -> Dict[str, Any]:
    """Check an object; a list of pairs counts as one."""
    try:
        items = dict(value)
    except (TypeError, ValueError):
        raise invalid(loc, "value is not a valid dict", "type_error.dict") from None
    return {
        key if isinstance(key, str) else json.dumps(key): item
        for key, item in items.items()
    }


def list_of(check: Check) -> Check:
    """Return a check for a list of what *check* takes."""

    def check_list(value: Any, loc: Loc) -> List[Any]:
        if not isinstance(value, list):
            raise invalid(loc, "value is not a valid list", "type_error.list")
        kept: List[Any] = []
        problems: List[Problem] = []
        for index, item in enumerate(value):
            try:
                kept.append(not_none(item, loc + (index,), check))
            except Invalid as exc:
                problems.extend(exc.problems)
        if problems:
            raise Invalid(problems)
        return kept

    return check_list


def one_of(*choices: str) -> Check:
    """Return a check for one of some words."""

    def check(value: Any, loc: Loc) -> str:
        if value in choices:
            return str(value)
        raise invalid(
            loc,
            "value is not a valid enumeration member; permitted: "
            + ", ".join(map(repr, choices)),
            "type_error.enum",
            enum_values=list(choices),
        )

    return check


def not_none(value: Any, loc: Loc, check: Check) -> Any:
    """Check a value that must not be null."""
    if value is None:
        message = "none is not an allowed value"
        raise invalid(loc, message, "type_error.none.not_allowed")
    return check(value, loc)


class _Absent(enum.Enum):
    REQUIRED = enum.auto()


REQUIRED = _Absent.REQUIRED


@attrs.frozen
class Field:
    """A field of an object.

    Attributes:
        check: What it may hold.
        default: What counts where it is left out; a default of None means that it
            may be null, too.
        nullable: Whether it may be null though its default is something else.
    """

    check: Check
    default: Any = REQUIRED
    nullable: bool = False

    def read(self, value: Any, loc: Loc) -> Any:
        """Check the *value* that was given."""
        if value is None and (self.default is None or self.nullable):
            return None
        return not_none(value, loc, self.check)


@attrs.frozen
class Shape:
    """A check for an object with known fields and no others.

    Attributes:
        fields: Its fields, in the order in which problems are told.
        rules: Each takes the fields that are right and returns what is wrong with
            the object as a whole, or None.
        lenient: What is no object counts as one without fields.
        partial: What is left out stays out: defaults are not filled in.
    """

    fields: Mapping[str, Field]
    rules: Tuple[Callable[[Mapping[str, Any]], Optional[str]], ...] = ()
    lenient: bool = False
    partial: bool = False

    def __call__(self, value: Any, loc: Loc) -> Dict[str, Any]:
        """Check *value*."""
        if not isinstance(value, dict):
            value = {} if self.lenient else mapping(value, loc)
        kept, problems = self._read(value, loc)
        for unknown in sorted(value.keys() - self.fields.keys()):
            problems += invalid(
                loc + (unknown,), "extra fields not permitted", "value_error.extra"
            ).problems
        for rule in self.rules:
            sentence = rule(kept)
            if sentence is not None:
                problems += invalid(
                    loc + ("__root__",), sentence, "value_error"
                ).problems
        if problems:
            raise Invalid(problems)
        return kept

    def _read(
        self, value: Mapping[str, Any], loc: Loc
    ) -> Tuple[Dict[str, Any], List[Problem]]:
        kept: Dict[str, Any] = {}
        problems: List[Problem] = []
        for key, field in self.fields.items():
            place = loc + (key,)
            try:
                if key in value:
                    kept[key] = field.read(value[key], place)
                elif field.default is REQUIRED:
                    raise missing_field(place)
                elif not self.partial:
                    kept[key] = field.default
            except Invalid as exc:
                problems += exc.problems
        return kept, problems


@attrs.frozen
class Envelope:
    """A check for a body whose parts stand beside each other.

    Here unknown keys are ignored, null is the same as nothing, and there may be no
    body at all.
    """

    parts: Mapping[str, Field]

    def __call__(self, value: Any, loc: Loc) -> Dict[str, Any]:
        """Check *value*."""
        if value is None:
            value = {}
        kept: Dict[str, Any] = {}
        problems: List[Problem] = []
        for key, part in self.parts.items():
            place = loc + (key,)
            try:
                if not isinstance(value, dict):
                    raise missing_field(place)
                given = value.get(key)
                kept[key] = part.default if given is None else part.check(given, place)
            except Invalid as exc:
                problems += exc.problems
        if problems:
            raise Invalid(problems)
        return kept
