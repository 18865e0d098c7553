"""Documents of blocks on a server: made once, found again, and given back their class.

Two that register the same at once, or a response that was lost, make nothing twice.
"""

from __future__ import annotations

import inspect
import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, Mapping, Optional, Tuple, TypeVar

from flowpack.blocks.definition import define
from flowpack.blocks.secret import without_secrets
from flowpack.exceptions import BlockError, ObjectAlreadyExists, ObjectNotFound, printable, quoted
from flowpack.models import BlockDefinition, BlockDocument, BlockSchema

if TYPE_CHECKING:
    from flowpack.client import Client

Created = TypeVar("Created")

#: The block classes of the reference by the name of their type; loaded on first use.
BUILT_IN: Mapping[str, str] = {
    "Local Storage": "LocalStorageBlock",
    "Temporary Local Storage": "TempStorageBlock",
    "File Storage": "FileStorageBlock",
    "KV Server Storage": "KVServerStorageBlock",
    "S3 Storage": "S3StorageBlock",
    "Google Cloud Storage": "GoogleCloudStorageBlock",
    "Azure Blob Storage": "AzureBlobStorageBlock",
}

#: Entry points of this group name block classes of other distributions.
GROUP = "flowpack.blocks"


def register(definition: BlockDefinition, client: Client) -> BlockSchema:
    """Return the schema of a block class, made with its type where missing."""
    checksum = client.dialect.block_schema(definition)[1]

    def create_schema() -> BlockSchema:
        for referenced in definition.references.values():
            for each in referenced:
                register(each, client)
        block_type = _read_or_create(
            lambda: client.read_block_type_by_name(definition.type_name),
            lambda: client.create_block_type(definition),
        )
        return client.create_block_schema(definition, block_type.id)

    return _read_or_create(lambda: client.read_block_schema_by_checksum(checksum), create_schema)


def _read_or_create(read: Callable[[], Created], create: Callable[[], Created]) -> Created:
    try:
        return read()
    except ObjectNotFound:
        return _create_or_read(create, read)[0]


def _create_or_read(
    create: Callable[[], Created], read: Callable[[], Created]
) -> Tuple[Created, bool]:
    """Return what *create* makes, or what was there already; and whether it is new.

    Servers also answer with a conflict where schema or type have gone meanwhile: that is raised.
    """
    try:
        return create(), True
    except ObjectAlreadyExists as exc:
        conflict = exc
    try:
        return read(), False
    except ObjectNotFound:
        raise conflict from None


def put_document(
    name: Optional[str], block: Any, client: Client, schema: BlockSchema
) -> Tuple[BlockDocument, Optional[str]]:
    """Return the document called *name*, or the anonymous one of *block*, made if missing.

    With it goes how it differs from *block*; None for no difference.
    """
    create = partial(
        client.create_block_document,
        data=block.to_document_data(),
        block_schema_id=schema.id,
        block_type_id=schema.block_type_id,
        name=name,
        is_anonymous=name is None,
    )
    if name is None:  # Where another made it at the same time, the second request finds it.
        return _create_or_read(create, create)[0], None
    read = partial(client.read_block_document_by_name, name, block.block_type_name)
    document, is_new = _create_or_read(create, read)
    # The response to a creation may mask secrets, and cannot be compared.
    return document, None if is_new else describe_difference(document, block)


def name_by_content(block: Any) -> str:
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
    with suppress(BlockError):  # Data that make no block are compared as they are.
        found = type(block).from_data(found).to_document_data()
    names = dict.fromkeys((*data, *found))
    differing = [quoted(name) for name in names if found.get(name, ...) != data.get(name, ...)]
    return f"with another {', '.join(differing)}" if differing else None


# The class of a document


def identify(document: BlockDocument) -> Tuple[str, BlockSchema]:
    """Return the name of a document's block type, and its schema; an error without them."""
    schema = document.block_schema
    block_type = document.block_type or (schema and schema.block_type)
    if schema is None or not block_type:
        what = f"the block document {quoted(document.name or str(document.id))}"
        raise BlockError(f"{what} came without its schema or its type, so its class is not known")
    return block_type.name, schema


def fits(document: BlockDocument, cls: Any) -> bool:
    """Return True if *document* is of the type of *cls* and has its fields.

    Texts and defaults of fields may differ, which some servers count in a schema's checksum.
    """
    type_name, schema = identify(document)
    try:
        own = define(cls)
    except BlockError:
        return False
    return own.type_name == type_name and _types_in(own.fields) == _types_in(schema.fields)


def _types_in(schema: Mapping[str, Any]) -> Any:
    """Return the types of a schema's fields, without what is only shown or filled in."""

    def reduced(value: Any) -> Any:
        if isinstance(value, list):
            return [reduced(item) for item in value]
        if not isinstance(value, dict):
            return value
        for each in value.get("allOf", ()):  # Stands around a reference that has a text.
            value = {**value, **each}
        left_out = ("title", "description", "default", "allOf")
        return {key: reduced(item) for key, item in value.items() if key not in left_out}

    return {name: reduced(field) for name, field in schema.get("properties", {}).items()}


def find_class(document: BlockDocument, asked: Any, base: Any) -> Any:
    """Return the class of *document*, which is *asked* or one below it; all are below *base*.

    See :meth:`~flowpack.Block.from_document` for where it is looked for.
    """
    type_name, schema = identify(document)
    name = quoted(document.name or str(document.id))
    what = f"the block document {name} of type {quoted(type_name)}"
    failures: List[str] = []
    others = []
    for candidate in _candidates(type_name, asked, base, failures):
        if candidate.block_type_name != type_name or inspect.isabstract(candidate):
            continue
        if not fits(document, candidate):
            others.append(candidate)
        elif issubclass(candidate, asked):
            return candidate
        else:
            raise BlockError(f"{what} is no {asked.__name__}")
    if others:
        raise BlockError(
            f"{what} has other fields than {others[0].__module__}.{others[0].__qualname__}. Use the"
            " class that it was saved with, or save it anew with this one"
        )
    failed = "".join(f"; {failure}" for failure in failures)
    raise BlockError(
        f"no class is known for {what} with schema {printable(schema.checksum)}. Import the module"
        f" that defines it first, or name it by an entry point of the group {GROUP}{failed}"
    )


def _candidates(type_name: str, asked: Any, base: Any, failures: List[str]) -> Iterator[Any]:
    own = built_in(type_name)
    yield from (asked,) if own is None else (own, asked)
    yield from _classes_below(base)
    from importlib.metadata import entry_points  # Imported here because it is slow to load.

    found: Any = entry_points()
    # Python 3.9 returns a dict.
    for entry in found.select(group=GROUP) if hasattr(found, "select") else found.get(GROUP, ()):
        try:
            cls = entry.load()
        except Exception as exc:  # The code of another distribution runs here.
            failures.append(f"{entry.name} cannot be imported: {printable(exc)}")
            continue
        if isinstance(cls, type) and issubclass(cls, base):
            yield cls
        else:
            failures.append(f"{entry.name} is no block class")


def _classes_below(base: Any) -> Iterator[Any]:
    """Yield the classes below *base* that are alive; of two alike the newer one first."""
    for cls in reversed(base.__subclasses__()):
        yield from _classes_below(cls)
        yield cls


def built_in(type_name: str) -> Optional[type[Any]]:
    """Return flowpack's own class of a block type, or None."""
    if type_name not in BUILT_IN:
        return None
    from importlib import import_module

    cls: type[Any] = getattr(import_module("flowpack.blocks"), BUILT_IN[type_name])
    return cls
