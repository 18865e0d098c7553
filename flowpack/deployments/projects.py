"""The files of a deployment's project, read back from what is stored; nothing of them is run."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.deployments.load import SMALLEST_PROJECT, fetch_script, find_storage
from flowpack.exceptions import APIConnectionError, FlowpackError, StorageUnavailableError
from flowpack.models import Deployment, StoredObject
from flowpack.packaging.base import Content
from flowpack.projects.bundle import Bundle, is_bundle, unpack


def fetch_project(deployment: Deployment, client: Client) -> Optional[Bundle]:
    """Return the project of a deployment; None if it is a single script.

    What the server says is too short for a project is not read from the storage.

    Raises:
        ProjectError: What is stored is not as it was packaged.
        FlowpackError: See :func:`flowpack.load_flow_from_deployment`.
    """
    script = deployment.script
    if script is not None and script.size < SMALLEST_PROJECT:
        return None
    content = fetch_script(deployment, client).content
    return unpack(content) if is_bundle(content) else None


def compare_files(
    new: Mapping[str, str],
    stored: StoredObject,
    current: Deployment,
    client: Client,
    silent: List[Tuple[StorageBlock, StorageUnavailableError]],
) -> Dict[str, Any]:
    """Return how the files of a deployment's code differ from the *new* ones.

    Args:
        new: SHA-256 by path; empty for a single script.
        stored: What the deployment points at.
        silent: Storages that did not respond, which are not asked again.

    Returns:
        The kinds of code ``from`` and ``to`` (``script``, ``project``), and the paths that are
        ``added``, ``removed`` and ``changed``. Empty where both are scripts, and where the old
        files cannot be read: the digest is compared anyway.
    """
    try:
        storage = find_storage(stored, current, client)
        if any(storage == each for each, _ in silent):
            return {}
        try:
            project = fetch_project(current, client)
        except StorageUnavailableError as exc:
            if isinstance(exc.__cause__, APIConnectionError):
                silent.append((storage, exc))
            return {}
    except FlowpackError:
        return {}
    files = {} if project is None else project.files
    old = {path: Content(data).sha256 for path, data in files.items()}
    if not old and not new:
        return {}
    both = old.keys() & new.keys()
    return {
        "from": "project" if old else "script",
        "to": "project" if new else "script",
        "added": sorted(new.keys() - both),
        "removed": sorted(old.keys() - both),
        "changed": sorted(path for path in both if old[path] != new[path]),
    }
