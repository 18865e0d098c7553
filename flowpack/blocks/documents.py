"""Documents of blocks on a server: made once, found again, and given back their class.

Two that register the same at once, or an answer that was lost, make nothing twice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Iterable, Iterator, List, Mapping, Optional, Tuple, Type
from uuid import UUID

import attrs

from flowpack.blocks.definition import is_decorated
from flowpack.blocks.secrecy import without_secrets
from flowpack.exceptions import BlockError, ObjectAlreadyExists, ObjectNotFound, printable, quoted
from flowpack.models import BlockDefinition, BlockDocument, BlockSchema, BlockType, name_problem

if TYPE_CHECKING:
    from flowpack.client import Client

#: Where the block classes of the reference are, by the name of their type. They are imported
#: when a document asks for them.
BUILT_IN: Mapping[str, str] = {
    "Local Storage": "flowpack.blocks.storage:LocalStorageBlock",
    "Temporary Local Storage": "flowpack.blocks.storage:TempStorageBlock",
    "File Storage": "flowpack.blocks.storage:FileStorageBlock",
    "KV Server Storage": "flowpack.blocks.storage:KVServerStorageBlock",
    "S3 Storage": "flowpack.blocks.cloud:S3StorageBlock",
    "Google Cloud Storage": "flowpack.blocks.cloud:GoogleCloudStorageBlock",
    "Azure Blob Storage": "flowpack.blocks.cloud:AzureBlobStorageBlock",
}

#: Entry points of this group name block classes of other distributions.
GROUP = "flowpack.blocks"


# Types and schemas


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
    block_type = _ensure_type(definition, client)
    try:
        return client.create_block_schema(definition, block_type.id)
    except ObjectAlreadyExists as exc:
        conflict = exc
    try:
        return client.read_block_schema_by_checksum(checksum)
    except ObjectNotFound:
        # The server also says "conflict" where the type has gone meanwhile.
        raise conflict from None


def _ensure_type(definition: BlockDefinition, client: Client) -> BlockType:
    try:
        return client.read_block_type_by_name(definition.type_name)
    except ObjectNotFound:
        pass
    try:
        return client.create_block_type(definition)
    except ObjectAlreadyExists:
        return client.read_block_type_by_name(definition.type_name)


# Documents


def ensure_document(
    definition: BlockDefinition,
    data: Mapping[str, Any],
    client: Client,
    schema: Optional[BlockSchema] = None,
) -> UUID:
    """Return the id of the one document with these *data*, made if missing.

    Args:
        definition: The block's class.
        data: What the document holds.
        client: The server.
        schema: The class's schema there; None looks it up.

    Raises:
        BlockError: The document of that configuration has other secrets.
    """
    schema = schema or register(definition, client)
    if client.dialect.name == "orion":  # It has one anonymous document for equal content.
        return _create_or_read(None, definition, data, client, schema)[0].id
    name = _name_by_content(definition, data)
    document, is_new = _create_or_read(name, definition, data, client, schema)
    if is_new or _is_same(document, data, schema):
        return document.id
    raise BlockError(
        f"the block document {quoted(name)} holds this {definition.type_name} with other"
        " secrets. To change them call save(name, overwrite=True) on the block, or run flowpack"
        " storage save, with a name of your own"
    )


def save_document(
    definition: BlockDefinition, data: Mapping[str, Any], client: Client, name: str, overwrite: bool
) -> UUID:
    """Return the id of the document called *name*, made if missing.

    Raises:
        BlockError: The name cannot be used, or is taken by other data.
    """
    problem = name_problem(name)
    if problem is None and name.startswith("anonymous"):
        problem = f"the name {quoted(name)} is reserved: it starts with 'anonymous'"
    if problem:
        raise BlockError(problem)
    schema = register(definition, client)
    document, is_new = _create_or_read(name, definition, data, client, schema)
    if is_new or _is_same(document, data, schema):
        return document.id
    taken = f"there is a {definition.type_name} called {quoted(name)} already,"
    if document.block_schema_id != schema.id:
        raise BlockError(
            f"{taken} saved with another version of its class. Choose another name, or delete"
            " that document first"
        )
    if not overwrite:
        names, old = dict.fromkeys((*data, *document.data)), document.data
        differing = [each for each in names if old.get(each, ...) != data.get(each, ...)]
        raise BlockError(
            f"{taken} with another {', '.join(map(quoted, differing))}. Choose another name, or"
            " pass overwrite=True (--overwrite) to change it for every deployment that uses it"
        )
    client.update_block_document(document.id, data=data)
    return document.id


def _create_or_read(
    name: Optional[str],
    definition: BlockDefinition,
    data: Mapping[str, Any],
    client: Client,
    schema: BlockSchema,
) -> Tuple[BlockDocument, bool]:
    """Return the document called *name*, or the anonymous one; and whether it is new.

    The answer to a creation may mask secrets, so that data cannot be compared with it.

    Raises:
        ObjectAlreadyExists: Schema or type have gone meanwhile.
    """

    def create() -> BlockDocument:
        return client.create_block_document(
            data=data,
            block_schema_id=schema.id,
            block_type_id=schema.block_type_id,
            name=name,
            is_anonymous=name is None,
        )

    try:
        return create(), True
    except ObjectAlreadyExists as exc:
        conflict = exc
    if name is None:  # Another made it at the same time; now it is found.
        return create(), False
    try:
        return client.read_block_document_by_name(name, definition.type_name), False
    except ObjectNotFound:
        raise conflict from None


def _is_same(document: BlockDocument, data: Mapping[str, Any], schema: BlockSchema) -> bool:
    return document.block_schema_id == schema.id and dict(document.data) == dict(data)


def _name_by_content(definition: BlockDefinition, data: Mapping[str, Any]) -> str:
    """Return the name of the one document of a configuration; secrets aside."""
    from hashlib import sha256

    content = [definition.type_name, without_secrets(data, definition.secret_fields)]
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"flowpack-{digest[:16]}"


# The class of a document


@attrs.frozen
class BlockIdentity:
    """What is known of the class of a document.

    Attributes:
        document: The document's name, for messages.
        type_name: Name of the block type.
        checksum: Of the schema, as the server that has it computes it.
    """

    document: str
    type_name: str
    checksum: str

    @classmethod
    def of(cls, document: BlockDocument) -> BlockIdentity:
        """Return what *document* says of its class.

        Raises:
            BlockError: It came without its schema, or without its type.
        """
        schema = document.block_schema
        block_type = document.block_type or (schema and schema.block_type)
        name = document.name or str(document.id)
        if schema is None or not block_type:
            raise BlockError(
                f"the block document {quoted(name)} came without its schema or its type, so its"
                " class is not known"
            )
        return cls(name, block_type.name, schema.checksum)


def find_class(identity: BlockIdentity, asked: Type[Any], base: Type[Any]) -> Type[Any]:
    """Return the class that *identity* describes.

    It is looked for in the table of built-in classes, then it is *asked*, then a class alive
    in this process, then one that an entry point names. Type name and checksum must be right.

    Args:
        identity: What is known of it.
        asked: The class that the search began at; *base* for any.
        base: All block classes are below it.

    Raises:
        BlockError: There is none; the text says what to do.
    """
    failures: List[str] = []
    others: List[Type[Any]] = []
    for candidate in _candidates(identity, asked, base, failures):
        if is_of(identity, candidate):
            return candidate
        if candidate.block_type_name == identity.type_name:
            others.append(candidate)
    known = f"the block document {quoted(identity.document)} of type {quoted(identity.type_name)}"
    schema = f"schema {printable(identity.checksum)}"
    if others:
        ours = next(iter(_checksums(others[0])), "none")
        other = f"{others[0].__module__}.{others[0].__qualname__}"
        raise BlockError(
            f"{known} has {schema}, and {other} has {ours}: their fields differ. Use the class"
            " that it was saved with, or save it anew with this one"
        )
    failed = "".join(f"; {failure}" for failure in failures)
    raise BlockError(
        f"no class is known for {known} with {schema}. Import the module that defines it first,"
        f" or name it by an entry point of the group {GROUP}{failed}"
    )


def is_of(identity: BlockIdentity, cls: Type[Any]) -> bool:
    """Return True if *identity* describes *cls*, on a server of any kind."""
    same_type = cls.block_type_name == identity.type_name
    return same_type and identity.checksum in _checksums(cls)


def built_in(type_name: str) -> Optional[Type[Any]]:
    """Return flowpack's own class of a block type, or None."""
    if type_name not in BUILT_IN:
        return None
    from importlib import import_module

    module, _, name = BUILT_IN[type_name].partition(":")
    cls: Type[Any] = getattr(import_module(module), name)
    return cls


def _candidates(
    identity: BlockIdentity, asked: Type[Any], base: Type[Any], failures: List[str]
) -> Iterator[Type[Any]]:
    own = built_in(identity.type_name)
    if own is not None:
        yield own
    if _is_usable(asked):
        yield asked
    yield from _classes_alive(base)
    for entry in _entry_points():
        try:
            cls = entry.load()
        except Exception as exc:  # The code of another distribution runs here.
            failures.append(f"{entry.name} cannot be imported: {printable(exc)}")
            continue
        if isinstance(cls, type) and issubclass(cls, base) and _is_usable(cls):
            yield cls
        else:
            failures.append(f"{entry.name} is no block class")


def _is_usable(cls: Type[Any]) -> bool:
    return is_decorated(cls) and not getattr(cls, "__abstractmethods__", None)


def _classes_alive(base: Type[Any]) -> Iterator[Type[Any]]:
    """Yield the block classes of this process; of two alike the newer one first.

    Python keeps the list, and keeps no class alive for it.
    """
    for cls in reversed(base.__subclasses__()):
        yield from _classes_alive(cls)
        if _is_usable(cls):
            yield cls


def _entry_points() -> Iterable[Any]:
    from importlib.metadata import entry_points

    found: Any = entry_points()
    # Python 3.9 returns a dict.
    chosen: Iterable[Any] = (
        found.select(group=GROUP) if hasattr(found, "select") else found.get(GROUP, ())
    )
    return chosen


def _checksums(cls: Type[Any]) -> Tuple[str, ...]:
    """Return the checksums of *cls*, one for each dialect; none if it is unfit."""
    try:
        from flowpack.wire.block_schemas import prefect3_schema

        return (cls.schema_checksum(), prefect3_schema(cls.definition())[1])
    except BlockError:
        return ()
