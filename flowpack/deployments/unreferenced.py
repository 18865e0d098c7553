"""Objects that no deployment points at, in storages that can be listed.

Only folders of this machine can. To know them is all: nothing is deleted, for a
folder may serve several APIs, and a deploy stores its bytes first.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Iterator, List, Optional, Set, Tuple

from flowpack.blocks.documents import BlockIdentity, built_in
from flowpack.blocks.storage import StorageBlock
from flowpack.client import Client
from flowpack.connect import using
from flowpack.deployments.load import find_storage
from flowpack.exceptions import (
    APIConnectionError,
    BlockError,
    SettingsError,
    StorageError,
)
from flowpack.models import Deployment

#: Block types whose storages may be folders of this machine.
_IN_FOLDERS = ("Local Storage", "Temporary Local Storage", "File Storage")

_KEY = re.compile(r"[0-9a-f]{64}\Z")
_ANY_KEY = "0" * 64


def find_unreferenced(client: Optional[Client] = None) -> Tuple[str, ...]:
    """Return the paths of objects that no deployment of an API points at.

    It looks into folders that its deployments use or that its storage blocks name,
    for files whose names are digests as flowpack makes them. What a deploy that is
    under way has stored is among them, and what deployments of other APIs use.

    Args:
        client: None connects to what the settings say.

    Raises:
        APIError: The server could not be asked.
    """
    with using(client) as api:
        reader = api.snapshot()
        used: Set[str] = set()
        folders = set(_documented_folders(reader))
        for record in reader.read_deployments():
            place = _place(record, reader)
            if place is not None:
                used.add(place)
                folders.add(os.path.dirname(place))
    found = {path for folder in folders for path in _objects(folder)}
    return tuple(sorted(found - used))


def _place(record: Deployment, reader: Client) -> Optional[str]:
    """Return the path of a deployment's object; None if it is in no folder here."""
    try:
        stored = record.flow_data.stored_object if record.flow_data else None
        if stored is None:
            return None
        storage = find_storage(stored, record, reader)
        return _path(storage, stored.token)
    except APIConnectionError:
        raise
    except Exception:  # Verifying tells of it; users' own classes run here.
        return None


def _documented_folders(reader: Client) -> Iterator[str]:
    for document in reader.read_block_documents(anonymous=True):
        # Others' folders may be nowhere here.
        with contextlib.suppress(BlockError, SettingsError, StorageError):
            type_name = BlockIdentity.of(document).type_name
            cls = built_in(type_name) if type_name in _IN_FOLDERS else None
            if cls is not None and issubclass(cls, StorageBlock):
                storage = cls.from_data(document.data)
                token = storage.token_for(_ANY_KEY)
                path = None if token is None else _path(storage, token)
                if path is not None:
                    yield os.path.dirname(path)


def _path(storage: StorageBlock, token: str) -> Optional[str]:
    """Return where *token* leads, links in its folder resolved; None for URLs."""
    place = storage.location(token)
    if place is None or "://" in place:
        return None
    folder, name = os.path.split(place)
    return os.path.join(os.path.realpath(folder), name)


def _objects(folder: str) -> List[str]:
    try:
        with os.scandir(folder) as entries:
            return [
                entry.path
                for entry in entries
                if _KEY.match(entry.name) and entry.is_file(follow_symlinks=False)
            ]
    except OSError:
        return []  # It is not there, or not to be listed.
