"""Public names of a part that are loaded when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Callable, List, Mapping, Tuple


def hand_on(
    package: str, homes: Mapping[str, str]
) -> Tuple[Callable[[str], Any], Callable[[], List[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package.

    Args:
        package: The package's name.
        homes: Each name that it hands on, and the module that defines it. The
            modules are attributes, too.
    """

    def get(name: str) -> Any:
        names = vars(sys.modules[package])
        if f"{package}.{name}" in homes.values():
            return import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        names[name] = getattr(import_module(homes[name]), name)
        return names[name]

    def names() -> List[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names
