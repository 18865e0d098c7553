"""The script of a project, whose names can be followed into the project's other modules."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

import attrs

from flowpack.analysis.modules import Modules
from flowpack.analysis.script import Script


def link(
    script: Script, module: str, files: Mapping[str, bytes], search_paths: Sequence[str]
) -> Script:
    """Return *script*, which is the *module* of a project, with what the others define.

    Args:
        files: Content by path, relative to the root.
        search_paths: The folders in which modules are searched, relative to the root.
    """

    def find(name: str) -> Optional[Script]:
        if name == module:
            return linked
        end = name.replace(".", "/")
        for base in search_paths:
            for path in (f"{base}/{end}/__init__.py", f"{base}/{end}.py"):
                content = files.get(path.lstrip("/"))
                if content is not None:
                    return Script(content, path.lstrip("/"), module=name, resolve=modules)
        return None

    modules = Modules(find)
    linked = attrs.evolve(script, module=module, resolve=modules)
    return linked
