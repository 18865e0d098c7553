"""What people are shown of values that may be secret: that they are there, and that they changed.

A plan is printed, kept as a file and looked at by many.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional

from flowpack.jsonvalues import replaced_env
from flowpack.blocks.secret import MASK, masked_data, without_credentials
from flowpack.blocks.storage import StorageBlock
from flowpack.jsonvalues import json_copy
from flowpack.wire.dialect import Change

_CHANGED = "(changed)"


def mask_change(change: Change) -> Change:
    """Return *change* as people may see it, with values that nobody else can alter.

    It is without the values of a runner's environment variables, the inputs of pull steps and
    passwords in URLs of what workers install.
    """
    mask = _MASKS.get(change.field, json_copy)
    new = mark_changed(mask(change.new), change.new, change.old)
    return Change(change.field, mask(change.old), new)


def mask_env(settings: Any) -> Any:
    """Return a runner's settings, or job variables, without the values of variables."""
    return replaced_env(settings, lambda value, name: MASK)


def _step_names(steps: Any) -> Any:
    if not isinstance(steps, list):
        return steps
    return [", ".join(step) if isinstance(step, Mapping) else "?" for step in steps]


#: How the values of a field are masked, where they are not shown as they are.
_MASKS: Mapping[str, Callable[[Any], Any]] = {
    "flow_runner": mask_env,
    "pull_steps": _step_names,
    "pull_requires": without_credentials,
}


def mask_storage(storage: StorageBlock, old: Optional[StorageBlock] = None) -> Dict[str, Any]:
    """Return the type and the data of *storage*, secrets masked.

    Those that differ from what *old* holds are marked.
    """
    shown: Dict[str, Any] = {"type": storage.block_type_name}
    if storage.document_id is not None:
        shown["document_id"] = str(storage.document_id)
    data = storage.to_document_data()
    masked = masked_data(data, storage.definition().secret_fields)
    if old is not None and old.block_type_name == storage.block_type_name:
        masked = mark_changed(masked, data, old.to_document_data())
    return {**shown, **masked}


def mark_changed(masked: Any, new: Any, old: Any) -> Any:
    """Return *masked*, with a mark behind each masked value of *new* that is not as in *old*."""
    if isinstance(masked, Mapping) and isinstance(new, Mapping):
        before = old if isinstance(old, Mapping) else {}
        return {
            key: mark_changed(item, new.get(key), before.get(key)) for key, item in masked.items()
        }
    if isinstance(masked, list) and isinstance(new, (list, tuple)):
        items = old if isinstance(old, (list, tuple)) else ()
        padded = [*items, *[None] * len(masked)]
        return [mark_changed(*each) for each in zip(masked, new, padded)]
    hidden = masked != new and old is not None and old != new
    return f"{masked} {_CHANGED}" if hidden else masked
