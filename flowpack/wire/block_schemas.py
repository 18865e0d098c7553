"""Fields and checksum of a block class, as each generation of servers has them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Dict, Mapping, Tuple

from flowpack.models import BlockDefinition


def orion_schema(definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
    """Return ``fields`` and checksum of a block class as 2.0b7 knows it."""
    fields: Dict[str, Any] = dict(definition.fields)
    fields["block_type_name"] = definition.type_name
    fields["block_schema_references"] = {
        field: _one_or_many([_reference(each) for each in definitions])
        for field, definitions in definition.references.items()
    }
    return fields, orion_checksum(fields)


def _reference(definition: BlockDefinition) -> Dict[str, str]:
    return {
        "block_type_name": definition.type_name,
        "block_schema_checksum": orion_schema(definition)[1],
    }


def _one_or_many(items: Any) -> Any:
    return items[0] if len(items) == 1 else items


def orion_checksum(fields: Mapping[str, Any]) -> str:
    """Return the checksum by which the server knows a schema with *fields*.

    References:
        Prefect 2.0b7: the digest of ``[[fields], {}]`` as JSON with sorted keys,
        where descriptions and definitions do not count.
    """
    content = json.dumps([[_without_prose(fields)], {}], sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def _without_prose(value: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        key: _without_prose(item) if isinstance(item, dict) else item
        for key, item in value.items()
        if key not in ("description", "definitions")
    }


def prefect3_schema(definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
    """Return ``fields`` and checksum of a block class as 2.10.14 and later know it."""
    fields: Dict[str, Any] = dict(definition.fields)
    fields["block_type_slug"] = slug(definition.type_name)
    fields["block_schema_references"] = {
        field: _one_or_many(
            [
                {
                    "block_type_slug": slug(each.type_name),
                    "block_schema_checksum": prefect3_schema(each)[1],
                }
                for each in definitions
            ]
        )
        for field, definitions in definition.references.items()
    }
    properties = fields.get("properties", {})
    # Servers mask text only: a secret mapping is told by what is in it.
    fields["secret_fields"] = [
        f"{name}.*" if properties.get(name, {}).get("type") == "object" else name
        for name in definition.secret_fields
    ]
    return fields, _digest_of(_without(fields, "secret_fields"))


def slug(name: str) -> str:
    """Return the slug of a block type's name: lower case, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _digest_of(fields: Mapping[str, Any]) -> str:
    """Return the checksum of a schema's fields."""
    content = json.dumps([[fields], {}], sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def _without(value: Any, name: str) -> Any:
    """Return *value* without the key *name*, wherever an object has it."""
    if isinstance(value, dict):
        return {key: _without(item, name) for key, item in value.items() if key != name}
    return value
