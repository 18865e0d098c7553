"""Which parts of a block are secret: asked by all that shows, sends or compares one.

A path names a part by the fields and keys that lead to it: ``token``,
``login.token``, ``logins.*.token``, where ``*`` is any key and any item. A class
declares paths; what an instance holds as a secret elsewhere is *undeclared*: loaded
from a server it would be plain text, which nobody would know to be secret.
"""

from __future__ import annotations

import enum
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Tuple, Type

from flowpack._type_hints import Shape
from flowpack.blocks.fields import BlockField, class_in, fields_of, kind_of
from flowpack.blocks.secret import MASK, Secret, SecretMapping
from flowpack.urls import mask_text

Path = Tuple[str, ...]

#: Given a secret value and where it stands; returns what takes its place.
Replace = Callable[[Any, Path], Any]

#: In place of a value, it leaves nothing there.
NOTHING = object()

_ANY = "*"
_CONTAINERS = (Shape.LIST, Shape.SET, Shape.MAPPING, Shape.TUPLE)


# --- what a class declares ------------------------------------------------------


def named_fields(cls: Type[Any]) -> Tuple[str, ...]:
    """Return what *cls* and its bases name in ``secret_fields``.

    A class adds to its bases: what they keep secret is so in it too.
    """
    given = (vars(each).get("secret_fields", ()) for each in cls.__mro__)
    return tuple(dict.fromkeys(name for each in given for name in as_names(each)))


def as_names(secret_fields: Iterable[str]) -> Tuple[str, ...]:
    """Return the names; text was meant to be a tuple of one."""
    return (secret_fields,) if isinstance(secret_fields, str) else tuple(secret_fields)


def declared_paths(cls: Type[Any], base: type) -> Tuple[str, ...]:
    """Return the paths of what is secret in the blocks of *cls*, in order.

    Args:
        cls: The class.
        base: Classes below it are those of blocks.

    Raises:
        BlockError: A field's type has no counterpart in JSON.
    """
    return tuple(".".join(path) for path in _paths_in(cls, base))


def paths_below(cls: Type[Any], field: BlockField, base: type) -> Tuple[Path, ...]:
    """Return the paths of what is secret in *field* of *cls*, from its value on."""
    if field.name in named_fields(cls):
        return ((),)
    annotations = (field.type, field.annotation)
    return tuple(dict.fromkeys(path for each in annotations for path in _paths_of(each, base)))


def _paths_in(cls: Type[Any], base: type) -> Iterator[Path]:
    for field in fields_of(cls):
        for below in paths_below(cls, field, base):
            yield (field.name, *below)


def _paths_of(annotation: Any, base: type) -> Iterator[Path]:
    kind = kind_of(annotation)
    if class_in(kind, Secret):
        yield ()
    elif class_in(kind, base):
        yield from _paths_in(kind.parts[0], base)
    elif kind.shape is Shape.UNION:
        for part in kind.parts:
            yield from _paths_of(part, base)
    elif kind.shape in _CONTAINERS:
        for part in kind.parts:
            for below in _paths_of(part, base):
                yield (_ANY, *below)


def split(paths: Iterable[str]) -> Tuple[Path, ...]:
    """Return *paths*, as a definition has them, taken apart."""
    return tuple(tuple(path.split(".")) for path in paths)


# --- what an instance holds -----------------------------------------------------


def held_paths(value: Any, plain: Any, base: Type[Any]) -> Iterator[Path]:
    """Yield the paths of what *value* itself says is secret, whatever is declared.

    Args:
        value: A field's value.
        plain: The same as JSON; None where that is not known.
        base: Classes below it are those of blocks.

    Raises:
        BlockError: The class of a block in it cannot be one.
    """
    if isinstance(value, (Secret, SecretMapping)):
        yield ()
    elif isinstance(value, enum.Enum):
        yield from held_paths(value.value, plain, base)
    elif isinstance(value, base):
        # What a block holds beyond its own paths, it has refused itself.
        yield from _filled(plain, split(type(value).definition().secret_fields))
    else:
        for name, item, below in _members(value, plain):
            for path in held_paths(item, below, base):
                yield (name, *path)


def _members(value: Any, plain: Any) -> Iterator[Tuple[str, Any, Any]]:
    """Yield what a container holds: the name in a path, the item, its JSON."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            name = key.value if isinstance(key, enum.Enum) else key
            yield str(name), item, None if plain is None else plain[name]
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield _ANY, item, None if plain is None else plain[index]
    elif isinstance(value, (set, frozenset)):
        for item in value:  # As JSON they are in another order.
            yield _ANY, item, None


def _filled(plain: Any, paths: Tuple[Path, ...]) -> Iterable[Path]:
    """Return where in a block's JSON there are values at *paths*."""
    if plain is None:
        return paths
    found: List[Path] = []

    def note(value: Any, at: Path) -> None:
        if value:
            found.append(at)

    replaced(plain, paths, note)
    return found


def is_declared(path: Path, declared: Iterable[Path]) -> bool:
    """Return True if *path* leads to one of the *declared*, or into one."""
    return any(
        len(each) <= len(path) and all(mine in (_ANY, name) for mine, name in zip(each, path))
        for each in declared
    )


# --- what is shown --------------------------------------------------------------


def replaced(value: Any, paths: Iterable[Path], replace: Replace, at: Path = ()) -> Any:
    """Return *value*, with what *replace* returns at each of *paths*.

    A value that is not of the shape that a path says counts as secret as a whole.
    """
    paths = tuple(paths)
    if not paths:
        return value
    if () not in paths and isinstance(value, Mapping):
        items = {
            key: replaced(item, _below(paths, key), replace, (*at, str(key)))
            for key, item in value.items()
        }
        return {key: item for key, item in items.items() if item is not NOTHING}
    if () not in paths and isinstance(value, (list, tuple, set, frozenset)):
        below = _below(paths, _ANY)
        found = (
            replaced(item, below, replace, (*at, str(index))) for index, item in enumerate(value)
        )
        return [item for item in found if item is not NOTHING]
    return replace(value, at)


def _below(paths: Iterable[Path], name: object) -> Tuple[Path, ...]:
    return tuple(path[1:] for path in paths if path[0] in (_ANY, name))


def masked_data(data: Mapping[str, Any], secret: Iterable[str]) -> Dict[str, Any]:
    """Return a block's *data* as people may see it.

    What stands at the paths *secret* is masked, and URLs are without their credentials.
    """
    masked = replaced(data, split(secret), lambda value, at: MASK if value else value)
    return dict(without_credentials(masked))


def without_secrets(data: Mapping[str, Any], secret: Iterable[str]) -> Dict[str, Any]:
    """Return *data* without what stands at the paths *secret*."""
    return dict(replaced(data, split(secret), lambda value, at: NOTHING))


def without_credentials(value: Any) -> Any:
    """Return *value* with URLs in it shown without their credentials."""
    if isinstance(value, Mapping):
        return {key: without_credentials(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_credentials(item) for item in value]
    return mask_text(value) if isinstance(value, str) else value
