"""``flowpack storage``: list, show and save storage blocks; choose the default."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Dict, Optional
from uuid import UUID

from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_url import parse_storage_url
from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.records import block_facts, block_type_name, is_storage
from flowpack.client import Client
from flowpack.exceptions import BlockError, FlowpackError, printable, quoted
from flowpack.models import BlockDocument


def run(arguments: Namespace) -> None:
    """Do what the second word of the command says."""
    actions = {"ls": _ls, "show": _show, "save": _save, "default": _default}
    with connect(arguments) as client:
        actions[arguments.action](arguments, client)


def find_storage(text: str, client: Client) -> BlockDocument:
    """Return the storage block that *text* means: an id, a name, TYPE-NAME/NAME.

    Raises:
        ObjectNotFound: There is none of that id or of those names.
        BlockError: No block has that name, or several have.
    """
    document_id = _uuid(text)
    if document_id is not None:
        return client.read_block_document(document_id)
    type_name, slash, name = text.rpartition("/")
    if slash:
        return client.read_block_document_by_name(name, type_name)
    found = [
        document
        for document in client.read_block_documents()
        if document.name == text and is_storage(document)
    ]
    if len(found) == 1:  # Lists come without secrets.
        return client.read_block_document(found[0].id)
    if not found:
        raise BlockError(
            f"no storage block is called {quoted(text)}; flowpack storage ls lists them"
        )
    listed = ", ".join(f"{block_type_name(each)}/{each.name}" for each in found)
    raise BlockError(
        f"{len(found)} storage blocks are called {quoted(text)}; say which:"
        f" {printable(listed)}"
    )


def _uuid(text: str) -> Optional[UUID]:
    try:
        return UUID(text)
    except ValueError:
        return None


def _ls(arguments: Namespace, client: Client) -> None:
    default = client.get_default_storage_block_document()
    rows = [
        {
            "id": document.id,
            "type": block_type_name(document),
            "name": None if document.is_anonymous else document.name,
            "default": default is not None and document.id == default.id,
        }
        for document in client.read_block_documents(anonymous=arguments.all)
        if is_storage(document)
    ]
    if arguments.json:
        output.document(rows)
    elif rows:
        headings = list(map(str.upper, rows[0]))
        output.table(headings, [list(row.values()) for row in rows])
    else:
        output.note(f"no storage blocks with a name at {client.url}")


def _show(arguments: Namespace, client: Client) -> None:
    _tell(block_facts(find_storage(arguments.storage, client)), arguments.json)


def _save(arguments: Namespace, client: Client) -> None:
    block = parse_storage_url(arguments.where, client)
    if not isinstance(block, StorageBlock):
        raise FlowpackError(
            f"{quoted(arguments.where)} is saved already; give a storage, not a block"
        )
    saved = block.save(arguments.name, client, arguments.overwrite)
    facts = {
        "id": saved.document_id,
        "type": saved.block_type_name,
        "name": arguments.name,
    }
    if arguments.json:
        output.document(facts)
    else:
        output.text(
            f"saved {printable(saved.block_type_name)}/{printable(arguments.name)}"
            f" ({saved.document_id})"
        )


def _default(arguments: Namespace, client: Client) -> None:
    document: Optional[BlockDocument] = None
    if arguments.clear:
        client.clear_default_storage_block_document()
    elif arguments.set is not None:
        document = find_storage(arguments.set, client)
        client.set_default_storage_block_document(document.id)
    else:
        document = client.get_default_storage_block_document()
    if document is not None:
        _tell(block_facts(document), arguments.json)
    elif arguments.json:
        output.document(None)
    else:
        output.note(f"no default storage at {client.url}")


def _tell(facts: Dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.document(facts)
    else:
        output.facts(output.flat(facts))
