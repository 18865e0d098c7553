"""``flowpack storage``: list, show and save storage blocks; set the default."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from typing import Any, Dict, Optional
from uuid import UUID

from flowpack.blocks.block import Block
from flowpack.blocks.secret import MASK, masked_data
from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_url import parse_storage_url
from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.client import Client
from flowpack.exceptions import BlockError, FlowpackError, printable, quoted
from flowpack.models import BlockDocument


def ls(arguments: Namespace) -> None:
    """List storage blocks."""
    with connect(arguments) as client:
        default = client.get_default_storage_block_document()
        documents = client.read_block_documents(anonymous=arguments.all)
        url = client.url
    rows = [
        {**_identity(each), "default": default is not None and each.id == default.id}
        for each in documents
        if _is_storage(each)
    ]
    lines = output.table(("ID", "TYPE", "NAME", "DEFAULT"), [list(row.values()) for row in rows])
    nothing = f"no storage blocks with a name at {url}"
    output.result(rows, lines, as_json=arguments.json, if_empty=nothing)


def show(arguments: Namespace) -> None:
    """Show a storage block, its secrets masked."""
    with connect(arguments) as client:
        facts = block_facts(find_storage(arguments.storage, client))
    output.result(facts, output.facts(facts), as_json=arguments.json)


def save(arguments: Namespace) -> None:
    """Save a storage block under a name."""
    block = parse_storage_url(arguments.where)
    if not isinstance(block, StorageBlock):
        where = quoted(arguments.where)
        raise FlowpackError(f"{where} is saved already; give a storage, not a block")
    with connect(arguments) as client:
        saved = block.save(arguments.name, client, arguments.overwrite)
    facts = {"id": saved.document_id, "type": saved.block_type_name, "name": arguments.name}
    full_name = f"{printable(saved.block_type_name)}/{printable(arguments.name)}"
    line = f"saved {full_name} ({saved.document_id})"
    output.result(facts, [line], as_json=arguments.json)


def default(arguments: Namespace) -> None:
    """Show, set or clear the server's default storage."""
    document: Optional[BlockDocument] = None
    with connect(arguments) as client:
        if arguments.clear:
            client.clear_default_storage_block_document()
        elif arguments.set is not None:
            document = find_storage(arguments.set, client)
            client.set_default_storage_block_document(document.id)
        else:
            document = client.get_default_storage_block_document()
        url = client.url
    facts = None if document is None else block_facts(document)
    lines, nothing = output.facts(facts or {}), f"no default storage at {url}"
    output.result(facts, lines, as_json=arguments.json, if_empty=nothing)


def find_storage(text: str, client: Client) -> BlockDocument:
    """Return the storage block that *text* means: an id, a name, TYPE-NAME/NAME."""
    document_id: Optional[UUID] = None
    with suppress(ValueError):
        document_id = UUID(text)
    if document_id is not None:
        return client.read_block_document(document_id)
    type_name, slash, name = text.rpartition("/")
    if slash:
        return client.read_block_document_by_name(name, type_name)
    documents = [each for each in client.read_block_documents() if each.name == text]
    documents = list(filter(_is_storage, documents))
    if len(documents) == 1:  # Lists come without secrets.
        return client.read_block_document(documents[0].id)
    called = f"called {quoted(text)}"
    if not documents:
        raise BlockError(f"no storage block is {called}; flowpack storage ls lists them")
    listed = printable(", ".join(f"{_type_name(each)}/{each.name}" for each in documents))
    raise BlockError(f"{len(documents)} storage blocks are {called}; give one of {listed}")


def block_facts(document: BlockDocument) -> Dict[str, Any]:
    """Return what is shown of a block document; secrets are masked.

    Which fields are secret only the class knows: without it no value is shown.
    """
    data = dict.fromkeys(document.data, MASK)
    with suppress(BlockError):
        secret = Block.from_document(document).definition().secret_fields
        data = masked_data(document.data, secret)
    return {**_identity(document), "data": data}


def _identity(document: BlockDocument) -> Dict[str, Any]:
    name = None if document.is_anonymous else document.name
    return {"id": document.id, "type": _type_name(document), "name": name}


def _type_name(document: BlockDocument) -> Optional[str]:
    schema = document.block_schema
    block_type = document.block_type or (schema.block_type if schema else None)
    return block_type.name if block_type else None


def _is_storage(document: BlockDocument) -> bool:
    schema = document.block_schema
    return schema is not None and "storage" in schema.capabilities
