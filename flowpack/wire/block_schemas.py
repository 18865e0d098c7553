"""Fields and checksum of a block class, as each generation of servers has them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Callable, Collection, Dict, Mapping, Tuple

from flowpack.models import BlockDefinition

#: The ``fields`` of a block class and their checksum.
Schema = Tuple[Dict[str, Any], str]


def orion_schema(definition: BlockDefinition) -> Schema:
    """Return ``fields`` and checksum of a block class as 2.0b7 knows it."""
    fields = {
        **definition.fields,
        "block_type_name": definition.type_name,
        "block_schema_references": _references(definition, "block_type_name", orion_schema),
    }
    return fields, orion_checksum(fields)


def orion_checksum(fields: Mapping[str, Any]) -> str:
    """Return the checksum by which the server knows a schema with *fields*."""
    return _checksum(fields, without=("description", "definitions"))


def prefect3_schema(definition: BlockDefinition) -> Schema:
    """Return ``fields`` and checksum of a block class as 2.10.14 and later know it."""
    properties = definition.fields.get("properties", {})
    fields = {
        **definition.fields,
        "block_type_slug": slug(definition.type_name),
        "block_schema_references": _references(definition, "block_type_slug", prefect3_schema),
        # Servers mask text only: a secret mapping is named by what is in it.
        "secret_fields": [
            f"{name}.*" if properties.get(name, {}).get("type") == "object" else name
            for name in definition.secret_fields
        ],
    }
    return fields, _checksum(fields, without=("secret_fields",))


def slug(name: str) -> str:
    """Return the slug of a block type's name: lower case, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _references(
    definition: BlockDefinition, key: str, schema: Callable[[BlockDefinition], Schema]
) -> Dict[str, Any]:
    """Return the reference of each field that is a block, or a list for a choice."""
    found: Dict[str, Any] = {}
    for field, blocks in definition.references.items():
        schemas = map(schema, blocks)
        each = [{key: fields[key], "block_schema_checksum": digest} for fields, digest in schemas]
        found[field] = each[0] if len(each) == 1 else each
    return found


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
