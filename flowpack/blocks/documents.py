"""Documents of blocks on a server: made once, found again, and given back their class.

Two that register the same at once, or an answer that was lost, make nothing twice.
"""

from __future__ import annotations

import json
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
    Type,
)
from uuid import UUID

from flowpack.blocks.definition import define, is_decorated
from flowpack.blocks.secret import without_secrets
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


def ensure_document(block: Any, client: Client, schema: Optional[BlockSchema] = None) -> UUID:
    """Return the id of the one document that holds *block*, made if missing.

    Args:
        block: What it holds.
        client: The server.
        schema: The class's schema there; None looks it up.

    Raises:
        BlockError: The document of that configuration has other secrets.
    """
    schema = schema or register(block.definition(), client)
    name = None
    if client.dialect.name != "orion":  # That has one anonymous document for equal content.
        name = _name_by_content(block)
    document, is_new = _create_or_read(name, block, client, schema)
    difference = None if is_new or name is None else describe_difference(document, block)
    if difference is not None:
        raise BlockError(
            f"there is a {block.block_type_name} called {quoted(name)} already, {difference}."
            " Save this one under a name of your own, with block.save(name) or flowpack storage"
            " save, and use that"
        )
    return document.id


def save_document(block: Any, client: Client, name: str, overwrite: bool) -> UUID:
    """Return the id of the document called *name* that holds *block*, made if missing.

    Raises:
        BlockError: The name cannot be used, or is taken by other data.
    """
    problem = name_problem(name)
    if problem is None and name.startswith("anonymous"):
        problem = f"the name {quoted(name)} is reserved: it starts with 'anonymous'"
    if problem:
        raise BlockError(problem)
    schema = register(block.definition(), client)
    document, is_new = _create_or_read(name, block, client, schema)
    difference = None if is_new else describe_difference(document, block)
    if difference is None:
        return document.id
    is_same_class = fits(document, type(block))
    if not overwrite or not is_same_class:
        change = "pass overwrite=True (--overwrite) to change it for every deployment that uses it"
        raise BlockError(
            f"there is a {block.block_type_name} called {quoted(name)} already, {difference}."
            f" Choose another name, or {change if is_same_class else 'delete that document first'}"
        )
    client.update_block_document(document.id, data=block.to_document_data())
    return document.id


def _create_or_read(
    name: Optional[str], block: Any, client: Client, schema: BlockSchema
) -> Tuple[BlockDocument, bool]:
    """Return the document called *name*, or the anonymous one; and whether it is new.

    The response to a creation may mask secrets, so that data cannot be compared with it.

    Raises:
        ObjectAlreadyExists: Schema or type have gone meanwhile.
    """

    def create() -> BlockDocument:
        return client.create_block_document(
            data=block.to_document_data(),
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
        return client.read_block_document_by_name(name, block.block_type_name), False
    except ObjectNotFound:
        raise conflict from None


def _name_by_content(block: Any) -> str:
    """Return the name of the one document of a configuration; secrets aside."""
    from hashlib import sha256

    public = without_secrets(block.to_document_data(), block.definition().secret_fields)
    content = json.dumps([block.block_type_name, public], sort_keys=True)
    return f"flowpack-{sha256(content.encode()).hexdigest()[:16]}"


def describe_difference(document: BlockDocument, block: Any) -> Optional[str]:
    """Return in which fields *document* differs from what *block* holds; None for none.

    Others leave fields out that have a default, and write paths in other ways.
    """
    if not fits(document, type(block)):
        return "of another version of its class"
    data, found = block.to_document_data(), dict(document.data)
    if found == data:
        return None
    try:
        found = type(block).from_data(found).to_document_data()
    except BlockError:
        pass  # Then the fields are compared as they are.
    names = dict.fromkeys((*data, *found))
    differing = [quoted(name) for name in names if found.get(name, ...) != data.get(name, ...)]
    return f"with another {', '.join(differing)}" if differing else None


# The class of a document


def identify(document: BlockDocument) -> Tuple[str, BlockSchema]:
    """Return the name of a document's block type, and its schema.

    Raises:
        BlockError: It came without its schema, or without its type.
    """
    schema = document.block_schema
    block_type = document.block_type or (schema and schema.block_type)
    if schema is None or not block_type:
        raise BlockError(
            f"the block document {quoted(document.name or str(document.id))} came without its"
            " schema or its type, so its class is not known"
        )
    return block_type.name, schema


def fits(document: BlockDocument, cls: Type[Any]) -> bool:
    """Return True if *document* is of the type of *cls* and has its fields.

    Texts and defaults of fields may differ, which some servers count in a schema's checksum.
    """
    type_name, schema = identify(document)
    try:
        own = define(cls)
    except BlockError:
        return False
    return own.type_name == type_name and _types_in(own.fields) == _types_in(schema.fields)


def _types_in(schema: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the types of a schema's fields, without what is only shown or filled in."""

    def reduced(value: Any) -> Any:
        if isinstance(value, list):
            return [reduced(item) for item in value]
        if not isinstance(value, dict):
            return value
        for each in value.get("allOf", ()):  # Stands around a reference that has a text.
            value = {**value, **each}
        return {
            key: reduced(item)
            for key, item in value.items()
            if key not in ("title", "description", "default", "allOf")
        }

    return {name: reduced(field) for name, field in schema.get("properties", {}).items()}


def find_class(document: BlockDocument, asked: Type[Any], base: Type[Any]) -> Type[Any]:
    """Return the class of *document*.

    It is looked for in the table of built-in classes, then it is *asked*, then a class alive
    in this process, then one that an entry point names. Type name and fields must be right.

    Args:
        document: The document.
        asked: The class that the search began at; *base* for any.
        base: All block classes are below it.

    Raises:
        BlockError: There is none; the text says what to do.
    """
    type_name, schema = identify(document)
    failures: List[str] = []
    others: List[Type[Any]] = []
    for candidate in _candidates(type_name, asked, base, failures):
        if fits(document, candidate):
            return candidate
        if candidate.block_type_name == type_name:
            others.append(candidate)
    name = quoted(document.name or str(document.id))
    if others:
        raise BlockError(
            f"the block document {name} of type {quoted(type_name)} has other fields than"
            f" {others[0].__module__}.{others[0].__qualname__}. Use the class that it was saved"
            " with, or save it anew with this one"
        )
    failed = "".join(f"; {failure}" for failure in failures)
    raise BlockError(
        f"no class is known for the block document {name} of type {quoted(type_name)} with schema"
        f" {printable(schema.checksum)}. Import the module that defines it first, or name it by an"
        f" entry point of the group {GROUP}{failed}"
    )


def built_in(type_name: str) -> Optional[Type[Any]]:
    """Return flowpack's own class of a block type, or None."""
    if type_name not in BUILT_IN:
        return None
    from importlib import import_module

    module, _, name = BUILT_IN[type_name].partition(":")
    cls: Type[Any] = getattr(import_module(module), name)
    return cls


def _candidates(
    type_name: str, asked: Type[Any], base: Type[Any], failures: List[str]
) -> Iterator[Type[Any]]:
    own = built_in(type_name)
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
