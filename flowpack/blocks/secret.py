"""Secret values, which ``repr``, logs and tracebacks do not show, and data without them.

Where the secrets in data are, paths say: ``token``, ``login.token``, ``logins.*.token``, where
``*`` is any key and any item. :class:`~flowpack.models.BlockDefinition` has those of a class.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import BlockArgumentError
from flowpack.jsonvalues import json_copy
from flowpack.urls import SecretText, mask_text

#: What stands for a secret wherever something is printed.
MASK = "**********"

#: In a path any key and any item.
ANY_KEY = "*"

_NOTHING = object()


class Secret(SecretText):
    """Text that is printed as asterisks. A block's field of this type is a secret one.

    Example:
        >>> from flowpack.blocks import Secret
        >>> password = Secret("s3cret")
        >>> print(password, password.get_secret_value())
        ********** s3cret
    """

    __slots__ = ()

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise BlockArgumentError(f"a secret is text, not {type(value).__name__}")
        super().__init__(value)

    def get_secret_value(self) -> str:
        """Return the text."""
        return self._text

    def __str__(self) -> str:
        return MASK


def as_secret(value: Union[str, Secret]) -> Secret:
    """Return *value*, text or a secret already, as a secret."""
    return value if isinstance(value, Secret) else Secret(value)


def as_optional_secret(value: Union[str, Secret, None]) -> Optional[Secret]:
    """Return *value* as a secret; None stays None."""
    return None if value is None else as_secret(value)


class SecretMapping(HidesLocals, Mapping[str, Any]):
    """A read-only mapping whose values are not shown. ``attrs.asdict`` leaves what is no dict."""

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
    """A dict whose ``repr`` shows no value; tracebacks with local variables call it."""

    def __repr__(self) -> str:
        return f"<{', '.join(map(repr, self)) or 'no fields'}>"


def masked_data(data: Mapping[str, Any], secret: Iterable[str]) -> Dict[str, Any]:
    """Return a block's *data* with secrets masked, and URLs without their credentials."""
    return dict(without_credentials(mask_secrets(data, secret)))


def mask_secrets(data: Mapping[str, Any], secret: Iterable[str]) -> Dict[str, Any]:
    """Return *data* with what stands at the paths *secret* masked; empty values stay."""
    paths = [path.split(".") for path in secret]
    return dict(_replace(data, paths, lambda value: MASK if value else value))


def without_secrets(data: Mapping[str, Any], secret: Iterable[str]) -> Dict[str, Any]:
    """Return *data* without what stands at the paths *secret*."""
    paths = [path.split(".") for path in secret]
    return dict(_replace(data, paths, lambda _: _NOTHING))


def _replace(value: Any, paths: List[List[str]], replace: Callable[[Any], Any]) -> Any:
    """Return *value* with what *replace* returns at each of *paths*.

    A value that is not of the shape that a path needs counts as secret as a whole.
    """
    if not paths:
        return value

    def replace_below(item: Any, key: object) -> Any:
        below = [path[1:] for path in paths if path[0] in (ANY_KEY, key)]
        return _replace(item, below, replace)

    if [] not in paths and isinstance(value, Mapping):
        items = {key: replace_below(item, key) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not _NOTHING}
    if [] not in paths and isinstance(value, (list, tuple)):
        found = (replace_below(item, ANY_KEY) for item in value)
        return [item for item in found if item is not _NOTHING]
    return replace(value)


def without_credentials(value: Any) -> Any:
    """Return *value* with URLs in it shown without their credentials."""
    return map_texts(value, mask_text)


def map_texts(value: Any, function: Callable[[str], str]) -> Any:
    """Return a copy of the JSON *value* with the result of *function* for each text."""
    return json_copy(value, lambda leaf: function(leaf) if isinstance(leaf, str) else leaf)
