"""Block types, schemas and documents on a server: looked up, made where missing.

Two that do so at once, or an answer that was lost, make nothing twice.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any, Callable, List, Mapping, Optional, Tuple
from uuid import UUID

from flowpack.blocks.secrecy import without_secrets
from flowpack.client import Client
from flowpack.exceptions import (
    APIStatusError,
    BlockError,
    ObjectAlreadyExists,
    ObjectNotFound,
    quoted,
)
from flowpack.models import (
    BlockDefinition,
    BlockDocument,
    BlockSchema,
    BlockType,
    name_problem,
)


#: Pauses between attempts to make one of a server's first documents, in seconds.
_WAITS = (0.05, 0.1, 0.2, 0.4)

#: Told the id and the data of a document that was made now.
Made = Callable[[UUID, Mapping[str, Any]], object]


def register(definition: BlockDefinition, client: Client) -> BlockSchema:
    """Return the schema of a block class, made with its type where missing.

    One request where the server has it.
    """
    checksum = client.dialect.block_schema(definition)[1]
    try:
        return client.read_block_schema_by_checksum(checksum)
    except ObjectNotFound:
        pass
    for referenced in definition.references.values():
        for each in referenced:
            register(each, client)
    block_type = _block_type(definition, client)
    try:
        return client.create_block_schema(definition, block_type.id)
    except ObjectAlreadyExists as exc:
        conflict = exc
    try:
        return client.read_block_schema_by_checksum(checksum)
    except ObjectNotFound:
        # The server also says "conflict" where the type has gone meanwhile.
        raise conflict from None


def _block_type(definition: BlockDefinition, client: Client) -> BlockType:
    try:
        return client.read_block_type_by_name(definition.type_name)
    except ObjectNotFound:
        pass
    try:
        return client.create_block_type(definition)
    except ObjectAlreadyExists:
        return client.read_block_type_by_name(definition.type_name)


def ensure_document(
    definition: BlockDefinition,
    data: Mapping[str, Any],
    client: Client,
    schema: Optional[BlockSchema] = None,
    made: Optional[Made] = None,
) -> UUID:
    """Return the id of the one document with these *data*, made if missing.

    Args:
        definition: The block's class.
        data: What the document holds.
        client: The server.
        schema: The class's schema there; None looks it up.
        made: Told of a document that was made now; the caller calls :func:`secure`
            for it later. None does so here.

    Raises:
        BlockError: The document of that configuration has other secrets.
    """
    schema = schema or register(definition, client)
    name = None
    if client.dialect.name != "orion":
        name = _name_by_content(definition, data)
    is_new, document = _create_or_read(name, definition, data, client, schema)
    if is_new:
        (made or partial(secure, client))(document.id, data)
    # 2.0b7 has one anonymous document for equal content.
    if is_new or name is None or _same(document, data, schema):
        return document.id
    raise BlockError(
        f"the block document {quoted(name)} holds this {definition.type_name} with"
        " other secrets. To change them call save(name, overwrite=True) on the"
        f" block, or run flowpack storage save, with a name of your own"
    )


def save_document(
    definition: BlockDefinition,
    data: Mapping[str, Any],
    client: Client,
    name: str,
    overwrite: bool,
) -> UUID:
    """Return the id of the document called *name*, made if missing.

    Raises:
        BlockError: The name cannot be used, or is taken by other data.
    """
    _check_name(name)
    schema = register(definition, client)
    made, document = _create_or_read(name, definition, data, client, schema)
    if made:
        secure(client, document.id, data)
    if made or _same(document, data, schema):
        return document.id
    taken = f"there is a {definition.type_name} called {quoted(name)} already,"
    if document.block_schema_id != schema.id:
        raise BlockError(
            f"{taken} saved with another version of its class. Choose another name, or"
            " delete that document first"
        )
    if not overwrite:
        differing = ", ".join(map(quoted, _differing(document.data, data)))
        raise BlockError(
            f"{taken} with another {differing}. Choose another name, or pass"
            " overwrite=True (--overwrite) to change it for every deployment that uses"
            " it"
        )
    client.update_block_document(document.id, data=data)
    return document.id


def _check_name(name: str) -> None:
    problem = name_problem(name)
    if problem is None and name.startswith("anonymous"):
        problem = f"the name {quoted(name)} is reserved: it starts with 'anonymous'"
    if problem:
        raise BlockError(problem)


def _create_or_read(
    name: Optional[str],
    definition: BlockDefinition,
    data: Mapping[str, Any],
    client: Client,
    schema: BlockSchema,
) -> Tuple[bool, BlockDocument]:
    """Return whether the document was made now, and the document.

    With its first document a new server makes its encryption key. Of several that
    come at once it refuses some, as if they were there already.

    Args:
        name: None for an anonymous one.
        definition: The block's class.
        data: What the document holds.
        client: The server.
        schema: The class's schema there.

    Raises:
        ObjectAlreadyExists: Schema or type have gone meanwhile.
    """
    ensure = partial(
        client.ensure_block_document,
        data=data,
        block_schema_id=schema.id,
        block_type_id=schema.block_type_id,
        name=name,
        is_anonymous=name is None,
    )
    try:
        document, made = ensure()
    except ObjectAlreadyExists as exc:
        conflict: APIStatusError = exc
    else:
        return made, document
    found = _find(name, definition, data, client, schema)
    if found is not None:
        return False, found
    if not _has_documents(client):
        raise conflict
    for wait in _WAITS:
        try:
            document, made = ensure()
        except APIStatusError as exc:
            if exc.status not in (409, 500):
                raise
            conflict = exc
            time.sleep(wait)
        else:
            return made, document
    raise conflict


def _find(
    name: Optional[str],
    definition: BlockDefinition,
    data: Mapping[str, Any],
    client: Client,
    schema: BlockSchema,
) -> Optional[BlockDocument]:
    """Return the document called *name*, or the anonymous one that has the data."""
    try:
        if name is not None:
            return client.read_block_document_by_name(name, definition.type_name)
        documents = client.read_block_documents(anonymous=True)
    except APIStatusError as exc:
        # In a list one may have lost its key, and not be written anew yet.
        if exc.status != (500 if name is None else 404):
            raise
        return None
    equal = (each for each in documents if each.is_anonymous)
    return next((each for each in equal if _same(each, data, schema)), None)


def _has_documents(client: Client) -> bool:
    try:
        return bool(client.read_block_documents(anonymous=True))
    except APIStatusError as exc:
        return exc.status == 500  # As in _find.


def secure(client: Client, document_id: UUID, data: Mapping[str, Any]) -> None:
    """See that a document made now can be read, and write it anew where it cannot.

    So it is where a new server has lost the key that the document was encrypted
    with: it made another one for a document that came at the same time. The later
    this is called, the surer it is.
    """
    if client.embedded:
        return
    try:
        client.read_block_document(document_id)
        return
    except APIStatusError as exc:
        if exc.status != 500:
            raise
    client.update_block_document(document_id, data=data)
    client.read_block_document(document_id)


def _same(
    document: BlockDocument, data: Mapping[str, Any], schema: BlockSchema
) -> bool:
    same_schema = document.block_schema_id == schema.id
    return same_schema and dict(document.data) == dict(data)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> List[str]:
    names = dict.fromkeys((*new, *old))
    return [name for name in names if old.get(name, ...) != new.get(name, ...)]


def _name_by_content(definition: BlockDefinition, data: Mapping[str, Any]) -> str:
    """Return the name of the one document of a configuration; secrets aside."""
    from hashlib import sha256

    content = [definition.type_name, without_secrets(data, definition.secret_fields)]
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"flowpack-{digest[:16]}"
