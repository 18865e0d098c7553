"""Values that are not shown: not by ``repr``, ``str``, logs or tracebacks."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import BlockArgumentError

#: What stands for a secret wherever something is printed.
MASK = "**********"


class Secret(HidesLocals):
    """Text that nobody should read by accident.

    Printed it is asterisks; :meth:`get_secret_value` gives the text. As the annotation of a
    block's field it makes that field a secret one.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise BlockArgumentError(f"a secret is text, not {type(value).__name__}")
        self._value = value

    def get_secret_value(self) -> str:
        """Return the text."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Secret):
            return self._value == other._value
        return NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> Tuple[Any, ...]:
        return Secret, (self._value,)


def as_secret(value: object) -> Secret:
    """Return *value*, text or a secret already, as a secret."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise BlockArgumentError(f"expected text, not {type(value).__name__}")
    return Secret(value)


def as_optional_secret(value: object) -> Optional[Secret]:
    """Return *value* as a secret; None stays None."""
    return None if value is None else as_secret(value)


class SecretMapping(HidesLocals, Mapping[str, Any]):
    """A mapping that cannot be changed and whose values are not shown.

    It is no dict, so ``attrs.asdict`` leaves it as it is.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items: Dict[str, Any] = dict(items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        shown = ", ".join(f"{key!r}: '{MASK}'" for key in self._items)
        return f"SecretMapping({{{shown}}})"

    def __reduce__(self) -> Tuple[Any, ...]:
        return SecretMapping, (self._items,)


class HiddenData(Dict[str, Any]):
    """A plain dict but for its ``repr``, which shows the keys and no value.

    Tracebacks that show local variables call ``repr``.
    """

    def __repr__(self) -> str:
        return f"<{', '.join(map(repr, self)) or 'no fields'}>"
