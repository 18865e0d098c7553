"""The options ``-p`` and ``--params``: parameters of flow runs."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Callable, Dict, Mapping, Optional

from flowpack.parameters import read_pairs


def given_parameters(
    arguments: Namespace, load_schema: Callable[[], Mapping[str, Any]]
) -> Optional[Dict[str, Any]]:
    """Return the parameters that the options give, None without such options.

    Those of ``-p`` win, and are read by the schema that *load_schema* returns.
    """
    if arguments.params is None and arguments.param is None:
        return None
    pairs = read_pairs(arguments.param, load_schema()) if arguments.param else {}
    return {**(arguments.params or {}), **pairs}
