"""How the files of a project differ from those of the deployment as it is; nothing is run."""

from __future__ import annotations

from typing import Any, Callable, ContextManager, Dict

from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.deployments.load import SMALLEST_PROJECT, FetchedScript, fetch_script, find_storage
from flowpack.exceptions import FlowpackError
from flowpack.models import Deployment, StoredObject
from flowpack.packaging.base import Content


def compare_files(
    content: Content,
    stored: StoredObject,
    current: Deployment,
    client: Client,
    reading: Callable[[StorageBlock], ContextManager[None]],
) -> Dict[str, Any]:
    """Return ``files`` of an :class:`~flowpack.Action` that replaces what is *stored*.

    For *reading* see ``PlanState``.
    """
    new = FetchedScript(content.data, "", True, "").project()
    old = None
    # What the server knows to be too short for a project is not read.
    if current.script is None or current.script.size >= SMALLEST_PROJECT:
        try:
            with reading(find_storage(stored, current, client)):
                old = fetch_script(current, client).project()
        except FlowpackError:
            return {}
    if old is None and new is None:
        return {}
    before, after = (each.files if each else {} for each in (old, new))
    both = before.keys() & after.keys()
    return {
        "from": "script" if old is None else "project",
        "to": "script" if new is None else "project",
        "added": sorted(after.keys() - both),
        "removed": sorted(before.keys() - both),
        "changed": sorted(path for path in both if before[path] != after[path]),
    }
