"""Records that most tests of the contract begin with, each with a name of its own."""

from __future__ import annotations

import uuid
from typing import Any

from flowpack.client import Client
from flowpack.models import BlockDefinition, DataDocument, DeploymentCreate


def unique(prefix: str) -> str:
    """Return a name that no other test, and no other run of it, uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def new_deployment(client: Client, **fields: Any) -> DeploymentCreate:
    """Return what creates a deployment, of a flow of its own unless one is given."""
    given = {
        "name": unique("deployment"),
        "flow_data": DataDocument.encode("text", "x"),
        **fields,
    }
    flow_id = given.pop("flow_id", None) or client.create_flow(unique("flow"))
    return DeploymentCreate(flow_id=flow_id, **given)


def deployment(client: Client, **fields: Any) -> Any:
    """Create a deployment."""
    new = new_deployment(client, **fields)
    return client.read_deployment(client.create_deployment(new))


def definition(**fields: Any) -> BlockDefinition:
    """Return the definition of a block class that can store."""
    name = unique("Type")
    schema = {"title": name, "type": "object", "properties": {"x": {"title": "X"}}}
    given = {"type_name": name, "fields": schema, "capabilities": ("storage",), **fields}
    return BlockDefinition(**given)


def block_schema(client: Client, **fields: Any) -> Any:
    """Create the schema of a block class, and its type."""
    new = definition(**fields)
    return client.create_block_schema(new, client.create_block_type(new).id)


def block_document(client: Client, schema: Any, **fields: Any) -> Any:
    """Create a block document."""
    return client.create_block_document(
        block_schema_id=schema.id,
        block_type_id=schema.block_type_id,
        **{"name": unique("document"), "data": {}, **fields},
    )
