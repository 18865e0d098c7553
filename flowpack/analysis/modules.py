"""The modules of a project, as far as their sources say."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Callable, Dict, List, Optional

from flowpack.analysis.scopes import read_module
from flowpack.analysis.script import Script
from flowpack.analysis.values import Scope
from flowpack.exceptions import DiscoveryError

#: Modules that are read for each other, one within the other; more would overflow the stack.
_DEEPEST = 30


class Modules:
    """Gives the scope of a module of a project by its dotted name, each read once, when asked.

    It is the *resolve* of the project's scripts. *find* returns the script of a module, with its
    ``module``, by the absolute name; None outside of the project. For the deployed script it
    returns that script, so that classes are the same wherever they are seen from.
    """

    def __init__(self, find: Callable[[str], Optional[Script]]) -> None:
        self._find = find
        self._scopes: Dict[str, Optional[Scope]] = {}
        self._reading: List[str] = []
        self._lock = threading.RLock()

    def __call__(self, name: str) -> Optional[Scope]:
        """Return the scope of the module *name*; None if it is not in the project.

        None, too, for one that cannot be read, or is just being read: one that leads back to
        itself when it is used is not known there.
        """
        with self._lock:
            if name not in self._scopes and len(self._reading) < _DEEPEST:
                self._scopes[name] = None
                script = self._find(name)
                if script is not None:
                    self._reading.append(name)
                    with suppress(DiscoveryError):
                        tree, package = script.tree, script.package
                        self._scopes[name] = read_module(tree, package=package, resolve=self)
                    self._reading.pop()
            return self._scopes.get(name)
