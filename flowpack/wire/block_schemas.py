"""Fields and checksum of a block class, as each generation of servers has them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Callable, Collection, Dict, Mapping, Tuple

from flowpack.models import BlockDefinition


def orion_schema(definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
    """Return ``fields`` and checksum of a block class as 2.0b7 knows it."""
    fields: Dict[str, Any] = dict(definition.fields)
    fields["block_type_name"] = definition.type_name
    fields["block_schema_references"] = _references(
        definition,
        lambda each: {
            "block_type_name": each.type_name,
            "block_schema_checksum": orion_schema(each)[1],
        },
    )
    return fields, orion_checksum(fields)


def orion_checksum(fields: Mapping[str, Any]) -> str:
    """Return the checksum by which the server knows a schema with *fields*."""
    return _checksum(fields, without=("description", "definitions"))


def prefect3_schema(definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
    """Return ``fields`` and checksum of a block class as 2.10.14 and later know it."""
    fields: Dict[str, Any] = dict(definition.fields)
    fields["block_type_slug"] = slug(definition.type_name)
    fields["block_schema_references"] = _references(
        definition,
        lambda each: {
            "block_type_slug": slug(each.type_name),
            "block_schema_checksum": prefect3_schema(each)[1],
        },
    )
    properties = fields.get("properties", {})
    # Servers mask text only: a secret mapping is told by what is in it.
    fields["secret_fields"] = [
        f"{name}.*" if properties.get(name, {}).get("type") == "object" else name
        for name in definition.secret_fields
    ]
    return fields, _checksum(fields, without=("secret_fields",))


def slug(name: str) -> str:
    """Return the slug of a block type's name: lower case, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _references(
    definition: BlockDefinition, reference: Callable[[BlockDefinition], Dict[str, str]]
) -> Dict[str, Any]:
    """Return the *reference* to the block in each field that is one, or a list of them."""
    found = {field: list(map(reference, each)) for field, each in definition.references.items()}
    return {field: each[0] if len(each) == 1 else each for field, each in found.items()}


def _checksum(fields: Mapping[str, Any], without: Collection[str]) -> str:
    """Return the checksum of a schema; keys called as in *without* do not count.

    References:
        Prefect 2.0b7 to 3.x: the digest of ``[[fields], {}]`` as JSON with sorted keys.
    """

    def reduced(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {key: reduced(item) for key, item in value.items() if key not in without}

    content = json.dumps([[reduced(fields)], {}], sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()
