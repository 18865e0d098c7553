"""What must hold after whatever happened: one helper for all tests of this folder."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

import attrs

from flowpack.client import Client
from flowpack.embedded import EmbeddedTransport
from flowpack.models import Deployment, StoredObject

#: In every secret that a test sets; must be found nowhere.
CANARY = "c4n4ry"

#: What one killed writer may leave, to be removed by the next one.
DRAFT = ".flowpack-"


@attrs.frozen(kw_only=True)
class State:
    """What an API and a storage hold, read past flowpack's own storage blocks.

    Attributes:
        flows: Names.
        documents: Data of the block documents, as text.
        pointers: Each deployment's name with what it points at.
        objects: Bytes by name, drafts included.
    """

    flows: Tuple[str, ...] = ()
    documents: Tuple[str, ...] = ()
    pointers: Tuple[Tuple[str, Optional[StoredObject]], ...] = ()
    objects: Mapping[str, bytes] = attrs.field(factory=dict, repr=False)

    @property
    def counts(self) -> Tuple[int, int, int, int]:
        """How many flows, block documents, deployments and objects there are."""
        objects = [name for name in self.objects if not name.startswith(DRAFT)]
        return (
            len(self.flows),
            len(self.documents),
            len(self.pointers),
            len(objects),
        )


def objects_in(folder: Path) -> Dict[str, bytes]:
    """Return the files of a storage folder by name; none if it is missing."""
    if not folder.is_dir():
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def state_of(database: Path, objects: Mapping[str, bytes]) -> State:
    """Return the state of an embedded API and a storage; makes no database."""
    if not database.exists():
        return State(objects=objects)
    with Client(transport=EmbeddedTransport(database)) as client:
        return State(
            flows=tuple(flow.name for flow in client.read_flows()),
            documents=tuple(
                repr(sorted(document.data.items()))
                for document in client.read_block_documents(anonymous=True)
            ),
            pointers=tuple(map(_pointer, client.read_deployments())),
            objects=objects,
        )


def _pointer(deployment: Deployment) -> Tuple[str, Optional[StoredObject]]:
    data = deployment.flow_data
    return deployment.name, None if data is None else data.stored_object


def problems(state: State, deployed: Iterable[bytes], *, drafts: int = 0) -> List[str]:
    """Return what is wrong with a state; an empty list if nothing is.

    Args:
        state: What there is.
        deployed: Every content that was ever deployed into it.
        drafts: How many temporary files of killed writers may lie there.
    """
    found = list(_object_problems(state.objects))
    contents = {_sha256(data) for data in deployed}
    for name, stored in state.pointers:
        found += _pointer_problems(name, stored, state, contents)
    for what, values in (("flows", state.flows), ("documents", state.documents)):
        twice = [value for value, count in Counter(values).items() if count > 1]
        found += [f"several {what} {value}" for value in twice]
    litter = [name for name in state.objects if name.startswith(DRAFT)]
    if len(litter) > drafts:
        found.append(f"litter: {litter}")
    return found


def _object_problems(objects: Mapping[str, bytes]) -> Iterable[str]:
    for name, data in objects.items():
        if not name.startswith(DRAFT) and _sha256(data) != name:
            yield f"the object {name} has {len(data)} bytes of another digest"


def _pointer_problems(
    name: str, stored: Optional[StoredObject], state: State, contents: Iterable[str]
) -> Iterable[str]:
    if stored is None:
        yield f"the deployment {name} points at nothing"
        return
    data = state.objects.get(os.path.basename(stored.token))
    if data is None:
        yield f"the deployment {name} points at a missing object"
    elif _sha256(data) != stored.sha256 or stored.sha256 not in contents:
        yield f"the deployment {name} points at bytes that nobody deployed"
    if stored.block_document_id is None:
        yield f"the deployment {name} names no storage"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def places_of(secret: str, folder: Path) -> List[str]:
    """Return the files below *folder* that hold *secret*, in bytes or in its name."""
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if secret in path.name
        or (path.is_file() and secret.encode() in path.read_bytes())
    ]
