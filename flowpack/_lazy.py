"""Public names of a package that are loaded when they are first used (PEP 562)."""

from __future__ import annotations

import sys

# True for type checkers; importing it from typing costs more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, Callable, List, Mapping, Tuple


def hand_on(
    package: str, names: Mapping[str, str]
) -> Tuple[Callable[[str], Any], Callable[[], List[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package.

    *names* has those of each module, with spaces between; modules below the package are
    attributes, too.
    """
    homes = {name: home for home, listed in names.items() for name in listed.split()}
    below = f"{package}."
    own = [home[len(below) :] for home in names if home.startswith(below)]
    modules = {home.partition(".")[0] for home in own}

    def get(name: str) -> Any:
        if name not in homes and name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        if name not in homes:
            return import_module(below + name)
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> List[str]:
        return sorted({*vars(sys.modules[package]), *homes, *modules})

    return get, list_names
