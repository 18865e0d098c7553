"""Blocks and the default storage, as today's Prefect keeps them."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple
from uuid import UUID

from flowpack.exceptions import ObjectAlreadyExists, ObjectNotFound, WireError
from flowpack.models import UNSET, BlockDefinition, BlockDocument
from flowpack.transport import Effect, Request
from flowpack.wire.base import PAGE, Dialect, Send
from flowpack.wire.block_schemas import prefect3_schema, slug
from flowpack.wire.exchange import Json, path, request

#: Name of the variable that holds the id of the default storage.
DEFAULT_STORAGE = "flowpack_default_storage"

_SECRETS = "include_secrets=true"


class Prefect3Blocks(Dialect):
    """The part of the dialect that is about blocks."""

    def block_schema(self, definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
        """See :meth:`Dialect.block_schema`."""
        return prefect3_schema(definition)

    def echoes(self, document: BlockDocument, data: Mapping[str, Any]) -> bool:
        """See :meth:`Dialect.echoes`; answers to writes have secrets masked."""
        schema = document.block_schema
        listed = None if schema is None else schema.fields.get("secret_fields")
        names = listed if isinstance(listed, list) else ()
        secret = {str(name).partition(".")[0] for name in names}
        answered, sent = dict(document.data), dict(data)
        return all(
            answered.get(name) == sent[name] for name in sent if name not in secret
        )

    def create_block_type(self, definition: BlockDefinition) -> Request:
        """Create the type of a block class; its slug is unique."""
        body = {
            "name": definition.type_name,
            "slug": slug(definition.type_name),
            "logo_url": definition.logo_url,
            "documentation_url": definition.documentation_url,
            "description": definition.description,
            "code_example": definition.code_example,
        }
        return request("POST", "/block_types/", body, Effect.UPSERT)

    def read_block_type_by_name(self, name: str) -> Request:
        """Read a block type by its name."""
        return request("GET", path("block_types", "slug", slug(name)))

    def read_block_document(self, document_id: UUID) -> Request:
        """Read a block document by its id, secrets in clear."""
        target = path("block_documents", document_id)
        return request("GET", target, query=_SECRETS)

    def read_block_document_by_name(self, name: str, block_type_name: str) -> Request:
        """Read a block document by its name and its type's, secrets in clear."""
        segments = ("slug", slug(block_type_name), "block_documents", "name", name)
        return request("GET", path("block_types", *segments), query=_SECRETS)

    def read_block_documents(self, *, anonymous: bool, offset: int = 0) -> Request:
        """List block documents by name, one page of them."""
        body: Dict[str, Any] = {"limit": PAGE, "offset": offset}
        if not anonymous:
            body["block_documents"] = {"is_anonymous": {"eq_": False}}
        return request("POST", "/block_documents/filter", body)

    def update_block_document(
        self, document_id: UUID, data: Mapping[str, Any]
    ) -> Request:
        """Replace the data of a block document."""
        target = path("block_documents", document_id)
        body = {"data": dict(data), "merge_existing_data": False}
        return request("PATCH", target, body, Effect.UPSERT)

    # Default storage: there is none since 2.0b11, so a variable names it

    def get_default_storage(self, send: Send) -> Json:
        """See :meth:`Dialect.get_default_storage`."""
        try:
            variable = send(_variable("GET"))
            if variable is None:
                return None
            return send(self.read_block_document(UUID(variable["value"])))
        except ObjectNotFound:
            return None
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise WireError(
                f"the variable {DEFAULT_STORAGE!r} on the server names no block; set"
                " it with flowpack storage default"
            ) from exc

    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """See :meth:`Dialect.set_default_storage`."""
        send(self.read_block_document(document_id))
        body = {"name": DEFAULT_STORAGE, "value": str(document_id)}
        try:
            send(request("POST", "/variables/", body, Effect.UPSERT))
        except ObjectAlreadyExists:
            send(_variable("PATCH", {"value": str(document_id)}))

    def clear_default_storage(self, send: Send) -> None:
        """See :meth:`Dialect.clear_default_storage`."""
        try:
            send(_variable("DELETE"))
        except ObjectNotFound:
            pass


def _variable(method: str, body: Any = UNSET) -> Request:
    effect = Effect.READ if method == "GET" else Effect.UPSERT
    target = path("variables", "name", DEFAULT_STORAGE)
    return request(method, target, body, effect)
