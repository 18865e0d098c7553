"""``{{ $NAME }}`` in files of deployments, which stands for an environment variable."""

from __future__ import annotations

import os
import re
from typing import Callable, List, Mapping, Optional, Tuple

#: A placeholder as the stock client knows it, and the name in it.
_PLACEHOLDER = r"{{\s*([\w.\-\[\]$]+)\s*}}"


def fill_text(
    text: str,
    keep: Callable[[str], Optional[str]] = lambda name: None,
    environ: Mapping[str, str] = os.environ,
) -> Tuple[str, List[str]]:
    """Return *text* with the values of its environment variables, and the problems in it.

    A value is not filled in turn. *keep* returns why a placeholder of another name cannot stay as
    it is, or None.
    """
    problems: List[str] = []

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("$") and name[1:] in environ:
            return environ[name[1:]]
        problem = "is not set in the environment" if name.startswith("$") else keep(name)
        if problem:
            problems.append(f"{match[0]} {problem}")
        return match[0]

    return re.sub(_PLACEHOLDER, fill, text), problems
