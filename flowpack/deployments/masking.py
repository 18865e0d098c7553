"""What people may see of values that may be secret: that they are there, and that they changed."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Type

from flowpack.blocks.secret import MASK, masked_data, without_credentials
from flowpack.blocks.storage import StorageBlock
from flowpack.jsonvalues import json_copy, replaced_env
from flowpack.models import ScriptSource
from flowpack.wire.dialect import Change


def mask_change(change: Change) -> Change:
    """Return *change* as plans show it, with values that nobody else can alter.

    It is without the values of a runner's environment variables, the inputs of pull steps and
    passwords in URLs of what workers install.
    """
    mask = {
        "flow_runner": mask_env,
        "job_variables": mask_env,
        "pull_steps": _step_names,
        "pull_requires": without_credentials,
    }.get(change.field, json_copy)
    new = _mark_changed(mask(change.new), change.new, change.old)
    return Change(change.field, mask(change.old), new)


def mask_env(settings: Any) -> Any:
    """Return a runner's settings, or job variables, without the values of variables."""
    return replaced_env(settings, lambda value: MASK)


def _step_names(steps: Any) -> Any:
    if not isinstance(steps, list):
        return steps
    return [", ".join(step) if isinstance(step, Mapping) else "?" for step in steps]


def mask_source(script: ScriptSource, cls: Optional[Type[Any]]) -> Dict[str, Any]:
    """Return the data of the storage of *script*, whose class is *cls*, without secrets."""
    # Where nobody knows what is secret, all of it is.
    secret = tuple(script.storage_data) if cls is None else cls.definition().secret_fields
    return masked_data(script.storage_data, secret)


def mask_storage(storage: StorageBlock, old: Optional[StorageBlock] = None) -> Dict[str, Any]:
    """Return type and data of *storage*; secrets are masked, and marked if *old* has others."""
    shown: Dict[str, Any] = {"type": storage.block_type_name}
    if storage.document_id is not None:
        shown["document_id"] = str(storage.document_id)
    data = storage.to_document_data()
    masked = masked_data(data, storage.definition().secret_fields)
    if old is not None and old.block_type_name == storage.block_type_name:
        masked = _mark_changed(masked, data, old.to_document_data())
    return {**shown, **masked}


def _mark_changed(masked: Any, new: Any, old: Any) -> Any:
    """Return *masked*, with a mark behind each masked value of *new* that differs from *old*."""
    if isinstance(masked, Mapping) and isinstance(new, Mapping):
        before = old if isinstance(old, Mapping) else {}
        return {key: _mark_changed(masked[key], new.get(key), before.get(key)) for key in masked}
    if isinstance(masked, list) and isinstance(new, (list, tuple)):
        items = old if isinstance(old, (list, tuple)) else ()
        padded = [*items, *[None] * len(masked)]
        return [_mark_changed(*each) for each in zip(masked, new, padded)]
    is_other = masked != new and old is not None and old != new
    return f"{masked} (changed)" if is_other else masked
