"""What a plan shows of values that may be secret: that they are, and that they moved.

A plan is printed, kept as a file and looked at by many. Of a secret value it says a
short digest, so that two plans of other values are not equal. A digest of eight
digits gives no value away; still, a guess can be held against it, so it is made slow
to compute.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Callable, Dict, Iterable, Mapping

from flowpack.jsonvalues import replaced_env
from flowpack.blocks.secrecy import Path, replaced, split
from flowpack.blocks.secret import MASK
from flowpack.blocks.storage import StorageBlock
from flowpack.jsonvalues import json_copy
from flowpack.urls import mask_text
from flowpack.wire.base import Change

_ROUNDS = 10_000


def masked(change: Change) -> Change:
    """Return *change* for others to see, with values that nobody else can alter.

    Without the values of a runner's environment variables, and of pull steps, and
    without passwords in URLs of what workers install.
    """
    shown = _SHOWN.get(change.field, json_copy)
    return Change(change.field, shown(change.old), shown(change.new))


def _step_names(steps: Any) -> Any:
    """Return the names of pull steps, each with a digest of its inputs."""
    if not isinstance(steps, list):
        return steps
    return [
        f"{name} {_digest(inputs, name)}"
        for step in steps
        for name, inputs in (step if isinstance(step, Mapping) else {"?": step}).items()
    ]


def mask(value: Any, key: str) -> str:
    """Return asterisks, and a digest by which other values under *key* differ."""
    return f"{MASK} {_digest(value, key)}"


def _digest(value: Any, key: str) -> str:
    content = json.dumps(value, sort_keys=True).encode()
    salt = f"flowpack plan {key}".encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha256", content, salt, _ROUNDS, 4).hex()


#: How the values of a field are shown, where they are not shown as they are.
_SHOWN: Mapping[str, Callable[[Any], Any]] = {
    "flow_runner": lambda value: replaced_env(value, mask),
    "pull_steps": _step_names,
    "pull_requires": lambda value: _addresses(value, ("pull_requires",)),
}


def shown_storage(storage: StorageBlock) -> Dict[str, Any]:
    """Return what a plan says of a storage: its type and data, secrets masked."""
    shown: Dict[str, Any] = {"type": storage.block_type_name}
    if storage.document_id is not None:
        shown["document_id"] = str(storage.document_id)
    secret = storage.definition().secret_fields
    return {**shown, **shown_data(storage.to_document_data(), secret)}


def shown_data(data: Mapping[str, Any], secret: Iterable[str]) -> Dict[str, Any]:
    """Return what a plan says of a block's *data*, masked at the paths *secret*."""
    told = replaced(data, split(secret), _mark)
    return {key: _addresses(value, (key,)) for key, value in told.items()}


def _mark(value: Any, at: Path) -> Any:
    return mask(value, ".".join(at)) if value else value


def _addresses(value: Any, at: Path) -> Any:
    """Return *value* with a mask behind each URL that cannot be shown in full."""
    if isinstance(value, Mapping):
        return {key: _addresses(item, (*at, key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_addresses(item, at) for item in value]
    shown = mask_text(value) if isinstance(value, str) else value
    return shown if shown == value else f"{shown} {mask(value, '.'.join(at))}"
